//! Reads a run's state without touching it; sets aside what cannot be read, where its owner says so.
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use gpuyard_core::model::RunId;

use super::{Record, Snapshot, journal};
use crate::{StoreError, file};

/// More than the snapshot of a hundred thousand tasks.
const MOST_BYTES: u64 = 1 << 30;
/// Readers look again so often when a new snapshot is written while they read.
const TRIES: usize = 20;

/// A run as it stands on disk.
#[derive(Debug)]
pub struct Loaded<R, E> {
    /// The snapshot.
    pub snapshot: R,
    /// Events after it, in order, without gaps.
    pub events: Vec<E>,
    /// What was odd: lines that cannot be read, in words that name file and line.
    pub findings: Vec<String>,
    /// The last line was torn by a crash in the middle of its write.
    pub torn: bool,
    /// Bytes of the journal up to the end of its last whole line.
    pub(super) journal_bytes: u64,
    /// Bytes of the snapshot.
    pub(super) snapshot_bytes: u64,
    /// The journal is damaged beyond a torn last line.
    pub(super) damaged: bool,
}

/// Reads a run's state. Changes nothing: a scheduler may be writing it.
pub fn load<R: Snapshot, E: Record>(dir: &Path, run: &RunId) -> Result<Loaded<R, E>, StoreError> {
    for _ in 1..TRIES {
        if let Some(loaded) = try_load(dir, run)? {
            return Ok(loaded);
        }
    }
    // The journal is not there although nobody makes new snapshots: what the snapshot says is all there is.
    let (snapshot, snapshot_bytes) = read_snapshot::<R>(dir, run)?;
    let path = journal::journal_path(dir, run, snapshot.generation());
    Ok(Loaded {
        snapshot,
        events: Vec::new(),
        findings: vec![format!(
            "{} is missing: events since the last snapshot are lost",
            path.display()
        )],
        torn: false,
        journal_bytes: 0,
        snapshot_bytes,
        damaged: true,
    })
}

/// Snapshot and journal; `None` where the journal went away in between, because a newer snapshot came.
fn try_load<R: Snapshot, E: Record>(dir: &Path, run: &RunId) -> Result<Option<Loaded<R, E>>, StoreError> {
    let (snapshot, snapshot_bytes) = read_snapshot::<R>(dir, run)?;
    let path = journal::journal_path(dir, run, snapshot.generation());
    let bytes = match file::read_bounded(&path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error),
    };
    let read = journal::read::<E>(&bytes);
    let mut findings: Vec<String> = Vec::new();
    for (line, reason) in &read.broken {
        findings.push(format!("{}, line {line}: {reason}; it is passed over", path.display()));
    }
    let mut next = snapshot.seq() + 1;
    let mut events = Vec::new();
    let mut beyond = 0;
    for event in read.events {
        if event.seq() == next && beyond == 0 {
            next += 1;
            events.push(event);
        } else if event.seq() >= next {
            beyond += 1;
        }
    }
    if beyond > 0 {
        findings.push(format!(
            "{}: event {next} is missing, and {beyond} after it cannot be applied without it",
            path.display()
        ));
    }
    Ok(Some(Loaded {
        snapshot,
        events,
        damaged: !findings.is_empty(),
        findings,
        torn: read.whole < bytes.len(),
        journal_bytes: read.whole as u64,
        snapshot_bytes,
    }))
}

