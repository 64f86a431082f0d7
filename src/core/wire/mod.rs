//! Shapes that cross a process border: the scheduler's socket, the HTTP API.
mod auth;
mod control;
mod error;
mod gpu;
mod gpu_process;
mod kill;
mod log;
mod scheduler;

pub use auth::*;
pub use control::*;
pub use error::*;
pub use gpu::*;
pub use gpu_process::*;
pub use kill::*;
pub use log::*;
pub use scheduler::*;
