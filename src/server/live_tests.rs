//! The live connection over real sockets: who is let in, who is not, and how it ends.
use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use gpuyard_core::model::Settings;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::{
    connection::{self, Door},
    limits,
    router::router,
    yard::{SECRET, Yard, call, known, yard},
};

/// Longer than anything here takes; a test that fails says so instead of hanging.
const LONG: Duration = Duration::from_secs(30);

/// A daemon that listens.
struct Served {
    yard: Yard,
    address: SocketAddr,
    done: JoinHandle<()>,
}

async fn served() -> Served {
    let yard = yard();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = Door {
        router: router(&yard.app),
        tls: None,
    };
    let done = tokio::spawn(connection::serve(listener, door, yard.end.subscribe()));
    Served { yard, address, done }
}

struct Socket(WebSocketStream<TcpStream>);

impl Served {
    async fn dial(&self, origin: Option<&str>, host: Option<&str>) -> Result<Socket, Error> {
        let mut request = format!("ws://{}/api/ws", self.address).into_client_request().unwrap();
        for (name, value) in [("origin", origin), ("host", host)] {
            if let Some(value) = value {
                request.headers_mut().insert(name, value.parse().unwrap());
            }
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        client_async(request, stream).await.map(|(socket, _)| Socket(socket))
    }

    /// A socket that has said something first.
    async fn said(&self, first: Value) -> Socket {
        let mut socket = self.dial(None, None).await.unwrap();
        socket.say(first).await;
        socket
    }

    async fn token(&self) -> String {
        let password = json!({ "password": SECRET }).to_string();
        let (_, body) = self.yard.ask(call("POST", "/api/auth/login", None, &password)).await;
        body["token"].as_str().unwrap().to_owned()
    }
}

impl Socket {
    async fn say(&mut self, what: Value) {
        self.0.send(Message::text(what.to_string())).await.unwrap();
    }

    /// The next message, or the code with which it was closed.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let next = tokio::time::timeout(LONG, self.0.next()).await.unwrap();
            match next {
                Some(Ok(Message::Text(text))) => {
                    let said: Value = serde_json::from_str(&text).unwrap();
                    if said["op"] != "ping" {
                        return Ok(said);
                    }
                }
                Some(Ok(Message::Close(frame))) => return Err(frame.unwrap().code.into()),
                Some(Ok(_)) => {}
                other => panic!("no farewell: {other:?}"),
            }
        }
    }

    /// What the next change that is wanted sets.
    async fn change(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let said = self.next().await.unwrap();
            if said["op"] == "change" && wanted(&said["set"]) {
                return said["set"].clone();
            }
        }
    }

    async fn code(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }
}

#[tokio::test]
async fn a_page_logs_in_listens_and_is_put_out_when_its_login_ends() {
    let served = served().await;
    let token = served.token().await;
    let mut page = served.said(json!({"op": "hello", "token": token, "lang": "zh"})).await;
    let hello = page.next().await.unwrap();
    assert_eq!((&hello["op"], &hello["heartbeat"]), (&json!("hello"), &json!(5)));
    assert!(hello["version"].is_string() && hello["node"].is_string());
    page.say(json!({"op": "subscribe", "topic": "gpu", "rate": 2})).await;
    assert_eq!(page.next().await.unwrap()["topic"], "gpu");
    page.say(json!({"op": "subscribe", "topic": "nothing"})).await;
    let mut said = page.next().await.unwrap();
    while said["op"] != "error" {
        said = page.next().await.unwrap();
    }
    assert_eq!(
        said,
        json!({"op": "error", "topic": "nothing", "code": "no_such_topic", "message": "没有主题 `nothing`"})
    );
    let logout = call("POST", "/api/auth/logout", Some(&token), "");
    assert_eq!(served.yard.ask(logout).await.0, 200);
    assert_eq!(page.code().await, 4401);
}