/// Reads a snapshot alone.
pub(super) fn read_snapshot<R: Snapshot>(dir: &Path, run: &RunId) -> Result<(R, u64), StoreError> {
    /// Only the version, so that another one is named before its fields are tripped over.
    #[derive(serde::Deserialize)]
    struct Head {
        version: u64,
    }
    let path = journal::snapshot_path(dir, run);
    let corrupt = |reason: String| StoreError::Corrupt {
        path: path.clone(),
        reason,
    };
    let bytes = file::read_bounded(&path, MOST_BYTES)?;
    let head: Head = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
    if head.version != u64::from(R::VERSION) {
        return Err(StoreError::UnknownVersion {
            path,
            found: head.version,
            known: R::VERSION,
        });
    }
    let snapshot: R = serde_json::from_slice(&bytes).map_err(|error| corrupt(error.to_string()))?;
    if snapshot.run_id() != run {
        return Err(corrupt(format!("it is the state of run {}", snapshot.run_id())));
    }
    Ok((snapshot, bytes.len() as u64))
}

/// A run that has files in the state folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub run_id: RunId,
    /// It has a snapshot, readable or not. Without one a crash came before its first, and nothing was begun.
    pub has_snapshot: bool,
    /// Files of it that were set aside.
    pub broken: Vec<PathBuf>,
}

/// Every run that has files in the folder, in order of their ids (which is the order of time). No folder: no runs.
pub fn list(dir: &Path) -> Result<Vec<Listed>, StoreError> {
    let mut runs: BTreeMap<RunId, Listed> = BTreeMap::new();
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list folder", dir)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list folder", dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let (kept, broken) = match name.rsplit_once(".broken-") {
            Some((before, number)) if number.parse::<u32>().is_ok() => (before, true),
            _ => (name, false),
        };
        let snapshot = kept.strip_suffix(".json").map(|run| RunId(run.into()));
        let Some(run_id) = snapshot
            .clone()
            .or_else(|| journal::journal_name(kept).map(|(run, _)| run))
        else {
            continue;
        };
        let listed = runs.entry(run_id.clone()).or_insert_with(|| Listed {
            run_id,
            has_snapshot: false,
            broken: Vec::new(),
        });
        if broken {
            listed.broken.push(entry.path());
        } else if snapshot.is_some() {
            listed.has_snapshot = true;
        }
    }
    Ok(runs.into_values().collect())
}

/// Every file of a run in the folder, set-aside ones not counted.
pub(super) fn files(dir: &Path, run: &RunId) -> Result<Vec<PathBuf>, StoreError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(StoreError::io("list folder", dir))? {
        let entry = entry.map_err(StoreError::io("list folder", dir))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let of_run = name.strip_suffix(".json") == Some(run.as_str())
            || journal::journal_name(name).is_some_and(|(of, _)| of == *run);
        if of_run {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Renames all files of a run that cannot be read to `….broken-N`, so that they are kept and no longer in the way.
/// Returns their new names.
pub fn set_aside(dir: &Path, run: &RunId) -> Result<Vec<PathBuf>, StoreError> {
    let mut kept = Vec::new();
    for path in files(dir, run)? {
        let to = free_name(&path);
        fs::rename(&path, &to).map_err(StoreError::io("set aside", &path))?;
        kept.push(to);
    }
    file::sync_folder(dir)?;
    Ok(kept)
}

/// `{path}.broken-N` with the first N that is free.
pub(crate) fn free_name(path: &Path) -> PathBuf {
    (1_u32..)
        .map(|n| {
            let mut name = path.as_os_str().to_owned();
            name.push(format!(".broken-{n}"));
            PathBuf::from(name)
        })
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| path.with_extension("broken"))
}

/// Removes a run's state, what was set aside included. Its attempts' folders are not ours to remove.
pub fn remove(dir: &Path, run: &RunId) -> Result<(), StoreError> {
    let broken = list(dir)?
        .into_iter()
        .find(|listed| listed.run_id == *run)
        .map(|listed| listed.broken);
    let mut paths = files(dir, run)?;
    // The snapshot last: while it is there, the run is still listed, and this can be done again.
    paths.sort_by_key(|path| path.extension().is_some_and(|ending| ending == "json"));
    for path in broken.into_iter().flatten().chain(paths) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io("remove", path)(error)),
            _ => {}
        }
    }
    file::sync_folder(dir)
}
