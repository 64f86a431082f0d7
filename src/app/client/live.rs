//! Live changes of a daemon: topics that are kept as they stand there, through lost connections.
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, Read},
    time::Duration,
};

use gpuyard_core::model::Lang;
use serde::Deserialize;
use serde_json::Value;

use super::{Context, Daemon, daemon::encoded, watch::Changes};
use crate::{
    failure::{Exit, Failure},
    output,
};

/// Between two tries to be connected again: at first, and at most.
const FIRST: Duration = Duration::from_millis(500);
const LAST: Duration = Duration::from_secs(10);
/// More than the longest message.
const MOST_BYTES: u64 = 64 << 20;

/// A topic: keys and their values.
pub(crate) type Topic = BTreeMap<String, Value>;

/// A connection over which changes come.
pub(crate) struct Live<'a> {
    daemon: &'a Daemon,
    lang: Lang,
    names: BTreeSet<String>,
    topics: BTreeMap<String, Topic>,
    /// Snapshots of which parts are still to come.
    coming: BTreeMap<String, Topic>,
    stream: Option<Box<dyn BufRead>>,
    /// The connection was lost, and that was told.
    lost: bool,
    /// How often it was connected.
    connections: u32,
}

/// A message, as docs/API-LIVE.md has it.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Message {
    Snapshot {
        topic: String,
        part: u32,
        of: u32,
        set: Topic,
    },
    Change {
        topic: String,
        #[serde(default)]
        set: Topic,
        #[serde(default)]
        removed: Vec<String>,
    },
    Error {
        topic: Option<String>,
        code: String,
        message: String,
    },
    #[serde(other)]
    Other,
}

/// What came.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A topic is another now.
    Topic(String),
    /// A sign of life, some seconds after the one before.
    Beat,
}

