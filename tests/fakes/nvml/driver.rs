//! The driver behind the calls: the state as the file says now, and what a library remembers between calls.
use std::{
    collections::BTreeMap,
    env,
    ffi::{CStr, OsStr, c_void},
    fs, mem,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    thread,
    time::Duration,
};

use crate::{Answer, Gpu, STATE_FILE, State};

/// A device handle: a number above 0 that stands for a UUID, whatever its index becomes.
pub(crate) type Handle = *mut c_void;

/// Between two looks of a call that hangs or waits.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Default)]
pub(crate) struct Memory {
    /// Inode, modification time and size of the file that `state` was read from.
    stamp: Option<(u64, i64, i64, u64)>,
    state: Option<Arc<State>>,
    /// How often the library was initialised and not shut down.
    initialised: u32,
    /// The driver that this library belongs to: the one it was first initialised with.
    belongs_to: Option<String>,
    /// Handles given out; handle n is entry n − 1.
    handles: Vec<String>,
    /// Calls about each GPU.
    calls: BTreeMap<String, u64>,
    /// Xids delivered of each GPU.
    pub(crate) delivered: BTreeMap<String, usize>,
}

static MEMORY: Mutex<Memory> = Mutex::new(Memory {
    stamp: None,
    state: None,
    initialised: 0,
    belongs_to: None,
    handles: Vec::new(),
    calls: BTreeMap::new(),
    delivered: BTreeMap::new(),
});

fn memory() -> MutexGuard<'static, Memory> {
    MEMORY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `FAKE_NVML_STATE`, or the file beside this library.
fn state_path() -> Option<PathBuf> {
    if let Some(path) = env::var_os("FAKE_NVML_STATE") {
        return Some(path.into());
    }
    // SAFETY: a struct of pointers and integers, of which all zeroes is a value.
    let mut info: libc::Dl_info = unsafe { mem::zeroed() };
    let own_function: fn() -> Option<PathBuf> = state_path;
    // SAFETY: the address is one of this library's own functions, and `info` is a whole struct that outlives the call.
    let found = unsafe { libc::dladdr(own_function as *const c_void, &mut info) };
    if found == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the loader keeps the name, a C string, for as long as this library is loaded, which it is while this
    // runs.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(
        PathBuf::from(OsStr::from_bytes(name.to_bytes()))
            .parent()?
            .join(STATE_FILE),
    )
}

/// `FAKE_NVML_STILL`: the machine does not change, so that a bench does not measure looks at the file.
fn is_still() -> bool {
    static STILL: OnceLock<bool> = OnceLock::new();
    *STILL.get_or_init(|| env::var_os("FAKE_NVML_STILL").is_some())
}

impl Memory {
    /// Reads the file again if it is another.
    fn follow(&mut self) {
        if self.state.is_some() && is_still() {
            return;
        }
        let read = || -> Option<_> {
            let path = state_path()?;
            let meta = fs::metadata(&path).ok()?;
            Some((path, (meta.ino(), meta.mtime(), meta.mtime_nsec(), meta.size())))
        };
        let Some((path, stamp)) = read() else {
            (self.stamp, self.state) = (None, None);
            return;
        };
        if self.stamp != Some(stamp) {
            let text = fs::read(&path).unwrap_or_default();
            self.state = serde_json::from_slice::<State>(&text)
                .map(Arc::new)
                .inspect_err(|error| eprintln!("fake NVML: {}: {error}", path.display()))
                .ok();
            self.stamp = Some(stamp);
        }
    }

    /// The state, where the library is initialised and belongs to the driver.
    fn driver(&mut self, function: &str) -> Result<&Arc<State>, Answer> {
        self.follow();
        if self.initialised == 0 {
            return Err(Answer::Uninitialized);
        }
        let state = self.state.as_ref().ok_or(Answer::DriverNotLoaded)?;
        if self.belongs_to.as_ref() != Some(&state.driver_version) {
            return Err(state.upgraded);
        }
        match state.errors.get(function) {
            Some(error) => Err(*error),
            None => Ok(state),
        }
    }
}

/// Does not return while the state says that `function` hangs. Holds no lock meanwhile: other functions answer.
fn hang(function: &str) -> MutexGuard<'static, Memory> {
    loop {
        let mut memory = memory();
        memory.follow();
        if memory.state.as_ref().is_none_or(|state| !state.hang.contains(function)) {
            return memory;
        }
        drop(memory);
        thread::sleep(LOOK);
    }
}

