//! Intel GPUs (i915 and xe) through sysfs and DRM fdinfo: no library, no root.
//!
//! Intel's drivers tell nobody how much of a card's memory is in use, and keep no list of processes: both are the sum of
//! what the clients in `/proc/PID/fdinfo` hold. Where processes of others may not be looked into, that sum is not the
//! whole, and the card counts as unreadable: what cannot be seen is not free.
mod tiles;

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use gpuyard_core::model::{Bytes, Gpu, GpuProcess, GpuUuid, Health, Memory, Now, Snapshot, Vendor, Work};

use crate::{
    GpuSource, SourceContext, SourceError,
    drm::{
        Card, Fleet,
        card::{self, INTEL},
        clients::{Clients, Held},
        hwmon::Hwmon,
        load::{Load, busiest},
    },
    facts::{FactsReader, Looked},
    procfs::Proc,
};

/// The drivers that run its cards.
pub(crate) const DRIVERS: [&str; 2] = ["i915", "xe"];
/// Engines that draw, as i915 and xe name them.
const DRAWING: [&str; 2] = ["render", "rcs"];
const COMPUTING: [&str; 2] = ["compute", "ccs"];

/// Intel's drivers as a source.
pub struct IntelSource {
    sys_root: PathBuf,
    proc_root: PathBuf,
    fleet: Fleet<Hwmon>,
    proc: Proc,
    facts: FactsReader,
    clients: Clients,
    load: Load,
}

/// A client with what it did since the look before.
struct Loaded<'a> {
    held: &'a Held,
    loads: Option<Vec<(&'static str, f32)>>,
}

impl IntelSource {
    /// Reads nothing yet.
    pub fn new(context: &SourceContext) -> IntelSource {
        IntelSource {
            sys_root: context.sys_root.clone(),
            proc_root: context.proc_root.clone(),
            fleet: Fleet::new(Vendor::Intel),
            proc: Proc::new(&context.proc_root),
            facts: FactsReader::default(),
            clients: Clients::new(&context.proc_root),
            load: Load::default(),
        }
    }
}

impl GpuSource for IntelSource {
    fn name(&self) -> &str {
        "intel"
    }

    fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
        let cards = card::cards(&self.sys_root, INTEL, &DRIVERS)
            .map_err(|error| SourceError::tree(&self.sys_root.join("class/drm"), &error))?;
        if cards.is_empty() && self.fleet.is_empty() {
            return Err(SourceError::NoCard {
                maker: "Intel",
                path: self.sys_root.join("class/drm"),
            });
        }
        let look = self
            .clients
            .look(&mut self.proc, now.mono)
            .map_err(|error| SourceError::tree(&self.proc_root, &error))?;
        let mut by_card: HashMap<&str, Vec<Loaded<'_>>> = HashMap::new();
        for held in &look.clients {
            let loads = self.load.of(&held.client, now.mono);
            if held.client.is_use() {
                by_card
                    .entry(&held.client.pci)
                    .or_default()
                    .push(Loaded { held, loads });
            }
        }
        self.load.end();
        let (facts, proc) = (&mut self.facts, &mut self.proc);
        facts.begin();
        let mut gpus = self.fleet.read(&cards, describe, |card, gpu, hwmon| {
            let clients = by_card.remove(card.pci.as_str()).unwrap_or_default();
            fill_memory(card, gpu, &clients, look.unseen, proc);
            // Of the share that nobody may see, nothing is known.
            if look.unseen == 0 {
                let all = clients.iter().flat_map(|client| client.loads.iter().flatten().copied());
                gpu.utilization = busiest(all);
            }
            (gpu.processes, gpu.hidden_processes) = processes(&clients, card, facts, proc);
            gpu.unseen_processes = look.unseen;
            tiles::fill_clocks(card, gpu);
            hwmon.fill(&card.device, gpu, now.mono);
            card::fill_pcie(card, gpu);
        });
        facts.end();
        // Level Zero counts tiles, unless a program asks for whole cards.
        let mut first = 0;
        let parts: HashMap<&str, u32> = cards
            .iter()
            .map(|card| (card.pci.as_str(), tiles::count(card)))
            .collect();
        for gpu in &mut gpus {
            let count = gpu.pci_bus_id.as_deref().and_then(|pci| parts.get(pci)).copied();
            if let Some(count) = count {
                let numbers: Vec<String> = (first..first + count).map(|tile| tile.to_string()).collect();
                gpu.selector = Some(numbers.join(","));
                first += count;
            }
            let card = cards.iter().find(|card| Some(&card.pci) == gpu.pci_bus_id.as_ref());
            gpu.driver_version = card.and_then(|card| card::driver_version(card, &self.sys_root, &self.proc_root));
        }
        Ok(Snapshot {
            taken_at: now.wall,
            mono: now.mono,
            source: "intel".into(),
            gpus,
        })
    }
}

