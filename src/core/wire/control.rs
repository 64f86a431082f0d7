//! The scheduler's Unix socket: one JSON line each way.
use serde::{Deserialize, Serialize};

use crate::model::TaskId;

/// How a scheduler is to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopKind {
    /// End the running tasks.
    #[default]
    Stop,
    /// Let running tasks finish, start none.
    Drain,
    /// Leave them running; the next start takes them back.
    Detach,
}

/// What the scheduler is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum ControlRequest {
    /// Are you there?
    Ping,
    /// People have made or changed ad-hoc tasks.
    TasksChanged,
    /// End.
    Stop {
        /// How.
        kind: StopKind,
    },
    /// Run a task that is over, or waits for its retry, now.
    Retry {
        /// Which.
        task_id: TaskId,
    },
    /// Pass over a task that waits.
    Skip {
        /// Which.
        task_id: TaskId,
    },
    /// End a running task.
    StopTask {
        /// Which.
        task_id: TaskId,
    },
}

/// What it answers. `Done` means that the change is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum ControlResponse {
    /// Done.
    Done,
    /// No such task.
    NotFound,
    /// Not possible in the state that things are in.
    Conflict {
        /// Why, in English.
        message: String,
    },
    /// The call itself was not understood.
    Invalid {
        /// Why.
        message: String,
    },
}
