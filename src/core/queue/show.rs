//! A run as people and programs see it: with reasons, GPUs in use and current tasks filled in.
use super::{Demand, Machine, QueueState, Run, ShownReason, TaskState};
use crate::model::{Lang, Now, Reason, TaskId};

/// Characters of a command that `current_task` shows.
const SHOWN_COMMAND: usize = 80;

impl Machine {
    /// Why a task waits; `None` where it does not, or nothing has been decided yet.
    pub fn reason(&self, id: &TaskId, now: Now) -> Option<Reason> {
        let (queue_id, place) = self.place(id)?;
        let queue = self.run.queues.get(&queue_id)?;
        let task = queue.processes.get(place)?;
        if task.removed || !matches!(task.state, TaskState::Pending | TaskState::Retrying) {
            return None;
        }
        if matches!(
            queue.state,
            QueueState::Failed | QueueState::Stopped | QueueState::Completed
        ) {
            return None;
        }
        if !self.waiting.has_head(queue_id) || self.waiting.cursor(queue_id) != place {
            return Some(Reason::QueueBusy);
        }
        if let Some(gate) = task.gate.as_ref().filter(|_| self.waiting.is_gated(queue_id, now.mono)) {
            let until = gate.until;
            return Some(if gate.backing_off {
                Reason::BackingOff { until }
            } else {
                Reason::RetryDelay { until }
            });
        }
        self.head_reasons
            .get(id)
            .or_else(|| self.reasons.get(&Demand::of_task(task)))
            .cloned()
    }

    /// The whole run, ready to be shown or written. Costs what the run is long.
    pub fn shown(&self, lang: Lang, now: Now) -> Run {
        let mut run = self.run.clone();
        run.gpus_used.clear();
        run.gpu_assignments.clear();
        run.gpu_assignments_all.clear();
        for queue in run.queues.values_mut() {
            (queue.current_task, queue.current_gpu) = (None, None);
            for task in &mut queue.processes {
                task.reason = self
                    .reason(&task.task_id, now)
                    .map(|reason| ShownReason::new(reason, lang));
            }
        }
        for task in self.running() {
            let Some(queue_id) = self.queue_of(&task.task_id) else {
                continue;
            };
            for &gpu in &task.gpus {
                run.gpus_used.push(gpu);
                run.gpu_assignments.entry(gpu).or_insert(queue_id);
                run.gpu_assignments_all.entry(gpu).or_default().push(queue_id);
            }
            let Some(queue) = run.queues.get_mut(&queue_id) else {
                continue;
            };
            let command = task.commands.join(" && ");
            let cut = command.char_indices().nth(SHOWN_COMMAND).map(|(at, _)| at);
            let shown = cut.map_or(command.clone(), |at| format!("{}…", &command[..at]));
            queue.current_task = Some(format!("{}/{}: {shown}", task.index + 1, queue.total_tasks));
            queue.current_gpu = task.current_gpu;
        }
        run.gpus_used.sort_unstable();
        run.gpus_used.dedup();
        if run.gpu_assignments_all.values().all(|queues| queues.len() < 2) {
            run.gpu_assignments_all.clear();
        }
        run
    }
}
