//! The run and its record on disk, kept in step: an event is written down, then it holds.
use gpuyard_core::{
    model::{ConfigKey, Lang, Mono, RunId},
    queue::{Effect, Entry, Event, Machine, Run},
};
use gpuyard_exec::{clock, identity};
use gpuyard_store::{
    Root, StoreError,
    state::{self, StateStore},
};

use crate::rows::Rows;

type Store = StateStore<Run, Entry>;

/// A run's machine and where it is written to.
pub(crate) struct Journal {
    machine: Machine,
    keeper: Keeper,
    /// Something was applied that is not on disk; the next snapshot carries it there.
    behind: bool,
}

/// Where a run is written to.
enum Keeper {
    /// A command file's: a snapshot and a journal.
    File(Box<Store>),
    /// Of ad-hoc tasks: rows of the database.
    Rows(Rows),
}

impl Journal {
    /// Begins the record of a new run.
    pub(crate) fn create(root: &Root, mut machine: Machine) -> Result<Journal, StoreError> {
        let mut run = machine.shown(Lang::En, clock::now());
        let store = Store::create(&root.state_dir(), &mut run)?;
        machine.set_generation(run.generation);
        Ok(Journal {
            machine,
            keeper: Keeper::File(Box::new(store)),
            behind: false,
        })
    }

    /// Goes on with the record of a run whose scheduler is gone.
    pub(crate) fn resume(root: &Root, run: &RunId) -> Result<Journal, StoreError> {
        let (store, loaded) = Store::resume(&root.state_dir(), run)?;
        for finding in &loaded.findings {
            tracing::warn!("{finding}");
        }
        let broken = store.is_broken();
        let mut journal = Journal {
            machine: replay(loaded.snapshot, &loaded.events),
            keeper: Keeper::File(Box::new(store)),
            behind: false,
        };
        if broken {
            journal.save()?;
        }
        Ok(journal)
    }

    /// Goes on with the ad-hoc tasks of a database.
    pub(crate) fn of_rows(machine: Machine, rows: Rows) -> Journal {
        Journal {
            machine,
            keeper: Keeper::Rows(rows),
            behind: false,
        }
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.machine
    }

    pub(crate) fn machine_mut(&mut self) -> &mut Machine {
        &mut self.machine
    }

    /// The rows that the run is kept in, where it is one of ad-hoc tasks.
    pub(crate) fn rows_mut(&mut self) -> Option<&mut Rows> {
        match &mut self.keeper {
            Keeper::Rows(rows) => Some(rows),
            Keeper::File(_) => None,
        }
    }

    /// Whether something is not on disk that should be.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind
    }

    /// What has happened, and can be told again from records and locks: it holds whether or not it could be written.
    pub(crate) fn record(&mut self, event: Event) -> Vec<Effect> {
        let entry = self.entry(event);
        match &mut self.keeper {
            Keeper::File(store) => {
                if let Err(error) = store.append(&entry, false) {
                    if !self.behind {
                        tracing::error!(%error, "the journal cannot be written; trying again");
                    }
                    self.behind = true;
                }
                self.machine.apply(&entry)
            }
            Keeper::Rows(rows) => {
                let effects = self.machine.apply(&entry);
                rows.note(&entry.event, &self.machine);
                effects
            }
        }
    }

    /// What is about to be done, or was promised to somebody: it holds only once it is on disk.
    pub(crate) fn record_synced(&mut self, event: Event) -> anyhow::Result<Vec<Effect>> {
        if self.behind {
            self.save()?;
        }
        let entry = self.entry(event);
        match &mut self.keeper {
            Keeper::File(store) => {
                store.append(&entry, true).inspect_err(|_| self.behind = true)?;
                Ok(self.machine.apply(&entry))
            }
            Keeper::Rows(_) => self.record_in_row(entry),
        }
    }

    /// The row is made of the task as it is after the event; where it cannot be written, the event is taken back.
    fn record_in_row(&mut self, entry: Entry) -> anyhow::Result<Vec<Effect>> {
        let Event::Placed { task_id, .. } = &entry.event else {
            // People's words on ad-hoc tasks stand in the database before they come here.
            return Ok(self.record(entry.event));
        };
        let task_id = task_id.clone();
        let effects = self.machine.apply(&entry);
        let written = match (&mut self.keeper, self.machine.task(&task_id)) {
            (Keeper::Rows(rows), Some(task)) => rows.intend(task),
            _ => Err(anyhow::anyhow!("task {task_id} is gone")),
        };
        if let Err(error) = written {
            self.record(Event::NotLaunched { task_id });
            return Err(error);
        }
        Ok(effects)
    }

    fn entry(&self, event: Event) -> Entry {
        Entry {
            seq: self.machine.run().seq + 1,
            at: clock::now(),
            event,
        }
    }

    /// Rewrites the snapshot if that is due; rows are written at once.
    pub(crate) fn save_if_due(&mut self) {
        let due = match &self.keeper {
            Keeper::File(store) => store.snapshot_due(clock::now().mono),
            Keeper::Rows(rows) => rows.is_behind(),
        };
        if due && let Err(error) = self.save() {
            if !self.behind {
                tracing::error!(%error, "the state cannot be written; trying again");
            }
            self.behind = true;
        }
    }

    /// When a snapshot is due.
    pub(crate) fn next_save(&self) -> Option<Mono> {
        match &self.keeper {
            Keeper::File(store) => store.snapshot_at(clock::now().mono),
            Keeper::Rows(_) => None,
        }
    }

    /// Rewrites the snapshot, or the rows that are behind, now.
    pub(crate) fn save(&mut self) -> Result<(), StoreError> {
        match &mut self.keeper {
            Keeper::File(store) => {
                let now = clock::now();
                let mut run = self.machine.shown(Lang::En, now);
                store.write_snapshot(&mut run, now.mono)?;
                self.machine.set_generation(run.generation);
            }
            Keeper::Rows(rows) => rows.save(&mut self.machine)?,
        }
        self.behind = false;
        Ok(())
    }
}

/// Every run of a command file on this machine, newest first. What cannot be read is left where it is, and said.
pub(crate) fn runs(root: &Root, config: ConfigKey) -> Result<Vec<Machine>, StoreError> {
    let dir = root.state_dir();
    let mut runs = Vec::new();
    // Ids begin with the command file's name, so that the files of others need not be opened.
    let prefix = format!("{config}-");
    for listed in state::list(&dir)?.iter().filter(|listed| listed.has_snapshot) {
        if !listed.run_id.as_str().starts_with(&prefix) {
            continue;
        }
        match state::load::<Run, Entry>(&dir, &listed.run_id) {
            Ok(loaded) if loaded.snapshot.node.machine_id == identity::node().machine_id => {
                runs.push(replay(loaded.snapshot, &loaded.events));
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "a run cannot be read and is passed over; its files stay"),
        }
    }
    runs.sort_by_key(|machine| std::cmp::Reverse(machine.run().started_at));
    Ok(runs)
}

fn replay(snapshot: Run, events: &[Entry]) -> Machine {
    let mut machine = Machine::new(snapshot);
    for entry in events {
        // What was to be done then has been done, or is found out by asking the executor.
        machine.apply(entry);
    }
    machine
}
