//! Leases: claims on GPUs that hold between schedulers, daemons and users of a host.
//!
//! A lease is a file in the host folder. Its first line is the [`Lease`]; each runner of the attempt adds a line that
//! says who it is. Byte 0 is locked by a description that everything the attempt starts inherits, byte 1 by one that
//! only the runner has. The runner removes the file once the attempt's exit record is durable.
mod clear;
mod file;
mod find;
mod list;
mod retake;
mod take;

use std::path::PathBuf;

use gpuyard_core::model::{Lease, LiveAttempt, UniId};

pub(crate) use file::{LEASE_BYTE, LeaseFile, Mark, RUNNER_BYTE, append_mark};
pub(crate) use find::{Trace, find, find_one};
pub use take::{TakeError, TakenLease};

use crate::{ExecError, host::HostFolder};

/// How the names of lease files end.
pub(crate) const LEASE_SUFFIX: &str = ".lease";

/// Whether a lease still holds, and by what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LeaseLife {
    /// A process of the attempt holds its lock.
    Locked {
        /// Its runner does.
        runner_alive: bool,
    },
    /// Nobody holds its lock, and yet these processes belong to the attempt.
    Orphaned {
        /// Their pids.
        pids: Vec<i32>,
    },
    /// It has ended; its file was left behind.
    Fallen,
}

/// A lease as it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLease {
    /// What it says.
    pub lease: Lease,
    /// Whether it holds.
    pub life: LeaseLife,
}

/// An attempt as its lease file tells of it; whether it lives is not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAttempt {
    /// Its lease.
    pub lease: Lease,
    /// Pid and start time of each runner that it has had.
    pub runners: Vec<(i32, u64)>,
}

impl HeldLease {
    /// Whether it still keeps its GPUs.
    pub fn is_live(&self) -> bool {
        self.life != LeaseLife::Fallen
    }
}

impl HostFolder {
    /// All leases of this host, those of other users as well. `/proc` is looked through only when a lease's lock is
    /// free while its file is there, which means that its runner was killed.
    pub fn leases(&self) -> Result<Vec<HeldLease>, ExecError> {
        list::leases(self, |_| true)
    }

    /// All attempts of this host that have a lease file, those of other users as well. Neither locks nor `/proc` are
    /// looked at: whoever has a process in hand learns from this whose it is.
    pub fn known_attempts(&self) -> Result<Vec<KnownAttempt>, ExecError> {
        list::known(self)
    }

    /// Takes a lease: all its claims or none.
    ///
    /// `expected` are the attempts that, as the decision saw it, share a GPU with it. Anything else on its GPUs, or
    /// a claim of a whole GPU that would not be alone there, is [`TakeError::Changed`].
    pub fn take(&self, lease: &Lease, expected: &[UniId]) -> Result<TakenLease, TakeError> {
        take::take(self, lease, expected)
    }

    /// Takes the lease of an attempt of ours again after its runner was killed, for the next runner.
    pub(crate) fn retake(&self, lease: &Lease) -> Result<TakenLease, TakeError> {
        retake::retake(self, lease)
    }

    /// Removes what is left of this user's leases that are proven to have ended. Returns their attempts.
    pub fn clear_fallen(&self) -> Result<Vec<UniId>, ExecError> {
        clear::clear_fallen(self)
    }

    /// Removes the lease file of an attempt of ours that is known to have ended.
    pub(crate) fn clear(&self, uni_id: &UniId) {
        clear::clear(self, uni_id);
    }

    /// The attempts that live on this host, for the simulated GPU source.
    pub fn live_attempts(&self) -> Result<Vec<LiveAttempt>, ExecError> {
        list::live_attempts(self)
    }

    /// The lease file of an attempt.
    pub(crate) fn lease_path(&self, uni_id: &UniId) -> Result<PathBuf, ExecError> {
        let id = uni_id.as_str();
        let fits = (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        if !fits {
            return Err(ExecError::BadId(id.to_owned()));
        }
        Ok(self.path().join(format!("{id}{LEASE_SUFFIX}")))
    }
}
