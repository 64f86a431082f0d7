//! Whatever happens in whatever order: what must hold of a machine.
use proptest::prelude::*;

use super::*;

/// What a generated history is made of; numbers pick among what is there.
#[derive(Clone, Debug)]
enum Step {
    Start(usize),
    End(usize, u8),
    Edit(Vec<(u64, Vec<u8>)>),
    Stop(StopKind),
    Ask(u8, usize),
    Reopen(bool),
    Rules(bool),
    Wait(u64),
    Unplace(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let queues = prop::collection::vec((1..4u64, prop::collection::vec(0..4u8, 0..6)), 0..4);
    prop_oneof![
        6 => (0..8usize).prop_map(Step::Start),
        6 => (0..8usize, 0..5u8).prop_map(|(n, outcome)| Step::End(n, outcome)),
        2 => queues.prop_map(Step::Edit),
        1 => prop_oneof![Just(StopKind::Stop), Just(StopKind::Drain)].prop_map(Step::Stop),
        2 => (0..3u8, 0..12usize).prop_map(|(ask, n)| Step::Ask(ask, n)),
        1 => any::<bool>().prop_map(Step::Reopen),
        1 => any::<bool>().prop_map(Step::Rules),
        1 => (0..8usize).prop_map(Step::Unplace),
        2 => (0..700u64).prop_map(Step::Wait),
    ]
}

fn plans(queues: &[(u64, Vec<u8>)]) -> Vec<QueuePlan> {
    let mut seen = std::collections::BTreeMap::new();
    for (id, commands) in queues.iter().filter(|(_, commands)| !commands.is_empty()) {
        let names: Vec<String> = commands.iter().map(|c| format!("c{c}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        seen.insert(*id, plan(*id, &names));
    }
    seen.into_values().collect()
}

impl Story {
    fn take(&mut self, step: Step) {
        let running: Vec<TaskId> = self.machine.running().map(|task| task.task_id.clone()).collect();
        let all: Vec<TaskId> = self
            .machine
            .places
            .keys()
            .cloned()
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect();
        match step {
            Step::Start(n) => {
                let heads = self.heads();
                if !heads.is_empty() {
                    self.start(&heads[n % heads.len()].clone());
                }
            }
            Step::End(n, outcome) if !running.is_empty() => {
                let outcome = match outcome {
                    0 | 1 => OK,
                    2 => BAD,
                    3 => Outcome::Lost,
                    _ => Outcome::Stopped,
                };
                self.end(&running[n % running.len()].clone(), outcome);
            }
            Step::Edit(queues) => self.file(&plans(&queues)),
            Step::Stop(kind) => drop(self.happens(Event::StopAsked { kind })),
            Step::Ask(ask, n) if !all.is_empty() => {
                let task_id = all[n % all.len()].clone();
                let event = match ask {
                    0 => Event::RetryAsked { task_id },
                    1 => Event::SkipAsked { task_id },
                    _ => Event::TaskStopAsked { task_id },
                };
                if self.machine.check(&event).is_ok() {
                    self.happens(event);
                }
            }
            Step::Reopen(by_person) => drop(self.happens(Event::Opened {
                scheduler: identity("boot"),
                by_person,
            })),
            Step::Rules(go_on) => {
                let on_failure = if go_on { OnFailure::Continue } else { OnFailure::Stop };
                let retry = RetryConfig {
                    max_retries: 2,
                    ..Default::default()
                };
                drop(self.happens(Event::RulesRead { retry, on_failure }));
            }
            Step::Wait(seconds) => self.second += seconds,
            Step::Unplace(n) if !running.is_empty() => {
                let task_id = running[n % running.len()].clone();
                drop(self.happens(Event::NotLaunched { task_id }));
            }
            Step::End(..) | Step::Ask(..) | Step::Unplace(_) => {}
        }
    }

    fn check(&mut self) {
        let now = now(self.second);
        let heads = self.heads();
        let run = self.machine.run();
        let count = |state: &dyn Fn(TaskState) -> bool| {
            run.queues
                .values()
                .flat_map(|q| &q.processes)
                .filter(|t| state(t.state))
                .count() as u32
        };
        assert_eq!(run.running_tasks, count(&|s| s == TaskState::Running));
        assert_eq!(
            run.pending_tasks,
            count(&|s| matches!(s, TaskState::Pending | TaskState::Retrying))
        );
        assert_eq!(
            run.completed_tasks,
            count(&|s| matches!(s, TaskState::Completed | TaskState::Skipped))
        );
        assert_eq!(run.failed_tasks, count(&|s| s == TaskState::Failed));
        assert_eq!(run.total_tasks, count(&|_| true));
        for queue in run.queues.values() {
            let live: Vec<&Task> = queue.processes.iter().filter(|task| task.live.is_some()).collect();
            assert!(live.len() <= 1, "one task of a queue runs at a time");
            for task in &queue.processes {
                assert_eq!(task.live.is_some(), task.state == TaskState::Running);
            }
            let waits: Vec<&Task> = queue
                .processes
                .iter()
                .filter(|task| heads.contains(&task.task_id))
                .collect();
            assert!(
                waits.len() + live.len() <= 1,
                "a queue has one head, and none while it is busy"
            );
            if let Some(head) = waits.first() {
                let before = queue.processes.iter().take_while(|task| task.task_id != head.task_id);
                assert!(
                    before.into_iter().all(|task| task.removed || task.state.is_over()),
                    "order is kept"
                );
            }
        }
        let working = matches!(run.state, RunState::Running);
        if working {
            let someone = run.running_tasks > 0 || !heads.is_empty() || self.machine.next_gate().is_some();
            assert_eq!(
                self.machine.verdict().is_none(),
                someone,
                "a run is over when nothing of it is to do, and not before"
            );
            for (id, queue) in &run.queues {
                let next = queue
                    .processes
                    .iter()
                    .find(|task| !task.removed && !task.state.is_over());
                let stands = matches!(queue.state, QueueState::Waiting);
                assert!(
                    !stands || next.is_some() && self.machine.waiting.has_head(*id),
                    "a queue that waits has a head"
                );
            }
        }
        let shown = self.machine.shown(Lang::En, now);
        assert_eq!(
            shown.gpus_used.len() as u32,
            shown.running_tasks,
            "each attempt has a GPU of its own here"
        );
    }
}

proptest! {
    // A file of failures would lie in `src/`, where each folder is a crate.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn invariants_hold_and_replay_gives_the_same_run(
        start in prop::collection::vec((1..4u64, prop::collection::vec(0..4u8, 0..6)), 0..4),
        steps in prop::collection::vec(step(), 0..60),
        cut in 0..60usize,
    ) {
        let mut story = Story::new(&plans(&start));
        let mut snapshot = story.first.clone();
        for (n, step) in steps.into_iter().enumerate() {
            let done = story.machine.run().completed_tasks;
            let is_edit = matches!(step, Step::Edit(_) | Step::Ask(..));
            story.take(step);
            story.check();
            prop_assert!(is_edit || story.machine.run().completed_tasks >= done, "nothing done is undone");
            if n == cut {
                // Through the state file's own form.
                let text = serde_json::to_string(&story.machine.shown(Lang::Zh, now(story.second))).unwrap();
                snapshot = serde_json::from_str(&text).unwrap();
            }
        }
        for from in [story.first.clone(), snapshot] {
            let mut again = Machine::new(from);
            for entry in &story.entries {
                let text = serde_json::to_string(entry).unwrap();
                again.apply(&serde_json::from_str(&text).unwrap());
            }
            let at = now(story.second);
            prop_assert_eq!(again.shown(Lang::En, at), story.machine.shown(Lang::En, at));
            prop_assert_eq!(again.heads(at, 99), story.machine.heads(at, 99));
            prop_assert_eq!(again.next_gate(), story.machine.next_gate());
        }
    }
}
