//! The one writer of a run's state: its scheduler.
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    marker::PhantomData,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use gpuyard_core::model::{Mono, RunId};
use gpuyard_fault as fault;

use super::{Loaded, Record, Snapshot, journal, load};
use crate::{StoreError, file};

/// A snapshot is not rewritten more often than this, in milliseconds.
const SNAPSHOT_INTERVAL: u64 = 500;
/// A snapshot up to this size is rewritten whenever there is something new: it costs next to nothing, and people read it.
const SMALL: u64 = 64 << 10;

/// Writes a run's state. Dropping it loses nothing: what was appended is in the journal.
#[derive(Debug)]
pub struct StateStore<R, E> {
    dir: PathBuf,
    run: RunId,
    generation: u64,
    journal: Journal,
    snapshot_bytes: u64,
    last_snapshot: Option<Mono>,
    marker: PhantomData<fn(&R, &E)>,
}

/// A run that is gone on with: its writer, and what it held.
pub type Resumed<R, E> = (StateStore<R, E>, Loaded<R, E>);

#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    bytes: u64,
    /// A write or sync failed: whatever is in it, the next snapshot must be on disk before anything is appended, or
    /// there would be a gap that nobody notices.
    broken: bool,
}

impl<R: Snapshot, E: Record> StateStore<R, E> {
    /// Begins the state of a new run. The snapshot is durable when this returns.
    pub fn create(dir: &Path, run: &mut R) -> Result<StateStore<R, E>, StoreError> {
        file::create_folder(dir)?;
        let path = journal::snapshot_path(dir, run.run_id());
        if path.symlink_metadata().is_ok() {
            return Err(StoreError::Exists { path });
        }
        let (journal, snapshot_bytes) = compact(dir, run, 1)?;
        Ok(StateStore {
            dir: dir.into(),
            run: run.run_id().clone(),
            generation: 1,
            journal,
            snapshot_bytes,
            last_snapshot: None,
            marker: PhantomData,
        })
    }

    /// Takes up the state of a run whose scheduler is gone: reads it, clears what an unfinished compaction left, and
    /// cuts off a torn last line. A damaged journal is kept as `….broken-N`; the caller writes a snapshot before it goes
    /// on (appending is refused until then).
    pub fn resume(dir: &Path, run: &RunId) -> Result<Resumed<R, E>, StoreError> {
        let mut loaded = load::load::<R, E>(dir, run)?;
        let generation = loaded.snapshot.generation();
        let path = journal::journal_path(dir, run, generation);
        for other in load::files(dir, run)? {
            let name = other
                .file_name()
                .and_then(|name| name.to_str())
                .and_then(journal::journal_name);
            if name.is_some_and(|(_, of)| of != generation) {
                fs::remove_file(&other).map_err(StoreError::io("remove", &other))?;
            }
        }
        if loaded.damaged && path.exists() {
            let to = load::free_name(&path);
            // Kept beside, and in place too: until the new snapshot is there, the good lines of it are the state.
            let bytes = file::read_bounded(&path, u64::MAX - 1)?;
            file::create_new(&to, &bytes)?;
            loaded
                .findings
                .push(format!("the damaged journal is kept as {}", to.display()));
        }
        let mut journal = open_journal(&path, false)?;
        journal.broken = loaded.damaged;
        journal.bytes = loaded.journal_bytes;
        if loaded.torn {
            journal
                .file
                .set_len(loaded.journal_bytes)
                .map_err(StoreError::io("mend", &path))?;
            journal.file.sync_all().map_err(StoreError::io("sync", &path))?;
        }
        file::sync_folder(dir)?;
        let store = StateStore {
            dir: dir.into(),
            run: run.clone(),
            generation,
            journal,
            snapshot_bytes: loaded.snapshot_bytes,
            last_snapshot: None,
            marker: PhantomData,
        };
        Ok((store, loaded))
    }

    /// Writes an event down; with `sync`, it is durable when this returns. After an error nothing more can be appended
    /// until a snapshot was written: try [`StateStore::write_snapshot`] again until it works.
    pub fn append(&mut self, event: &E, sync: bool) -> Result<(), StoreError> {
        let journal = &mut self.journal;
        if journal.broken {
            return Err(StoreError::JournalBroken {
                path: journal.path.clone(),
            });
        }
        let line = journal::line(event).map_err(|error| StoreError::io("append to", &journal.path)(error.into()))?;
        if let Err(error) = fault::step_at("journal-append").and_then(|()| journal.file.write_all(&line)) {
            journal.broken = true;
            // Half a line would swallow the next one. Making a file shorter works on a full disk, too.
            if let Err(error) = journal.file.set_len(journal.bytes) {
                tracing::warn!(path = %journal.path.display(), %error, "cannot cut off a torn line");
            }
            return Err(StoreError::io("append to", &journal.path)(error));
        }
        journal.bytes += line.len() as u64;
        if sync { self.sync() } else { Ok(()) }
    }

