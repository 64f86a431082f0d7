//! What is derived from a run: where each task is, what runs, how many there are of each state, which task is its queue's head.
use super::{Demand, LiveAttempt, Machine, Queue, QueueState, Run, RunState, Task, TaskState, waiting::Waiting};
use crate::model::{Now, OnFailure, QueueId, TaskId};

impl Machine {
    pub(super) fn place(&self, id: &TaskId) -> Option<(QueueId, usize)> {
        self.places.get(id).copied()
    }

    pub(super) fn task_at(&mut self, queue: QueueId, place: usize) -> Option<&mut Task> {
        self.run.queues.get_mut(&queue)?.processes.get_mut(place)
    }

    pub(super) fn task_mut(&mut self, id: &TaskId) -> Option<&mut Task> {
        let (queue, place) = self.place(id)?;
        self.task_at(queue, place)
    }

    pub(super) fn with_live(&mut self, id: &TaskId, change: impl FnOnce(&mut LiveAttempt)) {
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

/// Adds `step` to the one of four counters that a state belongs to; stopped tasks are in none but the total.
macro_rules! counting {
    ($($whole:ty),*) => {$(
        impl $whole {
            fn count(&mut self, state: TaskState, step: i32) {
                let counter = match state {
                    TaskState::Pending | TaskState::Retrying => &mut self.pending_tasks,
                    TaskState::Running => &mut self.running_tasks,
                    TaskState::Completed | TaskState::Skipped => &mut self.completed_tasks,
                    TaskState::Failed => &mut self.failed_tasks,
                    TaskState::Stopped => return,
                };
                *counter = counter.saturating_add_signed(step);
            }
        }
    )*};
}

counting!(Queue, Run);
