//! The command line as people and programs use it, without a daemon.
use std::process::Output;

use serde_json::Value;

use crate::yard::{Config, SINGLE, Yard, task, wait_until};

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// One task at work, one that waits for its GPU, one that waits for the one before it.
fn busy() -> (Yard, crate::yard::Program) {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "run b"), task(2, "run c")]);
    let scheduler = yard.schedule(SINGLE);
    yard.started("a");
    yard.wait_task(SINGLE, (2, 0), "c has a reason", |task| {
        task["reason"]["code"] == "GpuHeldByOwnTask"
    });
    (yard, scheduler)
}

/// `why` says of each waiting task what it waits for, in two languages and in JSON.
#[test]
fn why_says_what_tasks_wait_for() {
    let (yard, mut scheduler) = busy();
    let english = out(&yard.ask(&["why", "--lang", "en"]));
    assert!(english.contains("held by your other tasks"), "{english}");
    let chinese = out(&yard.ask(&["why", "--lang", "zh"]));
    assert!(
        chinese
            .chars()
            .any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter)),
        "{chinese}"
    );
    let json = yard.json(&["why", "single", "0", "--json"]).to_string();
    assert!(
        json.contains("GpuHeldByOwnTask") && json.contains("QueueBusy"),
        "{json}"
    );
    let id = yard.task(SINGLE, 2, 0)["task_id"].clone();
    let one = yard.json(&["why", id.as_str().unwrap(), "--json"]);
    assert_eq!((&one["task"]["task_id"], &one["queue_id"]), (&id, &2.into()));
    assert_eq!(
        yard.json(&["why", "single", "0", "2", "0", "--json"])["task"]["task_id"],
        id
    );
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.json(&["why", "--json"])["waiting"], Value::Array(vec![]));
}

/// `logs` prints a task's log, follows it to the end, and can exit as the task did.
#[test]
fn logs_are_printed_and_followed() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let mut follower = yard.start(&["logs", "single", "0", "1", "0", "--follow", "--exit-code"]);
    follower.says("a tick 3");
    yard.go_with("a", 9);
    assert_eq!(follower.wait(), 9, "{}", follower.output());
    assert_eq!(scheduler.wait(), 1);
    let whole = yard.ask(&["logs", "single", "0", "1", "0"]);
    assert_eq!(
        (whole.status.code(), out(&whole)),
        (Some(0), yard.log(&yard.task(SINGLE, 1, 0)))
    );
    assert_eq!(follower.output(), out(&whole), "what was followed is all of it");
    assert_eq!(
        out(&yard.ask(&["logs", "single", "0", "1", "0", "--tail", "2"]))
            .lines()
            .count(),
        2
    );
    let path = out(&yard.ask(&["logs", "single", "0", "1", "0", "--path"]));
    assert!(std::path::Path::new(path.trim_end()).is_file(), "{path}");
    assert!(out(&yard.ask(&["logs", "single", "0"])).contains("scheduler at work"));
}

/// Exit codes mean something, and what goes wrong is said on stderr in a line.
#[test]
fn exit_codes_mean_something() {
    let yard = Yard::new("1x24GiB");
    for (args, code) in [
        (&["frobnicate"][..], 2),
        (&["status", "both", "0"], 2),
        (&["why", "single", "0"], 4),
        (&["logs", "single", "0", "1", "0"], 4),
        (&["logs", "ffffffff-9"], 4),
        (&["stop", "single", "0"], 4),
        (&["schedule", "single", "5"], 2),
        (&["schedule", "single", "5", "--resume"], 2),
        (&["start", "single", "5"], 2),
        (&["status"], 0),
    ] {
        let output = yard.ask(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
        assert!(code == 0 || !err(&output).is_empty(), "{args:?} says nothing");
    }
    std::fs::write(yard.rules_file(), "check_time: soon\n").unwrap();
    yard.commands(SINGLE, &[task(1, "run a")]);
    let output = yard.ask(&["schedule", "single", "0"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(err(&output).contains("check_time"), "{}", err(&output));
}

/// `start` returns once the run is on disk; the scheduler then lives on its own.
#[test]
fn start_and_stop_in_the_background() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let started = yard.json(&["start", "single", "0", "--json"]);
    let run = yard.run(SINGLE);
    assert_eq!((&run["run_id"], &run["pid"]), (&started["run_id"], &started["pid"]));
    yard.started("a");
    assert!(yard.ask(&["stop", "single", "0", "--wait"]).status.success());
    assert_eq!(yard.run(SINGLE)["state"], "stopped");
    wait_until("nothing is left", || yard.processes().is_empty());
    let started = yard.json(&["start", "single", "0", "--resume", "--json"]);
    assert_eq!(started["run_id"], run["run_id"]);
    wait_until("a has its second chance", || yard.starts("a") == 2);
    yard.go("a");
    yard.wait_run(SINGLE, "it is done", |run| run["state"] == "completed");
}

/// `check` names file and line, and its exit code says whether something is wrong; it changes nothing.
#[test]
fn check_finds_what_is_wrong() {
    let yard = Yard::new("1x24GiB");
    yard.settings(crate::yard::free_port());
    yard.commands(SINGLE, &[task(1, "run a")]);
    std::fs::write(yard.command_file(Config("single", 1)), "1\nbash x.sh\nnot a number\n").unwrap();
    let found = yard.ask(&["check", "--json"]);
    let shown: Value = serde_json::from_slice(&found.stdout).unwrap_or_else(|error| panic!("{error}: {found:?}"));
    assert!(shown.to_string().contains("command_gpu_1.txt"), "{shown:#}");
    std::fs::write(yard.rules_file(), "check_time: soon\n").unwrap();
    let found = yard.ask(&["check", "--lang", "en"]);
    assert_ne!(found.status.code(), Some(0), "{found:?}");
    assert!(out(&found).contains("gpu_manage.yaml"), "{}", out(&found));
}

/// Completion scripts for the usual shells; bash takes its own.
#[test]
fn completions_are_scripts() {
    let yard = Yard::new("1x24GiB");
    for shell in ["bash", "zsh", "fish"] {
        let script = out(&yard.ask(&["completions", shell]));
        assert!(script.contains("gpuyard") && script.contains("schedule"), "{shell}");
    }
    std::fs::write(yard.work.join("complete"), yard.ask(&["completions", "bash"]).stdout).unwrap();
    assert!(
        yard.command("bash")
            .args(["-n", "complete"])
            .status()
            .unwrap()
            .success()
    );
}

/// The GPUs in JSON, with who holds them.
#[test]
fn gpus_are_listed() {
    let (yard, mut scheduler) = busy();
    let shown = yard.json(&["gpus", "--json"]);
    assert_eq!(shown["gpus"].as_array().map(Vec::len), Some(1), "{shown:#}");
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
}
