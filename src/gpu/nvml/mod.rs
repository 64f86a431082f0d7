//! NVIDIA GPUs through NVML.
//!
//! A GPU is its UUID: indices may change, a GPU may fall off the bus, come back, or leave the list, and each keeps its
//! own history. One library stays open; a driver that was upgraded under us makes every call fail until it is loaded
//! anew.
mod device;
mod library;
mod processes;
mod utilization;
mod xids;

use std::collections::HashMap;

use gpuyard_core::model::{Gpu, GpuUuid, Health, Now, Snapshot, Vendor};
use nvml_wrapper::{Device, Nvml, error::NvmlError};

use self::{
    device::{Fixed, Reading},
    library::Library,
    processes::ProcessReader,
    utilization::Utilization,
    xids::Xids,
};
use crate::{
    GpuSource, SourceContext, SourceError,
    facts::FactsReader,
    procfs::Proc,
    visible::{UNKNOWN_UUID, Visible},
};

/// What the source remembers of a GPU that it has seen.
struct Known {
    uuid: GpuUuid,
    /// Where it stood when it was last seen.
    index: u32,
    fixed: Fixed,
    utilization: Utilization,
    xids: Xids,
}

/// NVIDIA's driver as a source.
pub struct NvmlSource {
    /// A host without a driver has no GPUs, and that is no error.
    may_be_absent: bool,
    library: Library,
    visible: Visible,
    known: HashMap<GpuUuid, Known>,
    proc: Proc,
    processes: ProcessReader,
    facts: FactsReader,
}

/// Why a whole reading failed.
enum Failure {
    /// The library does not fit the driver any more: load it anew.
    Stale(SourceError),
    /// Loading anew would not help.
    Other(SourceError),
}

fn failure(action: &'static str, error: &NvmlError) -> Failure {
    let told = SourceError::Nvml {
        action,
        message: error.to_string(),
    };
    if is_stale(error) {
        Failure::Stale(told)
    } else {
        Failure::Other(told)
    }
}

/// What a library answers whose driver was exchanged or unloaded under it.
fn is_stale(error: &NvmlError) -> bool {
    matches!(
        error,
        NvmlError::LibRmVersionMismatch | NvmlError::Unknown | NvmlError::Uninitialized | NvmlError::DriverNotLoaded
    )
}

/// A GPU that will not answer again before somebody mends it.
fn is_lost(error: &NvmlError) -> bool {
    matches!(error, NvmlError::GpuLost | NvmlError::ResetRequired)
}

fn health_of(error: &NvmlError) -> Health {
    let message = error.to_string();
    if is_lost(error) {
        Health::Lost { message }
    } else {
        Health::Unreadable { message }
    }
}

impl NvmlSource {
    /// Loads nothing yet. `may_be_absent`: a host without a driver gives snapshots without GPUs instead of an error.
    pub fn new(context: SourceContext, may_be_absent: bool) -> NvmlSource {
        NvmlSource {
            may_be_absent,
            library: Library::new(context.nvml_path),
            visible: Visible::new(context.visible_devices.as_deref()),
            known: HashMap::new(),
            proc: Proc::new(context.proc_root),
            processes: ProcessReader::default(),
            facts: FactsReader::default(),
        }
    }

    fn read(&mut self, now: Now) -> Result<Vec<Gpu>, Failure> {
        let nvml = self.library.open(now.mono).map_err(Failure::Other)?;
        let driver = nvml.sys_driver_version().ok();
        let count = nvml.device_count().map_err(|error| failure("count the GPUs", &error))?;
        self.facts.begin();
        let mut gpus: Vec<Gpu> = Vec::with_capacity(count as usize);
        let mut silent: Vec<(u32, NvmlError)> = Vec::new();
        for index in 0..count {
            match named(nvml, index) {
                Ok((device, uuid)) => {
                    let known = self.known.entry(uuid.clone()).or_insert_with(|| Known {
                        fixed: Fixed::read(&device),
                        utilization: Utilization::default(),
                        xids: Xids::default(),
                        uuid,
                        index,
                    });
                    known.index = index;
                    known.xids.look(nvml, &device, now);
                    let reading = Reading {
                        nvml,
                        device: &device,
                        proc: &mut self.proc,
                        processes: &mut self.processes,
                        facts: &mut self.facts,
                        now,
                    };
                    gpus.push(reading.gpu(known));
                }
                Err(error) => silent.push((index, error)),
            }
        }
        // All fail, and all as if the driver were another: it is.
        if let Some((_, error)) = silent.iter().find(|(_, error)| gpus.is_empty() && is_stale(error)) {
            return Err(failure("reach any GPU", error));
        }
        add_absent(&mut gpus, silent, &self.known, count);
        self.facts.end();
        gpus.sort_by_key(|gpu| gpu.index);
        for gpu in &mut gpus {
            gpu.xids = self.known.get(&gpu.uuid).and_then(|known| known.xids.so_far());
        }
        let mig_parent = |mig: &str| {
            let uuid = nvml.device_by_uuid(mig).ok()?.mig_parent_device().ok()?.uuid().ok()?;
            Some(GpuUuid(uuid))
        };
        self.visible.limit(&mut gpus, &mig_parent);
        for gpu in &mut gpus {
            gpu.driver_version.clone_from(&driver);
        }
        self.library.works();
        Ok(gpus)
    }
}

