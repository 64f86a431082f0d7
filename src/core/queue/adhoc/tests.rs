//! Ad-hoc tasks in a machine: taken up, placed in turn, tried again, let go of.
#![allow(clippy::unwrap_used)]
use super::*;
use crate::{
    formats::adhoc::check,
    model::{Bytes, GpuRef, GpuUuid, Mono, Outcome, PidSpace, Reason, UniId},
    policy::Order,
    queue::{Demand, Effect, Entry, Event},
};

fn now(seconds: u64) -> Now {
    Now {
        wall: jiff::Timestamp::from_second(1_800_000_000 + seconds as i64).unwrap(),
        mono: Mono(seconds * 1000),
    }
}

fn identity(boot: &str) -> ProcessIdentity {
    let space = PidSpace {
        machine_id: "m".into(),
        boot_id: boot.into(),
        pid_ns: 1,
    };
    ProcessIdentity {
        space,
        pid: 7,
        start_ticks: 1,
    }
}

fn machine() -> Machine {
    let node = Node {
        machine_id: "m".into(),
        hostname: "h".into(),
    };
    let owner = Owner {
        uid: 1,
        name: "u".into(),
    };
    Machine::for_adhoc(
        RunId("tasks".into()),
        node,
        owner,
        identity("boot"),
        RetryConfig::default(),
        "boot".into(),
        now(0),
    )
}

fn spec(value: serde_json::Value) -> AdhocSpec {
    check(&serde_json::from_value(value).unwrap()).unwrap()
}

fn add(machine: &mut Machine, id: AdhocId, value: serde_json::Value) {
    let task = adhoc_task(TaskId(id.to_string()), &spec(value), None);
    machine.take_up(adhoc_queue(id), task, now(id.unsigned_abs()));
}

fn happens(machine: &mut Machine, event: Event, seconds: u64) -> Vec<Effect> {
    let seq = machine.run().seq + 1;
    machine.apply(&Entry {
        seq,
        at: now(seconds),
        event,
    })
}

fn place(machine: &mut Machine, id: AdhocId, seconds: u64) {
    let placed = Event::Placed {
        task_id: TaskId(id.to_string()),
        uni_id: UniId(format!("u{id}-{seconds}")),
        folder: "f".into(),
        log_path: "l".into(),
        gpus: vec![GpuRef {
            index: 0,
            uuid: GpuUuid("g".into()),
        }],
    };
    happens(machine, placed, seconds);
}

fn end(machine: &mut Machine, id: AdhocId, outcome: Outcome, seconds: u64) {
    let ended = Event::Ended {
        task_id: TaskId(id.to_string()),
        outcome,
        started_at: None,
        finished_at: None,
        peak_memory: None,
    };
    happens(machine, ended, seconds);
}

fn heads(machine: &mut Machine, most: usize) -> Vec<String> {
    machine
        .heads(now(1000), most)
        .into_iter()
        .map(|head| head.task.0)
        .collect()
}

#[test]
fn the_first_of_each_demand_are_asked_about_by_priority_whatever_their_age() {
    let mut machine = machine();
    assert_eq!(machine.order(), Order::Priority);
    for id in 1..=9 {
        let priority = i64::from(id == 8);
        add(
            &mut machine,
            id,
            serde_json::json!({"command": "x", "priority": priority}),
        );
    }
    add(
        &mut machine,
        10,
        serde_json::json!({"command": "x", "gpu_type": "A", "memory": 3}),
    );
    let asked = heads(&mut machine, 2);
    assert!(asked.contains(&"8".to_owned()), "the highest priority: {asked:?}");
    assert!(
        asked.contains(&"1".to_owned()) && asked.contains(&"10".to_owned()) && asked.len() <= 5,
        "{asked:?}"
    );
    let head = machine
        .heads(now(1000), 9)
        .into_iter()
        .find(|head| head.task.0 == "10")
        .unwrap();
    assert_eq!(
        (head.gpu_type.as_deref(), head.empty, head.memory),
        (Some("A"), false, Bytes(3 << 30))
    );
    assert_eq!(machine.verdict(), None);
}

