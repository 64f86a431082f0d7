//! The host lock: while one scheduler looks at the leases and takes its own, no other does.
use std::{
    fs::{self, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use rustix::fs::{FlockOperation, flock};

use crate::{ExecError, proc};

/// It is held for well under a millisecond; who holds it for this long holds it out of spite or is stopped.
const PATIENCE: Duration = Duration::from_secs(2);

/// The lock, held.
#[derive(Debug)]
pub(crate) struct HostLock {
    _file: File,
}

/// Why it could not be had.
#[derive(Debug)]
pub(crate) enum LockFailure {
    /// Somebody holds it and does not let go.
    Busy {
        pid: Option<i32>,
        command: Option<String>,
    },
    Failed(ExecError),
}

impl HostLock {
    #[expect(
        clippy::disallowed_methods,
        reason = "a blocking flock has no deadline, and a lock held out of spite has no end"
    )]
    pub(super) fn take(folder: &Path) -> Result<HostLock, LockFailure> {
        let path = folder.join("lock");
        let fail = |verb| {
            let path = path.clone();
            move |e: io::Error| LockFailure::Failed(ExecError::io(verb, "host lock", path)(e))
        };
        let start = Instant::now();
        let mut pause = Duration::from_micros(100);
        loop {
            let file = open(&path).map_err(fail("open"))?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    // Somebody may have removed the file between our opening and locking it.
                    let ours = file.metadata().map_err(fail("look at"))?;
                    if fs::symlink_metadata(&path).is_ok_and(|m| (m.dev(), m.ino()) == (ours.dev(), ours.ino())) {
                        return Ok(HostLock { _file: file });
                    }
                }
                Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
                Err(e) => return Err(fail("take")(e.into())),
            }
            if start.elapsed() >= PATIENCE {
                let pid = holder(&file);
                let command = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/comm")).ok());
                return Err(LockFailure::Busy {
                    pid,
                    command: command.map(|c| c.trim().to_owned()),
                });
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }
}

/// Opens the lock file, for reading only: another user's file in a sticky folder could not be opened for writing, nor
/// with O_CREAT (`fs.protected_regular`).
fn open(path: &Path) -> io::Result<File> {
    let existing = || {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)?;
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("it is not a file"))
        }
    };
    match existing() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        done => return done,
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o644).open(path) {
        // The umask must not keep others from opening it.
        Ok(file) => file.set_permissions(Permissions::from_mode(0o644))?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e),
    }
    existing()
}

/// Who holds a flock on this file, as far as `/proc/locks` says.
fn holder(file: &File) -> Option<i32> {
    let m = file.metadata().ok()?;
    let (major, minor) = (libc::major(m.dev()), libc::minor(m.dev()));
    let place = format!("{major:02x}:{minor:02x}:{}", m.ino());
    // `1: FLOCK  ADVISORY  WRITE 1234 00:19:567 0 EOF`
    fs::read_to_string("/proc/locks").ok()?.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let held = fields.get(1) == Some(&"FLOCK") && fields.get(5) == Some(&place.as_str());
        let pid = fields.get(4)?.parse().ok().filter(|&pid| held && pid > 0)?;
        proc::stat(pid).ok().flatten().map(|s| s.pid)
    })
}
