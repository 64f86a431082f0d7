//! Why a daemon does not start.
use std::{io, net::IpAddr};

use gpuyard_exec::{ExecError, place::PlaceError};
use gpuyard_store::StoreError;

use crate::tls::TlsError;

/// Why a daemon does not start. Each says what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another daemon serves this root.
    #[error("{0}; a root has one daemon")]
    Held(PlaceError),
    /// The setting makes no sense.
    #[error("cannot listen on `{0}`: `bind-address` in control_setting.yaml is an IP address or `localhost`")]
    BindAddress(String),
    /// The port cannot be had, nor those after it.
    #[error("cannot listen on port {port} of {ip}: {source}")]
    Listen {
        /// The address.
        ip: IpAddr,
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// Whoever reaches it would be root.
    #[error(
        "a daemon without a secret does not start as root: set `secret` in control_setting.yaml (or `allow-anonymous: true`)"
    )]
    RootWithoutSecret,
    /// What should be encrypted would not be.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A file of the root.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Processes and locks.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The system refused something else.
    #[error("cannot {verb}: {source}")]
    System {
        /// What was tried.
        verb: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl From<PlaceError> for StartError {
    fn from(error: PlaceError) -> StartError {
        match error {
            PlaceError::Failed(error) => StartError::Exec(error),
            held => StartError::Held(held),
        }
    }
}
