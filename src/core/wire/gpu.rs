//! `/api/gpu`, `/api/gpu/state`: the field names of the seed, with what it lacked.
//!
//! What a GPU or a host cannot report is `null`, never 0. Memory is bytes, with `*_human` beside it.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ProcessEntry;
use crate::model::{Bytes, GpuUuid, Health, Percent, Seconds, Vendor};

/// Answer of `GET /api/gpu`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuReport {
    /// Whether GPUs are there and have been read.
    pub available: bool,
    /// Why they are not, or why what follows is old; `None` when all is well.
    pub message: Option<String>,
    /// When the GPUs were read; the moment of the answer where none were.
    pub timestamp: Timestamp,
    /// How old the reading is.
    pub age: Option<Seconds>,
    /// Readings have failed since: what follows is the last good one.
    pub stale: bool,
    /// GPUs, those that are lost included.
    pub gpu_count: u32,
    /// GPU processes; one on two GPUs counts once.
    pub total_processes: u32,
    /// Memory in use of all GPUs that can be read.
    pub memory_percent: Option<Percent>,
    /// How many users have a process on a GPU.
    pub active_user_count: u32,
    /// Their names.
    pub active_users: Vec<String>,
    /// The machine around them.
    pub host: HostReport,
    /// One entry a GPU, in index order.
    pub gpus: Vec<GpuEntry>,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct HostReport {
    /// Its name.
    pub hostname: String,
    /// Its CPUs.
    pub cpu: CpuReport,
    /// Its memory.
    pub memory: Option<Usage>,
    /// Its swap; a total of 0 where there is none.
    pub swap: Option<Usage>,
    /// The file system that the root folder lies on.
    pub disk: Option<Usage>,
    /// Mean number of runnable tasks over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
}

/// CPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CpuReport {
    /// Of all together.
    pub percent: Option<Percent>,
    /// How many.
    pub count: Option<u32>,
}

/// How much of something is in use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// In use.
    pub used: Bytes,
    /// Free.
    pub free: Bytes,
    /// In all.
    pub total: Bytes,
    /// `used` of `total`; `None` where there is nothing.
    pub percent: Option<Percent>,
    /// For people.
    pub used_human: String,
    /// For people.
    pub free_human: String,
    /// For people.
    pub total_human: String,
}

impl Usage {
    /// With percent and words worked out.
    pub fn new(used: Bytes, free: Bytes, total: Bytes) -> Usage {
        let percent = (total.0 > 0).then(|| Percent((used.0 as f64 / total.0 as f64 * 1000.0).round() as f32 / 10.0));
        Usage {
            used,
            free,
            total,
            percent,
            used_human: used.to_string(),
            free_human: free.to_string(),
            total_human: total.to_string(),
        }
    }
}

/// A GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuEntry {
    /// Its place in the list.
    pub index: u32,
    /// Its identity.
    pub uuid: GpuUuid,
    /// Model.
    pub name: Option<String>,
    /// Maker.
    pub vendor: Vendor,
    /// Whether it can be read: `{"state":"ok"}`, or `lost` or `unreadable` with a message.
    pub health: Health,
    /// °C.
    pub temperature: Option<f32>,
    /// How busy it is.
    pub utilization: Utilization,
    /// Its memory.
    pub memory: Option<Usage>,
    /// Its power.
    pub power: Power,
    /// Percent of full speed.
    pub fan_speed: Option<Percent>,
    /// Its clocks.
    pub clocks: Clocks,
    /// Where and how it is plugged in.
    pub pcie: Pcie,
    /// Version of its driver.
    pub driver_version: Option<String>,
    /// Processes on it; `None` where they cannot be listed.
    pub processes: Option<Vec<ProcessEntry>>,
    /// Processes that the driver lists on it and that cannot be looked at from here (another container, or a `/proc` that
    /// hides other users').
    pub hidden_processes: u32,
    /// Where the driver keeps no list of its own: processes of this machine whose open files may not be read. Any of them
    /// may use it.
    pub unseen_processes: u32,
}

/// How busy a GPU is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Utilization {
    /// Share of time a kernel ran.
    pub gpu: Option<Percent>,
    /// Share of time memory was read or written.
    pub memory: Option<Percent>,
}

/// Watts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Power {
    /// Drawn.
    pub draw: Option<f32>,
    /// Allowed.
    pub limit: Option<f32>,
    /// For people: `150W`.
    pub draw_human: Option<String>,
    /// For people.
    pub limit_human: Option<String>,
}

/// MHz.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Clocks {
    /// Graphics (SM) clock now.
    pub graphics: Option<u32>,
    /// And at most.
    pub graphics_max: Option<u32>,
    /// Memory clock now.
    pub memory: Option<u32>,
    /// And at most.
    pub memory_max: Option<u32>,
}

/// The slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Pcie {
    /// `00000000:3B:00.0`.
    pub bus_id: Option<String>,
    /// Generation now.
    pub generation: Option<u32>,
    /// Lanes now.
    pub width: Option<u32>,
}

/// Answer of `GET /api/gpu/history`: the last minutes of every GPU, at common times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuHistory {
    /// From one time to the next; `None` where there are fewer than two.
    pub step: Option<Seconds>,
    /// When each point begins, oldest first. Where nothing was read there is no time.
    pub times: Vec<Timestamp>,
    /// One entry a GPU, in index order.
    pub gpus: Vec<GpuSeries>,
}

/// One GPU's history: a point for each of the times, the mean of what was read from it to the next; `null` where nothing
/// was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GpuSeries {
    /// Its identity.
    pub uuid: GpuUuid,
    /// Its place in the list now.
    pub index: u32,
    /// Model.
    pub name: Option<String>,
    /// Memory built in.
    pub memory_total: Option<Bytes>,
    /// Memory in use.
    pub memory_used: Vec<Option<Bytes>>,
    /// Share of time a kernel ran.
    pub utilization: Vec<Option<Percent>>,
    /// °C.
    pub temperature: Vec<Option<f32>>,
    /// Watts.
    pub power_draw: Vec<Option<f32>>,
}

/// Answer of `GET /api/gpu/state`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SamplerReport {
    /// `nvml`, `simulated`, …
    pub source: String,
    /// Time between two samples.
    pub interval: Seconds,
    /// When the last good sample was taken.
    pub last_sample: Option<Timestamp>,
    /// How old it is.
    pub age: Option<Seconds>,
    /// Why the last reading failed; `None` when it succeeded.
    pub last_error: Option<String>,
    /// Since when readings have failed.
    pub failing_since: Option<Timestamp>,
    /// Readings so far.
    pub readings: u64,
}
