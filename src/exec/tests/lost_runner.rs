//! kill -9 of a runner while its task lives: watched to its end, on record, never started twice, GPUs kept until gone.
use gpuyard_core::model::{Outcome, Seconds, UniId};
use gpuyard_exec::{
    executor::{AttemptEvent, Executor},
    lease::LeaseLife,
};
use rustix::process::Signal;

use crate::yard::{WITHOUT_FIRST_THREAD, Yard, alive, code, kill, python, wait_for, wait_until};

/// Runs until the file `go` is there, and has said so in `ready`.
const WAITS: &str = "echo once >> starts; echo $$ > ready; until [[ -e go ]]; do read -t 0.02 < <(:) || :; done";

fn kill_runner(yard: &Yard, id: &UniId) {
    kill(yard.started(id).runner.pid, Signal::KILL);
}

fn runner_lost(yard: &mut Yard, id: &UniId) {
    yard.event(
        "runner lost",
        |e| matches!(e, AttemptEvent::RunnerLost { uni_id } if uni_id == id),
    );
}

fn go(yard: &Yard) {
    std::fs::write(yard.file("go"), "").unwrap();
}

/// Fault C3 (P3).
#[test]
fn the_exit_code_is_known_and_the_log_goes_on() {
    let mut yard = Yard::new();
    let id = yard.start(&[&format!("{WAITS}; echo after; exit 7")]);
    let command = yard.pid_in("ready");
    kill_runner(&yard, &id);
    runner_lost(&mut yard, &id);
    assert!(alive(command));
    let leases = yard.host.leases().unwrap();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0].life, LeaseLife::Locked { runner_alive: false });
    go(&yard);
    let record = yard.ended(&id);
    assert_eq!((code(&record), record.recorded_by.as_str()), (7, "scheduler"));
    assert!(record.peak_rss.is_some());
    assert_eq!(yard.output(&id), "after\n");
    assert!(
        String::from_utf8(yard.log(&id))
            .unwrap()
            .contains("[gpuyard] exit code: 7\n")
    );
    assert_eq!(yard.lines("starts"), 1);
}

#[test]
fn a_command_that_ends_together_with_its_runner_is_known_too() {
    for _ in 0..10 {
        let mut yard = Yard::new();
        let id = yard.start(&[&format!("{WAITS}; exit 9")]);
        let command = yard.pid_in("ready");
        // Nobody looks at the executor until both are dead.
        kill_runner(&yard, &id);
        kill(command, Signal::KILL);
        let record = yard.ended(&id);
        assert_eq!(
            record.outcome,
            Outcome::Signaled {
                signal: 9,
                out_of_memory: false
            }
        );
    }
}

/// Fault C3 (P4).
#[test]
fn python_whose_children_closed_everything_keeps_its_gpu() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    // Closes every descriptor, the lease's too, leaves its session, and goes on in a grandchild.
    let script = "import os, time
open('starts', 'a').write('once\\n')
os.closerange(0, 4096)
if os.fork():
    while not os.path.exists('go'): time.sleep(0.01)
    os._exit(11)
os.setsid()
if os.fork(): os._exit(0)
open('ready', 'w').write(str(os.getpid()) + '\\n')
time.sleep(600)";
    let mut spec = yard.spec(&[&format!("exec {python} -c \"{script}\"")]);
    spec.stop_grace = Seconds(60.0);
    let id = yard.launch(&spec);
    let grandchild = yard.pid_in("ready");
    kill_runner(&yard, &id);
    // Before anybody has looked after it, nobody holds the lock; and yet the lease holds.
    wait_until("the lock is free", || {
        let leases = yard.host.leases().unwrap();
        assert!(leases.len() == 1 && leases[0].is_live(), "{leases:?}");
        matches!(&leases[0].life, LeaseLife::Orphaned { pids } if pids.contains(&grandchild))
    });
    runner_lost(&mut yard, &id);
    // Then the scheduler does.
    assert_eq!(
        yard.host.leases().unwrap()[0].life,
        LeaseLife::Locked { runner_alive: false }
    );
    assert!(yard.host.clear_fallen().unwrap().is_empty());
    go(&yard);
    let record = yard.ended(&id);
    assert_eq!((code(&record), record.left_over), (11, 1));
    assert!(!alive(grandchild));
    assert_eq!(yard.lines("starts"), 1);
}

