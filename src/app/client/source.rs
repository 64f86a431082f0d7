//! Where runs are looked at: in the files of the root, or at a daemon elsewhere, once or for as long as somebody looks on.
use std::collections::{BTreeMap, BTreeSet};

use gpuyard_core::{
    model::{ConfigKey, Mode, RunId, TaskId},
    queue::{Queue, Run, Task},
    wire::{Runs, SchedulerStates},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    Context, Daemon,
    account::Where,
    live::{Live, Topic},
    runs::{RunView, latest_first},
    state::{self, Found, Wanted},
};
use crate::{
    cli::Target,
    failure::{Exit, Failure},
};

/// Runs that are followed task by task at once; beyond, a run is asked for when its figures change.
const FOLLOWED: usize = 24;
/// The topic of all schedulers.
const SCHEDULERS: &str = "schedulers";

impl Where {
    /// Runs, as they are now.
    pub(crate) fn runs(&self, context: &Context, wanted: Wanted) -> Result<Found, Failure> {
        match self {
            Where::Here(root) => state::read(root, wanted, context.lang),
            Where::There(daemon) => Ok(Found {
                runs: runs_of(daemon, wanted)?,
                troubles: Vec::new(),
            }),
        }
    }
}

impl Where {
    /// The runs that a verb's target may be in, latest first. A task's id may be of an earlier run; those are read only
    /// where the last ones do not have it.
    pub(crate) fn runs_for(&self, context: &Context, target: &Target) -> Result<Found, Failure> {
        let key = match target {
            Target::Config(key) | Target::Queue(key, _) | Target::Place(key, ..) => Some(*key),
            Target::All | Target::Task(_) | Target::Tasks | Target::Adhoc(_) => None,
        };
        let mut found = self.runs(context, Wanted { key, all: false })?;
        let has = |view: &RunView, id: &TaskId| view.tasks().any(|(_, task)| task.task_id == *id);
        let all = matches!(target, Target::Task(id) if !found.runs.iter().any(|view| has(view, id)));
        if all {
            found = self.runs(context, Wanted { key, all })?;
        }
        found.runs = latest_first(found.runs, all);
        Ok(found)
    }
}

/// The command file of a run.
fn key_of(run: &Run) -> ConfigKey {
    ConfigKey {
        mode: run.mode,
        index: run.config_index,
    }
}

/// A run that a daemon has judged already: what is not over, and has no scheduler there, is another machine's.
fn view(run: Run, running: bool) -> RunView {
    let elsewhere = !running && !run.state.is_over();
    RunView::new(run, running, elsewhere)
}

fn runs_of(daemon: &Daemon, wanted: Wanted) -> Result<Vec<RunView>, Failure> {
    let lives = Lives::ask(daemon)?;
    let mut runs = list(daemon, wanted.key)?;
    if wanted.key.is_none() && runs.len() >= Runs::MOST {
        // One answer does not hold all: those of each command file are asked for.
        runs.clear();
        for key in lives.keys() {
            runs.extend(list(daemon, Some(key))?);
        }
    }
    // The one that runs is the latest, whatever the clock said.
    let (first, rest): (Vec<Run>, Vec<Run>) = runs.into_iter().partition(|run| lives.has(run));
    let mut known = BTreeSet::new();
    let mut views = Vec::new();
    for head in first.into_iter().chain(rest) {
        if known.insert(key_of(&head)) || wanted.all {
            views.extend(run_of(daemon, &head.run_id)?);
        }
    }
    Ok(views)
}

/// Runs without their tasks, newest first.
fn list(daemon: &Daemon, key: Option<ConfigKey>) -> Result<Vec<Run>, Failure> {
    let query = key.map_or(String::new(), |ConfigKey { mode, index }| {
        format!("?mode={mode}&config_index={index}")
    });
    let Runs { runs } = daemon.get(&format!("/api/scheduler/runs{query}"))?;
    Ok(runs)
}

/// One run with its tasks; `None` where it is gone meanwhile.
fn run_of(daemon: &Daemon, run_id: &RunId) -> Result<Option<RunView>, Failure> {
    let asked = daemon.get::<Run>(&format!("/api/scheduler/runs/{run_id}"));
    let run = match asked {
        Ok(run) => run,
        Err(failure) if failure.exit == Exit::NotFound => return Ok(None),
        Err(failure) => return Err(failure),
    };
    // Asked after the run: a scheduler that lives now lived then.
    let running = !run.state.is_over() && Lives::ask(daemon)?.has(&run);
    Ok(Some(view(run, running)))
}

/// Which schedulers live.
struct Lives(SchedulerStates);

impl Lives {
    fn ask(daemon: &Daemon) -> Result<Lives, Failure> {
        daemon.get("/api/scheduler/state").map(Lives)
    }

    /// Every command file that is there, or has a run.
    fn keys(&self) -> Vec<ConfigKey> {
        let of = |mode, states: &BTreeMap<u32, _>| -> Vec<ConfigKey> {
            states.keys().map(|&index| ConfigKey { mode, index }).collect()
        };
        [of(Mode::Single, &self.0.single), of(Mode::Multi, &self.0.multi)].concat()
    }

