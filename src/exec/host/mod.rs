//! The host folder: where everybody's leases on this machine lie, and each user's sockets and places.
mod lock;
mod watch;

use std::{
    collections::HashSet,
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

pub(crate) use lock::{HostLock, LockFailure};
pub use watch::HostWatch;

use crate::{ExecError, lease::LeaseFile};

/// The host folder of a machine, unless `GPUYARD_HOST_DIR` names another.
pub const HOST_DIR: &str = "/run/lock/gpuyard";

/// Where it goes when it cannot be there; everybody tries them in this order, so that all users of a host meet.
const FALLBACKS: [&str; 3] = ["/dev/shm/gpuyard", "/tmp/gpuyard", "/var/tmp/gpuyard"];

/// A host folder that can be used.
#[derive(Clone, Debug)]
pub struct HostFolder {
    path: PathBuf,
    user_folder: PathBuf,
    warning: Option<String>,
    /// Leases that were proven to have ended and whose files their owners have left behind, by attempt and number of
    /// runners: nothing of them comes back but by another runner.
    fallen: Arc<Mutex<HashSet<(String, usize)>>>,
}

impl HostFolder {
    /// Opens the host folder, making it where it is not there yet.
    ///
    /// `named` is `GPUYARD_HOST_DIR`; a folder that was named is used or refused. Without it, the usual place is taken,
    /// or another of the same kind, which [`HostFolder::warning`] then tells.
    pub fn open(named: Option<PathBuf>) -> Result<HostFolder, ExecError> {
        if let Some(path) = named {
            let path = std::path::absolute(&path).map_err(ExecError::io("find", "host folder", path))?;
            return HostFolder::at(path, None);
        }
        let first = match HostFolder::at(PathBuf::from(HOST_DIR), None) {
            Ok(folder) => return Ok(folder),
            Err(e) => e,
        };
        let text = |path: &str| {
            format!("{first}; leases are kept in {path}, where only those meet who cannot use {HOST_DIR} either")
        };
        FALLBACKS
            .iter()
            .find_map(|path| HostFolder::at(PathBuf::from(path), Some(text(path))).ok())
            .ok_or(first)
    }

    fn at(path: PathBuf, warning: Option<String>) -> Result<HostFolder, ExecError> {
        make_shared(&path)?;
        let user_folder = make_private(&path)?;
        Ok(HostFolder {
            path,
            user_folder,
            warning,
            fallen: Arc::default(),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Something to log: the folder is not where it is expected.
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// This user's own folder in it, closed to others.
    pub fn user_folder(&self) -> &Path {
        &self.user_folder
    }

    /// The socket of the scheduler or daemon `name` of a root folder.
    pub fn socket_path(&self, root: &Path, name: &str) -> Result<PathBuf, ExecError> {
        Ok(self.user_folder.join(format!("{}-{name}.sock", root_key(root)?)))
    }

    /// The place of the scheduler or daemon `name` of a root folder.
    pub(crate) fn place_path(&self, root: &Path, name: &str) -> Result<PathBuf, ExecError> {
        Ok(self.user_folder.join(format!("{}-{name}.place", root_key(root)?)))
    }

    /// A descriptor that becomes readable when a lease falls.
    pub fn watch(&self) -> Result<HostWatch, ExecError> {
        HostWatch::new(&self.path)
    }

    /// Whether this lease is known to have ended, so that nobody has to look for its processes each time.
    pub(crate) fn is_known_fallen(&self, file: &LeaseFile) -> bool {
        self.fallen.lock().is_ok_and(|fallen| fallen.contains(&file.life_key()))
    }

    /// See [`HostFolder::is_known_fallen`].
    pub(crate) fn remember_fallen(&self, file: &LeaseFile) {
        if let Ok(mut fallen) = self.fallen.lock() {
            fallen.insert(file.life_key());
        }
    }

    /// Keeps everybody else from taking and clearing leases, while it lives.
    pub(crate) fn lock(&self) -> Result<HostLock, LockFailure> {
        HostLock::take(&self.path)
    }
}

/// A short name for a root folder that is the same by whatever path it is reached.
fn root_key(root: &Path) -> Result<String, ExecError> {
    let m = fs::metadata(root).map_err(ExecError::io("look at", "root folder", root))?;
    Ok(format!("{:x}-{:x}", m.dev(), m.ino()))
}

/// The folder that all users write to: 1777, so that nobody removes what is another's.
fn make_shared(path: &Path) -> Result<(), ExecError> {
    let io = |verb| ExecError::io(verb, "host folder", path);
    match DirBuilder::new().mode(0o777).create(path) {
        // The umask has cut the mode down.
        Ok(()) => fs::set_permissions(path, Permissions::from_mode(0o1777)).map_err(io("open up"))?,
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(io("make")(e)),
    }
    let m = fs::symlink_metadata(path).map_err(io("look at"))?;
    let untrusted = |message: String| ExecError::Untrusted {
        object: "host folder",
        path: path.to_owned(),
        message,
    };
    if !m.is_dir() {
        return Err(untrusted("it is not a folder".into()));
    }
    let own = nix::unistd::geteuid().as_raw();
    if m.mode() & 0o7777 != 0o1777 {
        if m.uid() != own {
            return Err(untrusted(format!("its mode is {:o}, not 1777", m.mode() & 0o7777)));
        }
        fs::set_permissions(path, Permissions::from_mode(0o1777)).map_err(io("open up"))?;
    }
    Ok(())
}

fn make_private(host: &Path) -> Result<PathBuf, ExecError> {
    let uid = nix::unistd::geteuid().as_raw();
    let path = host.join(format!("u{uid}"));
    match DirBuilder::new().mode(0o700).create(&path) {
        Ok(()) => {}
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(ExecError::io("make", "user folder", path)(e)),
    }
    let m = fs::symlink_metadata(&path).map_err(ExecError::io("look at", "user folder", &path))?;
    let wrong = if !m.is_dir() {
        "it is not a folder"
    } else if m.uid() != uid {
        "it belongs to somebody else"
    } else if m.mode() & 0o077 != 0 {
        "others may enter it"
    } else {
        return Ok(path);
    };
    Err(ExecError::Untrusted {
        object: "user folder",
        path,
        message: wrong.into(),
    })
}
