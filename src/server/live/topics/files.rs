//! `files`: which version each editable file has, so that a page that shows one knows when to read it again.
use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuyard_core::model::{Mode, Rules};
use gpuyard_store::{
    FolderWatch, StoreError, commands,
    file::{self, Version},
    rules, settings,
    watch::FileWatch,
};
use serde::Serialize;
use tokio::sync::Notify;

use crate::{
    app::App,
    error::ApiError,
    live::{Draft, Source, Wait},
};

/// A file of rules, settings or bindings.
#[derive(Serialize)]
struct Single {
    etag: Option<String>,
    error: Option<String>,
}

/// A command file.
#[derive(Serialize)]
struct Command {
    etag: Option<String>,
    exists: bool,
    file_name: String,
    error: Option<String>,
}

pub(super) struct Files {
    app: Arc<App>,
    changed: Arc<Notify>,
    /// The files that are watched, and what watches them.
    watched: BTreeSet<PathBuf>,
    watches: Option<Watches>,
}

/// Until they are dropped, files and the folders that new ones come into are watched.
struct Watches {
    _files: FileWatch,
    _folders: Vec<FolderWatch>,
}

impl Files {
    pub(super) fn new(app: &Arc<App>) -> Files {
        Files {
            app: Arc::clone(app),
            changed: Arc::default(),
            watched: BTreeSet::new(),
            watches: None,
        }
    }

    /// Watches these files, and the folders of command files for new ones.
    fn watch(&mut self, paths: BTreeSet<PathBuf>, folders: BTreeSet<PathBuf>) -> Result<(), StoreError> {
        if self.watched == paths && self.watches.is_some() {
            return Ok(());
        }
        let tell = Arc::clone(&self.changed);
        let files = FileWatch::new(paths.iter().cloned(), move |_| tell.notify_one())?;
        let mut seen = Vec::new();
        for folder in folders.iter().filter(|folder| folder.is_dir()) {
            let tell = Arc::clone(&self.changed);
            seen.push(FolderWatch::of_names(folder, move || tell.notify_one())?);
        }
        self.watches = Some(Watches {
            _files: files,
            _folders: seen,
        });
        self.watched = paths;
        // What changed before this is seen by another look.
        self.changed.notify_one();
        Ok(())
    }
}

impl Source for Files {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        let app = Arc::clone(&self.app);
        let (rules_path, settings_path, bindings_path) = (
            app.root.rules_path(&app.settings()),
            app.root.settings_path(),
            app.root.bindings_path(),
        );
        let mut paths = BTreeSet::from([rules_path.clone(), settings_path.clone(), bindings_path.clone()]);
        let mut folders = BTreeSet::new();
        let (version, trouble) =
            parted(rules::load_versioned(&rules_path).map(|loaded| (loaded.version, loaded.rules)));
        let rules: Rules = match version {
            Some((version, rules)) => {
                draft.put("rules", &single(Some(version), trouble))?;
                rules
            }
            None => {
                draft.put("rules", &single(raw(&rules_path), trouble))?;
                Rules::default()
            }
        };
        let (version, trouble) = parted(settings::load_versioned(&settings_path).map(|loaded| loaded.version));
        draft.put("settings", &single(version.or_else(|| raw(&settings_path)), trouble))?;
        draft.put("bindings", &single(raw(&bindings_path), set_aside(&app)))?;
        for mode in [Mode::Single, Mode::Multi] {
            for listed in commands::list(&app.root, &rules, mode)? {
                let (version, error) = parted(commands::load(&listed.path, mode).map(|loaded| loaded.version));
                let file_name = listed
                    .path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                let command = Command {
                    etag: version.as_ref().map(Version::to_string),
                    exists: listed.exists,
                    file_name,
                    // One that is not there is no trouble.
                    error: error.filter(|_| listed.exists),
                };
                draft.put(&listed.key.to_string(), &command)?;
                folders.extend(listed.path.parent().map(Path::to_owned));
                paths.insert(listed.path);
            }
        }
        self.watch(paths, folders)?;
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.changed.notified())
    }
}

/// Word of bindings that could not be read, until a person has looked at them and removed them.
fn set_aside(app: &App) -> Option<String> {
    let kept = app.bindings.set_aside();
    let names: Vec<String> = kept.iter().map(|path| path.display().to_string()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "log_bindings.json could not be read and is kept as {}; mend it, or remove it",
            names.join(", ")
        )
    })
}

fn parted<T>(read: Result<T, StoreError>) -> (Option<T>, Option<String>) {
    match read {
        Ok(read) => (Some(read), None),
        Err(error) => (None, Some(error.to_string())),
    }
}

fn single(version: Option<Version>, error: Option<String>) -> Single {
    Single {
        etag: version.as_ref().map(Version::to_string),
        error,
    }
}

/// The version of a file that may be anything; `None` where it is not there.
fn raw(path: &Path) -> Option<Version> {
    let bytes = file::read_bounded(path, commands::MOST_BYTES).ok()?;
    Some(Version::of(&bytes))
}
