//! What must be true of a random life, by what tasks, runners and journals wrote.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::world::World;
use crate::yard::{Mark, wait_until};

/// At any moment: no task has met another one on its GPUs, in its queue, or of its own name.
#[track_caller]
pub(super) fn while_it_lasts(world: &World) {
    let marks = world.yards[0].marks();
    let clashes: Vec<&Mark> = marks.iter().filter(|mark| mark.event.starts_with("clash:")).collect();
    assert!(clashes.is_empty(), "{clashes:#?}\n{}", world.story());
}

/// An attempt's folder, read.
struct Attempt {
    folder: PathBuf,
    spec: Value,
    exit: Option<Value>,
    log: String,
}

/// When all is over.
#[track_caller]
pub(super) fn in_the_end(world: &mut World) {
    while_it_lasts(world);
    wait_until("every lease has fallen", || world.yards[0].leases().is_empty());
    wait_until("nothing is left running", || {
        world.programs("run-task").is_empty() && world.shells().is_empty()
    });
    let marks = world.yards[0].marks();
    let attempts: BTreeMap<String, Attempt> = world.yards.iter().flat_map(|yard| attempts(&yard.root)).collect();
    attempts_agree_with_tasks(&marks, &attempts);
    tasks_run_until_they_end_well(world, &marks, &attempts);
    journals_agree(world, &attempts);
    files_are_as_they_were_left(world);
}

/// Every start was intended, once; and where a task says that it came to its end, its record says the same.
fn attempts_agree_with_tasks(marks: &[Mark], attempts: &BTreeMap<String, Attempt>) {
    let mut begun = BTreeSet::new();
    let ended: BTreeSet<&str> = of(marks, "end").map(|mark| mark.uni_id.as_str()).collect();
    for mark in of(marks, "start") {
        assert!(begun.insert(mark.uni_id.as_str()), "an attempt started twice: {mark:?}");
        let attempt = attempts
            .get(&mark.uni_id)
            .unwrap_or_else(|| panic!("nobody intended this: {mark:?}"));
        let exit = attempt.exit.as_ref();
        let exit = exit.unwrap_or_else(|| panic!("an attempt without a record: {}", attempt.folder.display()));
        let outcome = &exit["outcome"];
        let well = outcome["kind"] == "exited" && outcome["code"] == 0;
        let at = attempt.folder.display();
        if well {
            assert!(
                ended.contains(mark.uni_id.as_str()),
                "it did not come to its end, and its record says so: {at}"
            );
        }
        no_gap(&attempt.log, &mark.name, &attempt.folder);
        let gpus: Vec<u64> = attempt.spec["gpus"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|gpu| gpu["index"].as_u64())
            .collect();
        let told: Vec<u64> = mark.gpus.iter().map(|gpu| u64::from(*gpu)).collect();
        assert_eq!(gpus, told, "{at}");
        let (from, until) = (&exit["started_at"], &exit["finished_at"]);
        assert!(from.is_string() && until.is_string(), "{at}: {exit}");
        assert!(
            exit["duration"].as_f64().is_none_or(|seconds| seconds >= 0.0),
            "{at}: {exit}"
        );
    }
    for (uni_id, attempt) in attempts {
        let well = attempt
            .exit
            .as_ref()
            .is_some_and(|exit| exit["outcome"]["kind"] == "exited" && exit["outcome"]["code"] == 0);
        assert!(
            !well || begun.contains(uni_id.as_str()),
            "it never ran: {}",
            attempt.folder.display()
        );
    }
}

/// What a task wrote is in its log, line by line.
fn no_gap(log: &str, name: &str, folder: &Path) {
    let mut next = 0_u64;
    for line in log.lines() {
        if let Some(number) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" tick ")) {
            assert_eq!(number, next.to_string(), "a gap in {}/output.log", folder.display());
            next += 1;
        }
    }
}

