//! Old tasks and new blocks of one queue, paired: an edit of a command file must not rerun what is done.
use std::collections::HashMap;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{Task, TaskPlan, TaskState};

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
