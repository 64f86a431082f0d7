//! Reads files with limits, and writes them atomically and durably.
use std::{
    fmt, fs,
    fs::File,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use gpuyard_fault as fault;
use nix::{
    errno::Errno,
    fcntl::{OFlag, RenameFlags, renameat2},
    unistd::{Gid, Uid, fchown},
};
use tempfile::NamedTempFile;

use crate::StoreError;

/// Links followed on the way to a file; the kernel's own limit.
const MOST_LINKS: usize = 40;
/// Begins the name of every temporary file of ours. The rest is random, so that a stale one is never in the way.
pub(crate) const TEMPORARY: &str = ".gpuyard-tmp-";
/// A temporary file of this age belongs to nobody any more: writing one takes less than a second.
const STALE: std::time::Duration = std::time::Duration::from_secs(3600);

/// A file's content, named: what `ETag` and `If-Match` carry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub String);

impl Version {
    /// The version of this content.
    pub fn of(bytes: &[u8]) -> Version {
        // 128 bits of a cryptographic hash: two editors never get the same name for different texts.
        use sha2::{Digest, Sha256};
        Version(
            Sha256::digest(bytes)[..16]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn kind_of(file: fs::FileType) -> Option<&'static str> {
    if file.is_file() {
        None
    } else if file.is_dir() {
        Some("a folder")
    } else if file.is_fifo() {
        Some("a named pipe")
    } else if file.is_socket() {
        Some("a socket")
    } else {
        Some("a device")
    }
}

/// Opens a plain file for reading; anything else is refused before it is opened (opening a device may act on it), and
/// again afterwards (it may have been exchanged in between). Never blocks.
pub fn open_plain(path: &Path) -> Result<File, StoreError> {
    open(path, OFlag::empty())
}

/// The same for a file of our own, which is never a link: another user's planted link is not followed.
pub fn open_own(path: &Path) -> Result<File, StoreError> {
    open(path, OFlag::O_NOFOLLOW)
}

fn open(path: &Path, flags: OFlag) -> Result<File, StoreError> {
    let no_file = |what| StoreError::NotAFile {
        path: path.into(),
        what,
    };
    let before = if flags.contains(OFlag::O_NOFOLLOW) {
        fs::symlink_metadata(path)
    } else {
        fs::metadata(path)
    };
    let before = before.map_err(StoreError::io("read", path))?.file_type();
    if before.is_symlink() {
        return Err(no_file("a link"));
    }
    if let Some(what) = kind_of(before) {
        return Err(no_file(what));
    }
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags((flags | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY).bits())
        .open(path)
        .map_err(StoreError::io("read", path))?;
    let after = file.metadata().map_err(StoreError::io("read", path))?.file_type();
    match kind_of(after) {
        Some(what) => Err(no_file(what)),
        None => Ok(file),
    }
}

/// Reads a plain file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    read_opened(open_plain(path)?, path, limit)
}

/// The same of one that is open already.
pub(crate) fn read_opened(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, StoreError> {
    let mut bytes = Vec::new();
    // One byte more than allowed tells a file that is too large from one that just fits, whatever its size claims.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(StoreError::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(StoreError::TooLarge {
            path: path.into(),
            limit,
        });
    }
    Ok(bytes)
}

/// Reads a plain text file: UTF-8 without NUL. A byte order mark stays in it.
pub fn read_text(path: &Path, limit: u64) -> Result<String, StoreError> {
    text(path, read_bounded(path, limit)?)
}

/// The bytes as text, or the line where they are none.
pub(crate) fn text(path: &Path, bytes: Vec<u8>) -> Result<String, StoreError> {
    let line_at = |bytes: &[u8], at: usize| bytes[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
    let wrong = |line, expected: &str| StoreError::Parse {
        path: path.into(),
        line,
        expected: expected.into(),
    };
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        return Err(wrong(line_at(&bytes, at), "expected text, found a NUL byte"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = line_at(error.as_bytes(), error.utf8_error().valid_up_to());
        wrong(
            line,
            "expected UTF-8 text, found other bytes (was it saved as Latin-1 or GBK? save it as UTF-8)",
        )
    })
}

/// Writes a file so that a crash at any point leaves the old content or the new one. Follows links; keeps mode, owner
/// and group; what is new gets 0600.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let target = follow(path)?;
    let temporary = prepare(&target, bytes)?;
    fault::step_at("file-rename").map_err(StoreError::io("write", &target))?;
    temporary
        .persist(&target)
        .map_err(|error| StoreError::io("write", &target)(error.error))?;
    sync_folder(folder_of(&target))
}

