//! The library behaves as NVIDIA's does where programs notice: events, losses, unloading, missing functions.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::missing_transmute_annotations
)]
use std::{
    ffi::{CStr, CString, c_char, c_int, c_uint, c_void},
    fs,
    path::Path,
    time::Instant,
};

use fake_nvml::{Answer, STATE_FILE, State, install};
use tempfile::TempDir;

/// The library as C sees it.
struct Library(*mut c_void);

impl Library {
    fn open(path: &Path) -> Library {
        let path = CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: a C string that outlives the call; our library runs no code when it is loaded.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_NOW) };
        assert!(!handle.is_null());
        Library(handle)
    }

    fn symbol(&self, name: &CStr) -> *mut c_void {
        // SAFETY: an open handle and a C string.
        unsafe { libc::dlsym(self.0, name.as_ptr()) }
    }

    fn init(&self) -> c_int {
        // SAFETY: the function of this name has this signature.
        let call: extern "C" fn() -> c_int = unsafe { std::mem::transmute(self.symbol(c"nvmlInit_v2")) };
        call()
    }

    fn driver_version(&self) -> Result<String, c_int> {
        let mut text = [0 as c_char; 80];
        // SAFETY: the function of this name has this signature.
        let call: extern "C" fn(*mut c_char, c_uint) -> c_int =
            unsafe { std::mem::transmute(self.symbol(c"nvmlSystemGetDriverVersion")) };
        match call(text.as_mut_ptr(), 80) {
            // SAFETY: the call has written a C string into the buffer.
            0 => Ok(unsafe { CStr::from_ptr(text.as_ptr()) }.to_str().unwrap().to_owned()),
            code => Err(code),
        }
    }

    fn handle(&self, index: c_uint) -> Result<*mut c_void, c_int> {
        let mut handle = std::ptr::null_mut();
        // SAFETY: the function of this name has this signature.
        let call: extern "C" fn(c_uint, *mut *mut c_void) -> c_int =
            unsafe { std::mem::transmute(self.symbol(c"nvmlDeviceGetHandleByIndex_v2")) };
        match call(index, &mut handle) {
            0 => Ok(handle),
            code => Err(code),
        }
    }

    fn temperature(&self, handle: *mut c_void) -> Result<c_uint, c_int> {
        let mut degrees = 0;
        // SAFETY: the function of this name has this signature.
        let call: extern "C" fn(*mut c_void, c_uint, *mut c_uint) -> c_int =
            unsafe { std::mem::transmute(self.symbol(c"nvmlDeviceGetTemperature")) };
        match call(handle, 0, &mut degrees) {
            0 => Ok(degrees),
            code => Err(code),
        }
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: opened once, closed once.
        assert_eq!(unsafe { libc::dlclose(self.0) }, 0);
    }
}

struct Folder(TempDir);

impl Folder {
    fn new(state: &State, missing: &[&str]) -> (Folder, Library) {
        let folder = TempDir::new().unwrap();
        let path = install(folder.path(), missing).unwrap();
        let folder = Folder(folder);
        folder.write(state);
        (folder, Library::open(&path))
    }

    fn write(&self, state: &State) {
        state.write(&self.0.path().join(STATE_FILE)).unwrap();
    }
}

#[test]
fn copies_are_libraries_of_their_own() {
    let (_one, first) = Folder::new(&State::of(1), &[]);
    let (_two, second) = Folder::new(
        &State {
            driver_version: "1.2".into(),
            ..State::of(1)
        },
        &[],
    );
    assert_eq!(first.driver_version(), Err(Answer::Uninitialized as c_int));
    assert_eq!((first.init(), second.init()), (0, 0));
    assert_eq!(
        (first.driver_version().as_deref(), second.driver_version().as_deref()),
        (Ok("550.54.14"), Ok("1.2"))
    );
}

#[test]
fn only_a_library_that_is_loaded_anew_fits_a_new_driver() {
    let mut state = State::of(1);
    let (folder, library) = Folder::new(&state, &[]);
    assert_eq!(library.init(), 0);
    state.driver_version = "999.1".into();
    folder.write(&state);
    let mismatch = Answer::LibRmVersionMismatch as c_int;
    assert_eq!((library.driver_version(), library.init()), (Err(mismatch), mismatch));
    drop(library);
    let library = Library::open(&folder.0.path().join("libnvidia-ml.so.1"));
    assert_eq!((library.init(), library.driver_version().as_deref()), (0, Ok("999.1")));
}

