//! One epoll descriptor for everything that an executor waits for.
use std::{
    collections::HashSet,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::event::{
    Timespec,
    epoll::{self, CreateFlags, Event, EventData, EventFlags},
};

use crate::ExecError;

/// Descriptors of processes, each under the number of its attempt. Closing one takes it out.
#[derive(Debug)]
pub(super) struct Watch {
    epoll: OwnedFd,
}

impl Watch {
    pub(super) fn new() -> Result<Watch, ExecError> {
        let epoll = epoll::create(CreateFlags::CLOEXEC).map_err(ExecError::system("make an epoll descriptor"))?;
        Ok(Watch { epoll })
    }

    /// Wakes the attempt `token` when the process has exited.
    pub(super) fn add(&self, process: impl AsFd, token: u64) -> Result<(), ExecError> {
        epoll::add(&self.epoll, process, EventData::new_u64(token), EventFlags::IN)
            .map_err(ExecError::system("watch a process"))
    }

    /// The same, also where it has woken somebody else before.
    pub(super) fn keep(&self, process: impl AsFd, token: u64) -> Result<(), ExecError> {
        match epoll::modify(&self.epoll, &process, EventData::new_u64(token), EventFlags::IN) {
            Ok(()) => Ok(()),
            Err(_) => self.add(process, token),
        }
    }

    /// Wakes `token` from now on.
    pub(super) fn rename(&self, process: impl AsFd, token: u64) {
        // One that is not in has not been watched before either.
        let _ = epoll::modify(&self.epoll, process, EventData::new_u64(token), EventFlags::IN);
    }

    /// Stops waking for a process that has exited and whose descriptor is still needed.
    pub(super) fn forget(&self, process: impl AsFd) {
        // It may be out already.
        let _ = epoll::delete(&self.epoll, process);
    }

    /// The attempts that are woken, without waiting.
    pub(super) fn ready(&self) -> HashSet<u64> {
        let mut ready = HashSet::new();
        let mut events: Vec<Event> = Vec::with_capacity(64);
        let spare = rustix::buffer::spare_capacity(&mut events);
        // What does not fit is still there at the next call, which the descriptor itself asks for.
        if epoll::wait(&self.epoll, spare, Some(&Timespec::default())).is_ok() {
            ready.extend(events.iter().map(|event| event.data.u64()));
        }
        ready
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }
}
