//! Tells when to look at a log again: at once when a still one changes, at a bounded rate while it grows.
use std::{path::PathBuf, sync::Arc};

use gpuyard_store::FolderWatch;
use tokio::{sync::Notify, time::Instant};

use crate::limits;

/// How often is looked all the same: whatever inotify should miss is seen then.
const SAFETY: std::time::Duration = std::time::Duration::from_secs(5);

/// Looks out for changes of one log.
pub(crate) struct LogWatch {
    folder: Option<PathBuf>,
    changed: Arc<Notify>,
    /// Only while the log stands still: each write of a busy one would wake us.
    eyes: Option<FolderWatch>,
    grew: Instant,
}

impl LogWatch {
    /// For the log at a path; its folder may not be there yet.
    pub(crate) fn new(path: &std::path::Path) -> LogWatch {
        LogWatch {
            folder: path.parent().map(PathBuf::from),
            changed: Arc::default(),
            eyes: None,
            grew: Instant::now(),
        }
    }

    /// Says that the last look found something new.
    pub(crate) fn found_news(&mut self) {
        self.grew = Instant::now();
        self.eyes = None;
    }

    /// Waits until it is time to look again.
    pub(crate) async fn changed(&mut self) {
        if self.eyes.is_some() {
            let _ = tokio::time::timeout(SAFETY, self.changed.notified()).await;
        } else if self.grew.elapsed() >= limits::LOG_STILL && self.open_eyes().await {
            // What changed before they were open is seen by this look.
            return;
        }
        tokio::time::sleep(limits::LOG_LOOK).await;
    }

    async fn open_eyes(&mut self) -> bool {
        let Some(folder) = self.folder.clone().filter(|folder| folder.is_dir()) else {
            return false;
        };
        let tell = Arc::clone(&self.changed);
        let opened =
            tokio::task::spawn_blocking(move || FolderWatch::new(&folder, move || tell.notify_one()).ok()).await;
        self.eyes = opened.ok().flatten();
        self.eyes.is_some()
    }
}
