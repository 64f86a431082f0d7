//! What a scheduler is started with.
use std::path::PathBuf;

use gpuyard_core::model::Charge;
use gpuyard_exec::host::HostFolder;
use gpuyard_gpu::GpuSource;
use gpuyard_store::Root;

/// Which run a scheduler works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A new one; what an earlier one left running goes on in it.
    Fresh,
    /// The last one; a person asks for it, so what failed or was stopped gets another chance.
    Resume,
    /// The last one, whose scheduler died.
    Recover,
}

/// All that a scheduler needs from the world around it.
pub struct Options {
    /// The root folder.
    pub root: Root,
    /// Leases and sockets.
    pub host: HostFolder,
    /// Which command file, or the ad-hoc tasks.
    pub charge: Charge,
    /// Which run.
    pub start: Start,
    /// Tell on stdout, in one JSON line, that the first state is on disk, or why there is none.
    pub announce: bool,
    /// Where GPUs are read.
    pub source: Box<dyn GpuSource>,
    /// The program that is started as a runner (`EXE run-task`).
    pub exe: PathBuf,
    /// The `CONDA_EXE` of the environment.
    pub conda_exe: Option<PathBuf>,
    /// The user's home.
    pub home: Option<PathBuf>,
}

/// How a scheduler can end, as the program's exit code.
pub mod exit {
    /// Every task completed.
    pub const COMPLETED: i32 = 0;
    /// A task failed.
    pub const FAILED: i32 = 1;
    /// The command file, the rules or the root cannot be used.
    pub const UNUSABLE: i32 = 2;
    /// Another scheduler holds the place.
    pub const HELD: i32 = 3;
    /// Somebody stopped it.
    pub const STOPPED: i32 = 130;
}
