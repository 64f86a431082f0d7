//! Bindings on disk, and how they follow their tasks.
use gpuyard_core::{formats::command, model::Mode};

use super::*;

const CONFIG: ConfigKey = ConfigKey {
    mode: Mode::Single,
    index: 0,
};

fn binding(queue: u64, process_index: u32, log: &str) -> LogBinding {
    LogBinding {
        mode: Mode::Single,
        config_index: 0,
        queue_id: QueueId(queue),
        process_index,
        log_path: log.into(),
        bound_at: "2026-01-31T12:00:00+08:00".into(),
    }
}

/// A command file of one-word tasks.
fn file(queues: &[(u64, &str)]) -> CommandFile {
    let blocks = queues
        .iter()
        .flat_map(|(id, tasks)| tasks.chars().map(move |task| format!("{id}\nrun {task}\n1\n")));
    command::parse(&blocks.collect::<Vec<_>>().join("\n"), Mode::Single)
}

fn bindings() -> (tempfile::TempDir, Bindings) {
    let folder = tempfile::tempdir().unwrap();
    let bindings = Bindings::new(folder.path().join("log_bindings.json"));
    (folder, bindings)
}

/// What is bound where: `1_0: a.log`.
fn shown(bindings: &Bindings) -> Vec<String> {
    let each = bindings.list().unwrap().into_iter().map(|(key, binding)| {
        assert_eq!(
            key,
            Bindings::key(CONFIG, binding.queue_id, binding.process_index),
            "the key and what it names"
        );
        format!("{}_{}: {}", binding.queue_id, binding.process_index, binding.log_path)
    });
    each.collect()
}

#[test]
fn the_file_is_the_seeds() {
    let (folder, bindings) = bindings();
    let seed = r#"{"single_0_1_0": {"mode": "single", "config_index": 0, "queue_id": 1, "process_index": 0,
        "log_path": "/path/to/log.txt", "bound_at": "2025-12-03T02:44:56"}}"#;
    std::fs::write(folder.path().join("log_bindings.json"), seed).unwrap();
    assert_eq!(shown(&bindings), ["1_0: /path/to/log.txt"]);
    let key = bindings.bind(&binding(2, 1, "/b.log"), None).unwrap();
    assert_eq!(key, "single_0_2_1");
    let text = std::fs::read_to_string(bindings.path()).unwrap();
    let map: BTreeMap<String, LogBinding> = serde_json::from_str(&text).unwrap();
    assert_eq!(map["single_0_1_0"].bound_at, "2025-12-03T02:44:56");
    assert_eq!(map.len(), 2);
    assert_eq!(
        bindings.unbind(CONFIG, QueueId(2), 1).unwrap().unwrap().log_path,
        "/b.log"
    );
    assert_eq!(bindings.unbind(CONFIG, QueueId(2), 1).unwrap(), None);
    assert_eq!(bindings.forget(CONFIG).unwrap(), 1);
    assert_eq!(shown(&bindings), [""; 0]);
}

#[test]
fn a_binding_goes_with_its_task() {
    let (_folder, bindings) = bindings();
    let before = file(&[(1, "abc"), (2, "d")]);
    bindings.bind(&binding(1, 1, "/b.log"), Some(&before)).unwrap();
    bindings.bind(&binding(2, 0, "/d.log"), Some(&before)).unwrap();
    assert!(!bindings.follow(CONFIG, &before).unwrap());
    assert!(bindings.follow(CONFIG, &file(&[(1, "xabc"), (2, "d")])).unwrap());
    assert_eq!(shown(&bindings), ["1_2: /b.log", "2_0: /d.log"]);
    // Edited in its place, while the other one is moved to another queue.
    assert!(bindings.follow(CONFIG, &file(&[(1, "xaBcd")])).unwrap());
    assert_eq!(shown(&bindings), ["1_2: /b.log", "1_4: /d.log"]);
    // Exchanged.
    assert!(bindings.follow(CONFIG, &file(&[(1, "xadcB")])).unwrap());
    assert_eq!(shown(&bindings), ["1_2: /d.log", "1_4: /b.log"]);
}

