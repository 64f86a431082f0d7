//! A run brought in line with its edited command file. Old tasks and new blocks of a queue are paired: an edit must not rerun what
//! is done.
use std::collections::{BTreeSet, HashMap};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{Machine, QueuePlan, QueueState, Task, TaskPlan, TaskState, begin, machine::reset};
use crate::model::{Now, QueueId, TaskId};

impl Machine {
    /// Brings the run in line with its command file.
    pub(super) fn read_file(&mut self, plans: &[QueuePlan], now: Now) {
        for plan in plans {
            let queue = self
                .run
                .queues
                .entry(plan.id)
                .or_insert_with(|| begin::new_queue(plan.id));
            let pairs = align(&queue.processes, &plan.tasks);
            let mut old: Vec<Option<Task>> = std::mem::take(&mut queue.processes).into_iter().map(Some).collect();
            for (task, pair) in plan.tasks.iter().zip(pairs) {
                let kept = pair.and_then(|place| old[place].take()).map(|mut kept| {
                    // A block that comes back is to be run.
                    if kept.removed && kept.state == TaskState::Stopped {
                        reset(&mut kept);
                    }
                    (kept.memory_gb, kept.gpu_count, kept.removed) = (task.memory_gb, task.gpu_count, false);
                    kept
                });
                queue.processes.push(kept.unwrap_or_else(|| {
                    self.run.next_task += 1;
                    let id = TaskId(format!("{}-{}", self.run.task_seed, self.run.next_task));
                    begin::new_task(id, task)
                }));
            }
            queue.processes.extend(old.into_iter().flatten().filter_map(leave));
            // What failed may be gone, and what follows may be new.
            queue.state = QueueState::Waiting;
        }
        let named: BTreeSet<QueueId> = plans.iter().map(|plan| plan.id).collect();
        for (id, queue) in &mut self.run.queues {
            if !named.contains(id) {
                queue.processes = std::mem::take(&mut queue.processes)
                    .into_iter()
                    .filter_map(leave)
                    .collect();
            }
        }
        self.run.queues.retain(|_, queue| !queue.processes.is_empty());
        for queue in self.run.queues.values_mut() {
            for (index, task) in queue.processes.iter_mut().enumerate() {
                task.index = index as u32;
            }
        }
        self.settle_all(now);
    }
}

/// What becomes of a task whose block is gone: what never ran leaves; what runs, runs on; what ran is kept, marked.
fn leave(mut task: Task) -> Option<Task> {
    if task.attempt == 0 {
        return None;
    }
    // It waits no more: one that was to be tried again, and one that a resume or a retry had put back in the line.
    if matches!(task.state, TaskState::Retrying | TaskState::Pending) {
        task.state = TaskState::Stopped;
    }
    (task.gate, task.waiting_since, task.removed) = (None, None, true);
    Some(task)
}

/// For each new block, the place of the old task that it is, if any. Each old task is used at most once.
///
/// Three steps: the longest common subsequence of commands; then what was moved (equal commands left over on both
/// sides); then, where a task is to go and an equal one stays, the one that is still to be done stays.
pub(super) fn align(old: &[Task], new: &[TaskPlan]) -> Vec<Option<usize>> {
    let (old_keys, new_keys) = intern(old, new);
    let mut pairs: Vec<Option<usize>> = vec![None; new.len()];
    let mut taken = vec![false; old.len()];
    for op in capture_diff_slices(Algorithm::Myers, &old_keys, &new_keys) {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = op
        {
            for step in 0..len {
                pairs[new_index + step] = Some(old_index + step);
                taken[old_index + step] = true;
            }
        }
    }
    let mut left: HashMap<u32, Vec<usize>> = HashMap::new();
    for place in (0..old.len()).rev().filter(|&place| !taken[place]) {
        left.entry(old_keys[place]).or_default().push(place);
    }
    for (place, pair) in pairs.iter_mut().enumerate().filter(|(_, pair)| pair.is_none()) {
        *pair = left.get_mut(&new_keys[place]).and_then(Vec::pop);
    }
    // What is left now has no block. Urgent ones change places with less urgent equals that kept theirs.
    for (key, mut leavers) in left {
        leavers.sort_by_key(|&place| (urgency(&old[place]), std::cmp::Reverse(place)));
        for pair in (0..new.len()).filter(|&place| new_keys[place] == key) {
            let (Some(stayer), Some(&leaver)) = (pairs[pair], leavers.last()) else {
                continue;
            };
            if urgency(&old[leaver]) > urgency(&old[stayer]) {
                pairs[pair] = Some(leaver);
                leavers.pop();
            }
        }
    }
    pairs
}

/// Among equal tasks, the higher one keeps its block.
fn urgency(task: &Task) -> u8 {
    match task.state {
        TaskState::Pending | TaskState::Retrying => 2,
        TaskState::Running => 1,
        _ => 0,
    }
}

/// Commands as small numbers, equal for equal commands.
fn intern(old: &[Task], new: &[TaskPlan]) -> (Vec<u32>, Vec<u32>) {
    let mut numbers: HashMap<&[String], u32> = HashMap::new();
    let mut number = |commands| {
        let next = numbers.len() as u32;
        *numbers.entry(commands).or_insert(next)
    };
    let old = old.iter().map(|task| number(task.commands.as_slice())).collect();
    let new = new.iter().map(|task| number(task.commands.as_slice())).collect();
    (old, new)
}
