//! A start is answered as the scheduler that was started answers.
use super::*;

/// A program that says this when it is started as a scheduler, and ends so.
fn says(line: &str, exit: i32) -> impl FnOnce(&Path) -> std::path::PathBuf {
    let script = format!("#!/bin/sh\necho \"$@\" >\"$0.arguments\"\nprintf '%s\\n' '{line}'\nexit {exit}\n");
    move |folder| {
        let path = folder.join("scheduler");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }
}

/// A yard with command files that are there, whose schedulers are this program.
fn starting(line: &str, exit: i32) -> Yard {
    let settings = Settings {
        secret: SECRET.into(),
        ..Settings::default()
    };
    let yard = Yard::starting(settings, says(line, exit));
    for name in ["command_gpu.txt", "command_gpu_3.txt", "command_gpus.txt"] {
        yard.lay(name);
    }
    yard
}

#[tokio::test]
async fn a_start_answers_once_the_run_is_on_disk() {
    let mut yard = starting(r#"{"run_id":"single_3-1","pid":77}"#, 0);
    let path = "/api/scheduler/single/start?config_index=3";
    let (status, body) = yard.ask(known("POST", path, r#"{"resume":true}"#)).await;
    assert_eq!(
        (status, &body["run_id"]),
        (StatusCode::OK, &json!("single_3-1")),
        "{body}"
    );
    assert!(
        body["log_file"]
            .as_str()
            .unwrap()
            .ends_with("/logs/scheduler_single_3.log")
    );
    assert!(
        body["config_file"]
            .as_str()
            .unwrap()
            .ends_with("/command/command_gpu_3.txt")
    );
    let arguments = std::fs::read_to_string(yard.folder().join("scheduler.arguments")).unwrap();
    assert!(
        arguments.trim_end().ends_with("schedule single 3 --announce --resume"),
        "{arguments}"
    );
    let heard = yard.heard.as_mut().unwrap().try_recv().unwrap();
    let News::Started(key, child) = heard else {
        panic!("the supervisor is told of its new child")
    };
    assert_eq!((key.index, json!(child.identity().pid)), (3, body["pid"].clone()));
}

#[tokio::test]
async fn a_start_that_is_refused_says_why() {
    for (line, exit, status, code) in [
        (r#"{"error":"line 3: no queue","code":"unusable"}"#, 2, 422, "unusable"),
        (
            r#"{"error":"held by process 7","code":"held"}"#,
            3,
            409,
            "already_running",
        ),
        ("what?", 0, 500, "internal"),
        ("", 1, 500, "internal"),
    ] {
        let yard = starting(line, exit);
        let (got, body) = yard.ask(known("POST", "/api/scheduler/multi/start", "")).await;
        assert_eq!((got.as_u16(), &body["code"]), (status, &json!(code)), "{line}: {body}");
        assert!(!line.contains("no queue") || body["message"].as_str().unwrap().contains("line 3: no queue"));
    }
}

#[tokio::test]
async fn what_runs_is_not_started_again() {
    let yard = starting(r#"{"run_id":"single_0-1","pid":77}"#, 0);
    let _place = hold(&yard);
    let (status, body) = yard.ask(known("POST", "/api/scheduler/single/start", "")).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::CONFLICT, &json!("already_running"))
    );
    assert!(!yard.folder().join("scheduler.arguments").exists());
}
