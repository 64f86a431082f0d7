//! One lease file, opened for looking at.
use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use gpuyard_core::model::Lease;
use serde::{Deserialize, Serialize};

use crate::{ExecError, sys};

/// This byte's lock is the lease.
pub(crate) const LEASE_BYTE: i64 = 0;
/// This byte's lock says that the runner lives.
pub(crate) const RUNNER_BYTE: i64 = 1;

/// Larger than any lease; what is longer is not one.
const LARGEST: u64 = 1 << 20;

/// What a runner adds to the lease file before it starts its first command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Mark {
    /// The runner's pid.
    pub(crate) pid: i32,
    /// Its start time.
    pub(crate) start_ticks: u64,
    /// The attempt's own cgroup, where it has one.
    pub(crate) cgroup: Option<String>,
    /// The cgroup that the runner was born in.
    pub(crate) born_in: Option<String>,
}

/// A lease file as it was read. It may have changed since; its locks are asked after each time.
#[derive(Debug)]
pub(crate) struct LeaseFile {
    pub(crate) path: PathBuf,
    pub(crate) lease: Lease,
    /// One for each runner that the attempt has had.
    pub(crate) marks: Vec<Mark>,
    /// Whose file it is.
    pub(crate) uid: u32,
    pub(crate) inode: u64,
    file: File,
}

impl LeaseFile {
    /// Reads a lease file. `Ok(None)` when it is gone, or no lease: a stranger's rubbish in a folder that all may write
    /// to, which cannot be allowed to stop anybody.
    pub(crate) fn open(path: &Path) -> Result<Option<LeaseFile>, ExecError> {
        let io = |verb| ExecError::io(verb, "lease", path);
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            // A link, or closed to us: not as we make them.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied || e.raw_os_error() == Some(libc::ELOOP) => {
                tracing::warn!(path = %path.display(), error = %e, "passing over a lease that cannot be opened");
                return Ok(None);
            }
            // No descriptor left, say: a lease may not be overlooked for that.
            Err(e) => return Err(io("open")(e)),
        };
        let m = file.metadata().map_err(io("look at"))?;
        if !m.is_file() {
            return Ok(None);
        }
        let mut text = String::with_capacity(2048);
        if let Err(e) = (&file).take(LARGEST).read_to_string(&mut text) {
            tracing::warn!(path = %path.display(), error = %e, "passing over a lease that cannot be read");
            return Ok(None);
        }
        let mut lines = text.lines();
        let lease: Lease = match serde_json::from_str(lines.next().unwrap_or_default()) {
            Ok(lease) => lease,
            Err(e) => {
                tracing::warn!(path = %path.display(), error = %e, "passing over a file that is no lease");
                return Ok(None);
            }
        };
        // A line that is being written right now is not counted.
        let marks = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(Some(LeaseFile {
            path: path.to_owned(),
            lease,
            marks,
            uid: m.uid(),
            inode: m.ino(),
            file,
        }))
    }

    /// Names this lease as long as no other runner takes it up.
    pub(crate) fn life_key(&self) -> (String, usize) {
        (self.lease.uni_id.to_string(), self.marks.len())
    }

    /// Whether somebody holds the lease.
    pub(crate) fn is_locked(&self) -> Result<bool, ExecError> {
        sys::is_locked(&self.file, LEASE_BYTE).map_err(ExecError::io("ask after", "lease", &self.path))
    }

    /// Whether the file has been removed since it was opened: its attempt is over, as only who knows that removes it.
    pub(crate) fn is_gone(&self) -> Result<bool, ExecError> {
        let m = self
            .file
            .metadata()
            .map_err(ExecError::io("look at", "lease", &self.path))?;
        Ok(m.nlink() == 0)
    }

    /// Whether the runner lives.
    pub(crate) fn has_runner(&self) -> Result<bool, ExecError> {
        sys::is_locked(&self.file, RUNNER_BYTE).map_err(ExecError::io("ask after", "runner's lock", &self.path))
    }
}

/// Adds a runner's line to the lease file.
pub(crate) fn append_mark(file: &File, mark: &Mark) -> io::Result<()> {
    let mut line = serde_json::to_vec(mark)?;
    line.push(b'\n');
    file.write_all_at(&line, file.metadata()?.len())
}
