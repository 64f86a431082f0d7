//! A run as the client knows it: what its state files say, and whether its scheduler lives.
use gpuyard_core::{
    model::ConfigKey,
    queue::{Queue, Run, RunState, Task},
};
use serde::Serialize;

/// A run and whether its very scheduler lives.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct RunView {
    /// That scheduler lives on this host.
    pub(crate) running: bool,
    /// It belongs to another machine that shares this root: its state is as that one wrote it.
    pub(crate) elsewhere: bool,
    /// As in the state file, with reasons.
    #[serde(flatten)]
    pub(crate) run: Run,
}

impl RunView {
    /// Judges a run by whether its scheduler lives: without one, what is not over is interrupted.
    pub(crate) fn new(mut run: Run, running: bool, elsewhere: bool) -> RunView {
        if !running && !elsewhere && !run.state.is_over() {
            run.state = RunState::Interrupted;
        }
        RunView {
            running,
            elsewhere,
            run,
        }
    }

    /// Which command file's run it is.
    pub(crate) fn key(&self) -> ConfigKey {
        ConfigKey {
            mode: self.run.mode,
            index: self.run.config_index,
        }
    }

    /// All tasks, with their queues.
    pub(crate) fn tasks(&self) -> impl Iterator<Item = (&Queue, &Task)> {
        self.run
            .queues
            .values()
            .flat_map(|queue| queue.processes.iter().map(move |task| (queue, task)))
    }
}

/// Sorts the latest run of each command file to the front, and drops the others unless all are wanted.
/// `runs` may come in any order.
pub(crate) fn latest_first(mut runs: Vec<RunView>, all: bool) -> Vec<RunView> {
    // The one that runs is the latest, whatever the clock said; then by start.
    runs.sort_by(|a, b| {
        let order = |view: &RunView| (view.key(), !view.running);
        order(a)
            .cmp(&order(b))
            .then(b.run.started_at.cmp(&a.run.started_at))
            .then(b.run.run_id.cmp(&a.run.run_id))
    });
    if !all {
        runs.dedup_by_key(|view| view.key());
    }
    runs
}

#[cfg(test)]
pub(crate) mod samples {
    //! Runs made up for tests of what is shown.
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::{
        model::{ConfigKey, Mode, Mono, Now},
        queue::{Beginning, Entry, Event, Machine, QueuePlan, TaskPlan},
    };
    use serde_json::json;

    use super::*;

    /// 2026-11-23 14:00:00 UTC and so many seconds.
    pub(crate) fn at(seconds: i64) -> Now {
        let start: jiff::Timestamp = "2026-11-23T14:00:00Z".parse().unwrap();
        Now {
            wall: start + jiff::SignedDuration::from_secs(seconds),
            mono: Mono(1_000_000 + seconds as u64 * 1000),
        }
    }

    fn from_json<T: serde::de::DeserializeOwned>(value: serde_json::Value) -> T {
        serde_json::from_value(value).unwrap()
    }

    /// A machine over queues of tasks; each task is its GiB.
    pub(crate) fn machine(key: ConfigKey, queues: &[(u64, &[f64])]) -> Machine {
        let plans = queues.iter().map(|(id, tasks)| QueuePlan {
            id: gpuyard_core::model::QueueId(*id),
            tasks: tasks
                .iter()
                .enumerate()
                .map(|(at, gib)| TaskPlan {
                    commands: vec![format!("python train.py --fold {at}")],
                    gpu_count: 1,
                    memory_gb: *gib,
                })
                .collect(),
        });
        let beginning = Beginning {
            run_id: from_json(json!("run-1")),
            task_seed: "t".into(),
            node: from_json(json!({"machine_id": "m", "hostname": "box"})),
            owner: from_json(json!({"uid": 1000, "name": "lilei"})),
            scheduler: from_json(
                json!({"machine_id": "m", "boot_id": "b", "pid_ns": 1, "pid": 4321, "start_ticks": 7}),
            ),
            config: key,
            config_file: "/root/command/command_gpu.txt".into(),
            retry: Default::default(),
            on_failure: Default::default(),
            queues: plans.collect(),
        };
        Machine::begin(beginning, None, at(0))
    }

    /// Applies events, one a second.
    pub(crate) fn play(machine: &mut Machine, events: Vec<serde_json::Value>) {
        for event in events {
            let seq = machine.run().seq + 1;
            let event: Event = from_json(event);
            machine.apply(&Entry {
                seq,
                at: at(seq as i64),
                event,
            });
        }
    }

