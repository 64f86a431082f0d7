//! The runs of this root: live ones followed in memory, ended ones by their figures alone.
mod followed;
mod keep;
mod remove;
mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use followed::{Followed, without_tasks};
use gpuyard_core::{
    model::{ConfigKey, Lang, Now, ProcessIdentity, RunId, TaskId, UniId},
    queue::{Entry, Machine, Run, RunState, Task},
    wire::TaskRef,
};
use gpuyard_exec::clock;
use gpuyard_store::{StoreError, state};
pub(crate) use keep::keep;
#[cfg(test)]
pub(crate) use keep::prune;
pub(crate) use remove::{no_such_run, remove};
pub(crate) use standing::Standing;
use tokio::sync::watch;

use crate::preview::Heads;

/// All runs that have files in the state folder.
pub(crate) struct Book {
    dir: PathBuf,
    runs: Mutex<BTreeMap<RunId, Page>>,
    /// Counts all that was new.
    told: watch::Sender<u64>,
}

/// Tells that something in the book is new.
pub(crate) struct Changes(watch::Receiver<u64>);

impl Changes {
    /// Waits until something is new since the last call.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The daemon ends.
            std::future::pending::<()>().await;
        }
    }
}

/// One run's page.
struct Page {
    followed: Followed,
    /// Why it could not be read the last time; logged once.
    trouble: Option<String>,
    /// Counts what was new of it.
    version: u64,
}

impl Page {
    /// The run as lists show it.
    fn head(&self, run: &Run, lang: Lang, now: Now) -> Run {
        let machine = self.followed.machine();
        machine.map_or_else(|| run.clone(), |machine| without_tasks(machine.shown(lang, now)))
    }
}

/// The newest run of a command file, as lists show it.
pub(crate) struct Head {
    pub(crate) key: ConfigKey,
    /// Its scheduler lives.
    pub(crate) running: bool,
    pub(crate) run: Run,
    /// How many runs of this command file there are.
    pub(crate) runs: usize,
}

/// The newest run of a command file, as the supervisor sees it.
pub(crate) struct Newest {
    pub(crate) key: ConfigKey,
    pub(crate) run_id: RunId,
    /// As its scheduler said last.
    pub(crate) state: RunState,
    pub(crate) standing: Standing,
    /// Its very scheduler, where that lives.
    pub(crate) scheduler: Option<ProcessIdentity>,
}

impl Book {
    pub(crate) fn new(dir: PathBuf) -> Book {
        Book {
            dir,
            runs: Mutex::default(),
            told: watch::Sender::new(0),
        }
    }

    /// Tells from now on when something is new.
    pub(crate) fn changes(&self) -> Changes {
        Changes(self.told.subscribe())
    }

    /// Counts all that was new.
    pub(crate) fn count(&self) -> u64 {
        *self.told.borrow()
    }

