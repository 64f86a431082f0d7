//! `/api/log/*` as its callers see it.
use std::{
    fs::OpenOptions,
    io::Write,
    os::unix::fs::{FileExt, symlink},
    path::Path,
    time::Duration,
};

use axum::{body::Body, http::StatusCode};
use gpuyard_core::{
    model::{AdhocId, ExitRecord, Outcome, Seconds, Settings, UniId},
    queue::{Task, TaskState, adhoc_task},
};
use gpuyard_exec::clock;
use gpuyard_store::adhoc;
use hyper::body::Body as _;
use serde_json::{Value, json};

use crate::yard::{SECRET, Yard, call, known, yard};

const LONG: Duration = Duration::from_secs(60);

fn settings() -> Settings {
    Settings {
        secret: SECRET.into(),
        ..Settings::default()
    }
}

/// A log outside of the root.
fn log(yard: &Yard, content: &[u8]) -> std::path::PathBuf {
    let path = yard.folder().join("train.log");
    std::fs::write(&path, content).unwrap();
    path
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

async fn get(yard: &Yard, path: &str) -> (u16, Value) {
    let (status, body) = yard.ask(known("GET", path, "")).await;
    (status.as_u16(), body)
}

async fn read(yard: &Yard, path: &Path, query: &str) -> Value {
    let (status, body) = get(yard, &format!("/api/log/read?log_path={}&{query}", path.display())).await;
    assert_eq!(status, 200, "{body}");
    body
}

async fn refused(yard: &Yard, path: &str) -> (u16, String) {
    let (status, body) = get(yard, &format!("/api/log/read?log_path={path}")).await;
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_part_says_where_it_lies() {
    let yard = yard();
    let path = log(&yard, "one\ntwo\n0%\r50%\r100%\n三\nlast".as_bytes());
    let all = read(&yard, &path, "").await;
    assert_eq!(
        (&all["size"], &all["total_lines"], &all["first_line"]),
        (&json!(28), &json!(5), &json!(1))
    );
    assert_eq!(
        (&all["offset"], &all["end"], &all["encoding"]),
        (&json!(0), &json!(28), &json!("utf-8"))
    );
    let lines = read(&yard, &path, "form=lines&tail_lines=3").await;
    assert_eq!(
        (&lines["first_line"], &lines["offset"], &lines["end"]),
        (&json!(3), &json!(8), &json!(28))
    );
    assert_eq!(
        lines["lines"],
        json!([
            {"offset": 8, "end": 20, "text": "100%", "redraws": 2, "cut": false, "open": false},
            {"offset": 20, "end": 24, "text": "三", "redraws": 0, "cut": false, "open": false},
            {"offset": 24, "end": 28, "text": "last", "redraws": 0, "cut": false, "open": true},
        ])
    );
    assert_eq!(read(&yard, &path, "line=2&count=1").await["content"], "two\n");
    assert_eq!(read(&yard, &path, "before=8&count=1").await["content"], "two\n");
    assert_eq!(read(&yard, &path, "offset=4&count=1").await["content"], "two\n");
    let torn = read(&yard, &path, "offset=20&limit=2").await;
    assert_eq!(
        (&torn["content"], &torn["end"]),
        (&json!("\u{fffd}"), &json!(22)),
        "less than a letter"
    );
    assert_eq!(
        read(&yard, &path, "offset=4&limit=18").await["end"],
        20,
        "no letter is torn"
    );
    assert_eq!(read(&yard, &path, "line=99").await["content"], "");
    let (status, body) = get(&yard, "/api/log/read?log_path=/x&encoding=utf-16").await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("encoding")));
}

