//! Programs that a story starts, and what can be seen of any process.
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{self, SIGKILL, Signal},
    unistd::Pid,
};

use super::{wait_for, wait_until};

static NUMBER: AtomicU32 = AtomicU32::new(1);

/// A program in the background. What it prints goes to a file.
pub(crate) struct Program {
    child: Child,
    output: PathBuf,
    status: Option<ExitStatus>,
}

impl Program {
    /// Starts it; its output goes to `FOLDER/NUMBER-NAME.out`.
    pub(crate) fn start(mut command: Command, folder: &Path, name: &str) -> Program {
        let output = folder.join(format!("{}-{name}.out", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let file = File::create(&output).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {command:?}: {error}"));
        Program {
            child,
            output,
            status: None,
        }
    }

    /// Its pid.
    pub(crate) fn pid(&self) -> i32 {
        self.child.id() as i32
    }

    /// Sends it a signal, unless it is known to have ended.
    pub(crate) fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            kill(self.pid(), signal);
        }
    }

    /// kill -9, and sees it gone.
    pub(crate) fn kill(&mut self) {
        self.signal(SIGKILL);
        self.status = Some(self.child.wait().unwrap());
    }

    /// kill -9 once it has written so many bytes more, wherever it is then; or once it has ended.
    pub(crate) fn kill_after_writing(&mut self, bytes: u64) {
        let from = written(self.pid()).unwrap_or_default();
        let deadline = Instant::now() + Duration::from_secs(5);
        // Without naps, so that the moment is the one that was meant. A scheduler that writes no more waits for something.
        while self.runs() && written(self.pid()).is_some_and(|now| now < from + bytes) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        self.kill();
    }

    /// Whether it runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.status.is_none() && {
            self.status = self.child.try_wait().unwrap();
            self.status.is_none()
        }
    }

    /// Waits for its end: its exit code.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> i32 {
        wait_until("the program ends", || !self.runs());
        self.status.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// What it has printed so far.
    pub(crate) fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap()).into_owned()
    }

    /// Waits until it has printed something.
    #[track_caller]
    pub(crate) fn says(&self, what: &str) {
        wait_for(&format!("it says {what:?}"), || {
            self.output().contains(what).then_some(())
        });
    }
}

/// Sends a signal to whatever has this pid now, if anything.
pub(crate) fn kill(pid: i32, signal: Signal) {
    assert!(pid > 1);
    // It may be gone already.
    let _ = signal::kill(Pid::from_raw(pid), signal);
}

fn stat(pid: i32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in brackets, may hold anything.
    Some(text.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

/// Whether a process lives; one that only waits to be reaped does not.
pub(crate) fn alive(pid: i32) -> bool {
    stat(pid).is_some_and(|fields| !matches!(fields[0].as_str(), "Z" | "X"))
}

/// Every pid that there is.
fn pids() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Living processes that one started itself.
pub(crate) fn children(parent: i32) -> Vec<i32> {
    let is = |pid: &i32| stat(*pid).is_some_and(|fields| fields[0] != "Z" && fields[1] == parent.to_string());
    pids().filter(is).collect()
}

/// Every living process that has this in its environment.
pub(crate) fn branded(variable: &str) -> Vec<i32> {
    let own = std::process::id() as i32;
    let is = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        *pid != own
            && environment
                .split(|byte| *byte == 0)
                .any(|entry| entry == variable.as_bytes())
    };
    pids().filter(is).collect()
}

/// Bytes that a process has handed to the system to write so far; `None` once it is gone.
pub(crate) fn written(pid: i32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("wchar: ")?.trim().parse().ok())
}
