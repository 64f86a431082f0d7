//! The answer of `/api/gpu/processes`: each process once, with its GPUs, its parents, and what would become of it.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gpuyard_core::{
    model::{Bytes, Gpu, GpuProcess, Lang},
    wire::{Ancestor, Ending, GpuProcessEntry, GpuProcesses, GpuShare, Hidden, KillRequest, Role, TaskRef, Way},
};
use gpuyard_exec::identity;
use gpuyard_gpu::{Forebear, SamplerState};

use super::report::{Facts, freshness, maker, message, rounded};

/// What is known, and how users are called.
pub(crate) struct Listing<'a> {
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) username: &'a mut dyn FnMut(u32) -> Arc<str>,
    pub(crate) lang: Lang,
}

impl Listing<'_> {
    /// The whole answer.
    pub(crate) fn whole(mut self, state: &SamplerState) -> GpuProcesses {
        let gpus = state.latest.as_deref().map_or(&[][..], |snapshot| &snapshot.gpus);
        let makers: BTreeSet<&str> = gpus.iter().map(|gpu| maker(gpu.vendor)).collect();
        let makers: Vec<&str> = makers.into_iter().collect();
        let mut shares: BTreeMap<(i32, u64), Vec<(&Gpu, &GpuProcess)>> = BTreeMap::new();
        for gpu in gpus {
            for process in gpu.processes.iter().flatten() {
                shares
                    .entry((process.pid, process.start_ticks))
                    .or_default()
                    .push((gpu, process));
            }
        }
        let mut processes: Vec<GpuProcessEntry> = shares.into_values().map(|shares| self.one(&shares)).collect();
        processes.sort_by_key(|process| (process.gpu_index, process.pid));
        let fresh = freshness(state, self.facts.now);
        GpuProcesses {
            success: true,
            available: !gpus.is_empty(),
            message: message(state, gpus.is_empty(), fresh, self.lang),
            gpu_type: (!makers.is_empty()).then(|| makers.join(",")),
            count: processes.len() as u32,
            hidden: hidden(gpus, self.lang),
            most_at_once: KillRequest::MOST as u32,
            processes,
        }
    }

    /// One process; `shares` is not empty, in the order of GPUs.
    fn one(&mut self, shares: &[(&Gpu, &GpuProcess)]) -> GpuProcessEntry {
        let facts = self.facts;
        let (gpu, process) = shares[0];
        let details = facts.of(process);
        let origin = details.map(|details| &*details.origin);
        let task = facts.tasks.of(process, origin).cloned();
        let memories: Vec<Bytes> = shares.iter().filter_map(|(_, process)| process.memory).collect();
        let memory = (!memories.is_empty()).then(|| Bytes(memories.iter().map(|memory| memory.0).sum()));
        let busiest = shares.iter().filter_map(|(_, process)| process.sm_utilization);
        let role = origin.map_or(Role::Process, |origin| origin.role);
        let gpus: Vec<GpuShare> = shares.iter().map(|(gpu, process)| share(gpu, process)).collect();
        GpuProcessEntry {
            pid: process.pid,
            start_time: facts.start_time(process.start_ticks),
            gpu_index: gpu.index,
            vendor: gpu.vendor,
            username: facts.username(process),
            name: details.map(|d| d.name.to_string()),
            command: details.and_then(|d| d.command.as_deref()).map(str::to_owned),
            gpu_memory: memory,
            gpu_memory_human: match &gpus[..] {
                [only] => only.gpu_memory_human.clone(),
                _ => memory.map(|memory| memory.to_string()),
            },
            gpus,
            gpu_sm_utilization: busiest.reduce(|a, b| if b.0 > a.0 { b } else { a }),
            cpu_percent: details.and_then(|d| d.cpu_percent).map(|p| rounded(f64::from(p.0))),
            host_memory: details.map(|d| d.host_memory),
            host_memory_human: details.map(|d| d.host_memory.to_string()),
            running_time: details.map(|d| d.running_time),
            container: origin.and_then(|origin| origin.container.clone()),
            terminal: origin.and_then(|origin| origin.terminal.clone()),
            ancestors: origin.map_or_else(Vec::new, |origin| {
                origin.ancestors.iter().map(|parent| self.ancestor(parent)).collect()
            }),
            ending: ending(role, task.as_ref(), process.uid, self.lang),
            task,
        }
    }

    fn ancestor(&mut self, parent: &Forebear) -> Ancestor {
        Ancestor {
            pid: parent.pid,
            start_time: self.facts.start_time(parent.start_ticks),
            name: parent.name.clone(),
            command: parent.command.clone(),
            username: parent.uid.map(|uid| (self.username)(uid).to_string()),
            role: parent.role,
        }
    }
}

