//! Looking at all leases of the host.
use std::{fs, path::Path};

use gpuyard_core::model::{Lease, LiveAttempt};

use super::{HeldLease, KnownAttempt, LEASE_SUFFIX, LeaseFile, LeaseLife, Trace, find};
use crate::{ExecError, cgroup, host::HostFolder, identity};

/// The lease files of the host, read.
pub(super) fn files(host: &HostFolder) -> Result<Vec<LeaseFile>, ExecError> {
    let io = |verb| ExecError::io(verb, "host folder", host.path());
    let mut files = Vec::new();
    for entry in fs::read_dir(host.path()).map_err(io("list"))? {
        let entry = entry.map_err(io("list"))?;
        // A name with a dot in front is a lease that is being made.
        let is_lease = entry
            .file_name()
            .to_str()
            .is_some_and(|n| n.ends_with(LEASE_SUFFIX) && !n.starts_with('.'));
        if is_lease && let Some(file) = LeaseFile::open(&entry.path())? {
            files.push(file);
        }
    }
    Ok(files)
}

/// The leases that `wanted` wants, with their lives.
pub(super) fn leases(host: &HostFolder, wanted: impl Fn(&Lease) -> bool) -> Result<Vec<HeldLease>, ExecError> {
    let mut files = files(host)?;
    files.retain(|file| wanted(&file.lease));
    let lives = lives(host, &files)?;
    Ok(files
        .into_iter()
        .zip(lives)
        .map(|(file, life)| {
            let lease = owned(file);
            HeldLease { lease, life }
        })
        .collect())
}

/// Anybody can write anything into a file; whose file it is, is the system's word.
fn owned(file: LeaseFile) -> Lease {
    let mut lease = file.lease;
    lease.owner.uid = file.uid;
    lease
}

/// Every attempt that has a lease file, and its runners.
pub(super) fn known(host: &HostFolder) -> Result<Vec<KnownAttempt>, ExecError> {
    let known = files(host)?.into_iter().map(|file| KnownAttempt {
        runners: file.marks.iter().map(|mark| (mark.pid, mark.start_ticks)).collect(),
        lease: owned(file),
    });
    Ok(known.collect())
}

/// Whether each of them still holds.
pub(super) fn lives(host: &HostFolder, files: &[LeaseFile]) -> Result<Vec<LeaseLife>, ExecError> {
    let mut lives = Vec::with_capacity(files.len());
    let mut unlocked = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let runner_alive = file.has_runner()?;
        // Either lock holds it: a runner that took over may not have got the first one back.
        if runner_alive || file.is_locked()? {
            lives.push(LeaseLife::Locked { runner_alive });
            continue;
        }
        lives.push(LeaseLife::Fallen);
        // No process outlives the boot that it was started in. A lease that was given back while we looked needs no search.
        if file.lease.space.boot_id == identity::boot_id() && !host.is_known_fallen(file) && !file.is_gone()? {
            unlocked.push(index);
        }
    }
    if !unlocked.is_empty() {
        let traces: Vec<Trace<'_>> = unlocked.iter().map(|&index| files[index].trace()).collect();
        let found = find(&traces).map_err(ExecError::system("look for processes"))?;
        for (index, found) in unlocked.into_iter().zip(found) {
            if !found.is_empty() || files[index].has_populated_cgroup() {
                let pids = found.iter().map(|s| s.pid).collect();
                lives[index] = LeaseLife::Orphaned { pids };
            } else {
                host.remember_fallen(&files[index]);
            }
        }
    }
    Ok(lives)
}

/// The attempts that live, with what is needed to find their processes.
pub(super) fn live_attempts(host: &HostFolder) -> Result<Vec<LiveAttempt>, ExecError> {
    let mut attempts = Vec::new();
    let mut leaderless = Vec::new();
    for file in files(host)? {
        if file.has_runner()? {
            attempts.push(LiveAttempt {
                uni_id: file.lease.uni_id.clone(),
                runner_pid: file.marks.last().map(|mark| mark.pid),
                pids: Vec::new(),
            });
        } else if file.is_locked()? || !(host.is_known_fallen(&file) || file.is_gone()?) {
            leaderless.push(file);
        }
    }
    if !leaderless.is_empty() {
        let traces: Vec<Trace<'_>> = leaderless.iter().map(LeaseFile::trace).collect();
        let found = find(&traces).map_err(ExecError::system("look for processes"))?;
        for (file, found) in leaderless.iter().zip(found).filter(|(_, found)| !found.is_empty()) {
            attempts.push(LiveAttempt {
                uni_id: file.lease.uni_id.clone(),
                runner_pid: None,
                pids: found.iter().map(|s| s.pid).collect(),
            });
        }
    }
    Ok(attempts)
}

impl LeaseFile {
    /// Whether the system says that something is in the attempt's own cgroup, seen or not.
    fn has_populated_cgroup(&self) -> bool {
        let own = self.marks.iter().filter_map(|mark| mark.cgroup.as_deref());
        own.map(Path::new).any(cgroup::is_populated)
    }

    /// By what the processes of its attempt are known.
    pub(crate) fn trace(&self) -> Trace<'_> {
        Trace {
            uni_id: self.lease.uni_id.as_str(),
            uid: self.uid,
            marks: &self.marks,
            lease: &self.path,
            roots: &[],
        }
    }
}
