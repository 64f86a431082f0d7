//! A yard: a root folder, a host folder, a work folder and simulated GPUs of a test's own, and all that runs in them.
mod dice;
mod files;
mod http;
mod marks;
mod process;
mod vitals;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::{fs::MetadataExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

pub(crate) use dice::Dice;
pub(crate) use files::{Block, task};
pub(crate) use http::{Daemon, SECRET, free_port};
pub(crate) use marks::{Mark, packed_memory_fits, ticks_without_gap, whole_leases_never_overlap};
pub(crate) use process::{Program, alive, children, kill, written};
use serde_json::Value;
use tempfile::TempDir;
pub(crate) use vitals::Vitals;

/// The program under test.
pub(crate) const GPUYARD: &str = env!("CARGO_BIN_EXE_gpuyard");
/// What is not there by then will not come. It is long, for a machine that builds something else meanwhile.
const PATIENCE: Duration = Duration::from_secs(75);
/// In the environment of everything that a yard starts, so that nothing of it is left behind.
const BRAND: &str = "GPUYARD_TEST_YARD";

/// A command file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config(pub(crate) &'static str, pub(crate) u32);
/// `single`, index 0.
pub(crate) const SINGLE: Config = Config("single", 0);
/// `multi`, index 0.
pub(crate) const MULTI: Config = Config("multi", 0);

/// A folder with everything in it; dropped, it ends what still runs, and when the test failed, says what was there.
pub(crate) struct Yard {
    temp: TempDir,
    /// What `--root` is given.
    pub(crate) root: PathBuf,
    /// Where commands run; `marks`, `task.sh` and `go/` are here.
    pub(crate) work: PathBuf,
    /// Leases and sockets, perhaps shared with another yard.
    pub(crate) host: PathBuf,
    /// For programs that it starts, besides what every program gets.
    pub(crate) environment: RefCell<BTreeMap<String, String>>,
}

impl Yard {
    /// A yard with a host of its own and these GPUs: `4x24GiB`.
    pub(crate) fn new(gpus: &str) -> Yard {
        let temp = tempfile::Builder::new().prefix("yard-").tempdir().unwrap();
        let host = temp.path().join("host");
        Yard::at(temp, host, gpus)
    }

    /// Another root on the same host, with the same GPUs.
    pub(crate) fn beside(&self) -> Yard {
        let temp = tempfile::Builder::new().prefix("yard-").tempdir().unwrap();
        let yard = Yard::at(temp, self.host.clone(), "");
        *yard.environment.borrow_mut() = self.environment.borrow().clone();
        yard
    }

    fn at(temp: TempDir, host: PathBuf, gpus: &str) -> Yard {
        let base = temp.path().canonicalize().unwrap();
        let [root, work, home] = ["root", "work", "home"].map(|name| base.join(name));
        for folder in ["root/config", "root/command", "work/go", "home"] {
            fs::create_dir_all(base.join(folder)).unwrap();
        }
        let script = work.join("task.sh");
        fs::write(&script, include_str!("task.sh")).unwrap();
        fs::write(work.join("marks"), "").unwrap();
        let environment = BTreeMap::from(
            [
                ("HOME", home.to_str().unwrap()),
                ("GPUYARD_GPU_SOURCE", &format!("simulated:{gpus}")),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let yard = Yard {
            temp,
            root,
            work,
            host,
            environment: RefCell::new(environment),
        };
        yard.rules(&[]);
        yard
    }

    /// Sets a variable for programs that are started from now on.
    pub(crate) fn set(&self, name: &str, value: impl AsRef<str>) {
        self.environment
            .borrow_mut()
            .insert(name.to_owned(), value.as_ref().to_owned());
    }

    /// A folder of the test's own.
    pub(crate) fn base(&self) -> &Path {
        self.root.parent().unwrap()
    }

    fn brand(&self) -> String {
        self.temp.path().display().to_string()
    }

    /// Any program, with the yard's environment and nothing of the test's own but `PATH`.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LANG", "C.UTF-8")
            .env("GPUYARD_HOST_DIR", &self.host)
            .env(BRAND, self.brand())
            .envs(self.environment.borrow().iter())
            .current_dir(&self.work)
            .stdin(Stdio::null());
        command
    }

    /// `gpuyard --root ROOT ARGS…`.
    pub(crate) fn gpuyard(&self, args: &[&str]) -> Command {
        let mut command = self.command(GPUYARD);
        command.arg("--root").arg(&self.root).args(args);
        command
    }

    /// Runs `gpuyard` to its end.
    pub(crate) fn ask(&self, args: &[&str]) -> Output {
        self.gpuyard(args).output().unwrap()
    }

    /// Runs `gpuyard` to its end, which must be a good one, and reads its JSON.
    #[track_caller]
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let output = self.ask(args);
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(
            output.status.success(),
            "gpuyard {args:?}: {}\n{out}\n{err}",
            output.status
        );
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("gpuyard {args:?}: {error}\n{out}\n{err}"))
    }

    /// Starts `gpuyard` in the background.
    pub(crate) fn start(&self, args: &[&str]) -> Program {
        Program::start(self.gpuyard(args), self.base(), args.first().unwrap_or(&"gpuyard"))
    }

    /// Starts a scheduler, as by hand.
    pub(crate) fn schedule(&self, config: Config) -> Program {
        self.schedule_with(config, &[])
    }

    /// Starts a scheduler with flags.
    pub(crate) fn schedule_with(&self, config: Config, flags: &[&str]) -> Program {
        let index = config.1.to_string();
        self.start(&[&["schedule", config.0, &index], flags].concat())
    }

