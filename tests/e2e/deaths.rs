//! kill -9 ten times over, of everybody whom it may hit, at moments that nobody chose: every task runs once all the same.
use std::path::PathBuf;

use nix::sys::signal::SIGKILL;
use serde_json::{Value, json};

use crate::yard::{
    Dice, SINGLE, Yard, alive, kill, python, skip, task, ticks_without_gap, wait_for, wait_until,
    whole_leases_never_overlap,
};

const ROUNDS: usize = 10;

/// A ticker on the only GPU, its successor, and a queue that wants the same GPU.
fn ticker() -> Yard {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run after"), task(2, "run other")]);
    yard
}

fn log(yard: &Yard) -> PathBuf {
    let task = yard.wait_task(SINGLE, (1, 0), "its log is known", |task| task["log_path"].is_string());
    yard.attempt_folder(&task).join("output.log")
}

/// The ticker went on without a gap and without a second start, and all that waited for it ran after it.
#[track_caller]
fn once_and_whole(yard: &Yard) {
    assert_eq!(
        yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed")["failed_tasks"],
        0
    );
    for name in ["a", "after", "other"] {
        assert_eq!(yard.starts(name), 1, "{name}: {:#?}", yard.marks());
    }
    let done = yard.task(SINGLE, 1, 0);
    assert_eq!(
        (&done["attempt"], &done["exit_code"]),
        (&json!(1), &json!(0)),
        "{done:#}"
    );
    assert_eq!(
        yard.record(&done, "exit.json")["outcome"],
        json!({"kind": "exited", "code": 0})
    );
    ticks_without_gap(&yard.log(&done), "a");
    assert_eq!(whole_leases_never_overlap(&yard.marks()), 3);
    wait_until("every lease has fallen", || yard.leases().is_empty());
}

/// Fault C1 (P2, P3).
/// The daemon dies ten times: its scheduler stays the same process, and so does the task.
#[test]
fn the_daemon_is_killed_ten_times() {
    let yard = ticker();
    let mut daemon = yard.serve();
    let scheduler = daemon.begin(SINGLE);
    let mark = yard.started("a");
    let log = log(&yard);
    for _ in 0..ROUNDS {
        daemon.program.kill();
        let before = yard.last_tick(&log);
        daemon = yard.serve();
        assert_eq!(daemon.scheduler(SINGLE), Some(scheduler), "it finds the same one");
        wait_until("it ticks on", || yard.last_tick(&log) > before);
        assert!(alive(mark.pid) && alive(scheduler));
    }
    assert_eq!(yard.starts("other"), 0, "its GPU was given away while it lived");
    yard.go("a");
    once_and_whole(&yard);
}

/// Fault C1, C2 (P2, P3, P4).
/// Daemon and scheduler die together ten times, now the one first, now the other: the next daemon brings a scheduler back.
#[test]
fn daemon_and_scheduler_are_killed_ten_times() {
    let yard = ticker();
    let mut daemon = yard.serve();
    let mut scheduler = daemon.begin(SINGLE);
    let run = yard.run(SINGLE)["run_id"].clone();
    let mark = yard.started("a");
    let log = log(&yard);
    for round in 0..ROUNDS {
        if round % 2 == 0 {
            daemon.program.kill();
            kill(scheduler, SIGKILL);
        } else {
            kill(scheduler, SIGKILL);
            daemon.program.kill();
        }
        let before = yard.last_tick(&log);
        daemon = yard.serve();
        scheduler = wait_for("the run is taken up", || {
            daemon.scheduler(SINGLE).filter(|pid| *pid != scheduler)
        });
        wait_until("it ticks on", || yard.last_tick(&log) > before);
        assert!(alive(mark.pid));
    }
    assert_eq!(yard.starts("other"), 0, "its GPU was given away while it lived");
    yard.go("a");
    once_and_whole(&yard);
    assert_eq!(yard.run(SINGLE)["run_id"], run, "it is the same run through all of it");
}

