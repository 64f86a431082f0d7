//! Logs as the daemon knows them: which file a question means, what is known of each, and what is sent of it.
mod bound;
mod counter;
mod feed;
pub(crate) mod following;
pub(crate) mod part;
pub(crate) mod searching;
mod shelf;
mod watch;
mod which;

pub(crate) use bound::keep as keep_bindings;
pub(crate) use feed::{feed, of_file};
pub(crate) use shelf::{Shelf, Standing};
pub(crate) use watch::LogWatch;
pub(crate) use which::{Asked, Next, Which, refusal};