    fn has(&self, run: &Run) -> bool {
        let of_mode = match run.mode {
            Mode::Single => &self.0.single,
            Mode::Multi => &self.0.multi,
        };
        let state = of_mode.get(&run.config_index);
        !run.state.is_over() && state.is_some_and(|state| state.pid == Some(run.pid))
    }
}

/// A scheduler, as its topic has it.
#[derive(Deserialize)]
struct Head {
    running: bool,
    run: BTreeMap<String, Value>,
}

/// The newest run of each command file at a daemon, for as long as somebody looks on.
pub(crate) struct Watched<'a> {
    daemon: &'a Daemon,
    live: Live<'a>,
    key: Option<ConfigKey>,
    /// Runs that were asked for, with the figures that they had then.
    asked: BTreeMap<RunId, (BTreeMap<String, Value>, RunView)>,
}

impl<'a> Watched<'a> {
    /// Begins to look on.
    pub(crate) fn begin(context: &Context, daemon: &'a Daemon, key: Option<ConfigKey>) -> Result<Watched<'a>, Failure> {
        Ok(Watched {
            live: Live::open(context, daemon, [SCHEDULERS.to_owned()])?,
            daemon,
            key,
            asked: BTreeMap::new(),
        })
    }

    /// Waits for a change, or for some seconds, and answers how all stands then.
    pub(crate) fn next(&mut self) -> Result<Vec<RunView>, Failure> {
        loop {
            self.live.next()?;
            if let Some(runs) = self.runs()? {
                return Ok(runs);
            }
        }
    }

    /// All runs; `None` where some of it has not come yet.
    fn runs(&mut self) -> Result<Option<Vec<RunView>>, Failure> {
        let Some(topic) = self.live.topic(SCHEDULERS) else {
            return Ok(None);
        };
        let wanted = self.key.map(|key| key.to_string());
        let mut heads = Vec::new();
        for (_, value) in topic
            .iter()
            .filter(|(key, _)| wanted.as_ref().is_none_or(|wanted| wanted == *key))
        {
            let head: Head = parsed(value.clone())?;
            let id = head.run.get("run_id").cloned().unwrap_or_default();
            heads.push((parsed::<RunId>(id)?, head));
        }
        let followed = heads.iter().filter(|(_, head)| head.running).take(FOLLOWED);
        let names = followed.map(|(id, _)| format!("run:{id}"));
        self.live
            .listen(names.chain([SCHEDULERS.to_owned()]).collect::<Vec<_>>());
        let mut views = Vec::new();
        for (id, head) in &heads {
            let name = format!("run:{id}");
            match self.live.topic(&name) {
                Some(topic) => views.push(view(assembled(topic)?, head.running)),
                None if self.live.listens_to(&name) => return Ok(None),
                None => views.extend(self.ask(id, head)?),
            }
        }
        self.asked.retain(|id, _| heads.iter().any(|(known, _)| known == id));
        Ok(Some(views))
    }

    /// A run that is not followed, asked for anew when its figures are others.
    fn ask(&mut self, id: &RunId, head: &Head) -> Result<Option<RunView>, Failure> {
        if let Some((figures, view)) = self.asked.get(id)
            && *figures == head.run
        {
            return Ok(Some(view.clone()));
        }
        let view = run_of(self.daemon, id)?;
        if let Some(view) = &view {
            self.asked.insert(id.clone(), (head.run.clone(), view.clone()));
        }
        Ok(view)
    }
}

fn parsed<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_json::from_value(value).map_err(Failure::failed)
}

/// A run from its topic: head, queues and tasks are entries of their own there.
fn assembled(topic: &Topic) -> Result<Run, Failure> {
    #[derive(Deserialize)]
    struct TaskEntry {
        queue_id: gpuyard_core::model::QueueId,
        #[serde(flatten)]
        task: Task,
    }
    let with = |value: &Value, field: &str, empty: Value| {
        let mut value = value.clone();
        if let Some(map) = value.as_object_mut() {
            map.insert(field.to_owned(), empty);
        }
        value
    };
    let head = topic.get("run").cloned().unwrap_or_default();
    let mut run: Run = parsed(with(&head, "queues", serde_json::json!({})))?;
    for (key, value) in topic {
        if key.starts_with("queue:") {
            let queue: Queue = parsed(with(value, "processes", serde_json::json!([])))?;
            run.queues.insert(queue.id, queue);
        }
    }
    for (key, value) in topic {
        if key.starts_with("task:") {
            let entry: TaskEntry = parsed(value.clone())?;
            if let Some(queue) = run.queues.get_mut(&entry.queue_id) {
                queue.processes.push(entry.task);
            }
        }
    }
    for queue in run.queues.values_mut() {
        queue.processes.sort_by_key(|task| task.index);
    }
    Ok(run)
}
