//! A scheduler's run as a state machine: events in, new state and effects out.
mod run;

pub use run::*;
