//! Tasks in the database: made, listed, changed, worked on, lost to nobody.
use gpuyard_core::{
    formats::adhoc::check,
    model::{AdhocSpec, GpuRef, GpuUuid, Lang, Reason},
    queue::{Task, TaskState, adhoc_task},
};
use serde_json::json;

use super::*;

struct Place {
    _folder: tempfile::TempDir,
    root: Root,
    tasks: Tasks,
}

fn place() -> Place {
    let (folder, root) = crate::root::temporary();
    root.prepare().unwrap();
    let tasks = Tasks::open(&root, &Settings::default()).unwrap();
    Place {
        _folder: folder,
        root,
        tasks,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn spec(value: serde_json::Value) -> AdhocSpec {
    check(&serde_json::from_value(value).unwrap()).unwrap()
}

impl Place {
    fn make(&self, value: serde_json::Value) -> AdhocId {
        match self.tasks.make(&[spec(value)], at(0)).unwrap() {
            Make::Made(ids) => ids[0],
            other => panic!("{other:?}"),
        }
    }

    fn after(&self, on: &[AdhocId]) -> AdhocId {
        self.make(json!({"command": "true", "depends_on": on}))
    }

    fn row(&self, id: AdhocId) -> Row {
        self.tasks.get(id).unwrap().unwrap().row
    }

    fn status(&self, id: AdhocId) -> AdhocStatus {
        self.row(id).status
    }

    fn listed(&self, filter: Filter) -> Vec<AdhocId> {
        let page = self.tasks.list(&filter, 50).unwrap();
        page.rows.into_iter().map(|row| row.id).collect()
    }

    /// A task as its scheduler would have it in this state.
    fn task(&self, id: AdhocId, state: TaskState) -> Task {
        let record = self.tasks.get(id).unwrap().unwrap();
        Task {
            state,
            attempt: 1,
            gpus: vec![3],
            gpu_refs: vec![GpuRef {
                index: 3,
                uuid: GpuUuid("u".into()),
            }],
            ..adhoc_task(task_id(id), &record.spec, record.state)
        }
    }

    fn end(&self, id: AdhocId, state: TaskState) -> Vec<AdhocId> {
        let running = self.task(id, TaskState::Running);
        let wish = self.row(id).wish;
        assert_eq!(self.tasks.intend(id, wish, &running).unwrap(), Intent::Written);
        let task = Task {
            finished_at: Some(at(9)),
            ..self.task(id, state)
        };
        self.tasks.keep(&[(id, &task)], at(9)).unwrap()
    }
}

/// Fault W3 (P1).
#[test]
fn what_was_accepted_is_there_after_the_process_is_gone() {
    let place = place();
    let id = place.make(json!({"command": "a\nb", "tags": ["x"], "memory": 2.5, "environment": {"A": "1"}}));
    let before = place.tasks.get(id).unwrap().unwrap();
    // Opened beside the first, as another process would: nothing is closed in order, nothing is flushed.
    let other = Tasks::open(&place.root, &Settings::default()).unwrap();
    assert_eq!(other.get(id).unwrap().unwrap(), before);
    assert_eq!(before.spec.command, "a\nb");
    let strict: i64 = place
        .tasks
        .read("read", |connection| {
            connection.pragma_query_value(None, "synchronous", |row| row.get(0))
        })
        .unwrap();
    assert_eq!(strict, 2, "each transaction is on disk when it returns");
    use std::os::unix::fs::PermissionsExt;
    let path = Tasks::path(&place.root, &Settings::default());
    assert_eq!(place.root.relative(&path), "logs/gpuyard.db");
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn lists_are_newest_first_in_pages_and_filters_hold() {
    let place = place();
    let ids: Vec<AdhocId> = (0..7)
        .map(|n| {
            place.make(json!({"command": format!("python t{n}.py --rate 50%_x"), "tags": [format!("t{}", n % 2)]}))
        })
        .collect();
    place.tasks.cancel(&[ids[2]], at(1)).unwrap();
    let page = place.tasks.list(&Filter::default(), 3).unwrap();
    let shown: Vec<AdhocId> = page.rows.iter().map(|row| row.id).collect();
    assert_eq!(
        (shown.as_slice(), page.more),
        ([ids[6], ids[5], ids[4]].as_slice(), true)
    );
    let next = Filter {
        before: Some(ids[4]),
        ..Filter::default()
    };
    assert_eq!(place.listed(next), [ids[3], ids[2], ids[1], ids[0]]);
    let of = |statuses: &[AdhocStatus]| Filter {
        statuses: statuses.to_vec(),
        ..Filter::default()
    };
    assert_eq!(
        place.listed(of(&[AdhocStatus::Cancelled, AdhocStatus::Failed])),
        [ids[2]]
    );
    let text = |text: &str| Filter {
        text: Some(text.into()),
        ..Filter::default()
    };
    assert_eq!(place.listed(text("T3.PY")), [ids[3]]);
    assert_eq!(
        place.listed(text("50%_x")).len(),
        7,
        "no sign of a pattern means anything here"
    );
    assert!(place.listed(text("50%yx")).is_empty());
    assert_eq!(place.listed(text(&format!("#{}", ids[5]))), [ids[5]]);
    let tag = Filter {
        tag: Some("t1".into()),
        ..Filter::default()
    };
    assert_eq!(place.listed(tag), [ids[5], ids[3], ids[1]]);
    let counts = place.tasks.counts().unwrap();
    assert_eq!((counts.queued, counts.cancelled), (6, 1));
    assert_eq!(place.tasks.tags(9).unwrap(), ["t0", "t1"]);
}

#[test]
fn the_line_is_priority_then_first_come() {
    let place = place();
    let low = place.make(json!({"command": "a", "priority": -1}));
    let first = place.make(json!({"command": "b"}));
    let second = place.make(json!({"command": "c"}));
    let high = place.make(json!({"command": "d", "priority": 5}));
    let position = |id| place.tasks.position(&place.row(id)).unwrap();
    assert_eq!([high, first, second, low].map(position), [1, 2, 3, 4]);
    assert_eq!(place.tasks.set_priority(low, 6).unwrap(), Change::Done);
    assert_eq!(position(low), 1);
}

#[test]
fn only_what_waits_can_be_changed_and_the_scheduler_sees_it() {
    let place = place();
    let id = place.make(json!({"command": "a"}));
    let (_, seen) = place.tasks.open_tasks().unwrap();
    assert_eq!(
        place
            .tasks
            .change(id, &spec(json!({"command": "b", "gpu_count": 2})))
            .unwrap(),
        Change::Done
    );
    let (fed, next) = place.tasks.wishes(seen).unwrap();
    assert_eq!((fed.len(), fed[0].record.spec.command.as_str()), (1, "b"));
    assert!(next > seen);
    // A scheduler that knows the old wish only may not start it.
    let stale = place
        .tasks
        .intend(id, seen, &place.task(id, TaskState::Running))
        .unwrap();
    assert_eq!((stale, place.status(id)), (Intent::Changed, AdhocStatus::Queued));
    let told = place
        .tasks
        .intend(id, next, &place.task(id, TaskState::Running))
        .unwrap();
    assert_eq!((told, place.status(id)), (Intent::Written, AdhocStatus::Running));
    assert_eq!(
        place
            .tasks
            .intend(id, next, &place.task(id, TaskState::Running))
            .unwrap(),
        Intent::Changed
    );
    let late = place.tasks.change(id, &spec(json!({"command": "c"}))).unwrap();
    assert_eq!(late, Change::NotQueued(AdhocStatus::Running));
    assert_eq!(
        place.tasks.change(99, &spec(json!({"command": "c"}))).unwrap(),
        Change::NotFound
    );
}

#[test]
fn cancelling_takes_along_what_depends_on_it_and_asks_what_runs() {
    let place = place();
    let a = place.make(json!({"command": "a"}));
    let b = place.after(&[a]);
    let c = place.after(&[b]);
    let running = place.make(json!({"command": "r"}));
    let wish = place.row(running).wish;
    place
        .tasks
        .intend(running, wish, &place.task(running, TaskState::Running))
        .unwrap();
    let done = place.tasks.cancel(&[a, running, 77, a], at(5)).unwrap();
    assert_eq!(done.cancelled, [a, b, c]);
    assert_eq!((done.asked, done.missing, done.over), (vec![running], vec![77], vec![]));
    assert!(place.row(running).stop);
    let error = place.row(c).error.unwrap();
    assert_eq!(error, format!("it depends on task {b}, which was cancelled"));
    assert_eq!(place.tasks.cancel(&[a], at(6)).unwrap().over, [a]);
}

#[test]
fn what_depends_on_a_failed_task_is_cancelled_with_the_reason_and_waits_for_a_completed_one() {
    let place = place();
    let (a, b) = (place.make(json!({"command": "a"})), place.make(json!({"command": "b"})));
    let c = place.after(&[a, b]);
    let d = place.after(&[c]);
    let waits = |id| place.tasks.tasks(&[id]).unwrap()[0].waits;
    assert!(waits(c) && waits(d));
    assert_eq!(place.end(a, TaskState::Completed), [c]);
    assert!(waits(c), "b has not completed");
    let mut fallen = place.end(b, TaskState::Failed);
    fallen.sort_unstable();
    assert_eq!(fallen, [c, d]);
    assert_eq!(place.status(d), AdhocStatus::Cancelled);
    assert_eq!(
        place.row(c).error.unwrap(),
        format!("it depends on task {b}, which failed")
    );
    assert_eq!(
        place
            .tasks
            .make(&[spec(json!({"command": "x", "depends_on": [b]}))], at(1))
            .unwrap(),
        Make::WillNotComplete(b, AdhocStatus::Failed)
    );
    assert_eq!(
        place.tasks.retry(c).unwrap(),
        Retry::WillNotComplete(b, AdhocStatus::Failed)
    );
    assert_eq!(place.tasks.retry(b).unwrap(), Retry::Done);
    assert_eq!(place.tasks.retry(c).unwrap(), Retry::Done);
    assert_eq!(place.tasks.retry(c).unwrap(), Retry::NotOver(AdhocStatus::Queued));
    assert!(waits(c));
    assert_eq!(place.row(b).attempt, 1, "the next attempt is its second");
}

#[test]
fn nothing_waits_for_itself() {
    let place = place();
    let a = place.make(json!({"command": "a"}));
    let b = place.after(&[a]);
    let c = place.after(&[b]);
    let change = |id, on: AdhocId| {
        place
            .tasks
            .change(id, &spec(json!({"command": "x", "depends_on": [on]})))
            .unwrap()
    };
    assert_eq!(change(a, c), Change::Circle(c));
    assert_eq!(change(a, a), Change::Circle(a));
    assert_eq!(change(a, 99), Change::Refused(Make::NoSuchTask(99)));
    assert_eq!(change(c, a), Change::Done);
}

#[test]
fn what_is_over_stays_over_whatever_the_scheduler_says_late() {
    let place = place();
    let id = place.make(json!({"command": "a"}));
    place.tasks.cancel(&[id], at(1)).unwrap();
    let task = place.task(id, TaskState::Running);
    place.tasks.keep(&[(id, &task)], at(2)).unwrap();
    assert_eq!(place.status(id), AdhocStatus::Cancelled);
}

#[test]
fn reasons_are_shown_to_those_they_are_of() {
    let place = place();
    let a = place.make(json!({"command": "a", "memory": 10.0}));
    let b = place.make(json!({"command": "b"}));
    let c = place.after(&[b]);
    let d = place.make(json!({"command": "d", "not_before": at(1000).to_string()}));
    let demand = |memory| Demand {
        gpu_type: "any".into(),
        gpu_count: 1,
        memory,
    };
    let said = Said {
        kinds: vec![
            (demand(Some(10.0)), Reason::TooBusy),
            (demand(None), Reason::GpuHeldByOwnTask),
        ],
        tasks: vec![(b, Reason::BehindEarlierTask)],
    };
    place.tasks.say(&said).unwrap();
    let code = |id, attended, now| {
        let shown = place
            .tasks
            .summaries(vec![place.row(id)], attended, true, Lang::En, now)
            .unwrap();
        shown[0].reason.as_ref().map(|shown| shown.reason.clone())
    };
    assert_eq!(code(a, true, at(0)), Some(Reason::TooBusy));
    assert_eq!(code(b, true, at(0)), Some(Reason::BehindEarlierTask));
    assert_eq!(code(b, false, at(0)), Some(Reason::NoScheduler));
    assert_eq!(code(c, true, at(0)), Some(Reason::WaitsForTasks { tasks: vec![b] }));
    assert_eq!(code(d, true, at(0)), Some(Reason::NotBefore { until: at(1000) }));
    assert_eq!(code(d, true, at(1000)), Some(Reason::GpuHeldByOwnTask));
}

#[test]
fn pruning_removes_records_and_logs_of_what_ended_before() {
    let place = place();
    let (old, kept, young) = (
        place.make(json!({"command": "a"})),
        place.make(json!({"command": "b"})),
        place.make(json!({"command": "c"})),
    );
    let waiting = place.after(&[kept]);
    place.end(old, TaskState::Completed);
    place.end(kept, TaskState::Completed);
    place.tasks.cancel(&[young], at(100)).unwrap();
    let folder = place.root.task_folder(&run_id(), &task_id(old), 1);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("output.log"), "x").unwrap();
    assert_eq!(place.tasks.prune(at(50)).unwrap(), 1);
    assert_eq!(
        place.listed(Filter::default()),
        [waiting, young, kept],
        "one that counts for another stays"
    );
    assert!(!folder.parent().unwrap().exists());
    let next = place.make(json!({"command": "d"}));
    assert!(next > waiting, "a number never comes twice");
}

#[test]
fn a_database_of_a_later_program_is_refused_in_words() {
    let place = place();
    let path = Tasks::path(&place.root, &Settings::default());
    let connection = Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let refused = Tasks::open(&place.root, &Settings::default()).unwrap_err().to_string();
    assert!(refused.contains("99") && refused.contains("gpuyard.db"), "{refused}");
}

#[test]
fn the_database_can_lie_elsewhere() {
    let place = place();
    let elsewhere = tempfile::tempdir().unwrap();
    let settings = Settings {
        data_dir: Some(elsewhere.path().join("a/b")),
        ..Settings::default()
    };
    Tasks::open(&place.root, &settings).unwrap();
    assert!(elsewhere.path().join("a/b/gpuyard.db").is_file());
}
