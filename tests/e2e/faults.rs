//! Every fault point, with everything that can happen there, under a daemon with queues at work: whatever dies or fails
//! where, all tasks run, each once, on GPUs that nobody else has, and the user's files stay as they were.
//!
//! `GPUYARD_TEST_POINT` picks one point.
use std::{fs, path::PathBuf};

use serde_json::json;

use crate::yard::{Daemon, SINGLE, Yard, task, wait_for, wait_until, whole_leases_never_overlap};

const TASKS: [&str; 4] = ["a", "b", "c", "d"];

/// What happens to one process, once; all else goes on until it is mended.
const ONCE: [&str; 2] = ["abort", "pause"];

/// What the program says of its points: name and kinds.
fn points() -> Vec<(String, Vec<String>)> {
    let yard = Yard::new("1x24GiB");
    let output = yard.ask(&["--list-fault-points"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let words = text.lines().map(|line| line.split(' ').map(str::to_owned).collect());
    words
        .map(|mut words: Vec<String>| (words.remove(0), words))
        .filter(|(name, _)| std::env::var("GPUYARD_TEST_POINT").map_or(true, |only| only == *name))
        .collect()
}

/// A yard in which a point is armed.
struct Mined {
    yard: Yard,
    fuse: PathBuf,
    hit: PathBuf,
}

impl Mined {
    fn new(point: &str, kind: &str) -> Mined {
        let yard = Yard::new("1x24GiB");
        // What fails until it is mended fails as often as that takes.
        yard.rules(&[
            ("retry_config.max_retries", "1000"),
            ("retry_config.max_retry_before_backoff", "1000"),
        ]);
        let blocks = TASKS.iter().zip([1, 1, 2, 2]);
        let blocks: Vec<_> = blocks
            .map(|(name, queue)| task(queue, &format!("run {name} 0.02")))
            .collect();
        yard.commands(SINGLE, &blocks);
        let fuse = yard.base().join("fuse");
        let hit = yard.base().join("fuse.hit");
        yard.set("GPUYARD_FAULT", format!("{point}:{kind}:{}", fuse.display()));
        Mined { yard, fuse, hit }
    }

    fn went_off(&self, kind: &str) -> bool {
        if ONCE.contains(&kind) {
            !self.fuse.exists()
        } else {
            self.hit.exists()
        }
    }

    /// Brings back what has died, starts what has not started, and mends what fails once it has failed.
    fn tend(&self, daemon: &mut Daemon, kind: &str) {
        if !ONCE.contains(&kind) && self.hit.exists() {
            let _ = fs::remove_file(&self.fuse);
        }
        if !daemon.program.runs() {
            *daemon = self.yard.serve();
        }
        if self.yard.try_run(SINGLE).is_none() {
            let answer = daemon.try_post("/api/scheduler/single/start?config_index=0", &json!({}));
            // A start that fails says so, in words.
            let said = answer.is_none_or(|answer| answer.status == 200 || answer.body["message"].is_string());
            assert!(said, "a start that failed without a word");
        }
    }
}

fn survives(point: &str, kind: &str) {
    eprintln!("── {point} {kind}");
    let mined = Mined::new(point, kind);
    let yard = &mined.yard;
    let rules = fs::read(yard.rules_file()).unwrap();
    let commands = fs::read(yard.command_file(SINGLE)).unwrap();
    let mut daemon = yard.serve();
    fs::write(&mined.fuse, "").unwrap();
    let run = wait_for(&format!("{point} {kind}: the run comes to its end"), || {
        mined.tend(&mut daemon, kind);
        yard.try_run(SINGLE)
            .filter(|run| run["state"] == "completed" || run["state"] == "failed")
    });
    assert!(mined.went_off(kind), "{point} {kind} was passed by");
    assert_eq!(
        (&run["state"], &run["completed_tasks"]),
        (&json!("completed"), &json!(4)),
        "{run:#}"
    );
    for name in TASKS {
        assert_eq!(yard.starts(name), 1, "{point} {kind}: {name}: {:#?}", yard.marks());
    }
    assert_eq!(whole_leases_never_overlap(&yard.marks()), 4);
    wait_until("every lease has fallen", || yard.leases().is_empty());
    assert_eq!(fs::read(yard.rules_file()).unwrap(), rules, "{point} {kind}");
    assert_eq!(fs::read(yard.command_file(SINGLE)).unwrap(), commands, "{point} {kind}");
}

/// Half of the points, so that two can be at work.
fn half(which: usize) {
    let points = points();
    if points.is_empty() {
        crate::yard::skip("fault points: they are not built in (--all-features)");
    }
    for (number, (point, kinds)) in points.iter().enumerate() {
        for kind in kinds.iter().filter(|_| number % 2 == which) {
            survives(point, kind);
        }
    }
}

/// Fault C6 (P1, P3, P4).
#[test]
fn whatever_fails_at_a_point_nothing_is_lost() {
    half(0);
}

/// Fault C6 (P1, P3, P4, P6).
#[test]
fn whatever_fails_at_another_point_nothing_is_lost() {
    half(1);
}
