//! The data of a run: what the state file holds and what API, dashboard and command line show.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ClassReason, Extra};
use crate::model::{
    Bytes, GpuRef, Lang, Mode, Mono, Node, OnFailure, Owner, ProcessIdentity, QueueId, Reason, RetryConfig, RunId,
    TaskId, UniId,
};

/// Version of the state file and journal that this program writes.
pub const STATE_VERSION: u32 = 1;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// The scheduler is coming up.
    Starting,
    /// At work.
    Running,
    /// Lets running tasks finish, starts none.
    Draining,
    /// Ends its tasks.
    Stopping,
    /// Every task completed (or was skipped).
    Completed,
    /// All is over, and a task failed.
    Failed,
    /// Somebody stopped it.
    Stopped,
    /// Its scheduler died, or was detached from its tasks.
    Interrupted,
}

impl RunState {
    /// Whether no scheduler has to live for this state to be true.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            RunState::Completed | RunState::Failed | RunState::Stopped | RunState::Interrupted
        )
    }
}

/// Where a queue stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueueState {
    /// Its head waits.
    #[default]
    Waiting,
    /// A task of it runs.
    Running,
    /// All its tasks are over, none failed.
    Completed,
    /// A task failed and nothing of it will run.
    Failed,
    /// It was stopped.
    Stopped,
}

/// Where a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TaskState {
    /// Not started yet.
    Pending,
    /// An attempt runs.
    Running,
    /// An attempt failed, the next one waits.
    Retrying,
    /// Exit code 0.
    Completed,
    /// Out of retries.
    Failed,
    /// Stopped by a person.
    Stopped,
    /// Passed over by a person.
    Skipped,
}

impl TaskState {
    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            TaskState::Completed | TaskState::Failed | TaskState::Stopped | TaskState::Skipped
        )
    }
}

/// A reason as people and programs see it: code, figures, text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownReason {
    /// Code and figures.
    #[serde(flatten)]
    pub reason: Reason,
    /// In words.
    pub text: String,
}

impl ShownReason {
    /// The reason with its words.
    pub fn new(reason: Reason, lang: Lang) -> ShownReason {
        ShownReason {
            text: reason.text(lang),
            reason,
        }
    }
}

/// A wait before the next attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// Back-off, or the shorter delay before a retry.
    pub backing_off: bool,
    /// When it opens, on the run's boot's monotonic clock.
    pub until_mono: Mono,
    /// The same for people, as the wall clock stood.
    pub until: Timestamp,
    /// How long it is in all, milliseconds; bounds what is left after a reboot.
    pub length_ms: u64,
}

/// An attempt that has been begun and has not ended, as far as is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LiveAttempt {
    /// Its key.
    pub uni_id: UniId,
    /// Its folder, below the root: `logs/tasks/…`.
    pub folder: String,
    /// Its runner, once launched.
    pub runner: Option<ProcessIdentity>,
    /// Its runner is gone, and its processes live.
    #[serde(default)]
    pub runner_lost: bool,
    /// Its task was told to stop.
    #[serde(default)]
    pub stop_requested: bool,
}

/// One task of a run ("process" in the API, as in the seed).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Task {
    /// Stable through edits.
    pub task_id: TaskId,
    /// Place in its queue, from 0.
    pub index: u32,
    /// As they stand in the command file, placeholders not replaced.
    pub commands: Vec<String>,
    /// GiB on each GPU.
    pub memory_gb: f64,
    /// GPUs it asks for.
    pub gpu_count: u32,
    /// Where it stands.
    pub state: TaskState,
    /// First of `gpus`.
    pub current_gpu: Option<u32>,
    /// Indices of the GPUs it runs on.
    pub gpus: Vec<u32>,
    /// The same with their identities.
    #[serde(default)]
    pub gpu_refs: Vec<GpuRef>,
    /// Attempts begun so far.
    pub attempt: u32,
    /// Retries so far, of those that `max_retries` allows.
    pub retry_count: u32,
    /// Failed attempts since the last back-off.
    #[serde(default)]
    pub failures_in_row: u32,
    /// Why it waits. Filled in when shown or written; see [`super::Machine::reason`].
    pub reason: Option<ShownReason>,
    /// Why its last attempt failed.
    pub last_error: Option<String>,
    /// Start of its last attempt.
    pub started_at: Option<Timestamp>,
    /// End of its last attempt.
    pub finished_at: Option<Timestamp>,
    /// Exit code of its last attempt.
    pub exit_code: Option<i32>,
    /// Signal that ended its last attempt.
    pub signal: Option<i32>,
    /// Log of its last attempt, below the root.
    pub log_path: Option<String>,
    /// Most GPU memory that its last attempt was seen to use on one GPU.
    pub peak_memory: Option<Bytes>,
    /// Since when it has been the head of its queue and could have run.
    #[serde(default)]
    pub waiting_since: Option<Mono>,
    /// Not before this.
    #[serde(default)]
    pub gate: Option<Gate>,
    /// The attempt at work.
    #[serde(default)]
    pub live: Option<LiveAttempt>,
    /// Its block is no longer in the command file; it runs on.
    #[serde(default)]
    pub removed: bool,
    /// The newer run that has taken it over, and whose its attempts' folders are.
    #[serde(default)]
    pub taken_over_by: Option<RunId>,
    /// What an ad-hoc task asks for besides; it stands in the database, not in the run's own record.
    #[serde(skip)]
    pub extra: Option<Extra>,
}

