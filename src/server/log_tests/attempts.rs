//! Logs of ad-hoc tasks, through their attempts.
use super::{streaming::Stream, *};

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
