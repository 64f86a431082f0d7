//! Floor 3: the daemon. Router, authentication, API, supervision of schedulers.
mod gpus;

pub use gpus::look_at_gpus;
