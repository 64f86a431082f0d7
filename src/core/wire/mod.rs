//! Shapes that cross a process border: the scheduler's socket, the HTTP API.
mod control;

pub use control::*;