fn share(gpu: &Gpu, process: &GpuProcess) -> GpuShare {
    GpuShare {
        gpu_index: gpu.index,
        uuid: gpu.uuid.clone(),
        vendor: gpu.vendor,
        work: process.work,
        gpu_memory: process.memory,
        gpu_memory_human: process.memory.map(|memory| memory.to_string()),
        gpu_sm_utilization: process.sm_utilization,
    }
}

/// What becomes of a process when it is to be ended here, as far as can be told without trying.
fn ending(role: Role, task: Option<&TaskRef>, uid: Option<u32>, lang: Lang) -> Ending {
    let said = |way, en: String, zh: String| Ending {
        way,
        message: Some(if lang == Lang::Zh { zh } else { en }),
    };
    if let Some((en, zh)) = part(role) {
        return said(
            Way::Protected,
            format!("it is {en} of gpuyard and is never ended here"),
            format!("这是 gpuyard 的{zh}，不会在此结束"),
        );
    }
    let me = identity::owner();
    match task {
        Some(TaskRef {
            owner: Some(owner),
            task_id,
            ..
        }) => said(
            Way::NotPermitted,
            format!("it belongs to task {task_id} of {owner}'s gpuyard, which alone can stop it"),
            format!("它属于 {owner} 的 gpuyard 的任务 {task_id}，只能由该 gpuyard 停止"),
        ),
        Some(TaskRef { task_id, .. }) => said(
            Way::Task,
            format!("its task {task_id} is stopped as a whole by its scheduler and is not retried"),
            format!("将由调度器停止整个任务 {task_id}，且不再重试"),
        ),
        // Who that is cannot be told: trying will tell.
        None if me.uid == 0 || uid.is_none_or(|uid| uid == me.uid) => Ending {
            way: Way::Signal,
            message: None,
        },
        None => said(
            Way::NotPermitted,
            format!("it belongs to another user, and this daemon runs as {}", me.name),
            format!("它属于其他用户，而守护进程以 {} 的身份运行", me.name),
        ),
    }
}

/// What a part of gpuyard is called; `None` for any other process.
pub(crate) fn part(role: Role) -> Option<(&'static str, &'static str)> {
    match role {
        Role::Daemon => Some(("a daemon", "守护进程")),
        Role::Scheduler => Some(("a scheduler", "调度器")),
        Role::Runner => Some(("a runner", "运行器")),
        Role::Process | Role::Terminal | Role::Login | Role::Container | Role::Init => None,
    }
}

fn hidden(gpus: &[Gpu], lang: Lang) -> Hidden {
    let count = gpus.iter().map(|gpu| gpu.hidden_processes).sum();
    // Every GPU of such a driver is told the same number: it is one look at this machine's processes.
    let unseen = gpus.iter().map(|gpu| gpu.unseen_processes).max().unwrap_or(0);
    let unlisted: Vec<u32> = gpus
        .iter()
        .filter(|gpu| gpu.processes.is_none())
        .map(|gpu| gpu.index)
        .collect();
    let mut said = Vec::new();
    let mut say = |en: String, zh: String| said.push(if lang == Lang::Zh { zh } else { en });
    if count > 0 {
        say(
            format!(
                "{count} more, listed by the driver, cannot be looked at from here (another container, or a /proc that hides other users' processes)"
            ),
            format!("另有 {count} 个进程由驱动列出，但在此无法查看（位于其他容器，或 /proc 隐藏了其他用户的进程）"),
        );
    }
    if unseen > 0 {
        say(
            format!(
                "{unseen} processes of other users may use a GPU: only root, or a daemon with CAP_SYS_PTRACE, may look into them"
            ),
            format!("有 {unseen} 个其他用户的进程可能在使用显卡：只有 root 或具有 CAP_SYS_PTRACE 的守护进程才能查看"),
        );
    }
    if !unlisted.is_empty() {
        let list: Vec<String> = unlisted.iter().map(u32::to_string).collect();
        let list = list.join(", ");
        say(
            format!("the processes on GPU {list} cannot be listed"),
            format!("无法列出 GPU {list} 上的进程"),
        );
    }
    Hidden {
        count,
        unseen,
        unlisted_gpus: unlisted,
        message: (!said.is_empty()).then(|| said.join(lang.pick("; ", "；"))),
    }
}
