//! What is known of the logs that were asked for: their lines as far as they are counted, and which of several files of one
//! name it is by now.
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use gpuyard_core::{
    model::Settings,
    wire::{LogBreak, LogHead},
};
use gpuyard_store::{
    Root,
    logs::{Allowed, Broken, Index, Kept, Log, Refused},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Asked, counter::Counter, which::refusal};
use crate::{error::ApiError, limits};

/// Bytes that are counted beyond what is kept before it is kept anew.
const KEEP_AFTER: u64 = 256 << 20;

/// The logs that are known.
pub(crate) struct Shelf {
    inside: Arc<Inside>,
    counter: Counter,
    /// Room for searches: each takes a core.
    searches: Arc<Semaphore>,
    /// Room for those who follow.
    streams: Arc<Semaphore>,
}

/// What the shelf shares with the thread that counts.
pub(super) struct Inside {
    allowed: RwLock<Arc<Allowed>>,
    /// Where indices are kept.
    folder: PathBuf,
    known: Mutex<HashMap<PathBuf, Arc<Entry>>>,
    clock: AtomicU64,
}

struct Entry {
    known: Mutex<Known>,
    /// The shelf's clock when it was last asked for.
    used: AtomicU64,
    /// It waits for the thread that counts.
    queued: AtomicBool,
}

/// What is known of one log.
#[derive(Default)]
struct Known {
    index: Index,
    generation: u64,
    inode: u64,
    size: u64,
    exists: bool,
    /// What is kept on disk was looked for.
    recalled: bool,
    /// Bytes whose count is kept on disk.
    kept: u64,
    /// A generation that is kept nowhere yet.
    unkept: bool,
    /// What began this generation.
    broke: Option<LogBreak>,
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
    /// What began this generation.
    pub(crate) broke: Option<LogBreak>,
}

impl Shelf {
    /// As the settings allow it.
    pub(crate) fn new(root: &Root, settings: &Settings) -> Shelf {
        Shelf {
            inside: Arc::new(Inside {
                allowed: RwLock::new(Arc::new(allowed(root, settings))),
                folder: root.log_index_dir(),
                known: Mutex::default(),
                clock: AtomicU64::new(0),
            }),
            counter: Counter::default(),
            searches: Arc::new(Semaphore::new(limits::SEARCHES)),
            streams: Arc::new(Semaphore::new(limits::LOG_STREAMS)),
        }
    }

    /// Which files may be opened as logs.
    pub(crate) fn allowed(&self) -> Arc<Allowed> {
        self.inside.allowed()
    }

    /// Goes by other settings from now on.
    pub(crate) fn follow(&self, root: &Root, settings: &Settings) {
        let allowed = Arc::new(allowed(root, settings));
        *self.inside.allowed.write().unwrap_or_else(PoisonError::into_inner) = allowed;
    }

    /// Room for searches.
    pub(crate) fn searches(&self) -> Arc<Semaphore> {
        Arc::clone(&self.searches)
    }

    /// A place for one more who follows a log, until it is dropped; `None` where there is none.
    pub(crate) fn stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// Opens a log, and looks at how it stands.
    pub(crate) fn open(&self, path: &Path) -> (Result<Log, Refused>, Standing) {
        let log = self.inside.allowed().open(path);
        let (standing, more) = self.inside.look(path, &log);
        if more {
            self.counter.count(&self.inside, path.to_path_buf());
        }
        (log, standing)
    }

    /// Does something with a log's index.
    pub(crate) fn with_index<T>(&self, path: &Path, work: impl FnOnce(&Index) -> T) -> T {
        work(&lock(&self.inside.entry(path).known).index)
    }
}

/// Which files may be shown: our tasks' own logs, what lies below `log-roots`, and what is our user's; never our configuration, nor
/// the command line's, where a token stands.
fn allowed(root: &Root, settings: &Settings) -> Allowed {
    let mut roots = vec![root.tasks_dir()];
    roots.extend(settings.log_roots.iter().map(|path| root.path().join(path)));
    let mut never = vec![root.config_dir(), root.settings_path(), root.rules_path(settings)];
    never.push(root.logins_dir());
    never.extend(settings.tls_key.iter().map(|path| root.path().join(path)));
    let uid = nix::unistd::geteuid();
    let home = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.dir);
    never.extend(home.map(|home| home.join(".config/gpuyard")));
    Allowed {
        roots,
        never,
        uid: uid.as_raw(),
    }
}

