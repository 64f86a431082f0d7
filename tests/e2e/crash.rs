//! kill -9 in the middle of the work, of whom it may hit: nothing runs twice, nothing is lost, no GPU is given twice.
use nix::sys::signal::SIGKILL;
use serde_json::{Value, json};

use crate::yard::{
    Mark, Program, SINGLE, Yard, alive, kill, python, skip, task, ticks_without_gap, wait_for, wait_until,
    whole_leases_never_overlap,
};

/// The runner of an attempt, as it wrote it down itself.
fn runner(yard: &Yard, task: &Value) -> i32 {
    wait_for("the runner's record", || {
        let text = std::fs::read(yard.attempt_folder(task).join("start.json")).ok()?;
        let record: Value = serde_json::from_slice(&text).ok()?;
        Some(record["runner"]["pid"].as_i64()? as i32)
    })
}

fn ticks_on(yard: &Yard, task: &Value) {
    let log = yard.attempt_folder(task).join("output.log");
    let before = yard.last_tick(&log);
    wait_until("it ticks on", || yard.last_tick(&log) > before);
}

/// Two tickers in two queues, each with a successor that wants its GPU.
fn tickers() -> (Yard, Program) {
    let yard = Yard::new("2x24GiB");
    yard.commands(
        SINGLE,
        &[
            task(1, "tick a"),
            task(1, "run after-a"),
            task(2, "tick b"),
            task(2, "run after-b"),
            task(3, "run third"),
        ],
    );
    let scheduler = yard.schedule(SINGLE);
    for name in ["a", "b"] {
        yard.started(name);
    }
    (yard, scheduler)
}

fn pair(yard: &Yard) -> [Value; 2] {
    [1, 2].map(|queue| {
        yard.wait_task(SINGLE, (queue, 0), "it runs", |task| {
            task["state"] == "running" && task["log_path"].is_string()
        })
    })
}

/// All is over: each task once, every tick there, no GPU given twice, all exit codes known.
fn nothing_was_lost(yard: &Yard, codes: [i32; 2]) {
    for name in ["a", "b", "third"] {
        assert_eq!(yard.starts(name), 1, "{name}: {:#?}", yard.marks());
    }
    whole_leases_never_overlap(&yard.marks());
    for (queue, name, code) in [(1, "a", codes[0]), (2, "b", codes[1])] {
        let task = yard.task(SINGLE, queue, 0);
        assert_eq!(
            (&task["exit_code"], &task["attempt"]),
            (&json!(code), &json!(1)),
            "{task:#}"
        );
        ticks_without_gap(&yard.log(&task), name);
        assert_eq!(
            yard.record(&task, "exit.json")["outcome"],
            json!({"kind": "exited", "code": code})
        );
    }
    assert!(yard.leases().is_empty(), "{:?}", yard.leases());
    wait_until("nothing is left", || yard.processes().is_empty());
}

/// Fault C2 (P2, P3).
/// The scheduler dies again and again; its tasks do not notice, and the last one takes them to the end.
#[test]
fn a_killed_scheduler_is_recovered_round_after_round() {
    let (yard, mut scheduler) = tickers();
    for _ in 0..4 {
        let tasks = pair(&yard);
        scheduler.kill();
        let run = yard.run(SINGLE);
        assert_eq!(run["state"], "interrupted", "{run:#}");
        for task in &tasks {
            ticks_on(&yard, task);
        }
        assert_eq!(yard.leases().len(), 2);
        scheduler = yard.schedule_with(SINGLE, &["--recover"]);
        yard.listens(SINGLE);
        assert_eq!(yard.starts("third"), 0, "a GPU was given away while its task lives");
    }
    yard.go("a");
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    nothing_was_lost(&yard, [0, 0]);
    assert_eq!((yard.starts("after-a"), yard.starts("after-b")), (1, 1));
}

/// Fault C5 (P3).
/// Tasks that end while nobody watches are known by their records, with their exit codes.
#[test]
fn tasks_that_end_while_there_is_no_scheduler_are_known() {
    let (yard, mut scheduler) = tickers();
    pair(&yard);
    scheduler.kill();
    yard.go("a");
    yard.go_with("b", 7);
    wait_until("both are over", || {
        yard.ended("a") && yard.ended("b") && yard.leases().is_empty()
    });
    assert_eq!(yard.schedule_with(SINGLE, &["--recover"]).wait(), 1);
    nothing_was_lost(&yard, [0, 7]);
    assert_eq!(
        (yard.starts("after-a"), yard.starts("after-b")),
        (1, 0),
        "a failed task ends its queue"
    );
}

