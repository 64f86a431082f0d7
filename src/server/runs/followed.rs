//! One run, followed through its files while its scheduler writes them.
use std::path::Path;

use gpuyard_core::{
    model::{ConfigKey, Lang, Now, RunId},
    queue::{Entry, Machine, Run},
};
use gpuyard_store::{StoreError, state::Follower};

/// What is known of a run.
pub(super) struct Followed {
    follower: Follower<Run, Entry>,
    known: Known,
}

enum Known {
    Nothing,
    /// It goes on.
    Live(Box<Machine>),
    /// It has ended: its tasks are on disk for whoever asks, and not in memory.
    Ended(Box<Run>),
}

impl Followed {
    pub(super) fn new(dir: &Path, run: &RunId) -> Followed {
        Followed {
            follower: Follower::new(dir, run),
            known: Known::Nothing,
        }
    }

    /// Takes in what is new, and says whether anything is. Costs one `stat` where nothing is.
    pub(super) fn look(&mut self, dir: &Path, now: Now) -> Result<bool, StoreError> {
        let mut update = self.follower.poll()?;
        if update.is_empty() {
            return Ok(false);
        }
        if update.snapshot.is_none() && !matches!(self.known, Known::Live(_)) {
            // An ended run that somebody goes on with: its tasks are needed again.
            self.follower = Follower::new(dir, &self.follower.run_id().clone());
            update = self.follower.poll()?;
        }
        for finding in &update.findings {
            tracing::warn!("{finding}");
        }
        if let Some(snapshot) = update.snapshot {
            self.known = Known::Live(Box::new(Machine::new(snapshot)));
        }
        if let Known::Live(machine) = &mut self.known {
            for entry in &update.events {
                machine.apply(entry);
            }
            if machine.run().state.is_over() {
                self.known = Known::Ended(Box::new(without_tasks(machine.shown(Lang::En, now))));
            }
        }
        Ok(true)
    }

    /// What is known of it beside its tasks.
    pub(super) fn run(&self) -> Option<&Run> {
        match &self.known {
            Known::Nothing => None,
            Known::Live(machine) => Some(machine.run()),
            Known::Ended(run) => Some(run),
        }
    }

    /// The whole of it, while it goes on.
    pub(super) fn machine(&self) -> Option<&Machine> {
        match &self.known {
            Known::Live(machine) => Some(machine),
            _ => None,
        }
    }

    /// Which command file's run it is.
    pub(super) fn key(&self) -> Option<ConfigKey> {
        self.run().map(|run| ConfigKey {
            mode: run.mode,
            index: run.config_index,
        })
    }
}

/// A run as lists show it.
pub(super) fn without_tasks(mut run: Run) -> Run {
    run.queues.clear();
    run
}
