//! The supervisor at work, with a script in the place of schedulers.
use std::os::unix::fs::PermissionsExt;

use gpuyard_core::{
    model::{Mode, OnFailure, RetryConfig},
    queue::{Beginning, Entry, Machine, Run},
};
use gpuyard_store::state::StateStore;

use super::*;
use crate::yard::Yard;

const LONG: Duration = Duration::from_secs(30);

/// What stands in for schedulers: it notes how it was started, says this, and ends.
fn yard(says: &str) -> Yard {
    let script = format!("#!/bin/sh\necho \"$$ $@\" >>\"$0.started\"\nprintf '%s\\n' '{says}'\nexit 1\n");
    Yard::starting(Default::default(), |folder| {
        let path = folder.join("scheduler");
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    })
}

/// A run whose scheduler is dead.
fn left(yard: &Yard, key: ConfigKey) -> RunId {
    let me = identity::identity(std::process::id() as i32).unwrap();
    left_by(yard, key, ProcessIdentity { start_ticks: 1, ..me })
}

/// A run of this scheduler's.
fn left_by(yard: &Yard, key: ConfigKey, scheduler: ProcessIdentity) -> RunId {
    let run_id = RunId(format!("{key}-1"));
    let beginning = Beginning {
        run_id: run_id.clone(),
        task_seed: "t".into(),
        node: identity::node(),
        owner: identity::owner(),
        scheduler,
        config: key,
        config_file: "/r/command/command_gpu.txt".into(),
        retry: RetryConfig::default(),
        on_failure: OnFailure::Stop,
        queues: Vec::new(),
    };
    let mut run = Machine::begin(beginning, None, clock::now()).run().clone();
    StateStore::<Run, Entry>::create(&yard.app.root.state_dir(), &mut run).unwrap();
    run_id
}

fn key(index: u32) -> ConfigKey {
    ConfigKey {
        mode: Mode::Multi,
        index,
    }
}

/// How often, and how, the script has been started.
fn started(yard: &Yard) -> Vec<String> {
    let text = std::fs::read_to_string(yard.folder().join("scheduler.started")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, wait).await.unwrap();
}

#[tokio::test]
async fn what_a_dead_scheduler_left_is_taken_up_again_and_again() {
    let mut yard = yard(r#"{"error":"no rules","code":"unusable"}"#);
    left(&yard, key(3));
    let (end, ended) = watch::channel(false);
    let supervisor = Supervisor::new(Arc::clone(&yard.app), yard.heard.take().unwrap(), Arc::default());
    let work = tokio::spawn(supervisor.work(ended));
    // At once, and after a first delay.
    until(|| started(&yard).len() == 2).await;
    for line in started(&yard) {
        assert!(line.ends_with("schedule multi 3 --announce --recover"), "{line}");
    }
    let first: i32 = started(&yard)[0].split(' ').next().unwrap().parse().unwrap();
    assert_eq!(identity::start_ticks(first), None, "not even a zombie is left of it");
    end.send_replace(true);
    tokio::time::timeout(LONG, work).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_failed_recovery_is_heard_to_its_end_before_the_next() {
    let mut yard = yard("");
    left(&yard, key(0));
    let mut supervisor = Supervisor::new(Arc::clone(&yard.app), yard.heard.take().unwrap(), Arc::default());
    assert_eq!(supervisor.look().await, None);
    for _ in 0..2 {
        let news = tokio::time::timeout(LONG, supervisor.news.recv())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(started(&yard).len(), 1);
        let died = matches!(news, News::Died(..));
        supervisor.hear(news);
        // After its death there is a delay; before it, nothing to wait for.
        assert_eq!(supervisor.look().await.is_some(), died);
    }
    assert!(supervisor.watched.is_empty() && supervisor.recovering.is_empty());
    assert_eq!(started(&yard).len(), 1);
}

/// A killed process closes its files, and its place is free, before it counts as dead.
#[tokio::test]
async fn the_end_of_a_scheduler_that_has_given_up_its_place_is_waited_for() {
    let mut yard = yard(r#"{"run_id":"multi_0-1","pid":7}"#);
    let mut dying = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    left_by(&yard, key(0), identity::identity(dying.id() as i32).unwrap());
    let mut supervisor = Supervisor::new(Arc::clone(&yard.app), yard.heard.take().unwrap(), Arc::default());
    assert_eq!(supervisor.look().await, None);
    assert!(supervisor.recovering.is_empty(), "nobody takes it over while it lives");
    dying.kill().unwrap();
    dying.wait().unwrap();
    let news = tokio::time::timeout(LONG, supervisor.news.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(matches!(news, News::Died(..)));
    supervisor.hear(news);
    supervisor.look().await;
    until(|| !started(&yard).is_empty()).await;
}

/// It deletes runs and command files with their places in its hands.
#[tokio::test]
async fn the_daemon_does_not_wait_for_its_own_end() {
    let mut yard = yard(r#"{"run_id":"multi_0-1","pid":7}"#);
    left(&yard, key(0));
    let mut supervisor = Supervisor::new(Arc::clone(&yard.app), yard.heard.take().unwrap(), Arc::default());
    let place = gpuyard_exec::place::Place::take(&yard.app.host, yard.app.root.path(), "multi_0").unwrap();
    assert!(supervisor.look().await.is_some(), "it looks again by itself");
    assert!(supervisor.watched.is_empty() && supervisor.recovering.is_empty());
    drop(place);
    supervisor.look().await;
    until(|| !started(&yard).is_empty()).await;
}

#[tokio::test]
async fn a_run_that_comes_later_is_found_by_word_of_the_folder() {
    let mut yard = yard(r#"{"run_id":"multi_0-1","pid":7}"#);
    let (_end, ended) = watch::channel(false);
    let changed = Arc::new(Notify::new());
    let supervisor = Supervisor::new(Arc::clone(&yard.app), yard.heard.take().unwrap(), Arc::clone(&changed));
    tokio::spawn(supervisor.work(ended));
    left(&yard, key(0));
    changed.notify_one();
    until(|| !started(&yard).is_empty()).await;
}

#[tokio::test]
async fn rules_may_leave_it_interrupted_and_nobody_elses_is_touched() {
    let yard = yard("");
    left(&yard, key(0));
    let step = || {
        let found = find(&yard.app).unwrap();
        policy::next(found[0].facts, &History::default(), clock::mono())
    };
    assert_eq!(step(), Step::Recover);
    let place = gpuyard_exec::place::Place::take(&yard.app.host, yard.app.root.path(), "multi_0").unwrap();
    assert_eq!(step(), Step::Leave, "another scheduler holds the place");
    drop(place);
    let rules = yard.app.root.rules_path(&yard.app.settings());
    std::fs::write(&rules, "auto_resume: false\n").unwrap();
    assert_eq!(
        step(),
        Step::Recover,
        "rules that cannot be used leave the default in force"
    );
    std::fs::write(
        &rules,
        gpuyard_store::rules::EXAMPLE.to_owned() + "\nauto_resume: false\n",
    )
    .unwrap();
    assert_eq!(step(), Step::Leave);
}