/// A runner dies: its command goes on, keeps its GPU, and its exit code is recorded by the scheduler.
#[test]
fn a_killed_runner_costs_nothing() {
    let (yard, mut scheduler) = tickers();
    for task in pair(&yard) {
        kill(runner(&yard, &task), SIGKILL);
        ticks_on(&yard, &task);
    }
    assert_eq!((yard.starts("third"), yard.leases().len()), (0, 2));
    yard.go("a");
    yard.go_with("b", 7);
    assert_eq!(scheduler.wait(), 1);
    nothing_was_lost(&yard, [0, 7]);
    assert_eq!(
        yard.record(&yard.task(SINGLE, 1, 0), "exit.json")["recorded_by"],
        "scheduler"
    );
    assert_eq!(yard.starts("after-a"), 1);
}

/// A runner dies between the commands of a block: the rest of them runs, once.
#[test]
fn the_commands_that_follow_a_killed_runner_are_run() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a").then("run b").then("run c")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let task = yard.wait_task(SINGLE, (1, 0), "it runs", |task| task["log_path"].is_string());
    kill(runner(&yard, &task), SIGKILL);
    ticks_on(&yard, &task);
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.order(), ["a", "b", "c"]);
    assert_eq!(yard.task(SINGLE, 1, 0)["attempt"], 1);
}

/// Runner and scheduler die together. Nobody is left to learn the exit code, but the GPU stays with the task until it is
/// gone, and the queue then goes on by the rules.
#[test]
fn scheduler_and_runner_die_together() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("retry_config.max_retries", "0"), ("on_failure", "continue")]);
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run after"), task(2, "run other")]);
    let mut scheduler = yard.schedule(SINGLE);
    let mark: Mark = yard.started("a");
    let task = yard.wait_task(SINGLE, (1, 0), "it runs", |task| task["log_path"].is_string());
    let runner = runner(&yard, &task);
    scheduler.kill();
    kill(runner, SIGKILL);
    wait_until("the runner is gone", || !alive(runner));
    for _ in 0..2 {
        let mut next = yard.schedule_with(SINGLE, &["--recover"]);
        yard.listens(SINGLE);
        ticks_on(&yard, &task);
        assert!(alive(mark.pid));
        assert_eq!(
            (yard.starts("other"), yard.leases().len()),
            (0, 1),
            "its GPU is given away while it lives"
        );
        next.kill();
    }
    let mut last = yard.schedule_with(SINGLE, &["--recover"]);
    yard.listens(SINGLE);
    yard.go("a");
    last.wait();
    ticks_without_gap(&yard.log(&task), "a");
    assert_eq!(
        (yard.starts("a"), yard.starts("after"), yard.starts("other")),
        (1, 1, 1),
        "{:#}",
        yard.run(SINGLE)
    );
    whole_leases_never_overlap(&yard.marks());
    assert!(yard.leases().is_empty());
}

/// In Python: a child that closes all descriptors, leaves the session, and works on the GPU after its parent is gone.
const PYTHON: &str = r#"
import os, sys, time
def mark(event):
    gpus = os.environ['CUDA_VISIBLE_DEVICES']
    line = f"{event} py {os.environ['GPUYARD_UNI_ID']} {gpus} - {os.getpid()} {time.time_ns() // 1000}\n"
    fd = os.open('marks', os.O_WRONLY | os.O_APPEND)
    os.write(fd, line.encode())
    os.close(fd)
if os.fork() == 0:
    os.setsid()
    os.closerange(0, 4096)
    mark('start')
    while not os.path.exists('go/py') and os.path.isdir('go'):
        time.sleep(0.02)
    mark('end')
    os._exit(0)
print('the parent leaves', flush=True)
if len(sys.argv) > 1:
    while not os.path.exists('go/py') and os.path.isdir('go'):
        time.sleep(0.02)
    sys.exit(5)
"#;

/// Fault C3 (P4).
/// It holds no descriptor of ours and still holds its GPU while its tree lives, through the deaths of the scheduler.
#[test]
fn a_child_that_closed_all_descriptors_keeps_its_gpu() {
    let Some(python) = python() else {
        return skip("there is no python3");
    };
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("on_failure", "continue")]);
    std::fs::write(yard.work.join("daemon.py"), PYTHON).unwrap();
    yard.commands(
        SINGLE,
        &[
            task(1, &format!("$ {python} daemon.py stay")),
            task(1, "run after"),
            task(2, "run other"),
        ],
    );
    let mut scheduler = yard.schedule(SINGLE);
    let mark = yard.started("py");
    for _ in 0..2 {
        scheduler.kill();
        scheduler = yard.schedule_with(SINGLE, &["--recover"]);
        yard.listens(SINGLE);
        assert!(alive(mark.pid));
        assert_eq!((yard.starts("other"), yard.leases().len()), (0, 1));
    }
    yard.go("py");
    assert_eq!(scheduler.wait(), 1);
    assert_eq!(yard.task(SINGLE, 1, 0)["exit_code"], 5);
    assert_eq!(
        (yard.starts("py"), yard.starts("after"), yard.starts("other")),
        (1, 1, 1)
    );
    whole_leases_never_overlap(&yard.marks());
}
