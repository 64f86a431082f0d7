//! What can go wrong in this room.
use std::{io, path::PathBuf};

use gpuyard_core::model::is_disk_trouble;

/// An error of processes, locks and their files. Each says what was tried, on what.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The system refused something about a file.
    #[error("cannot {verb} {object} {}: {source}", path.display())]
    Io {
        /// `open`, `write`, …
        verb: &'static str,
        /// `lease`, `exit record`, …
        object: &'static str,
        /// Which one.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system refused something that has no path.
    #[error("cannot {verb}: {source}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it should.
    #[error("cannot read {object} {}: {message}", path.display())]
    Malformed {
        /// `attempt`, `lease`, …
        object: &'static str,
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A file or folder belongs to somebody else, or lets others in.
    #[error("cannot use {object} {}: {message}", path.display())]
    Untrusted {
        /// `host folder`, `user folder`, …
        object: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// An attempt's id cannot be the name of a file.
    #[error("cannot use `{0}` as an attempt's id: it is not 1 to 64 letters, digits, `-` and `_`")]
    BadId(String),
    /// The executor does not know such an attempt.
    #[error("cannot {verb} attempt {uni_id}: it is not being watched")]
    Unknown {
        /// What was asked.
        verb: &'static str,
        /// Of which attempt.
        uni_id: String,
    },
    /// An attempt's runner holds its lock and does not say who it is.
    #[error("cannot take back attempt {uni_id}: its runner lives, and has not said which process it is")]
    RunnerSilent {
        /// Which attempt.
        uni_id: String,
    },
    /// An attempt belongs to another machine; nothing can be said about it here.
    #[error("cannot take back attempt {uni_id}: it runs on another machine, {hostname}")]
    OtherMachine {
        /// Which attempt.
        uni_id: String,
        /// Where it runs.
        hostname: String,
    },
}

impl ExecError {
    /// For `map_err` on a file operation.
    pub(crate) fn io(
        verb: &'static str,
        object: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> ExecError {
        let path = path.into();
        move |source| ExecError::Io {
            verb,
            object,
            path,
            source,
        }
    }

    /// Whether the disk is full or read-only: a state that may heal by itself.
    pub fn is_disk_trouble(&self) -> bool {
        matches!(self, ExecError::Io { source, .. } | ExecError::System { source, .. } if is_disk_trouble(source))
    }

    /// For `map_err` on anything else.
    pub(crate) fn system<E: Into<io::Error>>(verb: &'static str) -> impl FnOnce(E) -> ExecError {
        move |e| ExecError::System { verb, source: e.into() }
    }
}
