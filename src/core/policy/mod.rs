//! The decision: which waiting task goes on which GPUs, and why the others wait.
//!
//! A pure function of snapshot, rules, leases and waiting heads, one for both modes. Heads are taken in order; each is
//! put on the best GPUs that pass every check, and what it was promised counts at once for those after it. Nothing in
//! a decision ever gets easier: a placement or a hold only takes away. Hence a class of heads (same GPU count, same
//! memory) that failed once is never tried again, and reasons are told from how things stand at the end, which is also
//! what the next decision will see.
mod board;
mod card;
mod check;
mod hold;
mod rank;
mod reason;
mod request;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use board::Board;
pub use request::{Figures, Head, LeaseView, Order, Placement, Plan, Request, Warning};

use crate::model::{Amount, Bytes, GpuRef};

/// What a head asks for; heads of one class get one verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Class<'a> {
    /// GPUs, at least 1.
    count: usize,
    /// Memory on each.
    memory: Bytes,
    /// The only model that will do.
    gpu_type: Option<&'a str>,
    /// Empty ones only.
    empty: bool,
}

impl<'a> Class<'a> {
    fn of(head: &'a Head) -> Class<'a> {
        Class {
            count: head.gpu_count.max(1) as usize,
            memory: head.memory,
            gpu_type: head.gpu_type.as_deref(),
            empty: head.empty,
        }
    }
}

/// Decides for every head: placed, or waiting for a reason. The order of GPUs, leases and heads in the request does
/// not matter.
pub fn decide(request: &Request<'_>) -> Plan {
    let mut board = Board::new(request);
    let in_line = board.in_line;
    let mut place = Vec::new();
    let mut waiting = Vec::new();
    let mut failed = BTreeSet::new();
    let mut nothing_to_hold = BTreeSet::new();

    for (head, due) in request.in_order() {
        let class = Class::of(head);
        if !failed.contains(&class) {
            if let Some(chosen) = rank::choose(&board, class) {
                place.push(take(&mut board, head, &chosen));
                continue;
            }
            failed.insert(class);
        }
        let mut hold = None;
        if in_line {
            hold = hold::line_up(&mut board, class);
        } else if due && !nothing_to_hold.contains(&class) {
            hold = hold::keep(&mut board, class);
            if hold.is_none() {
                nothing_to_hold.insert(class);
            }
        }
        waiting.push((head, hold));
    }

    let mut told = BTreeMap::new();
    let wait = waiting
        .into_iter()
        .map(|(head, hold)| {
            let class = Class::of(head);
            let reason = match hold {
                // What it holds itself does not stand in its way: its reason is its own, at most one such head a GPU.
                Some(hold) => reason::of(&board, class, Some(hold)),
                None => told
                    .entry(class)
                    .or_insert_with(|| reason::of(&board, class, None))
                    .clone(),
            };
            (head.task.clone(), reason)
        })
        .collect();

    Plan {
        place,
        wait,
        figures: board.into_figures(),
    }
}

/// Puts a head on the chosen cards.
fn take(board: &mut Board<'_>, head: &Head, chosen: &[usize]) -> Placement {
    let memory = head.memory;
    let amount = if board.exclusive || head.empty {
        Amount::Whole { memory }
    } else {
        Amount::Memory { memory }
    };
    let expected: BTreeSet<_> = chosen
        .iter()
        .flat_map(|&i| board.cards[i].leases.iter().copied())
        .collect();
    let gpus = chosen
        .iter()
        .map(|&i| {
            let card = &mut board.cards[i];
            card.promise(amount);
            GpuRef {
                index: card.gpu.index,
                uuid: card.gpu.uuid.clone(),
            }
        })
        .collect();
    Placement {
        task: head.task.clone(),
        gpus,
        amount,
        expected: expected.into_iter().cloned().collect(),
    }
}
