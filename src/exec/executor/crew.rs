//! Runners: started, handed attempts, and kept for the next attempt when they are done with one.
use std::{
    ffi::OsStr,
    io,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
};

use gpuyard_core::model::ProcessIdentity;

use super::watch::Watch;
use crate::{ExecError, channel::Channel, kill, lease::TakenLease, spawn};

/// Wakes nobody's attempt: something is up with a runner that waits.
const NOBODY: u64 = 0;

/// So many wait at most: one for each GPU of a large machine. After hundreds of small tasks at once, the rest may go; a new
/// one is there within a millisecond or two.
const MOST_IDLE: usize = 16;

/// A runner.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) identity: ProcessIdentity,
    /// Of the process.
    pub(super) fd: OwnedFd,
    /// To a runner of our own; one that was found again had another scheduler's.
    pub(super) channel: Option<Channel>,
    /// Names that were kept out of its environment.
    without: Vec<String>,
}

impl Runner {
    /// One that another scheduler had started.
    pub(super) fn found(identity: ProcessIdentity, fd: OwnedFd) -> Runner {
        Runner {
            identity,
            fd,
            channel: None,
            without: Vec::new(),
        }
    }

    fn start(exe: &Path, without: &[String]) -> Result<Runner, ExecError> {
        let (ours, theirs) = Channel::pair().map_err(ExecError::system("make a socket for a runner"))?;
        let null = spawn::open_null()?;
        let environment = spawn::own_environment(|name| without.iter().any(|unset| name == OsStr::new(unset)), &[])?;
        let stdio = [theirs.as_fd(), null.as_fd(), null.as_fd()];
        let pid = spawn::start(exe, &[OsStr::new("run-task")], &environment, stdio, true)?;
        // With these closed, there are descriptors to spare for the next step.
        drop((theirs, null));
        let (identity, fd) = spawn::hold(pid)?;
        Ok(Runner {
            identity,
            fd,
            channel: Some(ours),
            without: without.to_vec(),
        })
    }

    /// Asks it to end its attempt. To a runner of our own this goes the way that attempts go, so that it never meets the
    /// next one.
    pub(super) fn stop(&self) -> io::Result<()> {
        match self.channel.as_ref().map(Channel::stop) {
            Some(Ok(())) => Ok(()),
            _ => match rustix::process::pidfd_send_signal(&self.fd, rustix::process::Signal::TERM) {
                // Gone: the next look tells how the attempt ended.
                Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                Err(e) => Err(e.into()),
            },
        }
    }
}

/// The runners that wait for an attempt.
#[derive(Debug)]
pub(super) struct Crew {
    exe: PathBuf,
    idle: Vec<Runner>,
    /// Those that were let go, until they have ended.
    leaving: Vec<Runner>,
}

impl Crew {
    /// Its runners are `exe run-task`.
    pub(super) fn new(exe: PathBuf) -> Crew {
        Crew {
            exe,
            idle: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Hands an attempt with its lease to a runner that waits, or to a new one.
    pub(super) fn hand_over(
        &mut self,
        folder: &Path,
        without: &[String],
        lease: TakenLease,
    ) -> Result<Runner, ExecError> {
        let runner = self.send(folder, without, &lease)?;
        lease.hand_over();
        Ok(runner)
    }

    fn send(&mut self, folder: &Path, without: &[String], lease: &TakenLease) -> Result<Runner, ExecError> {
        let given_back = || io::Error::other("its lease was given away before");
        let files = lease
            .files()
            .ok_or_else(given_back)
            .map_err(ExecError::system("start a runner"))?;
        let send = |runner: &Runner| match &runner.channel {
            Some(channel) => channel.run(folder, &files.lease, &files.runner),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        while let Some(at) = self.idle.iter().rposition(|runner| runner.without == without) {
            let runner = self.idle.swap_remove(at);
            // One that was killed while it waited cannot be spoken to.
            match send(&runner) {
                Ok(()) => return Ok(runner),
                Err(_) => bury(&runner),
            }
        }
        let runner = Runner::start(&self.exe, without)?;
        match send(&runner) {
            Ok(()) => Ok(runner),
            Err(e) => {
                bury(&runner);
                Err(ExecError::system("hand an attempt to a runner")(e))
            }
        }
    }

    /// Keeps one that is done with its attempt, or lets it go where enough wait.
    pub(super) fn keep(&mut self, mut runner: Runner, watch: &Watch) {
        watch.rename(&runner.fd, NOBODY);
        if self.idle.len() >= MOST_IDLE {
            // It ends once nobody is at the other end.
            runner.channel = None;
            self.leaving.push(runner);
        } else if let Some(channel) = &runner.channel {
            watch.rename(channel, NOBODY);
            self.idle.push(runner);
        }
    }

    /// Buries those that have ended while they waited, or because they were let go.
    pub(super) fn look(&mut self) {
        let lives = |runner: &Runner| {
            let ended = kill::has_exited(&runner.fd);
            if ended {
                bury(runner);
            }
            !ended
        };
        self.idle.retain(lives);
        self.leaving.retain(lives);
    }

    /// Whether one of them has this pid.
    pub(super) fn has(&self, pid: i32) -> bool {
        let mut all = self.idle.iter().chain(&self.leaving);
        all.any(|runner| runner.identity.pid == pid)
    }

    /// Whether this token is theirs.
    pub(super) fn is_meant(token: u64) -> bool {
        token == NOBODY
    }
}

/// Takes note of its end, so that it does not stay a zombie.
fn bury(runner: &Runner) {
    // One that only cannot be spoken to is of no use either, and holds nothing.
    let _ = rustix::process::pidfd_send_signal(&runner.fd, rustix::process::Signal::KILL);
    let _ = rustix::process::waitid(
        rustix::process::WaitId::PidFd(runner.fd.as_fd()),
        rustix::process::WaitIdOptions::EXITED,
    );
}
