//! The audit log: one line a call that may change something, appended in one write.
use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::{StoreError, file};

/// A log that has grown so large gives way to a new one at the next start of the daemon.
const MOST_BYTES: u64 = 32 << 20;

/// An audit log that is open.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: Mutex<File>,
}

impl AuditLog {
    /// Opens the log, 0600, and makes it where it is not there. A large one is kept as `….1`, in place of the one before.
    pub fn open(path: &Path) -> Result<AuditLog, StoreError> {
        file::create_folder(file::folder_of(path))?;
        if path.symlink_metadata().is_ok_and(|meta| meta.len() >= MOST_BYTES) {
            let mut kept = path.as_os_str().to_owned();
            kept.push(".1");
            std::fs::rename(path, kept).map_err(StoreError::io("turn", path))?;
        }
        let mut options = OpenOptions::new();
        options
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
        let file = options.open(path).map_err(StoreError::io("open", path))?;
        Ok(AuditLog {
            path: path.into(),
            file: Mutex::new(file),
        })
    }

    /// Appends a line; it has no newline in it.
    pub fn append(&self, line: &str) -> Result<(), StoreError> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        // One write: lines of two calls never mix, and a crash tears the last one at most.
        file.write_all(format!("{line}\n").as_bytes())
            .map_err(StoreError::io("append to", &self.path))
    }
}