    /// The control socket of a scheduler.
    pub(crate) fn socket(&self, config: Config) -> PathBuf {
        let meta = fs::metadata(&self.root).unwrap();
        let user = self.host.join(format!("u{}", nix::unistd::geteuid()));
        user.join(format!(
            "{:x}-{:x}-{}_{}.sock",
            meta.dev(),
            meta.ino(),
            config.0,
            config.1
        ))
    }

    /// One request to a scheduler's control socket, and its answer.
    #[track_caller]
    pub(crate) fn control(&self, config: Config, request: &Value) -> Value {
        let mut stream = UnixStream::connect(self.socket(config)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(format!("{request}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        BufReader::new(stream).read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{request}: {error}: {answer:?}"))
    }

    /// Waits until a scheduler listens at its control socket.
    #[track_caller]
    pub(crate) fn listens(&self, config: Config) {
        wait_until("the scheduler listens", || {
            UnixStream::connect(self.socket(config)).is_ok()
        });
    }

    /// The last run of a command file, as `gpuyard status` shows it; `None` where there is none yet.
    pub(crate) fn try_run(&self, config: Config) -> Option<Value> {
        let output = self.ask(&["status", config.0, &config.1.to_string(), "--json"]);
        let shown: Value = serde_json::from_slice(&output.stdout).ok()?;
        let runs = shown.get("runs").unwrap_or(&shown);
        let run = runs.as_array().map_or(Some(runs), |list| list.first())?;
        run.get("run_id").map(|_| run.clone())
    }

    /// The last run of a command file.
    #[track_caller]
    pub(crate) fn run(&self, config: Config) -> Value {
        self.try_run(config).unwrap_or_else(|| panic!("{config:?} has no run"))
    }

    /// A task of the last run, by queue and place.
    #[track_caller]
    pub(crate) fn task(&self, config: Config, queue: u64, place: usize) -> Value {
        let run = self.run(config);
        let task = &run["queues"][queue.to_string()]["processes"][place];
        assert!(task.is_object(), "there is no task {place} in queue {queue}: {run:#}");
        task.clone()
    }

    /// Waits until the last run of a command file is as wanted, and returns it.
    #[track_caller]
    pub(crate) fn wait_run(&self, config: Config, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || self.try_run(config).filter(|run| wanted(run)))
    }

    /// Waits until a task is as wanted, and returns it.
    #[track_caller]
    pub(crate) fn wait_task(
        &self,
        config: Config,
        (queue, place): (u64, usize),
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        wait_for(what, || {
            let run = self.try_run(config)?;
            Some(run["queues"][queue.to_string()]["processes"][place].clone())
                .filter(|task| task.is_object() && wanted(task))
        })
    }

    /// The folder of a task's last attempt.
    pub(crate) fn attempt_folder(&self, task: &Value) -> PathBuf {
        let log = task["log_path"]
            .as_str()
            .unwrap_or_else(|| panic!("never started: {task:#}"));
        self.root.join(log).parent().unwrap().to_owned()
    }

    /// A record in the folder of a task's last attempt: `exit.json`.
    pub(crate) fn record(&self, task: &Value, name: &str) -> Value {
        let path = self.attempt_folder(task).join(name);
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).unwrap()
    }

    /// What a task wrote.
    pub(crate) fn log(&self, task: &Value) -> String {
        String::from_utf8_lossy(&fs::read(self.attempt_folder(task).join("output.log")).unwrap()).into_owned()
    }

    /// Leases that lie in the host folder.
    pub(crate) fn leases(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.host).into_iter().flatten().flatten();
        files
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|e| e == "lease"))
            .collect()
    }

    /// Every process that the yard started, by its environment.
    pub(crate) fn processes(&self) -> Vec<i32> {
        process::branded(&format!("{BRAND}={}", self.brand()))
    }

    fn sweep(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self.processes();
            if left.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in left {
                kill(pid, nix::sys::signal::SIGKILL);
            }
            nap();
        }
    }

    fn tell(&self) {
        eprintln!("──── what was in {} ────", self.base().display());
        let mut files = vec![self.work.join("marks")];
        let logs = fs::read_dir(self.root.join("logs"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let outputs = fs::read_dir(self.base())
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        files.extend(
            logs.chain(outputs)
                .filter(|path| path.extension().is_some_and(|e| e == "log" || e == "out")),
        );
        for path in files {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            eprintln!("──── {} ({} lines)", path.display(), lines.len());
            for line in &lines[lines.len().saturating_sub(60)..] {
                eprintln!("{line}");
            }
        }
        let status = self.ask(&["status", "--all", "--color", "never"]);
        eprintln!(
            "──── status\n{}{}",
            String::from_utf8_lossy(&status.stdout),
            String::from_utf8_lossy(&status.stderr)
        );
    }
}

impl Drop for Yard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.tell();
        }
        self.sweep();
    }
}

/// The one nap of all stories.
fn nap() {
    thread::sleep(Duration::from_millis(20));
}

/// Waits until `look` finds something.
#[track_caller]
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} in vain: {what}");
        nap();
    }
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is: impl FnMut() -> bool) {
    wait_for(what, || is().then_some(()));
}

/// Says loudly that a story cannot be told here.
pub(crate) fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
}

/// A real `python3` (not a shim that wants the caller's home), or `None`.
pub(crate) fn python() -> Option<String> {
    let output = Command::new("python3")
        .args(["-c", "import sys; print(sys.executable)"])
        .output()
        .ok()?;
    let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    Path::new(&path).is_file().then_some(path)
}
