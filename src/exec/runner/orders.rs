//! What a runner listens to: its scheduler's packets, signals, the end of what it started.
use std::{cell::Cell, io, os::fd::AsFd, time::Instant};

use gpuyard_core::model::ExitRecord;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

use crate::{
    ExecError,
    channel::{Channel, Packet},
};

/// The runner's ears.
#[derive(Debug)]
pub(super) struct Orders {
    channel: Channel,
    signals: SignalFd,
    /// The scheduler is gone: nothing more will come, and the attempt at work is the last.
    closed: Cell<bool>,
}

impl Orders {
    /// Signals must be blocked already.
    pub(super) fn new(channel: Channel) -> Result<Orders, ExecError> {
        let mut set = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD] {
            set.add(signal);
        }
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&set, flags).map_err(ExecError::system("make a signal descriptor"))?;
        Ok(Orders {
            channel,
            signals,
            closed: Cell::new(false),
        })
    }

    /// Waits for an attempt; `None` when there is none to come. A stop that arrives meanwhile was for the one before.
    pub(super) fn next(&self) -> Option<Packet> {
        loop {
            match self.channel.receive() {
                run @ Packet::Run { .. } => return Some(run),
                Packet::Closed => return None,
                Packet::Nothing => {}
                _ => continue,
            }
            if self.signalled() {
                return None;
            }
            self.wait(None);
        }
    }

    /// Whether the scheduler or a signal asks us to stop. Takes all that has arrived.
    pub(super) fn stop_requested(&self) -> bool {
        let mut stop = self.signalled();
        while !self.closed.get() {
            match self.channel.receive() {
                Packet::Stop => stop = true,
                Packet::Nothing => break,
                Packet::Closed => self.closed.set(true),
                _ => {}
            }
        }
        stop
    }

    fn signalled(&self) -> bool {
        let mut stop = false;
        while let Ok(Some(signal)) = self.signals.read_signal() {
            stop |= signal.ssi_signo != libc::SIGCHLD as u32;
        }
        stop
    }

    /// Waits for anything to listen to, at most until then.
    pub(super) fn wait(&self, until: Option<Instant>) {
        self.wait_with(until, Vec::new());
    }

    /// The same, and for these besides.
    pub(super) fn wait_with(&self, until: Option<Instant>, besides: Vec<PollFd<'_>>) {
        let timeout = match until {
            None => PollTimeout::NONE,
            Some(at) => {
                // Rounded up, so that the moment has come when we wake; far-off ones in steps.
                let ms = at.saturating_duration_since(Instant::now()).as_micros().div_ceil(1000);
                PollTimeout::try_from(i32::try_from(ms).unwrap_or(i32::MAX)).unwrap_or(PollTimeout::MAX)
            }
        };
        let mut fds = besides;
        fds.push(PollFd::new(self.signals.as_fd(), PollFlags::POLLIN));
        // A closed channel is always readable.
        if !self.closed.get() {
            fds.push(PollFd::new(self.channel.as_fd(), PollFlags::POLLIN));
        }
        // An error is a signal or a wrong argument; either way the caller looks again.
        let _: Result<i32, Errno> = poll(&mut fds, timeout);
    }

    /// Tells the scheduler, if there still is one.
    pub(super) fn tell(&self, record: &ExitRecord) -> io::Result<()> {
        self.channel.ended(record)
    }
}
