//! A new executor finds again what an earlier one launched.
use std::{fs, process::Command};

use gpuyard_core::model::{AttemptSpec, Outcome, UniId};
use gpuyard_exec::executor::{Executor, Recovered};
use rustix::process::Signal;

use crate::yard::{Yard, alive, code, kill, program, wait_for, wait_until};

const WAITS: &str = "echo once >> starts; echo $$ > ready; until [[ -e go ]]; do read -t 0.02 < <(:) || :; done";

fn recover(yard: &mut Yard, id: &UniId) -> Recovered {
    let folder = yard.folder(id);
    yard.executor.recover(id, &folder).unwrap()
}

/// A scheduler of its own launches this, and is dead when we return.
fn launch_by_another(yard: &Yard, spec: &AttemptSpec) {
    let (lease, attempt) = (yard.file("lease.json"), yard.file("attempt.json"));
    fs::write(&lease, serde_json::to_vec(&yard.lease(spec, true)).unwrap()).unwrap();
    fs::write(&attempt, serde_json::to_vec(spec).unwrap()).unwrap();
    let mut command = Command::new(program());
    command
        .arg("launch")
        .arg(yard.host.path())
        .args([lease, attempt])
        .arg(yard.folder(&spec.uni_id));
    assert!(command.status().unwrap().success());
}

#[test]
fn a_running_attempt_is_taken_back_again_and_again() {
    let mut yard = Yard::new();
    let spec = yard.spec(&[&format!("{WAITS}; exit 8")]);
    launch_by_another(&yard, &spec);
    let id = spec.uni_id;
    for _ in 0..10 {
        yard.new_executor();
        // At once, wherever its runner is by now.
        let Recovered::Running { runner } = recover(&mut yard, &id) else {
            panic!()
        };
        assert_eq!(runner, yard.started(&id).runner);
    }
    assert_eq!(yard.executor.list().len(), 1);
    fs::write(yard.file("go"), "").unwrap();
    let record = yard.ended(&id);
    assert_eq!((code(&record), record.recorded_by.as_str()), (8, "runner"));
    assert_eq!(yard.lines("starts"), 1);
}

#[test]
fn one_that_ended_while_nobody_watched_says_how() {
    let mut yard = Yard::new();
    let spec = yard.spec(&["exit 21"]);
    launch_by_another(&yard, &spec);
    wait_until("it has ended", || yard.folder(&spec.uni_id).join("exit.json").exists());
    let Recovered::Ended(record) = recover(&mut yard, &spec.uni_id) else {
        panic!()
    };
    assert_eq!(code(&record), 21);
    // Asked again, it says the same.
    assert_eq!(recover(&mut yard, &spec.uni_id), Recovered::Ended(record));
}

#[test]
fn without_scheduler_and_runner_it_is_watched_to_its_end() {
    // Not a reaper: as after a real restart, the orphan is another's child.
    let mut yard = Yard::without_reaping();
    let spec = yard.spec(&[&format!("{WAITS}; exit 17")]);
    launch_by_another(&yard, &spec);
    let id = spec.uni_id;
    let command = yard.pid_in("ready");
    kill(yard.started(&id).runner.pid, Signal::KILL);
    let pids = wait_for("the runner's death", || match recover(&mut yard, &id) {
        Recovered::Orphaned { pids } => Some(pids),
        _ => {
            yard.new_executor();
            None
        }
    });
    assert!(pids.contains(&command), "{pids:?}");
    assert!(yard.has_lease(&id) && alive(command));
    fs::write(yard.file("go"), "").unwrap();
    let record = yard.ended(&id);
    assert_eq!((record.recorded_by.as_str(), yard.lines("starts")), ("scheduler", 1));
    match record.outcome {
        Outcome::Exited { code: 17 } => {}
        // Kernels before 6.15 tell the exit code only to the parent.
        Outcome::Lost => eprintln!("SKIPPED: this kernel does not tell how another's child ended"),
        ref other => panic!("{other:?}"),
    }
}

/// Fault C4 (P3).
#[test]
fn kill_9_of_everything_is_a_loss_that_is_told_once() {
    let mut yard = Yard::new();
    let spec = yard.spec(&[WAITS]);
    launch_by_another(&yard, &spec);
    let id = spec.uni_id;
    let command = yard.pid_in("ready");
    let runner = yard.started(&id).runner.pid;
    kill(runner, Signal::KILL);
    kill(command, Signal::KILL);
    // Buried by somebody who does not tell: its exit code is gone.
    wait_until("both are gone", || {
        while let Ok(Some(_)) = rustix::process::wait(rustix::process::WaitOptions::NOHANG) {}
        !alive(command) && !alive(runner)
    });
    wait_until("its lease has fallen", || {
        yard.host.leases().unwrap().iter().all(|held| !held.is_live())
    });
    assert_eq!(recover(&mut yard, &id), Recovered::Lost);
    assert!(!yard.has_lease(&id));
    yard.new_executor();
    assert!(matches!(recover(&mut yard, &id), Recovered::Lost | Recovered::Ended(_)));
}

