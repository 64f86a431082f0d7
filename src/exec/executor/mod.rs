//! Running attempts: the trait, and what it tells. Local processes now; a batch system can come beside them.
mod crew;
mod local;
mod orphans;
mod recover;
mod watch;

use std::path::Path;

use gpuyard_core::model::{AttemptSpec, ExitRecord, Mono, Now, ProcessIdentity, UniId};
use serde::{Deserialize, Serialize};

use crate::{ExecError, lease::TakenLease};

pub use local::LocalExecutor;

/// Version of the handles that this program makes.
pub const HANDLE_VERSION: u32 = 1;

/// How an executor finds an attempt again. Kept and handed back as it is; what stands in it is the executor's own affair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handle {
    /// [`HANDLE_VERSION`].
    pub version: u32,
    /// Which executor made it: `local`.
    pub executor: String,
    /// The attempt.
    pub uni_id: UniId,
    /// The rest.
    pub data: serde_json::Value,
}

/// What happened to an attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum AttemptEvent {
    /// It is over, all that it started is gone, and its exit record is durable.
    Ended {
        /// Which.
        uni_id: UniId,
        /// How.
        record: ExitRecord,
    },
    /// Its runner was killed; what it started lives on, and is watched to its end.
    RunnerLost {
        /// Which.
        uni_id: UniId,
    },
    /// Another runner goes on with its next command.
    RunnerReplaced {
        /// Which.
        uni_id: UniId,
        /// The new runner.
        runner: ProcessIdentity,
    },
}

/// How an attempt was found after a restart. `Running` and `Orphaned` are watched from then on.
#[derive(Clone, Debug, PartialEq)]
pub enum Recovered {
    /// Its runner lives.
    Running {
        /// The runner.
        runner: ProcessIdentity,
    },
    /// Its runner is dead, and these processes of it live.
    Orphaned {
        /// Their pids.
        pids: Vec<i32>,
    },
    /// It has ended and said how.
    Ended(ExitRecord),
    /// It was started, is dead, and nobody knows how it ended.
    Lost,
    /// Nothing of it was ever started.
    NeverStarted,
}

/// What runs attempts.
pub trait Executor {
    /// Starts an attempt. When this returns, it has a runner, and the lease is the runner's.
    fn launch(&mut self, spec: &AttemptSpec, folder: &Path, lease: TakenLease) -> Result<ProcessIdentity, ExecError>;

    /// Finds an attempt again that an earlier executor launched, or was about to launch.
    fn recover(&mut self, uni_id: &UniId, folder: &Path) -> Result<Recovered, ExecError>;

    /// Asks an attempt to end; [`Executor::events`] tells when it has.
    fn stop(&mut self, uni_id: &UniId) -> Result<(), ExecError>;

    /// What has happened since the last call. Never waits.
    fn events(&mut self, now: Now) -> Vec<AttemptEvent>;

    /// When [`Executor::events`] is to be called again even if nothing wakes the caller.
    fn next_deadline(&self) -> Option<Mono>;

    /// The attempts that are being watched.
    fn list(&self) -> Vec<Handle>;
}
