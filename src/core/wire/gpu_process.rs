//! `/api/gpu/processes`, and the processes in `/api/gpu`: who is on the GPUs, and where each comes from.
//!
//! What cannot be told is `null`, never 0; what may not be seen is counted, never left out.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Bytes, GpuUuid, Mode, Percent, QueueId, RunId, Seconds, TaskId, UniId, Vendor, Work};

/// A process on one GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProcessEntry {
    /// Process id.
    pub pid: i32,
    /// Tells this process from a later one with the same pid. Opaque: compare it, do not read it.
    pub start_time: String,
    /// Which GPU.
    pub gpu_index: u32,
    /// The GPU's maker.
    pub vendor: Vendor,
    /// What it does there.
    pub work: Work,
    /// Whose.
    pub username: Option<String>,
    /// The executable's name.
    pub name: Option<String>,
    /// The command line.
    pub command: Option<String>,
    /// GPU memory.
    pub gpu_memory: Option<Bytes>,
    /// For people.
    pub gpu_memory_human: Option<String>,
    /// Share of the SMs.
    pub gpu_sm_utilization: Option<Percent>,
    /// Of one CPU.
    pub cpu_percent: Option<Percent>,
    /// Resident memory.
    pub host_memory: Option<Bytes>,
    /// Since it started.
    pub running_time: Option<Seconds>,
    /// The container that it is in, by its cgroup; `None` for one in none, or in one of a kind that is not known.
    pub container: Option<Container>,
    /// The `tmux` or `screen` that it was started in; `None` for one in none, and for a task.
    pub terminal: Option<Terminal>,
    /// The task that it belongs to, of any gpuyard on this machine; `None` for what no gpuyard started.
    pub task: Option<TaskRef>,
}

/// A GPU process, once, with all its GPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuProcessEntry {
    /// Process id.
    pub pid: i32,
    /// Tells this process from a later one with the same pid. Opaque: compare it, do not read it; it is sent back to end
    /// the process.
    pub start_time: String,
    /// The first of its GPUs.
    pub gpu_index: u32,
    /// That GPU's maker.
    pub vendor: Vendor,
    /// What it has of each of its GPUs, in index order; at least one.
    pub gpus: Vec<GpuShare>,
    /// Whose.
    pub username: Option<String>,
    /// The executable's name.
    pub name: Option<String>,
    /// The command line.
    pub command: Option<String>,
    /// GPU memory, of all its GPUs; `None` where none of them tells.
    pub gpu_memory: Option<Bytes>,
    /// For people.
    pub gpu_memory_human: Option<String>,
    /// Share of the SMs on the GPU where it is busiest.
    pub gpu_sm_utilization: Option<Percent>,
    /// Of one CPU.
    pub cpu_percent: Option<Percent>,
    /// Resident memory.
    pub host_memory: Option<Bytes>,
    /// For people.
    pub host_memory_human: Option<String>,
    /// Since it started.
    pub running_time: Option<Seconds>,
    /// The container that it is in, by its cgroup; `None` for one in none, or in one of a kind that is not known.
    pub container: Option<Container>,
    /// The `tmux` or `screen` that it was started in; `None` for one in none, and for a task.
    pub terminal: Option<Terminal>,
    /// The task that it belongs to, of any gpuyard on this machine; `None` for what no gpuyard started.
    pub task: Option<TaskRef>,
    /// Its parent, the parent's parent and so on, up to the session, terminal, container or task that it came from. Empty
    /// where they may not be seen.
    pub ancestors: Vec<Ancestor>,
    /// What becomes of it when it is to be ended here.
    pub ending: Ending,
}

/// What a process has of one GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuShare {
    /// Which GPU.
    pub gpu_index: u32,
    /// Its identity.
    pub uuid: GpuUuid,
    /// Its maker.
    pub vendor: Vendor,
    /// What the process does there.
    pub work: Work,
    /// GPU memory.
    pub gpu_memory: Option<Bytes>,
    /// For people.
    pub gpu_memory_human: Option<String>,
    /// Share of the SMs.
    pub gpu_sm_utilization: Option<Percent>,
}

