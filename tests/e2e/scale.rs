//! A long command file is a normal load: what is written is in proportion to what happens.
use std::fmt::Write;

use crate::yard::{SINGLE, Yard, wait_for, wait_until, written};

const QUEUES: usize = 100;
const TASKS: usize = 10_000;

/// Fault S1 (P1).
/// Ten thousand tasks, of which a few run: starting costs the file once, and each task that ends costs a little.
#[test]
fn what_is_written_follows_what_happens() {
    let yard = Yard::new("1x24GiB");
    let mut text = String::new();
    for number in 0..TASKS {
        let command = if number == 40 {
            "hold gate".to_owned()
        } else {
            format!("run t{number}")
        };
        let queue = number % QUEUES + 1;
        write!(text, "{queue}\nbash {{work_dir}}/task.sh {command}\n1\n\n").unwrap();
    }
    std::fs::write(yard.command_file(SINGLE), text).unwrap();
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("gate");
    yard.listens(SINGLE);
    let ended = |number: u64| yard.marks().iter().filter(|mark| mark.event == "end").count() as u64 >= number;
    let run = yard.run(SINGLE);
    assert_eq!(run["total_tasks"], TASKS, "all of them are known");
    let snapshot = std::fs::metadata(
        yard.root
            .join(format!("logs/state/{}.json", run["run_id"].as_str().unwrap())),
    )
    .unwrap()
    .len();
    let Some(before) = written(scheduler.pid()) else {
        return crate::yard::skip("/proc/PID/io cannot be read");
    };
    let done = yard.marks().iter().filter(|mark| mark.event == "end").count() as u64;
    yard.go("gate");
    let more = 400;
    wait_until("some hundred have ended", || ended(done + more));
    let (after, done_after) = wait_for("what was written", || {
        let done = yard.marks().iter().filter(|mark| mark.event == "end").count() as u64;
        Some((written(scheduler.pid())?, done))
    });
    let (bytes, tasks) = (after - before, done_after - done);
    // A state file of its own for each change would be some gigabytes; what is allowed here is 16 KiB a task, and a few
    // whole state files.
    let most = tasks * 16 * 1024 + 3 * snapshot;
    assert!(
        bytes <= most,
        "{tasks} tasks wrote {bytes} bytes, more than {most}; the state file has {snapshot}"
    );
    assert!(scheduler.runs());
    assert!(yard.ask(&["stop", "single", "0"]).status.success());
    assert_eq!(scheduler.wait(), 130);
    let run = yard.run(SINGLE);
    assert_eq!((&run["state"], &run["total_tasks"]), (&"stopped".into(), &TASKS.into()));
    assert!(
        run["completed_tasks"].as_u64().unwrap() >= done + more,
        "{}",
        run["completed_tasks"]
    );
}
