//! Logs as the daemon knows them: which file a question means, what is known of each, and what is sent of it.
mod feed;
pub(crate) mod part;
mod shelf;
mod which;

pub(crate) use feed::Feed;
pub(crate) use shelf::{Shelf, Standing};
pub(crate) use which::{Asked, Which, refusal};
