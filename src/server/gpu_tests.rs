//! `/api/gpu/processes` and its kill, asked without a socket.
use std::process::{Command, Stdio};

use axum::http::StatusCode;
use gpuyard_exec::identity;
use serde_json::{Value, json};

use crate::yard::{UID, known, yard};

const KILL: &str = "/api/gpu/processes/kill";

#[tokio::test]
async fn a_machine_without_processes_says_so() {
    let yard = yard();
    let (status, body) = yard.ask(known("GET", "/api/gpu/processes", "")).await;
    assert_eq!(status, StatusCode::OK);
    let hidden = json!({"count": 0, "unseen": 0, "unlisted_gpus": [], "message": null});
    let wanted = json!({
        "success": true, "available": true, "message": null, "gpu_type": "simulated", "count": 0, "hidden": hidden,
        "most_at_once": 20, "processes": [],
    });
    assert_eq!(body, wanted);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_field() {
    let yard = yard();
    let many: Vec<Value> = (0..21)
        .map(|pid| json!({"pid": 100 + pid, "start_time": "ab-1"}))
        .collect();
    let one = json!([{"pid": 100, "start_time": "ab-1"}]);
    for (body, field) in [
        (json!({"processes": []}), "processes"),
        (json!({"processes": many}), "processes"),
        (
            json!({"processes": [{"pid": 100, "start_time": "yesterday"}]}),
            "processes.0.start_time",
        ),
        (
            json!({"processes": [{"pid": 100, "start_time": "ab--1"}]}),
            "processes.0.start_time",
        ),
        (json!({"processes": one, "wait": 31}), "wait"),
        (json!({"processes": one, "wait": -1}), "wait"),
        (json!({"processes": one, "signal": "HUP"}), "body"),
        (json!({"processes": [{"pid": 100}]}), "body"),
        (json!({"processes": one, "force": true}), "body"),
        (json!({}), "body"),
    ] {
        let (status, answer) = yard.ask(known("POST", KILL, &body.to_string())).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {answer}");
        assert_eq!(answer["errors"][0]["field"], field, "{body}: {answer}");
    }
}

#[tokio::test]
async fn each_process_has_a_result_and_an_audit_line() {
    let yard = yard();
    let mut other = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
    let pid = other.id();
    let boot: String = identity::boot_id().chars().take(8).collect();
    let start_time = format!("{boot}-{}", identity::start_ticks(pid as i32).unwrap());
    let body =
        json!({"processes": [{"pid": pid, "start_time": start_time}, {"pid": 1, "start_time": start_time}], "wait": 0});
    let (status, answer) = yard.ask(known("POST", KILL, &body.to_string())).await;
    assert_eq!(
        (status, &answer["success"]),
        (StatusCode::OK, &json!(false)),
        "{answer}"
    );
    let failed: Vec<(&Value, &Value)> = answer["failed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|not| (&not["pid"], &not["code"]))
        .collect();
    assert_eq!(
        failed,
        [
            (&json!(pid), &json!("not_a_gpu_process")),
            (&json!(1), &json!("never_this"))
        ]
    );
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();

    let log = std::fs::read_to_string(yard.app.root.audit_log(&yard.app.settings())).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    // One for each process, and one for the call.
    assert_eq!(lines.len(), 3, "{log}");
    for (line, (pid, code)) in lines.iter().zip(failed) {
        for (key, value) in [
            ("what", &json!("end a GPU process")),
            ("pid", pid),
            ("code", code),
            ("signal", &json!("TERM")),
            ("who", &json!("owner")),
            ("how", &json!("secret")),
            ("from", &json!("127.0.0.1")),
            ("uid", &json!(UID)),
        ] {
            assert_eq!(&line[key], value, "{key}: {line}");
        }
    }
    assert_eq!((&lines[2]["what"], &lines[2]["status"]), (&json!(KILL), &json!(200)));
}
