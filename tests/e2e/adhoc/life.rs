//! What can be done to ad-hoc tasks over the API, with a scheduler at work on them.
use std::fs;

use serde_json::{Value, json};

use super::{own_lines, script};
use crate::yard::{Daemon, Yard, alive, wait_for, wait_until};

#[track_caller]
fn make(daemon: &Daemon, body: &Value) -> i64 {
    let made = daemon.post("/api/tasks", body);
    made.body["id"].as_i64().unwrap_or_else(|| panic!("{made:?}"))
}

#[track_caller]
fn posted(daemon: &Daemon, path: &str, body: &Value) -> Value {
    let answer = daemon.post(path, body);
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.body
}

#[test]
fn running_ones_are_cancelled_with_all_they_started_and_many_at_once() {
    let yard = Yard::new("2x24GiB");
    yard.rules(&[("stop_grace", "0.5")]);
    let daemon = yard.serve();
    let held = |name: &str| json!({"command": script(&format!("hold {name}")), "work_dir": yard.work, "retries": 5});
    // Deaf to TERM, with children out of its session and its tree.
    let deaf = make(
        &daemon,
        &json!({"command": script("stubborn deaf"), "work_dir": yard.work, "retries": 5}),
    );
    let other = make(&daemon, &held("other"));
    let waiting: Vec<i64> = (0..3).map(|n| make(&daemon, &held(&format!("w{n}")))).collect();
    yard.started("deaf");
    wait_until("its children are there", || yard.marks_of("child", "deaf").len() == 2);
    yard.started("other");
    let answer = posted(&daemon, &format!("/api/tasks/{deaf}/cancel"), &json!({}));
    assert_eq!(
        (&answer["cancelled"], &answer["cancelling"]),
        (&json!([]), &json!([deaf]))
    );
    let over = yard.wait_status(deaf, "cancelled");
    assert_eq!(
        (&over["attempt"], &over["cancelling"]),
        (&json!(1), &json!(false)),
        "it is not tried again"
    );
    for child in yard.marks_of("child", "deaf") {
        assert!(!alive(child.pid), "{child:?}");
    }
    // Its GPU went to the next in the line.
    yard.started("w0");
    let ids: Vec<i64> = [other].into_iter().chain(waiting.clone()).chain([deaf, 999]).collect();
    let answer = posted(&daemon, "/api/tasks/cancel", &json!({ "ids": ids }));
    assert_eq!(
        (&answer["cancelling"], &answer["cancelled"]),
        (&json!([other, waiting[0]]), &json!(waiting[1..]))
    );
    assert_eq!(
        (&answer["over"], &answer["missing"], &answer["success"]),
        (&json!([deaf]), &json!([999]), &json!(false))
    );
    for id in ids.iter().filter(|id| **id != 999) {
        yard.wait_status(*id, "cancelled");
    }
    assert_eq!(yard.starts("w1") + yard.starts("w2"), 0);
    wait_until("nothing is held any more", || yard.leases().is_empty());
}

#[test]
fn one_is_looked_at_changed_tried_again_copied_and_pruned() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("environment", "{FROM_RULES: \"1\", BOTH: rules}")]);
    let daemon = yard.serve();
    let folder = yard.base().join("elsewhere");
    fs::create_dir_all(&folder).unwrap();
    let first = make(
        &daemon,
        &json!({"command": script("hold first"), "work_dir": yard.work}),
    );
    yard.started("first");
    let body = json!({
        "name": "second", "command": "echo $FROM_RULES $BOTH $OWN; pwd; exit 5", "work_dir": folder,
        "environment": {"OWN": "o", "BOTH": "task"}, "tags": ["x"], "created_by": "王",
    });
    let second = make(&daemon, &body);
    let third = make(&daemon, &json!({"command": script("run third"), "work_dir": yard.work}));
    let path = format!("/api/tasks/{second}");
    let waits = wait_for("its reason", || {
        let task = daemon.get(&path).body;
        task["reason"]["text"].is_string().then_some(task)
    });
    assert_eq!(
        (&waits["position"], &waits["created_by"]),
        (&json!(1), &json!("王")),
        "{waits:#}"
    );
    // The later one first; then what the second one does; neither loses its place otherwise.
    let patch = |id: i64, change: Value| daemon.patch(&format!("/api/tasks/{id}"), &change).body;
    let changed = patch(third, json!({"priority": 7}));
    assert_eq!(
        (&changed["priority"], &changed["position"]),
        (&json!(7), &json!(1)),
        "{changed:#}"
    );
    let running = patch(first, json!({"priority": -1}));
    assert_eq!(
        (&running["status"], &running["priority"]),
        (&json!("running"), &json!(-1))
    );
    assert_eq!(patch(first, json!({"command": "x"}))["code"], "not_queued");
    yard.go_with("first", 0);
    let failed = yard.wait_status(second, "failed");
    assert_eq!(
        (&failed["exit_code"], &failed["assigned_gpus"]),
        (&json!(5), &json!([0])),
        "{failed:#}"
    );
    let order: Vec<String> = yard.order();
    assert_eq!(order, ["first", "third"], "the third had the second's turn");
    assert!(daemon.get(&format!("/api/tasks/{third}")).body["started_at"].as_str() < failed["started_at"].as_str());
    let log = daemon.get(&format!("{path}/logs?tail=1000")).body;
    let lines: Vec<&str> = log["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    assert_eq!(own_lines(&lines.join("\n")), ["1 task o", folder.to_str().unwrap()]);
    assert_eq!(log["truncated"], false);

    // Another attempt, of something else: a failed one is tried again as it is, and its log stands beside the first.
    posted(&daemon, &format!("{path}/retry"), &json!({}));
    let again = yard.wait_adhoc(second, "its second attempt is over", |task| {
        task["attempt"] == 2 && task["status"] == "failed"
    });
    assert!(
        again["log_path"].as_str().unwrap().ends_with("/2/output.log"),
        "{again:#}"
    );
    assert!(
        !daemon.get(&format!("{path}/logs?attempt=1")).body["lines"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let fields = posted(&daemon, &format!("{path}/clone"), &json!({}));
    assert_eq!(
        (&fields["command"], &fields["environment"], &fields["tags"]),
        (&body["command"], &body["environment"], &body["tags"])
    );
    let copy = make(&daemon, &fields);
    yard.wait_status(copy, "failed");

    // At its moment, and not before.
    let soon = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(2);
    let later = make(&daemon, &json!({"command": "true", "not_before": soon.to_string()}));
    assert_eq!(
        daemon.get(&format!("/api/tasks/{later}")).body["reason"]["code"],
        "NotBefore"
    );
    let done = yard.wait_status(later, "completed");
    let started: jiff::Timestamp = done["started_at"].as_str().unwrap().parse().unwrap();
    assert!(started >= soon, "{started} {soon}");

    // Pruned: records and logs; one that waits, or is waited for, stays.
    let kept = make(&daemon, &json!({"command": script("hold kept"), "work_dir": yard.work}));
    yard.started("kept");
    let pruned = daemon.delete("/api/tasks?finished_before=2100-01-01T00:00:00Z").body;
    assert_eq!(pruned["removed"], 5, "{pruned}");
    assert_eq!(daemon.get(&path).status, 404);
    let logs = yard.root.join("logs/tasks/tasks");
    let left: Vec<String> = fs::read_dir(&logs)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(left, [kept.to_string()]);
    yard.go_with("kept", 0);
    assert_eq!(yard.wait_code(kept), 0);
}
