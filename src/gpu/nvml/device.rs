//! One GPU's figures. What it does not support is `None`; losing it in the middle marks it lost.
use gpuyard_core::model::{Bytes, Gpu, Health, Memory, Now, Percent, Vendor};
use nvml_wrapper::{
    Device, Nvml,
    enum_wrappers::device::{Clock, TemperatureSensor},
    error::{NvmlError, nvml_sym, nvml_try},
};
use nvml_wrapper_sys::bindings::nvmlMemory_t;

use super::{Known, health_of, is_lost, processes::ProcessReader};
use crate::{facts::FactsReader, procfs::Proc};

/// NVML_ERROR_ARGUMENT_VERSION_MISMATCH: an older driver that has the symbol and not this version of its struct.
const ARGUMENT_VERSION_MISMATCH: u32 = 25;

/// What does not change while a driver is loaded, read once.
pub(super) struct Fixed {
    /// To be read again when the GPU answers; until then this is what is known of it.
    expired: bool,
    name: Option<String>,
    pci_bus_id: Option<String>,
    clock_graphics_max: Option<u32>,
    clock_memory_max: Option<u32>,
    has_fan: bool,
}

impl Fixed {
    pub(super) fn read(device: &Device<'_>) -> Fixed {
        Fixed {
            expired: false,
            name: device.name().ok(),
            pci_bus_id: device.pci_info().ok().map(|pci| pci.bus_id),
            clock_graphics_max: device.max_clock_info(Clock::Graphics).ok(),
            clock_memory_max: device.max_clock_info(Clock::Memory).ok(),
            // A driver too old to count fans may still know the speed of the first.
            has_fan: device.num_fans().map_or_else(
                |error| matches!(error, NvmlError::FailedToLoadSymbol(_)),
                |fans| fans > 0,
            ),
        }
    }

    /// The driver was loaded anew.
    pub(super) fn expire(&mut self) {
        self.expired = true;
    }

    pub(super) fn fill(&self, gpu: &mut Gpu) {
        gpu.name.clone_from(&self.name);
        gpu.pci_bus_id.clone_from(&self.pci_bus_id);
        gpu.clock_graphics_max = self.clock_graphics_max;
        gpu.clock_memory_max = self.clock_memory_max;
    }
}

/// One GPU being read.
pub(super) struct Reading<'a, 'nvml> {
    pub(super) nvml: &'nvml Nvml,
    pub(super) device: &'a Device<'nvml>,
    pub(super) proc: &'a mut Proc,
    pub(super) processes: &'a mut ProcessReader,
    pub(super) facts: &'a mut FactsReader,
    pub(super) now: Now,
}

impl Reading<'_, '_> {
    pub(super) fn gpu(self, known: &mut Known) -> Gpu {
        if known.fixed.expired {
            known.fixed = Fixed::read(self.device);
        }
        let mut gpu = Gpu::new(known.index, known.uuid.0.clone(), Vendor::Nvidia);
        known.fixed.fill(&mut gpu);
        let mut lost = None;
        self.figures(&mut gpu, known, &mut lost);
        if let Some(error) = lost {
            // Half a reading is none: the figures of before the loss say nothing about what is free.
            let mut blank = Gpu::new(known.index, known.uuid.0.clone(), Vendor::Nvidia);
            known.fixed.fill(&mut blank);
            blank.health = health_of(&error);
            return blank;
        }
        gpu
    }

