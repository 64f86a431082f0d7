//! The database of ad-hoc tasks under writers that are killed, and as a copy that was torn.
use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
};

use nix::sys::signal::SIGKILL;
use serde_json::json;

use super::script;
use crate::yard::{Dice, Yard, kill, skip};

/// Writers in all, and how many write at one time.
const WRITERS: usize = 200;
const AT_ONCE: usize = 8;

/// Fault W3 (P1).
#[test]
fn whoever_is_killed_while_writing_every_acknowledged_task_is_there_and_the_database_is_sound() {
    let Some(python) = crate::yard::python() else {
        return skip("python3 is not installed");
    };
    let yard = Yard::new("1x24GiB");
    let _scheduler = yard.schedule_tasks();
    // All others wait behind it.
    let first = yard.submit(&["--", &script("hold first")]);
    yard.wait_status(first, "running");
    let mut dice = Dice::new("GPUYARD_TEST_SEED");
    let mut acknowledged = BTreeSet::new();
    for round in 0..WRITERS / AT_ONCE {
        let mut writers: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let mut submit = yard.gpuyard(&["submit", "--tag", &format!("r{round}"), "--", "echo whole"]);
                submit.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
            })
            .collect();
        // Some die early, some in the middle, some not at all: the more turns, the further they have come.
        for writer in &writers {
            for _ in 0..dice.roll(400) {
                std::thread::yield_now();
            }
            if dice.roll(4) > 0 {
                kill(writer.id() as i32, SIGKILL);
            }
        }
        for writer in writers.drain(..) {
            let said = writer.wait_with_output().unwrap().stdout;
            acknowledged.extend(String::from_utf8_lossy(&said).trim().parse::<i64>());
        }
    }
    let listed = yard.json(&["tasks", "--json", "-n", "1000"]);
    let tasks = listed["tasks"].as_array().unwrap();
    let there: BTreeSet<i64> = tasks.iter().map(|task| task["id"].as_i64().unwrap()).collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(
        !acknowledged.is_empty() && acknowledged.len() < WRITERS,
        "some were killed, some were not"
    );
    assert!(
        tasks
            .iter()
            .all(|task| task["id"] == json!(first) || task["brief"] == "echo whole")
    );
    let database = yard.root.join("logs/gpuyard.db");
    let check =
        "import sqlite3, sys; print(*(r[0] for r in sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check')))";
    let sound = Command::new(python)
        .args(["-c", check])
        .arg(&database)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&sound.stdout).trim(), "ok", "{sound:?}");

    // A torn copy, as somebody might bring it back from a backup: refused in words, and left as it is.
    let other = yard.beside();
    let bytes = fs::read(&database).unwrap();
    let copy = other.root.join("logs/gpuyard.db");
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    for length in [bytes.len() / 2 + 100, 100] {
        let torn = &bytes[..length];
        fs::write(&copy, torn).unwrap();
        let refused = other.ask(&["tasks"]);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            !refused.status.success() && said.contains("gpuyard.db"),
            "{length}: {refused:?}"
        );
        assert!(!said.contains("panicked"), "{said}");
        assert!(fs::read(&copy).unwrap() == torn, "{length}: it was written to");
        for beside in ["gpuyard.db-wal", "gpuyard.db-shm"] {
            let _ = fs::remove_file(other.root.join("logs").join(beside));
        }
    }
}