#[test]
fn a_task_has_the_retries_it_asked_for_and_waits_between_them() {
    let mut machine = machine();
    add(&mut machine, 1, serde_json::json!({"command": "x", "retries": 1}));
    place(&mut machine, 1, 1);
    end(&mut machine, 1, Outcome::Exited { code: 1 }, 2);
    let id = TaskId("1".into());
    assert_eq!(machine.task(&id).unwrap().state, TaskState::Retrying);
    assert!(matches!(machine.reason(&id, now(3)), Some(Reason::RetryDelay { .. })));
    assert_eq!(heads(&mut machine, 9), ["1"], "the delay is over by then");
    place(&mut machine, 1, 20);
    end(&mut machine, 1, Outcome::Exited { code: 1 }, 21);
    assert_eq!(machine.task(&id).unwrap().state, TaskState::Failed);
    assert_eq!(adhoc_status(TaskState::Failed), AdhocStatus::Failed);
    machine.let_go(adhoc_queue(1));
    assert_eq!((machine.run().total_tasks, machine.run().failed_tasks), (0, 0));
}

#[test]
fn what_is_let_go_of_leaves_no_trace_and_what_is_changed_keeps_its_attempts() {
    let mut machine = machine();
    for id in 1..=3 {
        add(&mut machine, id, serde_json::json!({"command": "x"}));
    }
    place(&mut machine, 2, 5);
    machine.let_go(adhoc_queue(1));
    assert_eq!(
        (
            heads(&mut machine, 9),
            machine.run().pending_tasks,
            machine.run().running_tasks
        ),
        (vec!["3".into()], 1, 1)
    );
    let before = machine.task(&TaskId("2".into())).cloned();
    let changed = adhoc_task(
        TaskId("2".into()),
        &spec(serde_json::json!({"command": "x", "priority": 4})),
        before,
    );
    machine.take_up(adhoc_queue(2), changed, now(6));
    assert_eq!(machine.running().count(), 1);
    assert!(machine.task_of_attempt(&UniId("u2-5".into())).is_some());
    let stop = Event::TaskStopAsked {
        task_id: TaskId("2".into()),
    };
    assert_eq!(happens(&mut machine, stop, 7).len(), 1);
    end(&mut machine, 2, Outcome::Stopped, 8);
    let stopped = machine.task(&TaskId("2".into())).unwrap();
    assert_eq!(adhoc_status(stopped.state), AdhocStatus::Cancelled);
    let mut task = stopped.clone();
    again(&mut task);
    assert_eq!(
        (task.state, task.attempt, task.exit_code),
        (TaskState::Pending, 1, None)
    );
}

#[test]
fn an_intent_that_could_not_be_written_is_taken_back() {
    let mut machine = machine();
    add(&mut machine, 1, serde_json::json!({"command": "x"}));
    place(&mut machine, 1, 1);
    assert!(!machine.has_heads());
    let back = Event::NotLaunched {
        task_id: TaskId("1".into()),
    };
    happens(&mut machine, back, 2);
    let task = machine.task(&TaskId("1".into())).unwrap();
    assert_eq!(
        (task.state, task.attempt, task.live.is_none()),
        (TaskState::Pending, 0, true)
    );
    assert_eq!(heads(&mut machine, 9), ["1"]);
}

#[test]
fn a_reboot_lets_waits_go_on_by_the_wall_clock() {
    let mut machine = machine();
    add(&mut machine, 1, serde_json::json!({"command": "x", "retries": 3}));
    place(&mut machine, 1, 1);
    end(&mut machine, 1, Outcome::Lost, 100);
    let opened = Event::Opened {
        scheduler: identity("next"),
        by_person: false,
    };
    let at = Now {
        wall: now(102).wall,
        mono: Mono(50),
    };
    machine.apply(&Entry {
        seq: machine.run().seq + 1,
        at,
        event: opened,
    });
    assert_eq!(
        machine.next_gate(),
        Some(Mono(50 + 3000)),
        "two of the five seconds have passed"
    );
}

#[test]
fn reasons_are_told_by_demand() {
    let mut machine = machine();
    add(&mut machine, 1, serde_json::json!({"command": "x"}));
    add(&mut machine, 2, serde_json::json!({"command": "x", "gpu_type": "A"}));
    let demand = Demand::of_task(machine.task(&TaskId("2".into())).unwrap());
    let decided = Event::Decided {
        classes: vec![demand.because(Reason::TooBusy)],
        heads: Vec::new(),
        gpus_available: vec![0],
    };
    happens(&mut machine, decided, 3);
    assert_eq!(machine.reason(&TaskId("2".into()), now(4)), Some(Reason::TooBusy));
    assert_eq!(machine.reason(&TaskId("1".into()), now(4)), None);
}
