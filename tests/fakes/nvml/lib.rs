//! A `libnvidia-ml.so` of our own: NVML's C interface over a JSON file, so that a test changes the machine under a
//! running program.
//!
//! As a shared library it is what `dlopen("libnvidia-ml.so.1")` finds; as a Rust library it gives tests the file's
//! shape ([`State`]) and puts the shared library into a folder ([`install`]).
//!
//! The file is named by `FAKE_NVML_STATE`; where that is not set it is `fake-nvml.json` in the folder that the library
//! was loaded from. It is read again before each call when it changed. No file: the driver is not loaded. Every copy of
//! the library is a library of its own with its own statics, so that tests which run in one process do not disturb each
//! other when each has its own [`install`].
//!
//! A binary that runs as a process of its own finds the library through `LD_LIBRARY_PATH=<the folder>`.
#![allow(
    clippy::disallowed_methods,
    reason = "a tool of tests: its files need not survive a crash, and a driver that hangs has to wait"
)]
mod calls;
mod driver;
mod install;
mod state;

pub use install::{STATE_FILE, install, library_path};
pub use state::{Answer, Clocks, Gpu, Memory, Process, State, Utilization};
