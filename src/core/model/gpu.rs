//! What all GPUs looked like at one instant.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Bytes, GpuUuid, Mono, Percent, UniId};

/// Who made a GPU; decides which environment variable hides the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Vendor {
    /// NVML.
    Nvidia,
    /// sysfs and KFD.
    Amd,
    /// DRM fdinfo.
    Intel,
    /// Made up, for tests and demos; behaves like NVIDIA.
    Simulated,
}

/// Whether a GPU can be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "state", rename_all = "lowercase")]
#[schema(as = GpuHealth)]
pub enum Health {
    /// It answers.
    Ok,
    /// It fell off the bus or stays silent; it keeps its place and its UUID.
    Lost {
        /// What the driver said.
        message: String,
    },
    /// It is there, and what placement needs (its memory) could not be read this time.
    Unreadable {
        /// What the driver said.
        message: String,
    },
}

/// Device memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// In use by anyone, as `nvidia-smi` shows it. Newer drivers do not count their own reserve here (it is not free either, so
    /// that `used + free` may be less than `total`); older ones do.
    pub used: Bytes,
    /// Free for anyone.
    pub free: Bytes,
    /// Built in.
    pub total: Bytes,
}

/// What a process does on a GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = GpuWork)]
pub enum Work {
    /// CUDA, ROCm, Level Zero.
    Compute,
    /// A desktop, say.
    Graphics,
    /// Listed as both.
    Both,
}

/// A process on one GPU, as its driver lists it, with the facts of `/proc` that placement needs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GpuProcess {
    /// Above 1, with a `/proc` entry when it was read.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    /// The process's real user id; `None` where it cannot be told.
    pub uid: Option<u32>,
    /// What it does.
    pub work: Work,
    /// `None` where the driver does not say (MIG, containers, WSL).
    pub memory: Option<Bytes>,
    /// Share of the SMs over the last sampling period; `None` where unknown.
    pub sm_utilization: Option<Percent>,
    /// The `GPUYARD_UNI_ID` of its environment, where readable: the attempt that it belongs to.
    pub uni_id: Option<UniId>,
}

/// Means over the last 3 s, as far as there are samples (the ranking of placement uses them).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecentMean {
    /// Mean of [`Memory::used`].
    pub used: Bytes,
    /// Mean of [`Gpu::utilization`], where it is known.
    pub utilization: Option<Percent>,
    /// How many samples it is made of, at least 1.
    pub samples: u32,
}

/// NVIDIA's errors of a GPU, the ones that `dmesg` shows as Xid, since this program looks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct XidErrors {
    /// How many.
    pub count: u64,
    /// Number of the last.
    pub last_code: Option<u64>,
    /// When it was seen.
    pub last_at: Option<Timestamp>,
}

/// One GPU at one instant. What a GPU cannot report is `None`, never 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gpu {
    /// Place in the source's list: with NVIDIA's GPUs alone, CUDA's own number (under `CUDA_DEVICE_ORDER=PCI_BUS_ID`).
    pub index: u32,
    /// What its vendor's visibility variable calls it, where that is not [`Gpu::index`]: vendors count their own GPUs
    /// only.
    #[serde(default)]
    pub selector: Option<String>,
    /// Its identity.
    pub uuid: GpuUuid,
    /// Model, as the driver calls it.
    pub name: Option<String>,
    /// Its maker.
    pub vendor: Vendor,
    /// Whether it can be read.
    pub health: Health,
    /// Device memory.
    pub memory: Option<Memory>,
    /// It has none of its own: [`Gpu::memory`] is the host's.
    #[serde(default)]
    pub shares_host_memory: bool,
    /// Share of time a kernel ran, over the driver's sampling period.
    pub utilization: Option<Percent>,
    /// Share of time memory was read or written.
    pub memory_utilization: Option<Percent>,
    /// °C.
    pub temperature: Option<f32>,
    /// Watts drawn.
    pub power_draw: Option<f32>,
    /// Watts allowed.
    pub power_limit: Option<f32>,
    /// Percent of full speed.
    pub fan_speed: Option<Percent>,
    /// MHz, graphics (SM) clock, now and at most.
    pub clock_graphics: Option<u32>,
    /// MHz.
    pub clock_graphics_max: Option<u32>,
    /// MHz, memory clock.
    pub clock_memory: Option<u32>,
    /// MHz.
    pub clock_memory_max: Option<u32>,
    /// `00000000:3B:00.0`.
    pub pci_bus_id: Option<String>,
    /// PCIe generation now.
    pub pcie_generation: Option<u32>,
    /// PCIe lanes now.
    pub pcie_width: Option<u32>,
    /// Version of its driver.
    pub driver_version: Option<String>,
    /// Processes on it; `None` where the list cannot be read (then it is not known to be empty).
    pub processes: Option<Vec<GpuProcess>>,
    /// Processes that the driver lists on it and that cannot be looked at from here (another pid namespace, a `/proc`
    /// that hides others' processes).
    #[serde(default)]
    pub hidden_processes: u32,
    /// Where the driver keeps no list of its own: processes of this host whose open files may not be read. Any of them
    /// may use it.
    #[serde(default)]
    pub unseen_processes: u32,
    /// Errors that its driver told of since we look; `None` where it tells of none.
    #[serde(default)]
    pub xids: Option<XidErrors>,
    /// Filled in by the sampler's window; `None` before the first sample.
    pub recent: Option<RecentMean>,
    /// Since when no process (above `ignore_processes_below`) was seen on it, as far back as was looked; filled in by the sampler's window.
    pub idle_since: Option<Mono>,
}

impl Gpu {
    /// A healthy GPU of which only index, uuid and vendor are known yet.
    pub fn new(index: u32, uuid: impl Into<String>, vendor: Vendor) -> Gpu {
        Gpu {
            index,
            selector: None,
            uuid: GpuUuid(uuid.into()),
            name: None,
            vendor,
            health: Health::Ok,
            memory: None,
            shares_host_memory: false,
            utilization: None,
            memory_utilization: None,
            temperature: None,
            power_draw: None,
            power_limit: None,
            fan_speed: None,
            clock_graphics: None,
            clock_graphics_max: None,
            clock_memory: None,
            clock_memory_max: None,
            pci_bus_id: None,
            pcie_generation: None,
            pcie_width: None,
            driver_version: None,
            processes: None,
            hidden_processes: 0,
            unseen_processes: 0,
            xids: None,
            recent: None,
            idle_since: None,
        }
    }
}

impl Gpu {
    /// What its vendor's visibility variable calls it.
    pub fn visible_as(&self) -> String {
        self.selector.clone().unwrap_or_else(|| self.index.to_string())
    }
}

/// What all GPUs of one node looked like at one instant, as read by a source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When the reading began.
    pub taken_at: Timestamp,
    /// The same, on the monotonic clock.
    pub mono: Mono,
    /// `nvml`, `simulated`, …
    pub source: String,
    /// In index order, each UUID once.
    pub gpus: Vec<Gpu>,
}

/// A live attempt on this host, told to the simulated source so that it never has to scan the whole host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveAttempt {
    /// Its key.
    pub uni_id: UniId,
    /// Its runner's pid: its processes are the runner's descendants. `None` when the runner is gone.
    pub runner_pid: Option<i32>,
    /// Pids known to belong to it besides (left behind by a dead runner).
    pub pids: Vec<i32>,
}