/// Fault L1 (P1).
#[tokio::test]
async fn other_encodings_and_binary_are_told() {
    let yard = yard();
    let path = log(&yard, b"\xb5\xda\xd2\xbb\xc2\xd6 loss 0.5\n");
    let part = read(&yard, &path, "").await;
    assert_eq!(
        (&part["content"], &part["encoding"]),
        (&json!("第一轮 loss 0.5\n"), &json!("gbk"))
    );
    let forced = read(&yard, &path, "encoding=utf-8").await;
    assert_eq!(
        (&forced["bad_bytes"], &forced["encoding"]),
        (&json!(4), &json!("utf-8"))
    );
    let path = log(&yard, b"\x7fELF\x00\x01\xff\n");
    let part = read(&yard, &path, "form=lines").await;
    assert_eq!((&part["binary"], &part["bad_bytes"]), (&json!(true), &json!(1)));
    assert_eq!(part["lines"][0]["text"], "\u{7f}ELF\0\u{1}\u{fffd}");
}

/// Fault L2 (P5).
#[tokio::test]
async fn a_log_that_becomes_something_else_is_told_and_shown_no_further() {
    let yard = yard();
    let path = log(&yard, b"one\ntwo\n");
    let generation = async || read(&yard, &path, "").await["generation"].as_u64().unwrap();
    assert_eq!(generation().await, 0);
    append(&path, b"three\n");
    assert_eq!(generation().await, 0);
    std::fs::rename(&path, yard.folder().join("train.log.1")).unwrap();
    assert_eq!(refused(&yard, path.to_str().unwrap()).await, (404, "no_log".into()));
    std::fs::write(&path, "new\n").unwrap();
    assert_eq!(generation().await, 1, "rotated");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(2).unwrap();
    assert_eq!(generation().await, 2, "truncated");
    std::fs::write(&path, "other words\n").unwrap();
    assert_eq!(generation().await, 3, "written anew");
    let secret = yard.app.root.settings_path();
    std::fs::write(&secret, SECRET).unwrap();
    for (make, status, code) in [
        ("link", 409, "is_a_link"),
        ("fifo", 409, "not_a_file"),
        ("folder", 409, "not_a_file"),
    ] {
        let _ = std::fs::remove_file(&path);
        match make {
            "link" => symlink(&secret, &path).unwrap(),
            "fifo" => nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            _ => std::fs::create_dir(&path).unwrap(),
        }
        let asked = format!("/api/log/read?log_path={}", path.display());
        let (got, body) = tokio::time::timeout(LONG, get(&yard, &asked)).await.unwrap();
        assert_eq!((got, body["code"].as_str()), (status, Some(code)), "{make}");
        assert!(!body.to_string().contains(SECRET));
    }
}

#[tokio::test]
async fn what_is_no_log_is_not_shown() {
    let yard = yard();
    std::fs::write(yard.app.root.settings_path(), SECRET).unwrap();
    let settings = yard.app.root.settings_path().display().to_string();
    for (path, status, code) in [
        ("/etc/passwd", 403, "never_a_log"),
        ("/proc/self/environ", 403, "never_a_log"),
        ("/dev/zero", 403, "never_a_log"),
        (settings.as_str(), 403, "never_a_log"),
        ("relative", 422, "invalid"),
        ("/x/../etc/passwd", 422, "invalid"),
        ("/no/such/file", 404, "no_log"),
    ] {
        assert_eq!(refused(&yard, path).await, (status, code.into()), "{path}");
    }
    let (status, body) = yard
        .ask(known(
            "POST",
            "/api/log/bind?mode=single&config_index=0&queue_id=1&process_index=0&log_path=/etc/shadow.log",
            "",
        ))
        .await;
    assert_eq!((status, &body["code"]), (StatusCode::FORBIDDEN, &json!("never_a_log")));
}

