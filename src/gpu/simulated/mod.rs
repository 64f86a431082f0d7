//! Made-up GPUs, for tests, demos and machines without any: `simulated:4x24GiB`.
//!
//! Of the live attempts' processes, those whose environment says `GPUYARD_SIMULATED_MEMORY=2GiB` use that much of each
//! GPU that their own
//! `CUDA_VISIBLE_DEVICES` names, counted once an attempt (the largest claim). A [`scenario`] file scripts all else:
//! foreign processes, figures, failures. Only the attempts' own process trees are looked at, never the whole host.
mod claims;
mod scenario;

use gpuyard_core::model::{Bytes, Gpu, GpuProcess, Health, Memory, Now, Percent, Snapshot, Vendor, Work};

use self::{
    claims::{Claim, ClaimReader},
    scenario::{GpuScript, ScenarioFile},
};
use crate::{GpuSource, LiveAttempts, SourceContext, SourceError, procfs::Proc, visible::Visible};

/// What a simulated GPU shows while a task is on it, where the scenario says nothing: busy, warm, drawing power.
const BUSY_PERCENT: f32 = 90.0;
const IDLE_DEGREES: f32 = 35.0;
const DEGREES_PER_PERCENT: f32 = 0.4;
const IDLE_WATTS: f32 = 25.0;
const LIMIT_WATTS: f32 = 300.0;

/// Simulated GPUs as a source.
pub struct SimulatedSource {
    uuids: Vec<String>,
    memory: Bytes,
    scenario: Option<ScenarioFile>,
    visible: Visible,
    claims: ClaimReader,
    live_attempts: LiveAttempts,
}

impl SimulatedSource {
    /// `count` GPUs of `memory` each. GPUs of one description have the same UUIDs everywhere on a host. A scenario that
    /// cannot be used is an error at once.
    pub fn new(count: u32, memory: Bytes, context: SourceContext) -> Result<SimulatedSource, SourceError> {
        let scenario = context
            .scenario
            .map(|path| ScenarioFile::open(path, count))
            .transpose()?;
        Ok(SimulatedSource {
            uuids: (0..count).map(|index| uuid(count, memory, index)).collect(),
            memory,
            scenario,
            visible: Visible::new(context.visible_devices.as_deref()),
            claims: ClaimReader::new(Proc::new(context.proc_root)),
            live_attempts: context.live_attempts,
        })
    }
}

impl GpuSource for SimulatedSource {
    fn name(&self) -> &str {
        "simulated"
    }

    fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
        let nothing = scenario::Scenario::default();
        let scenario = match &mut self.scenario {
            Some(file) => file.current(now.mono)?,
            None => &nothing,
        };
        let claims = self.claims.read(&(self.live_attempts)(), &self.uuids);
        let mut gpus: Vec<Gpu> = Vec::with_capacity(self.uuids.len());
        for (index, uuid) in self.uuids.iter().enumerate() {
            let index = index as u32;
            let script = scenario.gpu(index);
            let mut processes: Vec<GpuProcess> = claims
                .iter()
                .filter(|claim| claim.gpu == index)
                .map(Claim::process)
                .collect();
            processes.extend(scenario.processes_on(index).map(|script| self.claims.foreign(script)));
            if !script.gone {
                gpus.push(gpu(index, uuid, self.memory, script, processes));
            }
        }
        self.visible.limit(&mut gpus, &|_| None);
        Ok(Snapshot {
            taken_at: now.wall,
            mono: now.mono,
            source: "simulated".into(),
            gpus,
        })
    }

    /// It reads `/proc` and a small file, and a scripted hang answers [`SourceError::Hung`] instead of sleeping.
    fn may_block(&self) -> bool {
        false
    }
}

/// A UUID made of the description, by FNV-1a (128 bits): it must not change from one build to the next.
fn uuid(count: u32, memory: Bytes, index: u32) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let text = format!("gpuyard simulated {count} x {} / {index}", memory.0);
    // The text twice: a difference in its last bytes reaches the first digits too, which people (and
    // CUDA_VISIBLE_DEVICES) go by.
    let bytes = text.bytes().chain(text.bytes());
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    let hex = format!("{hash:032x}");
    format!(
        "SIM-{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// One GPU as its script and its processes make it.
fn gpu(index: u32, uuid: &str, total: Bytes, script: &GpuScript, processes: Vec<GpuProcess>) -> Gpu {
    let mut gpu = Gpu::new(index, uuid, Vendor::Simulated);
    gpu.name = Some(script.name.clone().unwrap_or_else(|| format!("Simulated GPU {total}")));
    gpu.pci_bus_id = Some(format!("00000000:{:02X}:00.0", index + 1));
    gpu.driver_version = Some("simulated".into());
    if let Some(message) = &script.lost {
        gpu.health = Health::Lost {
            message: message.clone(),
        };
        return gpu;
    }
    if let Some(message) = &script.unreadable {
        gpu.health = Health::Unreadable {
            message: message.clone(),
        };
        return gpu;
    }
    let taken = processes
        .iter()
        .filter_map(|process| process.memory)
        .fold(script.used, Bytes::saturating_add);
    let used = taken.min(total);
    gpu.memory = Some(Memory {
        used,
        free: total.saturating_sub(used),
        total,
    });
    let busy = if processes.iter().any(|process| process.uni_id.is_some()) {
        BUSY_PERCENT
    } else {
        0.0
    };
    let share = script.utilization.unwrap_or(Some(busy));
    gpu.utilization = share.map(Percent);
    let filled = (used.0 as f64 / total.0 as f64 * 100.0) as f32;
    let active = share.unwrap_or(0.0);
    gpu.memory_utilization = script
        .memory_utilization
        .unwrap_or(Some(active.min(filled)))
        .map(Percent);
    gpu.temperature = script
        .temperature
        .unwrap_or(Some(IDLE_DEGREES + active * DEGREES_PER_PERCENT));
    gpu.power_limit = script.power_limit.unwrap_or(Some(LIMIT_WATTS));
    gpu.power_draw = script
        .power_draw
        .unwrap_or(Some(IDLE_WATTS + active / 100.0 * (LIMIT_WATTS - IDLE_WATTS) * 0.9));
    gpu.fan_speed = script.fan_speed.unwrap_or(Some(30.0)).map(Percent);
    gpu.clock_graphics = Some(if active > 0.0 { 1740 } else { 210 });
    gpu.clock_graphics_max = Some(1980);
    gpu.clock_memory = Some(if active > 0.0 { 2619 } else { 405 });
    gpu.clock_memory_max = Some(2619);
    gpu.pcie_generation = Some(4);
    gpu.pcie_width = Some(16);
    gpu.processes = (!script.processes_unknown).then(|| with_shares(processes, share));
    gpu
}

/// Gives each of an attempt's processes an equal part of the GPU's utilisation, where the script gave none.
fn with_shares(mut processes: Vec<GpuProcess>, utilization: Option<f32>) -> Vec<GpuProcess> {
    let ours = processes
        .iter()
        .filter(|process| process.uni_id.is_some())
        .count()
        .max(1) as f32;
    for process in &mut processes {
        let share = if process.uni_id.is_some() {
            utilization.map(|share| share / ours)
        } else {
            Some(0.0)
        };
        process.sm_utilization = process.sm_utilization.or(share.map(Percent));
        if process.work == Work::Graphics {
            process.sm_utilization = None;
        }
    }
    processes.sort_by_key(|process| process.pid);
    processes
}

#[cfg(test)]
mod tests;
