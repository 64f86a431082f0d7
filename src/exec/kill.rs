//! Signals that can only reach the process that is meant, never one that took over its pid.
use std::{
    collections::HashSet,
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::Duration,
};

use gpuyard_core::model::ProcessIdentity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::{
    clock, identity,
    proc::{self, Stat},
};

/// One process, held by a descriptor: while this lives, its pid cannot mean another process to us.
#[derive(Debug)]
pub struct Target {
    pid: i32,
    start_ticks: u64,
    fd: OwnedFd,
}

/// What became of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It was delivered.
    Delivered,
    /// The process is gone (or another one has its pid).
    Gone,
    /// It is not ours to signal.
    NotPermitted,
}

impl Target {
    /// The process with this pid and start time; `Ok(None)` when it is gone. A zombie is still there.
    pub fn open(pid: i32, start_ticks: u64) -> io::Result<Option<Target>> {
        let Some(raw) = Some(pid).filter(|&pid| pid > 1).and_then(Pid::from_raw) else {
            return Ok(None);
        };
        let fd = match pidfd_open(raw, PidfdFlags::empty()) {
            Ok(fd) => fd,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        // Looked at after opening: if the start time is right now, the descriptor is that process's.
        let found = proc::stat(pid)?.is_some_and(|stat| stat.start_ticks == start_ticks);
        Ok(found.then_some(Target { pid, start_ticks, fd }))
    }

    /// The process of this identity; `Ok(None)` when it is gone, or not of this machine, boot and pid namespace.
    pub fn of(process: &ProcessIdentity) -> io::Result<Option<Target>> {
        if process.space != identity::pid_space() {
            return Ok(None);
        }
        Target::open(process.pid, process.start_ticks)
    }

    /// Its pid.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Its start time.
    pub fn start_ticks(&self) -> u64 {
        self.start_ticks
    }

    /// Who it is, and its descriptor.
    pub(crate) fn into_parts(self) -> (ProcessIdentity, OwnedFd) {
        (
            ProcessIdentity {
                space: identity::pid_space(),
                pid: self.pid,
                start_ticks: self.start_ticks,
            },
            self.fd,
        )
    }

    /// Sends a signal.
    pub fn send(&self, signal: Signal) -> io::Result<Sent> {
        match pidfd_send_signal(&self.fd, signal) {
            Ok(()) => Ok(Sent::Delivered),
            Err(rustix::io::Errno::SRCH) => Ok(Sent::Gone),
            Err(rustix::io::Errno::PERM) => Ok(Sent::NotPermitted),
            Err(e) => Err(e.into()),
        }
    }

    /// Asks it to end: TERM, and CONT so that a stopped process hears it.
    pub fn ask_to_end(&self) -> io::Result<Sent> {
        let sent = self.send(Signal::TERM)?;
        self.send(Signal::CONT)?;
        Ok(sent)
    }

    /// Whether it has exited (a zombie has).
    pub fn has_exited(&self) -> bool {
        has_exited(&self.fd)
    }
}

/// Whether the process of a pidfd has exited.
pub(crate) fn has_exited(fd: impl AsFd) -> bool {
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    matches!(poll(&mut fds, Some(&Timespec::default())), Ok(n) if n > 0)
}

impl AsFd for Target {
    /// Readable once the process has exited.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Waits for the end of a process of this pid namespace, be it no child of ours, and for so long at most; says whether it
/// has ended.
pub fn ends_within(process: &ProcessIdentity, patience: Option<Duration>) -> io::Result<bool> {
    if let Some(target) = Target::of(process)? {
        wait_for_exits(&[&target], patience)?;
    }
    Ok(!identity::is_alive(process))
}

/// Waits until all of these have exited, for so long at most.
pub fn wait_for_exits(targets: &[&Target], patience: Option<Duration>) -> io::Result<()> {
    let deadline = patience.map(|patience| clock::mono().plus_millis(patience.as_millis() as u64));
    loop {
        let mut left: Vec<PollFd<'_>> = targets
            .iter()
            .filter(|target| !target.has_exited())
            .map(|target| PollFd::new(&target.fd, PollFlags::IN))
            .collect();
        let millis = deadline.map(|deadline| deadline.since(clock::mono()));
        if left.is_empty() || millis == Some(0) {
            return Ok(());
        }
        let timeout = millis.map(|millis| Timespec {
            tv_sec: (millis / 1000) as i64,
            tv_nsec: (millis % 1000 * 1_000_000) as i64,
        });
        match poll(&mut left, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
}

/// Kills all that `find` finds, also what forks while it is being killed: everything is stopped first, until nothing
/// new turns up, and then killed. Returns how many there were.
pub(crate) fn stop_and_kill(mut find: impl FnMut() -> io::Result<Vec<Stat>>) -> usize {
    /// A process cannot fork once it is stopped, so that each round leaves fewer that can.
    const ROUNDS: usize = 64;
    let mut seen = HashSet::new();
    let mut targets = Vec::new();
    for _ in 0..ROUNDS {
        // Who cannot look any further kills what it has seen; the caller looks again.
        let new: Vec<Stat> = find()
            .unwrap_or_default()
            .into_iter()
            .filter(|s| seen.insert((s.pid, s.start_ticks)))
            .collect();
        if new.is_empty() {
            break;
        }
        for stat in new {
            if let Ok(Some(target)) = Target::open(stat.pid, stat.start_ticks) {
                // It may be gone, or not ours to signal; the caller looks again.
                let _ = target.send(Signal::STOP);
                targets.push(target);
            }
        }
    }
    for target in &targets {
        let _ = target.send(Signal::KILL);
    }
    targets.len()
}
