//! The runner, `gpuyard run-task FOLDER`: supervises one attempt, and outlives its scheduler.
//!
//! It is one thread that sleeps in one call. Descriptor 0 is the lease, which everything it starts inherits;
//! descriptor 1 is the lock that says that it lives, which nobody does.
pub(crate) mod banner;
mod command;
mod environment;
mod leftovers;
mod oom;
pub(crate) mod record;
mod set_up;
mod supervise;

use std::path::Path;

pub use banner::MARK;

/// Runs the attempt whose `attempt.json` lies in this folder. Returns the program's exit code: 0 once the attempt's end
/// is on record, whatever it was; 2 when there is no attempt to run.
///
/// To be called first thing in `main`, with only one thread: every descriptor above 2 is closed.
pub fn main(folder: &Path) -> i32 {
    match set_up::set_up(folder) {
        Ok(mut runner) => {
            runner.run();
            0
        }
        Err(e) => {
            // To the log, if that was opened; else to nowhere, and the scheduler sees the code.
            eprintln!("[gpuyard] {e}");
            2
        }
    }
}
