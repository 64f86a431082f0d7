//! Wrong tries are slowed down, for each address by itself.
use std::{collections::HashMap, net::IpAddr};

use gpuyard_core::model::Mono;

use crate::limits;

/// Whose tries are counted together: a whole IPv6 subnet, since one machine has all of it; and on the machine itself,
/// where all share one address, each user apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    network: u128,
    uid: Option<u32>,
}

impl Source {
    pub(crate) fn new(address: IpAddr, uid: Option<u32>) -> Source {
        let network = match address.to_canonical() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
            IpAddr::V6(v6) if v6.is_loopback() => v6.to_bits(),
            IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
        };
        Source { network, uid }
    }
}

/// Tries that sources have left. A full bucket is not kept.
#[derive(Default)]
pub(crate) struct Throttle {
    buckets: HashMap<Source, Bucket>,
}

struct Bucket {
    tries: f64,
    at: Mono,
}

impl Bucket {
    fn fill(&mut self, now: Mono) {
        let gained = now.since(self.at) as f64 / limits::WRONG_TRY_EVERY.as_millis() as f64;
        self.tries = (self.tries + gained).min(f64::from(limits::WRONG_TRIES));
        self.at = now;
    }
}

impl Throttle {
    /// Whether a try of this source is looked at now, or after how many seconds one will be.
    pub(crate) fn check(&mut self, source: Source, now: Mono) -> Result<(), u64> {
        let Some(bucket) = self.buckets.get_mut(&source) else {
            return Ok(());
        };
        bucket.fill(now);
        if bucket.tries >= 1.0 {
            return Ok(());
        }
        let wait = (1.0 - bucket.tries) * limits::WRONG_TRY_EVERY.as_secs_f64();
        Err((wait.ceil() as u64).max(1))
    }

    /// A try was wrong.
    pub(crate) fn wrong(&mut self, source: Source, now: Mono) {
        if self.buckets.len() >= limits::ADDRESSES && !self.buckets.contains_key(&source) {
            self.make_room(now);
        }
        let bucket = self.buckets.entry(source).or_insert(Bucket {
            tries: f64::from(limits::WRONG_TRIES),
            at: now,
        });
        bucket.fill(now);
        bucket.tries = (bucket.tries - 1.0).max(0.0);
    }

    /// Forgets those that are full again; if none is, the one that has most tries left.
    fn make_room(&mut self, now: Mono) {
        self.buckets.retain(|_, bucket| {
            bucket.fill(now);
            bucket.tries < f64::from(limits::WRONG_TRIES)
        });
        let fullest = self
            .buckets
            .iter()
            .max_by(|(_, a), (_, b)| a.tries.total_cmp(&b.tries))
            .map(|(&s, _)| s);
        if let (true, Some(source)) = (self.buckets.len() >= limits::ADDRESSES, fullest) {
            self.buckets.remove(&source);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn source(address: &str) -> Source {
        Source::new(address.parse().unwrap(), None)
    }

    #[test]
    fn an_address_that_errs_is_slowed_and_others_are_not() {
        let mut throttle = Throttle::default();
        let (bad, good) = (source("10.0.0.1"), source("10.0.0.2"));
        for _ in 0..limits::WRONG_TRIES {
            assert_eq!(throttle.check(bad, Mono(0)), Ok(()));
            throttle.wrong(bad, Mono(0));
        }
        assert_eq!(throttle.check(bad, Mono(0)), Err(2));
        assert_eq!(throttle.check(bad, Mono(1500)), Err(1));
        assert_eq!(throttle.check(good, Mono(0)), Ok(()));
        assert_eq!(throttle.check(bad, Mono(2000)), Ok(()));
        throttle.wrong(bad, Mono(2000));
        assert_eq!(throttle.check(bad, Mono(2000)), Err(2), "one more, not all of them");
        assert_eq!(throttle.check(bad, Mono(3_600_000)), Ok(()));
    }

    #[test]
    fn a_subnet_is_one_source_and_so_is_a_mapped_address() {
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
        let loopback = "127.0.0.1".parse().unwrap();
        assert_ne!(Source::new(loopback, Some(1000)), Source::new(loopback, Some(1001)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut throttle = Throttle::default();
        for i in 0..(limits::ADDRESSES as u32 + 50) {
            throttle.wrong(Source::new(std::net::Ipv4Addr::from_bits(i).into(), None), Mono(0));
        }
        assert_eq!(throttle.buckets.len(), limits::ADDRESSES);
    }
}