#[test]
fn a_binding_whose_task_goes_comes_back_with_it() {
    let (_folder, bindings) = bindings();
    let whole = file(&[(1, "abc")]);
    bindings.bind(&binding(1, 1, "/b.log"), Some(&whole)).unwrap();
    assert!(bindings.follow(CONFIG, &file(&[(1, "ac")])).unwrap());
    assert_eq!(shown(&bindings), [""; 0]);
    assert!(bindings.follow(CONFIG, &file(&[(1, "acb")])).unwrap());
    assert_eq!(shown(&bindings), ["1_2: /b.log"]);
    // An editor that empties the file before it fills it.
    assert!(bindings.follow(CONFIG, &file(&[])).unwrap());
    assert!(bindings.follow(CONFIG, &whole).unwrap());
    assert_eq!(shown(&bindings), ["1_1: /b.log"]);
}

#[test]
fn a_task_of_the_same_words_does_not_take_a_binding_over() {
    let (_folder, bindings) = bindings();
    bindings
        .bind(&binding(1, 0, "/a.log"), Some(&file(&[(1, "aba")])))
        .unwrap();
    assert!(bindings.follow(CONFIG, &file(&[(1, "ba")])).unwrap());
    assert_eq!(shown(&bindings), [""; 0], "the other one was there before");
}

#[test]
fn what_was_moved_before_a_crash_is_not_moved_again() {
    let (folder, bindings) = bindings();
    let seen = folder.path().join("log_bindings.seen.json");
    bindings
        .bind(&binding(1, 0, "/a.log"), Some(&file(&[(1, "abc")])))
        .unwrap();
    let old = std::fs::read(&seen).unwrap();
    bindings.follow(CONFIG, &file(&[(1, "xabc")])).unwrap();
    std::fs::write(&seen, old).unwrap();
    bindings.follow(CONFIG, &file(&[(1, "xabc")])).unwrap();
    assert_eq!(shown(&bindings), ["1_1: /a.log"]);
}

#[test]
fn a_task_that_is_not_there_yet_may_be_bound() {
    let (_folder, bindings) = bindings();
    bindings
        .bind(&binding(7, 0, "/later.log"), Some(&file(&[(1, "a")])))
        .unwrap();
    bindings.follow(CONFIG, &file(&[(1, "ab")])).unwrap();
    assert_eq!(shown(&bindings), ["7_0: /later.log"]);
}

/// Fault W1 (P5).
#[test]
fn a_file_that_is_cut_off_anywhere_is_kept_and_never_written_over() {
    let (_folder, bindings) = bindings();
    bindings.bind(&binding(1, 0, "/a.log"), None).unwrap();
    let whole = std::fs::read(bindings.path()).unwrap();
    for length in 0..whole.len() - 2 {
        std::fs::write(bindings.path(), &whole[..length]).unwrap();
        assert_eq!(shown(&bindings), [""; 0], "{length}");
        let aside = bindings.set_aside();
        assert_eq!(aside.len(), 1);
        assert_eq!(std::fs::read(&aside[0]).unwrap(), &whole[..length]);
        bindings.bind(&binding(1, 1, "/b.log"), None).unwrap();
        assert_eq!(shown(&bindings), ["1_1: /b.log"]);
        std::fs::remove_file(&aside[0]).unwrap();
    }
}

#[test]
fn an_entry_that_says_nothing_to_us_stays_as_it_is() {
    let (_folder, bindings) = bindings();
    std::fs::write(
        bindings.path(),
        r#"{"note": "ours", "single_0_1_0": {"mode": "triple"}}"#,
    )
    .unwrap();
    bindings.bind(&binding(1, 1, "/b.log"), None).unwrap();
    assert_eq!(shown(&bindings), ["1_1: /b.log"]);
    let text = std::fs::read_to_string(bindings.path()).unwrap();
    assert!(text.contains(r#""note": "ours""#) && text.contains("triple"), "{text}");
}
