//! Floor 2: everything that lies under the root folder. Files are read with limits and written atomically and durably;
//! rules, settings and command files are loaded, checked, edited and watched; a run's state is a snapshot and a journal;
//! ad-hoc tasks are in SQLite.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::disallowed_methods))]

pub mod adhoc;
pub mod attempts;
pub mod audit;
pub mod bindings;
pub mod commands;
mod error;
pub mod file;
mod folder_watch;
pub mod logins;
pub mod logs;
pub mod network;
pub mod pid_file;
mod root;
pub mod rules;
pub mod settings;
pub mod state;
pub mod watch;
mod yaml;

// In tests too, so that what only a fuzzer uses does not rot.
#[cfg(any(fuzzing, test))]
pub mod fuzz;

pub use error::{FieldProblem, StoreError};
pub use folder_watch::FolderWatch;
pub use root::Root;
