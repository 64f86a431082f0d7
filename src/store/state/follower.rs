//! Follows a run's state while its scheduler writes it: only what is new is read.
use std::{
    io::{Read, Seek, SeekFrom},
    marker::PhantomData,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use gpuyard_core::model::RunId;

use super::{Loaded, Record, Snapshot, journal, load};
use crate::{StoreError, file};

/// What is new since the last look.
#[derive(Debug)]
pub struct Update<R, E> {
    /// A newer snapshot: forget what was known, and start from it.
    pub snapshot: Option<R>,
    /// Events after that, or after the last look.
    pub events: Vec<E>,
    /// What was odd, in words.
    pub findings: Vec<String>,
}

impl<R, E> Update<R, E> {
    /// Whether nothing is new.
    pub fn is_empty(&self) -> bool {
        self.snapshot.is_none() && self.events.is_empty() && self.findings.is_empty()
    }
}

/// What tells one snapshot file from another without reading it.
type Stamp = (u64, u64, u64, i64, i64);

/// A reader of one run's state that remembers where it was.
#[derive(Debug)]
pub struct Follower<R, E> {
    dir: PathBuf,
    run: RunId,
    stamp: Option<Stamp>,
    generation: u64,
    seq: u64,
    offset: u64,
    marker: PhantomData<fn() -> (R, E)>,
}

impl<R: Snapshot, E: Record> Follower<R, E> {
    /// Nothing has been read yet: the first look gives the snapshot.
    pub fn new(dir: &Path, run: &RunId) -> Follower<R, E> {
        Follower {
            dir: dir.into(),
            run: run.clone(),
            stamp: None,
            generation: 0,
            seq: 0,
            offset: 0,
            marker: PhantomData,
        }
    }

    /// The run.
    pub fn run_id(&self) -> &RunId {
        &self.run
    }

    /// What is new. Costs one `stat` and one small read while the generation stays.
    pub fn poll(&mut self) -> Result<Update<R, E>, StoreError> {
        let path = journal::snapshot_path(&self.dir, &self.run);
        let meta = path.symlink_metadata().map_err(StoreError::io("read", &path))?;
        let stamp = (meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec());
        // Where the journal is gone, a newer snapshot has come since the `stat` above.
        if self.stamp == Some(stamp)
            && let Some(update) = self.more()?
        {
            return Ok(update);
        }
        let Loaded {
            snapshot,
            events,
            findings,
            journal_bytes,
            ..
        } = load::load::<R, E>(&self.dir, &self.run)?;
        self.generation = snapshot.generation();
        self.seq = events.last().map_or(snapshot.seq(), Record::seq);
        self.offset = journal_bytes;
        // Taken before the read: a snapshot that came in between is read again next time, which does no harm.
        self.stamp = Some(stamp);
        Ok(Update {
            snapshot: Some(snapshot),
            events,
            findings,
        })
    }

    /// New lines of the journal; `None` where it is gone.
    fn more(&mut self) -> Result<Option<Update<R, E>>, StoreError> {
        let path = journal::journal_path(&self.dir, &self.run, self.generation);
        let mut journal = match file::open_own(&path) {
            Ok(journal) => journal,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        journal
            .seek(SeekFrom::Start(self.offset))
            .and_then(|_| journal.read_to_end(&mut bytes))
            .map_err(StoreError::io("read", &path))?;
        let read = journal::read::<E>(&bytes);
        self.offset += read.whole as u64;
        let mut findings: Vec<String> = read
            .broken
            .iter()
            .map(|(_, reason)| format!("{}: a line cannot be read: {reason}", path.display()))
            .collect();
        let mut events = Vec::new();
        for event in read.events {
            if event.seq() == self.seq + 1 {
                self.seq += 1;
                events.push(event);
            } else if event.seq() > self.seq {
                findings.push(format!(
                    "{}: event {} came, {} is missing",
                    path.display(),
                    event.seq(),
                    self.seq + 1
                ));
            }
        }
        Ok(Some(Update {
            snapshot: None,
            events,
            findings,
        }))
    }
}
