//! Runs of this root as their files tell them, whether or not a daemon or scheduler lives.
use std::collections::BTreeSet;

use gpuyard_core::{
    model::{ConfigKey, Lang, RunId, TaskId},
    queue::{Entry, Machine, Queue, Run, Task},
};
use gpuyard_exec::identity;
use gpuyard_store::{
    Root, StoreError,
    state::{self, Follower},
};

use super::runs::RunView;
use crate::{
    cli::Target,
    failure::{Exit, Failure},
    output,
};

/// Which runs are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Of this command file only.
    pub(crate) key: Option<ConfigKey>,
    /// Earlier ones too.
    pub(crate) all: bool,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// In no order.
    pub(crate) runs: Vec<RunView>,
    /// State that cannot be read, in words that name the file.
    pub(crate) troubles: Vec<String>,
}

/// Reads runs. Of each command file only the last one is read, unless all are wanted: ended runs may hold thousands of
/// tasks each.
pub(crate) fn read(root: &Root, wanted: Wanted, lang: Lang) -> Result<Found, Failure> {
    let mut found = Found::default();
    let mut done = BTreeSet::new();
    let listed = state::list(&root.state_dir()).map_err(Failure::failed)?;
    // Ids sort by time within a command file: from the last one back.
    for listed in listed.into_iter().rev().filter(|listed| listed.has_snapshot) {
        let group = group(&listed.run_id);
        let other = wanted
            .key
            .is_some_and(|key| group.as_deref().is_some_and(|group| group != key.to_string()));
        let older = !wanted.all && group.as_ref().is_some_and(|group| done.contains(group));
        if other || older {
            continue;
        }
        match view(root, &listed.run_id, lang) {
            Ok(view) => {
                if wanted.key.is_none_or(|key| key == view.key()) {
                    found.runs.push(view);
                }
                done.extend(group);
            }
            Err(error) => found.troubles.push(error.to_string()),
        }
    }
    Ok(found)
}

/// The command file that a run's id names: what stands before its time.
fn group(run: &RunId) -> Option<String> {
    run.as_str().split_once('-').map(|(group, _)| group.to_owned())
}

/// Reads one run.
pub(crate) fn view(root: &Root, run: &RunId, lang: Lang) -> Result<RunView, StoreError> {
    let loaded = state::load::<Run, Entry>(&root.state_dir(), run)?;
    let mut machine = Machine::new(loaded.snapshot);
    for entry in &loaded.events {
        machine.apply(entry);
    }
    Ok(judge(&machine, lang))
}

/// A run as it is shown, judged by whether its scheduler lives.
fn judge(machine: &Machine, lang: Lang) -> RunView {
    let run = machine.shown(lang, output::now());
    let space = run.scheduler.as_ref().map(|scheduler| &scheduler.space);
    let own = identity::pid_space();
    // Of another machine, or of another container on this one, no pid can be asked after.
    let elsewhere = run.node.machine_id != own.machine_id
        || space.is_some_and(|space| space.boot_id == own.boot_id && space.pid_ns != own.pid_ns);
    let running = !run.state.is_over() && !elsewhere && run.scheduler.as_ref().is_some_and(identity::is_alive);
    RunView::new(run, running, elsewhere)
}

/// A run that is followed while its scheduler writes it.
pub(crate) struct Followed {
    follower: Follower<Run, Entry>,
    machine: Option<Machine>,
    lang: Lang,
}

impl Followed {
    /// Follows a run.
    pub(crate) fn new(root: &Root, run: &RunId, lang: Lang) -> Followed {
        Followed {
            follower: Follower::new(&root.state_dir(), run),
            machine: None,
            lang,
        }
    }

    /// Takes in what is new.
    pub(crate) fn look(&mut self) -> Result<(), Failure> {
        let update = self.follower.poll().map_err(Failure::failed)?;
        if let Some(snapshot) = update.snapshot {
            self.machine = Some(Machine::new(snapshot));
        }
        if let Some(machine) = &mut self.machine {
            for entry in &update.events {
                machine.apply(entry);
            }
        }
        Ok(())
    }

    /// A task, as it stands. Costs little, whatever the run's size.
    pub(crate) fn task(&self, id: &TaskId) -> Option<&Task> {
        self.machine.as_ref()?.task(id)
    }

    /// The whole run, as it is shown.
    pub(crate) fn view(&self) -> Option<RunView> {
        self.machine.as_ref().map(|machine| judge(machine, self.lang))
    }

    /// Whether somebody is there who may still change it.
    pub(crate) fn is_attended(&self) -> bool {
        self.machine.as_ref().is_some_and(|machine| {
            let run = machine.run();
            !run.state.is_over() && run.scheduler.as_ref().is_some_and(identity::is_alive)
        })
    }
}

