//! A host folder, an executor, and attempts in a temporary folder.
use std::{
    collections::BTreeMap,
    fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use gpuyard_core::model::{
    Amount, AttemptSpec, Bytes, Claim, ConfigKey, ExitRecord, GpuRef, GpuUuid, Lease, Mode, Outcome, QueueId, RunId,
    Seconds, StartRecord, TaskId, UniId,
};
use gpuyard_exec::{
    attempt, clock,
    executor::{AttemptEvent, Executor, LocalExecutor},
    host::HostFolder,
    identity,
    kill::Target,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::Signal;
use tempfile::TempDir;

/// Longer than anything here takes; a machine that is busy may be slow.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Yard {
    pub(crate) host: HostFolder,
    pub(crate) executor: LocalExecutor,
    pub(crate) dir: TempDir,
    /// Told and not yet asked for.
    events: Vec<AttemptEvent>,
    attempts: u32,
}

/// The program of `examples/exec-run-task.rs`, built beside the tests.
pub(crate) fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples/exec-run-task")
}

/// Waits for a value.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = look() {
            return value;
        }
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        // A pause between two looks, not a wait for a fixed time.
        let _ = poll(&mut [], PollTimeout::from(5u8));
    }
}

/// Waits for a condition.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    wait_for(what, || holds().then_some(()));
}

/// Whether this pid is a living process (a zombie is not).
pub(crate) fn alive(pid: i32) -> bool {
    state(pid).is_some_and(|state| state != 'Z')
}

