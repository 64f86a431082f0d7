//! One GPU: its handle, what it is, and its figures.
use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong};

use super::{put, put_text};
use crate::{
    Answer, Clocks, Gpu,
    driver::{self, Handle},
};

/// NVML_STRUCT_VERSION(Memory, 2).
const MEMORY_V2: c_uint = size_of::<MemoryV2>() as c_uint | (2 << 24);

#[repr(C)]
pub struct MemoryV1 {
    total: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[repr(C)]
pub struct MemoryV2 {
    version: c_uint,
    total: c_ulonglong,
    reserved: c_ulonglong,
    free: c_ulonglong,
    used: c_ulonglong,
}

#[repr(C)]
pub struct Rates {
    gpu: c_uint,
    memory: c_uint,
}

#[repr(C)]
pub struct PciInfo {
    bus_id_legacy: [c_char; 16],
    domain: c_uint,
    bus: c_uint,
    device: c_uint,
    pci_device_id: c_uint,
    pci_sub_system_id: c_uint,
    bus_id: [c_char; 32],
}

fn told(handle: *mut Handle, found: Result<Handle, Answer>) -> c_int {
    found
        .and_then(|found| put(handle, found))
        .err()
        .unwrap_or(Answer::Success) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, handle: *mut Handle) -> c_int {
    told(
        handle,
        driver::handle("nvmlDeviceGetHandleByIndex_v2", |state| state.gpus.get(index as usize)),
    )
}

/// # Safety
/// `text` is null or a C string.
unsafe fn lookup(function: &str, text: *const c_char, handle: *mut Handle, same: impl Fn(&Gpu, &str) -> bool) -> c_int {
    if text.is_null() {
        return Answer::InvalidArgument as c_int;
    }
    // SAFETY: not null, so a C string by this function's contract; it is read before the caller gets control back.
    let text = unsafe { CStr::from_ptr(text) }.to_string_lossy();
    match driver::handle(function, |state| state.gpus.iter().find(|gpu| same(gpu, &text))) {
        Err(Answer::InvalidArgument) => Answer::NotFound as c_int,
        found => told(handle, found),
    }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByUUID(uuid: *const c_char, handle: *mut Handle) -> c_int {
    // SAFETY: a C string by nvml.h.
    unsafe { lookup("nvmlDeviceGetHandleByUUID", uuid, handle, |gpu, text| gpu.uuid == text) }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetHandleByPciBusId_v2(bus_id: *const c_char, handle: *mut Handle) -> c_int {
    // SAFETY: a C string by nvml.h.
    unsafe {
        lookup("nvmlDeviceGetHandleByPciBusId_v2", bus_id, handle, |gpu, text| {
            long_bus_id(gpu) == text
        })
    }
}

fn long_bus_id(gpu: &Gpu) -> String {
    format!("{:08X}:{:02X}:00.0", 0, gpu.bus)
}

macro_rules! number {
    ($($function:ident => |$gpu:ident, $index:ident| $value:expr;)+) => {
        $(
            #[unsafe(no_mangle)]
            pub extern "C" fn $function(device: Handle, value: *mut c_uint) -> c_int {
                driver::device(stringify!($function), device, |$gpu, $index, _| {
                    let _ = ($gpu, $index);
                    put(value, $value as c_uint)
                })
            }
        )+
    };
}

number! {
    nvmlDeviceGetIndex => |gpu, index| index;
    nvmlDeviceGetMinorNumber => |gpu, index| index;
    nvmlDeviceGetPowerUsage => |gpu, index| gpu.power_usage;
    nvmlDeviceGetPowerManagementLimit => |gpu, index| gpu.power_limit;
    nvmlDeviceGetEnforcedPowerLimit => |gpu, index| gpu.power_limit;
    nvmlDeviceGetNumFans => |gpu, index| gpu.fans.len();
    nvmlDeviceGetCurrPcieLinkGeneration => |gpu, index| 4;
    nvmlDeviceGetCurrPcieLinkWidth => |gpu, index| 16;
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetName(device: Handle, name: *mut c_char, length: c_uint) -> c_int {
    driver::device("nvmlDeviceGetName", device, |gpu, _, _| {
        put_text(name, length, &gpu.name)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUUID(device: Handle, uuid: *mut c_char, length: c_uint) -> c_int {
    driver::device("nvmlDeviceGetUUID", device, |gpu, _, _| {
        put_text(uuid, length, &gpu.uuid)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetPciInfo_v3(device: Handle, pci: *mut PciInfo) -> c_int {
    driver::device("nvmlDeviceGetPciInfo_v3", device, |gpu, _, _| {
        let mut info = PciInfo {
            bus_id_legacy: [0; 16],
            domain: 0,
            bus: gpu.bus,
            device: 0,
            pci_device_id: 0x2230_10de,
            pci_sub_system_id: 0,
            bus_id: [0; 32],
        };
        put_text(
            info.bus_id_legacy.as_mut_ptr(),
            16,
            &format!("0000:{:02X}:00.0", gpu.bus),
        )?;
        put_text(info.bus_id.as_mut_ptr(), 32, &long_bus_id(gpu))?;
        put(pci, info)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMemoryInfo(device: Handle, memory: *mut MemoryV1) -> c_int {
    driver::device("nvmlDeviceGetMemoryInfo", device, |gpu, _, _| {
        // The first version knows no reserve, and counts it as used.
        let used = gpu.memory.used + gpu.memory.reserved;
        put(
            memory,
            MemoryV1 {
                total: gpu.memory.total,
                free: gpu.memory.total - used,
                used,
            },
        )
    })
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Handle, memory: *mut MemoryV2) -> c_int {
    driver::device("nvmlDeviceGetMemoryInfo_v2", device, |gpu, _, _| {
        if memory.is_null() {
            return Err(Answer::InvalidArgument);
        }
        // SAFETY: not null, so a struct by nvml.h, whose version the caller has set; the other fields are not read.
        if unsafe { (&raw const (*memory).version).read_unaligned() } != MEMORY_V2 {
            return Err(Answer::ArgumentVersionMismatch);
        }
        let crate::Memory { total, reserved, used } = gpu.memory;
        put(
            memory,
            MemoryV2 {
                version: MEMORY_V2,
                total,
                reserved,
                free: total - reserved - used,
                used,
            },
        )
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetUtilizationRates(device: Handle, rates: *mut Rates) -> c_int {
    driver::device("nvmlDeviceGetUtilizationRates", device, |gpu, _, _| {
        put(
            rates,
            Rates {
                gpu: gpu.utilization.gpu,
                memory: gpu.utilization.memory,
            },
        )
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTemperature(device: Handle, _sensor: c_uint, degrees: *mut c_uint) -> c_int {
    driver::device("nvmlDeviceGetTemperature", device, |gpu, _, _| {
        put(degrees, gpu.temperature)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetFanSpeed(device: Handle, speed: *mut c_uint) -> c_int {
    driver::device("nvmlDeviceGetFanSpeed", device, |gpu, _, _| {
        put(speed, *gpu.fans.first().ok_or(Answer::NotSupported)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetFanSpeed_v2(device: Handle, fan: c_uint, speed: *mut c_uint) -> c_int {
    driver::device("nvmlDeviceGetFanSpeed_v2", device, |gpu, _, _| {
        put(speed, *gpu.fans.get(fan as usize).ok_or(Answer::InvalidArgument)?)
    })
}

fn clock(clocks: &Clocks, kind: c_uint) -> Result<c_uint, Answer> {
    match kind {
        0 => Ok(clocks.graphics),
        1 => Ok(clocks.sm),
        2 => Ok(clocks.memory),
        3 => Ok(clocks.video),
        _ => Err(Answer::InvalidArgument),
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetClockInfo(device: Handle, kind: c_uint, mhz: *mut c_uint) -> c_int {
    driver::device("nvmlDeviceGetClockInfo", device, |gpu, _, _| {
        put(mhz, clock(&gpu.clocks, kind)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetMaxClockInfo(device: Handle, kind: c_uint, mhz: *mut c_uint) -> c_int {
    driver::device("nvmlDeviceGetMaxClockInfo", device, |gpu, _, _| {
        put(mhz, clock(&gpu.max_clocks, kind)?)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetTotalEccErrors(
    device: Handle,
    kind: c_uint,
    _counter: c_uint,
    errors: *mut c_ulonglong,
) -> c_int {
    // Kind 1: uncorrected.
    driver::device("nvmlDeviceGetTotalEccErrors", device, |gpu, _, _| {
        put(errors, if kind == 1 { gpu.ecc_uncorrected } else { 0 })
    })
}
