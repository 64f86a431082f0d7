//! Where each task of a command file is after an edit: for what is kept by a task's place, such as a log binding.
use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use super::align;
use crate::model::QueueId;

/// A task's place: its queue, and its number there, from 0.
pub type Place = (QueueId, u32);

/// The place of each old task in the new file; those that are not in it any more are missing. Tasks are told apart by what
/// stands for their commands.
///
/// In a queue, the order decides (a longest common subsequence). Between two tasks that stayed, as many new ones as there were
/// old ones are the old ones, edited. What is left over is looked for where it may have been moved to, in any queue.
pub fn follow<T: Eq + Hash + Clone>(
    old: &BTreeMap<QueueId, Vec<T>>,
    new: &BTreeMap<QueueId, Vec<T>>,
) -> BTreeMap<Place, Place> {
    let mut found = BTreeMap::new();
    let none = Vec::new();
    let mut taken: BTreeMap<QueueId, Vec<bool>> =
        new.iter().map(|(id, tasks)| (*id, vec![false; tasks.len()])).collect();
    let mut gaps = Vec::new();
    for (id, before) in old {
        let after = new.get(id).unwrap_or(&none);
        let (mut at_old, mut at_new) = (0, 0);
        let ends = align::common(before, after).into_iter().map(Some).chain([None]);
        for end in ends {
            let (old_end, new_end) = end.unwrap_or((before.len(), after.len()));
            if old_end > at_old && old_end - at_old == new_end - at_new {
                gaps.push((*id, at_old, at_new, old_end - at_old));
            }
            if end.is_some() {
                found.insert((*id, old_end as u32), (*id, new_end as u32));
                taken.entry(*id).or_default()[new_end] = true;
            }
            (at_old, at_new) = (old_end + 1, new_end + 1);
        }
    }
    moved(old, new, &mut found, &mut taken);
    for (id, from_old, from_new, length) in gaps {
        for step in 0..length {
            let place = (id, (from_old + step) as u32);
            let free = taken.get_mut(&id).and_then(|taken| taken.get_mut(from_new + step));
            if let (false, Some(taken @ false)) = (found.contains_key(&place), free) {
                *taken = true;
                found.insert(place, (id, (from_new + step) as u32));
            }
        }
    }
    found
}

/// Pairs equal tasks that are left over on both sides, those of one queue first.
fn moved<T: Eq + Hash + Clone>(
    old: &BTreeMap<QueueId, Vec<T>>,
    new: &BTreeMap<QueueId, Vec<T>>,
    found: &mut BTreeMap<Place, Place>,
    taken: &mut BTreeMap<QueueId, Vec<bool>>,
) {
    let mut left: HashMap<&T, Vec<Place>> = HashMap::new();
    for (id, tasks) in new.iter().rev() {
        for (number, task) in tasks.iter().enumerate().rev().filter(|(number, _)| !taken[id][*number]) {
            left.entry(task).or_default().push((*id, number as u32));
        }
    }
    for same_queue in [true, false] {
        for (id, tasks) in old {
            for (number, task) in tasks.iter().enumerate() {
                let place = (*id, number as u32);
                if found.contains_key(&place) {
                    continue;
                }
                let Some(free) = left.get_mut(task) else { continue };
                let Some(at) = free.iter().rposition(|(queue, _)| !same_queue || queue == id) else {
                    continue;
                };
                let to = free.remove(at);
                if let Some(taken) = taken.get_mut(&to.0) {
                    taken[to.1 as usize] = true;
                }
                found.insert(place, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(queues: &[(u64, &str)]) -> BTreeMap<QueueId, Vec<char>> {
        queues
            .iter()
            .map(|(id, tasks)| (QueueId(*id), tasks.chars().collect()))
            .collect()
    }

    fn moves(old: &[(u64, &str)], new: &[(u64, &str)]) -> Vec<((u64, u32), (u64, u32))> {
        let found = follow(&file(old), &file(new));
        found
            .into_iter()
            .map(|((q, n), (to, m))| ((q.0, n), (to.0, m)))
            .collect()
    }

    #[test]
    fn a_task_is_followed_where_it_goes() {
        assert_eq!(moves(&[(1, "ab")], &[(1, "xab")]), [((1, 0), (1, 1)), ((1, 1), (1, 2))]);
        assert_eq!(moves(&[(1, "abc")], &[(1, "ac")]), [((1, 0), (1, 0)), ((1, 2), (1, 1))]);
        assert_eq!(moves(&[(1, "ab")], &[(1, "ba")]), [((1, 0), (1, 1)), ((1, 1), (1, 0))]);
        assert_eq!(
            moves(&[(1, "ab")], &[(2, "b"), (3, "a")]),
            [((1, 0), (3, 0)), ((1, 1), (2, 0))]
        );
        assert_eq!(moves(&[(1, "a")], &[]), []);
    }

    #[test]
    fn a_task_whose_commands_were_edited_stays_the_one_between_its_neighbours() {
        assert_eq!(
            moves(&[(1, "abc")], &[(1, "aXc")]),
            [((1, 0), (1, 0)), ((1, 1), (1, 1)), ((1, 2), (1, 2))]
        );
        assert_eq!(moves(&[(1, "a")], &[(1, "X")]), [((1, 0), (1, 0))]);
        assert_eq!(moves(&[(1, "a")], &[(1, "XY")]), [], "nobody can tell which");
        // Taken out here, put in there: it was moved, and nothing was edited.
        assert_eq!(
            moves(&[(1, "ab"), (2, "c")], &[(1, "aX"), (2, "cb")]),
            [((1, 0), (1, 0)), ((1, 1), (2, 1)), ((2, 0), (2, 0))]
        );
    }

    #[test]
    fn no_place_is_given_twice() {
        for (old, new) in [("aab", "ab"), ("aaa", "baa"), ("abab", "bbaa"), ("abc", "cab")] {
            let found = moves(&[(1, old)], &[(1, new)]);
            let places: std::collections::BTreeSet<_> = found.iter().map(|(_, to)| *to).collect();
            assert_eq!(places.len(), found.len(), "{old} {new}: {found:?}");
        }
    }
}
