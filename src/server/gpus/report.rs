//! From a snapshot to what the API shows: a pure function of what was read.
use std::collections::{BTreeSet, HashMap};

use gpuyard_core::{
    model::{Bytes, Gpu, GpuProcess, Lang, Now, Percent, Seconds, Snapshot, Vendor},
    wire::{
        Clocks, CpuReport, GpuEntry, GpuReport, HostReport, Pcie, Power, ProcessEntry, SamplerReport, Usage,
        Utilization,
    },
};
use gpuyard_gpu::{HostSample, ProcessDetails, SamplerState};

use super::tasks::Tasks;

/// What `/proc` told about processes, by pid and start time.
pub(crate) type Details = HashMap<(i32, u64), ProcessDetails>;

/// A reading may take so long before what is shown counts as old.
const PATIENCE: f64 = 5.0;

/// What is known beside the snapshot.
pub(crate) struct Facts<'a> {
    pub(crate) details: &'a Details,
    /// The tasks of this machine.
    pub(crate) tasks: &'a Tasks,
    /// Tells start times of this boot from those of others.
    pub(crate) boot: &'a str,
    pub(crate) now: Now,
}

impl Facts<'_> {
    /// What `/proc` told about a process.
    pub(crate) fn of(&self, process: &GpuProcess) -> Option<&ProcessDetails> {
        self.details.get(&(process.pid, process.start_ticks))
    }

    /// A start time as the API writes it.
    pub(crate) fn start_time(&self, start_ticks: u64) -> String {
        format!("{}-{start_ticks}", self.boot)
    }

    /// Whose a process is: by name, else by number.
    pub(crate) fn username(&self, process: &GpuProcess) -> Option<String> {
        let known = self.of(process).and_then(|details| details.username.as_deref());
        known
            .map(str::to_owned)
            .or_else(|| process.uid.map(|uid| uid.to_string()))
    }
}

/// The answer of `/api/gpu`.
pub(crate) fn whole(state: &SamplerState, host: &HostSample, facts: &Facts, lang: Lang) -> GpuReport {
    let snapshot = state.latest.as_deref();
    let gpus: Vec<GpuEntry> = snapshot
        .iter()
        .flat_map(|s| &s.gpus)
        .map(|gpu| entry(gpu, facts))
        .collect();
    let (age, stale) = freshness(state, facts.now);
    let running = || gpus.iter().flat_map(|gpu| gpu.processes.iter().flatten());
    let users: BTreeSet<String> = running().filter_map(|process| process.username.clone()).collect();
    let pids: BTreeSet<i32> = running().map(|process| process.pid).collect();
    let (used, total) = gpus
        .iter()
        .filter_map(|gpu| gpu.memory.as_ref())
        .fold((0, 0), |(used, total), memory| {
            (used + u128::from(memory.used.0), total + u128::from(memory.total.0))
        });
    GpuReport {
        available: !gpus.is_empty(),
        message: message(state, gpus.is_empty(), (age, stale), lang),
        timestamp: snapshot.map_or(facts.now.wall, |s| s.taken_at),
        age,
        stale,
        gpu_count: gpus.len() as u32,
        total_processes: pids.len() as u32,
        memory_percent: (total > 0).then(|| rounded(used as f64 / total as f64 * 100.0)),
        active_user_count: users.len() as u32,
        active_users: users.into_iter().collect(),
        host: host_report(host),
        gpus,
    }
}

/// The answer of `/api/gpu/state`.
pub(crate) fn sampler(state: &SamplerState, now: Now) -> SamplerReport {
    SamplerReport {
        source: state.source.clone(),
        interval: state.interval,
        last_sample: state.latest.as_ref().map(|s| s.taken_at),
        age: state.latest.as_ref().map(|s| age(s, now)),
        last_error: state.last_error.as_ref().map(ToString::to_string),
        failing_since: state.failing_since,
        readings: state.readings,
    }
}

/// How old what is shown is, and whether it is older than it should be.
pub(crate) fn freshness(state: &SamplerState, now: Now) -> (Option<Seconds>, bool) {
    let age = state.latest.as_deref().map(|snapshot| age(snapshot, now));
    let stale = state.last_error.is_some() || age.is_some_and(|age| age.0 > 2.0 * state.interval.0 + PATIENCE);
    (age, stale)
}

