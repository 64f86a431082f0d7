//! Tests of the machine: by example, and by generated histories.
#![allow(clippy::unwrap_used)]
mod edits;
mod properties;

use super::*;
use crate::{model::*, wire::StopKind};

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
        pid: 100,
        start_ticks: 1,
    }
}

fn plan(id: u64, commands: &[&str]) -> QueuePlan {
    let task = |command: &&str| TaskPlan {
        commands: vec![(*command).into()],
        gpu_count: 1,
        memory_gb: 1.0,
    };
    QueuePlan {
        id: QueueId(id),
        tasks: commands.iter().map(task).collect(),
    }
}

/// A run under test, with its journal.
struct Story {
    machine: Machine,
    first: Run,
    entries: Vec<Entry>,
    second: u64,
    attempts: u32,
}

impl Story {
    fn new(queues: &[QueuePlan]) -> Story {
        Story::after(queues, None)
    }

    fn after(queues: &[QueuePlan], earlier: Option<&Run>) -> Story {
        let beginning = Beginning {
            run_id: RunId("r".into()),
            task_seed: if earlier.is_some() { "s" } else { "t" }.into(),
            node: Node {
                machine_id: "m".into(),
                hostname: "h".into(),
            },
            owner: Owner {
                uid: 1,
                name: "u".into(),
            },
            scheduler: identity("boot"),
            config: ConfigKey {
                mode: Mode::Single,
                index: 0,
            },
            config_file: "/c".into(),
            retry: RetryConfig {
                max_retries: 5,
                ..Default::default()
            },
            on_failure: OnFailure::Stop,
            queues: queues.to_vec(),
        };
        let machine = Machine::begin(beginning, earlier, now(0));
        Story {
            first: machine.run().clone(),
            machine,
            entries: Vec::new(),
            second: 0,
            attempts: 0,
        }
    }

    fn happens(&mut self, event: Event) -> Vec<Effect> {
        let entry = Entry {
            seq: self.entries.len() as u64 + 1,
            at: now(self.second),
            event,
        };
        let effects = self.machine.apply(&entry);
        self.entries.push(entry);
        effects
    }

    fn file(&mut self, queues: &[QueuePlan]) {
        self.happens(Event::FileRead {
            queues: queues.to_vec(),
        });
    }

    fn heads(&mut self) -> Vec<TaskId> {
        let now = now(self.second);
        self.machine
            .heads(now, usize::MAX)
            .into_iter()
            .map(|head| head.task)
            .collect()
    }

    fn start(&mut self, task: &TaskId) {
        self.attempts += 1;
        let n = self.attempts;
        self.happens(Event::Placed {
            task_id: task.clone(),
            uni_id: UniId(format!("a{n}")),
            folder: format!("logs/tasks/{n}"),
            log_path: format!("logs/tasks/{n}/output.log"),
            gpus: vec![GpuRef {
                index: n,
                uuid: GpuUuid(format!("GPU-{n}")),
            }],
        });
    }

    fn end(&mut self, task: &TaskId, outcome: Outcome) {
        let task_id = task.clone();
        self.happens(Event::Ended {
            task_id,
            outcome,
            started_at: None,
            finished_at: None,
            peak_memory: None,
        });
    }

    fn run_head(&mut self, outcome: Outcome) -> TaskId {
        let head = self.heads().first().cloned().expect("a head waits");
        self.start(&head);
        self.end(&head, outcome);
        head
    }

    fn state(&self, task: &TaskId) -> TaskState {
        self.machine.task(task).unwrap().state
    }

    fn ids(&self, queue: u64) -> Vec<TaskId> {
        let queue = &self.machine.run().queues[&QueueId(queue)];
        queue.processes.iter().map(|task| task.task_id.clone()).collect()
    }
}

const OK: Outcome = Outcome::Exited { code: 0 };
const BAD: Outcome = Outcome::Exited { code: 3 };