/// Fault C3 (P4).
#[test]
fn a_command_whose_first_thread_has_ended_keeps_its_gpu() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    let id = yard.start(&[&format!("exec {python} -c \"{WITHOUT_FIRST_THREAD}\"")]);
    let pid = yard.without_first_thread();
    kill_runner(&yard, &id);
    wait_until("its lease is known as a living process's", || {
        let leases = yard.host.leases().unwrap();
        assert!(leases.len() == 1 && leases[0].is_live(), "{leases:?}");
        matches!(&leases[0].life, LeaseLife::Orphaned { pids } if *pids == [pid])
    });
    runner_lost(&mut yard, &id);
    assert!(yard.host.clear_fallen().unwrap().is_empty());
    go(&yard);
    assert_eq!(code(&yard.ended(&id)), 11);
}

#[test]
fn a_child_without_key_session_or_descriptors_is_found_as_our_own() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    let script = "import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
os.closerange(0, 4096)
open('ready', 'w').write(str(os.getpid()) + '\\n')
time.sleep(600)";
    let mut spec = yard.spec(&[&format!(
        "env -i {python} -c \"{script}\"; {}",
        WAITS.replace("ready", "waits")
    )]);
    spec.stop_grace = Seconds(60.0);
    let id = yard.launch(&spec);
    let (stray, _) = (yard.pid_in("ready"), yard.pid_in("waits"));
    kill_runner(&yard, &id);
    runner_lost(&mut yard, &id);
    go(&yard);
    assert_eq!(code(&yard.ended(&id)), 0);
    assert!(!alive(stray), "a process of the attempt outlived its record");
}

#[test]
fn another_runner_goes_on_with_the_next_command() {
    let mut yard = Yard::new();
    let id = yard.start(&[
        "echo first",
        &format!("sleep 300 & echo $! > left; {WAITS}"),
        "echo third",
        "exit 12",
    ]);
    let first = yard.started(&id).runner;
    yard.pid_in("ready");
    kill_runner(&yard, &id);
    runner_lost(&mut yard, &id);
    go(&yard);
    let event = yard.event(
        "replaced",
        |e| matches!(e, AttemptEvent::RunnerReplaced { uni_id, .. } if *uni_id == id),
    );
    let AttemptEvent::RunnerReplaced { runner, .. } = event else {
        unreachable!()
    };
    assert_ne!(runner.pid, first.pid);
    let record = yard.ended(&id);
    assert_eq!(
        (code(&record), record.command_index, record.recorded_by.as_str()),
        (12, 3, "runner")
    );
    // What the second command left running is ended with the attempt, though another runner had started it.
    assert_eq!(record.left_over, 1);
    assert!(!alive(yard.pid_in("left")));
    assert_eq!(yard.output(&id), "first\nthird\n");
    assert!(
        String::from_utf8(yard.log(&id))
            .unwrap()
            .contains("a new one took over")
    );
    assert_eq!(yard.lines("starts"), 1);
}

