//! What a topic holds: each value as the JSON text that was written once, and which of them changed since when.
use std::{
    collections::BTreeMap,
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use crate::limits;

/// A key as JSON, its quotes with it.
pub(crate) type Key = Arc<str>;

/// What a source says: a value as JSON, or `None` where a key's value is what it was.
pub(crate) type Said = BTreeMap<Key, Option<Arc<str>>>;

struct Entry {
    text: Arc<str>,
    /// The change that brought it; no two changes have one number.
    since: u64,
}

/// A topic's entries.
pub(crate) struct Board {
    /// Bytes after which a piece takes nothing more in.
    length: usize,
    entries: BTreeMap<Key, Entry>,
    /// Keys that are gone, with the change that took each.
    gone: BTreeMap<Key, u64>,
    /// Every key by its newest change.
    order: BTreeMap<u64, Key>,
    newest: u64,
    /// What was removed up to here is forgotten: who knows no more than this needs a snapshot.
    floor: u64,
    /// The last text that was put together: many listeners are at one place and want the same one.
    last: Option<(Want, Piece)>,
}

/// Where a listener stands, and what it therefore wants.
#[derive(Clone, PartialEq, Eq)]
enum Want {
    Part { after: Option<Key>, at: u64 },
    Change { from: u64, to: u64 },
}

/// A piece of a topic, ready to be sent but for its head.
#[derive(Clone)]
pub(crate) struct Piece {
    /// `"set":{…}`, and for a change `,"removed":[…]`.
    pub(crate) body: Arc<str>,
    /// Up to which change it brings its listener, or after which key a snapshot goes on.
    pub(crate) upto: Upto,
}

/// How far a piece goes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Upto {
    /// A change: all up to this number.
    Change(u64),
    /// A snapshot that goes on after this key.
    Key(Key),
    /// The snapshot is whole.
    End,
}

impl Board {
    /// An empty topic, told in pieces of about so many bytes.
    pub(crate) fn new(length: usize) -> Board {
        Board {
            length,
            entries: BTreeMap::new(),
            gone: BTreeMap::new(),
            order: BTreeMap::new(),
            newest: 0,
            floor: 0,
            last: None,
        }
    }

    /// Takes in all that a topic holds now; returns whether anything is other than it was.
    pub(crate) fn take(&mut self, said: Said) -> bool {
        let before = self.newest;
        let gone: Vec<Key> = self
            .entries
            .keys()
            .filter(|key| !said.contains_key(*key))
            .cloned()
            .collect();
        for key in gone {
            self.remove(key);
        }
        for (key, text) in said {
            if let Some(text) = text {
                self.put(key, text);
            }
        }
        if self.gone.len() > limits::REMOVED_KEYS {
            for number in std::mem::take(&mut self.gone).into_values() {
                self.order.remove(&number);
            }
            self.floor = self.newest;
        }
        self.newest != before
    }

    fn put(&mut self, key: Key, text: Arc<str>) {
        if self.entries.get(&key).is_some_and(|entry| entry.text == text) {
            return;
        }
        self.newest += 1;
        let since = self.newest;
        let before = self.entries.insert(Arc::clone(&key), Entry { text, since });
        let before = before.map(|entry| entry.since).or_else(|| self.gone.remove(&key));
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.insert(since, key);
    }

    fn remove(&mut self, key: Key) {
        let Some(entry) = self.entries.remove(&key) else {
            return;
        };
        self.newest += 1;
        self.order.remove(&entry.since);
        self.order.insert(self.newest, Arc::clone(&key));
        self.gone.insert(key, self.newest);
    }

    /// The number of the newest change.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether who knows all up to `seen` can be told the rest as changes.
    pub(crate) fn reaches(&self, seen: u64) -> bool {
        seen >= self.floor
    }

    /// A part of the whole: what comes after a key, as much as one message carries.
    pub(crate) fn part(&mut self, after: Option<&Key>) -> Piece {
        let want = Want::Part {
            after: after.cloned(),
            at: self.newest,
        };
        self.made(want, |board| {
            let from = after.map_or(Unbounded, Excluded);
            let mut rest = board.entries.range::<Key, _>((from, Unbounded)).peekable();
            let mut set = String::from("\"set\":{");
            let mut last = None;
            while let Some((key, entry)) = rest.next_if(|_| set.len() < board.length) {
                pair(&mut set, key, &entry.text);
                last = Some(key);
            }
            set.push('}');
            let upto = match (rest.peek(), last) {
                (Some(_), Some(last)) => Upto::Key(Arc::clone(last)),
                _ => Upto::End,
            };
            Piece { body: set.into(), upto }
        })
    }

