//! What can go wrong while GPUs are read.
use std::{
    io,
    path::{Path, PathBuf},
};

use gpuyard_core::model::Mono;

/// Why there is no snapshot. A GPU that fails alone is no error: it is a [`gpuyard_core::model::Health`] in the
/// snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// The NVIDIA driver's library is not there, or finds no driver.
    #[error("cannot find an NVIDIA driver: loading {library}: {message}")]
    NoDriver {
        /// The library that was looked for.
        library: String,
        /// What the loader or the driver said.
        message: String,
    },
    /// The driver is there and does not work.
    #[error("cannot {action} through NVML: {message}")]
    Nvml {
        /// What was tried.
        action: &'static str,
        /// What the driver said.
        message: String,
    },
    /// A maker's GPUs were asked for by name, and none is there.
    #[error("no {maker} GPU with a driver is there (looked in {})", path.display())]
    NoCard {
        /// Whose.
        maker: &'static str,
        /// Where cards are listed.
        path: PathBuf,
    },
    /// A folder of the system that lists cards or processes cannot be read.
    #[error("cannot list {}: {message}", path.display())]
    Tree {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        message: String,
    },
    /// The file that scripts the simulated host cannot be used.
    #[error("cannot use the simulation {}: {message}", path.display())]
    Scenario {
        /// The file.
        path: PathBuf,
        /// Field and what is wrong with it.
        message: String,
    },
    /// The simulation says that its GPUs cannot be read.
    #[error("cannot read the simulated GPUs: {message}")]
    Simulated {
        /// As it stands in the simulation.
        message: String,
    },
    /// The source was asked and stays silent.
    #[error("cannot read the GPUs: their driver does not answer any more")]
    Hung {
        /// When the reading began that has not ended.
        since: Mono,
    },
    /// The reader's thread is gone, which only a panic in a source can cause.
    #[error("cannot read the GPUs: the thread that reads them has ended")]
    ReaderGone,
}

impl SourceError {
    /// A folder cannot be listed.
    pub(crate) fn tree(path: &Path, error: &io::Error) -> SourceError {
        SourceError::Tree {
            path: path.to_owned(),
            message: error.to_string(),
        }
    }
}
