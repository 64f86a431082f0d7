//! Leases: claims on GPUs that hold between schedulers, daemons and users of a host.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Bytes, ConfigKey, GpuUuid, Node, Owner, PidSpace, RunId, TaskId, UniId};

/// How much of a GPU is claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Amount {
    /// Nobody else gets a lease on this GPU. `memory` is what the task asked for.
    Whole {
        /// Asked for, bytes.
        memory: Bytes,
    },
    /// Others may claim what is left.
    Memory {
        /// Asked for, bytes.
        memory: Bytes,
    },
}

impl Amount {
    /// What the task asked for on this GPU.
    pub fn memory(self) -> Bytes {
        match self {
            Amount::Whole { memory } | Amount::Memory { memory } => memory,
        }
    }

    /// Whether nobody else may have a lease beside it.
    pub fn is_whole(self) -> bool {
        matches!(self, Amount::Whole { .. })
    }
}

/// One GPU's part of a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Claim {
    /// Which GPU.
    pub gpu: GpuUuid,
    /// Its index when the lease was taken, for people.
    pub index: u32,
    /// How much of it.
    pub amount: Amount,
}

/// An attempt's claim on the GPUs it runs on. Taken all or none; it ends with the last process of its attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lease {
    /// Version of this record, 1.
    pub version: u32,
    /// The attempt that holds it.
    pub uni_id: UniId,
    /// Its run.
    pub run_id: RunId,
    /// Its task.
    pub task_id: TaskId,
    /// The command file; `None` for what has none.
    pub config: Option<ConfigKey>,
    /// Root folder of the gpuyard that took it.
    pub root: String,
    /// The machine.
    pub node: Node,
    /// Whose it is.
    pub owner: Owner,
    /// Where its pids mean something.
    pub space: PidSpace,
    /// One entry a GPU.
    pub claims: Vec<Claim>,
    /// When it was taken.
    pub taken_at: Timestamp,
}