#[tokio::test]
async fn a_log_is_bound_shown_follows_its_task_and_is_unbound() {
    let yard = yard();
    let command = yard.app.root.command_dir().join("command_gpu.txt");
    std::fs::write(&command, "1\nrun a\n1\n\n1\nrun b\n1\n").unwrap();
    let path = yard.folder().join("later.log");
    let place = "mode=single&config_index=0&queue_id=1&process_index=1";
    let bind = format!("/api/log/bind?{place}&log_path={}", path.display());
    let (status, body) = yard.ask(known("POST", &bind, "")).await;
    assert_eq!((status.as_u16(), &body["key"]), (200, &json!("single_0_1_1")), "{body}");
    // Not there yet, then there.
    let content = format!("/api/log/content?{place}");
    assert_eq!(get(&yard, &content).await.0, 404);
    std::fs::write(&path, "epoch 1\n").unwrap();
    let (_, body) = get(&yard, &content).await;
    assert_eq!(
        (&body["content"], &body["log_path"]),
        (&json!("epoch 1\n"), &json!(path))
    );
    std::fs::write(&command, "1\nnew\n1\n\n1\nrun a\n1\n\n1\nrun b\n1\n").unwrap();
    let (_, all) = get(&yard, "/api/log/bindings").await;
    assert_eq!(all["single_0_1_2"]["log_path"], json!(path), "{all}");
    let keys: Vec<&String> = all["single_0_1_2"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "bound_at",
            "config_index",
            "log_path",
            "mode",
            "process_index",
            "queue_id"
        ]
    );
    let gone = "/api/log/bind?mode=single&config_index=0&queue_id=1&process_index=2";
    assert_eq!(yard.ask(known("DELETE", gone, "")).await.0, StatusCode::OK);
    assert_eq!(yard.ask(known("DELETE", gone, "")).await.0, StatusCode::NOT_FOUND);
    assert_eq!(get(&yard, "/api/log/bindings").await.1, json!({}));
}

#[tokio::test]
async fn bindings_follow_saves_and_go_with_their_command_file() {
    let yard = yard();
    for index in 0..2 {
        let (_, made) = yard.ask(known("POST", "/api/commands/single/new", "")).await;
        assert_eq!(made["config"]["index"], index, "{made}");
    }
    let path = log(&yard, b"x\n");
    let put = async |tasks: Value| {
        let body = json!({"queues": [{"id": 3, "processes": tasks}]}).to_string();
        let (status, body) = yard
            .ask(known("PUT", "/api/commands/single?config_index=1", &body))
            .await;
        assert_eq!(status, StatusCode::OK, "{body}");
    };
    let task = |name: &str| json!({"commands": [name], "gpu_count": 1, "memory": 1});
    put(json!([task("a"), task("b")])).await;
    let bind = format!(
        "/api/log/bind?mode=single&config_index=1&queue_id=3&process_index=1&log_path={}",
        path.display()
    );
    assert_eq!(yard.ask(known("POST", &bind, "")).await.0, StatusCode::OK);
    put(json!([task("new"), task("a"), task("b")])).await;
    // As it stands in the file by now, without another look.
    let keys = || yard.app.bindings.list().unwrap().into_keys().collect::<Vec<_>>();
    assert_eq!(keys(), ["single_1_3_2"]);
    assert_eq!(
        yard.ask(known("DELETE", "/api/commands/single/1", "")).await.0,
        StatusCode::OK
    );
    assert_eq!(keys(), [""; 0]);
}

