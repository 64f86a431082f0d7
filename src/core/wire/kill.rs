//! `POST /api/gpu/processes/kill`: which processes are to end, and what became of each.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::TaskRef;

/// How a process is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum KillSignal {
    /// It may save its work and end.
    #[default]
    Term,
    /// It ends at once.
    Kill,
}

impl KillSignal {
    /// `TERM` or `KILL`.
    pub fn name(self) -> &'static str {
        match self {
            KillSignal::Term => "TERM",
            KillSignal::Kill => "KILL",
        }
    }
}

/// A process, so that no later one with its pid can be meant.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessName {
    /// Process id.
    pub pid: i32,
    /// As `/api/gpu/processes` has it.
    pub start_time: String,
}

/// Body of a kill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KillRequest {
    /// At least one, at most [`KillRequest::MOST`]; one that is named twice counts once.
    pub processes: Vec<ProcessName>,
    /// `TERM` where it is not said.
    #[serde(default)]
    pub signal: KillSignal,
    /// Seconds to wait for them to be gone, 0 to 30.
    #[serde(default = "KillRequest::usual_wait")]
    pub wait: f64,
}

impl KillRequest {
    /// Processes in one call.
    pub const MOST: usize = 20;
    /// The longest wait, seconds.
    pub const LONGEST_WAIT: f64 = 30.0;

    /// Seconds waited where nothing is said: enough for what ends when it is told, and not for a checkpoint to be written.
    pub fn usual_wait() -> f64 {
        5.0
    }
}

/// What became of a process that was ended, or whose end is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Killed {
    /// Process id.
    pub pid: i32,
    /// As it was asked for.
    pub start_time: String,
    /// `ended`: it is gone; `task_stopped`: its task was stopped by its scheduler, and it is gone; `task_stopping`: its
    /// scheduler is stopping it, and ends it with KILL after the task's grace.
    pub code: KilledCode,
    /// In words.
    pub message: String,
    /// The task that was stopped; with `ended`, one whose scheduler does not run.
    pub task: Option<TaskRef>,
}

/// See [`Killed::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "told at the field")]
pub enum KilledCode {
    Ended,
    TaskStopped,
    TaskStopping,
}

/// A process that was not ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotKilled {
    /// Process id.
    pub pid: i32,
    /// As it was asked for.
    pub start_time: String,
    /// Why.
    pub code: NotKilledCode,
    /// In words.
    pub message: String,
}

/// Why a process was not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotKilledCode {
    /// It has ended already.
    Gone,
    /// It has ended, and another process has its pid.
    Reused,
    /// It was told to end and is still there: KILL ends it.
    StillThere,
    /// It is another user's.
    NotPermitted,
    /// It uses no GPU.
    NotAGpuProcess,
    /// 0, 1 or below: no process to end.
    NeverThis,
    /// It is a daemon of gpuyard.
    Daemon,
    /// It is a scheduler.
    Scheduler,
    /// It is a runner of a task.
    Runner,
    /// It is of another user's task, which only that user's gpuyard can stop.
    OthersTask,
    /// The scheduler of its task refused, or did not answer.
    TaskRefused,
    /// The system failed.
    Failed,
}

/// Answer of a kill: every process that was asked for is in one of the two lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KillAnswer {
    /// All of them have ended, or are being ended.
    pub success: bool,
    /// In words, of all together.
    pub message: String,
    /// Those.
    pub killed: Vec<Killed>,
    /// The others.
    pub failed: Vec<NotKilled>,
}
