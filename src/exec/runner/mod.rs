//! The runner, `gpuyard run-task`: supervises an attempt, and outlives its scheduler.
//!
//! It is one thread that sleeps in one call. Its input is a socket, through which its scheduler hands it the attempt's
//! folder and two descriptions of the lease: one that everything it starts inherits, and one, the lock that says that
//! it lives, that nobody does. When the attempt is over it takes the next one, and saves the scheduler the start of
//! another process; when the scheduler is gone, it ends with its attempt.
pub(crate) mod banner;
mod command;
mod environment;
mod leftovers;
mod oom;
mod orders;
pub(crate) mod record;
mod set_up;
mod supervise;
mod terminal;

use std::os::fd::OwnedFd;

pub use banner::MARK;
use orders::Orders;

use crate::{ExecError, channel::Packet, spawn};

/// Exit code of a runner that found no room on a disk for what it has to write before the first command.
pub(crate) const NO_ROOM: i32 = 3;

/// Runs attempts as they are handed over. Returns the program's exit code: 0 once no more will come and the end of
/// each is on record, whatever it was; 2 when an attempt cannot be run at all, 3 when that is for want of
/// room on a disk.
///
/// To be called first thing in `main`, with only one thread: every descriptor above 2 is closed.
pub fn main() -> i32 {
    let done = set_up::listen().and_then(|orders| {
        while let Some(Packet::Run { folder, lease, runner }) = orders.next() {
            run(&orders, &folder, lease, runner)?;
        }
        Ok(())
    });
    match done {
        Ok(()) => 0,
        Err(e) => {
            // To the log, if that was opened; else to nowhere, and the scheduler sees the code.
            eprintln!("{MARK}{e}");
            if e.is_disk_trouble() { NO_ROOM } else { 2 }
        }
    }
}

fn run(orders: &Orders, folder: &std::path::Path, lease: OwnedFd, runner: OwnedFd) -> Result<(), ExecError> {
    let mut attempt = set_up::set_up(orders, folder, lease, runner)?;
    attempt.run();
    drop(attempt);
    // The log is not ours any more.
    let null = spawn::open_null()?;
    set_up::put(&null, &[1, 2])
}
