//! The machine: a run, and what each event does to it.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{Demand, Event, LiveAttempt, Run, RunState, Task, TaskState, event::Entry, waiting::Waiting};
use crate::{
    model::{ConfigKey, GpuRef, Mono, Now, ProcessIdentity, QueueId, Reason, TaskId, UniId},
    wire::StopKind,
};

/// What the world has to do after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// End this attempt.
    StopAttempt {
        /// Its key.
        uni_id: UniId,
    },
}

/// Why an asked-for change is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The run has no such task.
    #[error("this run has no such task")]
    NotFound,
    /// The task is in another state than the change needs.
    #[error("{0}")]
    Conflict(&'static str),
}

/// A run and what is derived from it.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) run: Run,
    /// Where each task is.
    pub(super) places: HashMap<TaskId, (QueueId, usize)>,
    /// Which task each attempt at work belongs to.
    pub(super) attempts: HashMap<UniId, TaskId>,
    /// Tasks at work.
    pub(super) running: BTreeSet<(QueueId, usize)>,
    pub(super) waiting: Waiting,
    /// What the last decision said, by kind of demand.
    pub(super) reasons: BTreeMap<Demand, Reason>,
    /// Heads for whom it said something else.
    pub(super) head_reasons: HashMap<TaskId, Reason>,
    /// Queues that may still have something to do.
    pub(super) open_queues: usize,
    /// Its queues are ad-hoc tasks, which come and go: the run does not end because there are none.
    pub(super) adhoc: bool,
}

impl Machine {
    /// A machine over a run as it was read from its snapshot.
    pub fn new(run: Run) -> Machine {
        let mut machine = Machine {
            run,
            places: HashMap::new(),
            attempts: HashMap::new(),
            running: BTreeSet::new(),
            waiting: Waiting::default(),
            reasons: BTreeMap::new(),
            head_reasons: HashMap::new(),
            open_queues: 0,
            adhoc: false,
        };
        machine.index_reasons();
        // At moment 0 every gate is still closed; those whose moment has come open when heads are next asked for.
        machine.settle_all(Now {
            wall: jiff::Timestamp::UNIX_EPOCH,
            mono: Mono(0),
        });
        machine
    }

    fn index_reasons(&mut self) {
        let classes = self.run.class_reasons.iter();
        self.reasons = classes.map(|c| (c.demand(), c.reason.clone())).collect();
        self.head_reasons = self.run.head_reasons.iter().cloned().collect();
    }

    /// The run, without the reasons of those who wait; see [`Machine::shown`].
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Which command file this is.
    pub fn config(&self) -> ConfigKey {
        ConfigKey {
            mode: self.run.mode,
            index: self.run.config_index,
        }
    }

    /// The number that the journal's next generation gets, once a snapshot names it.
    pub fn set_generation(&mut self, generation: u64) {
        self.run.generation = generation;
    }

    /// A task by its id.
    pub fn task(&self, id: &TaskId) -> Option<&Task> {
        let &(queue, place) = self.places.get(id)?;
        self.run.queues.get(&queue)?.processes.get(place)
    }

    /// The queue that a task is in.
    pub fn queue_of(&self, id: &TaskId) -> Option<QueueId> {
        self.places.get(id).map(|&(queue, _)| queue)
    }

    /// The task that an attempt at work belongs to.
    pub fn task_of_attempt(&self, uni_id: &UniId) -> Option<&Task> {
        self.task(self.attempts.get(uni_id)?)
    }

    /// Tasks at work, removed ones too.
    pub fn running(&self) -> impl Iterator<Item = &Task> {
        self.running
            .iter()
            .filter_map(|(queue, place)| self.run.queues.get(queue)?.processes.get(*place))
    }

    /// How the run ends, once nothing runs and nothing will: `None` while there is something to do.
    pub fn verdict(&self) -> Option<RunState> {
        let idle = self.running.is_empty();
        match self.run.state {
            RunState::Draining if idle && self.run.pending_tasks == 0 => Some(self.final_state()),
            RunState::Stopping | RunState::Draining if idle => Some(RunState::Stopped),
            RunState::Starting | RunState::Running if idle && self.open_queues == 0 && !self.adhoc => {
                Some(self.final_state())
            }
            _ => None,
        }
    }

    fn final_state(&self) -> RunState {
        let any = |state| {
            self.run
                .queues
                .values()
                .flat_map(|queue| &queue.processes)
                .any(|task| !task.removed && task.state == state)
        };
        if any(TaskState::Failed) {
            RunState::Failed
        } else if any(TaskState::Stopped) {
            RunState::Stopped
        } else {
            RunState::Completed
        }
    }

