//! Files edited while their scheduler runs: what is new is followed, what is done stays done.
use std::{fs, io::Write};

use serde_json::{Value, json};

use crate::yard::{Block, MULTI, SINGLE, Yard, task, wait_until};

fn names(run: &Value, queue: &str) -> Vec<(String, String)> {
    let tasks = run["queues"][queue]["processes"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let name = |task: &Value| {
        task["commands"][0]
            .as_str()
            .unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned()
    };
    tasks
        .iter()
        .map(|task| (name(task), task["state"].as_str().unwrap().to_owned()))
        .collect()
}

fn is(run: &Value, queue: &str, wanted: &[(&str, &str)]) -> bool {
    let found = names(run, queue);
    found.len() == wanted.len()
        && found
            .iter()
            .zip(wanted)
            .all(|(a, b)| (a.0.as_str(), a.1.as_str()) == *b)
}

/// Done, running, pending: the file as it stands at the start of most of these stories.
fn at_work() -> (Yard, crate::yard::Program) {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a"), task(1, "hold b"), task(1, "run c")]);
    let scheduler = yard.schedule(SINGLE);
    yard.started("b");
    (yard, scheduler)
}

#[test]
fn a_task_that_is_appended_runs_last() {
    let (yard, mut scheduler) = at_work();
    yard.commands(
        SINGLE,
        &[
            task(1, "run a"),
            task(1, "hold b"),
            task(1, "run c"),
            task(1, "run d"),
            task(2, "run e"),
        ],
    );
    yard.wait_run(SINGLE, "the edit is followed", |run| run["total_tasks"] == 5);
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.order()[..2], ["a", "b"]);
    let order = yard.order();
    let first: Vec<&str> = order.iter().map(String::as_str).filter(|name| *name != "e").collect();
    assert_eq!(first, ["a", "b", "c", "d"]);
    assert_eq!(yard.starts("e"), 1);
}

#[test]
fn a_task_inserted_above_reruns_nothing() {
    let (yard, mut scheduler) = at_work();
    let before = yard.run(SINGLE);
    let id = |run: &Value, at: usize| run["queues"]["1"]["processes"][at]["task_id"].clone();
    yard.commands(
        SINGLE,
        &[
            task(1, "run new"),
            task(1, "run a"),
            task(1, "hold b"),
            task(1, "run c"),
        ],
    );
    let after = yard.wait_run(SINGLE, "the edit is followed", |run| {
        is(
            run,
            "1",
            &[
                ("new", "pending"),
                ("a", "completed"),
                ("b", "running"),
                ("c", "pending"),
            ],
        )
    });
    for at in 0..3 {
        assert_eq!(id(&before, at), id(&after, at + 1), "a task keeps its id");
    }
    assert_eq!(after["queues"]["1"]["processes"][2]["index"], 2);
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    let mut order = yard.order();
    order.sort();
    assert_eq!(order, ["a", "b", "c", "new"], "each once");
}

#[test]
fn tasks_that_change_places_run_in_their_new_order() {
    let yard = Yard::new("1x24GiB");
    yard.commands(
        SINGLE,
        &[task(1, "hold a"), task(1, "run b"), task(1, "run c"), task(1, "run d")],
    );
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    yard.commands(
        SINGLE,
        &[task(1, "hold a"), task(1, "run d"), task(1, "run c"), task(1, "run b")],
    );
    let wanted = [("a", "running"), ("d", "pending"), ("c", "pending"), ("b", "pending")];
    yard.wait_run(SINGLE, "the edit is followed", |run| is(run, "1", &wanted));
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.order(), ["a", "d", "c", "b"]);
}

/// A running task whose block goes away runs on, marked so; a pending one is gone.
#[test]
fn a_running_task_outlives_its_block() {
    let (yard, mut scheduler) = at_work();
    yard.commands(SINGLE, &[task(1, "run a"), task(1, "run d")]);
    let run = yard.wait_run(SINGLE, "the edit is followed", |run| {
        !run["queues"]["1"].to_string().contains("run c")
    });
    let tasks = run["queues"]["1"]["processes"].as_array().unwrap();
    let left = tasks
        .iter()
        .find(|task| task["commands"][0].as_str().unwrap().ends_with("hold b"))
        .unwrap();
    assert_eq!(
        (&left["removed"], &left["state"]),
        (&json!(true), &json!("running")),
        "{run:#}"
    );
    assert_eq!(yard.starts("d"), 0, "its queue is busy until it ends");
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.order(), ["a", "b", "d"]);
    assert!(yard.ended("b"));
}

