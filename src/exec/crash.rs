//! Crash points: places where a test can have a process die as if by kill -9. Without the feature `crash-points` they
//! are nothing.

/// Every crash point of this room, in the order in which an attempt comes by them.
pub const POINTS: [&str; 10] = [
    // The scheduler's.
    "attempt-written",
    "runner-started",
    // The runner's.
    "set-up",
    "forked",
    "start-recorded",
    "command-started",
    "command-ended",
    "exit-written",
    "exit-renamed",
    "exit-recorded",
];

/// Dies here if `GPUYARD_CRASH_AT` names this point.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    debug_assert!(POINTS.contains(&name));
    if std::env::var_os("GPUYARD_CRASH_AT").is_some_and(|at| at == name) {
        // Cannot fail: it is our own process.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn point(_name: &str) {}
