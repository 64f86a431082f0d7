//! Being woken when files change, with a look now and then all the same.
use std::{mem::MaybeUninit, os::fd::OwnedFd, path::Path, time::Duration};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags},
    io::Errno,
};

use crate::failure::Failure;

/// On a network file system nothing tells of another machine's writes, and what is shown grows older by itself.
const AT_MOST: Duration = Duration::from_secs(1);
/// What follows a change so soon is taken with it, where every change costs a whole new picture.
const BURST: Duration = Duration::from_millis(100);

/// Changes below some folders, and of some files.
#[derive(Debug)]
pub(crate) struct Changes {
    /// `None` where the user has no inotify instance left: then time alone wakes us.
    fd: Option<OwnedFd>,
}

impl Changes {
    /// Hears of nothing yet.
    pub(crate) fn new() -> Changes {
        Changes {
            fd: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok(),
        }
    }

    /// Hears of a file or of what is in a folder. One that is not there, or that cannot be watched, is looked at every
    /// second all the same.
    pub(crate) fn hear(&mut self, path: &Path) {
        let flags =
            WatchFlags::MODIFY | WatchFlags::ATTRIB | WatchFlags::CREATE | WatchFlags::MOVED_TO | WatchFlags::DELETE;
        if let Some(fd) = &self.fd {
            let _ = inotify::add_watch(fd, path, flags);
        }
    }

    /// Waits for a change, or for a second.
    pub(crate) fn wait(&mut self) -> Result<(), Failure> {
        self.wait_for(AT_MOST)
    }

    /// Waits for a change, or for so long.
    pub(crate) fn wait_for(&mut self, patience: Duration) -> Result<(), Failure> {
        if self.poll(patience)? {
            self.drain();
        }
        Ok(())
    }

    /// Waits for a change or a second, and for what follows at once.
    pub(crate) fn wait_for_burst(&mut self) -> Result<(), Failure> {
        if self.poll(AT_MOST)? {
            // Nothing is readable once it is drained, so this waits for the next change or the burst's end.
            let end = gpuyard_exec::clock::mono().plus_millis(BURST.as_millis() as u64);
            loop {
                self.drain();
                let left = end.since(gpuyard_exec::clock::mono());
                if left == 0 || !self.poll(Duration::from_millis(left))? {
                    break;
                }
            }
        }
        Ok(())
    }

    fn poll(&self, patience: Duration) -> Result<bool, Failure> {
        let timeout = Timespec {
            tv_sec: patience.as_secs() as i64,
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        let mut fds: Vec<PollFd<'_>> = self.fd.iter().map(|fd| PollFd::new(fd, PollFlags::IN)).collect();
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(Failure::failed(format_args!("cannot wait for changes: {error}"))),
        }
    }

    fn drain(&self) {
        let Some(fd) = &self.fd else { return };
        let mut buffer = [MaybeUninit::<u8>::uninit(); 4096];
        let mut reader = inotify::Reader::new(fd, &mut buffer);
        // What has changed is of no interest: whoever is woken looks.
        while reader
            .next()
            .is_ok_and(|event| !event.events().contains(ReadFlags::UNMOUNT))
        {}
    }
}
