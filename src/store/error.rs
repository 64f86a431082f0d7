//! What can go wrong with a file: each variant says verb, object and path, and the line where there is one.
use std::{fmt, io, path::PathBuf};

use gpuyard_core::model::{FieldError, is_disk_trouble};

/// A wrong field, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldProblem {
    /// Line of its key in the file, from 1, where it can be told.
    pub line: Option<usize>,
    /// What is wrong.
    pub error: FieldError,
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        write!(f, "{} {}", self.error.field, self.error.message.en)
    }
}

fn listed(problems: &[FieldProblem]) -> String {
    problems
        .iter()
        .map(FieldProblem::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

/// Why a file could not be read, written or understood.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused.
    #[error("cannot {verb} {}: {source}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create folder`, …
        verb: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A folder, a pipe, a device: never opened for reading.
    #[error("cannot read {}: it is {what}, and a plain file was expected", path.display())]
    NotAFile {
        /// Which.
        path: PathBuf,
        /// What it is instead.
        what: &'static str,
    },
    /// More bytes than such a file may have.
    #[error("cannot read {}: it is larger than the {limit} bytes that such a file may have", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// Bytes allowed.
        limit: u64,
    },
    /// The file is not what it should be.
    #[error("cannot read {}, line {line}: {expected}", path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What was expected there.
        expected: String,
    },
    /// Single fields of it are wrong.
    #[error("cannot use {}: {}", path.display(), listed(problems))]
    Fields {
        /// Which.
        path: PathBuf,
        /// All of them.
        problems: Vec<FieldProblem>,
    },
    /// Somebody else wrote it since it was read.
    #[error("cannot save {}: it was changed by someone else since it was read; read it again", path.display())]
    Conflict {
        /// Which.
        path: PathBuf,
        /// Its content as it is now, where it can be read as text.
        now: Option<String>,
    },
    /// Replacing it would give it another owner or group.
    #[error("cannot save {}: its owner {uid} or group {gid} could not be kept ({source})", path.display())]
    Owner {
        /// Which.
        path: PathBuf,
        /// Owner that it has.
        uid: u32,
        /// Group that it has.
        gid: u32,
        /// What the system said.
        source: io::Error,
    },
    /// It is there already.
    #[error("cannot create {}: it is there already", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// An edit would not have read back as what was asked for. Nothing was written.
    #[error("cannot edit {}: {reason}. Nothing was written; change it by hand", path.display())]
    NotEditable {
        /// Which.
        path: PathBuf,
        /// What came out wrong.
        reason: String,
    },
    /// Written by another version of this program.
    #[error("cannot read {}: it has format version {found}, and this program knows version {known} only", path.display())]
    UnknownVersion {
        /// Which.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// Ours.
        known: u32,
    },
    /// A state file that is torn or was damaged. It is kept.
    #[error("cannot read state {}: {reason}", path.display())]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database refused.
    #[error("cannot {verb} database {}: {source}", path.display())]
    Database {
        /// What was tried: `open`, `read`, `write`.
        verb: &'static str,
        /// Which.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// SQLite's locks do not hold between machines.
    #[error("the database {} would lie on a network file system ({kind}), where other machines can damage it: \
             set `data-dir` in config/control_setting.yaml to a folder on a local disk", path.display())]
    DatabaseOnNetwork {
        /// Where it would lie.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// The journal failed before, and only a new snapshot can mend it.
    #[error("cannot append to {}: it failed before, and a new snapshot must be written first", path.display())]
    JournalBroken {
        /// Which.
        path: PathBuf,
    },
}

impl StoreError {
    /// For `map_err`: an I/O error with its verb and path.
    pub(crate) fn io(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.into();
        move |source| StoreError::Io { verb, path, source }
    }

    /// For `map_err`: an error of the database with its verb and path.
    pub(crate) fn database(verb: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(rusqlite::Error) -> StoreError {
        let path = path.into();
        move |source| StoreError::Database { verb, path, source }
    }

    /// Whether the thing is just not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the disk is full or read-only: a state that may heal by itself.
    pub fn is_disk_trouble(&self) -> bool {
        matches!(self, StoreError::Io { source, .. } if is_disk_trouble(source))
    }
}