/// Fault C2 (P3, P4).
/// The scheduler dies ten times in the middle of its decisions, wherever it has just got to, while tasks come and go: none
/// of them starts twice, none is forgotten, and no GPU is had by two.
#[test]
fn the_scheduler_is_killed_at_any_moment() {
    let yard = Yard::new("3x24GiB");
    let names: Vec<String> = (0..60).map(|number| format!("t{number}")).collect();
    let blocks = names
        .iter()
        .enumerate()
        .map(|(number, name)| task(number as u64 % 5, &format!("run {name} 0.03")));
    yard.commands(SINGLE, &blocks.collect::<Vec<_>>());
    let mut dice = Dice::new("GPUYARD_TEST_SEED");
    let mut scheduler = yard.schedule(SINGLE);
    yard.wait_run(SINGLE, "there is a run", |_| true);
    for _ in 0..ROUNDS {
        scheduler.kill_after_writing(dice.roll(12_000));
        scheduler = yard.schedule_with(SINGLE, &["--recover"]);
    }
    assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
    let mut order = yard.order();
    order.sort_unstable();
    let mut wanted = names.clone();
    wanted.sort_unstable();
    assert_eq!(order, wanted, "each once");
    assert_eq!(whole_leases_never_overlap(&yard.marks()), names.len());
    let run = yard.run(SINGLE);
    for queue in run["queues"].as_object().unwrap().values() {
        let places: Vec<String> = queue["processes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| {
                task["commands"][0]
                    .as_str()
                    .unwrap()
                    .split(' ')
                    .nth(3)
                    .unwrap()
                    .to_owned()
            })
            .collect();
        let ran: Vec<String> = yard.order().into_iter().filter(|name| places.contains(name)).collect();
        assert_eq!(ran, places, "a queue keeps its order");
    }
    assert!(yard.leases().is_empty());
    wait_until("nothing is left", || yard.processes().is_empty());
}

/// Fault C3 (P2, P4).
/// Ten runners die, one after the other: each command goes on, and its exit code is known.
#[test]
fn ten_runners_are_killed() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("on_failure", "continue")]);
    let mut blocks: Vec<_> = (0..ROUNDS).map(|number| task(1, &format!("tick t{number}"))).collect();
    blocks.push(task(2, "run other"));
    yard.commands(SINGLE, &blocks);
    let mut scheduler = yard.schedule(SINGLE);
    for number in 0..ROUNDS {
        let name = format!("t{number}");
        let mark = yard.started(&name);
        let task = yard.wait_task(SINGLE, (1, number), "it runs", |task| task["state"] == "running");
        kill(runner(&yard, &task), SIGKILL);
        let log = yard.attempt_folder(&task).join("output.log");
        let before = yard.last_tick(&log);
        wait_until("it ticks on", || yard.last_tick(&log) > before);
        assert!(alive(mark.pid));
        yard.go_with(&name, number as i32);
        let over = yard.wait_task(SINGLE, (1, number), "it is over", |task| task["exit_code"].is_i64());
        assert_eq!(over["exit_code"], number, "{over:#}");
        ticks_without_gap(&yard.log(&over), &name);
        assert_eq!(yard.starts(&name), 1);
    }
    assert_eq!(scheduler.wait(), 1);
    assert_eq!(whole_leases_never_overlap(&yard.marks()), ROUNDS + 1);
}

/// Fault C4 (P3, P4).
/// All die at one moment, the task too, as when the power goes: the attempt is lost, and tried again.
#[test]
fn all_are_killed_at_once() {
    let yard = ticker();
    yard.rules(&[("retry_config.max_retries", "3")]);
    let mut scheduler = yard.schedule(SINGLE);
    let mark = yard.started("a");
    let folder = log(&yard).with_file_name("");
    // Until none is left: one that was being born may have been missed.
    wait_until("all are dead", || {
        let living = yard.processes();
        living.iter().for_each(|pid| kill(*pid, SIGKILL));
        living.is_empty()
    });
    scheduler.kill();
    assert!(!alive(mark.pid));
    let mut scheduler = yard.schedule_with(SINGLE, &["--recover"]);
    wait_until("a second attempt", || yard.starts("a") == 2);
    let task = yard.wait_task(SINGLE, (1, 0), "it runs", |task| task["state"] == "running");
    assert_eq!(
        (&task["attempt"], &task["retry_count"]),
        (&json!(2), &json!(1)),
        "{task:#}"
    );
    let error = task["last_error"].as_str().unwrap();
    // How it died can still be seen for as long as nobody has buried it.
    assert!(error.contains("lost") || error.contains("signal 9"), "{error}");
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
    let record: Value = serde_json::from_slice(&std::fs::read(folder.join("exit.json")).unwrap()).unwrap();
    assert!(
        record["outcome"]["kind"] == "lost" || record["outcome"]["signal"] == SIGKILL as i32,
        "{record:#}"
    );
    assert_eq!((yard.starts("after"), yard.starts("other")), (1, 1));
    assert!(yard.leases().is_empty());
}

