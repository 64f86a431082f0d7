//! One run of a task: what its runner is told, and the records that it leaves.
use std::{collections::BTreeMap, io, path::PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Bytes, ConfigKey, GpuUuid, Mono, Node, Owner, ProcessIdentity, QueueId, RunId, Seconds, TaskId, UniId};

/// A GPU as an attempt knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GpuRef {
    /// Index at placement.
    pub index: u32,
    /// Identity.
    pub uuid: GpuUuid,
}

/// What a runner is told: `attempt.json` in the attempt's folder, which stays there as the record of what ran.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AttemptSpec {
    /// Version of this record, 1.
    pub version: u32,
    /// The attempt's key.
    pub uni_id: UniId,
    /// Its run.
    pub run_id: RunId,
    /// Its task.
    pub task_id: TaskId,
    /// The command file, if it has one.
    pub config: Option<ConfigKey>,
    /// The queue, if it is in one.
    pub queue: Option<QueueId>,
    /// The task's place in its queue, from 0, when the attempt was made.
    pub process_index: u32,
    /// Which attempt of its task this is, from 1.
    pub attempt: u32,
    /// The machine.
    pub node: Node,
    /// Whose attempt it is: the user that the runner runs as.
    pub owner: Owner,
    /// Where it runs.
    pub gpus: Vec<GpuRef>,
    /// What it asked for on each GPU.
    pub memory: Bytes,
    /// One `bash -c` each, placeholders already replaced, run in order until one fails.
    pub commands: Vec<String>,
    /// Where commands run. It must exist.
    pub work_dir: PathBuf,
    /// `conda.sh`, sourced before commands that say `conda` or `mamba`; `None` where none was found.
    pub conda_sh: Option<PathBuf>,
    /// Set on top of the runner's own environment.
    pub environment: BTreeMap<String, String>,
    /// Taken out of the runner's own environment.
    pub unset: Vec<String>,
    /// Taken out of `PATH` (a virtual environment of ours).
    pub hide_from_path: Vec<PathBuf>,
    /// The attempt's log file, absolute.
    pub log_path: PathBuf,
    /// The attempt ends after so long; `None` for no limit.
    pub task_timeout: Option<Seconds>,
    /// Between SIGTERM and SIGKILL.
    pub stop_grace: Seconds,
    /// The commands run on a terminal that the runner holds, and report on their shell at its start and end.
    #[serde(default)]
    pub terminal: bool,
    /// First command to run, from 0; above 0 when a runner takes over for one that was killed.
    pub first_command: u32,
}

/// `start.json`: written (not synced) by the runner each time it starts a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartRecord {
    /// Version of this record, 1.
    pub version: u32,
    /// The attempt's key.
    pub uni_id: UniId,
    /// The runner.
    pub runner: ProcessIdentity,
    /// The command's `bash`, leader of its own process session and group.
    pub command: ProcessIdentity,
    /// Which command, from 0.
    pub command_index: u32,
    /// Path of the attempt's own cgroup (below the cgroup2 mount), where it has one.
    pub cgroup: Option<PathBuf>,
    /// When the attempt started.
    pub started_at: Timestamp,
    /// The same, monotonic.
    pub started_mono: Mono,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// A command exited: the last one, or the first that failed.
    Exited {
        /// Exit code, 0 to 255.
        code: i32,
    },
    /// A command was killed by a signal.
    Signaled {
        /// Signal number.
        signal: i32,
        /// The kernel's out-of-memory killer did it, as far as the cgroup tells.
        out_of_memory: bool,
    },
    /// It ran longer than `task_timeout`.
    TimedOut,
    /// It was told to stop.
    Stopped,
    /// A command could not be started at all.
    NotStarted {
        /// What the system said.
        message: String,
        /// A disk had no room for what belongs to the attempt. Nothing that the task did, so that it does not count
        /// as a failure of its own.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        disk_full: bool,
    },
    /// It is proven dead and left no record.
    Lost,
}

/// Whether a disk is full, used up or read-only: what may heal by itself, and is nobody's fault who asked.
pub fn is_disk_trouble(error: &io::Error) -> bool {
    use io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | ReadOnlyFilesystem)
}

/// `exit.json`: written durably when all that the attempt started is gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExitRecord {
    /// Version of this record, 1.
    pub version: u32,
    /// The attempt's key.
    pub uni_id: UniId,
    /// How it ended.
    pub outcome: Outcome,
    /// The command that decided it, from 0.
    pub command_index: u32,
    /// When the first command started.
    pub started_at: Timestamp,
    /// When the last process was gone.
    pub finished_at: Timestamp,
    /// Time between the two on the monotonic clock, seconds.
    pub duration: Seconds,
    /// CPU time in user mode of all that was reaped, seconds.
    pub user_cpu: Option<Seconds>,
    /// CPU time in the kernel, seconds.
    pub system_cpu: Option<Seconds>,
    /// Largest resident size of any one process.
    pub peak_rss: Option<Bytes>,
    /// How many processes had to be ended after the last command did.
    pub left_over: u32,
    /// Who wrote this: `runner`, or `scheduler` where the runner was killed.
    pub recorded_by: String,
}