fn age(snapshot: &Snapshot, now: Now) -> Seconds {
    Seconds(now.mono.since(snapshot.mono) as f64 / 1000.0)
}

/// Why there is nothing, or why what is shown is old; `None` when all is well.
pub(crate) fn message(
    state: &SamplerState,
    empty: bool,
    (age, stale): (Option<Seconds>, bool),
    lang: Lang,
) -> Option<String> {
    let said = |en: String, zh: String| Some(if lang == Lang::Zh { zh } else { en });
    let error = state.last_error.as_ref();
    match (empty, error) {
        (true, Some(error)) => said(error.to_string(), format!("无法读取显卡：{error}")),
        (true, None) if state.readings == 0 => {
            said("the GPUs have not been read yet".into(), "尚未读取到显卡状态".into())
        }
        (true, None) => said("no GPU was found on this machine".into(), "本机未发现显卡".into()),
        (false, error) if stale => {
            let (age, why) = (
                age.unwrap_or_default().0.round(),
                error
                    .map(|e| format!("{}{e}", lang.pick(": ", "：")))
                    .unwrap_or_default(),
            );
            said(
                format!("what is shown is {age} s old{why}"),
                format!("显示的是 {age} 秒前的状态{why}"),
            )
        }
        _ => None,
    }
}

fn host_report(host: &HostSample) -> HostReport {
    let usage = |used: Option<Bytes>, total: Option<Bytes>| {
        used.zip(total)
            .map(|(used, total)| Usage::new(used, total.saturating_sub(used), total))
    };
    HostReport {
        hostname: host.hostname.clone().unwrap_or_default(),
        cpu: CpuReport {
            percent: host.cpu_percent.map(|p| rounded(f64::from(p.0))),
            count: host.cpu_count,
        },
        memory: usage(host.memory_used, host.memory_total),
        swap: usage(host.swap_used, host.swap_total),
        disk: host.disk.map(|disk| Usage::new(disk.used, disk.free, disk.total)),
        load: host.load,
    }
}

fn entry(gpu: &Gpu, facts: &Facts) -> GpuEntry {
    let watts = |watts: Option<f32>| watts.map(|watts| format!("{}W", watts.round()));
    GpuEntry {
        index: gpu.index,
        uuid: gpu.uuid.clone(),
        name: gpu.name.clone(),
        vendor: gpu.vendor,
        health: gpu.health.clone(),
        temperature: gpu.temperature,
        utilization: Utilization {
            gpu: gpu.utilization,
            memory: gpu.memory_utilization,
        },
        memory: gpu
            .memory
            .map(|memory| Usage::new(memory.used, memory.free, memory.total)),
        power: Power {
            draw: gpu.power_draw,
            limit: gpu.power_limit,
            draw_human: watts(gpu.power_draw),
            limit_human: watts(gpu.power_limit),
        },
        fan_speed: gpu.fan_speed,
        clocks: Clocks {
            graphics: gpu.clock_graphics,
            graphics_max: gpu.clock_graphics_max,
            memory: gpu.clock_memory,
            memory_max: gpu.clock_memory_max,
        },
        pcie: Pcie {
            bus_id: gpu.pci_bus_id.clone(),
            generation: gpu.pcie_generation,
            width: gpu.pcie_width,
        },
        driver_version: gpu.driver_version.clone(),
        processes: gpu
            .processes
            .as_ref()
            .map(|all| all.iter().map(|process| one(gpu, process, facts)).collect()),
        hidden_processes: gpu.hidden_processes,
        unseen_processes: gpu.unseen_processes,
    }
}

