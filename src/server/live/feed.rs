//! What one client listens to: the messages that it is sent, one after the other, when it can take them.
use std::{collections::BTreeMap, sync::Arc, time::Duration};

use axum::http::StatusCode;
use gpuyard_core::model::Lang;
use gpuyard_exec::{clock, identity};
use serde_json::json;
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::{
    board::{Key, Upto},
    topic::Topic,
};
use crate::{app::App, error::ApiError, guard::Principal, limits};

/// A message: what it is, and the JSON of it.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) op: &'static str,
    pub(crate) text: String,
}

/// Why a feed has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Its client is no longer let in.
    Out,
    /// The daemon ends.
    End,
}

/// One client's topics, and how far it has been told of each.
pub(crate) struct Feed {
    app: Arc<App>,
    principal: Principal,
    lang: Lang,
    woken: Arc<Notify>,
    heard: Vec<Subscription>,
    /// The last number of each topic that was ever listened to.
    numbers: BTreeMap<String, u64>,
    beat: Instant,
    /// Changes when somebody's login ends.
    out: watch::Receiver<u64>,
}

struct Subscription {
    name: String,
    topic: Arc<Topic>,
    rate: Duration,
    /// The next message not before this.
    due: Instant,
    at: At,
    /// Troubles that its client was told of.
    told: u64,
}

/// How far a client has been told.
enum At {
    /// In the middle of a snapshot: the number of the next part, where it goes on, and what it was begun with.
    Snapshot {
        part: u32,
        after: Option<Key>,
        seen: Option<u64>,
    },
    /// Up to this change.
    Change(u64),
}

const BEGIN: At = At::Snapshot {
    part: 1,
    after: None,
    seen: None,
};

impl Feed {
    /// A feed of nothing yet, for somebody who was let in.
    pub(crate) fn new(app: &Arc<App>, principal: Principal, lang: Lang) -> Feed {
        Feed {
            out: app.guard.departures(),
            app: Arc::clone(app),
            principal,
            lang,
            woken: Arc::default(),
            heard: Vec::new(),
            numbers: BTreeMap::new(),
            beat: Instant::now() + limits::HEARTBEAT,
        }
    }

    /// What comes first.
    pub(crate) fn hello(&self) -> Message {
        let hello = json!({
            "op": "hello",
            "version": env!("CARGO_PKG_VERSION"),
            "heartbeat": limits::HEARTBEAT.as_secs(),
            "node": identity::node().hostname,
        });
        Message {
            op: "hello",
            text: hello.to_string(),
        }
    }

    /// Word of an error, in the client's language.
    pub(crate) fn error(&self, topic: Option<&str>, error: &ApiError) -> Message {
        error_message(topic, error, self.lang)
    }

    /// Begins a topic, or begins it anew. `rate`: least seconds between two messages of it.
    pub(crate) fn subscribe(&mut self, name: &str, rate: Option<f64>) -> Result<(), ApiError> {
        let rate = rate.map(checked).transpose()?.unwrap_or_default();
        self.unsubscribe(name);
        if self.heard.len() >= limits::TOPICS_EACH {
            return Err(too_many());
        }
        let topic = self.app.live.topic(&self.app, name, self.lang)?;
        topic.tell(&self.woken);
        self.heard.push(Subscription {
            name: name.to_owned(),
            topic,
            rate,
            due: Instant::now(),
            at: BEGIN,
            told: 0,
        });
        Ok(())
    }

    /// Ends a topic; one that was not listened to is ended already.
    pub(crate) fn unsubscribe(&mut self, name: &str) {
        self.heard.retain(|one| one.name != name);
    }

    /// The next message, as soon as there is one. What has not been taken out is not lost when this is dropped half-way.
    pub(crate) async fn next(&mut self) -> Result<Message, Stop> {
        loop {
            let now = Instant::now();
            if self.out.has_changed().unwrap_or(false) || now >= self.beat {
                self.out.mark_unchanged();
                if !self.app.guard.is_in(&self.principal) {
                    return Err(Stop::Out);
                }
            }
            if now >= self.beat {
                self.beat = now + limits::HEARTBEAT;
                let ping = json!({"op": "ping", "at": clock::now().wall});
                return Ok(Message {
                    op: "ping",
                    text: ping.to_string(),
                });
            }
            if let Some(message) = self.due(now) {
                return Ok(message);
            }
            let until = self
                .heard
                .iter()
                .filter(|one| one.due > now && one.has_news())
                .map(|one| one.due);
            let until = until.chain([self.beat]).min().unwrap_or(self.beat);
            tokio::select! {
                () = self.woken.notified() => {}
                () = tokio::time::sleep_until(until) => {}
                _ = self.out.changed() => self.out.mark_changed(),
                () = self.app.live.ending() => return Err(Stop::End),
            }
        }
    }