/// An ad-hoc task as its topic tells it, and its log from before there is any.
#[tokio::test]
async fn ad_hoc_tasks_and_their_logs_are_told() {
    let served = served().await;
    let post = async |path: &str, body: Value| served.yard.ask(known("POST", path, &body.to_string())).await.1;
    let waits = post("/api/tasks", json!({"command": "x", "tags": ["t"]})).await["id"].clone();
    let id = waits.to_string();
    let mut page = served.said(json!({"op": "hello", "token": SECRET, "lang": "zh"})).await;
    page.next().await.unwrap();
    page.say(json!({"op": "subscribe", "topic": "tasks", "rate": 0.5}))
        .await;
    let told = page.next().await.unwrap();
    assert_eq!(
        (
            &told["op"],
            &told["set"]["counts"]["queued"],
            &told["set"][&id]["status"]
        ),
        (&json!("snapshot"), &json!(1), &json!("queued"))
    );
    assert!(
        told["set"][&id]["reason"]["text"].as_str().unwrap().contains("调度器"),
        "{told}"
    );
    let second = post("/api/tasks", json!({"command": "y"})).await["id"].to_string();
    let made = page.change(|set| set[&second].is_object()).await;
    assert_eq!(made["counts"]["queued"], 2);
    assert!(made[&id].is_null(), "what is as it was is not told again: {made}");
    post(&format!("/api/tasks/{id}/cancel"), json!({})).await;
    let gone = page.change(|set| set[&id]["status"] == "cancelled").await;
    assert_eq!(
        (&gone["counts"]["queued"], &gone["counts"]["cancelled"]),
        (&json!(1), &json!(1))
    );
    page.say(json!({"op": "unsubscribe", "topic": "tasks"})).await;

    let topic = format!("log:task={second}");
    page.say(json!({"op": "subscribe", "topic": topic, "rate": 0.5})).await;
    let mut log = page.next().await.unwrap();
    while log["topic"] != json!(topic) {
        log = page.next().await.unwrap();
    }
    assert_eq!(
        (&log["op"], &log["set"]["log"]["exists"]),
        (&json!("snapshot"), &json!(false))
    );
    let path = std::path::PathBuf::from(log["set"]["log"]["log_path"].as_str().unwrap());
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "one\n").unwrap();
    page.change(|set| set["log"]["exists"] == true && set["log"]["size"] == 4)
        .await;

    page.say(json!({"op": "subscribe", "topic": "seats"})).await;
    let mut seats = page.next().await.unwrap();
    while seats["topic"] != "seats" || seats["set"]["1"].is_null() {
        seats = page.next().await.unwrap();
    }
    assert_eq!(seats["set"]["1"], json!({"tasks": []}), "{seats}");
}

#[tokio::test]
async fn a_changed_secret_puts_everyone_out() {
    let served = served().await;
    let token = served.token().await;
    let mut page = served.said(json!({"op": "hello", "token": token})).await;
    let mut program = served.said(json!({"op": "hello", "token": SECRET})).await;
    for socket in [&mut page, &mut program] {
        assert_eq!(socket.next().await.unwrap()["op"], "hello");
    }
    served.yard.app.guard.follow(&Settings {
        secret: format!("{SECRET}0"),
        ..Settings::default()
    });
    assert_eq!((page.code().await, program.code().await), (4401, 4401));
}

#[tokio::test]
async fn nobody_comes_in_without_a_hello_that_is_good() {
    let served = served().await;
    for (first, code) in [
        (json!({"op": "hello", "token": "guess"}), 4401),
        (json!({"op": "hello", "token": null}), 4401),
        (json!({"op": "hello"}), 4401),
        (json!({"op": "subscribe", "topic": "gpu"}), 4400),
        (json!("hello"), 4400),
        (json!({"op": "hello", "token": SECRET, "more": 1}), 4400),
    ] {
        assert_eq!(served.said(first.clone()).await.code().await, code, "{first}");
    }
    let mut binary = served.dial(None, None).await.unwrap();
    binary.0.send(Message::binary(vec![0; 10])).await.unwrap();
    assert_eq!(binary.code().await, 4400);
    // Wrong tries count like any others.
    for _ in 0..limits::WRONG_TRIES {
        served.said(json!({"op": "hello", "token": "guess"})).await.code().await;
    }
    let mut slowed = served.said(json!({"op": "hello", "token": "guess"})).await;
    assert_eq!(slowed.next().await.unwrap()["code"], "slow_down");
    assert_eq!(slowed.code().await, 4429);
    let mut owner = served.said(json!({"op": "hello", "token": SECRET})).await;
    assert_eq!(
        owner.next().await.unwrap()["op"],
        "hello",
        "the right secret is looked at all the same"
    );
}

#[tokio::test]
async fn pages_of_other_origins_and_other_names_get_no_socket() {
    let served = served().await;
    let own = format!("http://{}", served.address);
    assert!(served.dial(Some(&own), None).await.is_ok());
    for (origin, host, status) in [
        (Some("http://evil.example"), None, 403),
        (Some("http://127.0.0.1:1"), None, 403),
        (Some("null"), None, 403),
        (None, Some("evil.example"), 421),
    ] {
        match served.dial(origin, host).await {
            Err(Error::Http(response)) => assert_eq!(response.status().as_u16(), status, "{origin:?} {host:?}"),
            other => panic!("{origin:?} {host:?}: {}", other.is_ok()),
        }
    }
}