/// Makes a file that is not there yet, complete or not at all. One that is there is an error and stays as it is.
pub fn create_new(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let temporary = prepare_new(path, bytes)?;
    temporary
        .persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.into() },
            _ => StoreError::io("create", path)(error.error),
        })?;
    sync_folder(folder_of(path))
}

/// Writes a file if it still is the version that the writer read, and keeps that version at `backup`.
///
/// Old and new are exchanged in one step and compared afterwards, so that not even an editor that saves in this very
/// moment loses anything: its text is put back, and the save is refused.
pub fn replace(path: &Path, bytes: &[u8], expected: &Version, backup: Option<&Path>) -> Result<(), StoreError> {
    let target = follow(path)?;
    let _lock = FolderLock::take(folder_of(&target));
    let conflict = |now: Vec<u8>| StoreError::Conflict {
        path: path.into(),
        now: String::from_utf8(now).ok(),
    };
    // No limit here: whatever stands there now is kept as it is.
    let before = match read_bounded(&target, u64::MAX - 1) {
        Ok(before) => before,
        Err(error) if error.is_not_found() => {
            return Err(StoreError::Conflict {
                path: path.into(),
                now: None,
            });
        }
        Err(error) => return Err(error),
    };
    if Version::of(&before) != *expected {
        return Err(conflict(before));
    }
    if let Some(backup) = backup {
        write_atomic(backup, &before)?;
    }
    let temporary = prepare(&target, bytes)?;
    fault::step_at("file-rename").map_err(StoreError::io("write", &target))?;
    let cwd = nix::fcntl::AT_FDCWD;
    match renameat2(cwd, temporary.path(), cwd, &target, RenameFlags::RENAME_EXCHANGE) {
        Ok(()) => {}
        // The file system cannot exchange: the moment between the comparison above and this rename stays open.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
            temporary
                .persist(&target)
                .map_err(|error| StoreError::io("write", &target)(error.error))?;
            return sync_folder(folder_of(&target));
        }
        Err(Errno::ENOENT) => {
            return Err(StoreError::Conflict {
                path: path.into(),
                now: None,
            });
        }
        Err(errno) => return Err(StoreError::io("write", &target)(errno.into())),
    }
    let displaced = fs::read(temporary.path()).map_err(StoreError::io("read", temporary.path()))?;
    if displaced != before {
        renameat2(cwd, temporary.path(), cwd, &target, RenameFlags::RENAME_EXCHANGE)
            .map_err(|errno| StoreError::io("write", &target)(errno.into()))?;
        sync_folder(folder_of(&target))?;
        return Err(conflict(displaced));
    }
    drop(temporary);
    sync_folder(folder_of(&target))
}

/// Removes a file if it still is the version that was read. It is put aside in one step and looked at there, so that an editor
/// that saves in this very moment loses nothing: its text is put back, and the removal is refused.
pub fn remove(path: &Path, expected: &Version) -> Result<(), StoreError> {
    let target = follow(path)?;
    let folder = folder_of(&target);
    let _lock = FolderLock::take(folder);
    let aside = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder)
        .map_err(StoreError::io("remove", &target))?
        .into_temp_path();
    fs::rename(&target, &aside).map_err(StoreError::io("remove", &target))?;
    let now = fs::read(&aside).map_err(StoreError::io("read", &target))?;
    if Version::of(&now) != *expected {
        // Whoever has made a new one meanwhile keeps that.
        match aside.persist_noclobber(&target) {
            Ok(()) => {}
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(StoreError::io("write", &target)(error.error)),
        }
        sync_folder(folder)?;
        return Err(StoreError::Conflict {
            path: path.into(),
            now: String::from_utf8(now).ok(),
        });
    }
    if target != path {
        // The link that led there leads nowhere now.
        fs::remove_file(path).map_err(StoreError::io("remove", path))?;
        sync_folder(folder_of(path))?;
    }
    aside.close().map_err(StoreError::io("remove", &target))?;
    sync_folder(folder)
}

