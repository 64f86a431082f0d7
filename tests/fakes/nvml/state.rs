//! What the file says: the machine, its GPUs, their processes, and what goes wrong.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::Path,
};

use serde::{Deserialize, Serialize};

/// What a call returns, by NVML's own names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "nvml.h is their documentation")]
pub enum Answer {
    Success = 0,
    Uninitialized = 1,
    InvalidArgument = 2,
    NotSupported = 3,
    NoPermission = 4,
    NotFound = 6,
    InsufficientSize = 7,
    DriverNotLoaded = 9,
    Timeout = 10,
    FunctionNotFound = 13,
    GpuIsLost = 15,
    ResetRequired = 16,
    LibRmVersionMismatch = 18,
    ArgumentVersionMismatch = 25,
    GpuNotFound = 28,
    Unknown = 999,
}

/// The whole machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct State {
    /// Version of the driver. When it changes under a loaded library, every call answers `upgraded` until the library
    /// is loaded anew.
    pub driver_version: String,
    /// What a library answers whose driver was exchanged.
    pub upgraded: Answer,
    /// Bytes of an entry behind the `_v3` process calls: 24, or 32 as drivers 535.43 to 535.86 have it.
    pub process_stride: usize,
    /// What these functions answer, whatever they are asked about.
    pub errors: BTreeMap<String, Answer>,
    /// These functions do not return before the file says otherwise.
    pub hang: BTreeSet<String>,
    /// In index order.
    pub gpus: Vec<Gpu>,
}

/// One GPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpu {
    /// Identity.
    pub uuid: String,
    /// Model.
    pub name: String,
    /// PCI bus number.
    pub bus: u32,
    /// Device memory.
    pub memory: Memory,
    /// Rates.
    pub utilization: Utilization,
    /// °C.
    pub temperature: u32,
    /// Milliwatts.
    pub power_usage: u32,
    /// Milliwatts.
    pub power_limit: u32,
    /// Percent, one entry a fan.
    pub fans: Vec<u32>,
    /// MHz now.
    pub clocks: Clocks,
    /// MHz at most.
    pub max_clocks: Clocks,
    /// Who uses it.
    pub processes: Vec<Process>,
    /// Uncorrected ECC errors so far.
    pub ecc_uncorrected: u64,
    /// Xid errors so far; an event comes for each, once.
    pub xids: Vec<u64>,
    /// Every call and the handle lookup answer GPU_IS_LOST.
    pub lost: bool,
    /// The same after so many calls about this GPU, and stays so.
    pub fall_off_after: Option<u64>,
    /// What these functions answer about this GPU (`NOT_SUPPORTED`, say).
    pub errors: BTreeMap<String, Answer>,
}

/// Device memory, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as in nvml.h")]
pub struct Memory {
    pub total: u64,
    pub reserved: u64,
    pub used: u64,
}

/// Percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as in nvml.h")]
pub struct Utilization {
    pub gpu: u32,
    pub memory: u32,
}

/// MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as in nvml.h")]
pub struct Clocks {
    pub graphics: u32,
    pub sm: u32,
    pub memory: u32,
    pub video: u32,
}

/// A process on a GPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Process {
    /// As the driver tells it: garbage too.
    pub pid: u32,
    /// Bytes; `null`: not available.
    pub memory: Option<u64>,
    /// In the list of compute processes.
    pub compute: bool,
    /// In the list of graphics processes.
    pub graphics: bool,
    /// Percent of the SMs; `null`: no sample of it.
    pub sm: Option<u32>,
}

impl Default for State {
    fn default() -> Self {
        State {
            driver_version: "550.54.14".into(),
            upgraded: Answer::LibRmVersionMismatch,
            process_stride: 24,
            errors: BTreeMap::new(),
            hang: BTreeSet::new(),
            gpus: Vec::new(),
        }
    }
}

impl Default for Gpu {
    fn default() -> Self {
        Gpu {
            uuid: "GPU-00000000-0000-0000-0000-000000000000".into(),
            name: "NVIDIA Fake 24GB".into(),
            bus: 0x3b,
            memory: Memory {
                total: 24 << 30,
                reserved: 512 << 20,
                used: 0,
            },
            utilization: Utilization { gpu: 0, memory: 0 },
            temperature: 34,
            power_usage: 25_500,
            power_limit: 300_000,
            fans: vec![30],
            clocks: Clocks {
                graphics: 210,
                sm: 210,
                memory: 405,
                video: 555,
            },
            max_clocks: Clocks {
                graphics: 2100,
                sm: 2100,
                memory: 9751,
                video: 1950,
            },
            processes: Vec::new(),
            ecc_uncorrected: 0,
            xids: Vec::new(),
            lost: false,
            fall_off_after: None,
            errors: BTreeMap::new(),
        }
    }
}

impl Default for Process {
    fn default() -> Self {
        Process {
            pid: 0,
            memory: Some(0),
            compute: true,
            graphics: false,
            sm: None,
        }
    }
}

impl Process {
    /// A compute process with so much memory.
    pub fn compute(pid: u32, memory: u64) -> Process {
        Process {
            pid,
            memory: Some(memory),
            ..Process::default()
        }
    }
}

impl Gpu {
    /// GPU number `number`, with a UUID and a bus of its own.
    pub fn new(number: u32) -> Gpu {
        Gpu {
            uuid: format!("GPU-{number:08x}-1111-2222-3333-444444444444"),
            bus: 0x10 + number,
            ..Gpu::default()
        }
    }
}

impl State {
    /// A machine of so many GPUs.
    pub fn of(count: u32) -> State {
        State {
            gpus: (0..count).map(Gpu::new).collect(),
            ..State::default()
        }
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_extension("unfinished");
        fs::write(&unfinished, serde_json::to_vec_pretty(self)?)?;
        fs::rename(unfinished, path)
    }
}