fn one(gpu: &Gpu, process: &GpuProcess, facts: &Facts) -> ProcessEntry {
    let details = facts.of(process);
    let origin = details.map(|details| &*details.origin);
    ProcessEntry {
        pid: process.pid,
        start_time: facts.start_time(process.start_ticks),
        gpu_index: gpu.index,
        vendor: gpu.vendor,
        work: process.work,
        username: facts.username(process),
        name: details.map(|d| d.name.to_string()),
        command: details.and_then(|d| d.command.as_deref()).map(str::to_owned),
        gpu_memory: process.memory,
        gpu_memory_human: process.memory.map(|memory| memory.to_string()),
        gpu_sm_utilization: process.sm_utilization,
        cpu_percent: details.and_then(|d| d.cpu_percent).map(|p| rounded(f64::from(p.0))),
        host_memory: details.map(|d| d.host_memory),
        running_time: details.map(|d| d.running_time),
        container: origin.and_then(|origin| origin.container.clone()),
        terminal: origin.and_then(|origin| origin.terminal.clone()),
        task: facts.tasks.of(process, origin).cloned(),
    }
}

/// A maker, as `gpu_type` has it.
pub(crate) fn maker(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Nvidia => "nvidia",
        Vendor::Amd => "amd",
        Vendor::Intel => "intel",
        Vendor::Simulated => "simulated",
    }
}

