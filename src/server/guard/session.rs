//! Logins: random tokens, kept hashed, that end when unused, when old, or when their owner says so.
use std::{collections::HashMap, time::Duration};

use gpuyard_core::model::Now;
use gpuyard_store::logins::KeptLogin;
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

    /// From 64 hexadecimal digits.
    fn read(digits: &str) -> Option<TokenHash> {
        let mut bytes = [0; 32];
        if digits.len() != 64 || !digits.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()?;
        }
        Some(TokenHash(bytes))
    }
}

/// On the monotonic clock: no change of the wall clock makes a login longer.
struct Session {
    ends: u64,
    /// When it ends if nobody uses it.
    idle_ends: u64,
    /// What is on disk of `idle_ends`.
    noted: u64,
}

impl Session {
    fn is_over(&self, now: Now) -> bool {
        now.mono.0 >= self.ends.min(self.idle_ends)
    }
}

/// The logins that are open.
pub(crate) struct Sessions {
    open: HashMap<TokenHash, Session>,
    length: Duration,
    idle: Duration,
    /// Something is another than on disk.
    unsaved: bool,
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
            unsaved: false,
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
                .min_by_key(|(_, session)| session.idle_ends)
                .map(|(&hash, _)| hash)
        {
            self.open.remove(&oldest);
        }
        let token = format!("{PREFIX}{}", hexadecimal(&random));
        let hash = TokenHash::of(&token);
        let length = self.length.as_millis() as u64;
        let idle_ends = now.mono.0.saturating_add(self.idle.as_millis() as u64);
        self.open.insert(
            hash,
            Session {
                ends: now.mono.0.saturating_add(length),
                idle_ends,
                noted: idle_ends,
            },
        );
        self.unsaved = true;
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
        let Some(session) = self.open.get_mut(hash) else {
            return false;
        };
        if session.is_over(now) {
            self.open.remove(hash);
            return false;
        }
        session.idle_ends = now.mono.0.saturating_add(self.idle.as_millis() as u64);
        self.unsaved |= session.idle_ends.abs_diff(session.noted) >= limits::SESSION_NOTED.as_millis() as u64;
        true
    }

    /// Ends one.
    pub(crate) fn close(&mut self, hash: &TokenHash) {
        self.unsaved |= self.open.remove(hash).is_some();
    }

    /// Ends all of them.
    pub(crate) fn close_all(&mut self) {
        self.unsaved = true;
        self.open.clear();
    }

    /// Whether something is another than on disk, that is worth a write.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.unsaved
    }

    /// Whether anything is another than on disk, also how a login was used last.
    pub(crate) fn is_newer(&self) -> bool {
        self.unsaved || self.open.values().any(|session| session.noted != session.idle_ends)
    }

    /// The next [`Sessions::is_unsaved`] says so: what was taken by [`Sessions::keep`] did not get there.
    pub(crate) fn not_kept(&mut self) {
        self.unsaved = true;
    }

    /// What is left of each, to be put on disk.
    pub(crate) fn keep(&mut self, now: Now) -> Vec<KeptLogin> {
        self.forget_ended(now);
        self.unsaved = false;
        let mut logins: Vec<KeptLogin> = self
            .open
            .iter_mut()
            .map(|(hash, session)| {
                session.noted = session.idle_ends;
                KeptLogin {
                    token: hexadecimal(&hash.0),
                    left_ms: session.ends - now.mono.0,
                    idle_ms: session.idle_ends - now.mono.0,
                }
            })
            .collect();
        logins.sort_by(|one, two| one.token.cmp(&two.token));
        logins
    }

    /// Opens what was kept `passed` milliseconds ago, as far as there is something left of it. Returns how many are open.
    pub(crate) fn restore(&mut self, logins: &[KeptLogin], passed: u64, now: Now) -> usize {
        for login in logins.iter().take(limits::SESSIONS) {
            let left = |ms: u64| now.mono.0.saturating_add(ms.saturating_sub(passed));
            if let Some(hash) = TokenHash::read(&login.token) {
                let idle_ends = left(login.idle_ms);
                let session = Session {
                    ends: left(login.left_ms),
                    idle_ends,
                    noted: idle_ends,
                };
                self.open.insert(hash, session);
            }
        }
        self.forget_ended(now);
        self.open.len()
    }

    fn forget_ended(&mut self, now: Now) {
        self.open.retain(|_, session| !session.is_over(now));
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

    #[test]
    fn kept_logins_go_on_with_what_was_left_of_them() {
        let mut before = Sessions::new(24.0 * 30.0);
        let (one, two, ended) = (
            before.open([1; 32], at(0)),
            before.open([2; 32], at(20 * HOUR)),
            before.open([3; 32], at(20 * HOUR)),
        );
        before.close(&TokenHash::of(&ended.token));
        assert!(before.is_unsaved());
        let kept = before.keep(at(22 * HOUR));
        assert!(!before.is_unsaved() && kept.len() == 2);
        let text = serde_json::to_string(&kept).unwrap();
        assert!(!text.contains(&one.token) && !text.contains(&one.token[4..]), "{text}");

        // An hour later, of another boot: its clock begins anew.
        let mut after = Sessions::new(1.0);
        assert_eq!(after.restore(&kept, HOUR, at(5)), 2);
        assert!(!after.is_unsaved());
        assert!(after.find(&one.token, at(5)).is_some(), "unused for 23 hours");
        assert_eq!(after.find(&ended.token, at(5)), None);
        assert!(after.find(&two.token, at(HOUR)).is_some());
        let mut late = Sessions::new(1.0);
        assert_eq!(
            late.restore(&kept, 2 * HOUR, at(5)),
            1,
            "24 hours are over for one of them"
        );
        assert!(late.find(&two.token, at(5)).is_some());
    }

    #[test]
    fn use_is_worth_a_write_once_an_hour() {
        let mut sessions = Sessions::new(24.0);
        let fresh = sessions.open([1; 32], at(0));
        sessions.keep(at(0));
        for minute in 1..60 {
            assert!(sessions.find(&fresh.token, at(minute * 60_000)).is_some());
            assert!(!sessions.is_unsaved() && sessions.is_newer(), "{minute}");
        }
        assert!(sessions.find(&fresh.token, at(HOUR)).is_some());
        assert!(sessions.is_unsaved());
        sessions.keep(at(HOUR));
        assert!(!sessions.is_unsaved());
        sessions.not_kept();
        assert!(sessions.is_unsaved());
    }

    #[test]
    fn what_is_no_hash_opens_nothing() {
        let mut sessions = Sessions::new(1.0);
        for token in ["", "zz", &"g".repeat(64), &"é".repeat(32)] {
            let login = KeptLogin {
                token: token.into(),
                left_ms: HOUR,
                idle_ms: HOUR,
            };
            assert_eq!(sessions.restore(&[login], 0, at(0)), 0, "{token}");
        }
    }
}
