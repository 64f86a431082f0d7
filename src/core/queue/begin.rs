//! How a run begins: a fresh one, which takes back what an earlier one left running.
use jiff::Timestamp;

use super::{Machine, Queue, QueuePlan, QueueState, Run, RunState, STATE_VERSION, Task, TaskPlan, TaskState};
use crate::model::{ConfigKey, Node, Now, OnFailure, Owner, ProcessIdentity, QueueId, RetryConfig, RunId, TaskId};

/// All that a fresh run is made of.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// Its id.
    pub run_id: RunId,
    /// First part of its task ids.
    pub task_seed: String,
    /// The machine.
    pub node: Node,
    /// Whose run it is.
    pub owner: Owner,
    /// The scheduler.
    pub scheduler: ProcessIdentity,
    /// Which command file.
    pub config: ConfigKey,
    /// The command file, absolute.
    pub config_file: String,
    /// Retry rules.
    pub retry: RetryConfig,
    /// What a failed task means for its queue.
    pub on_failure: OnFailure,
    /// What the command file says; each queue id once.
    pub queues: Vec<QueuePlan>,
}

impl Machine {
    /// A fresh run. Tasks that `earlier` left running (detached, or a scheduler that died) go on in it.
    pub fn begin(beginning: Beginning, earlier: Option<&Run>, now: Now) -> Machine {
        let Beginning {
            run_id,
            task_seed,
            node,
            owner,
            scheduler,
            config,
            config_file,
            retry,
            on_failure,
            queues,
        } = beginning;
        let mut run = Run {
            version: STATE_VERSION,
            run_id,
            node,
            owner,
            pid: scheduler.pid,
            boot_id: scheduler.space.boot_id.clone(),
            scheduler: Some(scheduler),
            mode: config.mode,
            config_index: config.index,
            config_file,
            state: RunState::Running,
            started_at: now.wall,
            finished_at: None,
            total_tasks: 0,
            pending_tasks: 0,
            running_tasks: 0,
            completed_tasks: 0,
            failed_tasks: 0,
            gpus_used: Vec::new(),
            gpus_available: Vec::new(),
            gpu_assignments: Default::default(),
            gpu_assignments_all: Default::default(),
            last_error: None,
            warnings: Default::default(),
            class_reasons: Vec::new(),
            head_reasons: Vec::new(),
            retry,
            on_failure,
            next_task: 0,
            task_seed,
            seq: 0,
            generation: 0,
            queues: Default::default(),
        };
        if let Some(earlier) = earlier {
            for queue in earlier.queues.values() {
                let live: Vec<Task> = queue
                    .processes
                    .iter()
                    .filter(|task| task.live.is_some())
                    .cloned()
                    .collect();
                if !live.is_empty() {
                    run.queues.insert(
                        queue.id,
                        Queue {
                            processes: live,
                            ..new_queue(queue.id)
                        },
                    );
                }
            }
        }
        let mut machine = Machine::new(run);
        machine.read_file(&queues, now);
        machine
    }
}

/// A queue without tasks.
pub(super) fn new_queue(id: QueueId) -> Queue {
    Queue {
        id,
        state: QueueState::Waiting,
        total_tasks: 0,
        pending_tasks: 0,
        running_tasks: 0,
        completed_tasks: 0,
        failed_tasks: 0,
        current_task: None,
        current_gpu: None,
        last_error: None,
        processes: Vec::new(),
    }
}

/// A task that has not run.
pub(super) fn new_task(task_id: TaskId, plan: &TaskPlan) -> Task {
    Task {
        task_id,
        index: 0,
        commands: plan.commands.clone(),
        memory_gb: plan.memory_gb,
        gpu_count: plan.gpu_count,
        state: TaskState::Pending,
        current_gpu: None,
        gpus: Vec::new(),
        gpu_refs: Vec::new(),
        attempt: 0,
        retry_count: 0,
        failures_in_row: 0,
        reason: None,
        last_error: None,
        started_at: None,
        finished_at: None::<Timestamp>,
        exit_code: None,
        signal: None,
        log_path: None,
        peak_memory: None,
        waiting_since: None,
        gate: None,
        live: None,
        removed: false,
        taken_over_by: None,
        extra: None,
    }
}
