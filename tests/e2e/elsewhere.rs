//! The command line at a daemon elsewhere: looked at and followed over its API, from a folder that is no root.
use std::{
    fs,
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::{Value, json};

use crate::yard::{GPUYARD, Program, SECRET, SINGLE, Yard, free_port, task, wait_for, wait_until};

/// `gpuyard ARGS…` where there is no root, logged in to the daemon.
fn far(yard: &Yard, port: u16) -> impl Fn(&[&str]) -> Command {
    let url = format!("http://127.0.0.1:{port}");
    let mut login = yard.command(GPUYARD);
    login.args(["login", &url]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut login = login.spawn().unwrap();
    login.stdin.take().unwrap().write_all(SECRET.as_bytes()).unwrap();
    assert!(login.wait().unwrap().success());
    |args| {
        let mut command = yard.command(GPUYARD);
        command.args(args);
        command
    }
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn said(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A program whose notes go to a file of their own.
fn follower(yard: &Yard, command: &Command, name: &str) -> (Program, impl Fn() -> String + use<>) {
    let notes = yard.base().join(format!("{name}.notes"));
    let mut shell = yard.command("bash");
    shell.args(["-c", r#"notes=$1; shift; exec "$@" 2> "$notes""#, "bash"]);
    shell.arg(&notes).arg(command.get_program()).args(command.get_args());
    let program = Program::start(shell, yard.base(), name);
    (program, move || fs::read_to_string(&notes).unwrap_or_default())
}

/// What is asked of a daemon elsewhere is answered as in its own folder: runs, reasons, GPUs, processes, logs.
#[test]
fn a_daemon_elsewhere_says_what_its_folder_says() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "run b"), task(2, "run c")]);
    let daemon = yard.serve();
    daemon.begin(SINGLE);
    yard.started("a");
    yard.wait_task(SINGLE, (2, 0), "c has a reason", |task| {
        task["reason"]["code"] == "GpuHeldByOwnTask"
    });
    let far = far(&yard, daemon.port);
    for words in [
        &["status", "--json"][..],
        &["status", "single", "0", "--json"],
        &["status", "--all", "--json"],
        &["why", "--json"],
        &["why", "single", "0", "2", "0", "--json"],
    ] {
        wait_until("both say the same", || {
            let there = far(words).output().unwrap();
            assert!(there.status.success(), "{words:?}: {there:?}");
            json_of(&there) == yard.json(words)
        });
    }
    let id = yard.task(SINGLE, 1, 0)["task_id"].as_str().unwrap().to_owned();
    let one = json_of(&far(&["why", &id, "--json"]).output().unwrap());
    assert_eq!(one["task"]["task_id"], json!(id));
    let gpus = json_of(&far(&["gpus", "--json"]).output().unwrap());
    assert_eq!(
        (gpus["gpus"].as_array().map(Vec::len), &gpus["leases"][0]["task_id"]),
        (Some(1), &json!(id)),
        "{gpus:#}"
    );
    assert!(said(&far(&["gpus"]).output().unwrap()).contains(&id), "who holds it");
    let ps = json_of(&far(&["ps", "--json"]).output().unwrap());
    assert!(ps["processes"].is_array(), "{ps:#}");
    assert!(said(&far(&["status", "--lang", "en"]).output().unwrap()).contains("running"));
    for words in [
        &["logs", "single", "0", "1", "0"][..],
        &["logs", "single", "0", "1", "0", "--path"],
        &["logs", "single", "0", "--tail", "2"],
        &["logs", &id, "--attempt", "1", "--tail", "3"],
    ] {
        let (there, here) = (far(words).output().unwrap(), yard.ask(words));
        assert!(
            there.status.success() && !there.stdout.is_empty(),
            "{words:?}: {there:?}"
        );
        assert_eq!(said(&there), said(&here), "{words:?}");
    }
    for (words, code) in [
        (&["why", "multi", "3"][..], 4),
        (&["logs", "ffffffff-9"], 4),
        (&["logs", "single", "0", "2", "0"], 4),
        (&["logs", &id, "--attempt", "7"], 4),
        (&["status", "multi", "7"], 4),
        (&["--url", "http://127.0.0.1:9", "status"], 1),
    ] {
        let there = far(words).output().unwrap();
        assert_eq!(there.status.code(), Some(code), "{words:?}: {there:?}");
        assert!(!there.stderr.is_empty());
    }
    // Another address than the one that was logged in to is shown no token.
    let other = format!("http://localhost:{}", daemon.port);
    let stranger = far(&["--url", &other, "status", "--lang", "en"]).output().unwrap();
    assert_eq!(stranger.status.code(), Some(2), "{stranger:?}");
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("gpuyard login"));
    yard.go("a");
    yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    let ended = far(&["logs", &id, "--follow", "--exit-code"]).output().unwrap();
    assert_eq!(
        (ended.status.code(), said(&ended)),
        (Some(0), yard.log(&yard.task(SINGLE, 1, 0)))
    );
}

/// A log is followed from afar through a failed attempt, a death of the daemon and its return, and every byte comes once.
#[test]
fn a_log_is_followed_through_retries_and_lost_connections() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[
        ("retry_config.max_retries", "1000"),
        ("retry_config.max_retry_before_backoff", "1000"),
    ]);
    yard.commands(SINGLE, &[task(1, "tick a")]);
    yard.settings(free_port());
    let mut daemon = yard.serve();
    daemon.begin(SINGLE);
    yard.started("a");
    let far = far(&yard, daemon.port);
    let words = [
        "logs",
        "single",
        "0",
        "1",
        "0",
        "--follow",
        "--exit-code",
        "--lang",
        "en",
    ];
    let (mut log, notes) = follower(&yard, &far(&words), "log");
    let (mut status, status_notes) = follower(&yard, &far(&["status", "--watch", "--lang", "en"]), "status");
    log.says("a tick 3");
    status.says("1 running");
    daemon.program.kill();
    for notes in [&notes, &status_notes] as [&dyn Fn() -> String; 2] {
        wait_until("the loss is told", || notes().contains("is lost; trying again"));
    }
    let written = yard.log(&yard.task(SINGLE, 1, 0)).len();
    wait_until("the task goes on meanwhile", || {
        yard.log(&yard.task(SINGLE, 1, 0)).len() > written
    });
    let daemon = yard.serve();
    for notes in [&notes, &status_notes] as [&dyn Fn() -> String; 2] {
        wait_until("its return is told", || notes().contains("again\n"));
    }
    yard.go_with("a", 7);
    wait_until("the next attempt is told", || notes().contains("attempt "));
    yard.go_with("a", 0);
    assert_eq!(log.wait(), 0, "{}{}", log.output(), notes());
    let attempts = yard.task(SINGLE, 1, 0)["attempt"].as_u64().unwrap();
    let shown = log.output();
    let whole = |attempt: u64| {
        let of = format!("{attempt}");
        said(&yard.ask(&["logs", "single", "0", "1", "0", "--attempt", &of]))
    };
    let first = whole(1);
    assert_eq!(
        shown.get(..first.len()),
        Some(&*first),
        "the first attempt came whole, and once"
    );
    assert!(shown.ends_with(&whole(attempts)), "the last one too");
    wait_for("the end is shown", || {
        status.output().contains("completed").then_some(())
    });
    assert!(status.runs(), "who watches goes on");
    drop(daemon);
}