    /// A message of the first topic that has one to send now. The others come first the next time.
    fn due(&mut self, now: Instant) -> Option<Message> {
        for place in 0..self.heard.len() {
            let one = &mut self.heard[place];
            let number = self.numbers.entry(one.name.clone()).or_default();
            let Some(said) = one.say(number, self.lang, now) else {
                continue;
            };
            match said {
                Said::Message(message) => {
                    self.heard.rotate_left(place + 1);
                    return Some(message);
                }
                Said::Last(message) => {
                    self.heard.remove(place);
                    return Some(message);
                }
            }
        }
        None
    }
}

/// What a subscription has to say.
enum Said {
    Message(Message),
    /// There is no such topic any more.
    Last(Message),
}

impl Subscription {
    fn has_news(&self) -> bool {
        let mut look = self.topic.look();
        match &self.at {
            At::Snapshot { .. } => look.board().is_some(),
            At::Change(seen) => look.board().is_some_and(|board| board.newest() > *seen),
        }
    }

    /// What is to be said now. `number` is the last number of the topic.
    fn say(&mut self, number: &mut u64, lang: Lang, now: Instant) -> Option<Said> {
        let mut look = self.topic.look();
        if let Some((told, error)) = look.trouble(self.told) {
            self.told = told;
            let message = error_message(Some(&self.name), &error, lang);
            return Some(if error.status == StatusCode::NOT_FOUND {
                Said::Last(message)
            } else {
                Said::Message(message)
            });
        }
        let begun = matches!(self.at, At::Snapshot { part: 2.., .. });
        if now < self.due && !begun {
            return None;
        }
        let board = look.board()?;
        if matches!(self.at, At::Change(seen) if !board.reaches(seen)) {
            self.at = BEGIN;
        }
        match &mut self.at {
            At::Snapshot { part, after, seen } => {
                let seen = *seen.get_or_insert(board.newest());
                let piece = board.part(after.as_ref());
                // All parts of a snapshot carry one number.
                *number += u64::from(*part == 1);
                let (this, more) = (*part, piece.upto != Upto::End);
                match piece.upto {
                    Upto::Key(key) => {
                        *part += 1;
                        *after = Some(key);
                    }
                    _ => {
                        self.due = now + self.rate;
                        self.at = At::Change(seen);
                    }
                }
                let of = this + u32::from(more);
                let head = format!("\"part\":{this},\"of\":{of},");
                Some(Said::Message(message(
                    "snapshot",
                    &self.name,
                    *number,
                    &head,
                    &piece.body,
                )))
            }
            At::Change(seen) => {
                let piece = board.change(*seen)?;
                if let Upto::Change(upto) = piece.upto {
                    *seen = upto;
                }
                if *seen >= board.newest() {
                    self.due = now + self.rate;
                }
                *number += 1;
                Some(Said::Message(message("change", &self.name, *number, "", &piece.body)))
            }
        }
    }
}

fn message(op: &'static str, topic: &str, number: u64, head: &str, body: &str) -> Message {
    let topic = serde_json::Value::from(topic);
    Message {
        op,
        text: format!("{{\"op\":\"{op}\",\"topic\":{topic},\"seq\":{number},{head}{body}}}"),
    }
}

/// Word of an error.
pub(crate) fn error_message(topic: Option<&str>, error: &ApiError, lang: Lang) -> Message {
    let said = json!({"op": "error", "topic": topic, "code": error.code, "message": error.message.get(lang)});
    Message {
        op: "error",
        text: said.to_string(),
    }
}

fn checked(seconds: f64) -> Result<Duration, ApiError> {
    if limits::RATES.contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    let (least, most) = (limits::RATES.start(), limits::RATES.end());
    Err(ApiError::field(
        "rate",
        "range",
        format!("a rate is {least} to {most} seconds, not {seconds}"),
        format!("间隔应为 {least} 到 {most} 秒，而不是 {seconds}"),
    ))
}

fn too_many() -> ApiError {
    let most = limits::TOPICS_EACH;
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_topics",
        format!("one connection listens to {most} topics at most"),
        format!("一个连接最多订阅 {most} 个主题"),
    )
}

#[cfg(test)]
impl Feed {
    /// What is listened to.
    pub(super) fn heard_names(&self) -> Vec<&str> {
        self.heard.iter().map(|one| one.name.as_str()).collect()
    }
}
