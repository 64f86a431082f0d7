//! A scheduler's run as a state machine: events in, new state and effects out.
//!
//! The state is a fold over [`Entry`]s, so a run is recovered by replaying its journal on its last snapshot, and every
//! crash point can be tested without a process. Nothing here reads a clock: each entry carries the moment it happened.
mod adhoc;
mod align;
mod begin;
mod derived;
mod ended;
mod event;
mod machine;
mod run;
mod show;
mod waiting;

#[cfg(test)]
mod tests;

pub use adhoc::{Extra, adhoc_queue, adhoc_status, adhoc_task, again};
pub use begin::Beginning;
pub use event::{ClassReason, Demand, Entry, Event, QueuePlan, TaskPlan};
pub use machine::{Effect, Machine, Refusal};
pub use run::*;
