//! Ways to end a scheduler or a task, and what is there afterwards.
use std::fs;

use nix::sys::signal::{SIGCONT, SIGINT, SIGKILL, SIGTERM};
use serde_json::{Value, json};

use crate::yard::{SINGLE, Yard, alive, children, kill, skip, task, wait_for, wait_until};

fn state(task: &Value) -> &str {
    task["state"].as_str().unwrap()
}

fn id(task: &Value) -> &str {
    task["task_id"].as_str().unwrap()
}

/// TERM to the scheduler, TERM to the task, and after the grace KILL to all of it: the child in a session of its own and
/// the one that double-forked out of the tree too.
#[test]
fn a_stop_ends_all_that_a_task_started() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("stop_grace", "0.3"), ("retry_config.max_retries", "5")]);
    yard.commands(SINGLE, &[task(1, "stubborn a"), task(1, "run never")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let family: Vec<i32> = wait_for("both children", || {
        let children = yard.marks_of("child", "a");
        (children.len() == 2).then(|| children.iter().map(|mark| mark.pid).collect())
    });
    scheduler.signal(SIGTERM);
    assert_eq!(scheduler.wait(), 130);
    assert!(
        !yard.marks_of("term", "a").is_empty(),
        "it was asked before it was killed"
    );
    for pid in family {
        assert!(!alive(pid), "{pid} lives on");
    }
    assert_eq!(
        (yard.starts("a"), yard.starts("never")),
        (1, 0),
        "what was stopped is not tried again"
    );
    let run = yard.run(SINGLE);
    assert_eq!(run["state"], "stopped", "{run:#}");
    let stopped = yard.task(SINGLE, 1, 0);
    assert_eq!(state(&stopped), "stopped");
    assert_eq!(
        yard.record(&stopped, "exit.json")["outcome"],
        json!({"kind": "stopped"})
    );
    assert!(yard.leases().is_empty(), "{:?}", yard.leases());
    wait_until("nothing of it is left", || yard.processes().is_empty());
}

/// Ctrl-C at the terminal is a stop too.
#[test]
fn an_interrupt_is_a_stop() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    scheduler.signal(SIGINT);
    assert_eq!(scheduler.wait(), 130);
    assert_eq!(state(&yard.task(SINGLE, 1, 0)), "stopped");
}

/// Drain: what runs may finish, nothing else starts; `--resume` goes on from there.
#[test]
fn a_drain_lets_tasks_finish_and_starts_none() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "run b"), task(2, "run c")]);
    let mut scheduler = yard.schedule(SINGLE);
    let first = wait_for("one of them starts", || yard.order().first().cloned());
    assert_eq!(first, "a");
    let output = yard.ask(&["stop", "single", "0", "--drain"]);
    assert!(output.status.success(), "{output:?}");
    yard.wait_run(SINGLE, "it drains", |run| run["state"] == "draining");
    assert!(scheduler.runs());
    yard.go("a");
    assert_eq!(scheduler.wait(), 130);
    assert_eq!(yard.order(), ["a"]);
    assert_eq!(state(&yard.task(SINGLE, 1, 0)), "completed");
    assert_eq!(yard.schedule_with(SINGLE, &["--resume"]).wait(), 0);
    let mut order = yard.order();
    order.sort_unstable();
    assert_eq!(order, ["a", "b", "c"]);
}

/// Detach: the task goes on alone, and the next start takes it back instead of starting it again.
#[test]
fn a_detached_task_is_taken_back_by_the_next_start() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run b"), task(2, "run c")]);
    let mut scheduler = yard.schedule(SINGLE);
    let mark = yard.started("a");
    let output = yard.ask(&["stop", "single", "0", "--detach", "--wait"]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(scheduler.wait(), 0);
    assert!(alive(mark.pid));
    assert_eq!(yard.run(SINGLE)["state"], "interrupted");
    assert_eq!(yard.leases().len(), 1, "its GPU is still its own");
    let mut next = yard.schedule(SINGLE);
    let taken = yard.wait_task(SINGLE, (1, 0), "it is taken back", |task| state(task) == "running");
    assert_eq!(
        yard.record(&taken, "attempt.json")["uni_id"].as_str(),
        Some(mark.uni_id.as_str())
    );
    assert_eq!(
        (yard.starts("c"), alive(mark.pid)),
        (0, true),
        "its GPU is not handed out"
    );
    yard.go("a");
    assert_eq!(next.wait(), 0);
    assert_eq!((yard.starts("a"), yard.starts("b"), yard.starts("c")), (1, 1, 1));
    crate::yard::ticks_without_gap(&yard.log(&yard.task(SINGLE, 1, 0)), "a");
}