impl Inside {
    fn allowed(&self) -> Arc<Allowed> {
        Arc::clone(&self.allowed.read().unwrap_or_else(PoisonError::into_inner))
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
                queued: AtomicBool::new(false),
            })
        });
        entry.used.store(now, Ordering::Relaxed);
        Arc::clone(entry)
    }

    /// How a log stands, and whether there is more to count or to keep.
    fn look(&self, path: &Path, log: &Result<Log, Refused>) -> (Standing, bool) {
        let entry = self.entry(path);
        let mut known = lock(&entry.known);
        let standing = match log {
            Ok(log) => {
                known.recall(&self.folder, path, log);
                known.look(log).unwrap_or_else(|error| {
                    tracing::warn!("{error}");
                    known.gone(Some("unreadable"))
                })
            }
            Err(Refused::Absent(_)) => known.gone(None),
            Err(refused) => known.gone(Some(refusal(refused).code)),
        };
        let uncounted = standing.exists && standing.indexed < standing.size;
        let more = uncounted || known.unkept || known.index.position() >= known.kept + KEEP_AFTER;
        (standing, more)
    }

    /// Notes that a log waits to be counted; false where it does already.
    pub(super) fn queue(&self, path: &Path) -> bool {
        !self.entry(path).queued.swap(true, Ordering::Relaxed)
    }

    /// It does no longer.
    pub(super) fn dequeue(&self, path: &Path) {
        self.entry(path).queued.store(false, Ordering::Relaxed);
    }

    /// Counts on. Whether it is at the end; `None` where it can no longer be read.
    pub(super) fn count(&self, path: &Path, bytes: u64) -> Option<bool> {
        let log = self.allowed().open(path).ok()?;
        let entry = self.entry(path);
        let mut known = lock(&entry.known);
        known.look(&log).ok()?;
        known.index.extend(&log, bytes).ok()
    }

    /// Keeps what is known of a log on disk, where that is worth it.
    pub(super) fn keep(&self, path: &Path, from: u64) {
        let entry = self.entry(path);
        let kept = {
            let mut known = lock(&entry.known);
            let worth = known.index.position() >= from && known.index.position() > known.kept;
            if !worth && !known.unkept {
                return;
            }
            (known.kept, known.unkept) = (known.index.position(), false);
            Kept {
                index: known.index.clone(),
                generation: known.generation,
            }
        };
        if let Err(error) = kept.save(&self.folder, path) {
            tracing::warn!("what is known of the lines of {} is not kept: {error}", path.display());
        }
    }
}

impl Known {
    /// Looks for what is kept on disk, once; it is believed where it fits.
    fn recall(&mut self, folder: &Path, path: &Path, log: &Log) {
        if std::mem::replace(&mut self.recalled, true) {
            return;
        }
        let Some(kept) = Kept::load(folder, path) else { return };
        self.generation = kept.generation;
        match kept.index.check(log) {
            Ok(Ok(())) => {
                self.kept = kept.index.position();
                self.index = kept.index;
            }
            // Another file than the one before this daemon's time.
            Ok(Err(broken)) => self.begin_anew(told(broken)),
            Err(error) => tracing::debug!("{error}"),
        }
    }

    fn begin_anew(&mut self, broke: LogBreak) {
        self.generation += 1;
        self.broke = Some(broke);
        self.index = Index::default();
        (self.kept, self.unkept) = (0, true);
    }

    fn look(&mut self, log: &Log) -> Result<Standing, gpuyard_store::StoreError> {
        let (inode, size) = (log.inode()?, log.size()?);
        let broke = match self.index.check(log)? {
            Err(broken) => Some(told(broken)),
            // Beyond what is counted, inode and size are all that is known.
            Ok(()) if self.size > 0 && inode != self.inode => Some(LogBreak::Rotated),
            Ok(()) if size < self.size => Some(LogBreak::Truncated),
            Ok(()) => None,
        };
        if let Some(broke) = broke {
            self.begin_anew(broke);
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
            broke: self.broke,
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

fn told(broken: Broken) -> LogBreak {
    match broken {
        Broken::Rotated => LogBreak::Rotated,
        Broken::Truncated => LogBreak::Truncated,
        Broken::Rewritten => LogBreak::Rewritten,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What a panic left behind is checked against the file at the next look.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
