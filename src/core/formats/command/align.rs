//! Aligns two lists: which items of the old one are which of the new one.
use std::collections::HashMap;
use std::hash::Hash;

/// Above so many cells the exact table would cost more than it is worth, and a greedy match must do.
const MOST_CELLS: usize = 4_000_000;

/// Pairs (old, new) of equal items, both rising: a longest common subsequence, or nearly one for very long lists.
pub(super) fn common<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (old_rest, new_rest) = (&old[head..], &new[head..]);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old_mid, new_mid) = (&old_rest[..old_rest.len() - tail], &new_rest[..new_rest.len() - tail]);
    let middle = if old_mid.len().saturating_mul(new_mid.len()) <= MOST_CELLS {
        table(old_mid, new_mid)
    } else {
        greedy(old_mid, new_mid)
    };
    let mut pairs: Vec<_> = (0..head).map(|i| (i, i)).collect();
    pairs.extend(middle.into_iter().map(|(a, b)| (a + head, b + head)));
    pairs.extend((0..tail).rev().map(|i| (old.len() - 1 - i, new.len() - 1 - i)));
    pairs
}

fn table<T: Eq>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    // Length of the best common subsequence of what is left from (i, j) on.
    let mut best = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            best[i * width + j] = if old[i] == new[j] {
                best[(i + 1) * width + j + 1] + 1
            } else {
                best[(i + 1) * width + j].max(best[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old.len() && j < new.len() {
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * width + j] >= best[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// Takes each new item's next old twin, as long as that does not skip ahead of what came before.
fn greedy<T: Eq + Hash>(old: &[T], new: &[T]) -> Vec<(usize, usize)> {
    let mut places: HashMap<&T, Vec<usize>> = HashMap::new();
    for (i, item) in old.iter().enumerate() {
        places.entry(item).or_default().push(i);
    }
    let mut from = 0;
    let mut pairs = Vec::new();
    for (j, item) in new.iter().enumerate() {
        let Some(list) = places.get(item) else { continue };
        if let Some(&i) = list.get(list.partition_point(|&i| i < from)) {
            pairs.push((i, j));
            from = i + 1;
        }
    }
    pairs
}