/// The lines of a search's answer.
async fn search(yard: &Yard, path: &Path, query: &str) -> Vec<Value> {
    let asked = format!("/api/log/search?path={}&{query}", path.display());
    let (status, _, body) = yard.ask_whole(known("GET", &asked, "")).await;
    let text = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::OK, "{text}");
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_search_tells_hits_context_and_a_total() {
    let yard = yard();
    let content: String = (0..5000)
        .map(|i| format!("step {i}{}\n", if i % 1000 == 7 { " NaN" } else { "" }))
        .collect();
    let path = log(&yard, content.as_bytes());
    let events = search(&yard, &path, "q=nan&context=1&limit=2").await;
    let hits: Vec<&Value> = events.iter().filter(|event| event["event"] == "hit").collect();
    assert_eq!(hits.len(), 2);
    assert_eq!(
        (&hits[1]["line"], &hits[1]["text"], &hits[1]["ranges"]),
        (&json!(1008), &json!("step 1007 NaN"), &json!([[10, 13]]))
    );
    assert_eq!(
        (&hits[1]["before"][0]["text"], &hits[1]["after"][0]["text"]),
        (&json!("step 1006"), &json!("step 1008"))
    );
    let offset = hits[1]["offset"].as_u64().unwrap() as usize;
    assert!(content[offset..].starts_with("step 1007 "));
    let end = events.last().unwrap();
    assert_eq!(
        (&end["event"], &end["total"], &end["listed"], &end["complete"]),
        (&json!("end"), &json!(5), &json!(2), &json!(true))
    );
    let end = search(&yard, &path, "q=%5Estep%20%5Cd%24&regex=true")
        .await
        .pop()
        .unwrap();
    assert_eq!(end["total"], 9, "0 to 9 but for 7");
    let (status, body) = get(
        &yard,
        &format!("/api/log/search?path={}&q=a(&regex=true", path.display()),
    )
    .await;
    assert_eq!((status, &body["errors"][0]["field"]), (422, &json!("q")));
}

#[tokio::test]
async fn a_search_that_nobody_waits_for_ends() {
    let yard = yard();
    let path = log(&yard, "needle\n".repeat(2_000_000).as_bytes());
    let turns = yard.app.logs.searches();
    let all = turns.available_permits();
    let asked = format!("/api/log/search?path={}&q=needle&limit=10000", path.display());
    let response = yard.respond(known("GET", &asked, "")).await;
    assert_eq!(turns.available_permits(), all - 1);
    drop(response);
    let _back = tokio::time::timeout(LONG, turns.acquire_many(all as u32))
        .await
        .unwrap()
        .unwrap();
}

/// What a stream sends, event by event.
struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    async fn open(yard: &Yard, asked: &str, last: Option<&str>) -> Stream {
        let mut request = known("GET", asked, "");
        if let Some(last) = last {
            request.headers_mut().insert("last-event-id", last.parse().unwrap());
        }
        let response = yard.respond(request).await;
        assert_eq!(response.status(), StatusCode::OK);
        Stream {
            body: response.into_body(),
            text: String::new(),
        }
    }

    /// The next event: its id and its data. Signs of life are passed over.
    async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    event
                        .lines()
                        .find_map(|line| line.strip_prefix(name).map(str::to_owned))
                };
                if let Some(data) = field("data: ") {
                    return Some((field("id: ").unwrap(), serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let body = &mut self.body;
            let frame = std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context));
            let frame = tokio::time::timeout(LONG, frame).await.expect("an event in time")?;
            self.text += std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap();
        }
    }

    /// The next event of a kind.
    async fn of(&mut self, kind: &str) -> (String, Value) {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.1["event"] == kind {
                return event;
            }
        }
    }

    /// Data until this much is there.
    async fn text(&mut self, until: &str) -> String {
        let mut all = String::new();
        while !all.ends_with(until) {
            all += self.of("data").await.1["content"].as_str().unwrap();
        }
        all
    }
}