    /// Whether an asked-for change is possible now. The entry is written only if it is.
    pub fn check(&self, event: &Event) -> Result<(), Refusal> {
        let find = |id: &TaskId| self.task(id).ok_or(Refusal::NotFound);
        match event {
            Event::RetryAsked { task_id } => match find(task_id)? {
                task if task.removed => Err(Refusal::Conflict("its block is no longer in the command file")),
                task if task.state == TaskState::Running => Err(Refusal::Conflict("it is running")),
                task if task.state == TaskState::Pending => Err(Refusal::Conflict("it has not run yet")),
                _ => Ok(()),
            },
            Event::SkipAsked { task_id } => match find(task_id)?.state {
                TaskState::Running => Err(Refusal::Conflict("it is running: stop it first")),
                TaskState::Completed | TaskState::Skipped => Err(Refusal::Conflict("it is over")),
                _ => Ok(()),
            },
            Event::TaskStopAsked { task_id } => match find(task_id)?.state {
                TaskState::Running | TaskState::Retrying => Ok(()),
                _ => Err(Refusal::Conflict("it is not running")),
            },
            _ => Ok(()),
        }
    }

    /// Applies an entry. Entries that the state already holds (`seq` not above its own) change nothing.
    pub fn apply(&mut self, entry: &Entry) -> Vec<Effect> {
        if entry.seq <= self.run.seq {
            return Vec::new();
        }
        self.run.seq = entry.seq;
        let now = entry.at;
        let mut effects = Vec::new();
        match &entry.event {
            Event::Opened { scheduler, by_person } => self.opened(scheduler, *by_person, now),
            Event::FileRead { queues } => self.read_file(queues, now),
            Event::RulesRead { retry, on_failure } => {
                self.run.retry = retry.clone();
                self.run.on_failure = *on_failure;
                self.settle_all(now);
            }
            Event::Placed {
                task_id,
                uni_id,
                folder,
                log_path,
                gpus,
            } => {
                self.placed(task_id, uni_id, folder, log_path, gpus, now);
            }
            Event::Launched { task_id, runner } => self.with_live(task_id, |live| {
                live.runner = Some(runner.clone());
                live.runner_lost = false;
            }),
            Event::NotLaunched { task_id } => {
                self.leave_attempt(task_id, TaskState::Pending, now);
                if let Some(task) = self.task_mut(task_id) {
                    task.attempt = task.attempt.saturating_sub(1);
                }
            }
            Event::TakenOver { task_id, by } => {
                self.leave_attempt(task_id, TaskState::Stopped, now);
                if let Some(task) = self.task_mut(task_id) {
                    task.last_error = Some(format!("goes on in run {by}"));
                    task.taken_over_by = Some(by.clone());
                }
            }
            Event::RunnerLost { task_id } => self.with_live(task_id, |live| live.runner_lost = true),
            Event::Ended {
                task_id,
                outcome,
                started_at,
                finished_at,
                peak_memory,
            } => {
                if let Some((queue, place)) = self.place(task_id) {
                    if let Some(live) = self.task_at(queue, place).and_then(|task| task.live.take()) {
                        self.attempts.remove(&live.uni_id);
                        self.ended(
                            queue,
                            place,
                            &live,
                            outcome,
                            (*started_at, *finished_at, *peak_memory),
                            now,
                        );
                    }
                    self.settle(queue, now);
                }
            }
            Event::Decided {
                classes,
                heads,
                gpus_available,
            } => {
                self.run.class_reasons.clone_from(classes);
                self.run.head_reasons.clone_from(heads);
                self.run.gpus_available.clone_from(gpus_available);
                self.index_reasons();
            }
            Event::StopAsked { kind } => self.stop_asked(*kind, &mut effects, now),
            Event::RetryAsked { task_id } => self.change(task_id, TaskState::Pending, now),
            Event::SkipAsked { task_id } => self.change(task_id, TaskState::Skipped, now),
            Event::TaskStopAsked { task_id } => {
                if let Some(live) = self.task_mut(task_id).and_then(|task| task.live.as_mut()) {
                    live.stop_requested = true;
                    effects.push(Effect::StopAttempt {
                        uni_id: live.uni_id.clone(),
                    });
                } else {
                    self.change(task_id, TaskState::Stopped, now);
                }
            }
            Event::Troubled { message } => self.run.last_error.clone_from(message),
            Event::Warned { about, warnings } if warnings.is_empty() => drop(self.run.warnings.remove(about)),
            Event::Warned { about, warnings } => drop(self.run.warnings.insert(about.clone(), warnings.clone())),
            Event::Closed { state } => {
                self.run.state = *state;
                self.run.finished_at = state.is_over().then_some(now.wall);
            }
        }
        effects
    }

