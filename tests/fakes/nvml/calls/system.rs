//! The library itself, and the machine.
use std::ffi::{CStr, c_char, c_int, c_uint};

use super::{put, put_text};
use crate::driver;

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInit_v2() -> c_int {
    driver::init("nvmlInit_v2")
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlInitWithFlags(_flags: c_uint) -> c_int {
    driver::init("nvmlInitWithFlags")
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlShutdown() -> c_int {
    driver::shutdown()
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlErrorString(code: c_int) -> *const c_char {
    let text: &'static CStr = match code {
        0 => c"Success",
        1 => c"Uninitialized",
        2 => c"Invalid Argument",
        3 => c"Not Supported",
        4 => c"Insufficient Permissions",
        6 => c"Not Found",
        7 => c"Insufficient Size",
        9 => c"Driver Not Loaded",
        10 => c"Timeout",
        13 => c"Function Not Found",
        15 => c"GPU is lost",
        16 => c"GPU requires reset",
        18 => c"Driver/library version mismatch",
        25 => c"Argument version mismatch",
        28 => c"GPU not found",
        _ => c"Unknown Error",
    };
    text.as_ptr()
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetDriverVersion(version: *mut c_char, length: c_uint) -> c_int {
    driver::machine("nvmlSystemGetDriverVersion", |state| {
        put_text(version, length, &state.driver_version)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetNVMLVersion(version: *mut c_char, length: c_uint) -> c_int {
    driver::machine("nvmlSystemGetNVMLVersion", |state| {
        put_text(version, length, &format!("12.{}", state.driver_version))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetCudaDriverVersion(version: *mut c_int) -> c_int {
    driver::machine("nvmlSystemGetCudaDriverVersion", |_| put(version, 12040))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlSystemGetCudaDriverVersion_v2(version: *mut c_int) -> c_int {
    driver::machine("nvmlSystemGetCudaDriverVersion_v2", |_| put(version, 12040))
}

#[unsafe(no_mangle)]
pub extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> c_int {
    driver::machine("nvmlDeviceGetCount_v2", |state| put(count, state.gpus.len() as c_uint))
}
