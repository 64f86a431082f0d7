//! The inotify watches that tell when to look at files: on the folders that they, and the links on the way, lie in.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc::Sender},
};

use notify::{
    Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode},
};

use super::Wake;
use crate::{file::folder_of, network};

/// Links followed on the way to a file.
const MOST_LINKS: usize = 40;

/// Watches on folders, kept in step with where the files lie.
pub(super) struct Eyes {
    /// `None` where inotify gave out, or would say nothing of what other machines do.
    watcher: Option<RecommendedWatcher>,
    /// Watched folders, and which ones they were (device, inode): another one of that name needs a watch of its own.
    folders: BTreeMap<PathBuf, (u64, u64)>,
    /// The files, and the links on the way: events of others are no reason to look.
    wanted: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Eyes {
    /// Sends a wake with each event that may concern a file that is followed.
    pub(super) fn new(wake: Sender<Wake>) -> Eyes {
        let wanted = Arc::new(Mutex::new(BTreeSet::new()));
        let of = wanted.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Errors, an overflow among them, are a reason to look as well.
            let unrelated =
                event.is_ok_and(|event| !concerns(&event, &of.lock().unwrap_or_else(PoisonError::into_inner)));
            if !unrelated {
                // A receiver that is gone needs no telling.
                let _ = wake.send(Wake::Look);
            }
        });
        let watcher = watcher.inspect_err(give_up).ok();
        Eyes {
            watcher,
            folders: BTreeMap::new(),
            wanted,
        }
    }

    /// As if inotify had given out.
    #[cfg(test)]
    pub(super) fn shut() -> Eyes {
        Eyes {
            watcher: None,
            folders: BTreeMap::new(),
            wanted: Arc::default(),
        }
    }

    /// Whether nothing is told.
    pub(super) fn are_shut(&self) -> bool {
        self.watcher.is_none()
    }

    /// Watches where these files lie now. Cheap where nothing has moved.
    pub(super) fn follow(&mut self, paths: impl IntoIterator<Item = impl AsRef<Path>>) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<PathBuf> = paths.into_iter().flat_map(|path| way(path.as_ref())).collect();
        let folders: BTreeMap<PathBuf, (u64, u64)> = wanted.iter().flat_map(|path| folders(path)).collect();
        let mut failed = None;
        for (folder, id) in &folders {
            if self.folders.get(folder) == Some(id) {
                continue;
            }
            if let Some(kind) = network::file_system(folder) {
                tracing::info!(folder = %folder.display(), "on {kind}, which tells of no changes by other machines: looking once a second");
                self.watcher = None;
                return;
            }
            // The watch of a folder that bore this name before goes first; it may be gone with its folder.
            if self.folders.contains_key(folder) {
                let _ = watcher.unwatch(folder);
            }
            match watcher.watch(folder, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.folders.insert(folder.clone(), *id);
                }
                // Gone again meanwhile: the watch on the folder above it tells when it comes back.
                Err(error) if is_not_found(&error) => {}
                Err(error) => failed = Some(error),
            }
        }
        for gone in self.folders.keys().filter(|folder| !folders.contains_key(*folder)) {
            let _ = watcher.unwatch(gone);
        }
        self.folders.retain(|folder, _| folders.contains_key(folder));
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = wanted;
        if let Some(error) = failed {
            give_up(&error);
            self.watcher = None;
        }
    }
}

fn give_up(error: &notify::Error) {
    tracing::warn!(%error, "cannot watch for changes: looking once a second");
}

fn is_not_found(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == io::ErrorKind::NotFound,
        _ => false,
    }
}

/// Whether an event may be about one of these paths: it, or a folder above it. That somebody reads is not.
fn concerns(event: &Event, wanted: &BTreeSet<PathBuf>) -> bool {
    let read = matches!(event.kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write));
    let near = || {
        event
            .paths
            .iter()
            .any(|path| wanted.iter().any(|wanted| wanted.starts_with(path)))
    };
    event.need_rescan() || event.paths.is_empty() || (!read && near())
}

/// A file's path, and every path that the links on the way to it lead through.
fn way(path: &Path) -> Vec<PathBuf> {
    let mut way = vec![path.to_path_buf()];
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        // Where a folder on the way is a link, what it leads to has to be watched too.
        let real = fs::canonicalize(folder_of(&path))
            .ok()
            .zip(path.file_name())
            .map(|(dir, name)| dir.join(name));
        if let Some(real) = real.filter(|real| *real != path) {
            way.push(real);
        }
        match fs::read_link(&path) {
            Ok(next) => path = folder_of(&path).join(next),
            Err(_) => break,
        }
        way.push(path.clone());
    }
    way
}

/// The folder of a path and the one above that: where the folder is exchanged, the latter tells. For what is not there
/// yet, the nearest two above it that are.
fn folders(path: &Path) -> Vec<(PathBuf, (u64, u64))> {
    path.ancestors()
        .skip(1)
        .map(|folder| {
            if folder == Path::new("") {
                Path::new(".")
            } else {
                folder
            }
        })
        .filter_map(|folder| {
            let meta = fs::metadata(folder).ok().filter(fs::Metadata::is_dir)?;
            Some((folder.to_path_buf(), (meta.dev(), meta.ino())))
        })
        .take(2)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_a_reason_to_look() {
        let wanted = BTreeSet::from([PathBuf::from("/r/config/a.yaml")]);
        let event = |kind, path: &str| Event::new(kind).add_path(path.into());
        let modify = EventKind::Modify(notify::event::ModifyKind::Any);
        assert!(concerns(&event(modify, "/r/config/a.yaml"), &wanted));
        assert!(concerns(&event(modify, "/r/config"), &wanted));
        assert!(!concerns(&event(modify, "/r/config/b.yaml"), &wanted));
        assert!(!concerns(
            &event(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/r/config/a.yaml"),
            &wanted
        ));
        let written = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert!(concerns(&event(written, "/r/config/a.yaml"), &wanted));
        assert!(concerns(&Event::new(EventKind::Other), &wanted));
    }

    #[test]
    fn a_looping_link_ends() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop");
        std::os::unix::fs::symlink(&path, &path).unwrap();
        assert!(way(&path).len() <= 2 * MOST_LINKS + 2);
    }
}
