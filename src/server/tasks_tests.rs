//! `/api/tasks*` and `/api/gpus`, asked without a socket; no scheduler works on what is made here.
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::yard::{Yard, sent, yard};

async fn ask(yard: &Yard, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    yard.ask(sent(method, path, &body)).await
}

async fn made(yard: &Yard, body: Value) -> i64 {
    let (status, answer) = ask(yard, "POST", "/api/tasks", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    answer["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_task_is_made_shown_changed_cloned_and_cancelled() {
    let yard = yard();
    let body = json!({"command": "source x\npython a.py", "gpu_type": "simulated", "memory": 4, "tags": ["b", "a"], "priority": 3});
    let id = made(&yard, body).await;
    let (_, page) = ask(
        &yard,
        "GET",
        "/api/tasks?status=queued,running&q=A.PY&tag=a",
        Value::Null,
    )
    .await;
    assert_eq!(page["tasks"][0]["id"], id);
    assert_eq!(page["counts"]["queued"], 1);
    assert_eq!(page["scheduler"]["running"], false);
    assert_eq!(page["tasks"][0]["reason"]["code"], "NoScheduler");
    let path = format!("/api/tasks/{id}");
    let (_, task) = ask(&yard, "GET", &path, Value::Null).await;
    assert_eq!(task["command"], "source x\npython a.py");
    assert_eq!(
        (&task["name"], &task["position"], &task["status"]),
        (&json!("python a.py"), &json!(1), &json!("queued"))
    );
    assert_eq!(task["gpu_type"], "Simulated GPU 24 GiB", "named in full");
    assert_eq!(
        (&task["log_path"], &task["tmux_session"], &task["exit_code"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );

    let change = json!({"memory": null, "gpu_count": 2, "name": "better"});
    let (status, changed) = ask(&yard, "PATCH", &path, change).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(
        (&changed["memory"], &changed["gpu_count"], &changed["priority"]),
        (&Value::Null, &json!(2), &json!(3))
    );

    let (_, fields) = ask(&yard, "POST", &format!("{path}/clone"), Value::Null).await;
    assert_eq!(fields["name"], "better");
    let second = made(&yard, fields).await;
    assert!(second > id);

    let (_, log) = ask(&yard, "GET", &format!("{path}/logs?tail=5"), Value::Null).await;
    assert_eq!(
        log,
        json!({"task_id": id, "lines": [], "truncated": false, "log_path": null, "size": 0})
    );

    let (_, done) = ask(&yard, "POST", &format!("{path}/cancel"), Value::Null).await;
    assert_eq!(done["cancelled"], json!([id]));
    let (status, over) = ask(&yard, "POST", &format!("{path}/cancel"), Value::Null).await;
    assert_eq!((status, &over["code"]), (StatusCode::CONFLICT, &json!("over")));
    let (status, late) = ask(&yard, "PATCH", &path, json!({"name": "x"})).await;
    assert_eq!((status, &late["code"]), (StatusCode::CONFLICT, &json!("not_queued")));
    let (status, _) = ask(&yard, "POST", &format!("{path}/retry"), Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let (status, early) = ask(&yard, "POST", &format!("{path}/retry"), Value::Null).await;
    assert_eq!((status, &early["code"]), (StatusCode::CONFLICT, &json!("not_over")));

    let (_, many) = ask(&yard, "POST", "/api/tasks/cancel", json!({"ids": [id, second, 99]})).await;
    assert_eq!(
        (&many["cancelled"], &many["missing"]),
        (&json!([id, second]), &json!([99]))
    );
    let (_, pruned) = ask(
        &yard,
        "DELETE",
        "/api/tasks?finished_before=2100-01-01T00:00:00Z",
        Value::Null,
    )
    .await;
    assert_eq!(pruned["removed"], 2);
    let (status, _) = ask(&yard, "GET", &path, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_sweep_is_made_whole_and_listed_in_pages() {
    let yard = yard();
    let body = json!({"command": "t --lr {lr} --seed {seed}", "matrix": {"lr": [1, 2, 3], "seed": [0, 1]}});
    let (_, answer) = ask(&yard, "POST", "/api/tasks", body).await;
    let ids = answer["ids"].as_array().unwrap().clone();
    assert_eq!(ids.len(), 6);
    let (_, page) = ask(&yard, "GET", "/api/tasks?limit=4", Value::Null).await;
    let shown = |page: &Value| -> Vec<Value> {
        page["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["id"].clone())
            .collect()
    };
    let cursor = page["next_cursor"].as_str().unwrap();
    let (_, rest) = ask(
        &yard,
        "GET",
        &format!("/api/tasks?limit=4&cursor={cursor}"),
        Value::Null,
    )
    .await;
    let all: Vec<Value> = shown(&page).into_iter().chain(shown(&rest)).collect();
    assert_eq!(all, ids.into_iter().rev().collect::<Vec<_>>());
    assert_eq!(rest["next_cursor"], Value::Null);
}

#[tokio::test]
async fn what_cannot_be_is_refused_by_field() {
    let yard = yard();
    for (body, field) in [
        (json!({"command": " "}), "command"),
        (json!({"command": "x", "gpu_type": "h100"}), "gpu_type"),
        (json!({"command": "x", "gpu_count": 3}), "gpu_count"),
        (json!({"command": "x", "memory": 25}), "memory"),
        (json!({"command": "x", "depends_on": [7]}), "depends_on"),
        (json!({"command": "x", "matrix": {"a": [1]}}), "matrix.a"),
        (json!({"command": "x", "colour": 1}), "body"),
    ] {
        let (status, answer) = ask(&yard, "POST", "/api/tasks", body.clone()).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(field)),
            "{body}"
        );
    }
    let (_, refused) = ask(&yard, "POST", "/api/tasks", json!({"command": "x", "gpu_type": "h100"})).await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("Simulated GPU 24 GiB (2 × 24 GiB)"),
        "{refused}"
    );
    for path in ["/api/tasks?status=odd", "/api/tasks?cursor=x", "/api/tasks?limit=x"] {
        let (status, _) = ask(&yard, "GET", path, Value::Null).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
    for path in ["/api/tasks/9", "/api/tasks/x", "/api/tasks/99999999999999999999"] {
        let (status, answer) = ask(&yard, "GET", path, Value::Null).await;
        assert_eq!(
            (status, &answer["code"]),
            (StatusCode::NOT_FOUND, &json!("no_such_task")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_gpus_are_listed_and_free_ones_are_told() {
    let yard = yard();
    let (_, gpus) = ask(&yard, "GET", "/api/gpus", Value::Null).await;
    let gpus = gpus.as_array().unwrap();
    assert_eq!(gpus.len(), 2);
    assert_eq!((&gpus[1]["index"], &gpus[1]["is_free"]), (&json!(1), &json!(true)));
    assert_eq!(
        (&gpus[1]["assigned_task_id"], &gpus[1]["memory"]["total"]),
        (&Value::Null, &json!(24u64 << 30))
    );
}
