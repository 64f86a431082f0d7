//! `queue`, `login` and `logout`: their arguments.
use clap::{Args, Subcommand};

use super::ConfigArgs;

/// `queue`
#[derive(Debug, Args)]
pub(crate) struct QueueArgs {
    /// What to do
    #[command(subcommand)]
    pub(crate) verb: QueueVerb,
}

/// What `queue` does.
#[derive(Debug, Subcommand)]
pub(crate) enum QueueVerb {
    /// Show the queues of a command file
    List(QueueListArgs),
    /// Add a task to the end of a queue
    Add(QueueAddArgs),
    /// Edit a command file in $EDITOR, and see what is wrong with it before it is saved
    Edit(QueueEditArgs),
}

/// `queue list`
#[derive(Debug, Args)]
pub(crate) struct QueueListArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `queue add`
#[derive(Debug, Args)]
pub(crate) struct QueueAddArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
    /// The queue's id; a new one is made
    #[arg(value_name = "QUEUE")]
    pub(crate) queue: u64,
    /// GiB on each GPU
    #[arg(short, long, value_name = "GIB")]
    pub(crate) memory: f64,
    /// GPUs at once
    #[arg(short, long, value_name = "N", default_value_t = 1)]
    pub(crate) gpus: u32,
    /// Its commands, each in quotes; they run one after another
    #[arg(value_name = "COMMAND", required = true)]
    pub(crate) commands: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `queue edit`
#[derive(Debug, Args)]
pub(crate) struct QueueEditArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

/// `login`
#[derive(Debug, Args)]
pub(crate) struct LoginArgs {
    /// The daemon's address, as in a browser: http://gpu-server:29214
    #[arg(value_name = "URL")]
    pub(crate) url: String,
}
