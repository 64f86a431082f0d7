//! Keeps log bindings with their tasks while command files are edited, by whomever.
use std::{collections::BTreeSet, path::PathBuf, sync::Arc, time::Duration};

use gpuyard_core::model::Mode;
use gpuyard_store::FolderWatch;
use tokio::sync::{Notify, watch};

use crate::{app::App, connection::ending};

/// An editor may write a file in several steps.
const SETTLE: Duration = Duration::from_millis(300);
/// How often is looked all the same: the rules may name other command files by then.
const SAFETY: Duration = Duration::from_secs(60);

/// Works until the daemon ends. Edits that were made while no daemon ran are followed first.
pub(crate) async fn keep(app: Arc<App>, mut end: watch::Receiver<bool>) {
    let changed = Arc::new(Notify::new());
    let mut watched = BTreeSet::new();
    let mut watches: Vec<FolderWatch> = Vec::new();
    loop {
        let tell = Arc::clone(&changed);
        let before = watched.clone();
        let looked = app
            .blocking(move |app| {
                let folders = folders(app);
                let fresh = (folders != before).then(|| {
                    let watch = |folder: &PathBuf| {
                        let tell = Arc::clone(&tell);
                        FolderWatch::new(folder, move || tell.notify_one()).ok()
                    };
                    folders.iter().filter_map(watch).collect()
                });
                // After the watches: what changes from here on is told.
                app.follow_bindings()?;
                Ok((folders, fresh))
            })
            .await;
        // An error was said where it was made.
        if let Ok((folders, fresh)) = looked {
            watched = folders;
            watches = fresh.unwrap_or(watches);
        }
        tokio::select! {
            () = ending(&mut end) => return,
            _ = tokio::time::timeout(SAFETY, changed.notified()) => {}
        }
        tokio::time::sleep(SETTLE).await;
    }
}

/// Where command files lie.
fn folders(app: &App) -> BTreeSet<PathBuf> {
    let rules = app.rules();
    [Mode::Single, Mode::Multi]
        .into_iter()
        .filter_map(|mode| app.root.first_command_path(&rules, mode).parent().map(PathBuf::from))
        .filter(|folder| folder.is_dir())
        .collect()
}
