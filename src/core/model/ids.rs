//! Who and where: modes, queues, tasks, runs, owners, nodes, and the identity of an operating-system process.
use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `single` (each task uses one GPU) or `multi` (a task says how many).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Each task uses one GPU.
    Single,
    /// A task says how many GPUs it uses.
    Multi,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Single => "single",
            Mode::Multi => "multi",
        })
    }
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "single" => Ok(Mode::Single),
            "multi" => Ok(Mode::Multi),
            other => Err(format!("mode is `single` or `multi`, not `{other}`")),
        }
    }
}

/// One command file: its mode and its index (0 is "config 1").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct ConfigKey {
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub index: u32,
}

impl fmt::Display for ConfigKey {
    /// `single_0`, as in file names and log bindings.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.mode, self.index)
    }
}

/// What a scheduler works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Charge {
    /// One command file.
    File(ConfigKey),
    /// The ad-hoc tasks.
    Tasks,
}

impl Charge {
    /// The name of the place, the socket and the log of the scheduler of ad-hoc tasks.
    pub const TASKS: &str = "tasks";

    /// The words of its `gpuyard schedule`, which people call it by.
    pub fn words(self) -> Vec<String> {
        match self {
            Charge::File(key) => vec![key.mode.to_string(), key.index.to_string()],
            Charge::Tasks => vec![Charge::TASKS.to_owned()],
        }
    }
}

impl From<ConfigKey> for Charge {
    fn from(key: ConfigKey) -> Charge {
        Charge::File(key)
    }
}

impl fmt::Display for Charge {
    /// `single_0`, `tasks`: as in file names.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Charge::File(key) => key.fmt(f),
            Charge::Tasks => f.write_str(Charge::TASKS),
        }
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// One life of a scheduler, through crashes and resumes.
    RunId
);
text_id!(
    /// A task's stable id: it stays with the task through every edit of its command file.
    TaskId
);
text_id!(
    /// One attempt's id, unique on every host and for ever: what `{uni_id}` becomes, and the key in `GPUYARD_UNI_ID`.
    UniId
);
text_id!(
    /// A GPU's identity: NVML's UUID, or a PCI address where a vendor has none. Never its index, which may change.
    GpuUuid
);

/// A queue's id, the number in the first line of its blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct QueueId(pub u64);

impl fmt::Display for QueueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The operating-system user something belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Owner {
    /// User id on its node.
    pub uid: u32,
    /// Login name, or the uid in digits where it has none.
    pub name: String,
}

/// The machine something happened on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Node {
    /// `/etc/machine-id`, or another id that is stable on this machine.
    pub machine_id: String,
    /// For people.
    pub hostname: String,
}

/// Where pids mean something: one machine, one boot, one pid namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct PidSpace {
    /// See [`Node::machine_id`].
    pub machine_id: String,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// Inode of `/proc/self/ns/pid`.
    pub pid_ns: u64,
}

/// A process that can never be mistaken for another one, though pids come back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct ProcessIdentity {
    /// Where the pid means something.
    #[serde(flatten)]
    pub space: PidSpace,
    /// Process id, above 1.
    pub pid: i32,
    /// Field 22 of `/proc/PID/stat`: clock ticks from boot to the process's start.
    pub start_ticks: u64,
}
