//! The verbs of ad-hoc tasks, as clap reads them.
use std::{path::PathBuf, str::FromStr};

use clap::Args;
use gpuyard_core::model::{AdhocId, AdhocStatus};
use jiff::Timestamp;

/// `NAME=VALUE`.
#[derive(Clone, Debug)]
pub(crate) struct Pair(pub(crate) String, pub(crate) String);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
        Ok(Pair(name.to_owned(), value.to_owned()))
    }
}

/// `submit`
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    /// GPUs at once
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) gpus: u32,
    /// GPU model, or a part of its name (default: any)
    #[arg(long = "type", value_name = "MODEL")]
    pub(crate) gpu_type: Option<String>,
    /// GiB on each GPU (default: each GPU must be empty)
    #[arg(long, value_name = "GIB")]
    pub(crate) memory: Option<f64>,
    /// Start once this task has completed (may be given several times)
    #[arg(long, value_name = "ID")]
    pub(crate) after: Vec<AdhocId>,
    /// A name for people (default: the last line of the command)
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The higher, the sooner
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    pub(crate) priority: i32,
    /// Where it runs (default: the current folder)
    #[arg(long, value_name = "DIR")]
    pub(crate) work_dir: Option<PathBuf>,
    /// A variable of its environment (may be given several times)
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) env: Vec<Pair>,
    /// End it after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub(crate) timeout: Option<f64>,
    /// Further tries after a failure
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) retries: u32,
    /// Do not start before this moment, as in 2026-01-31T22:00:00+08:00
    #[arg(long, value_name = "TIME")]
    pub(crate) not_before: Option<Timestamp>,
    /// A word to find it by (may be given several times)
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Vec<String>,
    /// A sweep: {NAME} in the command becomes each of the values, which have commas between (may be given several times)
    #[arg(long, value_name = "NAME=V1,V2")]
    pub(crate) sweep: Vec<Pair>,
    /// The script is in this file; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    pub(crate) file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// The command and its arguments; several words are quoted for the shell, one alone is taken as a line of shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}

/// `tasks`
#[derive(Debug, Args)]
pub(crate) struct TasksArgs {
    /// Only those that are queued, running, completed, failed or cancelled (may be given several times)
    #[arg(long, value_name = "STATUS")]
    pub(crate) status: Vec<AdhocStatus>,
    /// Only those with this in their name, command, tags or maker
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// Only those with this tag
    #[arg(long, value_name = "TAG")]
    pub(crate) tag: Option<String>,
    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 30)]
    pub(crate) limit: usize,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// One ad-hoc task.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// The task's number
    #[arg(value_name = "ID")]
    pub(crate) id: AdhocId,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `cancel`
#[derive(Debug, Args)]
pub(crate) struct CancelArgs {
    /// The tasks' numbers
    #[arg(value_name = "ID", required = true)]
    pub(crate) ids: Vec<AdhocId>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `wait`
#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// The task's number
    #[arg(value_name = "ID")]
    pub(crate) id: AdhocId,
}

/// `attach`
#[derive(Debug, Args)]
pub(crate) struct AttachArgs {
    /// The task's number
    #[arg(value_name = "ID")]
    pub(crate) id: AdhocId,
    /// The key that lets go of the terminal: ctrl- and a letter or one of ]\^_
    #[arg(long, value_name = "KEY", default_value = "ctrl-]")]
    pub(crate) detach_key: String,
    /// Whoever sees this can let go by other means (tmux): no key does
    #[arg(long, hide = true)]
    pub(crate) viewer: bool,
}
