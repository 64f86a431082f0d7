//! What failed is tried again by the rules, and what waits says why.
use serde_json::{Value, json};

use crate::yard::{SINGLE, Yard, task};

fn state(task: &Value) -> &str {
    task["state"].as_str().unwrap()
}

/// Two failures, then success: three attempts, each with its own folder, log and record.
#[test]
fn a_task_that_fails_twice_succeeds_at_the_third_attempt() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("retry_config.max_retries", "5")]);
    yard.commands(SINGLE, &[task(1, "fail a 2 7"), task(1, "run b")]);
    assert_eq!(yard.schedule(SINGLE).wait(), 0);
    assert_eq!(yard.order(), ["a", "a", "a", "b"]);
    let task = yard.task(SINGLE, 1, 0);
    assert_eq!(
        (&task["attempt"], &task["retry_count"], &task["exit_code"]),
        (&json!(3), &json!(2), &json!(0)),
        "{task:#}"
    );
    let last = yard.attempt_folder(&task);
    for (attempt, code) in [("1", 7), ("2", 7), ("3", 0)] {
        let folder = last.with_file_name(attempt);
        let record: Value = serde_json::from_slice(&std::fs::read(folder.join("exit.json")).unwrap()).unwrap();
        assert_eq!(record["outcome"], json!({"kind": "exited", "code": code}));
        assert!(
            std::fs::read_to_string(folder.join("output.log"))
                .unwrap()
                .contains("a at work")
        );
    }
    let keys: std::collections::BTreeSet<_> = yard.marks().into_iter().map(|mark| mark.uni_id).collect();
    assert_eq!(keys.len(), 4, "every attempt has its own key");
}

/// A retry runs all of the block's commands again, and stops at the one that fails.
#[test]
fn a_retry_begins_with_the_first_command() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("retry_config.max_retries", "5")]);
    yard.commands(SINGLE, &[task(1, "run first").then("fail second 1").then("run third")]);
    assert_eq!(yard.schedule(SINGLE).wait(), 0);
    assert_eq!(yard.order(), ["first", "second", "first", "second", "third"]);
}

/// A task that waits for its back-off holds no GPU (here the only one), says so, and can be told to go on now.
#[test]
fn a_back_off_holds_no_gpu_and_says_until_when() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[
        ("retry_config.max_retries", "9"),
        ("retry_config.max_retry_before_backoff", "1"),
    ]);
    yard.commands(SINGLE, &[task(1, "fail a 1"), task(1, "run after"), task(2, "hold b")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("b");
    let waiting = yard.wait_task(SINGLE, (1, 0), "a backs off", |task| {
        task["reason"]["code"] == "BackingOff"
    });
    assert_eq!(
        (state(&waiting), &waiting["retry_count"], &waiting["current_gpu"]),
        ("retrying", &json!(1), &Value::Null),
        "{waiting:#}"
    );
    assert!(waiting["reason"]["until"].is_string() && waiting["reason"]["text"].is_string());
    assert_eq!(yard.task(SINGLE, 1, 1)["reason"]["code"], "QueueBusy");
    let why = String::from_utf8(yard.ask(&["why", "single", "0", "--lang", "en"]).stdout).unwrap();
    assert!(why.contains("backing off"), "{why}");
    yard.go("b");
    let task_id = waiting["task_id"].clone();
    assert_eq!(
        yard.control(SINGLE, &json!({"call": "retry", "task_id": task_id})),
        json!({"answer": "done"})
    );
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.starts("a"), 2);
    assert_eq!(yard.order().last().map(String::as_str), Some("after"));
}

/// Between two attempts stands the delay of the rules, with its own reason.
#[test]
fn a_retry_waits_for_its_delay() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("retry_config.max_retries", "9"), ("retry_config.retry_delay", "3000")]);
    yard.commands(SINGLE, &[task(1, "fail a 1")]);
    let mut scheduler = yard.schedule(SINGLE);
    let waiting = yard.wait_task(SINGLE, (1, 0), "a waits for its retry", |task| {
        task["reason"]["code"] == "RetryDelay"
    });
    assert_eq!(state(&waiting), "retrying");
    assert!(waiting["last_error"].as_str().unwrap().contains('1'), "{waiting:#}");
    yard.control(SINGLE, &json!({"call": "retry", "task_id": waiting["task_id"]}));
    assert_eq!(scheduler.wait(), 0);
}

