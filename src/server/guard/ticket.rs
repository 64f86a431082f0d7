//! Tickets: good once, for one thing, for a minute. A browser that saves a file cannot send a header with it.
use std::collections::HashMap;

use gpuyard_core::model::Now;
use jiff::{SignedDuration, Timestamp};

use super::{
    Principal,
    secret::{hash, hexadecimal},
};
use crate::limits;

/// What a ticket is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Granted {
    /// Who got it.
    pub(crate) principal: Principal,
    /// The query that it stands for.
    pub(crate) query: String,
}

struct Ticket {
    granted: Granted,
    /// On the monotonic clock.
    ends: u64,
}

/// The tickets that have not been used.
#[derive(Default)]
pub(super) struct Tickets {
    /// By their hashes.
    open: HashMap<[u8; 32], Ticket>,
}

impl Tickets {
    /// A new one; `random` is fresh from the system. Returns it, and when it ends.
    pub(super) fn give(&mut self, granted: Granted, random: [u8; 32], now: Now) -> (String, Timestamp) {
        self.open.retain(|_, ticket| now.mono.0 < ticket.ends);
        if self.open.len() >= limits::TICKETS
            && let Some(oldest) = self
                .open
                .iter()
                .min_by_key(|(_, ticket)| ticket.ends)
                .map(|(hash, _)| *hash)
        {
            self.open.remove(&oldest);
        }
        let text = hexadecimal(&random);
        let length = limits::TICKET_TIME.as_millis() as u64;
        let ends = now.mono.0.saturating_add(length);
        self.open.insert(hash(text.as_bytes()), Ticket { granted, ends });
        let until = now.wall.checked_add(SignedDuration::from_millis(length as i64));
        (text, until.unwrap_or(Timestamp::MAX))
    }

    /// What a ticket is good for, if it is; it is used up.
    pub(super) fn redeem(&mut self, text: &str, now: Now) -> Option<Granted> {
        let ticket = self.open.remove(&hash(text.as_bytes()))?;
        (now.mono.0 < ticket.ends).then_some(ticket.granted)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::Mono;

    use super::*;

    fn at(ms: u64) -> Now {
        Now {
            wall: Timestamp::UNIX_EPOCH,
            mono: Mono(ms),
        }
    }

    fn granted(query: &str) -> Granted {
        Granted {
            principal: Principal::anyone(0),
            query: query.into(),
        }
    }

    #[test]
    fn a_ticket_is_good_once_and_for_a_minute() {
        let mut tickets = Tickets::default();
        let (one, until) = tickets.give(granted("a"), [1; 32], at(0));
        assert_eq!(until, "1970-01-01T00:01:00Z".parse().unwrap());
        let (two, _) = tickets.give(granted("b"), [2; 32], at(0));
        assert_eq!(tickets.redeem(&one, at(59_999)), Some(granted("a")));
        assert_eq!(tickets.redeem(&one, at(59_999)), None);
        assert_eq!(tickets.redeem(&two, at(60_000)), None);
        assert_eq!(tickets.redeem("", at(0)), None);
    }

    #[test]
    fn there_is_a_limit_to_tickets() {
        let mut tickets = Tickets::default();
        for i in 0..limits::TICKETS as u64 + 5 {
            let mut random = [0; 32];
            random[..8].copy_from_slice(&i.to_le_bytes());
            tickets.give(granted("x"), random, at(i));
        }
        assert_eq!(tickets.open.len(), limits::TICKETS);
    }
}
