//! What AMD's and Intel's drivers have in common: cards in `/sys/class/drm`, sensors in hwmon, and clients in the
//! `fdinfo` of processes. Every root is a parameter, and parsing is apart from walking.
pub(crate) mod card;
pub(crate) mod clients;
pub(crate) mod fdinfo;
pub(crate) mod fleet;
pub(crate) mod hwmon;
pub(crate) mod load;

pub(crate) use card::Card;
pub(crate) use fleet::Fleet;