/// Makes a folder and those above it, 0700. One that is there stays as it is.
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(StoreError::io("create folder", path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Removes temporary files that crashes left in a folder, an hour old at least: younger ones may be somebody's at work.
pub fn clear_temporaries(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(StoreError::io("list folder", folder))? {
        let entry = entry.map_err(StoreError::io("list folder", folder))?;
        if !entry.file_name().as_encoded_bytes().starts_with(TEMPORARY.as_bytes()) {
            continue;
        }
        let old = |meta: &fs::Metadata| {
            meta.modified()
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age > STALE))
        };
        if entry.metadata().is_ok_and(|meta| meta.is_file() && old(&meta))
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "cannot remove a stale temporary file");
        }
    }
    Ok(())
}

/// Makes what was made, renamed or removed in a folder durable.
pub fn sync_folder(path: &Path) -> Result<(), StoreError> {
    fault::step_at("file-renamed").map_err(StoreError::io("sync folder", path))?;
    let folder = File::open(path).map_err(StoreError::io("open folder", path))?;
    match folder.sync_all() {
        // Some network file systems cannot sync a folder, and do it by themselves.
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EINVAL | libc::EOPNOTSUPP | libc::EBADF)
            ) =>
        {
            Ok(())
        }
        result => result.map_err(StoreError::io("sync folder", path)),
    }
}

/// The folder of a file, `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Where a path leads: the last component's links followed, also to a place where nothing is yet.
pub(crate) fn follow(path: &Path) -> Result<PathBuf, StoreError> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            // EINVAL: it is there and no link.
            Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::EINVAL) => {
                return Ok(path);
            }
            Err(error) => return Err(StoreError::io("follow link", path)(error)),
        }
    }
    Err(StoreError::io("follow link", path)(Errno::ELOOP.into()))
}

/// A complete and synced temporary file that can take the place of `target`.
fn prepare(target: &Path, bytes: &[u8]) -> Result<NamedTempFile, StoreError> {
    let old = match fs::metadata(target) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(StoreError::io("write", target)(error)),
    };
    temporary(target, bytes, old.as_ref())
}

/// The same for a file that is to be new.
fn prepare_new(target: &Path, bytes: &[u8]) -> Result<NamedTempFile, StoreError> {
    temporary(target, bytes, None)
}

fn temporary(target: &Path, bytes: &[u8], old: Option<&fs::Metadata>) -> Result<NamedTempFile, StoreError> {
    let io = || StoreError::io("write", target);
    let mut temporary = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .tempfile_in(folder_of(target))
        .map_err(io())?;
    fault::step_at("file-write").map_err(io())?;
    temporary.write_all(bytes).map_err(io())?;
    if let Some(old) = old {
        keep_owner_and_mode(&temporary, target, old)?;
    }
    // Once, for content, owner and mode together.
    temporary.as_file().sync_all().map_err(io())?;
    Ok(temporary)
}

fn keep_owner_and_mode(temporary: &NamedTempFile, target: &Path, old: &fs::Metadata) -> Result<(), StoreError> {
    if let Some(what) = kind_of(old.file_type()) {
        return Err(StoreError::NotAFile {
            path: target.into(),
            what,
        });
    }
    let file = temporary.as_file();
    let new = file.metadata().map_err(StoreError::io("write", target))?;
    let uid = (old.uid() != new.uid()).then(|| Uid::from_raw(old.uid()));
    let gid = (old.gid() != new.gid()).then(|| Gid::from_raw(old.gid()));
    if uid.is_some() || gid.is_some() {
        fchown(file.as_fd(), uid, gid).map_err(|errno| StoreError::Owner {
            path: target.into(),
            uid: old.uid(),
            gid: old.gid(),
            source: errno.into(),
        })?;
    }
    let mode = fs::Permissions::from_mode(old.mode() & 0o7777);
    file.set_permissions(mode).map_err(StoreError::io("write", target))
}

/// A lock on a folder, held against other gpuyard processes that are about to read, change and write a file in it.
pub(crate) struct FolderLock {
    _lock: Option<nix::fcntl::Flock<File>>,
}

impl FolderLock {
    /// Waits for the lock. Where the file system has no such locks (some network ones), there is none.
    pub(crate) fn take(folder: &Path) -> FolderLock {
        let lock = File::open(folder)
            .ok()
            .and_then(|folder| nix::fcntl::Flock::lock(folder, nix::fcntl::FlockArg::LockExclusive).ok());
        FolderLock { _lock: lock }
    }
}

#[cfg(test)]
pub(crate) mod tests;