/// The task behind a process. A task of this root can be stopped here; one of another root is told for what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TaskRef {
    /// Single or multi; `None` for an ad-hoc task.
    pub mode: Option<Mode>,
    /// From 0; `None` for an ad-hoc task.
    pub config_index: Option<u32>,
    /// Its run.
    pub run_id: RunId,
    /// Its queue; `None` for an ad-hoc task, and for a task of another root.
    pub queue_id: Option<QueueId>,
    /// The task.
    pub task_id: TaskId,
    /// Its place in the queue, from 0; `None` where the queue is.
    pub process_index: Option<u32>,
    /// The attempt.
    pub uni_id: UniId,
    /// The root folder of the gpuyard that it belongs to; `None`: this one.
    pub root: Option<String>,
    /// The user of that gpuyard; `None`: the daemon's own.
    pub owner: Option<String>,
}

/// Who runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ContainerRuntime {
    /// Docker.
    Docker,
    /// Podman.
    Podman,
    /// containerd without Kubernetes (nerdctl, ctr).
    Containerd,
    /// A pod of Kubernetes, whoever runs its containers.
    Kubernetes,
    /// LXC, LXD, Incus, Proxmox.
    Lxc,
}

/// The container of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Container {
    /// Who runs it.
    pub runtime: ContainerRuntime,
    /// Its id, or with LXC its name.
    pub id: String,
    /// The uid of its pod, in Kubernetes.
    pub pod: Option<String>,
}

/// A terminal multiplexer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TerminalKind)]
pub enum Multiplexer {
    /// tmux.
    Tmux,
    /// GNU screen.
    Screen,
}

/// The session of a terminal multiplexer that a process was started in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Terminal {
    /// Which.
    pub kind: Multiplexer,
    /// Its server, which lives.
    pub server_pid: i32,
    /// How it calls the session (tmux: `$3`, screen: `12345.train`); `None` where the process's environment may not be read.
    pub session: Option<String>,
    /// tmux: the pane (`%7`).
    pub pane: Option<String>,
    /// What its owner types to look into it; `None` where the session is not known.
    pub attach: Option<String>,
}

/// What an ancestor of a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = AncestorRole)]
pub enum Role {
    /// Any process: a shell, a launcher, a notebook server.
    Process,
    /// The server of a `tmux` or `screen`.
    Terminal,
    /// A login: `sshd`, `login`, a desktop's session.
    Login,
    /// What holds a container.
    Container,
    /// The runner of a task.
    Runner,
    /// A scheduler.
    Scheduler,
    /// A daemon of gpuyard.
    Daemon,
    /// The first process, or a user's own service manager: it inherited what its parent left behind, or started a service.
    Init,
}

/// A process that a GPU process descends from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ancestor {
    /// Process id.
    pub pid: i32,
    /// Tells it from a later one with the same pid.
    pub start_time: String,
    /// The executable's name.
    pub name: String,
    /// The command line.
    pub command: Option<String>,
    /// Whose.
    pub username: Option<String>,
    /// What it is.
    pub role: Role,
}

/// How a process would be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = EndingWay)]
pub enum Way {
    /// By a signal.
    Signal,
    /// It belongs to a task, which its scheduler stops.
    Task,
    /// It is another user's, whom this daemon may not signal.
    NotPermitted,
    /// It is a daemon, a scheduler or a runner of gpuyard: never.
    Protected,
}

/// What becomes of a process when it is to be ended here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Ending {
    /// How.
    pub way: Way,
    /// In words, for what is not simply a signal.
    pub message: Option<String>,
}

/// GPU processes that may not be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Hidden {
    /// Listed by a driver, and not to be looked at from here; on several GPUs, one counts for each.
    pub count: u32,
    /// Processes of this machine that may use a GPU whose driver keeps no list.
    pub unseen: u32,
    /// GPUs whose processes cannot be listed at all.
    pub unlisted_gpus: Vec<u32>,
    /// In words; `None` where nothing is hidden.
    pub message: Option<String>,
}

/// Answer of `GET /api/gpu/processes`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuProcesses {
    /// True.
    pub success: bool,
    /// Whether GPUs are there and have been read.
    pub available: bool,
    /// Why there is nothing, or why what follows is old; `None` when all is well.
    pub message: Option<String>,
    /// The makers of the GPUs found, with commas between; `None` where there are none.
    pub gpu_type: Option<String>,
    /// Processes that follow.
    pub count: u32,
    /// Those that may not be seen.
    pub hidden: Hidden,
    /// How many may be ended in one call.
    pub most_at_once: u32,
    /// One entry a process, by GPU and pid.
    pub processes: Vec<GpuProcessEntry>,
}
