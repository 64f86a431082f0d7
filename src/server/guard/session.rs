//! Logins: random tokens, kept hashed, that end when unused, when old, or when their owner says so.
use std::{collections::HashMap, time::Duration};

use gpuyard_core::model::Now;
use jiff::{SignedDuration, Timestamp};

use super::secret::{hash, hexadecimal};
use crate::limits;

/// What a token looks like: this, then 64 hexadecimal digits. A value of that shape is never compared with the secret,
/// so that an old page with an ended token does not use up its address's tries.
const PREFIX: &str = "gy1_";

/// What is kept of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    fn of(token: &str) -> TokenHash {
        TokenHash(hash(token.as_bytes()))
    }
}

struct Session {
    /// On the monotonic clock: no change of the wall clock makes a login longer.
    ends: u64,
    used: u64,
}

/// The logins of this daemon's life.
pub(crate) struct Sessions {
    open: HashMap<TokenHash, Session>,
    length: Duration,
    idle: Duration,
}

/// A fresh login.
pub(crate) struct Fresh {
    /// Told once.
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
}

impl Sessions {
    pub(crate) fn new(session_hours: f64) -> Sessions {
        let mut sessions = Sessions {
            open: HashMap::new(),
            length: Duration::ZERO,
            idle: Duration::ZERO,
        };
        sessions.last(session_hours);
        sessions
    }

    /// How long logins last from now on; those that are open end when they were told to.
    pub(crate) fn last(&mut self, session_hours: f64) {
        // A century is as good as for ever, and no clock overflows.
        let hours = session_hours.clamp(0.001, 876_000.0);
        self.length = Duration::from_secs_f64(hours * 3600.0);
        self.idle = limits::SESSION_IDLE.min(self.length);
    }

    /// Opens one. `random` is fresh from the system.
    pub(crate) fn open(&mut self, random: [u8; 32], now: Now) -> Fresh {
        self.forget_ended(now);
        if self.open.len() >= limits::SESSIONS
            && let Some(oldest) = self
                .open
                .iter()
                .min_by_key(|(_, session)| session.used)
                .map(|(&hash, _)| hash)
        {
            self.open.remove(&oldest);
        }
        let token = format!("{PREFIX}{}", hexadecimal(&random));
        let hash = TokenHash::of(&token);
        let length = self.length.as_millis() as u64;
        self.open.insert(
            hash,
            Session {
                ends: now.mono.0.saturating_add(length),
                used: now.mono.0,
            },
        );
        let expires_at = now
            .wall
            .checked_add(SignedDuration::from_millis(length as i64))
            .unwrap_or(Timestamp::MAX);
        Fresh { token, expires_at }
    }

    /// The login that a token belongs to, if it is open; it counts as used.
    pub(crate) fn find(&mut self, token: &str, now: Now) -> Option<TokenHash> {
        // Looking a hash up takes a time that tells about the hash, and the hash tells nothing about other tokens.
        let hash = TokenHash::of(token);
        self.is_open(&hash, now).then_some(hash)
    }

    /// Whether a login is open; it counts as used.
    pub(crate) fn is_open(&mut self, hash: &TokenHash, now: Now) -> bool {
        let idle = self.idle.as_millis() as u64;
        let Some(session) = self.open.get_mut(hash) else {
            return false;
        };
        if now.mono.0 >= session.ends || now.mono.0 >= session.used.saturating_add(idle) {
            self.open.remove(hash);
            return false;
        }
        session.used = now.mono.0;
        true
    }

    /// Ends one.
    pub(crate) fn close(&mut self, hash: &TokenHash) {
        self.open.remove(hash);
    }

    /// Ends all of them.
    pub(crate) fn close_all(&mut self) {
        self.open.clear();
    }

    fn forget_ended(&mut self, now: Now) {
        let idle = self.idle.as_millis() as u64;
        self.open
            .retain(|_, session| now.mono.0 < session.ends && now.mono.0 < session.used.saturating_add(idle));
    }
}

/// Whether a text has the shape of a token.
pub(crate) fn is_token(text: &str) -> bool {
    text.strip_prefix(PREFIX)
        .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::Mono;

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn at(ms: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            mono: Mono(ms),
        }
    }

    #[test]
    fn a_token_opens_until_its_login_ends() {
        let mut sessions = Sessions::new(2.0);
        let fresh = sessions.open([7; 32], at(0));
        assert!(is_token(&fresh.token) && !is_token("gy1_short") && !is_token(&fresh.token[4..]));
        assert_eq!(fresh.expires_at, "1970-01-01T02:00:00Z".parse().unwrap());
        assert_eq!(sessions.find(&fresh.token, at(HOUR)), Some(TokenHash::of(&fresh.token)));
        assert_eq!(sessions.find(&fresh.token.to_uppercase(), at(HOUR)), None);
        assert_eq!(
            sessions.find(&fresh.token, at(2 * HOUR)),
            None,
            "however much it is used"
        );
    }

    #[test]
    fn an_unused_login_ends_sooner() {
        let mut sessions = Sessions::new(24.0 * 30.0);
        let fresh = sessions.open([7; 32], at(0));
        assert!(sessions.find(&fresh.token, at(23 * HOUR)).is_some());
        assert!(sessions.find(&fresh.token, at(46 * HOUR)).is_some());
        assert!(sessions.find(&fresh.token, at(70 * HOUR)).is_none());
    }

    #[test]
    fn a_logout_ends_one_login_and_no_other() {
        let mut sessions = Sessions::new(1.0);
        let (one, two) = (sessions.open([1; 32], at(0)), sessions.open([2; 32], at(0)));
        sessions.close(&TokenHash::of(&one.token));
        assert_eq!(sessions.find(&one.token, at(1)), None);
        assert!(sessions.find(&two.token, at(1)).is_some());
    }

    #[test]
    fn there_is_a_limit_to_logins() {
        let mut sessions = Sessions::new(1.0);
        for i in 0..limits::SESSIONS as u64 + 10 {
            let mut random = [0; 32];
            random[..8].copy_from_slice(&i.to_le_bytes());
            sessions.open(random, at(i));
        }
        assert_eq!(sessions.open.len(), limits::SESSIONS);
    }
}
