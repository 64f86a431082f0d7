//! How busy clients keep a card: differences of the counters in `fdinfo` between two looks.
use std::collections::HashMap;

use gpuyard_core::model::{Mono, Percent};

use super::fdinfo::{Client, Engine};

/// Less says nothing: counters are brought up to date when a piece of work ends.
const SHORTEST_SPAN_MS: u64 = 200;
/// Engines whose work is what `nvidia-smi` calls SM use: drawing and computing, not copying or video.
const KINDS: [&str; 5] = ["gfx", "render", "rcs", "compute", "ccs"];

struct Before {
    at: Mono,
    engines: Vec<(&'static str, Engine)>,
    shares: Vec<(&'static str, f32)>,
    wanted: bool,
}

/// The counters of the look before, by card and client.
#[derive(Default)]
pub(crate) struct Load {
    before: HashMap<(String, u64), Before>,
}

impl Load {
    /// The share of each kind of engine that a client has kept busy since the look before, in percent of all engines of
    /// the kind; `None` at the first.
    pub(crate) fn of(&mut self, client: &Client, now: Mono) -> Option<Vec<(&'static str, f32)>> {
        let current = || {
            let known = KINDS
                .iter()
                .filter_map(|kind| Some((*kind, *client.engines.get(*kind)?)));
            known.collect::<Vec<_>>()
        };
        let key = (client.pci.clone(), client.id);
        let Some(before) = self.before.get_mut(&key) else {
            let first = Before {
                at: now,
                engines: current(),
                shares: Vec::new(),
                wanted: true,
            };
            self.before.insert(key, first);
            return None;
        };
        before.wanted = true;
        let span = now.since(before.at);
        if span >= SHORTEST_SPAN_MS {
            let engines = current();
            before.shares = engines
                .iter()
                .filter_map(|(kind, engine)| {
                    let (_, old) = before.engines.iter().find(|(known, _)| known == kind)?;
                    Some((*kind, share(old, engine, span)?))
                })
                .collect();
            (before.at, before.engines) = (now, engines);
        }
        (!before.shares.is_empty()).then(|| before.shares.clone())
    }

    /// A round is over: forget clients that were not seen in it.
    pub(crate) fn end(&mut self) {
        self.before.retain(|_, before| std::mem::take(&mut before.wanted));
    }
}

/// Percent of the engines of a kind, between two readings `span` milliseconds apart.
fn share(old: &Engine, new: &Engine, span: u64) -> Option<f32> {
    // A counter that goes back belongs to another life of the card.
    let busy = new.busy.checked_sub(old.busy)? as f64;
    let whole = match (old.of, new.of) {
        (Some(old), Some(new)) => new.checked_sub(old).filter(|cycles| *cycles > 0)? as f64,
        (None, None) => span as f64 * 1e6,
        _ => return None,
    };
    Some((busy / whole / new.capacity.max(1) as f64 * 100.0).clamp(0.0, 100.0) as f32)
}

/// The busiest kind of engine, over the sums of several clients.
pub(crate) fn busiest(shares: impl IntoIterator<Item = (&'static str, f32)>) -> Option<Percent> {
    let mut sums: HashMap<&str, f32> = HashMap::new();
    for (kind, share) in shares {
        *sums.entry(kind).or_insert(0.0) += share;
    }
    let most = sums.into_values().fold(None, |most: Option<f32>, sum| {
        Some(most.map_or(sum, |most| most.max(sum)))
    });
    most.map(|share| Percent(share.min(100.0)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn client(engines: &[(&str, u64, Option<u64>, u64)]) -> Client {
        Client {
            pci: "0000:03:00.0".into(),
            id: 1,
            engines: engines
                .iter()
                .map(|(kind, busy, of, capacity)| {
                    let engine = Engine {
                        busy: *busy,
                        of: *of,
                        capacity: *capacity,
                    };
                    ((*kind).to_owned(), engine)
                })
                .collect(),
            ..Client::default()
        }
    }

    #[test]
    fn nanoseconds_and_cycles_both_become_shares() {
        let mut load = Load::default();
        let before = client(&[
            ("render", 0, None, 1),
            ("ccs", 100, Some(1000), 4),
            ("copy", 0, None, 1),
        ]);
        assert_eq!(load.of(&before, Mono(0)), None);
        let after = client(&[
            ("render", 250_000_000, None, 1),
            ("ccs", 2100, Some(2000), 4),
            ("copy", 900_000_000, None, 1),
        ]);
        let shares = load.of(&after, Mono(1000)).unwrap();
        assert_eq!(
            shares,
            [("render", 25.0), ("ccs", 50.0)],
            "two of four engines; copying does not count"
        );
        assert_eq!(busiest(shares), Some(Percent(50.0)));
        assert_eq!(load.of(&after, Mono(1001)).unwrap().len(), 2, "too soon: as it was");
    }

    #[test]
    fn counters_that_go_back_and_clients_that_come_back_are_new() {
        let mut load = Load::default();
        load.of(&client(&[("gfx", 500, None, 1)]), Mono(0));
        assert_eq!(load.of(&client(&[("gfx", 5, None, 1)]), Mono(1000)), None);
        load.end();
        load.end();
        assert_eq!(
            load.of(&client(&[("gfx", 9, None, 1)]), Mono(2000)),
            None,
            "it was forgotten"
        );
        assert_eq!(busiest([]), None);
        assert_eq!(busiest([("gfx", 80.0), ("gfx", 70.0)]), Some(Percent(100.0)));
    }
}
