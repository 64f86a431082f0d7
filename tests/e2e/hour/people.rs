//! People at their pages, and scripts beside them: what is open for a while, and how it is left.
use std::{
    io::{Read, Write},
    net::TcpStream,
};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, WebSocket};

use crate::{
    attacks::dial,
    yard::{Daemon, SECRET},
};

/// How somebody goes away.
#[derive(Clone, Copy)]
pub(super) enum Leave {
    /// As the protocol has it.
    Politely,
    /// The connection ends in the middle of everything.
    CutOff,
}

/// A page: a login and its live connection.
pub(super) struct Page {
    pub(super) token: String,
    socket: WebSocket<TcpStream>,
    /// Live messages heard.
    pub(super) heard: u64,
}

impl Page {
    pub(super) fn open(daemon: &Daemon) -> Page {
        let login = daemon.post_as(None, "/api/auth/login", &json!({ "password": SECRET }));
        let token = login.body["token"].as_str().unwrap_or_else(|| panic!("{login:?}"));
        let url = format!("ws://127.0.0.1:{}/api/ws", daemon.port);
        let (socket, _) = tungstenite::client(url, dial(daemon)).unwrap();
        let mut page = Page {
            token: token.to_owned(),
            socket,
            heard: 0,
        };
        page.say(&json!({"op": "hello", "token": token, "lang": "en"}));
        page.hears(|message| message["op"] == "hello");
        page
    }

    fn say(&mut self, message: &Value) {
        self.socket.send(Message::text(message.to_string())).unwrap();
    }

    /// Hears until something comes, which the connection's own limit of time waits for.
    #[track_caller]
    pub(super) fn hears(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else {
                continue;
            };
            self.heard += 1;
            let message: Value = serde_json::from_str(&text).unwrap();
            assert!(message["op"] != "error", "{message}");
            if wanted(&message) {
                return message;
            }
        }
    }

    /// Subscribes, and has the whole topic.
    #[track_caller]
    pub(super) fn follow(&mut self, topic: &str) {
        self.say(&json!({"op": "subscribe", "topic": topic}));
        self.hears(|message| {
            message["op"] == "snapshot" && message["topic"] == topic && message["part"] == message["of"]
        });
    }

    /// Goes to another page.
    pub(super) fn turn_from(&mut self, topic: &str) {
        self.say(&json!({"op": "unsubscribe", "topic": topic}));
    }

    pub(super) fn leave(mut self, how: Leave) {
        if let Leave::Politely = how {
            self.socket.close(None).unwrap();
            // Until the daemon has closed, too.
            while self.socket.read().is_ok() {}
        }
    }
}

/// An answer that goes on and on: server-sent events, a log.
pub(super) struct Stream {
    stream: TcpStream,
    seen: String,
}

impl Stream {
    pub(super) fn open(daemon: &Daemon, path: &str) -> Stream {
        let mut stream = dial(daemon);
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let seen = String::new();
        let mut stream = Stream { stream, seen };
        stream.shows("HTTP/1.1 200");
        stream
    }

    /// Reads until it has shown something.
    #[track_caller]
    pub(super) fn shows(&mut self, what: &str) {
        let mut piece = [0; 4096];
        while !self.seen.contains(what) {
            let read = self.stream.read(&mut piece).unwrap();
            assert!(read > 0, "it ended before {what:?}: {}", self.seen);
            self.seen += &String::from_utf8_lossy(&piece[..read]);
        }
    }
}