#[test]
fn a_queue_runs_its_tasks_in_order_and_completes() {
    let mut story = Story::new(&[plan(1, &["a", "b"]), plan(2, &["c"])]);
    assert_eq!(story.heads().len(), 2, "queues run side by side");
    let first = story.heads()[0].clone();
    story.start(&first);
    assert_eq!(story.heads().len(), 1, "inside a queue one runs at a time");
    story.end(&first, OK);
    story.run_head(OK);
    story.run_head(OK);
    assert_eq!(story.machine.verdict(), Some(RunState::Completed));
    assert_eq!(story.machine.run().completed_tasks, 3);
}

#[test]
fn a_failure_is_retried_then_backs_off_then_fails() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let task = story.ids(1)[0].clone();
    for (retry, wait) in [5, 5, 600, 5, 5].into_iter().enumerate() {
        assert_eq!(story.run_head(BAD), task);
        assert_eq!(story.state(&task), TaskState::Retrying, "retry {retry}");
        let gate = story.machine.task(&task).unwrap().gate.clone().unwrap();
        assert_eq!(gate.backing_off, wait == 600, "retry {retry}");
        assert!(story.heads().is_empty(), "it waits");
        let code = story.machine.reason(&task, now(story.second)).unwrap();
        assert_eq!(code.code(), if wait == 600 { "BackingOff" } else { "RetryDelay" });
        assert_eq!(story.machine.next_gate(), Some(now(story.second + wait).mono));
        story.second += wait;
    }
    story.run_head(BAD);
    assert_eq!(story.state(&task), TaskState::Failed);
    assert!(story.heads().is_empty(), "a failed task ends its queue");
    assert_eq!(story.machine.verdict(), Some(RunState::Failed));
}

#[test]
fn a_full_disk_is_no_failure_of_a_task_and_is_waited_for() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let task = story.ids(1)[0].clone();
    let retry = RetryConfig {
        max_retries: 0,
        retry_delay: crate::model::Seconds(0.0),
        ..Default::default()
    };
    story.happens(Event::RulesRead {
        retry,
        on_failure: OnFailure::Stop,
    });
    let full = Outcome::NotStarted {
        message: "No space left on device".into(),
        disk_full: true,
    };
    for _ in 0..9 {
        assert_eq!(story.run_head(full.clone()), task);
        assert_eq!(story.state(&task), TaskState::Retrying);
        assert_eq!(story.machine.task(&task).unwrap().retry_count, 0);
        assert!(story.heads().is_empty(), "not at once, whatever the rules say");
        story.second += 1;
    }
    let failed = Outcome::NotStarted {
        message: "no bash".into(),
        disk_full: false,
    };
    story.run_head(failed);
    assert_eq!(story.state(&task), TaskState::Failed);
}

#[test]
fn with_continue_the_next_task_runs_after_a_failure() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let retry = RetryConfig {
        max_retries: 0,
        ..Default::default()
    };
    story.happens(Event::RulesRead {
        retry,
        on_failure: OnFailure::Continue,
    });
    let ids = story.ids(1);
    story.run_head(BAD);
    assert_eq!(story.heads(), [ids[1].clone()]);
    story.run_head(OK);
    assert_eq!(story.machine.verdict(), Some(RunState::Failed));
    assert_eq!(story.machine.run().queues[&QueueId(1)].state, QueueState::Failed);
}

#[test]
fn a_stopped_task_is_stopped_even_if_it_exits_0() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let task = story.ids(1)[0].clone();
    story.start(&task);
    let effects = story.happens(Event::TaskStopAsked { task_id: task.clone() });
    assert_eq!(
        effects,
        [Effect::StopAttempt {
            uni_id: UniId("a1".into())
        }]
    );
    // What its runner says of one that exits 0 on its way to the end.
    story.end(&task, Outcome::Stopped);
    assert_eq!(story.state(&task), TaskState::Stopped);
    assert_eq!(story.machine.run().queues[&QueueId(1)].state, QueueState::Stopped);
    // Passed over, the queue goes on.
    story.happens(Event::SkipAsked { task_id: task });
    assert_eq!(story.heads(), [story.ids(1)[1].clone()]);
}

