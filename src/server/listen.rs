//! Where the daemon listens: on the address that the settings allow, and on the next free port where theirs is taken.
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
};

use gpuyard_core::model::Settings;

use crate::{StartError, guard::secret::is_well_known, limits};

/// Why a daemon listens on loopback though its settings name another address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// It asks for no secret.
    NoSecret,
    /// Everyone knows its secret.
    WellKnownSecret,
}

impl Held {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Held::NoSecret => {
                "the settings have no secret, so this daemon listens on loopback only and serves only its own user"
            }
            Held::WellKnownSecret => {
                "the secret in the settings is one that everyone knows, so this daemon listens on loopback only; \
                 set another one"
            }
        }
    }
}

/// The address to listen on, and why it is not the one in the settings.
pub(crate) fn address(settings: &Settings) -> Result<(IpAddr, Option<Held>), StartError> {
    let wanted = match settings.bind_address.as_str() {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        text => text.parse().map_err(|_| StartError::BindAddress(text.to_owned()))?,
    };
    let loopback = match wanted {
        IpAddr::V4(ip) if ip.is_loopback() => wanted,
        IpAddr::V6(_) => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let held = if settings.requires_secret() {
        is_well_known(&settings.secret).then_some(Held::WellKnownSecret)
    } else {
        (!settings.allow_anonymous).then_some(Held::NoSecret)
    };
    Ok(if held.is_some() || !settings.allow_lan {
        (loopback, held)
    } else {
        (wanted, None)
    })
}

/// Binds the port that is wished for, or the next free one.
pub(crate) fn bind(ip: IpAddr, wished: u16) -> Result<TcpListener, StartError> {
    // 0 asks the system for any.
    let last = if wished == 0 {
        0
    } else {
        wished.saturating_add(limits::PORTS)
    };
    let mut refused = None;
    for port in wished..=last {
        match TcpListener::bind(SocketAddr::new(ip, port)) {
            Ok(listener) => {
                listener
                    .set_nonblocking(true)
                    .map_err(|source| StartError::Listen { ip, port, source })?;
                return Ok(listener);
            }
            // A port below 1024 without the right to it: the next ones are no better, up to 1024.
            Err(source)
                if matches!(
                    source.kind(),
                    io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied
                ) =>
            {
                refused.get_or_insert(StartError::Listen { ip, port, source });
            }
            Err(source) => return Err(StartError::Listen { ip, port, source }),
        }
    }
    Err(refused.unwrap_or(StartError::BindAddress(ip.to_string())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn with(secret: &str, lan: bool, bind: &str, anonymous: bool) -> (String, Option<Held>) {
        let settings = Settings {
            secret: secret.into(),
            allow_lan: lan,
            bind_address: bind.into(),
            allow_anonymous: anonymous,
            ..Settings::default()
        };
        let (ip, held) = address(&settings).unwrap();
        (ip.to_string(), held)
    }

    #[test]
    fn only_a_real_secret_goes_beyond_loopback() {
        assert_eq!(with("s3cret", true, "0.0.0.0", false), ("0.0.0.0".into(), None));
        assert_eq!(with("s3cret", true, "::", false), ("::".into(), None));
        assert_eq!(with("s3cret", false, "0.0.0.0", false), ("127.0.0.1".into(), None));
        assert_eq!(with("s3cret", false, "::", false), ("::1".into(), None));
        assert_eq!(with("s3cret", false, "127.0.0.7", false), ("127.0.0.7".into(), None));
        assert_eq!(with("s3cret", true, "localhost", false), ("127.0.0.1".into(), None));
        assert_eq!(
            with("admin", true, "0.0.0.0", false),
            ("127.0.0.1".into(), Some(Held::WellKnownSecret))
        );
        assert_eq!(
            with("omniai315fgvr_gpu_config", true, "0.0.0.0", false),
            ("127.0.0.1".into(), Some(Held::WellKnownSecret))
        );
        for none in ["", "none", "null", "false"] {
            assert_eq!(
                with(none, true, "0.0.0.0", false),
                ("127.0.0.1".into(), Some(Held::NoSecret))
            );
        }
        assert_eq!(with("", true, "0.0.0.0", true), ("0.0.0.0".into(), None));
        assert_eq!(with("", false, "0.0.0.0", true), ("127.0.0.1".into(), None));
    }

    #[test]
    fn a_taken_port_gives_way_to_the_next() {
        let ip = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let first = bind(ip, 0).unwrap();
        let taken = first.local_addr().unwrap().port();
        let second = bind(ip, taken).unwrap();
        assert_ne!(second.local_addr().unwrap().port(), taken);
    }
}
