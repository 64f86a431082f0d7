//! A machine for tests: a copy of our own NVML library with its state file, and a `/proc` tree beside it.
//!
//! Each test has a library of its own (a copy is another library to the loader), so tests may run in one process or
//! each in its own.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    reason = "every test file uses its own part of this"
)]
use std::{
    fs,
    path::{Path, PathBuf},
};

use fake_nvml::{STATE_FILE, State, install};
use gpuyard_core::model::{Mono, Now};
use gpuyard_gpu::{GpuSource, SourceContext, SourceSpec, open};
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) struct Machine {
    folder: TempDir,
    pub(crate) state: State,
}

/// Some time after boot, at the wall's true time: the library stamps its samples with that.
pub(crate) fn at(ms: u64) -> Now {
    Now {
        wall: Timestamp::now(),
        mono: Mono(ms),
    }
}

impl Machine {
    pub(crate) fn new(state: State) -> Machine {
        Machine::without(state, &[])
    }

    /// With a library that lacks some functions.
    pub(crate) fn without(state: State, missing: &[&str]) -> Machine {
        let machine = Machine {
            folder: TempDir::new().unwrap(),
            state,
        };
        install(machine.folder.path(), missing).unwrap();
        fs::create_dir_all(machine.proc_root().join("sys/kernel")).unwrap();
        fs::write(machine.proc_root().join("sys/kernel/pid_max"), "4194304\n").unwrap();
        fs::write(
            machine.proc_root().join("meminfo"),
            "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n",
        )
        .unwrap();
        machine.write();
        machine
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.folder.path().join("libnvidia-ml.so.1")
    }

    pub(crate) fn state_file(&self) -> PathBuf {
        self.folder.path().join(STATE_FILE)
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn proc_root(&self) -> PathBuf {
        self.folder.path().join("proc")
    }

    /// Makes the machine what `state` says.
    pub(crate) fn write(&self) {
        self.state.write(&self.state_file()).unwrap();
    }

    /// Changes the machine under whoever is using it.
    pub(crate) fn change(&mut self, change: impl FnOnce(&mut State)) {
        change(&mut self.state);
        self.write();
    }

    /// Puts a process into `/proc`.
    pub(crate) fn process(&self, pid: u32, uid: u32, start_ticks: u64, environ: &str) {
        let folder = self.proc_root().join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        let stat = format!("{pid} (python) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 {start_ticks} 0 256 0 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("status"), format!("Name:\tpython\nUid:\t{uid}\t0\t0\t0\n")).unwrap();
        fs::write(folder.join("environ"), environ.replace(' ', "\0")).unwrap();
    }

    pub(crate) fn context(&self) -> SourceContext {
        SourceContext {
            nvml_path: Some(self.library()),
            proc_root: self.proc_root(),
            ..SourceContext::default()
        }
    }

    pub(crate) fn source(&self) -> Box<dyn GpuSource> {
        open(&SourceSpec::Nvml, self.context()).unwrap()
    }
}
