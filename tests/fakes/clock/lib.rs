//! A wall clock that a test can put forward and back: preloaded into a program (`LD_PRELOAD`), it answers `clock_gettime`
//! with as many seconds more or less as the file named by `GPUYARD_FAKE_CLOCK` says at that moment. All other clocks run
//! on as they are. A test that depends on this crate has the same function in it, and no such variable.
use std::{ffi::CStr, io, path::PathBuf};

use libc::{CLOCK_REALTIME, CLOCK_REALTIME_COARSE, c_int, clockid_t, timespec};

/// The variable that names the file.
pub const OFFSET_FILE: &str = "GPUYARD_FAKE_CLOCK";

/// Where cargo has put this library, beside the program that asks.
pub fn library_path() -> io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folders = own.ancestors().skip(1).take(2);
    let mut candidates =
        folders.flat_map(|folder| [folder.join("libfake_clock.so"), folder.join("deps/libfake_clock.so")]);
    let missing = || {
        io::Error::new(
            io::ErrorKind::NotFound,
            format!("no libfake_clock.so beside {}", own.display()),
        )
    };
    candidates.find(|path| path.is_file()).ok_or_else(missing)
}

/// Seconds that the file says; 0 where there is none. Nothing in here asks for memory: the program may be anywhere.
fn offset() -> i64 {
    const NAME: &CStr = c"GPUYARD_FAKE_CLOCK";
    let mut text = [0_u8; 24];
    // SAFETY: plain system calls; the name is a C string, the buffer is ours and its length is given.
    let read = unsafe {
        let path = libc::getenv(NAME.as_ptr());
        if path.is_null() {
            return 0;
        }
        let fd = libc::open(path, libc::O_RDONLY | libc::O_CLOEXEC);
        if fd < 0 {
            return 0;
        }
        let read = libc::read(fd, text.as_mut_ptr().cast(), text.len());
        libc::close(fd);
        read
    };
    let text = text.get(..usize::try_from(read).unwrap_or(0)).unwrap_or_default();
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0)
}

/// In the place of the C library's.
///
/// # Safety
///
/// As for the C library's: `time` points to a `timespec` that may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    // SAFETY: the caller's promise is the system call's.
    let done = unsafe { libc::syscall(libc::SYS_clock_gettime, clock, time) };
    if done == 0 && matches!(clock, CLOCK_REALTIME | CLOCK_REALTIME_COARSE) {
        // SAFETY: the system has just written to it.
        unsafe { (*time).tv_sec += offset() };
    }
    done as c_int
}
