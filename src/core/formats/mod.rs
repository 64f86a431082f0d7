//! Text formats: command files, and the checks of rules and settings.
pub mod command;
mod fields;
pub mod rules;
pub mod settings;
