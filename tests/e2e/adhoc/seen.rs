//! Ad-hoc tasks among the processes on the GPUs: who looks sees whose they are, and who ends one ends its task.
use nix::sys::signal::SIGKILL;
use serde_json::{Value, json};

use super::{own_lines, script};
use crate::yard::{Daemon, Yard, alive, kill, wait_for, wait_until};

/// What a task does that holds memory on its GPUs until it is ended.
const HOLDS: &str = "GPUYARD_SIMULATED_MEMORY=2GiB sleep 1000; echo it goes on";

impl Yard {
    /// A task's process on a GPU, as another root or this one sees it.
    #[track_caller]
    fn on_gpu(&self, id: i64) -> Value {
        wait_for(&format!("task {id} is on a GPU"), || {
            let list = self.json(&["ps", "--json"]);
            of(&list, id)
        })
    }
}

fn of(list: &Value, id: i64) -> Option<Value> {
    let all = list["processes"].as_array()?;
    all.iter()
        .find(|process| process["task"]["task_id"] == json!(id.to_string()))
        .cloned()
}

#[track_caller]
fn seen(daemon: &Daemon, id: i64) -> Value {
    wait_for("the daemon sees it", || of(&daemon.get("/api/gpu/processes").body, id))
}

fn name(process: &Value) -> Value {
    json!({"pid": process["pid"], "start_time": process["start_time"]})
}

fn pid(process: &Value) -> i32 {
    process["pid"].as_i64().unwrap() as i32
}

#[test]
fn a_gpu_process_names_its_ad_hoc_task_and_ending_it_cancels_the_task() {
    let yard = Yard::new("4x24GiB");
    let mut daemon = yard.serve();
    let ended = yard.submit(&["--memory", "4", "--retries", "3", "--", HOLDS]);
    let other = yard.submit(&["--gpus", "2", "--", HOLDS]);
    let (process, second) = (seen(&daemon, ended), seen(&daemon, other));
    let task = &process["task"];
    assert_eq!(
        (&task["run_id"], &task["mode"], &task["root"], &process["ending"]["way"]),
        (&json!("tasks"), &Value::Null, &Value::Null, &json!("task")),
        "{process:#}"
    );
    assert_eq!(second["gpus"].as_array().unwrap().len(), 2);
    let report = daemon.get("/api/gpu").body;
    let on_cards: Vec<&Value> = report["gpus"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|gpu| gpu["processes"].as_array().unwrap())
        .map(|process| &process["task"]["task_id"])
        .collect();
    let (first, twice) = (json!(ended.to_string()), json!(other.to_string()));
    assert_eq!(on_cards.iter().filter(|id| ***id == first).count(), 1);
    assert_eq!(on_cards.iter().filter(|id| ***id == twice).count(), 2);
    let seats = daemon.get("/api/gpus").body;
    let sits = |id: i64| {
        let seats = seats.as_array().unwrap().iter();
        seats.filter(|gpu| gpu["assigned_task_id"] == json!(id)).count()
    };
    assert_eq!((sits(ended), sits(other)), (1, 2), "{seats:#}");
    for (lang, said) in [("en", format!("task {ended}")), ("zh", format!("任务 {ended}"))] {
        let ps = yard.ask(&["ps", "--color", "never", "--lang", lang]);
        let ps = String::from_utf8_lossy(&ps.stdout).into_owned();
        assert!(ps.contains(&said), "{ps}");
    }

    let answer = daemon.post("/api/gpu/processes/kill", &json!({"processes": [name(&process)]}));
    let killed = &answer.body["killed"][0];
    assert_eq!(
        (&answer.body["success"], &killed["task"]["task_id"]),
        (&json!(true), &first),
        "{answer:?}"
    );
    assert!(["task_stopped", "task_stopping"].contains(&killed["code"].as_str().unwrap()));
    let over = yard.wait_status(ended, "cancelled");
    assert_eq!(over["attempt"], 1, "it is not tried again: {over:#}");
    assert!(
        !own_lines(&yard.adhoc_log(ended)).contains(&"it goes on"),
        "the whole task is over, not one of its processes"
    );
    assert!(alive(pid(&second)));

    // Without a daemon, and from another root: the task's own scheduler is found all the same.
    daemon.program.kill();
    let beside = yard.beside();
    let process = beside.on_gpu(other);
    assert_eq!(process["task"]["root"], json!(yard.root), "{process:#}");
    let output = beside.ask(&["kill", "--yes", "--json", &process["pid"].to_string()]);
    assert!(output.status.success(), "{output:?}");
    yard.wait_status(other, "cancelled");
    wait_until("it is gone", || !alive(pid(&second)));
}

#[test]
fn without_its_scheduler_a_process_is_signalled_and_that_is_a_failure_of_its_task() {
    let yard = Yard::new("1x24GiB");
    let mut scheduler = yard.schedule_tasks();
    let id = yard.submit(&["--", HOLDS]);
    let process = yard.on_gpu(id);
    scheduler.kill();
    let output = yard.ask(&["kill", "--yes", "--json", &process["pid"].to_string()]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let killed = &answer["killed"][0];
    assert_eq!(
        (&killed["code"], &killed["task"]["task_id"]),
        (&json!("ended"), &json!(id.to_string()))
    );
    assert!(
        killed["message"].as_str().unwrap().contains("does not run"),
        "{answer:#}"
    );
    // Its script saw a command that was killed, and went on: that is the script's affair.
    let _scheduler = yard.schedule_tasks();
    assert_eq!(yard.wait_code(id), 0);
    assert!(own_lines(&yard.adhoc_log(id)).contains(&"it goes on"));
    // One whose shell is gone has failed.
    let held = yard.submit(&["--", &script("hold held")]);
    let shell = yard.started("held");
    kill(shell.pid, SIGKILL);
    let failed = yard.wait_status(held, "failed");
    assert_eq!(
        failed["exit_code"].as_i64().or(failed["signal"].as_i64()),
        Some(137),
        "{failed:#}"
    );
}
