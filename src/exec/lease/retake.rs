//! Taking the lease of an attempt again after its runner was killed.
use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
};

use gpuyard_core::model::Lease;

use super::{LEASE_BYTE, RUNNER_BYTE, TakeError, TakenLease, take};
use crate::{ExecError, host::HostFolder, sys};

/// Unless somebody has taken a GPU of it in good faith meanwhile.
pub(super) fn retake(host: &HostFolder, lease: &Lease) -> Result<TakenLease, TakeError> {
    let path = host.lease_path(&lease.uni_id)?;
    let io = |verb| ExecError::io(verb, "lease", &path);
    let _lock = host.lock()?;
    let beside = take::live_beside(host, lease)?;
    if !take::fits(lease, &beside) {
        return Err(TakeError::Changed {
            now: beside.into_iter().map(|held| held.lease.uni_id).collect(),
        });
    }
    let open = || {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
    };
    let files = match open() {
        Ok(file) => {
            let runner = open().map_err(io("open"))?;
            // What the attempt left running may hold the first lock; then the second keeps the lease after it.
            sys::try_lock(&file, LEASE_BYTE).map_err(io("lock"))?;
            if !sys::try_lock(&runner, RUNNER_BYTE).map_err(io("lock"))? {
                return Err(io("lock")(io::Error::other("its runner lives")).into());
            }
            let same = |m: fs::Metadata| m.ino();
            let inodes = [
                file.metadata().map(same),
                runner.metadata().map(same),
                fs::metadata(&path).map(same),
            ];
            if !matches!(&inodes, [Ok(a), Ok(b), Ok(c)] if a == b && b == c) {
                return Err(io("lock")(io::Error::other("it was replaced meanwhile")).into());
            }
            take::LeaseFiles { lease: file, runner }
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => take::create(&path, lease)?,
        Err(e) => return Err(io("open")(e).into()),
    };
    Ok(TakenLease::new(lease, path, files, false))
}