    /// Something is new that the files do not say: a scheduler began or ended.
    pub(crate) fn tell(&self) {
        self.told.send_modify(|count| *count += 1);
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<RunId, Page>> {
        // What a panic left behind is read again from disk.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what the files say that is new.
    pub(crate) fn refresh(&self) -> Result<(), StoreError> {
        // Locked before the folder is listed: an older list must not undo a newer one.
        let mut runs = self.runs();
        let listed = state::list(&self.dir)?;
        let now = clock::now();
        let there: BTreeSet<RunId> = listed
            .into_iter()
            .filter(|l| l.has_snapshot)
            .map(|l| l.run_id)
            .collect();
        let before = runs.len();
        runs.retain(|run, _| there.contains(run));
        let mut news = runs.len() != before;
        for run in there {
            let page = runs.entry(run).or_insert_with_key(|run| Page {
                followed: Followed::new(&self.dir, run),
                trouble: None,
                version: 0,
            });
            let looked = page.followed.look(&self.dir, now);
            if matches!(looked, Ok(true)) {
                page.version += 1;
                news = true;
            }
            let trouble = looked.err().map(|error| error.to_string());
            if let Some(trouble) = trouble.as_ref().filter(|said| page.trouble.as_ref() != Some(said)) {
                tracing::error!("a run's state cannot be read: {trouble}");
            }
            page.trouble = trouble;
        }
        if news {
            self.tell();
        }
        Ok(())
    }

    /// How much of a run is known, counted, and whether its scheduler lives: while both are what they were, so is the run.
    /// `None` where there is none of that id.
    pub(crate) fn version_of(&self, run_id: &RunId) -> Option<(u64, bool)> {
        let runs = self.runs();
        let page = runs.get(run_id)?;
        let alive = page.followed.run().is_some_and(|run| Standing::of(run).alive);
        Some((page.version, alive))
    }

    /// The newest run of each command file, without its tasks.
    pub(crate) fn heads(&self, lang: Lang) -> Vec<Head> {
        let (runs, now) = (self.runs(), clock::now());
        let mut newest = BTreeMap::new();
        for page in runs.values() {
            if let (Some(key), Some(run)) = (page.followed.key(), page.followed.run()) {
                let known = newest.entry(key).or_insert((page, run, 0));
                *known = (page, run, known.2 + 1);
            }
        }
        let each = newest.into_iter().map(|(key, (page, run, runs))| {
            let standing = Standing::of(run);
            let run = standing.judge(page.head(run, lang, now));
            Head {
                key,
                running: standing.alive,
                run,
                runs,
            }
        });
        each.collect()
    }

    /// The newest run of each command file. Ids sort by time within one.
    pub(crate) fn newest(&self) -> Vec<Newest> {
        let runs = self.runs();
        let mut newest = BTreeMap::new();
        for (run_id, page) in runs.iter() {
            if let (Some(key), Some(run)) = (page.followed.key(), page.followed.run()) {
                newest.insert(key, (run_id, run));
            }
        }
        let each = newest.into_iter().map(|(key, (run_id, run))| {
            let standing = Standing::of(run);
            Newest {
                key,
                run_id: run_id.clone(),
                state: run.state,
                standing,
                scheduler: run.scheduler.clone().filter(|_| standing.alive),
            }
        });
        each.collect()
    }

    /// The newest run of a command file.
    pub(crate) fn newest_of(&self, key: ConfigKey) -> Option<RunId> {
        self.newest_at(key).map(|newest| newest.run_id)
    }

    /// The same, and how it stands.
    pub(crate) fn newest_at(&self, key: ConfigKey) -> Option<Newest> {
        self.newest().into_iter().find(|newest| newest.key == key)
    }

    /// The command file of a run.
    pub(crate) fn key_of(&self, run_id: &RunId) -> Option<ConfigKey> {
        self.runs().get(run_id)?.followed.key()
    }

    /// Newest first, without tasks; of one command file, or of all of some.
    pub(crate) fn list(&self, wanted: impl Fn(ConfigKey) -> bool, most: usize, lang: Lang) -> Vec<Run> {
        let (runs, now) = (self.runs(), clock::now());
        let pages = runs.values().filter(|page| page.followed.key().is_some_and(&wanted));
        let mut heads: Vec<(&Run, &Page)> = pages.filter_map(|page| Some((page.followed.run()?, page))).collect();
        heads.sort_by(|(a, _), (b, _)| (b.started_at, &b.run_id).cmp(&(a.started_at, &a.run_id)));
        let shown = heads
            .into_iter()
            .take(most)
            .map(|(run, page)| Standing::of(run).judge(page.head(run, lang, now)));
        shown.collect()
    }

    /// The runs whose schedulers live, with their tasks.
    pub(crate) fn running(&self, lang: Lang) -> Vec<Run> {
        let (runs, now) = (self.runs(), clock::now());
        let machines = runs.values().filter_map(|page| page.followed.machine());
        machines
            .filter(|machine| Standing::of(machine.run()).alive)
            .map(|machine| machine.shown(lang, now))
            .collect()
    }

    /// The heads that wait in the runs whose schedulers live.
    pub(crate) fn waiting_heads(&self, now: Now) -> Vec<Heads> {
        let runs = self.runs();
        let machines = runs.values().filter_map(|page| page.followed.machine());
        let mut heads: Vec<Heads> = machines
            .filter(|machine| Standing::of(machine.run()).alive)
            .map(|machine| Heads::of_run(machine, now))
            .collect();
        heads.sort_by_key(|heads| heads.key);
        heads
    }

    /// One run with its tasks; `None` where there is none of that id.
    pub(crate) fn detail(&self, run_id: &RunId, lang: Lang) -> Result<Option<Run>, StoreError> {
        self.with_machine(run_id, |machine| {
            Standing::of(machine.run()).judge(machine.shown(lang, clock::now()))
        })
    }

    /// A task of a run, by what picks it.
    pub(crate) fn find_task(
        &self,
        run_id: &RunId,
        pick: impl FnOnce(&Machine) -> Option<&Task>,
    ) -> Result<Option<Task>, StoreError> {
        self.with_machine(run_id, |machine| pick(machine).cloned())
            .map(Option::flatten)
    }

    /// Shows a run's machine: the one that is followed, else one that is read for this.
    pub(crate) fn with_machine<T>(
        &self,
        run_id: &RunId,
        show: impl FnOnce(&Machine) -> T,
    ) -> Result<Option<T>, StoreError> {
        {
            let runs = self.runs();
            // Only what the folder lists is read: an id from outside is no path.
            let Some(page) = runs.get(run_id) else { return Ok(None) };
            if let Some(machine) = page.followed.machine() {
                return Ok(Some(show(machine)));
            }
        }
        let loaded = state::load::<Run, Entry>(&self.dir, run_id)?;
        let mut machine = Machine::new(loaded.snapshot);
        for entry in &loaded.events {
            machine.apply(entry);
        }
        Ok(Some(show(&machine)))
    }

    /// The command file and run of a task: of the live runs, else of the newest of each command file.
    pub(crate) fn run_of_task(&self, task: &TaskId) -> Result<Option<(ConfigKey, RunId)>, StoreError> {
        let newest = self.newest();
        for Newest { key, run_id, .. } in newest {
            if self.find_task(&run_id, |machine| machine.task(task))?.is_some() {
                return Ok(Some((key, run_id)));
            }
        }
        Ok(None)
    }

    /// The task that a live attempt belongs to.
    pub(crate) fn task_of_attempt(&self, uni_id: &UniId) -> Option<TaskRef> {
        let runs = self.runs();
        runs.values()
            .rev()
            .filter_map(|page| page.followed.machine())
            .find_map(|machine| {
                let task = machine.task_of_attempt(uni_id)?;
                let ConfigKey { mode, index } = machine.config();
                Some(TaskRef {
                    mode: Some(mode),
                    config_index: Some(index),
                    run_id: machine.run().run_id.clone(),
                    queue_id: machine.queue_of(&task.task_id),
                    task_id: task.task_id.clone(),
                    process_index: Some(task.index),
                    uni_id: uni_id.clone(),
                    root: None,
                    owner: None,
                })
            })
    }
}
