//! Opens a log that somebody named by its path, so that nobody is led elsewhere: not by a link that another user planted, not by
//! a component that is exchanged in this very moment, not into `/proc` or our own secrets.
//!
//! The way is walked a component at a time by descriptors that stand for the thing itself (`O_PATH`, which opens no device and
//! waits for no pipe). What is found at its end is looked at, and only then opened for reading, through its own descriptor.
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Component, Path, PathBuf},
};

use rustix::{
    fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat},
    io::Errno,
};

use super::Log;
use crate::StoreError;

/// Links followed on the way; the kernel's own limit.
const MOST_LINKS: usize = 40;
/// Nothing below these is a log, whoever owns it.
const NEVER: [&str; 4] = ["/etc", "/proc", "/sys", "/dev"];
/// File systems that are windows into the kernel, wherever they are mounted (linux/magic.h): proc, sysfs, devpts, cgroup,
/// cgroup2, debugfs, tracefs, securityfs, bpf, pstore, efivarfs, mqueue.
const KERNEL: [u64; 12] = [
    0x9fa0,
    0x6265_6572,
    0x1cd1,
    0x0027_e0eb,
    0x6367_7270,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0xcafe_4a11,
    0x6165_676c,
    0xde5e_81e4,
    0x1980_0202,
];

/// Why a path is not opened as a log.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not absolute, or goes up by `..`, or has a NUL in it.
    #[error("a log's path begins with / and has no `..` in it: {}", .0.display())]
    Path(PathBuf),
    /// Nothing is there, or not yet.
    #[error("{} is not there", .0.display())]
    Absent(PathBuf),
    /// A link stands there or on the way, and is not followed.
    #[error("{} is a link, or leads through one that is not yours; links are not followed, so name the file itself", .0.display())]
    Link(PathBuf),
    /// A folder, a pipe, a socket, a device.
    #[error("{path} is {what}, and a log is a plain file", path = path.display())]
    Kind {
        /// Which.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// Another user's, and below none of `log-roots`.
    #[error("{} belongs to another user; the setting `log-roots` names folders whose logs may be read all the same", .0.display())]
    Owner(PathBuf),
    /// The system's, or our own configuration.
    #[error("{} is no log: nothing below /etc, /proc, /sys, /dev or gpuyard's own configuration is shown", .0.display())]
    Never(PathBuf),
    /// The system refused.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Which files may be opened as logs.
#[derive(Clone, Debug, Default)]
pub struct Allowed {
    /// Folders below which anyone's plain files may be read, but no link is followed.
    pub roots: Vec<PathBuf>,
    /// Folders and files that are never shown: our own configuration.
    pub never: Vec<PathBuf>,
    /// The user whose files may be read wherever they are: the daemon's own.
    pub uid: u32,
}

/// Which links are followed on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Links {
    None,
    /// Those of this user and of root, who can be trusted with where they lead; never the last component.
    Trusted(u32),
}

impl Allowed {
    /// Whether a text can name a log at all; what is there is not looked at.
    pub fn check_path(path: &Path) -> Result<(), Refused> {
        let plain = path
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let named = path.file_name().is_some() && !path.as_os_str().as_bytes().ends_with(b"/");
        if path.is_absolute() && plain && named && !path.as_os_str().as_bytes().contains(&0) {
            Ok(())
        } else {
            Err(Refused::Path(path.into()))
        }
    }

    /// Whether a log may come to be there: it is not below what is never shown.
    pub fn check_absent(&self, path: &Path) -> Result<(), Refused> {
        Self::check_path(path)?;
        let never = self.never.iter().map(PathBuf::as_path).chain(NEVER.map(Path::new));
        match never.into_iter().any(|never| path.starts_with(never)) {
            true => Err(Refused::Never(path.into())),
            false => Ok(()),
        }
    }

