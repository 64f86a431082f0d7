//! A run's state on disk: a snapshot that is rewritten now and then, beside a journal of the events since.
//!
//! `{run_id}.json` is the snapshot; it names its `generation`. `{run_id}.{generation}.journal` has one event a line. The
//! true state is the snapshot and the events of its journal whose `seq` is above its own. A new snapshot is made in three
//! steps, each of which may be the last one before a crash: an empty journal of the next generation; the snapshot that
//! names it (atomically); the old journal removed. A journal of another generation than the snapshot's says nothing.
mod follower;
mod journal;
mod load;
mod writer;

use gpuyard_core::{
    model::RunId,
    queue::{Entry, Run},
};
use serde::{Serialize, de::DeserializeOwned};

pub use follower::{Follower, Update};
pub(crate) use load::free_name;
pub use load::{Listed, Loaded, list, load, remove, set_aside};
pub use writer::{Resumed, StateStore};

/// The whole of a run at one moment.
pub trait Snapshot: Serialize + DeserializeOwned {
    /// Format version that this program writes; it stands in the field `version`.
    const VERSION: u32;
    /// Which run.
    fn run_id(&self) -> &RunId;
    /// The last event that is in it.
    fn seq(&self) -> u64;
    /// The journal that goes on from here.
    fn generation(&self) -> u64;
    /// Names the journal that goes on from here.
    fn set_generation(&mut self, generation: u64);
}

/// One event of a journal.
pub trait Record: Serialize + DeserializeOwned {
    /// Its place in the run's history, 1 for the first.
    fn seq(&self) -> u64;
}

impl Snapshot for Run {
    const VERSION: u32 = gpuyard_core::queue::STATE_VERSION;

    fn run_id(&self) -> &RunId {
        &self.run_id
    }

    fn seq(&self) -> u64 {
        self.seq
    }

    fn generation(&self) -> u64 {
        self.generation
    }

    fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }
}

impl Record for Entry {
    fn seq(&self) -> u64 {
        self.seq
    }
}

/// How many events a journal's bytes hold, bytes of whole lines, and broken lines.
#[cfg(any(fuzzing, test))]
pub(crate) fn counts<E: Record>(bytes: &[u8]) -> (usize, usize, usize) {
    let read = journal::read::<E>(bytes);
    (read.events.len(), read.whole, read.broken.len())
}

#[cfg(test)]
mod tests;