/// `on_failure: stop` (the default): a failed task ends its queue, and no other.
#[test]
fn a_failed_task_ends_its_queue() {
    let yard = Yard::new("2x24GiB");
    yard.rules(&[("retry_config.max_retries", "1")]);
    yard.commands(
        SINGLE,
        &[
            task(1, "fail a 99 5"),
            task(1, "run never"),
            task(2, "run b"),
            task(2, "run c"),
        ],
    );
    assert_eq!(yard.schedule(SINGLE).wait(), 1);
    assert_eq!((yard.starts("a"), yard.starts("never"), yard.starts("c")), (2, 0, 1));
    let run = yard.run(SINGLE);
    assert_eq!(
        (&run["state"], &run["failed_tasks"], &run["completed_tasks"]),
        (&json!("failed"), &json!(1), &json!(2)),
        "{run:#}"
    );
    assert_eq!(
        (&run["queues"]["1"]["state"], &run["queues"]["2"]["state"]),
        (&json!("failed"), &json!("completed"))
    );
    let failed = &run["queues"]["1"]["processes"][0];
    assert_eq!((&failed["exit_code"], &failed["retry_count"]), (&json!(5), &json!(1)));
    assert_eq!(run["queues"]["1"]["processes"][1]["state"], "pending");
}

/// `on_failure: continue`: the next task runs, and the run has failed all the same.
#[test]
fn a_failed_task_is_passed_when_the_rules_say_so() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("on_failure", "continue")]);
    yard.commands(SINGLE, &[task(1, "fail a 99"), task(1, "run b")]);
    assert_eq!(yard.schedule(SINGLE).wait(), 1);
    assert_eq!(yard.order(), ["a", "b"]);
    assert_eq!(yard.run(SINGLE)["queues"]["1"]["processes"][1]["state"], "completed");
}

/// `task_timeout` ends an attempt with all that it started, and counts as a failure.
#[test]
fn an_attempt_that_takes_too_long_is_ended() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("task_timeout", "0.3"), ("stop_grace", "0.2")]);
    yard.commands(SINGLE, &[task(1, "stubborn a")]);
    assert_eq!(yard.schedule(SINGLE).wait(), 1);
    let task = yard.task(SINGLE, 1, 0);
    assert_eq!(yard.record(&task, "exit.json")["outcome"], json!({"kind": "timed_out"}));
    assert_eq!(state(&task), "failed");
    assert!(task["last_error"].is_string(), "{task:#}");
    assert_eq!(yard.processes(), [] as [i32; 0], "nothing of it is left");
}

/// A command that a signal ends fails by that signal; one that is not there fails as the shell says.
#[test]
fn signals_and_missing_commands_are_told_apart() {
    let yard = Yard::new("2x24GiB");
    yard.commands(
        SINGLE,
        &[task(1, "$ kill -SEGV $$"), task(2, "$ no-such-command-anywhere")],
    );
    assert_eq!(yard.schedule(SINGLE).wait(), 1);
    let killed = yard.task(SINGLE, 1, 0);
    assert_eq!(
        (&killed["signal"], &killed["exit_code"]),
        (&json!(11), &json!(null)),
        "{killed:#}"
    );
    let missing = yard.task(SINGLE, 2, 0);
    assert_eq!(
        (&missing["signal"], &missing["exit_code"]),
        (&json!(null), &json!(127)),
        "{missing:#}"
    );
    assert!(yard.log(&missing).contains("no-such-command-anywhere"));
}

/// What can never run says so, and does not keep others from running.
#[test]
fn a_task_that_fits_no_gpu_says_so() {
    let yard = Yard::new("2x24GiB");
    yard.commands(SINGLE, &[task(1, "run huge").memory(100.0), task(2, "run small")]);
    let mut scheduler = yard.schedule(SINGLE);
    let waiting = yard.wait_task(SINGLE, (1, 0), "a reason", |task| task["reason"].is_object());
    assert_eq!(waiting["reason"]["code"], "NoGpuMatches");
    yard.wait_task(SINGLE, (2, 0), "the small one runs", |task| state(task) == "completed");
    assert!(scheduler.runs());
    // It runs once its file says something that can be.
    yard.commands(SINGLE, &[task(1, "run huge").memory(10.0), task(2, "run small")]);
    assert_eq!(scheduler.wait(), 0);
    assert_eq!((yard.starts("huge"), yard.starts("small")), (1, 1));
}