/// The task that was asked about, in the run that has it. Of a queue: what runs, else what ran last.
pub(crate) fn find_task<'a>(
    runs: &'a [RunView],
    target: &Target,
    lang: Lang,
) -> Result<(&'a RunView, &'a Queue, &'a Task), Failure> {
    let not_found = |message: String| Failure::new(Exit::NotFound, message);
    let latest = |key: &ConfigKey| {
        runs.iter().find(|view| view.key() == *key).ok_or_else(|| {
            let (mode, index) = (key.mode, key.index);
            not_found(say!(
                lang,
                "{mode} {index} has not run yet",
                "{mode} {index} 尚未运行过"
            ))
        })
    };
    let in_queue = |key: &ConfigKey, id| {
        let view = latest(key)?;
        let queue = view.run.queues.get(id).ok_or_else(|| {
            let known = view
                .run
                .queues
                .keys()
                .take(10)
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ");
            not_found(say!(
                lang,
                "there is no queue {id} in it; there are: {known}",
                "其中没有队列 {id}；已有：{known}"
            ))
        })?;
        Ok::<_, Failure>((view, queue))
    };
    match target {
        Target::Task(id) => {
            let found = runs.iter().find_map(|view| {
                let (queue, task) = view.tasks().find(|(_, task)| task.task_id == *id)?;
                Some((view, queue, task))
            });
            found.ok_or_else(|| {
                not_found(say!(
                    lang,
                    "there is no task `{id}`; `gpuyard status MODE INDEX` lists their ids",
                    "没有任务 `{id}`；用 `gpuyard status 模式 序号` 查看任务 ID"
                ))
            })
        }
        Target::Place(key, queue_id, index) => {
            let (view, queue) = in_queue(key, queue_id)?;
            let task = queue.processes.get(*index as usize).ok_or_else(|| {
                let count = queue.processes.len();
                not_found(say!(
                    lang,
                    "queue {queue_id} has {count} tasks, counted from 0",
                    "队列 {queue_id} 有 {count} 个任务，序号从 0 开始"
                ))
            })?;
            Ok((view, queue, task))
        }
        Target::Queue(key, queue_id) => {
            let (view, queue) = in_queue(key, queue_id)?;
            let running = queue.processes.iter().find(|task| task.live.is_some());
            let last = || {
                queue
                    .processes
                    .iter()
                    .filter(|task| task.attempt > 0)
                    .max_by_key(|task| task.started_at)
            };
            let task = running.or_else(last).or_else(|| queue.processes.first());
            let task =
                task.ok_or_else(|| not_found(say!(lang, "queue {queue_id} has no tasks", "队列 {queue_id} 没有任务")))?;
            Ok((view, queue, task))
        }
        Target::All | Target::Config(_) | Target::Tasks | Target::Adhoc(_) => {
            Err(not_found(lang.pick("name a task", "请指定任务").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use gpuyard_core::model::{Mode, QueueId};
    use serde_json::json;

    use super::*;
    use crate::client::runs::samples::{OnDisk, at_work};

    #[test]
    fn a_task_is_found_by_id_by_place_and_by_queue() {
        let runs = [at_work()];
        let key = ConfigKey {
            mode: Mode::Single,
            index: 0,
        };
        let id = |target| find_task(&runs, &target, Lang::En).map(|(_, _, task)| task.task_id.0.clone());
        assert_eq!(id(Target::Task(TaskId("t-3".into()))).unwrap(), "t-3");
        assert_eq!(id(Target::Place(key, QueueId(2), 1)).unwrap(), "t-5");
        assert_eq!(id(Target::Queue(key, QueueId(1))).unwrap(), "t-2", "the one at work");
        assert_eq!(
            id(Target::Queue(key, QueueId(2))).unwrap(),
            "t-4",
            "none has run: the first"
        );
        assert_eq!(id(Target::Queue(key, QueueId(3))).unwrap(), "t-6");
        let other = ConfigKey {
            mode: Mode::Multi,
            index: 0,
        };
        for (target, part) in [
            (Target::Task(TaskId("x".into())), "no task `x`"),
            (Target::Queue(other, QueueId(1)), "multi 0 has not run yet"),
            (Target::Queue(key, QueueId(9)), "there are: 1, 2, 3"),
            (Target::Place(key, QueueId(1), 3), "has 3 tasks"),
        ] {
            let failure = id(target).unwrap_err();
            assert!(failure.message.contains(part), "{}", failure.message);
            assert_eq!(failure.exit, Exit::NotFound);
        }
    }

    #[test]
    fn the_last_run_is_read_and_judged_by_its_scheduler() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let me = identity::identity(std::process::id() as i32).unwrap();
        let stranger = gpuyard_core::model::ProcessIdentity {
            start_ticks: me.start_ticks + 1,
            ..me.clone()
        };
        let _old = OnDisk::create(&root, "single_0-20260101T000000-aaaaaa", stranger);
        let mut new = OnDisk::create(&root, "single_0-20260102T000000-aaaaaa", me);
        new.add(json!({"event": "troubled", "message": "the disk is full"}));
        std::fs::write(root.state_dir().join("multi_0-20260101T000000-bbbbbb.json"), "{").unwrap();
        let wanted = |all| read(&root, Wanted { key: None, all }, Lang::En).unwrap();
        let found = wanted(false);
        assert_eq!(found.runs.len(), 1);
        assert!(found.runs[0].running);
        assert_eq!(
            found.runs[0].run.last_error.as_deref(),
            Some("the disk is full"),
            "from the journal"
        );
        assert!(
            found.troubles[0].contains("multi_0-20260101T000000-bbbbbb.json"),
            "{:?}",
            found.troubles
        );
        let all = wanted(true).runs;
        assert_eq!(all.len(), 2);
        assert!(
            !all[1].running && all[1].run.state == gpuyard_core::queue::RunState::Interrupted,
            "its pid is another's now"
        );
        let key = Some(ConfigKey {
            mode: Mode::Multi,
            index: 0,
        });
        assert_eq!(read(&root, Wanted { key, all: true }, Lang::En).unwrap().runs.len(), 0);
    }
}
