//! Waiting for a process's end, without asking again and again.
use std::{
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use gpuyard_core::model::ProcessIdentity;
use gpuyard_exec::{identity, spawn::Detached};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};
use tokio::io::{Interest, unix::AsyncFd};

/// Waits until this very process has ended. Returns at once where it has.
pub(crate) async fn of_process(process: &ProcessIdentity) {
    let Some(pid) = Pid::from_raw(process.pid) else { return };
    let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    // Opened first, compared then: from here on the descriptor means this process or one that is not it.
    if identity::is_alive(process) {
        readable(fd).await;
    }
}

/// Waits until a child has ended, and takes note of how, so that no zombie stays.
pub(crate) async fn of_child(child: &Detached) {
    match child.as_fd().try_clone_to_owned() {
        Ok(fd) => readable(fd).await,
        Err(error) => tracing::warn!(%error, "cannot watch a scheduler"),
    }
    match child.try_wait() {
        Ok(Some(status)) => tracing::info!(pid = child.identity().pid, %status, "a scheduler has ended"),
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "cannot tell how a scheduler ended"),
    }
}

/// Blocks until this very process has ended, or that has taken too long; says whether it has.
pub(crate) fn comes_within(process: &ProcessIdentity, patience: Duration) -> bool {
    let pid = Pid::from_raw(process.pid);
    let Some(fd) = pid.and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else {
        return !identity::is_alive(process);
    };
    let timeout = Timespec {
        tv_sec: patience.as_secs() as i64,
        tv_nsec: i64::from(patience.subsec_nanos()),
    };
    // Cut short by a signal, it is asked again below.
    let _ = identity::is_alive(process).then(|| poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)));
    !identity::is_alive(process)
}

async fn readable(fd: OwnedFd) {
    // SAFETY: an `OwnedFd` is open, always names the same descriptor, and is closed by its owner alone; the owner is the
    // `AsyncFd`, which takes it off the reactor before it drops it.
    match unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) } {
        // An error of the reactor itself: the next look at the runs tells what is so.
        Ok(fd) => drop(fd.readable().await),
        Err(error) => tracing::warn!(%error, "cannot watch a scheduler"),
    }
}
