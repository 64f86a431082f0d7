//! Being woken when a lease falls.
use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::{
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime},
};

use crate::{ExecError, lease::LEASE_SUFFIX};

/// How often is looked where nothing tells of leases that fall.
const POLL: Timespec = Timespec { tv_sec: 1, tv_nsec: 0 };

/// A descriptor that becomes readable when a lease may have fallen.
#[derive(Debug)]
pub struct HostWatch {
    fd: OwnedFd,
    /// Nothing tells of it, and the descriptor is a clock's.
    polls: bool,
}

impl HostWatch {
    pub(super) fn new(folder: &Path) -> Result<HostWatch, ExecError> {
        match told(folder) {
            Ok(fd) => Ok(HostWatch { fd, polls: false }),
            Err(error) => {
                let error = std::io::Error::from(error);
                tracing::warn!(%error, "cannot watch {} for leases that fall: looking once a second", folder.display());
                let fd = timed().map_err(|e| ExecError::io("watch", "host folder", folder)(e.into()))?;
                Ok(HostWatch { fd, polls: true })
            }
        }
    }

    /// Takes what has arrived, without waiting. Whether a lease may have fallen.
    pub fn drain(&self) -> bool {
        if self.polls {
            return rustix::io::read(&self.fd, &mut [0_u8; 8]).is_ok();
        }
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
        let mut fallen = false;
        while let Ok(event) = reader.next() {
            // After an overflow, anything may have happened.
            fallen |= event.events().contains(ReadFlags::QUEUE_OVERFLOW)
                || event
                    .file_name()
                    .is_some_and(|name| name.to_bytes().ends_with(LEASE_SUFFIX.as_bytes()));
        }
        fallen
    }
}

/// Of inotify.
fn told(folder: &Path) -> Result<OwnedFd, Errno> {
    let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    // DELETE: an attempt is over. CLOSE_WRITE: the last process that held a lease's lock is gone without that.
    // EXCL_UNLINK: of an attempt that ended as it should, only the first is told.
    let what = WatchFlags::DELETE | WatchFlags::CLOSE_WRITE | WatchFlags::EXCL_UNLINK;
    inotify::add_watch(&fd, folder, what)?;
    Ok(fd)
}

/// Of a clock that strikes again and again.
fn timed() -> Result<OwnedFd, Errno> {
    let fd = timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
    )?;
    let every = Itimerspec {
        it_interval: POLL,
        it_value: POLL,
    };
    timerfd_settime(&fd, TimerfdTimerFlags::empty(), &every)?;
    Ok(fd)
}

impl AsFd for HostWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