    /// A run on disk, whose scheduler is whoever is said, and which events can be added to.
    pub(crate) struct OnDisk {
        store: gpuyard_store::state::StateStore<Run, Entry>,
        pub(crate) machine: Machine,
    }

    impl OnDisk {
        /// Writes a run with this id and scheduler.
        pub(crate) fn create(
            root: &gpuyard_store::Root,
            id: &str,
            scheduler: gpuyard_core::model::ProcessIdentity,
        ) -> OnDisk {
            root.prepare().unwrap();
            let mut run = machine(
                ConfigKey {
                    mode: Mode::Single,
                    index: 0,
                },
                &[(1, &[1.0, 1.0])],
            )
            .run()
            .clone();
            run.run_id = gpuyard_core::model::RunId(id.into());
            run.node = gpuyard_exec::identity::node();
            run.pid = scheduler.pid;
            run.scheduler = Some(scheduler);
            let store = gpuyard_store::state::StateStore::create(&root.state_dir(), &mut run).unwrap();
            OnDisk {
                store,
                machine: Machine::new(run),
            }
        }

        /// Adds an event.
        pub(crate) fn add(&mut self, event: serde_json::Value) {
            let seq = self.machine.run().seq + 1;
            let entry = Entry {
                seq,
                at: at(seq as i64),
                event: from_json(event),
            };
            self.store.append(&entry, false).unwrap();
            self.machine.apply(&entry);
        }
    }

    /// A scheduler at work: queue 1 has one task done and one running, queue 2 waits for memory, queue 3 failed once.
    pub(crate) fn at_work() -> RunView {
        let mut machine = machine(
            ConfigKey {
                mode: Mode::Single,
                index: 0,
            },
            &[(1, &[20.0, 20.0, 20.0]), (2, &[40.0, 1.0]), (3, &[2.0])],
        );
        let place = |task: &str, gpu: u32| json!({"event": "placed", "task_id": task, "uni_id": format!("u-{task}-{gpu}"), "folder": "logs/tasks/x", "log_path": format!("logs/tasks/{task}/output.log"), "gpus": [{"index": gpu, "uuid": format!("GPU-{gpu}")}]});
        let end = |task: &str, code: i32| json!({"event": "ended", "task_id": task, "outcome": {"kind": "exited", "code": code}, "started_at": null, "finished_at": null, "peak_memory": null});
        play(
            &mut machine,
            vec![
                place("t-1", 0),
                place("t-6", 1),
                end("t-6", 3),
                end("t-1", 0),
                place("t-2", 0),
                json!({"event": "decided", "classes": [{"gpu_count": 1, "memory": 40u64 << 30, "reason": {"code": "NotEnoughMemory", "best_free": 24u64 << 30}}], "heads": [], "gpus_available": [0, 1]}),
            ],
        );
        RunView::new(machine.shown(gpuyard_core::model::Lang::En, at(7)), true, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_scheduler_a_run_is_interrupted() {
        let run = samples::at_work().run;
        assert_eq!(RunView::new(run.clone(), true, false).run.state, RunState::Running);
        assert_eq!(RunView::new(run.clone(), false, false).run.state, RunState::Interrupted);
        assert_eq!(
            RunView::new(run.clone(), false, true).run.state,
            RunState::Running,
            "another machine's to judge"
        );
        let over = Run {
            state: RunState::Completed,
            ..run
        };
        assert_eq!(RunView::new(over, false, false).run.state, RunState::Completed);
    }

    #[test]
    fn the_latest_run_of_each_command_file_is_shown() {
        let view = |id: &str, hour: i64, running| {
            let mut view = samples::at_work();
            view.run.run_id = gpuyard_core::model::RunId(id.into());
            view.run.started_at = samples::at(hour * 3600).wall;
            view.running = running;
            view
        };
        let runs = vec![view("a", 1, false), view("b", 3, false), view("c", 2, true)];
        let ids = |runs: Vec<RunView>| runs.into_iter().map(|view| view.run.run_id.0).collect::<Vec<_>>();
        assert_eq!(ids(latest_first(runs.clone(), false)), ["c"]);
        assert_eq!(ids(latest_first(runs, true)), ["c", "b", "a"]);
    }
}
