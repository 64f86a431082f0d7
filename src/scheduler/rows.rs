//! A run of ad-hoc tasks on disk: rows of the database in the place of a state file and its journal.
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use anyhow::bail;
use gpuyard_core::{
    model::{AdhocId, AdhocSpec, TaskId},
    queue::{Event, Machine, Task, adhoc_queue, adhoc_status},
};
use gpuyard_exec::clock;
use gpuyard_store::{
    StoreError,
    adhoc::{Demand, Intent, Said, Tasks},
};

/// What is to be written, and what the rows were when they were read.
pub(crate) struct Rows {
    pub(crate) tasks: Arc<Tasks>,
    /// Of each task that was taken up and is not over.
    pub(crate) taken: HashMap<AdhocId, Taken>,
    /// Tasks whose rows are behind.
    changed: BTreeSet<AdhocId>,
    said: bool,
    trouble: bool,
    /// Tasks to be looked at again: they depended on one that has ended.
    pub(crate) touched: Vec<AdhocId>,
}

/// A task that was taken up.
pub(crate) struct Taken {
    /// The wish by which it was.
    pub(crate) wish: i64,
    /// What was asked for.
    pub(crate) spec: AdhocSpec,
}

/// The number of an ad-hoc task of a run.
pub(crate) fn number(task_id: &TaskId) -> Option<AdhocId> {
    task_id.as_str().parse().ok()
}

impl Rows {
    pub(crate) fn new(tasks: Arc<Tasks>) -> Rows {
        Rows {
            tasks,
            taken: HashMap::new(),
            changed: BTreeSet::new(),
            said: false,
            trouble: false,
            touched: Vec::new(),
        }
    }

    /// Notes what an event that holds already has changed.
    pub(crate) fn note(&mut self, event: &Event, machine: &Machine) {
        match event {
            Event::Placed { task_id, .. }
            | Event::Launched { task_id, .. }
            | Event::NotLaunched { task_id }
            | Event::TakenOver { task_id, .. }
            | Event::RunnerLost { task_id }
            | Event::Ended { task_id, .. }
            | Event::RetryAsked { task_id }
            | Event::SkipAsked { task_id }
            | Event::TaskStopAsked { task_id } => self.changed.extend(number(task_id)),
            Event::Decided { .. } => self.said = true,
            Event::Troubled { .. } => self.trouble = true,
            // A new boot has its own clock, by which waits go on; a stop is told to everything that runs.
            Event::Opened { .. } | Event::StopAsked { .. } => {
                let all = machine.run().queues.values().flat_map(|queue| &queue.processes);
                let counts = |task: &&Task| task.gate.is_some() || task.live.is_some();
                self.changed
                    .extend(all.filter(counts).filter_map(|task| number(&task.task_id)));
            }
            _ => {}
        }
    }

    /// Writes an intent to start an attempt, which the machine holds already. An error: it does not hold.
    pub(crate) fn intend(&mut self, task: &Task) -> anyhow::Result<()> {
        let Some(id) = number(&task.task_id) else {
            bail!("task {} is no ad-hoc task", task.task_id);
        };
        let wish = self.taken.get(&id).map_or(-1, |taken| taken.wish);
        match self.tasks.intend(id, wish, task)? {
            Intent::Written => {
                self.changed.remove(&id);
                Ok(())
            }
            Intent::Changed => {
                self.touched.push(id);
                bail!("task {id} was changed or cancelled a moment ago");
            }
        }
    }

    /// Whether rows are behind.
    pub(crate) fn is_behind(&self) -> bool {
        !self.changed.is_empty() || self.said || self.trouble
    }

    /// Writes what is behind, and lets go of what is over.
    pub(crate) fn save(&mut self, machine: &mut Machine) -> Result<(), StoreError> {
        if !self.changed.is_empty() {
            let of = |id: &AdhocId| {
                machine
                    .task(&gpuyard_store::adhoc::task_id(*id))
                    .map(|task| (*id, task))
            };
            let tasks: Vec<(AdhocId, &Task)> = self.changed.iter().filter_map(of).collect();
            let touched = self.tasks.keep(&tasks, clock::now().wall)?;
            let over: Vec<AdhocId> = tasks
                .iter()
                .filter(|(_, task)| adhoc_status(task.state).is_over())
                .map(|(id, _)| *id)
                .collect();
            self.touched.extend(touched);
            self.changed.clear();
            for id in over {
                machine.let_go(adhoc_queue(id));
                self.taken.remove(&id);
            }
        }
        if self.said {
            self.tasks.say(&said(machine))?;
            self.said = false;
        }
        if self.trouble {
            self.tasks.set_fact("trouble", machine.run().last_error.as_deref())?;
            self.trouble = false;
        }
        Ok(())
    }
}

fn said(machine: &Machine) -> Said {
    let run = machine.run();
    let kinds = run.class_reasons.iter().map(|class| {
        let demand = Demand {
            gpu_type: class
                .gpu_type
                .clone()
                .unwrap_or_else(|| gpuyard_core::model::ANY_GPU.into()),
            gpu_count: class.gpu_count,
            memory: (!class.empty).then(|| class.memory.gib()),
        };
        (demand, class.reason.clone())
    });
    let heads = run.head_reasons.iter();
    Said {
        kinds: kinds.collect(),
        tasks: heads
            .filter_map(|(id, reason)| Some((number(id)?, reason.clone())))
            .collect(),
    }
}