/// One queue of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// Where it stands.
    pub state: QueueState,
    /// Tasks in it.
    pub total_tasks: u32,
    /// Pending, retrying.
    pub pending_tasks: u32,
    /// At work.
    pub running_tasks: u32,
    /// Completed, skipped.
    pub completed_tasks: u32,
    /// Failed.
    pub failed_tasks: u32,
    /// The task at work, in words: `任务 1/2: python …` in the seed, `1/2: python …` here.
    pub current_task: Option<String>,
    /// First GPU of the task at work.
    pub current_gpu: Option<u32>,
    /// The last error of any of its tasks.
    pub last_error: Option<String>,
    /// Its tasks, in order.
    pub processes: Vec<Task>,
}

/// One life of a scheduler. Serialised, it is the state file (SPEC 7).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// [`STATE_VERSION`].
    pub version: u32,
    /// Its id.
    pub run_id: RunId,
    /// The machine.
    pub node: Node,
    /// Whose run it is.
    pub owner: Owner,
    /// The scheduler's pid, while `state` says that one lives.
    pub pid: i32,
    /// The scheduler's whole identity.
    pub scheduler: Option<ProcessIdentity>,
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// The command file, absolute.
    pub config_file: String,
    /// Where it stands.
    pub state: RunState,
    /// When the run began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Tasks in all.
    pub total_tasks: u32,
    /// Pending, retrying.
    pub pending_tasks: u32,
    /// At work.
    pub running_tasks: u32,
    /// Completed, skipped.
    pub completed_tasks: u32,
    /// Failed.
    pub failed_tasks: u32,
    /// Indices of the GPUs that its tasks hold.
    pub gpus_used: Vec<u32>,
    /// Indices of the GPUs that the rules compete for, as last seen.
    pub gpus_available: Vec<u32>,
    /// GPU index → queue.
    pub gpu_assignments: BTreeMap<u32, QueueId>,
    /// GPU index → queues, with packing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gpu_assignments_all: BTreeMap<u32, Vec<QueueId>>,
    /// The last thing that went wrong with the run itself (rules that cannot be read, say).
    pub last_error: Option<String>,
    /// Retry rules in force.
    pub retry: RetryConfig,
    /// What a failed task means for its queue.
    pub on_failure: OnFailure,
    /// What is odd and does not stop the run, by subject: `command_file`, `rules`, `gpus`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub warnings: BTreeMap<String, Vec<String>>,
    /// What the last decision said of those who wait, by kind of demand.
    #[serde(default)]
    pub class_reasons: Vec<ClassReason>,
    /// Heads of whom it said something else than of their kind.
    #[serde(default)]
    pub head_reasons: Vec<(TaskId, Reason)>,
    /// The boot that `Mono` values in here belong to.
    pub boot_id: String,
    /// Number of the next new task; ids are `{seed}-{number}`.
    pub next_task: u64,
    /// First part of task ids, random.
    pub task_seed: String,
    /// Events applied so far.
    pub seq: u64,
    /// Number of the journal that goes on from here.
    pub generation: u64,
    /// Its queues by id.
    pub queues: BTreeMap<QueueId, Queue>,
}
