//! Stopping, also what does not want to be stopped; and what an attempt leaves running.
use gpuyard_core::model::{Outcome, Seconds};
use gpuyard_exec::executor::Executor;
use rustix::process::Signal;

use crate::yard::{WITHOUT_FIRST_THREAD, Yard, alive, code, kill, python, state, wait_until, zombies_of};

/// Launches, waits until `ready` is there, stops, and returns the record.
fn stop(yard: &mut Yard, command: &str, grace: f64, ready: &str) -> gpuyard_core::model::ExitRecord {
    let mut spec = yard.spec(&[command, "touch next"]);
    spec.stop_grace = Seconds(grace);
    let id = yard.launch(&spec);
    wait_until(ready, || yard.file(ready).exists());
    yard.executor.stop(&id).unwrap();
    let record = yard.ended(&id);
    assert_eq!(record.outcome, Outcome::Stopped);
    assert!(!yard.file("next").exists(), "a command ran after the stop");
    record
}

#[test]
fn a_task_may_tidy_up_and_is_stopped_even_if_it_exits_0() {
    let mut yard = Yard::new();
    stop(
        &mut yard,
        "trap 'touch tidied; exit 0' TERM; touch ready; while :; do sleep 0.02; done",
        60.0,
        "ready",
    );
    assert!(yard.file("tidied").exists());
}

#[test]
fn a_stop_between_two_commands_is_heard() {
    let mut yard = Yard::new();
    // The signal arrives while the command is alive, and the command hears nothing of it.
    let record = stop(
        &mut yard,
        "trap '' TERM; touch ready; until [[ -e go ]]; do :; done & wait",
        0.5,
        "ready",
    );
    assert_eq!(record.command_index, 0);
}

/// Fault T1 (P4).
#[test]
fn what_ignores_term_is_killed_after_the_grace() {
    let mut yard = Yard::new();
    stop(
        &mut yard,
        "trap '' TERM; echo $$ > pid; touch ready; while :; do read -t 1 < <(:); done",
        0.3,
        "ready",
    );
    let pid = yard.pid_in("pid");
    assert!(!alive(pid));
}

/// Fault T1 (P4).
#[test]
fn a_daemon_that_left_its_session_and_ignores_term_is_ended_too() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    let script = "import os, signal, time
if os.fork(): time.sleep(600)
os.setsid()
if os.fork(): os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.closerange(0, 256)
os.environ.clear()
open('pid', 'w').write(str(os.getpid()) + '\\n')
open('ready', 'w').close()
time.sleep(600)";
    stop(&mut yard, &format!("{python} -c \"{script}\""), 0.3, "ready");
    let pid = yard.pid_in("pid");
    assert!(!alive(pid));
}

/// Fault T1 (P4).
#[test]
fn a_task_that_has_stopped_itself_can_be_stopped() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["echo $$ > pid; kill -STOP $$"]);
    spec.stop_grace = Seconds(60.0);
    let id = yard.launch(&spec);
    let pid = yard.pid_in("pid");
    wait_until("it is stopped", || state(pid) == Some('T'));
    yard.executor.stop(&id).unwrap();
    // Well before the grace is over: it is woken to hear the signal.
    assert_eq!(yard.ended(&id).outcome, Outcome::Stopped);
}

/// Fault T1 (P4).
#[test]
fn a_fork_loop_is_ended() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    // Each process starts the next one and goes; never more than a few at once, and never the same.
    let script = "import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open('ready', 'w').close()
end = time.time() + 300
while time.time() < end:
    if os.fork(): os._exit(0)
    os.setsid()
    time.sleep(0.002)";
    stop(
        &mut yard,
        &format!("{python} -c \"{script}\" & read -t 300 < <(sleep 300)"),
        0.3,
        "ready",
    );
}

#[test]
fn a_crowd_is_ended() {
    let mut yard = Yard::new();
    stop(
        &mut yard,
        "trap '' TERM; for ((i=0;i<200;i++)); do sleep 300 & done; touch ready; wait",
        0.2,
        "ready",
    );
}

/// Fault T1 (P4).
#[test]
fn closed_output_and_zombies_do_no_harm() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    let script = "import os, time
os.closerange(0, 256)
for i in range(20):
    if not os.fork():
        if os.fork(): os._exit(0)
        os._exit(0)
open('ready', 'w').close()
while not os.path.exists('go'): time.sleep(0.01)";
    let id = yard.start(&[&format!("{python} -c \"{script}\"")]);
    wait_until("ready", || yard.file("ready").exists());
    let runner = yard.started(&id).runner.pid;
    // The grandchildren's parents are zombies of the task's own making; those that came to the runner are buried.
    wait_until("no zombie at the runner", || zombies_of(runner) == 0);
    std::fs::write(yard.file("go"), "").unwrap();
    assert_eq!(code(&yard.ended(&id)), 0);
}

#[test]
fn what_is_left_running_is_ended_and_counted() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["sleep 300 & setsid sleep 300 & echo $! > pid", "exit 5"]);
    spec.stop_grace = Seconds(60.0);
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    assert_eq!((code(&record), record.command_index, record.left_over), (5, 1, 2));
    assert!(!alive(yard.pid_in("pid")));
    assert!(
        String::from_utf8(yard.log(&id))
            .unwrap()
            .contains("[gpuyard] processes left over and ended: 2\n")
    );
}

#[test]
fn between_two_commands_what_runs_in_the_background_runs_on() {
    let mut yard = Yard::new();
    let (_, record) = yard.run(&["sleep 300 & echo $! > pid", "kill -0 $(cat pid)"]);
    assert_eq!((code(&record), record.left_over), (0, 1));
}

#[test]
fn a_leftover_that_ignores_term_is_killed() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&[
        "(trap '' TERM; echo $BASHPID > pid; while :; do read -t 1 < <(:); done) & until [[ -s pid ]]; do :; done",
    ]);
    spec.stop_grace = Seconds(0.2);
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    assert_eq!(code(&record), 0);
    assert!(record.left_over >= 1);
    assert!(!alive(yard.pid_in("pid")));
}

/// Fault T1 (P4).
#[test]
fn a_leftover_whose_first_thread_has_ended_is_ended_too() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    let id = yard.start(&[&format!(
        "mkfifo over; setsid {python} -c \"{WITHOUT_FIRST_THREAD}\" & read < over"
    )]);
    let pid = yard.without_first_thread();
    std::fs::write(yard.file("over"), "\n").unwrap();
    let record = yard.ended(&id);
    assert_eq!((code(&record), record.left_over), (0, 1));
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_stop_before_the_first_command_starts_nothing() {
    for _ in 0..10 {
        let mut yard = Yard::new();
        let id = yard.start(&["touch ran; sleep 300"]);
        // At once: the runner is anywhere between its birth and its first command.
        yard.executor.stop(&id).unwrap();
        assert_eq!(yard.ended(&id).outcome, Outcome::Stopped);
    }
}

#[test]
fn signals_that_are_not_meant_for_it_do_not_touch_a_runner() {
    let mut yard = Yard::new();
    let id = yard.start(&["until [[ -e go ]]; do read -t 0.05 < <(:); done; exit 3"]);
    let runner = yard.started(&id).runner.pid;
    for signal in [
        Signal::HUP,
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::PIPE,
        Signal::ALARM,
    ] {
        kill(runner, signal);
    }
    std::fs::write(yard.file("go"), "").unwrap();
    assert_eq!(code(&yard.ended(&id)), 3);
}
