//! An ad-hoc task: made one by one, kept in the database. What it asks for, and where it stands.
use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Seconds;

/// The GPU model that stands for every one.
pub const ANY_GPU: &str = "any";

/// An ad-hoc task's number: it rises with each one made, and never comes twice.
pub type AdhocId = i64;

/// Where an ad-hoc task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AdhocStatus {
    /// It waits: for a GPU, a moment, other tasks, or its next try.
    Queued,
    /// An attempt runs.
    Running,
    /// Its exit code was 0.
    Completed,
    /// It failed, and has no tries left.
    Failed,
    /// A person cancelled it, or a task that it depends on did not complete.
    Cancelled,
}

impl AdhocStatus {
    /// All of them.
    pub const ALL: [AdhocStatus; 5] = [
        AdhocStatus::Queued,
        AdhocStatus::Running,
        AdhocStatus::Completed,
        AdhocStatus::Failed,
        AdhocStatus::Cancelled,
    ];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            AdhocStatus::Queued => "queued",
            AdhocStatus::Running => "running",
            AdhocStatus::Completed => "completed",
            AdhocStatus::Failed => "failed",
            AdhocStatus::Cancelled => "cancelled",
        }
    }

    /// Whether nothing more happens to it by itself.
    pub fn is_over(self) -> bool {
        !matches!(self, AdhocStatus::Queued | AdhocStatus::Running)
    }
}

impl fmt::Display for AdhocStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for AdhocStatus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = AdhocStatus::ALL.into_iter().find(|status| status.as_str() == text);
        found.ok_or_else(|| format!("a status is queued, running, completed, failed or cancelled, not `{text}`"))
    }
}

/// What a person asked for, checked and with every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AdhocSpec {
    /// For people.
    pub name: String,
    /// One bash script, of as many lines as it likes.
    pub command: String,
    /// A GPU model as the driver calls it, or [`ANY_GPU`].
    pub gpu_type: String,
    /// GPUs at once, at least 1.
    pub gpu_count: u32,
    /// GiB on each; `None`: each must be empty.
    pub memory: Option<f64>,
    /// The higher, the sooner.
    pub priority: i32,
    /// Absolute; `None`: the rules' own.
    pub work_dir: Option<String>,
    /// On top of the rules' own.
    pub environment: BTreeMap<String, String>,
    /// It ends after so long; `None`: the rules' own `task_timeout`.
    pub timeout: Option<Seconds>,
    /// Further tries after a failure.
    pub retries: u32,
    /// It starts once these have completed.
    pub depends_on: Vec<AdhocId>,
    /// It does not start earlier.
    pub not_before: Option<Timestamp>,
    /// Sorted, each once.
    pub tags: Vec<String>,
    /// Who made it, in their own words.
    pub created_by: Option<String>,
}