    /// Makes all that was appended durable.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let journal = &mut self.journal;
        let synced = fault::step_at("journal-sync").and_then(|()| journal.file.sync_data());
        synced.map_err(|error| {
            // What the kernel could not write it may drop and call clean: only a new file can be trusted.
            journal.broken = true;
            StoreError::io("sync", &journal.path)(error)
        })
    }

    /// Whether a snapshot should be written now: after an error, or when there is something new and rewriting is either
    /// cheap or bought by as much journal.
    pub fn snapshot_due(&self, now: Mono) -> bool {
        if self
            .last_snapshot
            .is_some_and(|last| now.since(last) < SNAPSHOT_INTERVAL)
        {
            return false;
        }
        self.journal.broken
            || self.journal.bytes > 0
                && (self.snapshot_bytes <= SMALL || self.journal.bytes >= SMALL.max(self.snapshot_bytes / 4))
    }

    /// When a snapshot that is not due yet for time alone will be; `None` where there is nothing to write.
    pub fn snapshot_at(&self, now: Mono) -> Option<Mono> {
        let at = self
            .last_snapshot
            .map_or(now, |last| last.plus_millis(SNAPSHOT_INTERVAL));
        self.snapshot_due(at.max(now)).then_some(at.max(now))
    }

    /// Rewrites the snapshot and begins a new journal. `run` must hold every event that was appended. Durable when this
    /// returns; after an error the old snapshot and journal still stand.
    pub fn write_snapshot(&mut self, run: &mut R, now: Mono) -> Result<(), StoreError> {
        // Also a failed try waits for the next interval: a full disk is not asked a thousand times a second.
        self.last_snapshot = Some(now);
        let generation = self.generation + 1;
        let (journal, bytes) = compact(&self.dir, run, generation)?;
        let old = std::mem::replace(&mut self.journal, journal);
        self.generation = generation;
        self.snapshot_bytes = bytes;
        // It says nothing any more; where it cannot be removed, the next resume does it.
        if let Err(error) = fs::remove_file(&old.path) {
            tracing::warn!(path = %old.path.display(), %error, "cannot remove an old journal");
        }
        Ok(())
    }

    /// The run.
    pub fn run_id(&self) -> &RunId {
        &self.run
    }

    /// Appending is refused until a snapshot was written.
    pub fn is_broken(&self) -> bool {
        self.journal.broken
    }
}

/// Steps one and two of a compaction. On error `run` names its old generation again.
fn compact<R: Snapshot>(dir: &Path, run: &mut R, generation: u64) -> Result<(Journal, u64), StoreError> {
    let path = journal::journal_path(dir, run.run_id(), generation);
    // Its entry in the folder is made durable together with the snapshot's. Should a crash keep only the latter, nothing
    // is lost: nothing has been appended to it before this returns.
    let journal = open_journal(&path, true)?;
    fault::point("snapshot-begun");
    let before = run.generation();
    run.set_generation(generation);
    let snapshot = journal::snapshot_path(dir, run.run_id());
    let written = serde_json::to_vec(run)
        .map_err(|error| StoreError::io("write", &snapshot)(error.into()))
        .and_then(|bytes| file::write_atomic(&snapshot, &bytes).map(|()| bytes.len() as u64));
    written.map(|bytes| (journal, bytes)).inspect_err(|_| {
        run.set_generation(before);
        // An empty journal that no snapshot names: harmless, and cleared where that works.
        let _ = fs::remove_file(&path);
    })
}

fn open_journal(path: &Path, empty: bool) -> Result<Journal, StoreError> {
    if empty {
        // What a crash in the middle of a compaction left.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(StoreError::io("remove", path)(error)),
            _ => {}
        }
    }
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(nix::fcntl::OFlag::O_NOFOLLOW.bits())
        .open(path)
        .map_err(StoreError::io("open", path))?;
    Ok(Journal {
        path: path.into(),
        file,
        bytes: 0,
        broken: false,
    })
}
