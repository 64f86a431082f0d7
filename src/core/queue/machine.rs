//! The machine: a run, its derived indexes, and what each event does to it.
use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Demand, Event, LiveAttempt, Queue, QueuePlan, QueueState, Run, RunState, Task, TaskState, align::align, begin,
    event::Entry, waiting::Waiting,
};
use crate::{
    model::{ConfigKey, GpuRef, Mono, Now, OnFailure, ProcessIdentity, QueueId, Reason, TaskId, UniId},
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
    attempts: HashMap<UniId, TaskId>,
    /// Tasks at work.
    pub(super) running: BTreeSet<(QueueId, usize)>,
    pub(super) waiting: Waiting,
    /// What the last decision said, by kind of demand.
    pub(super) reasons: BTreeMap<Demand, Reason>,
    /// Heads for whom it said something else.
    pub(super) head_reasons: HashMap<TaskId, Reason>,
    /// Queues that may still have something to do.
    open_queues: usize,
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

    /// Brings the run in line with its command file.
    pub(super) fn read_file(&mut self, plans: &[QueuePlan], now: Now) {
        for plan in plans {
            let queue = self
                .run
                .queues
                .entry(plan.id)
                .or_insert_with(|| begin::new_queue(plan.id));
            let pairs = align(&queue.processes, &plan.tasks);
            let mut old: Vec<Option<Task>> = std::mem::take(&mut queue.processes).into_iter().map(Some).collect();
            for (task, pair) in plan.tasks.iter().zip(pairs) {
                let kept = pair.and_then(|place| old[place].take()).map(|mut kept| {
                    // A block that comes back is to be run.
                    if kept.removed && kept.state == TaskState::Stopped {
                        reset(&mut kept);
                    }
                    (kept.memory_gb, kept.gpu_count, kept.removed) = (task.memory_gb, task.gpu_count, false);
                    kept
                });
                queue.processes.push(kept.unwrap_or_else(|| {
                    self.run.next_task += 1;
                    let id = TaskId(format!("{}-{}", self.run.task_seed, self.run.next_task));
                    begin::new_task(id, task)
                }));
            }
            queue.processes.extend(old.into_iter().flatten().filter_map(leave));
            // What failed may be gone, and what follows may be new.
            queue.state = QueueState::Waiting;
        }
        let named: BTreeSet<QueueId> = plans.iter().map(|plan| plan.id).collect();
        for (id, queue) in &mut self.run.queues {
            if !named.contains(id) {
                queue.processes = std::mem::take(&mut queue.processes)
                    .into_iter()
                    .filter_map(leave)
                    .collect();
            }
        }
        self.run.queues.retain(|_, queue| !queue.processes.is_empty());
        for queue in self.run.queues.values_mut() {
            for (index, task) in queue.processes.iter_mut().enumerate() {
                task.index = index as u32;
            }
        }
        self.settle_all(now);
    }

    pub(super) fn place(&self, id: &TaskId) -> Option<(QueueId, usize)> {
        self.places.get(id).copied()
    }

    pub(super) fn task_at(&mut self, queue: QueueId, place: usize) -> Option<&mut Task> {
        self.run.queues.get_mut(&queue)?.processes.get_mut(place)
    }

    fn task_mut(&mut self, id: &TaskId) -> Option<&mut Task> {
        let (queue, place) = self.place(id)?;
        self.task_at(queue, place)
    }

    fn with_live(&mut self, id: &TaskId, change: impl FnOnce(&mut LiveAttempt)) {
        if let Some(live) = self.task_mut(id).and_then(|task| task.live.as_mut()) {
            change(live);
        }
    }

    /// Changes a task's state and all counts with it.
    pub(super) fn set_state(&mut self, queue_id: QueueId, place: usize, state: TaskState) {
        let Some(queue) = self.run.queues.get_mut(&queue_id) else {
            return;
        };
        let Some(task) = queue.processes.get_mut(place) else {
            return;
        };
        let before = std::mem::replace(&mut task.state, state);
        queue.count(before, -1);
        queue.count(state, 1);
        self.run.count(before, -1);
        self.run.count(state, 1);
        if state == TaskState::Running {
            self.running.insert((queue_id, place));
        } else {
            self.running.remove(&(queue_id, place));
        }
    }

    /// Adds a queue of a task that came.
    pub(super) fn add_queue(&mut self, mut queue: Queue, now: Now) {
        let id = queue.id;
        for (place, task) in queue.processes.iter().enumerate() {
            self.places.insert(task.task_id.clone(), (id, place));
            if let Some(live) = &task.live {
                self.attempts.insert(live.uni_id.clone(), task.task_id.clone());
            }
            if task.state == TaskState::Running {
                self.running.insert((id, place));
            }
        }
        for state in queue.processes.iter().map(|task| task.state).collect::<Vec<_>>() {
            queue.count(state, 1);
            self.run.count(state, 1);
        }
        queue.total_tasks = queue.processes.len() as u32;
        self.run.total_tasks += queue.total_tasks;
        self.run.queues.insert(id, queue);
        self.settle(id, now);
    }

    /// Forgets a queue, whatever its tasks do.
    pub(super) fn remove_queue(&mut self, id: QueueId) {
        let Some(queue) = self.run.queues.remove(&id) else {
            return;
        };
        if self.waiting.remove(id) {
            self.open_queues -= 1;
        }
        self.run.total_tasks = self.run.total_tasks.saturating_sub(queue.total_tasks);
        for (place, task) in queue.processes.iter().enumerate() {
            self.run.count(task.state, -1);
            self.places.remove(&task.task_id);
            self.head_reasons.remove(&task.task_id);
            self.running.remove(&(id, place));
            if let Some(live) = &task.live {
                self.attempts.remove(&live.uni_id);
            }
        }
    }

    /// Derives every index and count anew, and forgets every head: [`Machine::settle_all`] finds them again.
    fn recount(&mut self) {
        self.places.clear();
        self.attempts.clear();
        self.running.clear();
        self.waiting = Waiting::default();
        self.open_queues = 0;
        let run = &mut self.run;
        (run.total_tasks, run.pending_tasks, run.running_tasks) = (0, 0, 0);
        (run.completed_tasks, run.failed_tasks) = (0, 0);
        for queue in run.queues.values_mut() {
            queue.total_tasks = queue.processes.len() as u32;
            (
                queue.pending_tasks,
                queue.running_tasks,
                queue.completed_tasks,
                queue.failed_tasks,
            ) = (0, 0, 0, 0);
            for place in 0..queue.processes.len() {
                let task = &queue.processes[place];
                self.places.insert(task.task_id.clone(), (queue.id, place));
                if let Some(live) = &task.live {
                    self.attempts.insert(live.uni_id.clone(), task.task_id.clone());
                }
                if task.state == TaskState::Running {
                    self.running.insert((queue.id, place));
                }
                let state = task.state;
                queue.count(state, 1);
            }
            run.total_tasks += queue.total_tasks;
            run.pending_tasks += queue.pending_tasks;
            run.running_tasks += queue.running_tasks;
            run.completed_tasks += queue.completed_tasks;
            run.failed_tasks += queue.failed_tasks;
        }
    }

    /// Settles every queue, from scratch. Costs what the run is long: for beginnings, edits and a person's words.
    pub(super) fn settle_all(&mut self, now: Now) {
        self.recount();
        let ids: Vec<QueueId> = self.run.queues.keys().copied().collect();
        for id in ids {
            self.settle(id, now);
        }
    }

    /// Works out where a queue stands and which task, if any, waits at its head. Whoever changed a queue calls this.
    pub(super) fn settle(&mut self, id: QueueId, now: Now) {
        let Some(queue) = self.run.queues.get_mut(&id) else {
            return;
        };
        let was_open = self.waiting.forget(id);
        let running = self.running.range((id, 0)..=(id, usize::MAX)).next().is_some();
        let mut halted = None;
        let mut cursor = self.waiting.cursor(id);
        while let Some(task) = queue
            .processes
            .get(cursor)
            .filter(|task| task.removed || task.state.is_over())
        {
            if !task.removed && self.run.on_failure == OnFailure::Stop {
                halted = match task.state {
                    TaskState::Failed => Some(QueueState::Failed),
                    TaskState::Stopped => Some(QueueState::Stopped),
                    _ => None,
                };
                if halted.is_some() {
                    break;
                }
            }
            cursor += 1;
        }
        // Read back from disk, a run that was stopped still says so of its queues; an interrupted one goes on some day.
        let ending = match self.run.state {
            RunState::Starting | RunState::Running | RunState::Interrupted => false,
            RunState::Stopping | RunState::Draining => true,
            RunState::Completed | RunState::Failed | RunState::Stopped => true,
        };
        let head = (halted.is_none() && !running && !ending)
            .then(|| queue.processes.get_mut(cursor))
            .flatten();
        let open = running || head.is_some();
        if let Some(task) = head {
            let since = *task.waiting_since.get_or_insert(now.mono);
            let demand = Demand::of_task(task);
            let priority = task.extra.as_ref().map_or(0, |extra| extra.priority);
            let gate = task
                .gate
                .as_ref()
                .map(|gate| gate.until_mono)
                .filter(|until| *until > now.mono);
            self.waiting.add(id, demand, priority, since, gate);
        }
        let left = cursor < queue.processes.len();
        queue.state = match halted {
            _ if running => QueueState::Running,
            Some(state) => state,
            None if left && ending => QueueState::Stopped,
            None if left => QueueState::Waiting,
            None if queue
                .processes
                .iter()
                .any(|t| !t.removed && t.state == TaskState::Failed) =>
            {
                QueueState::Failed
            }
            None => QueueState::Completed,
        };
        self.waiting.set(id, cursor, open);
        self.open_queues = (self.open_queues + usize::from(open)) - usize::from(was_open);
    }
}

