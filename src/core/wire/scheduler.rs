//! `/api/scheduler/*`: what is asked and answered about schedulers and their runs.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    model::{Lang, RunId},
    queue::{Run, RunState},
    wire::StopKind,
};

/// Body of `POST /api/scheduler/{mode}/start`; no body asks for a fresh run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StartRequest {
    /// Go on with the last run: finished tasks stay finished.
    pub resume: bool,
}

/// Answer of a start: the run's first state is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartAnswer {
    /// True; a failed start is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// The scheduler's pid.
    pub pid: i32,
    /// Its own log.
    pub log_file: String,
    /// The command file that it runs.
    pub config_file: String,
    /// The run that it works on.
    pub run_id: RunId,
}

/// Why a scheduler cannot be started where one lives: that of `name` (`single 0`), a process, and where its run stands as far
/// as that is known.
pub fn already_running(name: &str, pid: i32, state: Option<RunState>, lang: Lang) -> String {
    match (state, lang) {
        (Some(RunState::Stopping), Lang::En) => {
            format!("{name} is ending its tasks (pid {pid}); it can be started once it has stopped")
        }
        (Some(RunState::Stopping), Lang::Zh) => format!("{name} 正在结束其任务（pid {pid}），停止后才能启动"),
        (Some(RunState::Draining), Lang::En) => {
            format!("{name} lets its running tasks finish (pid {pid}); it can be started once they have")
        }
        (Some(RunState::Draining), Lang::Zh) => {
            format!("{name} 正在等待运行中的任务结束（pid {pid}），全部结束后才能启动")
        }
        (_, Lang::En) => format!("{name} is running already (pid {pid})"),
        (_, Lang::Zh) => format!("{name} 已在运行（pid {pid}）"),
    }
}

/// The first line on the stdout of `gpuyard schedule --announce`: where the run stands, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Announcement {
    /// The first state is on disk.
    Started {
        /// The run.
        run_id: RunId,
        /// The scheduler.
        pid: i32,
    },
    /// It could not start.
    Refused {
        /// In words.
        error: String,
        /// For programs.
        code: String,
    },
}

impl Announcement {
    /// Code of a scheduler that was to take up a run, found none that needs it, and ended well.
    pub const NOTHING_TO_DO: &str = "nothing_to_do";
}

/// Body of a stop; no body ends the running tasks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StopRequest {
    /// Let running tasks finish, start none.
    pub drain: bool,
    /// Leave them running; the next start takes them back.
    pub detach: bool,
}

impl StopRequest {
    /// How the scheduler is to end; `None` when the body asks for two things at once.
    pub fn kind(self) -> Option<StopKind> {
        match (self.drain, self.detach) {
            (false, false) => Some(StopKind::Stop),
            (true, false) => Some(StopKind::Drain),
            (false, true) => Some(StopKind::Detach),
            (true, true) => None,
        }
    }
}

/// Answer of a stop: the scheduler has been told, and has written it down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopAnswer {
    /// True; a failed stop is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// The scheduler's pid.
    pub pid: i32,
}

/// Whether a command file's scheduler runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchedulerState {
    /// The very process that is named lives.
    pub running: bool,
    /// It.
    pub pid: Option<i32>,
}

/// Answer of `GET /api/scheduler/state`: by mode, by index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SchedulerStates {
    /// Single.
    pub single: BTreeMap<u32, SchedulerState>,
    /// Multi.
    pub multi: BTreeMap<u32, SchedulerState>,
}

/// Answer of `GET /api/scheduler/running`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunningSchedulers {
    /// The runs whose schedulers live, in detail.
    pub schedulers: Vec<Run>,
}

/// Answer of `GET /api/scheduler/runs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Runs {
    /// Newest first, without their tasks: `/api/scheduler/runs/{run_id}` has those.
    pub runs: Vec<Run>,
}

/// Answer of deleting a run: its record and its logs are gone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RunDeleted {
    /// True; a refused deletion is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
}

/// Body of an action on one task; only `move` needs one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TaskRequest {
    /// With `move`: its new place in its queue, from 0.
    pub to: Option<u32>,
}

impl Runs {
    /// One answer lists no more; of one command file there are rarely as many.
    pub const MOST: usize = 200;
}

/// Answer of an action on one task: the change is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskAnswer {
    /// True; a refused action is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
}
