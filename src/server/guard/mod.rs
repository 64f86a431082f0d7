//! Who is let in: the secret, sessions, wrong tries, hosts, peers, and the layer that denies by default.
pub(crate) mod access;
pub(crate) mod host;
pub(crate) mod kept;
pub(crate) mod peer;
mod principal;
pub(crate) mod secret;
pub(crate) mod session;
pub(crate) mod throttle;
mod ticket;

pub(crate) use principal::{Principal, Via};
pub(crate) use ticket::Granted;