    /// Opens a log.
    pub fn open(&self, path: &Path) -> Result<Log, Refused> {
        Self::check_path(path)?;
        if NEVER.iter().any(|never| path.starts_with(never)) {
            return Err(Refused::Never(path.into()));
        }
        let root = self
            .roots
            .iter()
            .find_map(|root| Some((root, path.strip_prefix(root).ok()?)));
        let (found, anyones) = match root {
            Some((root, below)) => (beneath(root, below, path)?, true),
            None => (walk(path, Links::Trusted(self.uid))?, false),
        };
        let stat = rustix::fs::fstat(&found).map_err(|errno| refused(errno, path))?;
        if let Some(what) = kind(&stat) {
            return Err(match what {
                "a link" => Refused::Link(path.into()),
                what => Refused::Kind {
                    path: path.into(),
                    what,
                },
            });
        }
        self.check_place(&found, path)?;
        if !anyones && stat.st_uid != self.uid {
            return Err(Refused::Owner(path.into()));
        }
        // Through the descriptor: it is the very thing that was looked at, whatever its name stands for by now.
        let own = format!("/proc/self/fd/{}", found.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = rustix::fs::openat(CWD, own.as_str(), flags, Mode::empty()).map_err(|errno| refused(errno, path))?;
        Ok(Log::from_file(File::from(file), path))
    }

    /// Where it really lies: not in what is never shown, by whatever name it was reached.
    fn check_place(&self, found: &OwnedFd, path: &Path) -> Result<(), Refused> {
        let never = || Refused::Never(path.to_path_buf());
        let system = rustix::fs::fstatfs(found).map_err(|errno| refused(errno, path))?;
        if KERNEL.contains(&(system.f_type as u64)) {
            return Err(never());
        }
        let real = real_path(found).map_err(|errno| refused(errno, path))?;
        let ours = self.never.iter().any(|never| {
            let real_never = std::fs::canonicalize(never).unwrap_or_else(|_| never.clone());
            real.starts_with(real_never)
        });
        if ours || NEVER.iter().any(|never| real.starts_with(never)) {
            return Err(never());
        }
        Ok(())
    }
}

/// Where a descriptor's thing lies now.
fn real_path(found: &OwnedFd) -> Result<PathBuf, Errno> {
    let own = format!("/proc/self/fd/{}", found.as_raw_fd());
    let real = rustix::fs::readlinkat(CWD, own.as_str(), Vec::new())?;
    Ok(OsString::from_vec(real.into_bytes()).into())
}

/// What stands at `below` in a folder, without following any link there; `path` is what both together are called.
fn beneath(root: &Path, below: &Path, path: &Path) -> Result<OwnedFd, Refused> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    // The folder itself stands in the settings: its owner says where it leads.
    let root = rustix::fs::openat(CWD, root, folder, Mode::empty()).map_err(|errno| refused(errno, path))?;
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat2(&root, below, flags, Mode::empty(), how) {
        // Kernels before 5.6, and sandboxes that do not know the call.
        Err(Errno::NOSYS | Errno::PERM) => walk_from(root, below.as_os_str(), Links::None, path),
        found => found.map_err(|errno| refused(errno, path)),
    }
}

fn walk(path: &Path, links: Links) -> Result<OwnedFd, Refused> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(CWD, "/", folder, Mode::empty()).map_err(|errno| refused(errno, path))?;
    walk_from(root, path.as_os_str(), links, path)
}

/// Walks a component at a time; each is opened as itself, never as what it leads to.
fn walk_from(mut at: OwnedFd, way: &OsStr, links: Links, path: &Path) -> Result<OwnedFd, Refused> {
    let mut parts = parts(way.as_bytes());
    let mut followed = 0;
    while let Some(part) = parts.pop_front() {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let next = rustix::fs::openat(&at, &part, flags, Mode::empty()).map_err(|errno| refused(errno, path))?;
        let stat = rustix::fs::fstat(&next).map_err(|errno| refused(errno, path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            at = next;
            continue;
        }
        followed += 1;
        let trusted = matches!(links, Links::Trusted(uid) if stat.st_uid == uid || stat.st_uid == 0);
        if parts.is_empty() || !trusted || followed > MOST_LINKS {
            return Err(Refused::Link(path.into()));
        }
        let leads = rustix::fs::readlinkat(next.as_fd(), "", Vec::new()).map_err(|errno| refused(errno, path))?;
        let leads = leads.into_bytes();
        if leads.starts_with(b"/") {
            let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            at = rustix::fs::openat(CWD, "/", folder, Mode::empty()).map_err(|errno| refused(errno, path))?;
        }
        let mut onward = self::parts(&leads);
        onward.append(&mut parts);
        parts = onward;
    }
    Ok(at)
}

fn parts(way: &[u8]) -> VecDeque<OsString> {
    let named = way
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".");
    named.map(|part| OsString::from_vec(part.to_vec())).collect()
}

/// What it is, where it is no plain file.
fn kind(stat: &Stat) -> Option<&'static str> {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => None,
        FileType::Symlink => Some("a link"),
        FileType::Directory => Some("a folder"),
        FileType::Fifo => Some("a named pipe"),
        FileType::Socket => Some("a socket"),
        _ => Some("a device"),
    }
}

fn refused(errno: Errno, path: &Path) -> Refused {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Refused::Absent(path.into()),
        Errno::LOOP | Errno::XDEV => Refused::Link(path.into()),
        errno => StoreError::io("read", path)(errno.into()).into(),
    }
}

#[cfg(test)]
mod tests;
