//! Who makes a call.
use super::session::TokenHash;

/// The caller, as every handler behind the guard finds it among the request's extensions. Today there is one kind, the
/// owner of the secret; accounts, agents and hooks become others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Principal {
    /// For the audit log.
    pub(crate) name: &'static str,
    /// How it showed who it is.
    pub(crate) via: Via,
    /// Under which of the daemon's secrets, counted.
    pub(crate) epoch: u64,
}

/// How a caller showed who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Via {
    /// By the token of a login.
    Session(TokenHash),
    /// By the secret itself, as programs do.
    Secret,
    /// Not at all: this daemon asks for no secret.
    Nothing,
}

impl Principal {
    /// Whoever knows the secret.
    pub(crate) fn owner(via: Via, epoch: u64) -> Principal {
        Principal {
            name: "owner",
            via,
            epoch,
        }
    }

    /// Anyone, where no secret is asked for.
    pub(crate) fn anyone(epoch: u64) -> Principal {
        Principal {
            name: "anyone",
            via: Via::Nothing,
            epoch,
        }
    }

    /// For the audit log.
    pub(crate) fn how(&self) -> &'static str {
        match self.via {
            Via::Session(_) => "session",
            Via::Secret => "secret",
            Via::Nothing => "none",
        }
    }
}
