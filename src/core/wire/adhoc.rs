//! `/api/tasks*` and `/api/gpus`: ad-hoc tasks, as they are asked for and shown.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    model::{AdhocId, AdhocStatus, GpuUuid, Seconds},
    queue::ShownReason,
};

/// Body of `POST /api/tasks`: one task, or with `matrix` one for each combination. Only `command` must be there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NewAdhocTask {
    /// For people; absent: the last line of the command.
    pub name: Option<String>,
    /// One bash script, of as many lines as it likes.
    pub command: String,
    /// A GPU model of this host (part of its name will do, where that is no other's), or `any` (default).
    pub gpu_type: Option<String>,
    /// GPUs at once (1).
    pub gpu_count: Option<u32>,
    /// GiB on each; absent: each must be empty, but for processes that the rules ignore.
    pub memory: Option<f64>,
    /// The higher, the sooner (0).
    pub priority: Option<i32>,
    /// Absolute; absent: that of the rules.
    pub work_dir: Option<String>,
    /// Further variables.
    pub environment: Option<BTreeMap<String, String>>,
    /// Seconds after which it is ended; absent: that of the rules.
    pub timeout: Option<f64>,
    /// Further tries after a failure (0).
    pub retries: Option<u32>,
    /// It starts once these have completed; where one of them does not, it is cancelled.
    pub depends_on: Option<Vec<AdhocId>>,
    /// It does not start earlier.
    pub not_before: Option<Timestamp>,
    /// Words to find it by.
    pub tags: Option<Vec<String>>,
    /// Who made it.
    pub created_by: Option<String>,
    /// A sweep: each `{name}` in command, name, work_dir and environment becomes one of its values, and each combination
    /// becomes a task. Values are texts, numbers or booleans.
    #[schema(value_type = Option<BTreeMap<String, Vec<serde_json::Value>>>)]
    pub matrix: Option<BTreeMap<String, Vec<serde_json::Value>>>,
}

/// Body of `PATCH /api/tasks/{id}`: the fields to change. `null` takes a value away (that of the rules, or the default,
/// holds then); a field that is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdhocChange {
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub name: Option<Option<String>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub gpu_type: Option<Option<String>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    pub gpu_count: Option<Option<u32>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    pub memory: Option<Option<f64>>,
    /// See [`NewAdhocTask`]. That of a running task may be changed too; it counts at its next try.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<i32>)]
    pub priority: Option<Option<i32>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub work_dir: Option<Option<String>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub environment: Option<Option<BTreeMap<String, String>>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<f64>)]
    pub timeout: Option<Option<f64>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<u32>)]
    pub retries: Option<Option<u32>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Vec<AdhocId>>)]
    pub depends_on: Option<Option<Vec<AdhocId>>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Timestamp>)]
    pub not_before: Option<Option<Timestamp>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<Vec<String>>)]
    pub tags: Option<Option<Vec<String>>>,
    /// See [`NewAdhocTask`].
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    pub created_by: Option<Option<String>>,
}

/// `null` is something that was said, and differs from nothing.
fn given<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}

impl AdhocChange {
    /// Whether nothing but the priority is to change: that may be done while the task runs.
    pub fn is_priority_alone(&self) -> bool {
        let without = AdhocChange {
            priority: None,
            ..self.clone()
        };
        self.priority.is_some() && without == AdhocChange::default()
    }

    /// The task as it would be asked for with the change.
    pub fn apply(self, to: &mut NewAdhocTask) {
        fn set<T>(field: &mut T, to: Option<T>) {
            if let Some(to) = to {
                *field = to;
            }
        }
        set(&mut to.name, self.name);
        set(&mut to.command, self.command);
        set(&mut to.gpu_type, self.gpu_type);
        set(&mut to.gpu_count, self.gpu_count);
        set(&mut to.memory, self.memory);
        set(&mut to.priority, self.priority);
        set(&mut to.work_dir, self.work_dir);
        set(&mut to.environment, self.environment);
        set(&mut to.timeout, self.timeout);
        set(&mut to.retries, self.retries);
        set(&mut to.depends_on, self.depends_on);
        set(&mut to.not_before, self.not_before);
        set(&mut to.tags, self.tags);
        set(&mut to.created_by, self.created_by);
    }
}

/// An ad-hoc task in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdhocSummary {
    /// Its number.
    pub id: AdhocId,
    /// For people.
    pub name: String,
    /// Where it stands.
    pub status: AdhocStatus,
    /// The beginning of its command.
    pub brief: String,
    /// A GPU model, or `any`.
    pub gpu_type: String,
    /// GPUs at once.
    pub gpu_count: u32,
    /// GiB on each; null: each must be empty.
    pub memory: Option<f64>,
    /// The higher, the sooner.
    pub priority: i32,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Who made it, in their own words.
    pub created_by: Option<String>,
    /// Why it waits.
    pub reason: Option<ShownReason>,
    /// Indices of the GPUs that it runs on, or ran on last.
    pub assigned_gpus: Vec<u32>,
    /// The session that shows its terminal, where tmux is installed: `tmux -S SOCKET attach -t …`.
    pub tmux_session: Option<String>,
    /// Attempts begun so far.
    pub attempt: u32,
    /// Of its last attempt.
    pub exit_code: Option<i32>,
    /// Why its last attempt failed, or it was cancelled.
    pub error: Option<String>,
    /// Somebody wants it to end, and it is being ended.
    pub cancelling: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its last attempt started.
    pub started_at: Option<Timestamp>,
    /// When its last attempt ended.
    pub finished_at: Option<Timestamp>,
    /// It does not start earlier.
    pub not_before: Option<Timestamp>,
}