/// Fault L2 (P5).
#[tokio::test]
async fn a_stream_goes_on_through_growth_rotation_and_truncation() {
    let yard = yard();
    let path = log(&yard, b"one\ntwo\n");
    let asked = format!("/api/log/stream?path={}&tail_lines=1", path.display());
    let mut stream = Stream::open(&yard, &asked, None).await;
    assert_eq!(stream.next().await.unwrap().1["event"], "head");
    let (id, data) = stream.of("data").await;
    assert_eq!(
        (id.as_str(), &data["content"], &data["offset"]),
        ("0-8", &json!("two\n"), &json!(4))
    );
    append(&path, "三".as_bytes());
    append(&path, b"\n");
    assert_eq!(stream.text("\n").await, "三\n");
    std::fs::rename(&path, yard.folder().join("train.log.1")).unwrap();
    std::fs::write(&path, "after\n").unwrap();
    let (_, divider) = stream.of("divider").await;
    assert_eq!(
        (&divider["why"], &divider["generation"]),
        (&json!("rotated"), &json!(1))
    );
    assert_eq!(stream.text("\n").await, "after\n");
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(stream.of("divider").await.1["why"], "truncated");
    append(&path, b"again\n");
    assert_eq!(stream.text("\n").await, "again\n");
    std::fs::remove_file(&path).unwrap();
    loop {
        if stream.of("head").await.1["exists"] == false {
            break;
        }
    }
    // Who was there before goes on from there.
    std::fs::write(&path, "x\ny\n").unwrap();
    let (id, _) = stream.of("data").await;
    append(&path, b"z\n");
    let mut again = Stream::open(&yard, &asked, Some(&id)).await;
    assert_eq!(again.text("\n").await, "z\n");
}

#[tokio::test]
async fn who_falls_far_behind_is_told_what_was_passed_over() {
    let yard = yard();
    let path = log(&yard, b"one\n");
    let asked = format!("/api/log/stream?path={}", path.display());
    let mut stream = Stream::open(&yard, &asked, None).await;
    assert_eq!(stream.text("\n").await, "one\n");
    append(&path, "many words\n".repeat(2_000_000).as_bytes());
    append(&path, b"end\n");
    let mut at = 4;
    loop {
        let (_, event) = stream.next().await.unwrap();
        match event["event"].as_str().unwrap() {
            "data" => {
                assert_eq!(event["offset"], at);
                at = event["end"].as_u64().unwrap();
                if event["content"].as_str().unwrap().ends_with("end\n") {
                    break;
                }
            }
            "skipped" => {
                assert_eq!(event["from"], at);
                at = event["to"].as_u64().unwrap();
                assert!(at > 10_000_000);
            }
            _ => {}
        }
    }
    assert_eq!(at, 4 + 22_000_000 + 4);
}

#[tokio::test]
async fn a_ticket_downloads_once_and_only_what_it_was_given_for() {
    let yard = yard();
    let path = log(&yard, b"0123456789");
    let asked = format!("/api/log/download?path={}&offset=2&limit=5", path.display());
    let (status, ticket) = yard.ask(known("POST", &asked, "")).await;
    assert_eq!(status, StatusCode::OK, "{ticket}");
    let url = ticket["url"].as_str().unwrap();
    let other = format!("{url}&path=/etc/passwd&offset=0");
    let (status, headers, body) = yard.ask_whole(call("GET", &other, None, "")).await;
    assert_eq!((status, body.as_slice()), (StatusCode::OK, &b"23456"[..]));
    assert_eq!(headers["content-disposition"], "attachment; filename=\"train.log\"");
    assert_eq!(headers["x-content-type-options"], "nosniff");
    let (status, body) = yard.ask(call("GET", url, None, "")).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::UNAUTHORIZED, &json!("ticket_ended"))
    );
    // With the header, no ticket is needed.
    let (_, _, body) = yard.ask_whole(known("GET", &asked, "")).await;
    assert_eq!(body, b"23456");
    // A ticket opens nothing else.
    let (_, ticket) = yard.ask(known("POST", &asked, "")).await;
    let elsewhere = format!(
        "/api/log/read?log_path={}&ticket={}",
        path.display(),
        ticket["ticket"].as_str().unwrap()
    );
    assert_eq!(
        yard.ask(call("GET", &elsewhere, None, "")).await.0,
        StatusCode::UNAUTHORIZED
    );
}

