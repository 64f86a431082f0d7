//! The command line about ad-hoc tasks as a whole: why they wait, how they stand, and their scheduler begun and ended.
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Output, Stdio},
};

use serde_json::{Value, json};

use super::{own_lines, script};
use crate::yard::{GPUYARD, Yard, alive, skip, wait_until};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

impl Yard {
    /// What `check` finds; a missing file is an error to it, and none to us.
    fn checked(&self) -> Value {
        serde_json::from_slice(&self.ask(&["check", "--json"]).stdout).unwrap()
    }

    fn says_of(&self, args: &[&str]) -> String {
        said(&self.ask(&[args, &["--color", "never"]].concat()))
    }
}

#[test]
fn why_and_status_tell_of_them_and_logs_of_their_scheduler() {
    let yard = Yard::new("2x24GiB");
    assert!(!yard.says_of(&["why"]).contains("ad-hoc"), "there has never been one");
    assert!(!yard.root.join("logs/gpuyard.db").exists(), "looking makes none");
    let _scheduler = yard.schedule_tasks();
    let runs = yard.submit(&["--name", "holder", "--", &script("hold holder")]);
    yard.wait_status(runs, "running");
    let waits = yard.submit(&["--after", &runs.to_string(), "--", "true"]);
    let wide = yard.submit(&["--gpus", "2", "--", "true"]);
    yard.wait_adhoc(wide, "it is told why it waits", |task| {
        task["reason"]["code"] == "NotEnoughGpus"
    });

    let why = yard.says_of(&["why"]);
    for wanted in [
        "ad-hoc tasks\n".to_owned(),
        format!("1 task: waits for #{runs} to complete\n    {waits}\n"),
    ] {
        assert!(why.contains(&wanted), "{wanted}\n{why}");
    }
    let groups = yard.json(&["why", "tasks", "--json"])["adhoc"].clone();
    let codes: Vec<&Value> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["reason"]["code"])
        .collect();
    assert_eq!(codes, [&json!("WaitsForTasks"), &json!("NotEnoughGpus")]);
    assert_eq!(yard.json(&["why", "--json"])["adhoc"], groups);
    let one = yard.says_of(&["why", &wide.to_string()]);
    assert!(one.contains("queued") && one.contains("place 2 in the line"), "{one}");
    let one = yard.says_of(&["why", &runs.to_string(), "--lang", "zh"]);
    assert!(one.contains("正在 GPU 0 上运行"), "{one}");
    let nobody = yard.ask(&["why", "99"]);
    assert_eq!(nobody.status.code(), Some(4), "{nobody:?}");

    let status = yard.says_of(&["status"]);
    assert!(
        status.contains("ad-hoc tasks") && status.contains("2 queued, 1 running, 0 over"),
        "{status}"
    );
    let standing = yard.json(&["status", "--json"])["adhoc"].clone();
    assert_eq!(
        (&standing["counts"]["running"], &standing["scheduler"]["running"]),
        (&json!(1), &json!(true))
    );
    assert!(yard.says_of(&["logs", "tasks"]).contains("attempt started"));
    let checked = yard.checked();
    let of_database = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["about"] == "database");
    assert_eq!(of_database.unwrap()["level"], "ok", "{checked:#}");
}

#[test]
fn their_scheduler_is_stopped_and_started_and_what_waited_waits() {
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let ran = yard.submit(&["--", &script("hold ran")]);
    yard.wait_status(ran, "running");
    let waits = yard.submit(&["--", "echo late"]);
    let pid = yard.tasks_scheduler(&daemon).unwrap();
    let stopped = yard.ask(&["stop", "tasks", "--wait"]);
    assert!(stopped.status.success(), "{stopped:?}");
    assert!(!alive(pid));
    let ended = yard.adhoc(ran);
    assert_eq!(
        (&ended["status"], &ended["error"]),
        (&json!("cancelled"), &json!("stopped"))
    );
    assert_eq!(yard.adhoc(waits)["reason"]["code"], "NoScheduler");
    assert_eq!(yard.ask(&["stop", "tasks"]).status.code(), Some(4), "it is not running");
    // The daemon was told too: it leaves it ended until somebody wants something.
    assert_eq!(yard.tasks_scheduler(&daemon), None);
    let started = yard.ask(&["start", "tasks", "--json"]);
    assert!(started.status.success(), "{started:?}");
    assert_eq!(yard.ask(&["start", "tasks"]).status.code(), Some(3), "it runs already");
    assert_eq!(yard.wait_code(waits), 0);
    assert_eq!(own_lines(&yard.adhoc_log(waits)), ["late"]);

    // Let go of, a running one goes on, and the next scheduler takes it back.
    let kept = yard.submit(&["--", &script("hold kept")]);
    yard.wait_status(kept, "running");
    assert!(yard.ask(&["stop", "tasks", "--detach", "--wait"]).status.success());
    assert!(alive(yard.started("kept").pid));
    assert!(yard.ask(&["start", "tasks"]).status.success());
    yard.go_with("kept", 3);
    assert_eq!(yard.wait_code(kept), 3);
    assert_eq!(yard.adhoc(kept)["attempt"], 1);

    // By its pid, as any scheduler of this root.
    let pid = yard.tasks_scheduler(&daemon).unwrap();
    let answer = daemon.post(&format!("/api/scheduler/stop/{pid}"), &json!({"drain": true}));
    assert_eq!((answer.status, &answer.body["pid"]), (200, &json!(pid)), "{answer:?}");
    wait_until("it is gone", || !alive(pid));
}

