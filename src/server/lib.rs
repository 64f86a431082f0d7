//! Floor 3: the daemon. Router, authentication, API, supervision of schedulers.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

#[cfg(test)]
mod access_tests;
mod adhoc;
mod api;
mod app;
mod audit;
#[cfg(test)]
mod commands_tests;
#[cfg(test)]
mod config_tests;
mod connection;
mod dashboard;
mod document;
#[cfg(test)]
mod document_tests;
#[cfg(test)]
mod door_tests;
mod edge;
mod error;
mod extract;
#[cfg(test)]
mod gpu_tests;
mod gpus;
mod guard;
mod held;
mod if_match;
mod limits;
mod listen;
mod live;
#[cfg(test)]
mod live_tests;
#[cfg(test)]
mod log_tests;
mod logs;
mod metrics;
mod preview;
mod reorder;
mod router;
#[cfg(test)]
mod router_tests;
mod runs;
#[cfg(test)]
mod scheduler_tests;
mod serve;
mod settings;
mod start_error;
mod stream;
mod supervise;
#[cfg(test)]
mod tasks_tests;
mod tls;
#[cfg(test)]
mod tls_tests;
#[cfg(test)]
mod yard;

pub use gpus::LocalGpus;
pub use serve::{Address, Options, PLACE, serve};
pub use start_error::StartError;
pub use tls::TlsError;