/// The stop came too late: its runner says that it came to its end by itself. Stopped, it would be run again.
#[test]
fn a_task_that_was_done_before_the_stop_reached_it_is_done() {
    let mut story = Story::new(&[plan(1, &["a"])]);
    let task = story.ids(1)[0].clone();
    story.start(&task);
    story.happens(Event::TaskStopAsked { task_id: task.clone() });
    story.end(&task, OK);
    assert_eq!(story.state(&task), TaskState::Completed);
    // Where it failed by itself, it is not tried again all the same.
    let mut story = Story::new(&[plan(1, &["a"])]);
    let task = story.ids(1)[0].clone();
    story.start(&task);
    story.happens(Event::TaskStopAsked { task_id: task.clone() });
    story.end(&task, Outcome::Exited { code: 3 });
    assert_eq!(story.state(&task), TaskState::Stopped);
}

/// What a person says of one task changes nothing for the heads of other queues, and does not end the run.
#[test]
fn a_word_on_one_task_leaves_other_queues_waiting() {
    let words = [
        |task_id| Event::SkipAsked { task_id },
        |task_id| Event::TaskStopAsked { task_id },
        |task_id| Event::RetryAsked { task_id },
    ];
    for word in words {
        let mut story = Story::new(&[plan(1, &["a"]), plan(2, &["b"]), plan(3, &["c"])]);
        let [a, b, c] = [1, 2, 3].map(|queue| story.ids(queue).remove(0));
        story.start(&a);
        story.end(&a, BAD);
        story.happens(word(a.clone()));
        let heads = story.heads();
        assert!(heads.contains(&b) && heads.contains(&c), "{heads:?}");
        assert_eq!(story.machine.verdict(), None, "two queues have work left");
    }
}

#[test]
fn stop_ends_all_and_a_person_may_resume() {
    let mut story = Story::new(&[plan(1, &["a", "b"]), plan(2, &["c"])]);
    let (a, c) = (story.ids(1)[0].clone(), story.ids(2)[0].clone());
    story.start(&a);
    story.start(&c);
    story.end(&c, OK);
    assert_eq!(story.happens(Event::StopAsked { kind: StopKind::Stop }).len(), 1);
    assert_eq!(story.machine.verdict(), None, "one still runs");
    story.end(
        &a,
        Outcome::Signaled {
            signal: 15,
            out_of_memory: false,
        },
    );
    assert_eq!(story.machine.verdict(), Some(RunState::Stopped));
    story.happens(Event::Closed {
        state: RunState::Stopped,
    });
    story.happens(Event::Opened {
        scheduler: identity("boot"),
        by_person: true,
    });
    assert_eq!(
        story.heads(),
        [a],
        "what was stopped runs again, what completed does not"
    );
}

#[test]
fn a_drained_run_starts_nothing_more() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let a = story.ids(1)[0].clone();
    story.start(&a);
    story.happens(Event::StopAsked { kind: StopKind::Drain });
    story.end(&a, OK);
    assert!(story.heads().is_empty());
    assert_eq!(story.machine.verdict(), Some(RunState::Stopped));
}

#[test]
fn a_fresh_run_takes_back_what_still_runs() {
    let mut story = Story::new(&[plan(1, &["a", "b", "c"])]);
    let a = story.run_head(OK);
    let b = story.heads()[0].clone();
    story.start(&b);
    let earlier = story.machine.run().clone();
    let fresh = Story::after(&[plan(1, &["a", "b"])], Some(&earlier));
    assert_eq!(fresh.state(&b), TaskState::Running);
    assert_eq!(fresh.ids(1)[1], b);
    assert!(
        fresh.machine.task(&a).is_none(),
        "what was done is pending again, under a new id"
    );
    assert_eq!(fresh.machine.run().pending_tasks, 1);
    assert_eq!(fresh.machine.task_of_attempt(&UniId("a2".into())).unwrap().task_id, b);
}