/// Whoever asks for the end is answered, also where the run ends with the asking.
#[test]
fn the_last_answer_is_given_before_the_scheduler_goes() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let done = json!({"answer": "done"});
    assert_eq!(yard.control(SINGLE, &json!({"call": "stop", "kind": "detach"})), done);
    assert_eq!(scheduler.wait(), 0);
    // A caller that connects and never asks keeps nobody waiting; what is being retried ends with the word.
    yard.rules(&[("retry_config.max_retries", "9"), ("retry_config.retry_delay", "3600")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.go_with("a", 1);
    yard.wait_task(SINGLE, (1, 0), "it waits for its retry", |task| {
        state(task) == "retrying"
    });
    let _silent = std::os::unix::net::UnixStream::connect(yard.socket(SINGLE)).unwrap();
    assert_eq!(yard.control(SINGLE, &json!({"call": "stop", "kind": "stop"})), done);
    assert_eq!(scheduler.wait(), 130);
}

/// `--resume`: what is done stays done, what was stopped or failed gets another chance.
#[test]
fn a_resumed_run_does_nothing_twice() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a"), task(1, "hold b"), task(1, "run c")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("b");
    let before = yard.run(SINGLE)["run_id"].clone();
    assert!(yard.ask(&["stop", "single", "0", "--wait"]).status.success());
    assert_eq!(scheduler.wait(), 130);
    let mut scheduler = yard.schedule_with(SINGLE, &["--resume"]);
    wait_until("b has its second chance", || yard.starts("b") == 2);
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.order(), ["a", "b", "b", "c"]);
    assert_eq!(yard.run(SINGLE)["run_id"], before);
}

/// Skip, stop and retry of one task, over the control socket.
#[test]
fn one_task_is_skipped_stopped_and_tried_again() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("on_failure", "continue")]);
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "run b"), task(1, "hold c")]);
    let mut scheduler = yard.schedule(SINGLE);
    yard.started("a");
    let [a, b, c] = [0, 1, 2].map(|place| yard.task(SINGLE, 1, place));
    let done = json!({"answer": "done"});
    assert_eq!(yard.control(SINGLE, &json!({"call": "skip", "task_id": id(&b)})), done);
    assert_eq!(state(&yard.task(SINGLE, 1, 1)), "skipped");
    let conflict = yard.control(SINGLE, &json!({"call": "skip", "task_id": id(&a)}));
    assert_eq!(
        conflict["answer"], "conflict",
        "what runs is stopped, not skipped: {conflict}"
    );
    let nobody = yard.control(SINGLE, &json!({"call": "skip", "task_id": "ffffffff-9"}));
    assert_eq!(nobody["answer"], "not_found");
    assert_eq!(yard.control(SINGLE, &json!({"call": "dance"}))["answer"], "invalid");
    assert_eq!(
        yard.control(SINGLE, &json!({"call": "stop_task", "task_id": id(&a)})),
        done
    );
    yard.wait_task(SINGLE, (1, 0), "a is stopped", |task| state(task) == "stopped");
    assert_eq!(yard.control(SINGLE, &json!({"call": "retry", "task_id": id(&a)})), done);
    yard.go("c");
    yard.go("a");
    assert!(matches!(scheduler.wait(), 0), "{}", scheduler.output());
    assert_eq!((yard.starts("a"), yard.starts("b"), yard.starts("c")), (2, 0, 1));
    assert_eq!(state(&yard.task(SINGLE, 1, 2)), "completed", "{c:#}");
}

/// A root and a command file have one scheduler.
#[test]
fn a_second_scheduler_is_refused() {
    let yard = Yard::new("2x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let mut first = yard.schedule(SINGLE);
    yard.started("a");
    for flags in [&[][..], &["--resume"], &["--recover"]] {
        let mut second = yard.schedule_with(SINGLE, flags);
        assert_eq!(second.wait(), 3, "{}", second.output());
    }
    assert_eq!(yard.ask(&["start", "single", "0"]).status.code(), Some(3));
    yard.go("a");
    assert_eq!(first.wait(), 0);
    assert_eq!(yard.starts("a"), 1);
}

/// Whoever waits for the one line of a scheduler is told that there was nothing to take up, and is not left to guess.
#[test]
fn a_recovery_with_nothing_to_do_says_so() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let says_so = || {
        let mut scheduler = yard.schedule_with(SINGLE, &["--recover", "--announce"]);
        assert_eq!(scheduler.wait(), 0);
        let output = scheduler.output();
        let line = output.lines().find_map(|line| serde_json::from_str::<Value>(line).ok());
        assert_eq!(
            line.map(|line| line["code"].clone()),
            Some(json!("nothing_to_do")),
            "{output}"
        );
    };
    says_so();
    assert_eq!(yard.schedule(SINGLE).wait(), 0);
    says_so();
    assert_eq!(yard.starts("a"), 1);
}

