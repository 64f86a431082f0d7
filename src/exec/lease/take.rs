//! Taking a lease, all its claims or none.
use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, Permissions},
    io,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use gpuyard_core::model::{Lease, UniId};
use gpuyard_fault as fault;

use super::{HeldLease, LEASE_BYTE, RUNNER_BYTE, list};
use crate::{
    ExecError,
    host::{HostFolder, LockFailure},
    sys,
};

/// A lease that was taken and not yet handed to a runner. Dropped, it is given back.
#[derive(Debug)]
pub struct TakenLease {
    lease: Lease,
    path: PathBuf,
    files: Option<LeaseFiles>,
    /// Made by us just now: if nothing is started, its file goes again.
    fresh: bool,
}

/// The two descriptions of a lease file that a runner is given.
#[derive(Debug)]
pub(crate) struct LeaseFiles {
    /// Holds the lease; everything the attempt starts inherits it.
    pub(crate) lease: File,
    /// Says that the runner lives; nobody inherits it from the runner.
    pub(crate) runner: File,
}

impl TakenLease {
    pub(super) fn new(lease: &Lease, path: PathBuf, files: LeaseFiles, fresh: bool) -> TakenLease {
        TakenLease {
            lease: lease.clone(),
            path,
            files: Some(files),
            fresh,
        }
    }

    /// What was taken.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The descriptions, for the runner that is to be started.
    pub(crate) fn files(&self) -> Option<&LeaseFiles> {
        self.files.as_ref()
    }

    /// A runner has them: the lease is its to give back from now on.
    pub(crate) fn hand_over(mut self) {
        self.files = None;
    }
}

impl Drop for TakenLease {
    fn drop(&mut self) {
        if self.fresh && self.files.is_some() {
            // Should this fail, the file stays behind without a lock, which is a fallen lease.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why a lease could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// The leases on its GPUs are not those that the decision saw. Look again, decide again.
    #[error("the GPUs have been taken or given back meanwhile")]
    Changed {
        /// The attempts that hold leases on its GPUs now.
        now: Vec<UniId>,
    },
    /// Somebody holds the host lock and does not let go.
    #[error("the lock of the host folder is held{} and not let go", holder_text(.pid, .command))]
    HostLockBusy {
        /// By this process, where the system tells.
        pid: Option<i32>,
        /// Its name.
        command: Option<String>,
    },
    /// The system refused.
    #[error(transparent)]
    Failed(#[from] ExecError),
}

fn holder_text(pid: &Option<i32>, command: &Option<String>) -> String {
    match (pid, command) {
        (Some(pid), Some(command)) => format!(" by process {pid} ({command})"),
        (Some(pid), None) => format!(" by process {pid}"),
        _ => String::new(),
    }
}

impl From<LockFailure> for TakeError {
    fn from(failure: LockFailure) -> TakeError {
        match failure {
            LockFailure::Busy { pid, command } => TakeError::HostLockBusy { pid, command },
            LockFailure::Failed(e) => TakeError::Failed(e),
        }
    }
}

pub(super) fn take(host: &HostFolder, lease: &Lease, expected: &[UniId]) -> Result<TakenLease, TakeError> {
    let path = host.lease_path(&lease.uni_id)?;
    let _lock = host.lock()?;
    let beside = live_beside(host, lease)?;
    let now: BTreeSet<&UniId> = beside.iter().map(|held| &held.lease.uni_id).collect();
    if now != expected.iter().collect() || !fits(lease, &beside) {
        return Err(TakeError::Changed {
            now: now.into_iter().cloned().collect(),
        });
    }
    let files = create(&path, lease)?;
    Ok(TakenLease::new(lease, path, files, true))
}

/// The live leases of other attempts that share a GPU with this one.
pub(super) fn live_beside(host: &HostFolder, lease: &Lease) -> Result<Vec<HeldLease>, ExecError> {
    let shares = |other: &Lease| {
        other.uni_id != lease.uni_id
            && other
                .claims
                .iter()
                .any(|claim| lease.claims.iter().any(|ours| ours.gpu == claim.gpu))
    };
    let mut leases = list::leases(host, shares)?;
    leases.retain(HeldLease::is_live);
    Ok(leases)
}

/// Whether claims of whole GPUs, this lease's and the others', would all be alone on theirs.
pub(super) fn fits(lease: &Lease, beside: &[HeldLease]) -> bool {
    lease.claims.iter().all(|ours| {
        let mut others = beside
            .iter()
            .flat_map(|held| &held.lease.claims)
            .filter(|claim| claim.gpu == ours.gpu);
        others.all(|claim| !claim.amount.is_whole() && !ours.amount.is_whole())
    })
}

/// Makes the lease file. Nobody sees it before it is whole and locked: it is made under another name.
pub(super) fn create(path: &Path, lease: &Lease) -> Result<LeaseFiles, ExecError> {
    let io = |verb| ExecError::io(verb, "lease", path);
    if fs::symlink_metadata(path).is_ok() {
        return Err(io("make")(io::ErrorKind::AlreadyExists.into()));
    }
    let temporary = temporary_path(path);
    // One that a crash left behind; we hold the host lock, so that nobody is at work on it.
    if let Err(e) = fs::remove_file(&temporary)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(io("clear the way for")(e));
    }
    let mut text = serde_json::to_vec(lease).unwrap_or_default();
    text.push(b'\n');
    let made = (|| {
        fault::step_at("lease-make")?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o644)
            .open(&temporary)?;
        // The umask must not keep others from reading it.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.write_all(&text)?;
        let files = lock_both(file, &temporary)?;
        fs::rename(&temporary, path)?;
        fault::point("lease-made");
        Ok(files)
    })();
    made.map_err(|e| {
        let _ = fs::remove_file(&temporary);
        io("make")(e)
    })
}

/// Locks both bytes of a lease file that nobody else has open yet.
fn lock_both(lease: File, path: &Path) -> io::Result<LeaseFiles> {
    let runner = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    if sys::try_lock(&lease, LEASE_BYTE)? && sys::try_lock(&runner, RUNNER_BYTE)? {
        Ok(LeaseFiles { lease, runner })
    } else {
        Err(io::Error::other("somebody else has locked it"))
    }
}

/// Where a lease is made before it gets its name.
pub(super) fn temporary_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}
