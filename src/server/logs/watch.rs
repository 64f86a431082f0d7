//! Tells when to look at a log again: at once when a still one changes, at a bounded rate while it grows.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuyard_store::FolderWatch;
use tokio::{sync::Notify, time::Instant};

use crate::limits;

/// How often is looked all the same: whatever inotify should miss is seen then.
const SAFETY: std::time::Duration = std::time::Duration::from_secs(5);

/// Looks out for changes of one log.
pub(crate) struct LogWatch {
    folders: Vec<PathBuf>,
    changed: Arc<Notify>,
    /// Only while the log stands still: each write of a busy one would wake us.
    eyes: Vec<FolderWatch>,
    grew: Instant,
}

impl LogWatch {
    /// For the log at a path; its folder may not be there yet. Another one may tell that it is another log now.
    pub(crate) fn new(path: &Path, told_in: Option<&Path>) -> LogWatch {
        LogWatch {
            folders: path.parent().into_iter().chain(told_in).map(PathBuf::from).collect(),
            changed: Arc::default(),
            eyes: Vec::new(),
            grew: Instant::now(),
        }
    }

    /// Says that the last look found something new.
    pub(crate) fn found_news(&mut self) {
        self.grew = Instant::now();
        self.eyes.clear();
    }

    /// Waits until it is time to look again.
    pub(crate) async fn changed(&mut self) {
        if !self.eyes.is_empty() {
            let _ = tokio::time::timeout(SAFETY, self.changed.notified()).await;
        } else if self.grew.elapsed() >= limits::LOG_STILL && self.open_eyes().await {
            // What changed before they were open is seen by this look.
            return;
        }
        tokio::time::sleep(limits::LOG_LOOK).await;
    }

    async fn open_eyes(&mut self) -> bool {
        let (folders, changed) = (self.folders.clone(), Arc::clone(&self.changed));
        let open = move || {
            let there = folders.iter().filter(|folder| folder.is_dir());
            let eyes = there.filter_map(|folder| {
                let tell = Arc::clone(&changed);
                FolderWatch::new(folder, move || tell.notify_one()).ok()
            });
            eyes.collect()
        };
        self.eyes = tokio::task::spawn_blocking(open).await.unwrap_or_default();
        !self.eyes.is_empty()
    }
}