#[test]
fn what_was_decided_and_never_launched_never_ran() {
    let mut yard = Yard::new();
    // The intent alone; the lease as well; the attempt's file as well.
    let spec = yard.spec(&["touch ran"]);
    assert_eq!(recover(&mut yard, &spec.uni_id), Recovered::NeverStarted);
    let taken = yard.host.take(&yard.lease(&spec, true), &[]).unwrap();
    let file = yard.host.path().join(format!("{}.lease", spec.uni_id));
    let text = fs::read(&file).unwrap();
    drop(taken);
    assert!(!file.exists(), "a lease that nobody used is left behind");
    fs::write(&file, &text).unwrap();
    let folder = yard.folder(&spec.uni_id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("attempt.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    assert_eq!(recover(&mut yard, &spec.uni_id), Recovered::NeverStarted);
    assert!(!file.exists(), "a fallen lease is left behind");
    assert!(yard.executor.list().is_empty() && yard.executor.next_deadline().is_none());
}

#[test]
fn another_machines_attempt_is_not_touched() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["true"]);
    spec.node.machine_id = "another".into();
    let folder = yard.folder(&spec.uni_id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("attempt.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    let error = yard.executor.recover(&spec.uni_id, &folder).unwrap_err();
    assert!(error.to_string().contains("another machine"), "{error}");
}

/// Fault I1 (P3).
#[test]
fn a_start_record_of_before_the_reboot_names_no_process_of_today() {
    let mut yard = Yard::new();
    let (id, _) = yard.run(&["true"]);
    let folder = yard.folder(&id);
    // As a power cut leaves it: the pids are ours, the boot is not.
    fs::remove_file(folder.join("exit.json")).unwrap();
    fs::remove_file(folder.join("ended.json")).unwrap();
    let mut start = yard.started(&id);
    for process in [&mut start.runner, &mut start.command] {
        process.pid = std::process::id() as i32;
        process.start_ticks = gpuyard_exec::identity::start_ticks(process.pid).unwrap();
        process.space.boot_id = "another".into();
    }
    fs::write(folder.join("start.json"), serde_json::to_vec(&start).unwrap()).unwrap();
    assert_eq!(recover(&mut yard, &id), Recovered::Lost);
}

/// Fault C5 (P3).
#[test]
fn how_a_command_ended_is_known_without_its_exit_record() {
    let mut yard = Yard::new();
    let (id, _) = yard.run(&["exit 4"]);
    // Its runner died before the record stood, and nobody is left who could ask the system.
    fs::remove_file(yard.folder(&id).join("exit.json")).unwrap();
    let runner = yard.started(&id).runner.pid;
    yard.new_executor();
    wait_until("its runner is gone", || !alive(runner));
    match recover(&mut yard, &id) {
        Recovered::Ended(record) => assert_eq!(code(&record), 4),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_id_that_is_a_path_is_refused() {
    let mut yard = Yard::new();
    for id in ["", "../x", "a/b", "a b", &"x".repeat(65)] {
        let folder = yard.file("x");
        assert!(yard.executor.recover(&UniId(id.into()), &folder).is_err(), "{id}");
    }
}

/// Fault C6 (P2, P3): A runner that was killed before it had started anything may be met in its last moment.
#[test]
fn the_end_of_what_was_found_alive_is_told() {
    let mut yard = Yard::new();
    let spec = yard.spec(&["true"]);
    let folder = yard.folder(&spec.uni_id);
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("attempt.json"), serde_json::to_vec(&spec).unwrap()).unwrap();
    let mut dying = Command::new("sleep")
        .arg("1000")
        .env("GPUYARD_UNI_ID", spec.uni_id.as_str())
        .spawn()
        .unwrap();
    let found = yard.executor.recover(&spec.uni_id, &folder).unwrap();
    let pids = vec![dying.id() as i32];
    assert_eq!(found, Recovered::Orphaned { pids });
    dying.kill().unwrap();
    dying.wait().unwrap();
    let outcome = yard.ended(&spec.uni_id).outcome;
    assert!(matches!(outcome, Outcome::NotStarted { .. }), "{outcome:?}");
}
