//! The rules: how schedulers pick GPUs, retry, and where commands run (`config/gpu_manage.yaml`).
use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Seconds;

/// What a failed task means for its queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The queue ends.
    #[default]
    Stop,
    /// The next task runs.
    Continue,
}

/// When a failed attempt is tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct RetryConfig {
    /// Failed attempts in a row before a back-off, above 0.
    pub max_retry_before_backoff: u32,
    /// Length of the back-off; the task holds no GPU meanwhile.
    pub backoff_duration: Seconds,
    /// Retries of a task in all; then it has failed. (Optional key.)
    pub max_retries: u32,
    /// Wait before a retry that no back-off precedes. (Optional key.)
    pub retry_delay: Seconds,
}

impl Default for RetryConfig {
    fn default() -> Self {
        RetryConfig {
            max_retry_before_backoff: 3,
            backoff_duration: Seconds(600.0),
            max_retries: 100,
            retry_delay: Seconds(5.0),
        }
    }
}

/// Every key of the rules. Memory is GiB, as in the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Rules {
    /// How often a scheduler looks again at GPUs that it does not hold, above 0.
    pub check_time: Seconds,
    /// false: one task of this user a GPU; true: pack.
    pub maximize_resource_utilization: bool,
    /// true: best fit; false: spread.
    pub memory_save_mode: bool,
    /// true: every GPU found; false: only `compete_gpus`.
    pub use_all_gpus: bool,
    /// The indices to compete for.
    pub compete_gpus: Vec<u32>,
    /// GPUs to leave for others.
    pub gpu_left: u32,
    /// The user may hold at least so many…
    pub min_gpu: u32,
    /// … and at most so many.
    pub max_gpu: u32,
    /// Where commands run; `None`: the parent of the root folder. As written; resolved by the store.
    #[schema(value_type = Option<String>)]
    pub work_dir: Option<PathBuf>,
    /// Command file of index 0, single.
    #[schema(value_type = String)]
    pub gpu_command_file: PathBuf,
    /// Command file of index 0, multi.
    #[schema(value_type = String)]
    pub gpus_command_file: PathBuf,
    /// Retries.
    pub retry_config: RetryConfig,
    /// (Optional) what a failed task means for its queue.
    pub on_failure: OnFailure,
    /// (Optional) a scheduler that died without being stopped is resumed by the daemon.
    pub auto_resume: bool,
    /// (Optional) an attempt ends after so long.
    pub task_timeout: Option<Seconds>,
    /// (Optional) between SIGTERM and SIGKILL.
    pub stop_grace: Seconds,
    /// (Optional) other people's processes rule a GPU out.
    pub avoid_other_users: bool,
    /// (Optional) MiB; smaller processes do not make a GPU taken.
    pub ignore_processes_below: f64,
    /// (Optional) percent; a busier GPU is no candidate.
    pub max_gpu_utilization: f64,
    /// (Optional) how long a GPU must have been free.
    pub idle_seconds: Seconds,
    /// (Optional) GiB kept free besides what tasks ask.
    pub memory_headroom: f64,
    /// (Optional) order among equals.
    pub prefer_gpus: Vec<u32>,
    /// (Optional) once a task of several GPUs has waited so long, freed GPUs are kept for it.
    pub hold_after: Option<Seconds>,
    /// (Optional) ad-hoc tasks behind one that waits may pass it where they fit, until its `hold_after`.
    pub backfill: bool,
    /// (Optional) given to every task.
    pub environment: BTreeMap<String, String>,
    /// (Optional) where conda is; found by itself otherwise.
    #[schema(value_type = Option<String>)]
    pub conda_base: Option<PathBuf>,
}

impl Default for Rules {
    fn default() -> Self {
        Rules {
            check_time: Seconds(3.0),
            maximize_resource_utilization: false,
            memory_save_mode: false,
            use_all_gpus: true,
            compete_gpus: Vec::new(),
            gpu_left: 0,
            min_gpu: 0,
            max_gpu: 64,
            work_dir: None,
            gpu_command_file: PathBuf::from("command_gpu.txt"),
            gpus_command_file: PathBuf::from("command_gpus.txt"),
            retry_config: RetryConfig::default(),
            on_failure: OnFailure::default(),
            auto_resume: true,
            task_timeout: None,
            stop_grace: Seconds(30.0),
            avoid_other_users: false,
            ignore_processes_below: 0.0,
            max_gpu_utilization: 100.0,
            idle_seconds: Seconds(0.0),
            memory_headroom: 0.0,
            prefer_gpus: Vec::new(),
            hold_after: None,
            backfill: false,
            environment: BTreeMap::new(),
            conda_base: None,
        }
    }
}
