//! `/api/log/*` as its callers see it.
mod attempts;
mod searching;
mod streaming;

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

use searching::search;

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