    /// What changed after `seen`, as much as one message carries; `None` where nothing did.
    pub(crate) fn change(&mut self, seen: u64) -> Option<Piece> {
        if seen >= self.newest {
            return None;
        }
        let want = Want::Change {
            from: seen,
            to: self.newest,
        };
        Some(self.made(want, |board| {
            let (mut set, mut removed) = (String::from("\"set\":{"), String::from(",\"removed\":["));
            let mut upto = board.newest;
            for (&number, key) in board.order.range((Excluded(seen), Unbounded)) {
                match board.entries.get(key) {
                    Some(entry) => pair(&mut set, key, &entry.text),
                    None => {
                        comma(&mut removed);
                        removed.push_str(key);
                    }
                }
                if set.len() + removed.len() >= board.length {
                    upto = number;
                    break;
                }
            }
            Piece {
                body: format!("{set}}}{removed}]").into(),
                upto: Upto::Change(upto),
            }
        }))
    }

    fn made(&mut self, want: Want, make: impl FnOnce(&Board) -> Piece) -> Piece {
        if let Some((_, piece)) = self.last.as_ref().filter(|(of, _)| *of == want) {
            return piece.clone();
        }
        let piece = make(self);
        self.last = Some((want, piece.clone()));
        piece
    }
}

fn pair(set: &mut String, key: &str, text: &str) {
    comma(set);
    set.push_str(key);
    set.push(':');
    set.push_str(text);
}