/// Fault L1 (P1).
#[tokio::test]
async fn a_log_of_ten_gigabytes_is_reached_anywhere_and_its_index_is_kept() {
    let yard = Yard::with(settings());
    let path = log(&yard, b"first\n");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(10 << 30).unwrap();
    file.write_at(b"\nmiddle needle\n", 5 << 30).unwrap();
    file.write_at(b"\nlast\n", (10 << 30) - 6).unwrap();
    let tail = read(&yard, &path, "form=lines&tail_lines=1").await;
    assert_eq!(
        (&tail["lines"][0]["text"], &tail["total_lines"]),
        (&json!("last"), &json!(5))
    );
    let middle = read(&yard, &path, "form=lines&line=3&count=1").await;
    assert_eq!(middle["lines"][0]["text"], "middle needle");
    assert_eq!(middle["first_line"], 3);
    let events = search(&yard, &path, "q=needle").await;
    assert_eq!(
        (&events[0]["line"], &events[0]["text"]),
        (&json!(3), &json!("middle needle"))
    );
}

#[tokio::test]
async fn lines_of_a_large_log_are_counted_in_the_background_and_kept() {
    let yard = yard();
    let path = log(&yard, "some words of a line\n".repeat(2_000_000).as_bytes());
    let until = tokio::time::Instant::now() + LONG;
    let counted = loop {
        let part = read(&yard, &path, "tail_lines=1").await;
        if part["total_lines"] == 2_000_000 {
            break part;
        }
        assert!(tokio::time::Instant::now() < until, "{part}");
    };
    assert_eq!(counted["first_line"], 2_000_000);
    let folder = yard.app.root.log_index_dir();
    let kept = || {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        entries
            .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "index"))
            .count()
    };
    while kept() == 0 {
        assert!(tokio::time::Instant::now() < until, "nothing is kept");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // Another daemon of the root knows them from the start.
    let shelf = crate::logs::Shelf::new(&yard.app.root, &yard.app.settings());
    let (_, standing) = shelf.open(&path);
    assert_eq!(standing.total_lines, Some(2_000_000));
}

/// Has an ad-hoc task stand so, as its scheduler would write it down.
fn stands(yard: &Yard, id: AdhocId, attempt: u32, state: TaskState) {
    let tasks = yard.app.desk.tasks(&yard.app).unwrap();
    let record = tasks.get(id).unwrap().unwrap();
    let task = Task {
        state,
        attempt,
        ..adhoc_task(adhoc::task_id(id), &record.spec, record.state)
    };
    tasks.keep(&[(id, &task)], clock::now().wall).unwrap();
}

/// The log of an attempt, with its folder.
fn attempt_log(yard: &Yard, id: AdhocId, attempt: u32, content: &str) -> std::path::PathBuf {
    let folder = yard
        .app
        .root
        .task_folder(&adhoc::run_id(), &adhoc::task_id(id), attempt);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(adhoc::LOG);
    std::fs::write(&path, content).unwrap();
    path
}

fn exit_code(log: &Path, code: i32) {
    let now = clock::now().wall;
    let record = ExitRecord {
        version: 1,
        uni_id: UniId("u".into()),
        outcome: Outcome::Exited { code },
        command_index: 0,
        started_at: now,
        finished_at: now,
        duration: Seconds(0.0),
        user_cpu: None,
        system_cpu: None,
        peak_rss: None,
        left_over: 0,
        recorded_by: "runner".into(),
    };
    std::fs::write(log.with_file_name("exit.json"), serde_json::to_vec(&record).unwrap()).unwrap();
}

