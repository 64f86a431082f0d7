//! Shapes that cross a process border: the scheduler's socket, the HTTP API.
mod adhoc;
mod auth;
mod commands;
mod control;
mod error;
mod gpu;
mod gpu_process;
mod kill;
mod log;
mod rules;
mod scheduler;
mod settings;

pub use adhoc::*;
pub use auth::*;
pub use commands::*;
pub use control::*;
pub use error::*;
pub use gpu::*;
pub use gpu_process::*;
pub use kill::*;
pub use log::*;
pub use rules::*;
pub use scheduler::*;
pub use settings::*;
