//! AMD GPUs through sysfs, KFD and DRM fdinfo: no library, no root.
//!
//! A card's memory and load are the driver's own figures. Its processes are those of KFD (ROCm's jobs, of every user)
//! and the clients in the fdinfo of those processes that may be looked into (drawing, mostly).
mod kfd;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use gpuyard_core::model::{Bytes, Gpu, GpuProcess, GpuUuid, Health, Memory, Now, Percent, Snapshot, Vendor, Work};

use crate::{
    GpuSource, SourceContext, SourceError,
    drm::{
        Card, Fleet,
        card::{self, AMD},
        clients::{Clients, Look},
        hwmon::Hwmon,
        load::{Load, busiest},
    },
    facts::{FactsReader, Looked},
    procfs::Proc,
    sysfs,
};

/// The drivers that run its cards.
pub(crate) const DRIVERS: [&str; 1] = ["amdgpu"];
/// Engines that draw.
const DRAWING: [&str; 1] = ["gfx"];

/// AMD's driver as a source.
pub struct AmdSource {
    sys_root: PathBuf,
    proc_root: PathBuf,
    fleet: Fleet<Hwmon>,
    proc: Proc,
    facts: FactsReader,
    clients: Clients,
    load: Load,
}

/// What one process has of one card.
#[derive(Clone, Copy, Default)]
struct Share {
    compute: bool,
    drawing: bool,
    memory: u64,
    sm: Option<f32>,
}

/// By card and pid.
type Shares = HashMap<String, BTreeMap<u32, Share>>;

impl AmdSource {
    /// Reads nothing yet.
    pub fn new(context: &SourceContext) -> AmdSource {
        AmdSource {
            sys_root: context.sys_root.clone(),
            proc_root: context.proc_root.clone(),
            fleet: Fleet::new(Vendor::Amd),
            proc: Proc::new(&context.proc_root),
            facts: FactsReader::default(),
            clients: Clients::new(&context.proc_root),
            load: Load::default(),
        }
    }

    fn shares(&mut self, look: &Look, nodes: &[kfd::Node], now: Now) -> Shares {
        let mut shares: Shares = HashMap::new();
        for (pid, node, held) in kfd::processes(&self.sys_root, nodes) {
            let share = shares.entry(node.pci.clone()).or_default().entry(pid).or_default();
            share.compute = true;
            share.memory = held.memory;
            share.sm = held.occupancy;
        }
        for held in &look.clients {
            let client = &held.client;
            let loads = self.load.of(client, now.mono);
            if !client.is_use() {
                continue;
            }
            let Ok(pid) = u32::try_from(held.pid) else { continue };
            let share = shares.entry(client.pci.clone()).or_default().entry(pid).or_default();
            share.drawing |= client.has_worked(&DRAWING);
            share.compute |= !client.has_worked(&DRAWING);
            // KFD's memory is in the client's figure on some kernels and not on others: never both.
            share.memory = share.memory.max(client.local.unwrap_or(0));
            if let Some(Percent(busy)) = loads.and_then(busiest) {
                share.sm = Some(share.sm.unwrap_or(0.0).max(busy));
            }
        }
        self.load.end();
        shares
    }
}

impl GpuSource for AmdSource {
    fn name(&self) -> &str {
        "amd"
    }

    fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
        let cards = card::cards(&self.sys_root, AMD, &DRIVERS)
            .map_err(|error| SourceError::tree(&self.sys_root.join("class/drm"), &error))?;
        if cards.is_empty() && self.fleet.is_empty() {
            return Err(SourceError::NoCard {
                maker: "AMD",
                path: self.sys_root.join("class/drm"),
            });
        }
        let look = self
            .clients
            .look(&mut self.proc, now.mono)
            .map_err(|error| SourceError::tree(&self.proc_root, &error))?;
        let nodes = kfd::nodes(&self.sys_root);
        let mut shares = self.shares(&look, &nodes, now);
        let version = cards
            .first()
            .and_then(|card| card::driver_version(card, &self.sys_root, &self.proc_root));
        let (facts, proc) = (&mut self.facts, &mut self.proc);
        facts.begin();
        let mut gpus = self.fleet.read(&cards, describe, |card, gpu, hwmon| {
            figures(card, gpu, hwmon, now);
            let listed = shares.remove(&card.pci).unwrap_or_default();
            (gpu.processes, gpu.hidden_processes) = processes(listed, facts, proc);
            gpu.unseen_processes = look.unseen;
        });
        facts.end();
        for gpu in &mut gpus {
            // ROCm counts the GPUs of KFD, in its order; a card that KFD does not know keeps its place in ours.
            let place = nodes.iter().position(|node| Some(&node.pci) == gpu.pci_bus_id.as_ref());
            gpu.selector = Some(place.map_or(gpu.index, |place| place as u32).to_string());
            gpu.driver_version.clone_from(&version);
        }
        Ok(Snapshot {
            taken_at: now.wall,
            mono: now.mono,
            source: "amd".into(),
            gpus,
        })
    }
}