/// What becomes of a task whose block is gone: what never ran leaves; what runs, runs on; what ran is kept, marked.
fn leave(mut task: Task) -> Option<Task> {
    if task.attempt == 0 {
        return None;
    }
    // It waits no more: one that was to be tried again, and one that a resume or a retry had put back in the line.
    if matches!(task.state, TaskState::Retrying | TaskState::Pending) {
        task.state = TaskState::Stopped;
    }
    (task.gate, task.waiting_since, task.removed) = (None, None, true);
    Some(task)
}

/// Gives a task all its chances again.
pub(super) fn reset(task: &mut Task) {
    task.state = TaskState::Pending;
    (task.retry_count, task.failures_in_row) = (0, 0);
    (task.gate, task.waiting_since) = (None, None);
}

/// Adds `step` to the one of five counters that a state belongs to; stopped tasks are in none but the total.
fn count(state: TaskState, step: i32, [pending, running, completed, failed]: [&mut u32; 4]) {
    let counter = match state {
        TaskState::Pending | TaskState::Retrying => pending,
        TaskState::Running => running,
        TaskState::Completed | TaskState::Skipped => completed,
        TaskState::Failed => failed,
        TaskState::Stopped => return,
    };
    *counter = counter.saturating_add_signed(step);
}

impl Queue {
    fn count(&mut self, state: TaskState, step: i32) {
        let counters = [
            &mut self.pending_tasks,
            &mut self.running_tasks,
            &mut self.completed_tasks,
            &mut self.failed_tasks,
        ];
        count(state, step, counters);
    }
}

impl Run {
    fn count(&mut self, state: TaskState, step: i32) {
        let counters = [
            &mut self.pending_tasks,
            &mut self.running_tasks,
            &mut self.completed_tasks,
            &mut self.failed_tasks,
        ];
        count(state, step, counters);
    }
}
