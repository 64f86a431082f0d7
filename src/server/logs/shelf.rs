//! What is known of the logs that were asked for: their lines as far as they are counted, and which of several files of one
//! name it is by now.
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use gpuyard_core::{
    model::Settings,
    wire::{LogBreak, LogHead},
};
use gpuyard_store::{
    Root,
    logs::{Allowed, Broken, Index, Log, Refused},
};

use super::{Asked, which::refusal};
use crate::{error::ApiError, limits};

/// The logs that are known.
pub(crate) struct Shelf {
    allowed: Allowed,
    known: Mutex<HashMap<PathBuf, Arc<Entry>>>,
    clock: AtomicU64,
}

struct Entry {
    known: Mutex<Known>,
    /// The shelf's clock when it was last asked for.
    used: AtomicU64,
}

/// What is known of one log.
#[derive(Default)]
struct Known {
    index: Index,
    generation: u64,
    inode: u64,
    size: u64,
    exists: bool,
}

/// How a log stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) exists: bool,
    pub(crate) trouble: Option<&'static str>,
    pub(crate) size: u64,
    pub(crate) total_lines: Option<u64>,
    pub(crate) indexed: u64,
    pub(crate) generation: u64,
    /// What has become of the file since it was last looked at.
    pub(crate) broke: Option<LogBreak>,
}

impl Shelf {
    /// As the settings allow it.
    pub(crate) fn new(root: &Root, settings: &Settings) -> Shelf {
        let mut roots = vec![root.tasks_dir()];
        roots.extend(settings.log_roots.iter().map(|path| root.path().join(path)));
        let never = vec![root.config_dir(), root.settings_path(), root.rules_path(settings)];
        Shelf {
            allowed: Allowed {
                roots,
                never,
                uid: nix::unistd::geteuid().as_raw(),
            },
            known: Mutex::default(),
            clock: AtomicU64::new(0),
        }
    }

    /// Which files may be opened as logs.
    pub(crate) fn allowed(&self) -> &Allowed {
        &self.allowed
    }

    /// Opens a log, and looks at how it stands.
    pub(crate) fn open(&self, path: &Path) -> (Result<Log, Refused>, Standing) {
        let log = self.allowed.open(path);
        let standing = self.look(path, &log);
        (log, standing)
    }

    /// Does something with a log and its index.
    pub(crate) fn with_index<T>(&self, path: &Path, work: impl FnOnce(&Index) -> T) -> T {
        work(&lock(&self.entry(path).known).index)
    }

    fn entry(&self, path: &Path) -> Arc<Entry> {
        let now = self.clock.fetch_add(1, Ordering::Relaxed);
        let mut known = lock(&self.known);
        if known.len() >= limits::KNOWN_LOGS && !known.contains_key(path) {
            let oldest = known
                .iter()
                .min_by_key(|(_, entry)| entry.used.load(Ordering::Relaxed))
                .map(|(path, _)| path.clone());
            oldest.and_then(|path| known.remove(&path));
        }
        let entry = known.entry(path.to_path_buf()).or_insert_with(|| {
            Arc::new(Entry {
                known: Mutex::default(),
                used: AtomicU64::new(now),
            })
        });
        entry.used.store(now, Ordering::Relaxed);
        Arc::clone(entry)
    }

    fn look(&self, path: &Path, log: &Result<Log, Refused>) -> Standing {
        let entry = self.entry(path);
        let mut known = lock(&entry.known);
        match log {
            Ok(log) => known.look(log).unwrap_or_else(|error| {
                tracing::warn!("{error}");
                known.gone(Some("unreadable"))
            }),
            Err(Refused::Absent(_)) => known.gone(None),
            Err(refused) => known.gone(Some(refusal(refused).code)),
        }
    }
}

impl Known {
    fn look(&mut self, log: &Log) -> Result<Standing, gpuyard_store::StoreError> {
        let (inode, size) = (log.inode()?, log.size()?);
        let fits = self.index.check(log)?.map_err(|broken| match broken {
            Broken::Rotated => LogBreak::Rotated,
            Broken::Truncated => LogBreak::Truncated,
            Broken::Rewritten => LogBreak::Rewritten,
        });
        let broke = match fits {
            Err(broke) => Some(broke),
            // Beyond what is counted, inode and size are all that is known.
            Ok(()) if self.size > 0 && inode != self.inode => Some(LogBreak::Rotated),
            Ok(()) if size < self.size => Some(LogBreak::Truncated),
            Ok(()) => None,
        };
        if broke.is_some() {
            self.generation += 1;
            self.index = Index::default();
        }
        (self.inode, self.size, self.exists) = (inode, size, true);
        self.index.extend(log, limits::LOG_COUNTED_AT_ONCE)?;
        Ok(Standing {
            exists: true,
            trouble: None,
            size,
            total_lines: self.index.total_lines(size),
            indexed: self.index.position(),
            generation: self.generation,
            broke,
        })
    }

    /// Nothing that can be read stands there now.
    fn gone(&mut self, trouble: Option<&'static str>) -> Standing {
        self.exists = false;
        Standing {
            trouble,
            generation: self.generation,
            ..Standing::default()
        }
    }
}

impl Standing {
    /// As it is told.
    pub(crate) fn head(&self, asked: &Asked, refused: Option<&ApiError>, lang: gpuyard_core::model::Lang) -> LogHead {
        LogHead {
            log_path: asked.path.display().to_string(),
            exists: self.exists,
            trouble: refused
                .filter(|_| self.trouble.is_some())
                .map(|error| error.message.get(lang).to_owned()),
            size: self.size,
            total_lines: self.total_lines,
            indexed: self.indexed,
            generation: self.generation,
            exit: asked.exit(),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left behind is checked against the file at the next look.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
