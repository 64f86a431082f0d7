//! `hold_after`: keeping GPUs for a task of several that has waited long, so that small ones cannot starve it.
//!
//! Its targets are kept from all other heads, and what it will need of the allowance is set aside. Fitting GPUs come
//! first among the targets, so that each one that falls free is gathered at the next decision; the others are those
//! that running tasks, not strangers, keep it from, so that waiting for them has an end.
use std::cmp::Reverse;

use super::{Class, board::Board, rank};
use crate::model::Bytes;

/// Keeps targets for a head that had to stay behind. `None` where there is nothing to keep: all is kept already, or no
/// amount of waiting would let it run.
pub(super) fn keep(board: &mut Board<'_>, class: Class) -> Option<usize> {
    if !may_ever_run(board, class) {
        return None;
    }
    let targets = targets(board, class);
    let budget = board.budget();
    let mut kept = rank::within_budget(board, targets.clone(), class.count, budget);
    let hold = board.holds.len();
    if hold == 0 && kept.len() < class.count {
        // Too few of the GPUs that the user holds would do: some must be let go of before others can be had. So the
        // first in line gets its targets beyond the budget, and nothing new starts on what is held besides.
        kept.extend(
            targets
                .into_iter()
                .filter(|i| !kept.contains(i))
                .take(class.count - kept.len())
                .collect::<Vec<_>>(),
        );
        kept.extend(
            (0..board.cards.len())
                .filter(|i| board.cards[*i].held && !kept.contains(i))
                .collect::<Vec<_>>(),
        );
    }
    if kept.is_empty() {
        return None;
    }
    board
        .holds
        .push(kept.iter().filter(|&&i| !board.cards[i].held).count() as u32);
    for i in kept {
        board.cards[i].kept_for = Some(hold);
    }
    Some(hold)
}

/// Whether GPUs and allowance would suffice if everything else went away. Lost GPUs do not come back by waiting:
/// keeping others free beside them would help nobody.
fn may_ever_run(board: &Board<'_>, class: Class) -> bool {
    let there = board.cards.iter().filter(|card| !card.lost());
    let fitting = there.clone().filter(|card| board.could_fit(card, class.memory)).count();
    fitting >= class.count && board.allowance_of(there.count()) >= class.count
}

/// Every card that it could run on some day and that nothing else is kept for, the soonest first.
fn targets(board: &Board<'_>, class: Class) -> Vec<usize> {
    let able = |i: &usize| {
        let card = &board.cards[*i];
        card.kept_for.is_none() && !card.lost() && board.could_fit(card, class.memory)
    };
    let (fitting, mut later): (Vec<_>, Vec<_>) = (0..board.cards.len())
        .filter(able)
        .partition(|&i| board.obstacle(&board.cards[i], class.memory).is_none());
    later.sort_by_key(|&i| {
        let free = board.free(&board.cards[i]).0 / rank::STEP;
        (!fits_after_tasks(board, i, class.memory), Reverse(free), i)
    });
    let mut targets = rank::best_first(board, fitting.into_iter());
    targets.extend(later);
    targets
}

/// Whether the card would do once the tasks on it have ended, whatever strangers do.
fn fits_after_tasks(board: &Board<'_>, i: usize, memory: Bytes) -> bool {
    let card = &board.cards[i];
    let strangers = (board.exclusive && card.own_process) || (board.rules.avoid_other_users && card.foreign_process);
    let free = card
        .memory
        .map_or(Bytes(0), |memory| memory.free.saturating_add(card.returning));
    !strangers && card.memory.is_some() && free.saturating_sub(board.headroom) >= memory
}
