//! What people write: command files, ad-hoc tasks, the checks of rules and settings, and our own command lines.
pub mod adhoc;
pub mod command;
mod fields;
mod program;
pub mod rules;
pub mod settings;

pub use program::part_of_gpuyard;