/// Intel's cards have no number of their own: their slot is who they are.
fn describe(card: &Card, plate: &mut Gpu) -> GpuUuid {
    plate.name = Some(format!("Intel GPU {:04x}", card.model));
    plate.clock_graphics_max = tiles::highest_clock(card);
    GpuUuid(format!("PCI-{}", card.pci))
}

fn fill_memory(card: &Card, gpu: &mut Gpu, clients: &[Loaded<'_>], unseen: u32, proc: &mut Proc) {
    let Some(total) = tiles::memory(card) else {
        // Graphics inside the processor use the host's memory, and what they may take of it is what is available there.
        gpu.shares_host_memory = true;
        if let Some(host) = proc.host_memory() {
            gpu.memory = Some(Memory {
                used: Bytes(host.total.saturating_sub(host.available)),
                free: Bytes(host.available),
                total: Bytes(host.total),
            });
        } else {
            gpu.health = Health::Unreadable {
                message: "its memory cannot be read".into(),
            };
        }
        return;
    };
    let seen = clients
        .iter()
        .filter_map(|client| client.held.client.local)
        .fold(0, u64::saturating_add);
    // Some drivers do say it.
    let used = match (tiles::memory_available(card), unseen) {
        (Some(available), _) => total.saturating_sub(available),
        (None, 0) => seen,
        (None, _) => {
            gpu.health = Health::Unreadable {
                message: format!(
                    "how much of its memory is in use is not known: {unseen} processes of other users cannot be looked into \
                     (run gpuyard as root, or give the program CAP_SYS_PTRACE)"
                ),
            };
            return;
        }
    };
    gpu.memory = Some(Memory {
        used: Bytes(used.min(total)),
        free: Bytes(total.saturating_sub(used)),
        total: Bytes(total),
    });
}

/// The processes of a card that can be looked at, and how many cannot.
fn processes(
    clients: &[Loaded<'_>],
    card: &Card,
    facts: &mut FactsReader,
    proc: &mut Proc,
) -> (Option<Vec<GpuProcess>>, u32) {
    let mut by_pid: BTreeMap<i32, Vec<&Loaded<'_>>> = BTreeMap::new();
    for client in clients {
        by_pid.entry(client.held.pid).or_default().push(client);
    }
    let has_own_memory = tiles::memory(card).is_some();
    let (mut seen, mut hidden) = (Vec::with_capacity(by_pid.len()), 0);
    for (pid, clients) in by_pid {
        let worked = |kinds: &[&str]| clients.iter().any(|client| client.held.client.has_worked(kinds));
        let work = match (worked(&COMPUTING), worked(&DRAWING)) {
            (true, true) => Work::Both,
            (false, true) => Work::Graphics,
            _ => Work::Compute,
        };
        let held = clients.iter().filter_map(|client| {
            let client = &client.held.client;
            if has_own_memory { client.local } else { client.system }
        });
        let memory = held.fold(None, |sum: Option<u64>, bytes| {
            Some(sum.unwrap_or(0).saturating_add(bytes))
        });
        let Ok(listed) = u32::try_from(pid) else { continue };
        match facts.of(listed, proc) {
            Looked::Seen(facts) => {
                let mut process = facts.on_gpu(work, memory.map(Bytes));
                let loads = clients.iter().flat_map(|client| client.loads.iter().flatten().copied());
                process.sm_utilization = busiest(loads);
                seen.push(process);
            }
            Looked::Hidden => hidden += 1,
            Looked::Nonsense => {}
        }
    }
    (Some(seen), hidden)
}