/// Who a card is, as ROCm names it; a card without a number of its own is known by its slot.
fn describe(card: &Card, plate: &mut Gpu) -> GpuUuid {
    let read = |name: &str| sysfs::text(&card.device.join(name));
    plate.name = Some(read("product_name").unwrap_or_else(|| format!("AMD GPU {:04x}", card.model)));
    let dpm = |name: &str| read(name).and_then(|text| highest_clock(&text));
    plate.clock_graphics_max = dpm("pp_dpm_sclk");
    plate.clock_memory_max = dpm("pp_dpm_mclk");
    let own = read("unique_id").filter(|id| id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    GpuUuid(own.filter(|id| id.bytes().any(|byte| byte != b'0')).map_or_else(
        || format!("PCI-{}", card.pci),
        |id| format!("GPU-{}", id.to_ascii_lowercase()),
    ))
}

/// The last line of a table such as `0: 500Mhz *`, in MHz.
fn highest_clock(table: &str) -> Option<u32> {
    let clocks = table.lines().filter_map(|line| {
        let (_, clock) = line.split_once(':')?;
        let digits = clock.trim().trim_end_matches('*').trim().to_ascii_lowercase();
        digits.strip_suffix("mhz")?.trim().parse::<u32>().ok()
    });
    clocks.max()
}

fn figures(card: &Card, gpu: &mut Gpu, hwmon: &mut Hwmon, now: Now) {
    let read = |name: &str| sysfs::number(&card.device.join(name));
    let percent = |name: &str| {
        read(name)
            .filter(|share| *share <= 100)
            .map(|share| Percent(share as f32))
    };
    match (read("mem_info_vram_used"), read("mem_info_vram_total")) {
        (Some(used), Some(total)) if total > 0 => {
            gpu.memory = Some(Memory {
                used: Bytes(used.min(total)),
                free: Bytes(total.saturating_sub(used)),
                total: Bytes(total),
            });
        }
        _ => {
            gpu.health = Health::Unreadable {
                message: "its memory cannot be read (mem_info_vram_used, mem_info_vram_total)".into(),
            };
        }
    }
    gpu.utilization = percent("gpu_busy_percent");
    gpu.memory_utilization = percent("mem_busy_percent");
    hwmon.fill(&card.device, gpu, now.mono);
    let sensors = sysfs::entries(&card.device.join("hwmon"), |name| sysfs::is_numbered(name, "hwmon"));
    let clock = |name: &str| {
        let hertz = sensors.first().and_then(|folder| sysfs::number(&folder.join(name)))?;
        u32::try_from(hertz / 1_000_000).ok()
    };
    gpu.clock_graphics = clock("freq1_input");
    gpu.clock_memory = clock("freq2_input");
    card::fill_pcie(card, gpu);
}

/// The processes that can be looked at, and how many cannot.
fn processes(listed: BTreeMap<u32, Share>, facts: &mut FactsReader, proc: &mut Proc) -> (Option<Vec<GpuProcess>>, u32) {
    let (mut seen, mut hidden) = (Vec::with_capacity(listed.len()), 0);
    for (pid, share) in listed {
        let work = match (share.compute, share.drawing) {
            (true, true) => Work::Both,
            (false, true) => Work::Graphics,
            _ => Work::Compute,
        };
        match facts.of(pid, proc) {
            Looked::Seen(facts) => {
                let mut process = facts.on_gpu(work, Some(Bytes(share.memory)));
                process.sm_utilization = share.sm.map(Percent);
                seen.push(process);
            }
            Looked::Hidden => hidden += 1,
            Looked::Nonsense => {}
        }
    }
    (Some(seen), hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_clock_of_a_table() {
        assert_eq!(highest_clock("0: 500Mhz \n1: 1500Mhz *\n2: 2304Mhz \n"), Some(2304));
        assert_eq!(highest_clock("S: 19Mhz *\n"), Some(19));
        assert_eq!(highest_clock("0: 5\ntorn"), None);
    }
}