#[test]
fn without_a_state_there_is_no_driver() {
    let (folder, library) = Folder::new(&State::of(1), &[]);
    fs::remove_file(folder.0.path().join(STATE_FILE)).unwrap();
    assert_eq!(library.init(), Answer::DriverNotLoaded as c_int);
}

#[test]
fn functions_can_be_missing() {
    let (_folder, library) = Folder::new(&State::of(1), &["nvmlDeviceGetMemoryInfo_v2"]);
    assert!(library.symbol(c"nvmlDeviceGetMemoryInfo_v2").is_null());
    assert!(!library.symbol(c"nvmlDeviceGetMemoryInfo").is_null());
    assert!(install(TempDir::new().unwrap().path(), &["nvmlNoSuchThing"]).is_err());
}

#[test]
fn a_gpu_falls_off_the_bus_and_stays_off() {
    let mut state = State::of(2);
    state.gpus[0].fall_off_after = Some(3);
    let (_folder, library) = Folder::new(&state, &[]);
    library.init();
    let lost = Answer::GpuIsLost as c_int;
    let (first, second) = (library.handle(0).unwrap(), library.handle(1).unwrap());
    assert_eq!(
        [(); 3].map(|()| library.temperature(first)),
        [Ok(34), Ok(34), Err(lost)]
    );
    assert_eq!((library.handle(0), library.temperature(second)), (Err(lost), Ok(34)));
}

#[test]
fn a_handle_stays_with_its_gpu_when_indices_change() {
    let mut state = State::of(2);
    state.gpus[1].temperature = 77;
    let (folder, library) = Folder::new(&state, &[]);
    library.init();
    let hot = library.handle(1).unwrap();
    state.gpus.swap(0, 1);
    folder.write(&state);
    assert_eq!((library.temperature(hot), library.handle(0)), (Ok(77), Ok(hot)));
    state.gpus.remove(0);
    folder.write(&state);
    assert_eq!(library.temperature(hot), Err(Answer::GpuIsLost as c_int));
}

#[repr(C)]
struct EventData {
    device: *mut c_void,
    kind: u64,
    data: u64,
    instances: [u32; 2],
}

#[test]
fn an_xid_is_delivered_once_and_a_wait_blocks_for_its_time_out() {
    let mut state = State::of(1);
    let (folder, library) = Folder::new(&state, &[]);
    library.init();
    let gpu = library.handle(0).unwrap();
    // SAFETY: the functions of these names have these signatures.
    let (create, register, wait): (
        extern "C" fn(*mut *mut c_void) -> c_int,
        extern "C" fn(*mut c_void, u64, *mut c_void) -> c_int,
        extern "C" fn(*mut c_void, *mut EventData, c_uint) -> c_int,
    ) = unsafe {
        (
            std::mem::transmute(library.symbol(c"nvmlEventSetCreate")),
            std::mem::transmute(library.symbol(c"nvmlDeviceRegisterEvents")),
            std::mem::transmute(library.symbol(c"nvmlEventSetWait_v2")),
        )
    };
    let mut set = std::ptr::null_mut();
    assert_eq!((create(&mut set), register(gpu, 8, set)), (0, 0));
    let mut event = EventData {
        device: std::ptr::null_mut(),
        kind: 0,
        data: 0,
        instances: [0; 2],
    };
    assert_eq!(wait(set, &mut event, 0), Answer::Timeout as c_int);
    let began = Instant::now();
    assert_eq!(wait(set, &mut event, 30), Answer::Timeout as c_int);
    assert!(began.elapsed().as_millis() >= 30, "it blocks, and does not spin");

    state.gpus[0].xids = vec![79];
    state.gpus[0].ecc_uncorrected = 1;
    folder.write(&state);
    // Long enough for any machine: it comes at once.
    assert_eq!(wait(set, &mut event, 60_000), 0);
    assert_eq!((event.device, event.kind, event.data), (gpu, 8, 79));
    assert_eq!(wait(set, &mut event, 0), Answer::Timeout as c_int, "once");
}