/// The letter of a process's state.
pub(crate) fn state(pid: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

pub(crate) fn kill(pid: i32, signal: Signal) {
    let ticks = identity::start_ticks(pid).expect("a process to signal");
    Target::open(pid, ticks)
        .unwrap()
        .expect("a process to signal")
        .send(signal)
        .unwrap();
}

impl Yard {
    pub(crate) fn new() -> Yard {
        gpuyard_exec::become_subreaper().unwrap();
        Yard::without_reaping()
    }

    /// In a process that is not a reaper: orphans become init's.
    pub(crate) fn without_reaping() -> Yard {
        let dir = TempDir::new().unwrap();
        let host = HostFolder::open(Some(dir.path().join("host"))).unwrap();
        let executor = LocalExecutor::new(host.clone(), program()).unwrap();
        Yard {
            host,
            executor,
            dir,
            events: Vec::new(),
            attempts: 0,
        }
    }

    /// What a new scheduler has: an executor that knows nothing.
    pub(crate) fn new_executor(&mut self) {
        self.executor = LocalExecutor::new(self.host.clone(), program()).unwrap();
    }

    pub(crate) fn folder(&self, id: &UniId) -> PathBuf {
        self.dir.path().join("tasks").join(id.as_str())
    }

    pub(crate) fn log_path(&self, id: &UniId) -> PathBuf {
        self.folder(id).join("output.log")
    }

    /// A file of the attempts' own, in their work folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// An attempt with these commands on GPU 0.
    pub(crate) fn spec(&mut self, commands: &[&str]) -> AttemptSpec {
        self.attempts += 1;
        // Unique on the host, as ids have to be: processes are found by them.
        let id = UniId(format!("t{}-{}-{}", std::process::id(), clock::mono().0, self.attempts));
        AttemptSpec {
            version: 1,
            run_id: RunId("run".into()),
            task_id: TaskId(format!("task-{}", self.attempts)),
            config: Some(ConfigKey {
                mode: Mode::Single,
                index: 2,
            }),
            queue: Some(QueueId(7)),
            process_index: 3,
            attempt: 1,
            node: identity::node(),
            owner: identity::owner(),
            gpus: vec![GpuRef {
                index: 0,
                uuid: GpuUuid("GPU-0".into()),
            }],
            memory: Bytes::GIB,
            commands: commands.iter().map(|c| (*c).to_owned()).collect(),
            work_dir: self.dir.path().to_owned(),
            conda_sh: None,
            environment: BTreeMap::new(),
            unset: Vec::new(),
            hide_from_path: Vec::new(),
            log_path: self.log_path(&id),
            task_timeout: None,
            stop_grace: Seconds(20.0),
            terminal: false,
            first_command: 0,
            uni_id: id,
        }
    }

    pub(crate) fn lease(&self, spec: &AttemptSpec, whole: bool) -> Lease {
        let memory = spec.memory;
        let amount = if whole {
            Amount::Whole { memory }
        } else {
            Amount::Memory { memory }
        };
        Lease {
            version: 1,
            uni_id: spec.uni_id.clone(),
            run_id: spec.run_id.clone(),
            task_id: spec.task_id.clone(),
            config: spec.config,
            root: self.dir.path().display().to_string(),
            node: spec.node.clone(),
            owner: spec.owner.clone(),
            space: identity::pid_space(),
            claims: spec
                .gpus
                .iter()
                .map(|g| Claim {
                    gpu: g.uuid.clone(),
                    index: g.index,
                    amount,
                })
                .collect(),
            taken_at: clock::now().wall,
        }
    }

    /// Takes a lease and launches.
    pub(crate) fn launch(&mut self, spec: &AttemptSpec) -> UniId {
        let taken = self.host.take(&self.lease(spec, true), &[]).unwrap();
        self.executor.launch(spec, &self.folder(&spec.uni_id), taken).unwrap();
        spec.uni_id.clone()
    }

    /// Launches an attempt with these commands.
    pub(crate) fn start(&mut self, commands: &[&str]) -> UniId {
        let spec = self.spec(commands);
        self.launch(&spec)
    }

    /// Runs an attempt with these commands to its end.
    pub(crate) fn run(&mut self, commands: &[&str]) -> (UniId, ExitRecord) {
        let id = self.start(commands);
        let record = self.ended(&id);
        (id, record)
    }

    /// Waits for an event, and for nothing but descriptor and deadline of the executor.
    pub(crate) fn event(&mut self, what: &str, mut wanted: impl FnMut(&AttemptEvent) -> bool) -> AttemptEvent {
        let start = Instant::now();
        loop {
            if let Some(at) = self.events.iter().position(&mut wanted) {
                return self.events.remove(at);
            }
            let left = DEADLINE
                .checked_sub(start.elapsed())
                .unwrap_or_else(|| panic!("no event: {what}"));
            let due = self
                .executor
                .next_deadline()
                .map(|at| Duration::from_millis(at.since(clock::mono())));
            let wait = due.map_or(left, |due| due.min(left));
            let timeout = PollTimeout::try_from(wait.as_millis() as i32).unwrap();
            poll(&mut [PollFd::new(self.executor.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
            let events = self.executor.events(clock::now());
            self.events.extend(events);
        }
    }

    /// Waits for an attempt's end.
    pub(crate) fn ended(&mut self, id: &UniId) -> ExitRecord {
        let event = self.event(
            "ended",
            |e| matches!(e, AttemptEvent::Ended { uni_id, .. } if uni_id == id),
        );
        let AttemptEvent::Ended { record, .. } = event else {
            unreachable!()
        };
        // What was told is on disk, and the GPUs are free.
        assert_eq!(attempt::read_exit(&self.folder(id)).unwrap().as_ref(), Some(&record));
        assert!(!self.has_lease(id), "the lease of {id} is left behind");
        record
    }

    pub(crate) fn has_lease(&self, id: &UniId) -> bool {
        self.host.leases().unwrap().iter().any(|held| &held.lease.uni_id == id)
    }

    /// What the runner says of the command at work.
    pub(crate) fn started(&self, id: &UniId) -> StartRecord {
        wait_for("a start record", || {
            attempt::read_start(&self.folder(id)).ok().flatten()
        })
    }

    pub(crate) fn log(&self, id: &UniId) -> Vec<u8> {
        fs::read(self.log_path(id)).unwrap_or_default()
    }

    /// The log's lines that are not the runner's.
    pub(crate) fn output(&self, id: &UniId) -> String {
        let log = String::from_utf8_lossy(&self.log(id)).into_owned();
        log.split_inclusive('\n')
            .filter(|line| !line.starts_with(gpuyard_exec::runner::MARK))
            .collect()
    }

    /// Waits until this file has a whole line, and reads it as a pid.
    pub(crate) fn pid_in(&self, name: &str) -> i32 {
        let path = self.file(name);
        wait_for(name, || {
            fs::read_to_string(&path).ok()?.strip_suffix('\n')?.trim().parse().ok()
        })
    }

    /// The pid that [`WITHOUT_FIRST_THREAD`] has, once its first thread has ended.
    pub(crate) fn without_first_thread(&self) -> i32 {
        let pid = self.pid_in("ready");
        wait_until("its first thread has ended", || state(pid) == Some('Z'));
        pid
    }

    pub(crate) fn lines(&self, name: &str) -> usize {
        fs::read_to_string(self.file(name)).unwrap_or_default().lines().count()
    }
}

/// The code of an attempt that exited.
pub(crate) fn code(record: &ExitRecord) -> i32 {
    match record.outcome {
        Outcome::Exited { code } => code,
        ref other => panic!("not exited: {other:?}"),
    }
}

/// Children of this process that are zombies.
pub(crate) fn zombies_of(pid: i32) -> usize {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children
        .split_whitespace()
        .filter(|child| state(child.parse().unwrap()) == Some('Z'))
        .count()
}

/// Where the attempt's commands find python; `None` says loudly that the test is skipped.
pub(crate) fn python() -> Option<&'static str> {
    let there = Path::new("/usr/bin/python3").exists();
    if !there {
        eprintln!("SKIPPED: no /usr/bin/python3");
    }
    there.then_some("/usr/bin/python3")
}

/// Python for: no file is kept open, the first thread ends, and another one goes on until something is written to `go`, or for
/// five minutes. It writes its pid to `ready`; what is left of the first thread then is a zombie soon.
pub(crate) const WITHOUT_FIRST_THREAD: &str = "import ctypes, os, signal, threading
signal.alarm(300)
os.mkfifo('go')
os.closerange(3, 4096)
def work():
    open('go').read()
    os._exit(11)
threading.Thread(target=work).start()
open('ready', 'w').write(str(os.getpid()) + '\\n')
ctypes.CDLL(None).syscall({'x86_64': 60}.get(os.uname().machine, 93), 0)";

impl Drop for Yard {
    /// Some tests leave a fallen lease behind, and its cgroup with it.
    fn drop(&mut self) {
        let _ = self.host.clear_fallen();
    }
}
