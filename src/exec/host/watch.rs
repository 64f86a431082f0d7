//! Being woken when a lease falls.
use std::{
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::{ExecError, lease::LEASE_SUFFIX};

/// An inotify descriptor on the host folder.
#[derive(Debug)]
pub struct HostWatch {
    fd: OwnedFd,
}

impl HostWatch {
    pub(super) fn new(folder: &Path) -> Result<HostWatch, ExecError> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(ExecError::system("make an inotify descriptor"))?;
        // DELETE: an attempt is over. CLOSE_WRITE: the last process that held a lease's lock is gone without that.
        // EXCL_UNLINK: of an attempt that ended as it should, only the first is told.
        inotify::add_watch(
            &fd,
            folder,
            WatchFlags::DELETE | WatchFlags::CLOSE_WRITE | WatchFlags::EXCL_UNLINK,
        )
        .map_err(|e| ExecError::io("watch", "host folder", folder)(e.into()))?;
        Ok(HostWatch { fd })
    }

    /// Takes what has arrived, without waiting. Whether a lease may have fallen.
    pub fn drain(&self) -> bool {
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

impl AsFd for HostWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
