//! Ended runs are deleted, by a person or because there are too many.
use super::*;

async fn delete(yard: &Yard, run_id: &str) -> (u16, String) {
    let (status, body) = yard
        .ask(known("DELETE", &format!("/api/scheduler/runs/{run_id}"), ""))
        .await;
    (status.as_u16(), body["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn an_ended_run_is_deleted_with_its_logs_and_no_other() {
    let yard = yard();
    let mut older = Scheduler::begin(&yard, "single_0-1", me());
    let mut scheduler = Scheduler::begin(&yard, "single_0-2", me());
    for scheduler in [&mut older, &mut scheduler] {
        let task_id = scheduler.task(1, 0);
        scheduler.place(&yard, 1, 0);
        scheduler.happens(Event::NotLaunched { task_id });
        scheduler.happens(Event::Closed {
            state: RunState::Stopped,
        });
    }
    yard.app.runs.refresh().unwrap();
    let mut page = Feed::new(&yard.app, Principal::owner(Via::Secret, 0), Lang::En);
    page.subscribe("schedulers", None).unwrap();
    assert_eq!(heard(&mut page).await["set"]["single_0"]["runs"], 2);
    assert_eq!(delete(&yard, "single_0-2").await, (200, String::new()));
    assert_eq!(delete(&yard, "single_0-2").await, (404, "no_such_run".into()));
    let head = &heard(&mut page).await["set"]["single_0"];
    assert_eq!(
        (&head["run"]["run_id"], &head["runs"]),
        (&json!("single_0-1"), &json!(1))
    );
    let (_, body) = yard.ask(known("GET", "/api/scheduler/runs", "")).await;
    assert_eq!(body["runs"].as_array().unwrap().len(), 1);
    let left = |folder: std::path::PathBuf| {
        let names = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name());
        names.map(|name| name.into_string().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(left(yard.app.root.tasks_dir()), ["single_0-1"]);
    assert!(
        left(yard.app.root.state_dir())
            .iter()
            .all(|name| name.starts_with("single_0-1."))
    );
    let audit = std::fs::read_to_string(yard.app.root.audit_log(&yard.app.settings())).unwrap();
    assert!(
        audit.contains("\"DELETE\"") && audit.contains("/runs/single_0-2"),
        "{audit}"
    );
    for id in ["single_0-9", "..%2f..%2fpid", "%00"] {
        assert_eq!(delete(&yard, id).await.0, 404, "{id}");
    }
}

#[tokio::test]
async fn what_lives_or_may_live_is_not_deleted() {
    let yard = yard();
    let _running = Scheduler::begin(&yard, "single_0-2", me());
    assert_eq!(delete(&yard, "single_0-2").await, (409, "running".into()));
    Scheduler::with(&yard, "single_7-1", dead(), |beginning| {
        beginning.node.machine_id = "another machine".into();
        beginning.config.index = 7;
    });
    assert_eq!(delete(&yard, "single_7-1").await, (409, "not_ours".into()));

    // One whose scheduler died can go, but not while somebody takes it up.
    let yard = self::yard();
    let mut interrupted = Scheduler::begin(&yard, "single_0-1", dead());
    let uni_id = interrupted.place(&yard, 1, 0);
    let place = hold(&yard);
    assert_eq!(delete(&yard, "single_0-1").await, (409, "running".into()));
    drop(place);
    // Nor while a task of it is at work.
    let lease = Lease {
        version: 1,
        uni_id,
        run_id: RunId("single_0-1".into()),
        task_id: interrupted.task(1, 0),
        config: Some(KEY),
        root: yard.app.root.path().display().to_string(),
        node: identity::node(),
        owner: identity::owner(),
        space: identity::pid_space(),
        claims: vec![Claim {
            gpu: GpuUuid("x".into()),
            index: 1,
            amount: Amount::Whole { memory: Bytes(1) },
        }],
        taken_at: clock::now().wall,
    };
    let taken = yard.app.host.take(&lease, &[]).unwrap();
    assert_eq!(delete(&yard, "single_0-1").await, (409, "at_work".into()));
    drop(taken);
    assert_eq!(delete(&yard, "single_0-1").await.0, 200);
}

#[tokio::test]
async fn the_log_of_a_task_that_a_newer_run_took_over_is_kept_until_that_one_goes() {
    let yard = yard();
    let mut older = Scheduler::begin(&yard, "single_0-1", dead());
    older.place(&yard, 1, 0);
    older.place(&yard, 2, 0);
    let (given, other) = (older.task(1, 0), older.task(2, 0));
    let mut beginning = None;
    Scheduler::with(&yard, "single_0-0", dead(), |begun| beginning = Some(begun.clone()));
    let beginning = Beginning {
        run_id: RunId("single_0-2".into()),
        task_seed: "newer".into(),
        ..beginning.unwrap()
    };
    older.happens(Event::NotLaunched { task_id: other.clone() });
    let mut run = Machine::begin(beginning, Some(older.machine.run()), clock::now())
        .run()
        .clone();
    StateStore::<Run, Entry>::create(&yard.app.root.state_dir(), &mut run).unwrap();
    older.happens(Event::TakenOver {
        task_id: given.clone(),
        by: RunId("single_0-2".into()),
    });
    older.happens(Event::Closed {
        state: RunState::Interrupted,
    });
    let older = RunId("single_0-1".into());
    let folder = |task: &str| yard.app.root.run_tasks_dir(&older).join(task);
    assert!(folder(given.as_str()).is_dir() && folder(other.as_str()).is_dir());
    assert_eq!(delete(&yard, "single_0-1").await.0, 200);
    assert!(folder(given.as_str()).is_dir() && !folder(other.as_str()).exists());
    assert_eq!(delete(&yard, "single_0-2").await.0, 200);
    assert!(!yard.app.root.run_tasks_dir(&older).exists());
}

#[tokio::test]
async fn no_more_ended_runs_are_kept_than_the_settings_say_and_old_logs_go_first() {
    let yard = Yard::with(Settings {
        secret: SECRET.into(),
        keep_runs: 2,
        keep_logs_days: Some(1.0),
        ..Settings::default()
    });
    for run_id in ["single_0-1", "single_0-2", "single_0-3"] {
        let mut scheduler = Scheduler::begin(&yard, run_id, me());
        let task_id = scheduler.task(1, 0);
        scheduler.place(&yard, 1, 0);
        scheduler.happens(Event::NotLaunched { task_id });
        scheduler.happens(Event::Closed {
            state: RunState::Completed,
        });
    }
    let _running = Scheduler::begin(&yard, "single_0-4", me());
    yard.app.runs.refresh().unwrap();
    let now = clock::now().wall;
    crate::runs::prune(&yard.app, now).unwrap();
    let listed = async || {
        let (_, body) = yard.ask(known("GET", "/api/scheduler/runs", "")).await;
        let runs = body["runs"].as_array().unwrap().clone();
        let mut ids: Vec<_> = runs
            .iter()
            .map(|run| run["run_id"].as_str().unwrap().to_owned())
            .collect();
        ids.sort();
        ids
    };
    assert_eq!(listed().await, ["single_0-2", "single_0-3", "single_0-4"]);
    let logs = |run: &str| yard.app.root.run_tasks_dir(&RunId(run.into())).exists();
    assert!(!logs("single_0-1") && logs("single_0-2") && logs("single_0-3"));

    // Two days later the records stand, and the logs are gone.
    crate::runs::prune(&yard.app, now + jiff::SignedDuration::from_hours(48)).unwrap();
    assert_eq!(listed().await, ["single_0-2", "single_0-3", "single_0-4"]);
    assert!(!logs("single_0-2") && !logs("single_0-3"));
}
