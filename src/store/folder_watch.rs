//! Tells that something in a folder has changed.
use std::{
    path::Path,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::Duration,
};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher, event::ModifyKind};

use crate::{StoreError, network};

/// How often is told where nothing tells us.
const POLL: Duration = Duration::from_secs(1);

/// Watches a folder until it is dropped.
pub struct FolderWatch {
    /// `None` where inotify gave out, or would say nothing; then a thread tells once a second.
    _watcher: Option<RecommendedWatcher>,
    /// Dropped, it ends that thread.
    _end: Option<Sender<()>>,
}

impl FolderWatch {
    /// Calls `tell`, from a thread of its own, each time something in the folder was made, written, renamed or removed.
    /// It may be called for nothing. Too few inotify watches are no error: then it is called once a second.
    pub fn new(folder: &Path, tell: impl Fn() + Send + Clone + 'static) -> Result<FolderWatch, StoreError> {
        // That somebody reads is no reason to look.
        FolderWatch::of(folder, |kind| !matches!(kind, EventKind::Access(_)), tell)
    }

    /// The same for which names are there alone: nothing is told of a file that is written, which may be empty for a
    /// moment; a [`FileWatch`](crate::watch::FileWatch) tells of that when it is whole.
    pub fn of_names(folder: &Path, tell: impl Fn() + Send + Clone + 'static) -> Result<FolderWatch, StoreError> {
        FolderWatch::of(folder, changes_names, tell)
    }

    fn of(
        folder: &Path,
        counts: impl Fn(&EventKind) -> bool + Send + 'static,
        tell: impl Fn() + Send + Clone + 'static,
    ) -> Result<FolderWatch, StoreError> {
        if network::file_system(folder).is_none() {
            let told = tell.clone();
            // What cannot be understood (an overflow, say) is a reason to look as well.
            let heard = move |event: notify::Result<notify::Event>| {
                if event.map_or(true, |event| event.need_rescan() || counts(&event.kind)) {
                    told();
                }
            };
            let watch = notify::recommended_watcher(heard)
                .and_then(|mut watcher| watcher.watch(folder, RecursiveMode::NonRecursive).map(|()| watcher));
            match watch {
                Ok(watcher) => {
                    return Ok(FolderWatch {
                        _watcher: Some(watcher),
                        _end: None,
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot watch {} for changes: looking once a second", folder.display())
                }
            }
        }
        let (end, ended) = mpsc::channel::<()>();
        thread::Builder::new()
            .name("folder-watch".into())
            .spawn(move || {
                while ended.recv_timeout(POLL) == Err(RecvTimeoutError::Timeout) {
                    tell();
                }
            })
            .map_err(StoreError::io("watch", folder))?;
        Ok(FolderWatch {
            _watcher: None,
            _end: Some(end),
        })
    }
}

fn changes_names(kind: &EventKind) -> bool {
    use EventKind::{Any, Create, Modify, Other, Remove};
    matches!(kind, Create(_) | Remove(_) | Modify(ModifyKind::Name(_)) | Any | Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (sender, told) = mpsc::channel();
        let _watch = FolderWatch::new(folder.path(), move || sender.send(()).unwrap_or_default()).unwrap();
        std::fs::write(folder.path().join("a"), "x").unwrap();
        told.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    #[test]
    fn a_write_changes_no_name() {
        use notify::event::{AccessKind, AccessMode, CreateKind, DataChange, MetadataKind, RemoveKind, RenameMode};
        let written = [
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Modify(ModifyKind::Data(DataChange::Any)),
            EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)),
        ];
        let named = [
            EventKind::Create(CreateKind::File),
            EventKind::Remove(RemoveKind::File),
            EventKind::Modify(ModifyKind::Name(RenameMode::To)),
            EventKind::Other,
        ];
        assert_eq!(written.map(|kind| changes_names(&kind)), [false; 3]);
        assert_eq!(named.map(|kind| changes_names(&kind)), [true; 4]);
    }
}
