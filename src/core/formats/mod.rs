//! Text formats: command files, the checks of rules and settings, and our own command lines.
pub mod command;
mod fields;
mod program;
pub mod rules;
pub mod settings;

pub use program::part_of_gpuyard;
