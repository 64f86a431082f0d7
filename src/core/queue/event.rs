//! What can happen to a run. Each entry is one line of its journal.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{RunState, Task};
use crate::{
    model::{
        Bytes, GpuRef, Now, OnFailure, Outcome, ProcessIdentity, QueueId, Reason, RetryConfig, RunId, TaskId, UniId,
    },
    policy::Head,
    wire::StopKind,
};

/// One task as its command file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskPlan {
    /// One or more, placeholders not replaced.
    pub commands: Vec<String>,
    /// GPUs it asks for, at least 1.
    pub gpu_count: u32,
    /// GiB on each, above 0.
    pub memory_gb: f64,
}

/// One queue as its command file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueuePlan {
    /// Its id; each id once in a plan.
    pub id: QueueId,
    /// Its tasks in order.
    pub tasks: Vec<TaskPlan>,
}

/// Why all waiting heads that ask for the same wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassReason {
    /// GPUs asked for.
    pub gpu_count: u32,
    /// Memory asked for on each.
    pub memory: Bytes,
    /// The only model that will do (ad-hoc tasks, which do not stand in a run's own record).
    #[serde(skip)]
    pub gpu_type: Option<String>,
    /// Empty GPUs only (the same).
    #[serde(skip)]
    pub empty: bool,
    /// Why.
    pub reason: Reason,
}

/// What a task asks for: those who ask for the same get the same answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Demand {
    /// GPUs.
    pub gpu_count: u32,
    /// Memory on each.
    pub memory: Bytes,
    /// The only model that will do.
    pub gpu_type: Option<String>,
    /// Empty GPUs only.
    pub empty: bool,
}

impl Demand {
    /// What a head asks for.
    pub fn of_head(head: &Head) -> Demand {
        Demand {
            gpu_count: head.gpu_count,
            memory: head.memory,
            gpu_type: head.gpu_type.clone(),
            empty: head.empty,
        }
    }

    /// What a task asks for.
    pub fn of_task(task: &Task) -> Demand {
        let extra = task.extra.as_ref();
        Demand {
            gpu_count: task.gpu_count,
            memory: Bytes::from_gib(task.memory_gb),
            gpu_type: extra.and_then(|extra| extra.gpu_type.clone()),
            empty: extra.is_some_and(|extra| extra.empty),
        }
    }

    /// This reason for all who ask for this.
    pub fn because(self, reason: Reason) -> ClassReason {
        ClassReason {
            gpu_count: self.gpu_count,
            memory: self.memory,
            gpu_type: self.gpu_type,
            empty: self.empty,
            reason,
        }
    }
}

impl ClassReason {
    /// Of whom it is told.
    pub fn demand(&self) -> Demand {
        Demand {
            gpu_count: self.gpu_count,
            memory: self.memory,
            gpu_type: self.gpu_type.clone(),
            empty: self.empty,
        }
    }
}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A scheduler took the run up: at its start, or again after a crash, a stop or a detach.
    Opened {
        /// The scheduler.
        scheduler: ProcessIdentity,
        /// A person asked to resume: what failed or was stopped gets another chance. False after a crash.
        by_person: bool,
    },
    /// The command file was read, because it changed.
    FileRead {
        /// All of its queues.
        queues: Vec<QueuePlan>,
    },
    /// The rules were read, because they changed.
    RulesRead {
        /// Retry rules.
        retry: RetryConfig,
        /// What a failed task means for its queue.
        on_failure: OnFailure,
    },
    /// The intent to start an attempt: synced before anything is started.
    Placed {
        /// Which task.
        task_id: TaskId,
        /// The new attempt's key.
        uni_id: UniId,
        /// Its folder, below the root.
        folder: String,
        /// Its log, below the root.
        log_path: String,
        /// Where it runs.
        gpus: Vec<GpuRef>,
    },
    /// A runner has it: a first one, or one that took over.
    Launched {
        /// Which task.
        task_id: TaskId,
        /// Its runner.
        runner: ProcessIdentity,
    },
    /// The intent was recorded, and nothing was ever started: the attempt does not count.
    NotLaunched {
        /// Which task.
        task_id: TaskId,
    },
    /// The attempt goes on as a task of a newer run of the same command file.
    TakenOver {
        /// Which task.
        task_id: TaskId,
        /// The newer run.
        by: RunId,
    },
    /// The runner was killed and the attempt's processes live.
    RunnerLost {
        /// Which task.
        task_id: TaskId,
    },
    /// The attempt is over.
    Ended {
        /// Which task.
        task_id: TaskId,
        /// How.
        outcome: Outcome,
        /// When its first command started, by its record.
        started_at: Option<jiff::Timestamp>,
        /// When its last process was gone, by its record.
        finished_at: Option<jiff::Timestamp>,
        /// Most GPU memory it was seen to use on one GPU.
        peak_memory: Option<Bytes>,
    },
    /// What the last decision says of those who wait; replaces what was said before.
    Decided {
        /// A line for each kind of demand.
        classes: Vec<ClassReason>,
        /// Heads whose reason is another one than their class's.
        heads: Vec<(TaskId, Reason)>,
        /// Indices of the GPUs that the rules compete for.
        gpus_available: Vec<u32>,
    },
    /// Somebody wants the run to end.
    StopAsked {
        /// How.
        kind: StopKind,
    },
    /// Somebody wants a task that is over, or waits for its retry, to run now.
    RetryAsked {
        /// Which.
        task_id: TaskId,
    },
    /// Somebody wants a task to be passed over.
    SkipAsked {
        /// Which.
        task_id: TaskId,
    },
    /// Somebody wants a running task to end.
    TaskStopAsked {
        /// Which.
        task_id: TaskId,
    },
    /// Something is wrong with the run itself (a file that cannot be read), or no longer is.
    Troubled {
        /// In words; `None` once it is mended.
        message: Option<String>,
    },
    /// What is odd and does not stop the run; replaces what was said of the same subject before.
    Warned {
        /// `command_file`, `rules`, `gpus`.
        about: String,
        /// In words, naming file and line; empty once all is well.
        warnings: Vec<String>,
    },
    /// The scheduler leaves the run.
    Closed {
        /// As it stands.
        state: RunState,
    },
}

/// An event with its place in the run's history and its moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1 for the first.
    pub seq: u64,
    /// When it happened.
    pub at: Now,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}
