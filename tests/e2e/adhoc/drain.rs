//! A long line of ad-hoc tasks, listed in pages and drained through eight GPUs while command files want the same ones.
//!
//! `GPUYARD_TEST_TASKS` says how many (300; 10,000 is what is promised, and takes minutes).
use std::{collections::BTreeSet, time::Instant};

use serde_json::{Value, json};

use super::script;
use crate::yard::{Config, Daemon, MULTI, SINGLE, Yard, task, wait_for, wait_until, whole_leases_never_overlap};

const GPUS: usize = 8;
/// Tasks of each command file.
const BLOCKS: usize = 60;

fn tasks() -> usize {
    let told = std::env::var("GPUYARD_TEST_TASKS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(300)
}

impl Yard {
    fn compete(&self, config: Config, gpus: u32) {
        let block = |n: usize| {
            let command = format!("run {}{}-{n} 0.01", config.0, config.1);
            task(1 + n as u64 % 4, &command).memory(20.0).gpus(gpus)
        };
        self.commands(config, &(0..BLOCKS).map(block).collect::<Vec<_>>());
    }
}

/// One call that makes many.
#[track_caller]
fn sweep(daemon: &Daemon, yard: &Yard, numbers: std::ops::Range<usize>) -> Vec<i64> {
    let numbers: Vec<usize> = numbers.collect();
    let body = json!({
        "command": script("run small-{n}"), "work_dir": yard.work, "memory": 20, "matrix": {"n": numbers},
    });
    let made = daemon.post("/api/tasks", &body);
    let ids = made.body["ids"].as_array().unwrap_or_else(|| panic!("{made:?}"));
    ids.iter().map(|id| id.as_i64().unwrap()).collect()
}

/// All tasks of a status, read page by page.
#[track_caller]
fn paged(daemon: &Daemon, query: &str) -> Vec<i64> {
    let mut ids = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = daemon.get(&format!("/api/tasks?limit=500{query}{cursor}")).body;
        let tasks = page["tasks"].as_array().unwrap_or_else(|| panic!("{page}"));
        ids.extend(tasks.iter().map(|task| task["id"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return ids,
        }
    }
}

fn place_of(order: &[String], name: &str) -> usize {
    order
        .iter()
        .position(|other| other == name)
        .unwrap_or_else(|| panic!("{name} never started"))
}

/// Fault G2, S1 (P4).
#[test]
fn a_long_line_is_listed_in_pages_and_drained_in_order_beside_command_files() {
    let tasks = tasks();
    let yard = Yard::new(&format!("{GPUS}x24GiB"));
    let work = format!("\"{}\"", yard.work.display());
    yard.rules(&[("work_dir", work.as_str()), ("backfill", "true"), ("hold_after", "0.5")]);
    yard.compete(SINGLE, 1);
    yard.compete(MULTI, 2);
    let daemon = yard.serve();
    // One that keeps the wide one waiting; the small ones may pass it, for a while.
    let first = yard.submit(&["--", &script("hold first")]);
    yard.wait_status(first, "running");
    let wide = yard.submit(&["--gpus", &GPUS.to_string(), "--", &script("run wide")]);
    let begun = Instant::now();
    let small = sweep(&daemon, &yard, 0..tasks);
    eprintln!("{tasks} tasks made in {:?}", begun.elapsed());
    daemon.begin(SINGLE);
    daemon.begin(MULTI);

    let begun = Instant::now();
    let listed = paged(&daemon, "");
    eprintln!("listed in pages in {:?}", begun.elapsed());
    let newest_first: Vec<i64> = small.iter().rev().copied().chain([wide, first]).collect();
    assert!(listed == newest_first, "each once, newest first");

    // Once GPUs are kept for the wide one, no small one starts before it.
    let last = *small.last().unwrap();
    wait_until("GPUs are kept for the wide one", || {
        yard.adhoc(last)["reason"]["code"] == "HeldForLargerTask"
    });
    let kept_back: BTreeSet<i64> = paged(&daemon, "&status=queued")
        .into_iter()
        .filter(|id| *id != wide)
        .collect();
    assert!(!kept_back.is_empty());
    let passed = tasks - kept_back.len();
    yard.go_with("first", 0);
    let begun = Instant::now();
    let mut done = 0;
    // As long as tasks end, it is not over, however long it takes.
    while done < tasks + 2 {
        done = wait_for("another task ends", || {
            let counts = &daemon.get("/api/tasks?limit=1").body["counts"];
            assert_eq!((&counts["failed"], &counts["cancelled"]), (&json!(0), &json!(0)));
            counts["completed"]
                .as_u64()
                .map(|now| now as usize)
                .filter(|now| *now > done)
        });
    }
    let took = begun.elapsed();
    for config in [SINGLE, MULTI] {
        yard.wait_run(config, "the command file is done", |run| run["state"] == "completed");
    }
    let rate = (kept_back.len() + 1) as f64 / took.as_secs_f64();
    eprintln!("{passed} passed the wide one; the rest in {took:?}: {rate:.0} a second");

    let marks = yard.marks();
    whole_leases_never_overlap(&marks);
    let order = yard.order();
    assert_eq!(order.len(), tasks + 2 + 2 * BLOCKS, "each ran once");
    let turn = |name: &String| name.strip_prefix("small-")?.parse::<usize>().ok();
    let wide_at = place_of(&order, "wide");
    for name in order[..wide_at].iter().filter_map(turn) {
        assert!(
            !kept_back.contains(&small[name]),
            "small-{name} was to wait for the wide one"
        );
    }
    assert!(
        order[..wide_at].iter().filter_map(turn).count() >= passed.saturating_sub(GPUS),
        "before, they were free to pass"
    );
    for (place, turn) in order.iter().filter_map(turn).enumerate() {
        // As many run at once as there are GPUs, and each stamps its start itself.
        assert!(
            turn.abs_diff(place) <= GPUS + 2,
            "number {turn} began as number {place}"
        );
    }
    assert!(yard.leases().is_empty(), "{:?}", yard.leases());
    let over: Vec<Value> = ["wide", "first"].map(|name| json!(yard.starts(name))).to_vec();
    assert_eq!(over, [json!(1), json!(1)]);
}