    fn figures(self, gpu: &mut Gpu, known: &mut Known, lost: &mut Option<NvmlError>) {
        let Reading {
            nvml,
            device,
            proc,
            processes,
            facts,
            now,
        } = self;
        match memory(nvml, device, proc) {
            Ok((memory, is_hosts)) => (gpu.memory, gpu.shares_host_memory) = (Some(memory), is_hosts),
            Err(error) if is_lost(&error) => {
                *lost = Some(error);
                return;
            }
            Err(error) => {
                gpu.health = Health::Unreadable {
                    message: format!("its memory cannot be read: {error}"),
                };
            }
        }
        let mut value = |answer: Result<u32, NvmlError>| match answer {
            Ok(value) => Some(value),
            Err(error) => {
                if is_lost(&error) {
                    lost.get_or_insert(error);
                }
                None
            }
        };
        let milliwatts = |value: u32| value as f32 / 1000.0;
        gpu.temperature = value(device.temperature(TemperatureSensor::Gpu)).map(|degrees| degrees as f32);
        gpu.power_draw = value(device.power_usage()).map(milliwatts);
        gpu.power_limit = value(device.enforced_power_limit()).map(milliwatts);
        gpu.fan_speed = known
            .fixed
            .has_fan
            .then(|| value(device.fan_speed(0)))
            .flatten()
            .map(|speed| Percent(speed as f32));
        gpu.clock_graphics = value(device.clock_info(Clock::Graphics));
        gpu.clock_memory = value(device.clock_info(Clock::Memory));
        gpu.pcie_generation = value(device.current_pcie_link_gen());
        gpu.pcie_width = value(device.current_pcie_link_width());
        if let Ok(rates) = device.utilization_rates() {
            // Above 100 is no share of anything.
            let share = |rate: u32| (rate <= 100).then_some(Percent(rate as f32));
            gpu.utilization = share(rates.gpu);
            gpu.memory_utilization = share(rates.memory);
        }
        match processes.on(nvml, device, proc, facts) {
            Ok((mut list, hidden)) => {
                known.utilization.fill(device, &mut list, now);
                gpu.processes = Some(list);
                gpu.hidden_processes = hidden;
            }
            Err(error) => drop(value(Err(error))),
        }
    }
}

/// Memory by the second version of the call, or the first where the driver has no second; the host's where the GPU has
/// none of its own (NotSupported, or a total of 0: GB10 and its like share the host's memory), and whether it is that.
fn memory(nvml: &Nvml, device: &Device<'_>, proc: &mut Proc) -> Result<(Memory, bool), NvmlError> {
    let answer = device.memory_info().map(|info| (info.used, info.free, info.total));
    let answer = match answer {
        Err(
            NvmlError::FailedToLoadSymbol(_)
            | NvmlError::FunctionNotFound
            | NvmlError::NotSupported
            | NvmlError::UnexpectedVariant(ARGUMENT_VERSION_MISMATCH),
        ) => memory_v1(nvml, device),
        other => other,
    };
    match answer {
        Err(NvmlError::NotSupported) | Ok((_, _, 0)) => {
            let host = proc.host_memory().ok_or(NvmlError::NotSupported)?;
            let used = host.total.saturating_sub(host.available);
            let memory = Memory {
                used: Bytes(used),
                free: Bytes(host.available),
                total: Bytes(host.total),
            };
            Ok((memory, true))
        }
        Ok((used, free, total)) => {
            let memory = Memory {
                used: Bytes(used),
                free: Bytes(free),
                total: Bytes(total),
            };
            Ok((memory, false))
        }
        Err(error) => Err(error),
    }
}

fn memory_v1(nvml: &Nvml, device: &Device<'_>) -> Result<(u64, u64, u64), NvmlError> {
    let call = nvml_sym(nvml.lib().nvmlDeviceGetMemoryInfo.as_ref())?;
    let mut info = nvmlMemory_t {
        total: 0,
        free: 0,
        used: 0,
    };
    // SAFETY: the symbol was loaded from the library that `nvml` keeps open, under the name that has this signature in
    // nvml.h. The handle was given by the same library, which is borrowed for as long as the handle is. `info` is a
    // whole struct of the type that this version of the call writes, and outlives the call.
    nvml_try(unsafe { call(device.handle(), &mut info) })?;
    Ok((info.used, info.free, info.total))
}