/// The scheduler's own log and an ad-hoc task's, followed from afar to their ends.
#[test]
fn schedulers_and_ad_hoc_tasks_are_followed_too() {
    let yard = Yard::new("2x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let daemon = yard.serve();
    daemon.begin(SINGLE);
    yard.started("a");
    let far = far(&yard, daemon.port);
    let (mut own, _) = follower(&yard, &far(&["logs", "single", "0", "-f"]), "own");
    own.says("scheduler at work");
    let work = yard.work.display().to_string();
    let made = daemon.post(
        "/api/tasks",
        &json!({"command": "bash task.sh tick z", "work_dir": work}),
    );
    assert_eq!(made.status, 200, "{made:?}");
    let id = made.body["id"].to_string();
    let (mut adhoc, _) = follower(&yard, &far(&["logs", &id, "-f", "--exit-code"]), "adhoc");
    adhoc.says("z tick 3");
    yard.go_with("z", 5);
    assert_eq!(adhoc.wait(), 5, "{}", adhoc.output());
    let whole = far(&["logs", &id]).output().unwrap();
    assert_eq!(said(&whole), adhoc.output());
    assert_eq!(said(&whole), said(&yard.ask(&["logs", &id])));
    yard.go("a");
    assert_eq!(own.wait(), 0, "{}", own.output());
    assert_eq!(own.output(), said(&yard.ask(&["logs", "single", "0"])));
}

/// Ad-hoc tasks are made, listed, cancelled, tried again and waited for from afar as in the daemon's folder.
#[test]
fn ad_hoc_tasks_are_led_from_afar() {
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let far = far(&yard, daemon.port);
    let work = yard.work.display().to_string();
    let ask = |words: &[&str]| far(words).output().unwrap();
    let id = |output: &Output| {
        assert!(output.status.success(), "{output:?}");
        said(output).trim().to_owned()
    };
    let first = id(&ask(&[
        "submit",
        "--work-dir",
        &work,
        "--name",
        "one",
        "--",
        "bash task.sh hold a",
    ]));
    yard.started("a");
    let second = id(&ask(&[
        "submit",
        "--work-dir",
        &work,
        "--tag",
        "later",
        "--",
        "bash task.sh run b",
    ]));
    for words in [
        &["tasks", "--json"][..],
        &["tasks", "--status", "queued", "--tag", "later", "--json"],
        &["tasks", "-n", "1", "--json"],
        &["tasks", "--search", "one", "--json"],
        &["task", &first, "--json"],
    ] {
        wait_until("both say the same", || {
            let there = ask(words);
            assert!(there.status.success(), "{words:?}: {there:?}");
            json_of(&there) == yard.json(words)
        });
    }
    assert!(said(&ask(&["tasks"])).contains("one"));
    let (mut waits, _) = follower(&yard, &far(&["wait", &first]), "wait");
    assert_eq!(ask(&["cancel", &second]).status.code(), Some(0));
    assert_eq!(ask(&["cancel", &second, "999"]).status.code(), Some(4));
    let third = id(&ask(&["clone", &second]));
    yard.go_with("a", 6);
    assert_eq!(waits.wait(), 6, "{}", waits.output());
    assert_eq!(ask(&["wait", &third]).status.code(), Some(0));
    assert_eq!(ask(&["retry", &second]).status.code(), Some(0));
    assert_eq!(ask(&["wait", &second]).status.code(), Some(0));
    assert_eq!(yard.starts("b"), 2);
    for (words, code) in [
        (&["submit", "--work-dir", "here", "--", "true"][..], 2),
        (&["submit", "--gpus", "9", "--", "true"], 2),
        (&["attach", &first], 2),
        (&["task", "999"], 4),
        (&["wait", "999"], 4),
        (&["retry", "999"], 4),
        (&["clone", "999"], 4),
    ] {
        let output = ask(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        assert!(!output.stderr.is_empty(), "{words:?}");
    }
}