/// A yard whose scheduler, once its run is over, stands still before it is gone.
fn slow_to_leave() -> Option<Yard> {
    let yard = Yard::new("1x24GiB");
    if yard.ask(&["--list-fault-points"]).stdout.is_empty() {
        skip("fault points: they are not built in (--all-features)");
        return None;
    }
    yard.commands(SINGLE, &[task(1, "run a")]);
    let fuse = yard.base().join("fuse");
    fs::write(&fuse, "").unwrap();
    yard.set("GPUYARD_FAULT", format!("run-closed:pause:{}", fuse.display()));
    Some(yard)
}

fn leaves(yard: &Yard, scheduler: i32) {
    yard.wait_run(SINGLE, "its run is over", |run| run["state"] == "completed");
    assert!(alive(scheduler), "it is not gone yet");
}

/// While tasks are being ended, or finish by themselves, there is no next run yet, and whoever wants one is told why.
#[test]
fn a_start_is_refused_with_the_reason_while_a_run_ends() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("stop_grace", "600")]);
    yard.commands(SINGLE, &[task(1, "stubborn a")]);
    let daemon = yard.serve();
    let scheduler = daemon.begin(SINGLE);
    yard.started("a");
    for (how, state, en, zh) in [
        (&["--drain"][..], "draining", "running tasks finish", "运行中的任务结束"),
        (&[], "stopping", "is ending its tasks", "正在结束其任务"),
    ] {
        assert!(yard.ask(&[&["stop", "single", "0"], how].concat()).status.success());
        yard.wait_run(SINGLE, "it has heard of it", |run| run["state"] == state);
        let answer = daemon.post("/api/scheduler/single/start?config_index=0", &json!({}));
        assert_eq!((answer.status, &answer.body["code"]), (409, &json!("already_running")));
        let says = answer.body["message"].as_str().unwrap();
        assert!(says.contains(en) && says.contains(&scheduler.to_string()), "{says}");
        for (lang, words) in [("en", en), ("zh", zh)] {
            let refused = yard.ask(&["--lang", lang, "start", "single", "0"]);
            let says = String::from_utf8(refused.stderr).unwrap();
            assert!(!refused.status.success() && says.contains(words), "{says}");
        }
    }
    kill(yard.marks_of("start", "a")[0].pid, SIGKILL);
}

/// Whoever sees a run end may want the next one at once: that its scheduler still writes is no reason to be refused.
#[test]
fn a_start_waits_for_a_scheduler_that_leaves() {
    let Some(yard) = slow_to_leave() else { return };
    let daemon = yard.serve();
    let scheduler = daemon.begin(SINGLE);
    leaves(&yard, scheduler);
    let answer = std::thread::scope(|scope| {
        let start = scope.spawn(|| daemon.post("/api/scheduler/single/start?config_index=0", &json!({})));
        wait_until("the next scheduler comes up, or is refused", || {
            start.is_finished() || children(daemon.program.pid()).len() > 1
        });
        kill(scheduler, SIGCONT);
        start.join().unwrap()
    });
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    wait_until("it runs once more", || yard.starts("a") == 2);
}

/// The same where no daemon is.
#[test]
fn a_start_by_hand_waits_for_a_scheduler_that_leaves() {
    let Some(yard) = slow_to_leave() else { return };
    let mut first = yard.schedule(SINGLE);
    leaves(&yard, first.pid());
    let mut start = yard.start(&["start", "single", "0"]);
    wait_until("the next scheduler comes up, or is refused", || {
        !start.runs() || !children(start.pid()).is_empty()
    });
    first.signal(SIGCONT);
    assert_eq!((first.wait(), start.wait()), (0, 0), "{}", start.output());
    wait_until("it runs once more", || yard.starts("a") == 2);
}