impl<'a> Live<'a> {
    /// Begins to listen. A daemon that cannot be reached now is an error; one that is lost later is waited for.
    pub(crate) fn open(
        context: &Context,
        daemon: &'a Daemon,
        names: impl IntoIterator<Item = String>,
    ) -> Result<Live<'a>, Failure> {
        let mut live = Live {
            daemon,
            lang: context.lang,
            names: names.into_iter().collect(),
            topics: BTreeMap::new(),
            coming: BTreeMap::new(),
            stream: None,
            lost: false,
            connections: 0,
        };
        live.connect()?;
        Ok(live)
    }

    /// Listens to these topics, and no longer to others.
    pub(crate) fn listen(&mut self, names: impl IntoIterator<Item = String>) {
        let names: BTreeSet<String> = names.into_iter().collect();
        if names != self.names {
            self.names = names;
            self.topics.clear();
            self.stream = None;
        }
    }

    /// A topic as it stands; `None` until all of it has come.
    pub(crate) fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.get(name)
    }

    /// Counts the connections. What a daemon counts for itself begins anew with each.
    pub(crate) fn connections(&self) -> u32 {
        self.connections
    }

    /// Whether a topic is listened to.
    pub(crate) fn listens_to(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// Waits for what is new.
    pub(crate) fn next(&mut self) -> Result<News, Failure> {
        loop {
            if self.stream.is_none() {
                self.connect_again()?;
            }
            match self.message() {
                Some(message) => {
                    if let Some(news) = self.take(message)? {
                        return Ok(news);
                    }
                }
                None => self.lose(),
            }
        }
    }

    fn connect(&mut self) -> Result<(), Failure> {
        // Snapshots of all of it come first.
        self.topics.clear();
        self.coming.clear();
        let names: Vec<String> = self.names.iter().map(|name| encoded(name)).collect();
        let path = format!("/api/events?topics={}&rate=0.5", names.join(","));
        self.stream = Some(Box::new(self.daemon.stream(&path)?));
        self.connections += 1;
        Ok(())
    }

    /// Tries until it is connected. A daemon that answers, and refuses, is not asked again.
    fn connect_again(&mut self) -> Result<(), Failure> {
        let mut time = Changes::new();
        let mut pause = FIRST;
        loop {
            match self.connect() {
                Ok(()) => break,
                Err(failure) if failure.exit == Exit::Failed => self.lose(),
                Err(failure) => return Err(failure),
            }
            time.wait_for(pause)?;
            pause = (pause * 2).min(LAST);
        }
        if std::mem::take(&mut self.lost) {
            output::note(say!(
                self.lang,
                "connected to {address} again",
                "已重新连接 {address}",
                address = self.daemon.address_of()
            ));
        }
        Ok(())
    }

    fn lose(&mut self) {
        self.stream = None;
        if !std::mem::replace(&mut self.lost, true) {
            output::note(say!(
                self.lang,
                "the connection to {address} is lost; trying again",
                "与 {address} 的连接已断开，正在重试",
                address = self.daemon.address_of()
            ));
        }
    }

    /// The data of the next event; `None` where the connection is lost, or says what makes no sense.
    fn message(&mut self) -> Option<Message> {
        let stream = self.stream.as_mut()?;
        loop {
            let mut line = String::new();
            let read = (&mut *stream).take(MOST_BYTES).read_line(&mut line).ok()?;
            if read == 0 || !line.ends_with('\n') {
                return None;
            }
            // Each event of ours has its data on one line, and says in it what it is.
            if let Some(data) = line.strip_prefix("data:") {
                return serde_json::from_str(data).ok();
            }
        }
    }

    fn take(&mut self, message: Message) -> Result<Option<News>, Failure> {
        match message {
            Message::Snapshot { topic, part, of, set } => {
                let coming = self.coming.entry(topic.clone()).or_default();
                coming.extend(set);
                if part < of {
                    return Ok(None);
                }
                let whole = self.coming.remove(&topic).unwrap_or_default();
                self.topics.insert(topic.clone(), whole);
                Ok(Some(News::Topic(topic)))
            }
            Message::Change { topic, set, removed } => {
                let map = self.topics.entry(topic.clone()).or_default();
                removed.iter().for_each(|key| drop(map.remove(key)));
                map.extend(set);
                Ok(Some(News::Topic(topic)))
            }
            Message::Error { topic, code, message } => {
                // What is not there (any more) is for whoever listens to judge; the rest is told and may pass.
                if code.starts_with("no_such") && self.names.len() == 1 {
                    return Err(Failure::new(Exit::NotFound, message));
                }
                if code.starts_with("no_such") {
                    let topic = topic.unwrap_or_default();
                    self.topics.remove(&topic);
                    return Ok(Some(News::Topic(topic)));
                }
                output::note(message);
                Ok(None)
            }
            Message::Other => Ok(Some(News::Beat)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Cursor;

    use super::*;
    use crate::output::Screen;

    fn live<'a>(daemon: &'a Daemon, text: &str) -> Live<'a> {
        Live {
            daemon,
            lang: Lang::En,
            names: ["a", "b"].map(str::to_owned).into(),
            topics: BTreeMap::new(),
            coming: BTreeMap::new(),
            stream: Some(Box::new(Cursor::new(text.to_owned()))),
            lost: false,
            connections: 0,
        }
    }

    #[test]
    fn topics_are_kept_as_they_stand() {
        let context = Context {
            screen: Screen::plain(),
            lang: Lang::En,
            root: "/".into(),
            url: None,
        };
        let daemon = Daemon::elsewhere(&context, "http://127.0.0.1:1", None);
        let text = [
            r#"event: hello
data: {"op":"hello","version":"1","heartbeat":5}
"#,
            r#"data: {"op":"snapshot","topic":"a","seq":1,"part":1,"of":2,"set":{"x":1}}
"#,
            r#"data: {"op":"snapshot","topic":"a","seq":1,"part":2,"of":2,"set":{"y":2}}
"#,
            r#"data: {"op":"change","topic":"a","seq":2,"set":{"z":3},"removed":["x"]}
"#,
            r#"data: {"op":"error","topic":"b","code":"no_such_run","message":"gone"}
"#,
            r#"data: {"op":"ping","at":"2026-01-01T00:00:00Z"}
"#,
            r#"data: {"op":"chan"#,
        ]
        .join("\n");
        let mut live = live(&daemon, &text);
        let mut told = Vec::new();
        while let Some(message) = live.message() {
            if let Some(news) = live.take(message).unwrap() {
                told.push((news, live.topic("a").map(|a| a.keys().cloned().collect::<String>())));
            }
        }
        let topic = |name: &str| News::Topic(name.to_owned());
        let keys = |keys: &str| Some(keys.to_owned());
        let wanted = [
            (News::Beat, None),
            (topic("a"), keys("xy")),
            (topic("a"), keys("yz")),
            (topic("b"), keys("yz")),
            (News::Beat, keys("yz")),
        ];
        assert_eq!(told, wanted);
    }
}