/// Memory and count are figures of the same task: its next attempt uses the new ones.
#[test]
fn changed_figures_are_used_by_the_next_attempt() {
    let yard = Yard::new("4x24GiB");
    yard.rules(&[("retry_config.max_retries", "3")]);
    let blocks = |gpus, memory| {
        [
            task(1, "hold a").gpus(gpus).memory(memory),
            task(1, "run b").gpus(gpus).memory(memory),
        ]
    };
    yard.commands(MULTI, &blocks(1, 1.0));
    let mut scheduler = yard.schedule(MULTI);
    yard.started("a");
    let id = yard.task(MULTI, 1, 0)["task_id"].clone();
    yard.commands(MULTI, &blocks(2, 2.5));
    let edited = yard.wait_task(MULTI, (1, 0), "the edit is followed", |task| task["memory_gb"] == 2.5);
    assert_eq!(
        (&edited["task_id"], &edited["state"], &edited["gpus"]),
        (&id, &json!("running"), &json!([0])),
        "{edited:#}"
    );
    yard.go_with("a", 1);
    wait_until("the second attempt", || yard.starts("a") == 2);
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
    let gpus: Vec<usize> = yard.marks_of("start", "a").iter().map(|mark| mark.gpus.len()).collect();
    assert_eq!(gpus[..2], [1, 2]);
    assert_eq!(yard.marks_of("start", "b")[0].gpus.len(), 2);
    let done = yard.task(MULTI, 1, 0);
    assert_eq!(done["task_id"], id);
    assert_eq!(yard.record(&done, "attempt.json")["memory"], 5u64 << 29);
}

/// Fault F2 (P5).
/// As vim writes: the old file moved away, a new one in its place.
#[test]
fn an_editor_that_replaces_the_file_is_followed() {
    let (yard, mut scheduler) = at_work();
    let path = yard.command_file(SINGLE);
    let text = Yard::text(
        SINGLE,
        &[task(1, "run a"), task(1, "hold b"), task(1, "run c"), task(1, "run d")],
    );
    for round in 0..3 {
        let old = path.with_extension(format!("txt~{round}"));
        fs::rename(&path, &old).unwrap();
        fs::write(&path, if round == 2 { text.as_str() } else { "" }).unwrap();
    }
    yard.wait_run(SINGLE, "the edit is followed", |run| run["total_tasks"] == 4);
    // And once more, in one step.
    let new = path.with_extension("new");
    fs::write(
        &new,
        Yard::text(SINGLE, &[task(1, "run a"), task(1, "hold b"), task(1, "run e")]),
    )
    .unwrap();
    fs::rename(&new, &path).unwrap();
    yard.wait_run(SINGLE, "the edit is followed", |run| {
        is(run, "1", &[("a", "completed"), ("b", "running"), ("e", "pending")])
    });
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.order(), ["a", "b", "e"]);
}

