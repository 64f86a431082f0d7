//! Waiting for a process's end, without asking again and again.
use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Duration,
};

use gpuyard_core::model::ProcessIdentity;
use gpuyard_exec::{identity, spawn::Detached};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::{Interest, unix::AsyncFd};

/// Where a process cannot be watched (no descriptors left, say), it is looked at so often.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(2);

/// Waits until this very process has ended. Returns at once where it has.
pub(crate) async fn of_process(process: &ProcessIdentity) {
    while identity::is_alive(process) {
        let opened =
            Pid::from_raw(process.pid).map(|pid| pidfd_open(pid, PidfdFlags::empty()).map_err(io::Error::from));
        // Opened first, compared then: from here on the descriptor means this process or one that is not it.
        match opened {
            Some(opened) if identity::is_alive(process) => ended(opened).await,
            _ => return,
        }
    }
}

/// Waits until a child has ended, and takes note of how, so that no zombie stays.
pub(crate) async fn of_child(child: &Detached) {
    loop {
        ended(child.as_fd().try_clone_to_owned()).await;
        match child.try_wait() {
            Ok(Some(status)) => {
                tracing::info!(pid = child.identity().pid, %status, "a process that was started here has ended")
            }
            Ok(None) => continue,
            Err(error) => tracing::warn!(%error, "cannot tell how a process ended"),
        }
        return;
    }
}

/// Waits until the process of a descriptor has ended; or, where that cannot be waited for, for a while.
async fn ended(descriptor: io::Result<OwnedFd>) {
    let watched = descriptor.and_then(|fd| {
        // SAFETY: an `OwnedFd` is open, always names the same descriptor, and is closed by its owner alone; the owner is
        // the `AsyncFd`, which takes it off the reactor before it drops it.
        unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(io::Error::from)
    });
    let error = match watched {
        Ok(fd) => match fd.readable().await {
            Ok(_) => return,
            Err(error) => error,
        },
        Err(error) => error,
    };
    tracing::warn!(%error, "cannot watch a scheduler; it is looked at now and then");
    tokio::time::sleep(LOOK_AGAIN).await;
}