#[test]
fn runners_may_be_killed_again_and_again() {
    let mut yard = Yard::new();
    let step = |n: u32| {
        format!("echo {n} >> starts; echo $$ > ready{n}; until [[ -e go{n} ]]; do read -t 0.02 < <(:) || :; done")
    };
    let commands: Vec<String> = (0..5).map(step).collect();
    let id = yard.start(&commands.iter().map(String::as_str).collect::<Vec<_>>());
    for n in 0..5 {
        yard.pid_in(&format!("ready{n}"));
        let runner = wait_for("its runner", || {
            let start = yard.started(&id);
            (start.command_index == n).then_some(start.runner.pid)
        });
        kill(runner, Signal::KILL);
        runner_lost(&mut yard, &id);
        std::fs::write(yard.file(&format!("go{n}")), "").unwrap();
        if n < 4 {
            yard.event("replaced", |e| matches!(e, AttemptEvent::RunnerReplaced { .. }));
        }
    }
    assert_eq!(code(&yard.ended(&id)), 0);
    assert_eq!(std::fs::read_to_string(yard.file("starts")).unwrap(), "0\n1\n2\n3\n4\n");
}

#[test]
fn it_can_be_stopped_without_its_runner() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&[&format!("trap '' TERM; {WAITS}"), "touch next"]);
    spec.stop_grace = Seconds(0.3);
    let id = yard.launch(&spec);
    let command = yard.pid_in("ready");
    kill_runner(&yard, &id);
    runner_lost(&mut yard, &id);
    yard.executor.stop(&id).unwrap();
    let record = yard.ended(&id);
    assert_eq!(record.outcome, Outcome::Stopped);
    assert!(!alive(command) && !yard.file("next").exists());
}

#[test]
fn its_time_runs_on_without_its_runner() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&[WAITS]);
    spec.task_timeout = Some(Seconds(1.0));
    let id = yard.launch(&spec);
    yard.pid_in("ready");
    kill_runner(&yard, &id);
    assert_eq!(yard.ended(&id).outcome, Outcome::TimedOut);
}

#[test]
fn being_killed_while_ending_what_is_left_loses_no_exit_code() {
    let mut yard = Yard::new();
    let mut spec =
        yard.spec(&["(trap '' TERM; echo $BASHPID > left; sleep 300) & until [[ -s left ]]; do :; done; exit 13"]);
    spec.stop_grace = Seconds(300.0);
    let id = yard.launch(&spec);
    let left = yard.pid_in("left");
    let note = yard.folder(&id).join("ended.json");
    wait_until("the command has ended", || note.exists());
    kill_runner(&yard, &id);
    runner_lost(&mut yard, &id);
    kill(left, Signal::KILL);
    wait_until("all is gone", || !alive(left));
    assert_eq!(code(&yard.ended(&id)), 13);
}

#[test]
fn a_runner_that_never_came_up_is_an_end_too() {
    let mut yard = Yard::new();
    let spec = yard.spec(&["touch ran"]);
    let id = yard.launch(&spec);
    // It may have begun; then it says so.
    let pid = yard.executor.list().pop().unwrap().data["runner"]["pid"]
        .as_i64()
        .unwrap() as i32;
    kill(pid, Signal::KILL);
    let record = yard.ended(&id);
    match record.outcome {
        Outcome::NotStarted { ref message, .. } => {
            assert!(message.contains("killed by signal 9"), "{message}");
            assert!(!yard.file("ran").exists());
        }
        Outcome::Lost | Outcome::Exited { code: 0 | 127 } => {}
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn who_cannot_look_does_not_say_that_all_is_over() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let mut yard = Yard::new();
    let id = yard.start(&[&format!("{WAITS}; exit 14")]);
    let command = yard.pid_in("ready");
    kill_runner(&yard, &id);
    // Not one descriptor to spare, time and again.
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 3, hard).unwrap();
    let mut now = gpuyard_exec::clock::now();
    for _ in 0..4 {
        now.mono = now.mono.plus_millis(1000);
        let events = yard.executor.events(now);
        assert!(
            !events.iter().any(|e| matches!(e, AttemptEvent::Ended { .. })),
            "{events:?}"
        );
    }
    assert!(yard.host.leases().is_err(), "a lease may not be overlooked");
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert!(alive(command));
    go(&yard);
    assert_eq!(code(&yard.ended(&id)), 14);
}