#[test]
fn shut_down_all_ends_running_ones_and_keeps_what_waits() {
    let script_file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shut_down.sh");
    if !script_file.exists() {
        return skip("shut_down.sh is not here");
    }
    let yard = Yard::new("1x24GiB");
    // Where it looks for the program.
    let built = yard.base().join("built/release");
    fs::create_dir_all(&built).unwrap();
    symlink(GPUYARD, built.join("gpuyard")).unwrap();
    let shut_down = |how: &str| {
        let mut command = yard.command("bash");
        command.arg(&script_file).args([how]).env("GPUYARD_ROOT", &yard.root);
        command.env("CARGO_TARGET_DIR", yard.base().join("built"));
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Somebody's demo on this machine is none of its business.
    let demo = tempfile::Builder::new()
        .prefix("gpuyard-demo.")
        .tempdir_in("/tmp")
        .unwrap();
    symlink(GPUYARD, demo.path().join("gpuyard")).unwrap();
    let daemon = yard.serve();
    let runs = yard.submit(&["--", &script("hold runs")]);
    yard.wait_status(runs, "running");
    let waits = yard.submit(&["--", "true"]);
    let pid = yard.tasks_scheduler(&daemon).unwrap();
    let mut program = daemon.program;
    let listed = said(&shut_down("--status").wait_with_output().unwrap());
    assert!(listed.contains(&format!("pid {pid}  tasks")), "{listed}");
    let ending = shut_down("--all");
    assert_eq!(program.wait(), 0);
    let ended = ending.wait_with_output().unwrap();
    assert!(
        ended.status.success() && said(&ended).contains("Ending scheduler tasks"),
        "{ended:?}"
    );
    assert!(!alive(pid) && yard.leases().is_empty() && demo.path().exists());
    assert_eq!(yard.adhoc(runs)["status"], "cancelled");
    assert_eq!(yard.adhoc(waits)["status"], "queued");
}

#[test]
fn a_database_on_a_network_file_system_is_refused_in_words_with_the_setting() {
    let yard = Yard::new("1x24GiB");
    if yard.ask(&["--list-fault-points"]).stdout.is_empty() {
        return skip("this build has no fault points (cargo nextest run --all-features)");
    }
    yard.set("GPUYARD_FAULT_NETWORK", yard.root.join("logs").display().to_string());
    let refused = yard.ask(&["submit", "--", "true"]);
    assert_eq!(refused.status.code(), Some(2));
    let text = said(&refused);
    assert!(text.contains("NFS") && text.contains("data-dir"), "{text}");
    let checked = yard.checked();
    let found = checked["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["about"] == "database")
        .unwrap();
    assert!(
        found["level"] == "error" && found["mend"].as_str().unwrap().contains("data-dir"),
        "{found}"
    );
    // The rest of the daemon works, and says why this does not.
    let mut daemon = yard.serve();
    let answer = daemon.get("/api/tasks");
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("database_on_network"))
    );
    let answer = daemon.post("/api/tasks", &json!({"command": "true"}));
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (503, &json!("database_on_network"))
    );
    assert_eq!(daemon.get("/api/gpu").status, 200);
    assert!(!yard.root.join("logs/gpuyard.db").exists());
    daemon.program.kill();

    // With the setting, on another disk, all is well.
    let settings = yard.root.join("config/control_setting.yaml");
    let elsewhere = yard.base().join("local");
    let text = fs::read_to_string(&settings).unwrap() + &format!("data-dir: {}\n", elsewhere.display());
    fs::write(&settings, text).unwrap();
    let _daemon = yard.serve();
    let id = yard.submit(&["--", "echo here"]);
    assert_eq!(yard.wait_code(id), 0);
    assert!(elsewhere.join("gpuyard.db").is_file());
}