#[test]
fn a_reboot_neither_skips_nor_stretches_a_back_off() {
    let mut story = Story::new(&[plan(1, &["a"])]);
    for _ in 0..3 {
        story.run_head(BAD);
        story.second += 5;
    }
    let task = story.ids(1)[0].clone();
    // 100 s into a back-off of 600 s (begun 5 s ago) the host comes back: uptime 20 s.
    let wall = now(story.second + 95).wall;
    let at = Now {
        wall,
        mono: Mono(20_000),
    };
    let seq = story.entries.len() as u64 + 1;
    let event = Event::Opened {
        scheduler: identity("another boot"),
        by_person: false,
    };
    story.machine.apply(&Entry {
        seq,
        at,
        event: event.clone(),
    });
    assert_eq!(story.machine.next_gate(), Some(Mono(20_000 + 500_000)));
    // A clock that was set back a day does not make it longer than it was.
    let at = Now {
        wall: now(0).wall - jiff::SignedDuration::from_hours(24),
        mono: Mono(0),
    };
    story.machine.run.boot_id = "yet another".into();
    story.machine.apply(&Entry {
        seq: seq + 1,
        at,
        event,
    });
    assert_eq!(story.machine.next_gate(), Some(Mono(600_000)));
    assert_eq!(story.machine.reason(&task, at).unwrap().code(), "BackingOff");
}

#[test]
fn reasons_are_shown_for_all_that_wait() {
    let mut story = Story::new(&[plan(1, &["a", "b"]), plan(2, &["c"])]);
    let class = ClassReason {
        gpu_count: 1,
        memory: Bytes::GIB,
        reason: Reason::GpuHeldByOwnTask,
        gpu_type: None,
        empty: false,
    };
    story.happens(Event::Decided {
        classes: vec![class],
        heads: Vec::new(),
        gpus_available: vec![0],
    });
    let run = story.machine.shown(Lang::En, now(0));
    let codes: Vec<&str> = run
        .queues
        .values()
        .flat_map(|queue| &queue.processes)
        .map(|task| task.reason.as_ref().unwrap().reason.code())
        .collect();
    assert_eq!(codes, ["GpuHeldByOwnTask", "QueueBusy", "GpuHeldByOwnTask"]);
}

#[test]
fn refusals_say_why() {
    let mut story = Story::new(&[plan(1, &["a"])]);
    let a = story.ids(1)[0].clone();
    let stop = Event::TaskStopAsked { task_id: a.clone() };
    assert!(matches!(story.machine.check(&stop), Err(Refusal::Conflict(_))));
    assert!(matches!(
        story.machine.check(&Event::RetryAsked { task_id: a.clone() }),
        Err(Refusal::Conflict(_))
    ));
    let unknown = Event::SkipAsked {
        task_id: TaskId("?".into()),
    };
    assert_eq!(story.machine.check(&unknown), Err(Refusal::NotFound));
    story.start(&a);
    assert_eq!(story.machine.check(&stop), Ok(()));
}

#[test]
fn the_state_file_brings_the_machine_back() {
    let mut story = Story::new(&[plan(1, &["a", "b"]), plan(2, &["c"])]);
    story.run_head(BAD);
    let text = serde_json::to_string(&story.machine.shown(Lang::En, now(1))).unwrap();
    let run: Run = serde_json::from_str(&text).unwrap();
    let mut again = Machine::new(run);
    assert_eq!(again.next_gate(), story.machine.next_gate());
    assert_eq!(again.heads(now(1), 9), story.machine.heads(now(1), 9));
}