/// A task whose every process has closed all that it inherited, so that no lock speaks for it.
const BARE: &str = r#"
import os, sys, time
def mark(event):
    gpus = os.environ['CUDA_VISIBLE_DEVICES']
    line = f"{event} py{os.getpid()} {os.environ['GPUYARD_UNI_ID']} {gpus} - {os.getpid()} {time.time_ns() // 1000}\n"
    fd = os.open('marks', os.O_WRONLY | os.O_APPEND)
    os.write(fd, line.encode())
    os.close(fd)
def work():
    os.closerange(0, 4096)
    mark('start')
    while not os.path.exists('go/py') and os.path.isdir('go'):
        time.sleep(0.02)
    mark('end')
if os.fork() == 0:
    os.setsid()
    work()
    os._exit(0)
work()
os.wait()
"#;

/// Fault C3 (P4).
/// Nothing of ours is open in it, its runner dies, then its scheduler too: it is found by its key, and its GPU stays its own.
#[test]
fn a_task_without_descriptors_is_found_by_its_key() {
    let Some(python) = python() else {
        return skip("there is no python3");
    };
    let yard = Yard::new("1x24GiB");
    std::fs::write(yard.work.join("bare.py"), BARE).unwrap();
    yard.rules(&[("retry_config.max_retries", "0"), ("on_failure", "continue")]);
    yard.commands(
        SINGLE,
        &[
            task(1, &format!("$ exec {python} bare.py")),
            task(1, "run after"),
            task(2, "run other"),
        ],
    );
    let mut scheduler = yard.schedule(SINGLE);
    let both = |event| {
        yard.marks()
            .iter()
            .filter(|mark| mark.event == event)
            .map(|mark| mark.pid)
            .collect::<Vec<_>>()
    };
    wait_until("both processes work", || both("start").len() == 2);
    let pids = both("start");
    let task = yard.wait_task(SINGLE, (1, 0), "it runs", |task| task["state"] == "running");
    kill(runner(&yard, &task), SIGKILL);
    yard.wait_task(SINGLE, (1, 0), "the runner is missed", |task| {
        task["live"]["runner_lost"] == true
    });
    for _ in 0..3 {
        scheduler.kill();
        scheduler = yard.schedule_with(SINGLE, &["--recover"]);
        yard.listens(SINGLE);
        assert!(pids.iter().all(|pid| alive(*pid)));
        assert_eq!(
            (both("start").len(), yard.leases().len()),
            (2, 1),
            "its GPU was given away while it lived"
        );
    }
    yard.go("py");
    scheduler.wait();
    let marks = yard.marks();
    let last_end = marks
        .iter()
        .filter(|mark| pids.contains(&mark.pid) && mark.event == "end")
        .map(|mark| mark.at)
        .max();
    for name in ["after", "other"] {
        assert_eq!(yard.starts(name), 1, "{marks:#?}");
        assert!(Some(yard.marks_of("start", name)[0].at) > last_end);
    }
    assert_eq!(both("end").len(), 4, "neither was started again");
    assert!(yard.leases().is_empty());
}

/// The runner of an attempt, as it wrote it down itself.
fn runner(yard: &Yard, task: &Value) -> i32 {
    wait_for("the runner's record", || {
        let text = std::fs::read(yard.attempt_folder(task).join("start.json")).ok()?;
        let record: Value = serde_json::from_slice(&text).ok()?;
        Some(record["runner"]["pid"].as_i64()? as i32)
    })
}
