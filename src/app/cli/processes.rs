//! The arguments of `ps` and `kill`: which processes, and in what order.
use std::cmp::Reverse;

use clap::{Args, ValueEnum};
use gpuyard_core::wire::{GpuProcessEntry, KillRequest, KillSignal};

/// `ps`
#[derive(Debug, Args)]
pub(crate) struct PsArgs {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// What comes first
    #[arg(long, value_enum, value_name = "BY", default_value = "gpu")]
    pub(crate) sort: Sort,
    /// With their parents, up to the session, container or task that they came from
    #[arg(long)]
    pub(crate) tree: bool,
    /// Show again every so many seconds (2)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2", value_parser = seconds, conflicts_with = "json")]
    pub(crate) watch: Option<f64>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `kill`
#[derive(Debug, Args)]
pub(crate) struct KillArgs {
    /// Processes on a GPU, 20 at most
    #[arg(value_name = "PID", required = true, allow_negative_numbers = true)]
    pub(crate) pids: Vec<i32>,
    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// `TERM`: they may save their work; `KILL`: they end at once
    #[arg(short, long, value_name = "SIGNAL", default_value = "TERM", value_parser = signal)]
    pub(crate) signal: KillSignal,
    /// Kill what TERM has not ended when the time to wait is over
    #[arg(long)]
    pub(crate) force: bool,
    /// Seconds to wait for them to be gone, 0 to 30
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = wait)]
    pub(crate) wait: f64,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which processes.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// Only those with this in their name, command, user, pid, task or container
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Only this user's
    #[arg(short, long, value_name = "USER")]
    user: Vec<String>,
    /// Only those on this GPU
    #[arg(short, long, value_name = "INDEX")]
    gpu: Vec<u32>,
}

impl Filter {
    /// Whether a process is to be shown.
    pub(crate) fn wants(&self, process: &GpuProcessEntry) -> bool {
        let user = process.username.as_deref().unwrap_or_default();
        let is_users = self.user.is_empty() || self.user.iter().any(|wanted| wanted == user);
        let is_on = |index: &u32| process.gpus.iter().any(|share| share.gpu_index == *index);
        let on_gpu = self.gpu.is_empty() || self.gpu.iter().any(is_on);
        is_users && on_gpu && self.text.as_ref().is_none_or(|text| says(process, text))
    }
}

fn says(process: &GpuProcessEntry, text: &str) -> bool {
    let text = text.to_lowercase();
    let pid = process.pid.to_string();
    let task = process.task.as_ref().map(|task| task.task_id.as_str());
    let container = process.container.as_ref().map(|container| container.id.as_str());
    let said = [
        process.name.as_deref(),
        process.command.as_deref(),
        process.username.as_deref(),
        Some(pid.as_str()),
        task,
        container,
    ];
    said.into_iter()
        .flatten()
        .any(|word| word.to_lowercase().contains(&text))
}

/// The order of processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// GPU, then pid
    Gpu,
    /// GPU memory, largest first
    Memory,
    /// Share of the SMs, largest first
    Sm,
    /// CPU, largest first
    Cpu,
    /// Host memory, largest first
    Rss,
    /// Running time, longest first
    Time,
    /// User
    User,
    /// Pid
    Pid,
}

impl Sort {
    /// Puts processes in order. What is not known comes last.
    pub(crate) fn sort(self, processes: &mut [GpuProcessEntry]) {
        // Shares and times in thousandths: floats have no order of their own.
        let milli = |value: Option<f64>| Reverse(value.map(|value| (value * 1000.0) as i64));
        match self {
            Sort::Gpu => processes.sort_by_key(|p| (p.gpu_index, p.pid)),
            Sort::Memory => processes.sort_by_key(|p| (Reverse(p.gpu_memory), p.pid)),
            Sort::Sm => processes.sort_by_key(|p| (milli(p.gpu_sm_utilization.map(|s| s.0.into())), p.pid)),
            Sort::Cpu => processes.sort_by_key(|p| (milli(p.cpu_percent.map(|s| s.0.into())), p.pid)),
            Sort::Rss => processes.sort_by_key(|p| (Reverse(p.host_memory), p.pid)),
            Sort::Time => processes.sort_by_key(|p| (milli(p.running_time.map(|t| t.0)), p.pid)),
            Sort::User => processes.sort_by(|a, b| {
                let key = |p: &GpuProcessEntry| (p.username.is_none(), p.username.clone(), p.pid);
                key(a).cmp(&key(b))
            }),
            Sort::Pid => processes.sort_by_key(|p| p.pid),
        }
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    within(text, 0.5, 3600.0)
}

fn wait(text: &str) -> Result<f64, String> {
    within(text, 0.0, KillRequest::LONGEST_WAIT)
}

fn within(text: &str, least: f64, most: f64) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    value.ok_or_else(|| format!("{least} to {most}"))
}

fn signal(text: &str) -> Result<KillSignal, String> {
    match text.to_uppercase().trim_start_matches("SIG") {
        "TERM" | "15" => Ok(KillSignal::Term),
        "KILL" | "9" => Ok(KillSignal::Kill),
        _ => Err("TERM or KILL".into()),
    }
}