/// One decimal: more is noise.
pub(crate) fn rounded(percent: f64) -> Percent {
    Percent((percent * 10.0).round() as f32 / 10.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use gpuyard_core::{
        model::{Memory, Mode, Mono, QueueId, RunId, TaskId, UniId, Work},
        wire::{Container, ContainerRuntime, Role, TaskRef},
    };
    use gpuyard_gpu::{Origin, SourceError};
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;

    const NOW: Now = Now {
        wall: Timestamp::UNIX_EPOCH,
        mono: Mono(10_000),
    };

    fn host() -> HostSample {
        HostSample {
            hostname: Some("gpu-server-01".into()),
            cpu_percent: Some(Percent(25.54)),
            cpu_count: Some(32),
            memory_used: Some(Bytes(64 << 30)),
            memory_total: Some(Bytes(128 << 30)),
            swap_used: Some(Bytes(0)),
            swap_total: Some(Bytes(0)),
            disk: None,
            load: Some([1.0, 0.5, 0.25]),
        }
    }

    fn process(pid: i32, uni_id: Option<&str>) -> GpuProcess {
        GpuProcess {
            pid,
            start_ticks: 7,
            uid: Some(1000),
            work: Work::Compute,
            memory: Some(Bytes(10 << 30)),
            sm_utilization: None,
            uni_id: uni_id.map(|id| UniId(id.into())),
        }
    }

    fn sampled(gpus: Vec<Gpu>) -> SamplerState {
        let snapshot = Snapshot {
            taken_at: Timestamp::UNIX_EPOCH,
            mono: Mono(9_000),
            source: "nvml".into(),
            gpus,
        };
        SamplerState {
            source: "nvml".into(),
            interval: Seconds(1.0),
            latest: Some(Arc::new(snapshot)),
            readings: 3,
            ..SamplerState::default()
        }
    }

    fn a100(index: u32, processes: Vec<GpuProcess>) -> Gpu {
        let mut gpu = Gpu::new(index, format!("GPU-{index}"), Vendor::Nvidia);
        gpu.name = Some("NVIDIA A100".into());
        gpu.memory = Some(Memory {
            used: Bytes(20 << 30),
            free: Bytes(20 << 30),
            total: Bytes(40 << 30),
        });
        gpu.power_draw = Some(150.2);
        gpu.processes = Some(processes);
        gpu
    }

    fn show(state: &SamplerState, lang: Lang) -> serde_json::Value {
        let origin = Origin {
            role: Role::Process,
            attempt: None,
            container: Some(Container {
                runtime: ContainerRuntime::Docker,
                id: "ab".into(),
                pod: None,
            }),
            terminal: None,
            ancestors: Vec::new(),
        };
        let alice = ProcessDetails {
            username: Some("alice".into()),
            name: "python".into(),
            command: Some("python train.py".into()),
            cpu_percent: Some(Percent(99.96)),
            host_memory: Bytes(1 << 30),
            running_time: Seconds(60.0),
            origin: Arc::new(origin),
        };
        let details = HashMap::from([((12345, 7), alice)]);
        let task = TaskRef {
            mode: Some(Mode::Single),
            config_index: Some(0),
            run_id: RunId("r".into()),
            queue_id: Some(QueueId(3)),
            task_id: TaskId("t-4".into()),
            process_index: Some(1),
            uni_id: UniId("u-1".into()),
            root: None,
            owner: None,
        };
        let facts = Facts {
            details: &details,
            tasks: &Tasks::of_one(task, 1000),
            boot: "abcd",
            now: NOW,
        };
        serde_json::to_value(whole(state, &host(), &facts, lang)).unwrap()
    }

    #[test]
    fn the_fields_are_those_of_the_seed() {
        let gpus = vec![
            a100(0, vec![process(12345, Some("u-1")), process(9, None)]),
            a100(1, vec![process(12345, None)]),
        ];
        let shown = show(&sampled(gpus), Lang::En);
        for (pointer, value) in [
            ("/available", json!(true)),
            ("/message", json!(null)),
            ("/gpu_count", json!(2)),
            ("/total_processes", json!(2)),
            ("/memory_percent", json!(50.0)),
            ("/active_user_count", json!(2)),
            ("/active_users", json!(["1000", "alice"])),
            ("/host/hostname", json!("gpu-server-01")),
            ("/host/cpu", json!({"percent": 25.5, "count": 32})),
            ("/host/memory/used_human", json!("64 GiB")),
            ("/host/swap/percent", json!(null)),
            ("/gpus/0/name", json!("NVIDIA A100")),
            ("/gpus/0/vendor", json!("nvidia")),
            ("/gpus/0/temperature", json!(null)),
            ("/gpus/0/utilization", json!({"gpu": null, "memory": null})),
            ("/gpus/0/memory/total_human", json!("40 GiB")),
            ("/gpus/0/memory/percent", json!(50.0)),
            ("/gpus/0/power/draw_human", json!("150W")),
            ("/gpus/0/power/limit_human", json!(null)),
            ("/gpus/0/processes/0/username", json!("alice")),
            ("/gpus/0/processes/0/start_time", json!("abcd-7")),
            ("/gpus/0/processes/0/gpu_memory_human", json!("10 GiB")),
            ("/gpus/0/processes/0/cpu_percent", json!(100.0)),
            ("/gpus/0/processes/0/task/queue_id", json!(3)),
            ("/gpus/0/processes/0/task/process_index", json!(1)),
            (
                "/gpus/0/processes/0/container",
                json!({"runtime": "docker", "id": "ab", "pod": null}),
            ),
            ("/gpus/0/processes/0/terminal", json!(null)),
            ("/gpus/0/processes/0/work", json!("compute")),
            ("/gpus/0/hidden_processes", json!(0)),
            ("/gpus/0/processes/1/task", json!(null)),
            ("/gpus/0/processes/1/command", json!(null)),
        ] {
            assert_eq!(shown.pointer(pointer), Some(&value), "{pointer}");
        }
    }

    #[test]
    fn no_gpu_is_said_kindly_in_both_languages() {
        let shown = show(&sampled(vec![]), Lang::En);
        assert_eq!(
            (&shown["available"], &shown["message"]),
            (&json!(false), &json!("no GPU was found on this machine"))
        );
        assert_eq!(show(&sampled(vec![]), Lang::Zh)["message"], json!("本机未发现显卡"));
        let shown = show(&SamplerState::default(), Lang::En);
        assert_eq!(shown["message"], json!("the GPUs have not been read yet"));
        assert_eq!(shown["memory_percent"], json!(null));
    }

    #[test]
    fn what_is_old_says_so_and_how_old() {
        let mut state = sampled(vec![a100(0, vec![])]);
        state.last_error = Some(SourceError::ReaderGone);
        let shown = show(&state, Lang::En);
        assert_eq!(
            (&shown["available"], &shown["stale"], &shown["age"]),
            (&json!(true), &json!(true), &json!(1.0))
        );
        assert!(
            shown["message"]
                .as_str()
                .unwrap()
                .starts_with("what is shown is 1 s old: ")
        );
        state.latest = None;
        assert_eq!(show(&state, Lang::En)["available"], json!(false));
    }
}