/// A task is tried again until it ended well, and then never again.
fn tasks_run_until_they_end_well(world: &World, marks: &[Mark], attempts: &BTreeMap<String, Attempt>) {
    let mut done: BTreeMap<&str, &Mark> = BTreeMap::new();
    for mark in marks {
        match mark.event.as_str() {
            "start" => {
                if let Some(before) = done.get(mark.name.as_str()) {
                    let record = &attempts[&before.uni_id].exit;
                    // It had done its work and was stopped, killed or lost in its last moment.
                    let well = record
                        .as_ref()
                        .is_some_and(|exit| exit["outcome"]["kind"] == "exited" && exit["outcome"]["code"] == 0);
                    assert!(
                        !well,
                        "it was done, and ran again: {mark:?} after {before:?}: {record:?}"
                    );
                }
            }
            "end" => {
                done.insert(&mark.name, mark);
            }
            _ => {}
        }
    }
    let jobs = world.sheets.iter().flat_map(|sheet| &sheet.jobs).map(|job| &job.name);
    for name in jobs.chain(world.submitted.iter().flatten()) {
        assert!(done.contains_key(name.as_str()), "{name} was never done");
    }
    for (side, accepted) in world.submitted.iter().enumerate() {
        let counts = world.adhoc(side);
        // One whose answer was lost with its daemon may have been accepted too.
        let known = counts["completed"].as_u64().unwrap_or_default() as usize;
        assert!(known >= accepted.len(), "{counts} of {accepted:?}");
        assert_eq!(
            (&counts["failed"], &counts["cancelled"]),
            (&0.into(), &0.into()),
            "{counts}"
        );
    }
}

/// Journals and snapshots know every attempt, and end with all tasks in one state each.
fn journals_agree(world: &World, attempts: &BTreeMap<String, Attempt>) {
    for sheet in &world.sheets {
        let run = world.yards[sheet.side].run(sheet.config);
        let count = |key: &str| run[key].as_u64().unwrap_or_default();
        let open = ["pending", "running"].map(|key| count(&format!("{key}_tasks")));
        assert_eq!(open, [0, 0], "{run:#}");
        assert_eq!(run["state"], "completed", "{run:#}");
        for queue in run["queues"].as_object().unwrap().values() {
            for task in queue["processes"].as_array().unwrap() {
                // What failed when its block had been taken away is not tried again.
                assert!(task["state"] == "completed" || task["removed"] == true, "{task:#}");
                let attempt = task["attempt"].as_u64().unwrap_or_default();
                let task_id = task["task_id"].as_str().unwrap_or_default();
                let last = attempts.values().filter(|attempt| attempt.spec["task_id"] == task_id);
                let last = last
                    .filter_map(|attempt| attempt.spec["attempt"].as_u64())
                    .max()
                    .unwrap_or_default();
                assert!(last <= attempt, "the state has forgotten an attempt: {task:#}");
            }
        }
    }
}

/// Users' files are as they were last written.
fn files_are_as_they_were_left(world: &World) {
    for sheet in &world.sheets {
        let path = world.yards[sheet.side].command_file(sheet.config);
        assert_eq!(fs::read_to_string(path).unwrap(), sheet.text());
    }
}

fn of<'a>(marks: &'a [Mark], event: &'a str) -> impl Iterator<Item = &'a Mark> {
    marks.iter().filter(move |mark| mark.event == event)
}

/// Every attempt of a root, by its key.
fn attempts(root: &Path) -> Vec<(String, Attempt)> {
    let inside = |folder: PathBuf| {
        fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
    };
    let tasks = inside(root.join("logs/tasks")).flat_map(inside);
    let read = |folder: PathBuf| {
        let json = |name: &str| serde_json::from_slice::<Value>(&fs::read(folder.join(name)).ok()?).ok();
        let spec = json("attempt.json")?;
        let exit = json("exit.json");
        let log = String::from_utf8_lossy(&fs::read(folder.join("output.log")).unwrap_or_default()).into_owned();
        let uni_id = spec["uni_id"].as_str()?.to_owned();
        Some((
            uni_id,
            Attempt {
                folder,
                spec,
                exit,
                log,
            },
        ))
    };
    tasks.flat_map(inside).filter_map(read).collect()
}
