//! Processes and their locks: the executor, the runner of one attempt, leases, places, and process identity.
pub mod attempt;
mod cgroup;
mod channel;
pub mod clock;
pub mod control;
mod error;
pub mod executor;
pub mod foreground;
pub mod host;
pub mod identity;
pub mod kill;
pub mod lease;
pub mod memory;
pub mod place;
mod proc;
pub mod program;
pub mod runner;
pub mod spawn;
mod sys;
pub mod terminal;
pub mod usage;

pub use error::ExecError;

/// Makes this process the reaper of what its descendants leave behind: when a runner is killed, its command becomes a
/// child of ours, and its exit code is known. Whoever owns a [`executor::LocalExecutor`] calls this first.
pub fn become_subreaper() -> Result<(), ExecError> {
    nix::sys::prctl::set_child_subreaper(true).map_err(|e| ExecError::System {
        verb: "become the reaper of orphaned processes",
        source: e.into(),
    })
}
