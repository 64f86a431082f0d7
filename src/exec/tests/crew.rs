//! One runner for one attempt after another.
use rustix::process::Signal;

use crate::yard::{Yard, alive, code, kill, wait_until};

#[test]
fn a_runner_takes_the_next_attempt() {
    let mut yard = Yard::new();
    let (first, record) = yard.run(&["echo one; exit 3"]);
    assert_eq!(code(&record), 3);
    let (second, record) = yard.run(&["echo two; exit 4"]);
    assert_eq!(code(&record), 4);
    assert_eq!(yard.started(&first).runner, yard.started(&second).runner);
    // Each has its own log, to its end.
    assert_eq!(
        (yard.output(&first), yard.output(&second)),
        ("one\n".into(), "two\n".into())
    );
    let runner = yard.started(&second).runner.pid;
    let dir = yard.dir.path().to_owned();
    // It tells of an end before it lets go of what was the attempt's.
    wait_until("it holds nothing of its attempts", || {
        let own = std::fs::read_dir(format!("/proc/{runner}/fd")).unwrap();
        let mut held = own.filter_map(|e| std::fs::read_link(e.ok()?.path()).ok());
        !held.any(|path| path.starts_with(&dir))
    });
}

#[test]
fn two_at_once_have_a_runner_each() {
    let mut yard = Yard::new();
    let waits = "until [[ -e go ]]; do read -t 0.05 < <(:); done; exit 0";
    let [one, mut other] = [(); 2].map(|()| yard.spec(&[waits]));
    other.gpus[0].uuid = gpuyard_core::model::GpuUuid("GPU-1".into());
    let (one, other) = (yard.launch(&one), yard.launch(&other));
    assert_ne!(yard.started(&one).runner.pid, yard.started(&other).runner.pid);
    std::fs::write(yard.file("go"), "").unwrap();
    for id in [&one, &other] {
        assert_eq!(code(&yard.ended(id)), 0);
    }
}

#[test]
fn a_stop_that_comes_too_late_does_not_meet_the_next_attempt() {
    use gpuyard_exec::executor::Executor;
    let mut yard = Yard::new();
    let first = yard.start(&["true"]);
    let folder = yard.folder(&first);
    // It is over, and the executor has not heard of it.
    wait_until("its record", || {
        gpuyard_exec::attempt::read_exit(&folder).unwrap().is_some()
    });
    wait_until("its lease is gone", || !yard.has_lease(&first));
    yard.executor.stop(&first).unwrap();
    yard.ended(&first);
    let (second, record) = yard.run(&["read -t 0.3 < <(exec sleep 1); exit 7"]);
    assert_eq!(code(&record), 7);
    assert_eq!(yard.started(&first).runner, yard.started(&second).runner);
}

#[test]
fn one_that_was_killed_while_it_waited_is_missed_by_nobody() {
    let mut yard = Yard::new();
    let (first, _) = yard.run(&["true"]);
    let runner = yard.started(&first).runner.pid;
    kill(runner, Signal::KILL);
    wait_until("it is dead", || !alive(runner));
    let (second, record) = yard.run(&["exit 5"]);
    assert_eq!(code(&record), 5);
    assert_ne!(yard.started(&second).runner.pid, runner);
    wait_until("no zombie of it", || crate::yard::state(runner).is_none());
}

#[test]
fn it_goes_with_its_scheduler() {
    let mut yard = Yard::new();
    let (id, _) = yard.run(&["true"]);
    let runner = yard.started(&id).runner.pid;
    assert!(alive(runner));
    yard.new_executor();
    wait_until("it is gone", || !alive(runner));
}

#[test]
fn what_an_attempt_may_not_see_was_never_in_its_runner() {
    let mut yard = Yard::new();
    let (first, _) = yard.run(&["true"]);
    let mut spec = yard.spec(&["true"]);
    spec.unset = vec!["HOME".into()];
    let second = yard.launch(&spec);
    yard.ended(&second);
    let runner = yard.started(&second).runner.pid;
    assert_ne!(yard.started(&first).runner.pid, runner);
    let environment = std::fs::read(format!("/proc/{runner}/environ")).unwrap();
    assert!(!environment.split(|b| *b == 0).any(|entry| entry.starts_with(b"HOME=")));
}

#[test]
fn of_many_that_were_needed_at_once_a_few_wait_and_the_rest_are_gone() {
    use gpuyard_exec::{clock, executor::Executor};
    const MANY: usize = 20;
    let mut yard = Yard::new();
    let waits = "until [[ -e go ]]; do read -t 0.05 < <(:); done; exit 0";
    let ids: Vec<_> = (0..MANY)
        .map(|gpu| {
            let mut spec = yard.spec(&[waits]);
            spec.gpus[0].uuid = gpuyard_core::model::GpuUuid(format!("GPU-{gpu}"));
            yard.launch(&spec)
        })
        .collect();
    let runners: Vec<i32> = ids.iter().map(|id| yard.started(id).runner.pid).collect();
    std::fs::write(yard.file("go"), "").unwrap();
    for id in &ids {
        assert_eq!(code(&yard.ended(id)), 0);
    }
    let there = |pid: &&i32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    wait_until("those that are one too many are gone, and no zombies", || {
        assert_eq!(yard.executor.events(clock::now()), []);
        runners.iter().filter(there).count() == 16
    });
    // Those that wait are of use.
    let (next, _) = yard.run(&["true"]);
    assert!(runners.contains(&yard.started(&next).runner.pid));
}
