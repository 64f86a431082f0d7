//! Ad-hoc tasks in a run: each is a queue of its own with one task, taken up from the database and let go of when it is
//! over. All else of the machine is the same.
use super::{Machine, Queue, Task, TaskPlan, TaskState, begin};
use crate::model::{
    ANY_GPU, AdhocId, AdhocSpec, AdhocStatus, ConfigKey, Mode, Node, Now, OnFailure, Owner, ProcessIdentity, QueueId,
    RetryConfig, RunId, TaskId,
};

/// What a task asks for that a block of a command file cannot.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// The higher, the sooner.
    pub priority: i32,
    /// Model; `None`: any.
    pub gpu_type: Option<String>,
    /// Each GPU must be empty.
    pub empty: bool,
    /// Retries, in place of the run's own limit.
    pub max_retries: u32,
}

/// Where a task stands, as ad-hoc tasks tell it.
pub fn adhoc_status(state: TaskState) -> AdhocStatus {
    match state {
        TaskState::Pending | TaskState::Retrying => AdhocStatus::Queued,
        TaskState::Running => AdhocStatus::Running,
        TaskState::Completed => AdhocStatus::Completed,
        TaskState::Failed => AdhocStatus::Failed,
        TaskState::Stopped | TaskState::Skipped => AdhocStatus::Cancelled,
    }
}

/// The queue that an ad-hoc task is in a run.
pub fn adhoc_queue(id: AdhocId) -> QueueId {
    QueueId(id.unsigned_abs())
}

/// Gives a task that is over all its chances again.
pub fn again(task: &mut Task) {
    super::machine::reset(task);
    (task.last_error, task.exit_code, task.signal, task.finished_at) = (None, None, None, None);
}

/// A task of a run from what a person asked for, and from how it has fared so far.
pub fn adhoc_task(task_id: TaskId, spec: &AdhocSpec, state: Option<Task>) -> Task {
    let plan = TaskPlan {
        commands: vec![spec.command.clone()],
        gpu_count: spec.gpu_count,
        memory_gb: spec.memory.unwrap_or(0.0),
    };
    let mut task = state.unwrap_or_else(|| begin::new_task(task_id, &plan));
    (task.commands, task.gpu_count, task.memory_gb) = (plan.commands, plan.gpu_count, plan.memory_gb);
    task.extra = Some(Extra {
        priority: spec.priority,
        gpu_type: (spec.gpu_type != ANY_GPU).then(|| spec.gpu_type.clone()),
        empty: spec.memory.is_none(),
        max_retries: spec.retries,
    });
    task
}

impl Machine {
    /// A run without tasks, which are taken up one by one.
    pub fn for_adhoc(
        run_id: RunId,
        node: Node,
        owner: Owner,
        scheduler: ProcessIdentity,
        retry: RetryConfig,
        boot_id: String,
        now: Now,
    ) -> Machine {
        let beginning = begin::Beginning {
            run_id,
            task_seed: String::new(),
            node,
            owner,
            scheduler,
            config: ConfigKey {
                mode: Mode::Multi,
                index: 0,
            },
            config_file: String::new(),
            retry,
            on_failure: OnFailure::Continue,
            queues: Vec::new(),
        };
        let mut machine = Machine::begin(beginning, None, now);
        // The one that its tasks' waits were counted in, perhaps before a reboot.
        machine.run.boot_id = boot_id;
        machine.adhoc = true;
        machine
    }

    /// Takes a task up, in place of what was known of it.
    pub fn take_up(&mut self, id: QueueId, task: Task, now: Now) {
        self.let_go(id);
        let queue = Queue {
            processes: vec![task],
            ..begin::new_queue(id)
        };
        self.add_queue(queue, now);
    }

    /// Forgets a task.
    pub fn let_go(&mut self, id: QueueId) {
        self.remove_queue(id);
    }
}

#[cfg(test)]
mod tests;