/// Between two entries, and not before the first.
fn comma(text: &mut String) {
    if !text.ends_with(['{', '[']) {
        text.push(',');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    type Map = BTreeMap<String, Value>;

    fn said(map: &Map) -> Said {
        let quoted = |key: &String| json!(key).to_string().into();
        map.iter()
            .map(|(key, value)| (quoted(key), Some(value.to_string().into())))
            .collect()
    }

    fn read(piece: &Piece) -> Value {
        serde_json::from_str(&format!("{{{}}}", piece.body)).unwrap()
    }

    /// A client as pages have it.
    #[derive(Default)]
    struct Client {
        map: Map,
        parts: Map,
        after: Option<Key>,
        begun: Option<u64>,
        seen: Option<u64>,
    }

    impl Client {
        /// Takes one message, if there is one; a message that takes it nowhere would be one for ever.
        fn hear(&mut self, board: &mut Board) -> bool {
            if self.seen.is_some_and(|seen| !board.reaches(seen)) {
                (self.seen, self.begun, self.after) = (None, None, None);
            }
            let Some(seen) = self.seen else {
                let begun = *self.begun.get_or_insert(board.newest());
                if self.after.is_none() {
                    self.parts.clear();
                }
                let piece = board.part(self.after.as_ref());
                self.parts
                    .extend(serde_json::from_value::<Map>(read(&piece)["set"].clone()).unwrap());
                match piece.upto {
                    Upto::Key(key) => self.after = Some(key),
                    _ => {
                        self.map = std::mem::take(&mut self.parts);
                        (self.seen, self.begun, self.after) = (Some(begun), None, None);
                    }
                }
                return true;
            };
            let Some(piece) = board.change(seen) else {
                return false;
            };
            let change = read(&piece);
            self.map
                .extend(serde_json::from_value::<Map>(change["set"].clone()).unwrap());
            for key in change["removed"].as_array().unwrap() {
                self.map.remove(key.as_str().unwrap());
            }
            let Upto::Change(upto) = piece.upto else {
                panic!("no change")
            };
            assert!(upto > seen);
            self.seen = Some(upto);
            true
        }
    }

    #[test]
    fn a_change_says_what_is_new_and_what_is_gone_and_nothing_else() {
        let mut board = Board::new(1000);
        let map = |value: Value| serde_json::from_value::<Map>(value).unwrap();
        assert!(board.take(said(&map(json!({"a": 1, "b\"": 2, "c": 3})))));
        let whole = board.part(None);
        assert_eq!(read(&whole), json!({"set": {"a": 1, "b\"": 2, "c": 3}}));
        assert!(whole.upto == Upto::End);
        let seen = board.newest();
        assert!(
            !board.take(said(&map(json!({"a": 1, "b\"": 2, "c": 3})))),
            "nothing is new"
        );
        assert!(board.change(seen).is_none());
        board.take(said(&map(json!({"a": 1, "c": 4, "d": 5}))));
        let change = board.change(seen).unwrap();
        assert_eq!(read(&change), json!({"set": {"c": 4, "d": 5}, "removed": ["b\""]}));
        board.take(said(&map(json!({"a": 1, "b\"": 6, "c": 4, "d": 5}))));
        let change = board.change(seen).unwrap();
        assert_eq!(
            read(&change),
            json!({"set": {"b\"": 6, "c": 4, "d": 5}, "removed": []}),
            "it is back"
        );
        let mut kept = said(&map(json!({"a": 7})));
        kept.insert("\"c\"".into(), None);
        let seen = board.newest();
        board.take(kept);
        let change = board.change(seen).unwrap();
        assert_eq!(read(&change), json!({"set": {"a": 7}, "removed": ["b\"", "d"]}));
    }

    #[test]
    fn many_at_one_place_share_one_text() {
        let mut board = Board::new(1000);
        board.take(said(&Map::from([("a".into(), json!(1))])));
        assert!(Arc::ptr_eq(&board.part(None).body, &board.part(None).body));
        board.take(said(&Map::from([("a".into(), json!(2))])));
        let (one, two) = (board.change(1).unwrap(), board.change(1).unwrap());
        assert!(Arc::ptr_eq(&one.body, &two.body));
    }

    #[test]
    fn every_listener_ends_with_what_the_topic_holds() {
        // Any sequence of numbers serves; this one is the same in every run.
        let mut random = 7_u64;
        let mut dice = |sides: u64| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % sides
        };
        let mut board = Board::new(1000);
        let mut clients: Vec<Client> = (0..4).map(|_| Client::default()).collect();
        let (mut snapshots_in_parts, mut changes) = (0, 0);
        let mut map: Map = (0..200).map(|key| (format!("k{key}"), json!("x".repeat(30)))).collect();
        for step in 0..600 {
            match dice(3) {
                // Values that make some messages too long for one.
                0 if dice(2) == 0 => _ = map.insert(format!("k{}", dice(200)), json!("x".repeat(dice(50) as usize))),
                1 => _ = map.remove(&format!("k{}", dice(200))),
                // Enough at once that what is gone is forgotten.
                _ if dice(100) == 0 => {
                    let many = limits::REMOVED_KEYS + 1;
                    map.retain(|key, _| key.starts_with('k'));
                    map.extend((0..many).map(|key| (format!("{step}.{key}"), json!(step))));
                }
                _ => {}
            }
            board.take(said(&map));
            let client = dice(4) as usize;
            // The last one is slow.
            if client < 3 || dice(20) == 0 {
                changes += u64::from(clients[client].hear(&mut board));
                snapshots_in_parts += u64::from(clients[client].after.is_some());
            }
        }
        assert!(
            snapshots_in_parts > 10 && changes > 50 && board.floor > 0,
            "{snapshots_in_parts} {changes}"
        );
        for client in &mut clients {
            while client.hear(&mut board) {}
            assert!(client.map == map);
        }
    }

    #[test]
    fn no_piece_is_much_longer_than_it_should_be() {
        let mut board = Board::new(26_000);
        let value = json!("x".repeat(1000));
        board.take(said(&(0..500).map(|key| (format!("k{key}"), value.clone())).collect()));
        let (mut after, mut parts) = (None, 0);
        loop {
            let piece = board.part(after.as_ref());
            assert!(piece.body.len() < 27_100);
            parts += 1;
            match piece.upto {
                Upto::Key(key) => after = Some(key),
                _ => break,
            }
        }
        assert_eq!(parts, 20);
        assert!(board.change(0).unwrap().body.len() < 27_100);
    }
}