    fn opened(&mut self, scheduler: &ProcessIdentity, by_person: bool, now: Now) {
        let rebooted = self.run.boot_id != scheduler.space.boot_id;
        self.run.boot_id.clone_from(&scheduler.space.boot_id);
        self.run.pid = scheduler.pid;
        self.run.scheduler = Some(scheduler.clone());
        // A stop that was asked for before a crash is carried out; a person who resumes means to go on.
        if by_person || !matches!(self.run.state, RunState::Stopping | RunState::Draining) {
            self.run.state = RunState::Running;
        }
        self.run.finished_at = None;
        for task in self.run.queues.values_mut().flat_map(|queue| &mut queue.processes) {
            if rebooted {
                // The old boot's clock says nothing now. The wall clock does, within the length of the wait itself.
                task.waiting_since = task.waiting_since.map(|_| now.mono);
                if let Some(gate) = &mut task.gate {
                    let left = gate
                        .until
                        .duration_since(now.wall)
                        .as_millis()
                        .clamp(0, i128::from(gate.length_ms));
                    gate.until_mono = now.mono.plus_millis(left as u64);
                    task.waiting_since = Some(gate.until_mono);
                }
            }
            if by_person && !task.removed && matches!(task.state, TaskState::Failed | TaskState::Stopped) {
                reset(task);
            }
        }
        self.settle_all(now);
    }

    fn placed(&mut self, task_id: &TaskId, uni_id: &UniId, folder: &str, log_path: &str, gpus: &[GpuRef], now: Now) {
        let Some((queue, place)) = self.place(task_id) else {
            return;
        };
        self.set_state(queue, place, TaskState::Running);
        if let Some(task) = self.task_at(queue, place) {
            task.gpus = gpus.iter().map(|gpu| gpu.index).collect();
            task.current_gpu = task.gpus.first().copied();
            task.gpu_refs = gpus.to_vec();
            task.attempt += 1;
            task.started_at = Some(now.wall);
            (task.finished_at, task.exit_code, task.signal, task.peak_memory) = (None, None, None, None);
            (task.gate, task.waiting_since) = (None, None);
            task.log_path = Some(log_path.to_owned());
            task.live = Some(LiveAttempt {
                uni_id: uni_id.clone(),
                folder: folder.to_owned(),
                runner: None,
                runner_lost: false,
                stop_requested: false,
            });
        }
        self.attempts.insert(uni_id.clone(), task_id.clone());
        self.head_reasons.remove(task_id);
        self.settle(queue, now);
    }

    /// A task whose attempt is not this run's any more.
    fn leave_attempt(&mut self, task_id: &TaskId, state: TaskState, now: Now) {
        let Some((queue, place)) = self.place(task_id) else {
            return;
        };
        if let Some(live) = self.task_at(queue, place).and_then(|task| task.live.take()) {
            self.attempts.remove(&live.uni_id);
            self.set_state(queue, place, state);
        }
        self.settle(queue, now);
    }

    fn stop_asked(&mut self, kind: StopKind, effects: &mut Vec<Effect>, now: Now) {
        match kind {
            StopKind::Drain => self.run.state = RunState::Draining,
            StopKind::Detach => {}
            StopKind::Stop => {
                self.run.state = RunState::Stopping;
                for (queue, place) in self.running.clone() {
                    if let Some(live) = self.task_at(queue, place).and_then(|task| task.live.as_mut()) {
                        live.stop_requested = true;
                        effects.push(Effect::StopAttempt {
                            uni_id: live.uni_id.clone(),
                        });
                    }
                }
            }
        }
        self.settle_all(now);
    }

    /// A person's word on a task that does not run.
    fn change(&mut self, task_id: &TaskId, state: TaskState, now: Now) {
        let Some((queue, place)) = self.place(task_id) else {
            return;
        };
        self.set_state(queue, place, state);
        if let Some(task) = self.task_at(queue, place) {
            (task.gate, task.waiting_since) = (None, None);
            if state == TaskState::Pending {
                reset(task);
            }
        }
        // A task behind the cursor may be its queue's head again, so the queue is gone through anew; all of them are,
        // for counting anew forgets every head.
        self.settle_all(now);
    }
}

/// Gives a task all its chances again.
pub(super) fn reset(task: &mut Task) {
    task.state = TaskState::Pending;
    (task.retry_count, task.failures_in_row) = (0, 0);
    (task.gate, task.waiting_since) = (None, None);
}