#[tokio::test]
async fn what_is_not_understood_is_said_and_what_is_too_long_ends_it() {
    let served = served().await;
    let mut socket = served.said(json!({"op": "hello", "token": SECRET, "lang": "en"})).await;
    socket.next().await.unwrap();
    for nonsense in [
        json!({"op": "dance"}),
        json!([]),
        json!({"op": "hello", "token": SECRET}),
    ] {
        socket.say(nonsense).await;
        assert_eq!(socket.next().await.unwrap()["code"], "not_understood");
    }
    socket
        .say(json!({"op": "subscribe", "topic": "gpu", "rate": 0.01}))
        .await;
    assert_eq!(socket.next().await.unwrap()["code"], "invalid");
    let long = json!({"op": "subscribe", "topic": "x".repeat(limits::LIVE_REQUEST)});
    // It may be put out while it still speaks.
    let _ = socket.0.send(Message::text(long.to_string())).await;
    while let Some(Ok(_)) = tokio::time::timeout(LONG, socket.0.next()).await.unwrap() {}
}

#[tokio::test]
async fn the_daemon_says_farewell() {
    let served = served().await;
    let mut waits = served.dial(None, None).await.unwrap();
    let mut listens = served.said(json!({"op": "hello", "token": SECRET})).await;
    listens.next().await.unwrap();
    served.yard.end.send_replace(true);
    assert_eq!((waits.code().await, listens.code().await), (1001, 1001));
    drop((waits, listens));
    tokio::time::timeout(LONG, served.done).await.unwrap().unwrap();
}

#[tokio::test]
async fn there_is_room_for_so_many_and_no_more() {
    let served = served().await;
    let seats: Vec<_> = (0..limits::FEEDS)
        .map(|_| served.yard.app.live.seat().unwrap())
        .collect();
    let mut socket = served.said(json!({"op": "hello", "token": SECRET})).await;
    assert_eq!(socket.code().await, 4429);
    let events = call("GET", "/api/events?topics=gpu", Some(SECRET), "");
    assert_eq!(served.yard.ask(events).await.0, 429);
    drop(seats);
    let mut socket = served.said(json!({"op": "hello", "token": SECRET})).await;
    assert_eq!(socket.next().await.unwrap()["op"], "hello");
}

#[tokio::test]
async fn a_script_reads_events() {
    let served = served().await;
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /api/events?topics=gpu,schedulers&rate=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut text, mut bytes) = (String::new(), [0; 4096]);
    while !(text.contains("\"topic\":\"gpu\"") && text.contains("\"topic\":\"schedulers\"")) {
        let read = tokio::time::timeout(LONG, stream.read(&mut bytes))
            .await
            .unwrap()
            .unwrap();
        assert!(read > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    assert!(text.contains("content-type: text/event-stream") && text.contains("cache-control: no-store"));
    assert!(text.contains("event: hello\ndata: {") && text.contains("event: snapshot\ndata: {\"op\":\"snapshot\""));
    // It ends with the daemon, which does not wait for it.
    served.yard.end.send_replace(true);
    tokio::time::timeout(LONG, served.done).await.unwrap().unwrap();
    for (path, status) in [
        ("/api/events", 422),
        ("/api/events?topics=nothing", 404),
        ("/api/events?topics=gpu&rate=0", 422),
        ("/api/ws", 400),
    ] {
        assert_eq!(
            served.yard.ask(call("GET", path, Some(SECRET), "")).await.0,
            status,
            "{path}"
        );
    }
}

/// A topic is no way around what a log may be, nor a way to any file.
#[tokio::test]
async fn topics_lead_to_no_file_that_is_not_shown() {
    let served = served().await;
    let root = &served.yard.app.root;
    std::fs::write(root.settings_path(), SECRET).unwrap();
    let planted = served.yard.folder().join("planted.log");
    std::os::unix::fs::symlink(root.settings_path(), &planted).unwrap();
    let mut page = served.said(json!({"op": "hello", "token": SECRET, "lang": "en"})).await;
    page.next().await.unwrap();
    let settings = root.settings_path().display().to_string();
    for (path, told) in [
        ("/etc/passwd", "is no log"),
        ("/proc/self/environ", "is no log"),
        ("/dev/zero", "is no log"),
        (&settings, "is no log"),
        (&planted.display().to_string(), "is a link"),
    ] {
        let topic = format!("log:path={path}");
        page.say(json!({"op": "subscribe", "topic": topic})).await;
        let said = page.next().await.unwrap();
        let head = &said["set"]["log"];
        assert_eq!(
            (&said["topic"], &head["exists"], &head["size"]),
            (&json!(topic), &json!(false), &json!(0)),
            "{said}"
        );
        assert!(
            head["trouble"].as_str().unwrap_or_default().contains(told),
            "{path}: {said}"
        );
        page.say(json!({"op": "unsubscribe", "topic": topic})).await;
    }
    for topic in [
        "log:path=/x/../etc/passwd",
        "log:path=relative",
        "log:",
        "files:/etc/passwd",
        "run:../../etc/passwd",
        "task:../x",
    ] {
        page.say(json!({"op": "subscribe", "topic": topic})).await;
        let said = page.next().await.unwrap();
        assert_eq!(
            (&said["op"], &said["topic"]),
            (&json!("error"), &json!(topic)),
            "{said}"
        );
    }
}
