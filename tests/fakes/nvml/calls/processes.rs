//! Who uses a GPU: the lists of all three versions, each with its own size of entries, and the samples of use.
use std::{
    ffi::{c_int, c_uint, c_ulonglong},
    time::{SystemTime, UNIX_EPOCH},
};

use super::put;
use crate::{
    Answer, Gpu, Process,
    driver::{self, Handle},
};

const NOT_AVAILABLE: u64 = u64::MAX;
const NO_INSTANCE: u32 = u32::MAX;

#[repr(C)]
pub struct Sample {
    pid: c_uint,
    time_stamp: c_ulonglong,
    sm: c_uint,
    memory: c_uint,
    encoder: c_uint,
    decoder: c_uint,
}

/// The pointers of a call that fills an array: how many fit, to be replaced by how many there are; and the array.
struct Array {
    count: *mut c_uint,
    entries: *mut u8,
}

impl Array {
    /// Says how many there are, and whether they may be written: not where they do not fit.
    fn claim(&self, needed: usize) -> Result<bool, Answer> {
        if self.count.is_null() {
            return Err(Answer::InvalidArgument);
        }
        // SAFETY: not null, so the caller's number by nvml.h.
        let room = unsafe { self.count.read_unaligned() } as usize;
        put(self.count, needed as c_uint)?;
        match needed {
            0 => Ok(false),
            _ if room < needed || self.entries.is_null() => Err(Answer::InsufficientSize),
            _ => Ok(true),
        }
    }

    fn field<T>(&self, at: usize, value: T) -> Result<(), Answer> {
        // SAFETY: within an entry of an array that `claim` found to be there and large enough, in entries of the size
        // that the caller was told, or, where `process_stride` is 32, that the driver we play had: writing too much is
        // its fault, and what a caller has to survive.
        put(unsafe { self.entries.add(at) }.cast::<T>(), value)
    }
}

fn list(
    function: &str,
    device: Handle,
    array: Array,
    stride: Option<usize>,
    listed: impl Fn(&Process) -> bool,
) -> c_int {
    driver::device(function, device, |gpu, _, state| {
        let stride = stride.unwrap_or(state.process_stride);
        let found: Vec<&Process> = gpu.processes.iter().filter(|process| listed(process)).collect();
        if !array.claim(found.len())? {
            return Ok(());
        }
        for (index, process) in found.into_iter().enumerate() {
            // Field by field: the padding behind the pid stays as the caller had it.
            let at = index * stride;
            array.field(at, process.pid)?;
            array.field(at + 8, process.memory.unwrap_or(NOT_AVAILABLE))?;
            if stride >= 24 {
                array.field(at + 16, NO_INSTANCE)?;
                array.field(at + 20, NO_INSTANCE)?;
            }
            if stride >= 32 {
                array.field(at + 24, 0_u64)?;
            }
        }
        Ok(())
    })
}

macro_rules! lists {
    ($($function:ident, $stride:expr, $kind:ident;)+) => {
        $(
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $function(device: Handle, count: *mut c_uint, entries: *mut u8) -> c_int {
                list(stringify!($function), device, Array { count, entries }, $stride, |process| process.$kind)
            }
        )+
    };
}

lists! {
    nvmlDeviceGetComputeRunningProcesses, Some(16), compute;
    nvmlDeviceGetComputeRunningProcesses_v2, Some(24), compute;
    nvmlDeviceGetComputeRunningProcesses_v3, None, compute;
    nvmlDeviceGetGraphicsRunningProcesses, Some(16), graphics;
    nvmlDeviceGetGraphicsRunningProcesses_v2, Some(24), graphics;
    nvmlDeviceGetGraphicsRunningProcesses_v3, None, graphics;
}

/// Samples newer than `since`: each process that has one was sampled just now.
fn samples(gpu: &Gpu, since: u64) -> Vec<Sample> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_micros() as u64);
    if since >= now {
        return Vec::new();
    }
    let sampled = gpu
        .processes
        .iter()
        .filter_map(|process| Some((process.pid, process.sm?)));
    sampled
        .map(|(pid, sm)| Sample {
            pid,
            time_stamp: now,
            sm,
            memory: sm / 2,
            encoder: 0,
            decoder: 0,
        })
        .collect()
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn nvmlDeviceGetProcessUtilization(
    device: Handle,
    entries: *mut Sample,
    count: *mut c_uint,
    last_seen: c_ulonglong,
) -> c_int {
    driver::device("nvmlDeviceGetProcessUtilization", device, |gpu, _, _| {
        let samples = samples(gpu, last_seen);
        if samples.is_empty() {
            // Not "none": this is how NVML says that nothing ran lately.
            put(count, 0)?;
            return Err(Answer::NotFound);
        }
        let array = Array {
            count,
            entries: entries.cast(),
        };
        if array.claim(samples.len())? {
            for (index, sample) in samples.into_iter().enumerate() {
                array.field(index * size_of::<Sample>(), sample)?;
            }
        }
        Ok(())
    })
}