#[tokio::test]
async fn an_ad_hoc_tasks_log_is_followed_through_its_attempts_and_read_by_its_number() {
    let yard = yard();
    let (_, made) = yard
        .ask(known("POST", "/api/tasks", r#"{"command": "x", "retries": 2}"#))
        .await;
    let id = made["id"].as_i64().unwrap();
    let asked = format!("/api/tasks/{id}/logs/stream");
    // It waits: so does who follows it.
    let mut stream = Stream::open(&yard, &asked, None).await;
    let (_, head) = stream.next().await.unwrap();
    assert_eq!((&head["event"], &head["exists"]), (&json!("head"), &json!(false)));
    stands(&yard, id, 1, TaskState::Running);
    let first = attempt_log(&yard, id, 1, "one\n");
    assert_eq!(stream.text("\n").await, "one\n");
    append(&first, b"two\n");
    assert_eq!(stream.text("\n").await, "two\n");
    exit_code(&first, 9);
    stands(&yard, id, 1, TaskState::Retrying);
    assert_eq!(stream.of("head").await.1["exit"]["exit_code"], 9);
    stands(&yard, id, 2, TaskState::Running);
    attempt_log(&yard, id, 2, "three\n");
    assert_eq!(stream.of("divider").await.1["why"], "attempt");
    let (place, data) = stream.of("data").await;
    assert_eq!((place.as_str(), &data["content"]), ("2.0-6", &json!("three\n")));
    // Who was at the first attempt misses nothing of it.
    let mut again = Stream::open(&yard, &asked, Some("1.0-4")).await;
    assert_eq!(again.text("two\n").await, "two\n");
    assert_eq!(again.of("divider").await.1["why"], "attempt");
    assert_eq!(again.text("\n").await, "three\n");
    // The host went down, say: there is no exit record, and its end is known all the same.
    stands(&yard, id, 2, TaskState::Failed);
    for stream in [&mut stream, &mut again] {
        stream.of("end").await;
        assert!(stream.next().await.is_none());
    }
    let mut of_first = Stream::open(&yard, &format!("{asked}?attempt=1&tail=1"), None).await;
    assert_eq!(of_first.of("data").await.1["content"], "two\n");
    assert_eq!(of_first.of("end").await.1["exit"]["exit_code"], 9);

    let (_, whole) = get(&yard, &format!("/api/log/content?task={id}")).await;
    assert_eq!(whole["content"], "three\n", "{whole}");
    assert_eq!(
        whole["task"],
        json!({
            "task_id": id.to_string(), "run_id": "tasks", "mode": null, "config_index": null, "queue_id": null,
            "process_index": null, "attempt": 2, "attempts": 2, "started_at": null, "bound": false,
        })
    );
    let (_, earlier) = get(&yard, &format!("/api/log/content?task={id}&run_id=tasks&attempt=1")).await;
    assert_eq!(
        (&earlier["content"], &earlier["exit"]["exit_code"]),
        (&json!("one\ntwo\n"), &json!(9))
    );
    let (_, by_path) = get(&yard, &format!("/api/log/read?log_path={}", first.display())).await;
    assert_eq!(by_path["content"], "one\ntwo\n");
    let (_, _, hits) = yard
        .ask_whole(known("GET", &format!("/api/log/search?task={id}&q=thr"), ""))
        .await;
    assert!(String::from_utf8_lossy(&hits).contains("\"text\":\"three\""));
    let (_, headers, body) = yard
        .ask_whole(known("GET", &format!("/api/log/download?task={id}"), ""))
        .await;
    assert_eq!(body, b"three\n");
    assert_eq!(
        headers["content-disposition"],
        format!("attachment; filename=\"{id}-2.log\"")
    );
    for (path, code) in [
        (format!("/api/log/content?task={id}&attempt=3"), "no_log"),
        ("/api/log/content?task=99".into(), "no_such_task"),
        (format!("/api/log/content?task={id}&run_id=other"), "no_such_task"),
        ("/api/tasks/99/logs/stream".into(), "no_such_task"),
        ("/api/tasks/x/logs/stream".into(), "no_such_task"),
        (format!("{asked}?attempt=3"), "no_log"),
    ] {
        let (status, answer) = get(&yard, &path).await;
        assert_eq!((status, &answer["code"]), (404, &json!(code)), "{path}");
    }
}