fn told(result: Result<(), Answer>) -> i32 {
    result.err().unwrap_or(Answer::Success) as i32
}

/// `nvmlInit…`.
pub(crate) fn init(function: &str) -> i32 {
    let mut memory = hang(function);
    told((|| {
        let state = memory.state.as_ref().ok_or(Answer::DriverNotLoaded)?;
        if let Some(error) = state.errors.get(function) {
            return Err(*error);
        }
        let (version, upgraded) = (state.driver_version.clone(), state.upgraded);
        if *memory.belongs_to.get_or_insert_with(|| version.clone()) != version {
            return Err(upgraded);
        }
        memory.initialised += 1;
        Ok(())
    })())
}

/// `nvmlShutdown`.
pub(crate) fn shutdown() -> i32 {
    let mut memory = memory();
    match memory.initialised {
        0 => Answer::Uninitialized as i32,
        count => {
            memory.initialised = count - 1;
            Answer::Success as i32
        }
    }
}

/// A call about the machine.
pub(crate) fn machine(function: &str, answer: impl FnOnce(&State) -> Result<(), Answer>) -> i32 {
    let mut memory = hang(function);
    told(memory.driver(function).and_then(|state| answer(state)))
}

/// Looks a GPU up and gives its handle.
pub(crate) fn handle(function: &str, find: impl FnOnce(&State) -> Option<&Gpu>) -> Result<Handle, Answer> {
    let mut memory = hang(function);
    let gpu = find(memory.driver(function)?).ok_or(Answer::InvalidArgument)?.clone();
    memory.about(&gpu, function)?;
    let number = match memory.handles.iter().position(|uuid| *uuid == gpu.uuid) {
        Some(at) => at,
        None => {
            memory.handles.push(gpu.uuid);
            memory.handles.len() - 1
        }
    };
    Ok((number + 1) as Handle)
}

impl Memory {
    /// Counts a call about a GPU, and answers in its stead where it is lost, or fails at this.
    fn about(&mut self, gpu: &Gpu, function: &str) -> Result<(), Answer> {
        if !self.calls.contains_key(&gpu.uuid) {
            self.calls.insert(gpu.uuid.clone(), 0);
        }
        let calls = self.calls.get_mut(&gpu.uuid).ok_or(Answer::InvalidArgument)?;
        *calls += 1;
        if gpu.lost || gpu.fall_off_after.is_some_and(|after| *calls > after) {
            return Err(Answer::GpuIsLost);
        }
        gpu.errors.get(function).map_or(Ok(()), |error| Err(*error))
    }
}

/// A call about a GPU; `answer` gets the GPU, its index, and the whole state.
pub(crate) fn device(
    function: &str,
    handle: Handle,
    answer: impl FnOnce(&Gpu, usize, &State) -> Result<(), Answer>,
) -> i32 {
    let mut memory = hang(function);
    told((|| {
        let state = Arc::clone(memory.driver(function)?);
        let uuid = (handle as usize)
            .checked_sub(1)
            .and_then(|at| memory.handles.get(at))
            .ok_or(Answer::InvalidArgument)?;
        let index = state
            .gpus
            .iter()
            .position(|gpu| gpu.uuid == *uuid)
            .ok_or(Answer::GpuIsLost)?;
        let gpu = &state.gpus[index];
        memory.about(gpu, function)?;
        answer(gpu, index, &state)
    })())
}

/// Waits for an Xid of one of `gpus` that was not delivered yet, at most `timeout`.
pub(crate) fn wait_for_xid(function: &str, gpus: &[Handle], timeout: Duration) -> Result<(Handle, u64), Answer> {
    let mut waited = Duration::ZERO;
    loop {
        let mut memory = hang(function);
        let state = Arc::clone(memory.driver(function)?);
        for handle in gpus {
            let Some(uuid) = (*handle as usize)
                .checked_sub(1)
                .and_then(|at| memory.handles.get(at))
                .cloned()
            else {
                continue;
            };
            let Some(gpu) = state.gpus.iter().find(|gpu| gpu.uuid == uuid) else {
                continue;
            };
            let delivered = memory.delivered.entry(uuid).or_insert(0);
            if let Some(xid) = gpu.xids.get(*delivered) {
                *delivered += 1;
                return Ok((*handle, *xid));
            }
        }
        drop(memory);
        if waited >= timeout {
            return Err(Answer::Timeout);
        }
        thread::sleep(LOOK);
        waited += LOOK;
    }
}