/// A GPU's handle and UUID, asked for anew each time: this is where a GPU that fell off the bus shows.
fn named(nvml: &Nvml, index: u32) -> Result<(Device<'_>, GpuUuid), NvmlError> {
    let device = nvml.device_by_index(index)?;
    let uuid = device.uuid()?;
    Ok((device, GpuUuid(uuid)))
}

/// Adds the GPUs that did not answer, each in its place: those whose place fails (`silent`), and those that have left
/// the list.
fn add_absent(gpus: &mut Vec<Gpu>, silent: Vec<(u32, NvmlError)>, known: &HashMap<GpuUuid, Known>, count: u32) {
    let mut missing: Vec<&Known> = known
        .values()
        .filter(|known| !gpus.iter().any(|gpu| gpu.uuid == known.uuid))
        .collect();
    missing.sort_by_key(|known| known.index);
    // Whoever stood in a silent place before stands there now. Only then is anybody's guess as good as another's.
    let (settled, open): (Vec<_>, Vec<_>) = silent
        .into_iter()
        .partition(|(index, _)| missing.iter().any(|known| known.index == *index));
    let mut place = |index: u32, health: Health, known: Option<&Known>| {
        let uuid = known.map_or_else(|| format!("{UNKNOWN_UUID}{index}"), |known| known.uuid.0.clone());
        let mut gpu = Gpu::new(index, uuid, Vendor::Nvidia);
        gpu.health = health;
        if let Some(known) = known {
            known.fixed.fill(&mut gpu);
        }
        gpus.push(gpu);
    };
    for (index, error) in settled {
        if let Some(at) = missing.iter().position(|known| known.index == index) {
            place(index, health_of(&error), Some(missing.remove(at)));
        }
    }
    for (index, error) in open {
        let known = (!missing.is_empty()).then(|| missing.remove(0));
        place(index, health_of(&error), known);
    }
    // The list has become shorter. Their places may be others' now: they go behind all that are there, so that no index
    // is used twice, and keep the order that they had.
    for (offset, known) in missing.into_iter().enumerate() {
        let message = "the driver does not list it any more".to_owned();
        place(count + offset as u32, Health::Lost { message }, Some(known));
    }
}

impl GpuSource for NvmlSource {
    fn name(&self) -> &str {
        if self.may_be_absent { "auto" } else { "nvml" }
    }

    fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
        let mut reloaded = false;
        let (source, gpus) = loop {
            match self.read(now) {
                Ok(gpus) => break ("nvml", gpus),
                Err(Failure::Stale(error)) => {
                    self.library.discard(&error, now.mono);
                    // What was fixed may have changed with the driver.
                    self.known.values_mut().for_each(|known| {
                        known.fixed.expire();
                        known.xids.expire();
                    });
                    // Once at once, for a driver that was exchanged while we slept; then with growing pauses.
                    if std::mem::replace(&mut reloaded, true) {
                        return Err(error);
                    }
                }
                Err(Failure::Other(SourceError::NoDriver { .. })) if self.may_be_absent && self.known.is_empty() => {
                    break ("none", Vec::new());
                }
                Err(Failure::Other(error)) => return Err(error),
            }
        };
        Ok(Snapshot {
            taken_at: now.wall,
            mono: now.mono,
            source: source.to_owned(),
            gpus,
        })
    }
}