/// Fault F2 (P5).
/// A file that is written byte by byte is acted on as a whole: nothing of what it was on the way ever counts.
#[test]
fn a_file_written_byte_by_byte_is_read_as_a_whole() {
    let yard = Yard::new("4x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    // Every beginning of this that ends in a number would be a file of its own.
    let text = Yard::text(
        SINGLE,
        &[
            task(1, "hold a"),
            task(2, "run b 0.001").memory(12.0),
            task(3, "run c").memory(10.0),
        ],
    );
    let mut file = fs::File::create(yard.command_file(SINGLE)).unwrap();
    for byte in text.as_bytes() {
        file.write_all(&[*byte]).unwrap();
        file.sync_data().unwrap();
    }
    drop(file);
    yard.wait_run(SINGLE, "the file is followed", |run| run["total_tasks"] == 3);
    yard.go("a");
    assert_eq!(scheduler.wait(), 0);
    let run = yard.run(SINGLE);
    assert_eq!(run["total_tasks"], 3, "{run:#}");
    assert_eq!(run["queues"]["2"]["processes"][0]["memory_gb"], 12.0);
    assert_eq!((yard.starts("a"), yard.starts("b"), yard.starts("c")), (1, 1, 1));
}

/// A block that makes no sense is a warning that names its line; the rest runs. Mended, it runs too.
#[test]
fn a_broken_block_is_shown_with_its_line() {
    let (yard, mut scheduler) = at_work();
    let good = Yard::text(SINGLE, &[task(1, "run a"), task(1, "hold b"), task(1, "run c")]);
    let line = good.lines().count() + 2;
    fs::write(
        yard.command_file(SINGLE),
        format!("{good}\n2\nbash {{work_dir}}/task.sh run d\nnot a number\n"),
    )
    .unwrap();
    let run = yard.wait_run(SINGLE, "the warning is shown", |run| {
        run["warnings"]["command_file"].is_array()
    });
    let warning = run["warnings"]["command_file"].to_string();
    assert!(
        (line..line + 3).any(|n| warning.contains(&n.to_string())),
        "a line from {line} on is named: {warning}"
    );
    assert!(
        is(&run, "1", &[("a", "completed"), ("b", "running"), ("c", "pending")]),
        "{run:#}"
    );
    fs::write(
        yard.command_file(SINGLE),
        format!("{good}\n2\nbash {{work_dir}}/task.sh run d\n1\n"),
    )
    .unwrap();
    yard.wait_run(SINGLE, "the warning is gone", |run| {
        run["warnings"].get("command_file").is_none()
    });
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!((yard.starts("a"), yard.starts("d")), (1, 1));
}

/// A file that cannot be read at all changes nothing: what was last read goes on, and the trouble is shown until it is over.
#[test]
fn an_unreadable_file_keeps_the_last_good_one() {
    let (yard, mut scheduler) = at_work();
    let path = yard.command_file(SINGLE);
    let good = fs::read(&path).unwrap();
    fs::write(&path, b"1\necho \0\n1\n").unwrap();
    let shown = |run: &Value| {
        run["last_error"]
            .as_str()
            .is_some_and(|text| text.contains("command_gpu.txt"))
    };
    let run = yard.wait_run(SINGLE, "the trouble is shown", |run| {
        shown(run) || run["warnings"]["command_file"].is_array()
    });
    assert!(
        is(&run, "1", &[("a", "completed"), ("b", "running"), ("c", "pending")]),
        "{run:#}"
    );
    fs::remove_file(&path).unwrap();
    yard.go("b");
    yard.wait_run(SINGLE, "c runs in spite of it", |run| run["completed_tasks"] == 3);
    assert!(!path.exists(), "a user's file is not made up");
    assert_eq!(scheduler.wait(), 0);
    fs::write(&path, good).unwrap();
}

/// Rules that change are followed without a restart.
#[test]
fn rules_are_followed_live() {
    let yard = Yard::new("4x24GiB");
    yard.rules(&[("max_gpu", "1")]);
    yard.commands(SINGLE, &[task(1, "hold a"), task(2, "hold b")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let waiting = yard.wait_task(SINGLE, (2, 0), "a reason", |task| task["reason"].is_object());
    assert_eq!(
        (&waiting["reason"]["code"], &waiting["reason"]["allowed"]),
        (&json!("ReservedForOthers"), &json!(1)),
        "{waiting:#}"
    );
    yard.rules(&[("max_gpu", "2")]);
    yard.started("b");
    yard.go("a");
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
}

/// Fault W1 (P5).
/// Rules that cannot be read are shown with their line, and those before them stay in force.
#[test]
fn broken_rules_keep_the_last_good_ones() {
    let yard = Yard::new("4x24GiB");
    yard.rules(&[("max_gpu", "1")]);
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "hold b"), task(2, "hold c")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let broken = yard.rules_text(&[("max_gpu", "[2"), ("check_time", "0.1")]);
    fs::write(yard.rules_file(), &broken).unwrap();
    let shown = |run: &Value| format!("{}{}", run["last_error"], run["warnings"]);
    let run = yard.wait_run(SINGLE, "the trouble is shown", |run| {
        shown(run).contains("gpu_manage.yaml")
    });
    assert!(
        shown(&run).contains("line") || shown(&run).contains(".yaml:"),
        "{}",
        shown(&run)
    );
    yard.go("a");
    yard.wait_run(SINGLE, "one more runs, and only one", |run| {
        run["completed_tasks"] == 1 && run["running_tasks"] == 1
    });
    assert_eq!(
        fs::read_to_string(yard.rules_file()).unwrap(),
        broken,
        "a user's file is not written over"
    );
    yard.rules(&[("max_gpu", "2")]);
    let run = yard.wait_run(SINGLE, "the trouble is over", |run| {
        !shown(run).contains("gpu_manage.yaml")
    });
    assert!(run["last_error"].is_null());
    for name in ["b", "c"] {
        yard.started(name);
        yard.go(name);
    }
    assert_eq!(scheduler.wait(), 0);
}

/// Equal blocks are told apart by their place: one more of them is one more run.
#[test]
fn one_more_of_the_same_runs_once_more() {
    let yard = Yard::new("1x24GiB");
    let same = |count| -> Vec<Block> {
        (0..count)
            .map(|_| task(1, "run a"))
            .chain([task(1, "hold b")])
            .collect()
    };
    yard.commands(SINGLE, &same(2));
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("b");
    yard.commands(SINGLE, &same(3));
    yard.wait_run(SINGLE, "the edit is followed", |run| run["total_tasks"] == 4);
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!((yard.starts("a"), yard.starts("b")), (3, 1));
}

/// An edit in the last moment of a run is not lost: the run goes on with it. Nothing but the edit keeps it from ending.
#[test]
fn an_edit_in_the_last_moment_of_a_run_is_followed() {
    let yard = Yard::new("1x24GiB");
    let next = yard.work.join("next.txt");
    let last = format!("$ cp '{}' '{}'", next.display(), yard.command_file(SINGLE).display());
    yard.commands(SINGLE, &[task(1, &last)]);
    fs::write(
        &next,
        Yard::text(SINGLE, &[task(1, &last), task(1, "run a"), task(2, "run b")]),
    )
    .unwrap();
    let mut scheduler = yard.schedule(SINGLE);
    assert_eq!(scheduler.wait(), 0);
    assert_eq!((yard.starts("a"), yard.starts("b")), (1, 1), "{:#}", yard.run(SINGLE));
    assert_eq!(yard.run(SINGLE)["state"], "completed");
}
