//! `hold_after`: keeping GPUs for a task of several that has waited long, so that small ones cannot starve it.
//!
//! Its targets are kept from all other heads, and what it will need of the allowance is set aside. Fitting GPUs come
//! first among the targets, so that each one that falls free is gathered at the next decision; the others are those
//! that running tasks, not strangers, keep it from, so that waiting for them has an end.
use std::cmp::Reverse;

use super::{Class, board::Board, card::Card, rank};
use crate::model::Bytes;

/// Keeps targets for a head that had to stay behind. `None` where there is nothing to keep: all is kept already, or no
/// amount of waiting would let it run.
pub(super) fn keep(board: &mut Board<'_>, class: Class<'_>) -> Option<usize> {
    if !may_ever_run(board, class) {
        return None;
    }
    let targets = targets(board, class);
    let budget = board.budget();
    let hold = board.holds.len();
    let new = |kept: &[usize]| kept.iter().filter(|&&i| !board.cards[i].held).count();
    let mut kept = rank::within_budget(board, targets.clone(), class.count, budget);
    if hold == 0 {
        // The first in line gets its targets beyond the allowance too. Some of what the user holds must be let go of
        // before it can have them, so that until then nothing new starts on any of it.
        let more: Vec<_> = targets
            .into_iter()
            .filter(|i| !kept.contains(i))
            .take(class.count - kept.len())
            .collect();
        kept.extend(more);
        if new(&kept) > budget {
            let held = (0..board.cards.len()).filter(|i| board.cards[*i].held && !kept.contains(i));
            kept.extend(held.collect::<Vec<_>>());
        }
    }
    if kept.is_empty() {
        return None;
    }
    let set_aside = new(&kept) as u32;
    board.holds.push(set_aside);
    for i in kept {
        board.cards[i].kept_for = Some(hold);
    }
    Some(hold)
}

/// Keeps what a head could use from those behind it, for none may overtake it. `None` where there is nothing to keep, or
/// no amount of waiting would let it run: then it stands in nobody's way.
pub(super) fn line_up(board: &mut Board<'_>, class: Class<'_>) -> Option<usize> {
    if !may_ever_run(board, class) {
        return None;
    }
    let free = |i: &usize| board.cards[*i].kept_for.is_none() && board.could_fit(&board.cards[*i], class);
    let kept: Vec<usize> = (0..board.cards.len()).filter(free).collect();
    if kept.is_empty() {
        return None;
    }
    let new = kept.iter().filter(|&&i| !board.cards[i].held).count();
    let set_aside = new.min(class.count).min(board.budget()) as u32;
    let hold = board.holds.len();
    board.holds.push(set_aside);
    for i in kept {
        board.cards[i].kept_for = Some(hold);
    }
    Some(hold)
}

/// Whether GPUs and allowance would suffice if everything else went away. Lost GPUs do not come back by waiting:
/// keeping others free beside them would help nobody.
fn may_ever_run(board: &Board<'_>, class: Class<'_>) -> bool {
    let there: Vec<_> = board.cards.iter().filter(|card| !card.lost()).collect();
    let fitting = there.iter().filter(|card| board.could_fit(card, class)).count();
    fitting >= class.count && board.holdable(&there, class) >= class.count
}

/// The cards to choose from, the soonest first, of those that nothing else is kept for: they do now, or will once the
/// tasks on them have ended; where these are too few, those that strangers have to leave first.
fn targets(board: &Board<'_>, class: Class<'_>) -> Vec<usize> {
    let able = |i: &usize| {
        let card = &board.cards[*i];
        card.kept_for.is_none() && !card.lost() && board.could_fit(card, class)
    };
    let able = (0..board.cards.len()).filter(able);
    let (now, mut later): (Vec<_>, Vec<_>) = able.partition(|&i| board.obstacle(&board.cards[i], class).is_none());
    later.sort_by_key(|&i| {
        let card = &board.cards[i];
        (
            !does_after_tasks(board, card, class),
            Reverse(board.free(card).0 / rank::STEP),
            i,
        )
    });
    let soon = later
        .iter()
        .filter(|&&i| does_after_tasks(board, &board.cards[i], class))
        .count();
    if now.len() + soon >= class.count {
        later.truncate(soon);
    }
    let mut targets = rank::best_first(board, now.into_iter());
    targets.extend(later);
    targets
}

/// Whether the card will do once the tasks on it have ended, whatever strangers do.
fn does_after_tasks(board: &Board<'_>, card: &Card<'_>, class: Class<'_>) -> bool {
    let own = (board.exclusive || class.empty) && card.own_process;
    let strangers = own || ((board.rules.avoid_other_users || class.empty) && card.foreign_process);
    let free = card
        .memory
        .map_or(Bytes(0), |memory| memory.free.saturating_add(card.returning));
    !strangers && card.memory.is_some() && free.saturating_sub(board.headroom) >= class.memory
}