/// An ad-hoc task in detail.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdhocTask {
    /// What lists show of it.
    #[serde(flatten)]
    pub summary: AdhocSummary,
    /// Its script.
    pub command: String,
    /// Where it runs; null: where the rules say.
    pub work_dir: Option<String>,
    /// Variables of its own.
    pub environment: BTreeMap<String, String>,
    /// Seconds after which it is ended; null: what the rules say.
    pub timeout: Option<Seconds>,
    /// Further tries after a failure.
    pub retries: u32,
    /// It starts once these have completed.
    pub depends_on: Vec<AdhocId>,
    /// Tasks that wait for it.
    pub dependents: Vec<AdhocId>,
    /// Its place in the line of those that wait, from 1.
    pub position: Option<u64>,
    /// Signal that ended its last attempt.
    pub signal: Option<i32>,
    /// Log of its last attempt, absolute.
    pub log_path: Option<String>,
    /// How to look at its terminal in tmux, where that is installed.
    pub tmux_attach: Option<String>,
}

/// How many ad-hoc tasks stand where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdhocCounts {
    /// Waiting.
    pub queued: u64,
    /// At work.
    pub running: u64,
    /// Done.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// Answer of `GET /api/tasks`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdhocPage {
    /// Newest first.
    pub tasks: Vec<AdhocSummary>,
    /// To be sent as `cursor` for the next page; null: this was the last.
    pub next_cursor: Option<String>,
    /// Of all tasks, whatever was asked for.
    pub counts: AdhocCounts,
    /// Every tag in use.
    pub tags: Vec<String>,
    /// Whether a scheduler is at work on them.
    pub scheduler: AdhocScheduler,
}

/// The scheduler of ad-hoc tasks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AdhocScheduler {
    /// It lives.
    pub running: bool,
    /// Its pid.
    pub pid: Option<i32>,
    /// What is wrong with it, in words.
    pub trouble: Option<String>,
}

/// Answer of `POST /api/tasks`: they are on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdhocMade {
    /// True; a refused task is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// The first one's number.
    pub id: AdhocId,
    /// All of them, in order.
    pub ids: Vec<AdhocId>,
}

/// Body of `POST /api/tasks/cancel`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AdhocIds {
    /// Which.
    pub ids: Vec<AdhocId>,
}

/// Answer of a cancellation. What was running is `cancelling` until all that it started is gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdhocCancelled {
    /// Whether each one could be cancelled.
    pub success: bool,
    /// In words.
    pub message: String,
    /// Those that waited, and tasks that depended on them: they are cancelled.
    pub cancelled: Vec<AdhocId>,
    /// Those that run: they have been told to end.
    pub cancelling: Vec<AdhocId>,
    /// Those that are over already.
    pub over: Vec<AdhocId>,
    /// Those that are not there.
    pub missing: Vec<AdhocId>,
}

/// Answer of `DELETE /api/tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdhocPruned {
    /// True; a failed prune is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// Records and logs removed.
    pub removed: u64,
}

/// Answer of `GET /api/tasks/{id}/logs`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AdhocLog {
    /// Whose.
    pub task_id: AdhocId,
    /// The last lines, without their ends. Bytes that are no UTF-8 are replaced.
    pub lines: Vec<String>,
    /// There is more above them.
    pub truncated: bool,
    /// Which file; null: it has not run yet.
    pub log_path: Option<String>,
    /// Its size, bytes.
    pub size: u64,
}

/// One GPU of `GET /api/gpus`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuSeat {
    /// Its index.
    pub index: u32,
    /// Its identity.
    pub uuid: GpuUuid,
    /// Its model; null where the driver does not say.
    pub name: Option<String>,
    /// Its memory.
    pub memory: GpuSeatMemory,
    /// Percent; null where unknown.
    pub utilization: Option<f32>,
    /// The ad-hoc task that sits on it; the first one, where several do.
    pub assigned_task_id: Option<AdhocId>,
    /// All ad-hoc tasks that sit on it.
    pub assigned_task_ids: Vec<AdhocId>,
    /// Nobody has a lease on it, and no process that counts is on it.
    pub is_free: bool,
}

/// Memory of a GPU, bytes; null where it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GpuSeatMemory {
    /// In use.
    pub used: Option<u64>,
    /// Free.
    pub free: Option<u64>,
    /// Built in.
    pub total: Option<u64>,
}
