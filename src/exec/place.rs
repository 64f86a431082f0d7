//! Places: one daemon a root, one scheduler for each root, mode and index.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt},
    path::Path,
    thread,
    time::Duration,
};

use gpuyard_core::model::ProcessIdentity;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ExecError, clock, host::HostFolder, identity, sys};

/// Who has a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The process.
    pub process: ProcessIdentity,
    /// Since when.
    pub since: Timestamp,
    /// It gives the place up in a moment: see [`Place::leave`] and [`Place::take_briefly`].
    #[serde(default)]
    pub leaving: bool,
}

impl Holder {
    /// Whether it keeps the place, as far as it knows.
    pub fn stays(&self) -> bool {
        !self.leaving
    }
}

/// How long a holder that is leaving is waited for. It syncs a file or two, which takes a busy disk seconds.
const FAREWELL: Duration = Duration::from_secs(20);

/// Between two looks at whether it has left.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Why a place could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is taken.
    #[error("the place {name} of this root is held by process {} since {since}", holder.pid)]
    Held {
        /// `daemon`, `single_0`, …
        name: String,
        /// By whom.
        holder: ProcessIdentity,
        /// Since when.
        since: Timestamp,
    },
    /// The system refused.
    #[error(transparent)]
    Failed(#[from] ExecError),
}

/// A place, held until this is dropped or the process ends. What the process starts does not inherit it.
#[derive(Debug)]
pub struct Place {
    file: File,
    holder: Holder,
}

impl Place {
    /// Takes the place `name` (`daemon`, `single_0`, …) of a root folder for this process. One who is leaving it is waited
    /// for.
    pub fn take(host: &HostFolder, root: &Path, name: &str) -> Result<Place, PlaceError> {
        Place::acquire(host, root, name, false)
    }

    /// The same, to keep others out for a moment. Whoever wants the place meanwhile waits, instead of being told that it is
    /// taken.
    pub fn take_briefly(host: &HostFolder, root: &Path, name: &str) -> Result<Place, PlaceError> {
        Place::acquire(host, root, name, true)
    }

    fn acquire(host: &HostFolder, root: &Path, name: &str, leaving: bool) -> Result<Place, PlaceError> {
        let path = host.place_path(root, name)?;
        let io = |verb| ExecError::io(verb, "place", &path);
        let patience = clock::mono().plus_millis(FAREWELL.as_millis() as u64);
        loop {
            // Rust opens with O_CLOEXEC: a child that lives on does not keep the lock.
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .custom_flags(libc::O_NOFOLLOW)
                .open(&path)
                .map_err(io("open"))?;
            if !sys::try_lock(&file, 0).map_err(io("lock"))? {
                match read_holder(&path)? {
                    Some(Holder { leaving: true, .. }) if clock::mono() < patience => rest(),
                    Some(Holder { process, since, .. }) => {
                        return Err(PlaceError::Held {
                            name: name.to_owned(),
                            holder: process,
                            since,
                        });
                    }
                    // It has just been given up.
                    None => {}
                }
                continue;
            }
            // Somebody may have removed the file between our opening and locking it.
            let ours = file.metadata().map_err(io("look at"))?;
            if !fs::symlink_metadata(&path).is_ok_and(|m| m.ino() == ours.ino()) {
                continue;
            }
            let process = identity::identity(std::process::id() as i32)
                .ok_or_else(|| io("describe the holder of")(io::Error::other("/proc cannot be read")))?;
            let holder = Holder {
                process,
                since: clock::now().wall,
                leaving,
            };
            let text = serde_json::to_vec(&holder).unwrap_or_default();
            // Shorter text over longer would leave a tail; empty is read as "not written yet".
            file.set_len(0)
                .and_then(|()| file.write_all_at(&text, 0))
                .map_err(io("write"))?;
            return Ok(Place { file, holder });
        }
    }

    /// Says that this process is about to end. Whoever sees its work done and wants the place then waits for that, instead of
    /// being told that it is taken.
    pub fn leave(&mut self) {
        let before = serde_json::to_vec(&self.holder).unwrap_or_default().len();
        self.holder.leaving = true;
        let mut text = serde_json::to_vec(&self.holder).unwrap_or_default();
        // Not a byte longer or shorter: a full disk has room for it, and readers find no half of it.
        text.resize(before, b' ');
        // Not said, the place counts as taken until we are gone.
        let _ = self.file.write_all_at(&text, 0);
    }

    /// Who holds a place, if anyone. Disturbs nobody.
    pub fn holder(host: &HostFolder, root: &Path, name: &str) -> Result<Option<Holder>, ExecError> {
        read_holder(&host.place_path(root, name)?)
    }
}

#[expect(clippy::disallowed_methods, reason = "no lock can be waited for with a deadline")]
fn rest() {
    thread::sleep(LOOK_AGAIN);
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing tells when another process has written its name"
)]
fn read_holder(path: &Path) -> Result<Option<Holder>, ExecError> {
    let io = |verb| ExecError::io(verb, "place", path);
    // Between locking and writing lies less than a millisecond; a holder that was stopped there is given up on.
    for _ in 0..200 {
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(io("open")(e)),
        };
        if !sys::is_locked(&file, 0).map_err(io("ask after"))? {
            return Ok(None);
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(io("read"))?;
        // What the holder before left behind names a process that is dead. Of another pid namespace (a container that
        // shares the host folder) the lock alone speaks.
        if let Ok(holder) = serde_json::from_slice::<Holder>(&text)
            && (holder.process.space != identity::pid_space() || identity::is_alive(&holder.process))
        {
            return Ok(Some(holder));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Err(ExecError::Malformed {
        object: "place",
        path: path.to_owned(),
        message: "it is held, and does not say by whom".into(),
    })
}
