//! Events: a set of GPUs is watched, and a wait blocks until one has an Xid, each delivered once.
use std::{
    ffi::{c_int, c_uint, c_ulonglong, c_void},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::put;
use crate::{
    Answer,
    driver::{self, Handle},
};

/// nvmlEventTypeXidCriticalError.
const XID: c_ulonglong = 8;

#[repr(C)]
pub struct EventData {
    device: Handle,
    event_type: c_ulonglong,
    event_data: c_ulonglong,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// Sets by number; set n is entry n − 1. A handle is a number, kept as one so that it may cross threads.
static SETS: Mutex<Vec<Vec<usize>>> = Mutex::new(Vec::new());

fn in_set<T>(set: *mut c_void, act: impl FnOnce(&mut Vec<usize>) -> T) -> Result<T, Answer> {
    let mut sets = SETS.lock().unwrap_or_else(PoisonError::into_inner);
    let gpus = (set as usize)
        .checked_sub(1)
        .and_then(|at| sets.get_mut(at))
        .ok_or(Answer::InvalidArgument)?;
    Ok(act(gpus))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetCreate(set: *mut *mut c_void) -> c_int {
    driver::machine("nvmlEventSetCreate", |_| {
        let mut sets = SETS.lock().unwrap_or_else(PoisonError::into_inner);
        sets.push(Vec::new());
        put(set, sets.len() as *mut c_void)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetSupportedEventTypes(device: Handle, types: *mut c_ulonglong) -> c_int {
    driver::device("nvmlDeviceGetSupportedEventTypes", device, |_, _, _| put(types, XID))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceRegisterEvents(device: Handle, types: c_ulonglong, set: *mut c_void) -> c_int {
    driver::device("nvmlDeviceRegisterEvents", device, |_, _, _| match types & !XID {
        0 => in_set(set, |gpus| gpus.push(device as usize)),
        _ => Err(Answer::NotSupported),
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetWait_v2(set: *mut c_void, data: *mut EventData, timeout_ms: c_uint) -> c_int {
    let wait = || {
        let gpus: Vec<Handle> = in_set(set, |gpus| gpus.clone())?
            .into_iter()
            .map(|gpu| gpu as Handle)
            .collect();
        let timeout = Duration::from_millis(timeout_ms.into());
        let (device, xid) = driver::wait_for_xid("nvmlEventSetWait_v2", &gpus, timeout)?;
        let none = c_uint::MAX;
        put(
            data,
            EventData {
                device,
                event_type: XID,
                event_data: xid,
                gpu_instance: none,
                compute_instance: none,
            },
        )
    };
    wait().err().unwrap_or(Answer::Success) as c_int
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlEventSetFree(set: *mut c_void) -> c_int {
    in_set(set, |gpus| gpus.clear()).err().unwrap_or(Answer::Success) as c_int
}
