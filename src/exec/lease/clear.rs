//! Removing the files of leases that have ended.
use std::{fs, os::unix::fs::MetadataExt, path::Path};

use gpuyard_core::model::UniId;

use super::{LEASE_SUFFIX, LeaseFile, LeaseLife, list};
use crate::{
    ExecError, cgroup,
    host::{HostFolder, LockFailure},
};

pub(super) fn clear_fallen(host: &HostFolder) -> Result<Vec<UniId>, ExecError> {
    let uid = nix::unistd::geteuid().as_raw();
    let _lock = match host.lock() {
        Ok(lock) => lock,
        // Clearing up can wait for another day.
        Err(LockFailure::Busy { .. }) => return Ok(Vec::new()),
        Err(LockFailure::Failed(e)) => return Err(e),
    };
    remove_unfinished(host, uid)?;
    let mut files = list::files(host)?;
    files.retain(|file| file.uid == uid);
    let mut cleared = Vec::new();
    for (file, life) in files.iter().zip(list::lives(host, &files)?) {
        if life == LeaseLife::Fallen && remove(file) {
            cleared.push(file.lease.uni_id.clone());
        }
    }
    Ok(cleared)
}

/// Removes one attempt's lease file, if it is there and nobody holds it.
pub(super) fn clear(host: &HostFolder, uni_id: &UniId) {
    let Ok(path) = host.lease_path(uni_id) else { return };
    // Almost always the runner has removed it, and this is one call.
    if let Ok(Some(file)) = LeaseFile::open(&path)
        && matches!((file.has_runner(), file.is_locked()), (Ok(false), Ok(false)))
    {
        remove(&file);
    }
}

/// Removes the file that was looked at, not another one that has its name by now.
fn remove(file: &LeaseFile) -> bool {
    for below_mount in file.marks.iter().filter_map(|mark| mark.cgroup.as_deref()) {
        cgroup::remove(Path::new(below_mount));
    }
    fs::symlink_metadata(&file.path).is_ok_and(|m| m.ino() == file.inode) && fs::remove_file(&file.path).is_ok()
}

/// Leases that a crash left half made. Under the host lock nobody is at work on one.
fn remove_unfinished(host: &HostFolder, uid: u32) -> Result<(), ExecError> {
    let io = |verb| ExecError::io(verb, "host folder", host.path());
    for entry in fs::read_dir(host.path()).map_err(io("list"))?.flatten() {
        let name = entry.file_name();
        let unfinished = name
            .to_str()
            .is_some_and(|n| n.starts_with('.') && n.ends_with(&format!("{LEASE_SUFFIX}.new")));
        let path: &Path = &entry.path();
        if unfinished && fs::symlink_metadata(path).is_ok_and(|m| m.uid() == uid) {
            // Left behind once more, it is in nobody's way.
            let _ = fs::remove_file(path);
        }
    }
    Ok(())
}
