//! Which of the cards that would do are the best.
use std::cmp::Ordering;

use super::{Class, board::Board, card::Card, check};

/// Idle GPUs of one model differ by a few MiB of the driver's own, which must not decide before utilisation and
/// `prefer_gpus` do. Memory is ranked in steps of this size.
pub(super) const STEP: u64 = 64 << 20;

/// A card's place among others, the best being the least.
#[derive(Debug, PartialEq)]
struct Rank {
    score: f64,
    utilization: f32,
    preference: usize,
    index: u32,
}

impl Rank {
    fn of(board: &Board<'_>, card: &Card<'_>) -> Rank {
        let rules = board.rules;
        let (score, utilization) = if rules.memory_save_mode {
            (best_fit(card), 0.0)
        } else {
            // Unknown is not idle: it comes after all that is known.
            (
                spread(card),
                check::utilization(card).map_or(f32::MAX, |percent| percent.0),
            )
        };
        let preference = rules
            .prefer_gpus
            .iter()
            .position(|index| *index == card.gpu.index)
            .unwrap_or(usize::MAX);
        Rank {
            score,
            utilization,
            preference,
            index: card.gpu.index,
        }
    }

    fn order(&self, other: &Rank) -> Ordering {
        (self.score.total_cmp(&other.score))
            .then(self.utilization.total_cmp(&other.utilization))
            .then(self.preference.cmp(&other.preference))
            .then(self.index.cmp(&other.index))
    }
}

/// In use on the mean of the last samples, with what is promised.
fn used(card: &Card<'_>) -> u64 {
    let used = card
        .gpu
        .recent
        .map(|recent| recent.used)
        .or(card.memory.map(|memory| memory.used));
    used.unwrap_or_default().saturating_add(card.outstanding).0
}

/// What is left of the card: less is better, so that empty GPUs stay empty.
fn best_fit(card: &Card<'_>) -> f64 {
    let whole = card
        .memory
        .map_or(0, |memory| memory.free.saturating_add(memory.used).0);
    (whole.saturating_sub(used(card)) / STEP) as f64
}

/// `used ÷ total × used`: less is better.
fn spread(card: &Card<'_>) -> f64 {
    let used = (used(card) / STEP * STEP) as f64;
    // A card of no size is never better than one of some size.
    card.total()
        .filter(|total| total.0 > 0)
        .map_or(f64::MAX, |total| used / total.0 as f64 * used)
}

/// Places in [`Board::cards`], best first.
pub(super) fn best_first(board: &Board<'_>, cards: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut ranked: Vec<_> = cards.map(|i| (Rank::of(board, &board.cards[i]), i)).collect();
    ranked.sort_by(|(a, i), (b, j)| a.order(b).then(i.cmp(j)));
    ranked.into_iter().map(|(_, i)| i).collect()
}

/// The cards that a head of this class gets now, best first; `None` where it has to wait.
pub(super) fn choose(board: &Board<'_>, class: Class<'_>) -> Option<Vec<usize>> {
    let open = (0..board.cards.len()).filter(|&i| {
        let card = &board.cards[i];
        card.kept_for.is_none() && board.obstacle(card, class).is_none()
    });
    let chosen = within_budget(board, best_first(board, open), class.count, board.budget());
    (chosen.len() == class.count).then_some(chosen)
}

/// The first `count` of these, leaving out GPUs that would be new beyond the budget.
pub(super) fn within_budget(board: &Board<'_>, cards: Vec<usize>, count: usize, budget: usize) -> Vec<usize> {
    let mut left = budget;
    let affordable = cards.into_iter().filter(|&i| {
        let new = !board.cards[i].held;
        let affordable = !new || left > 0;
        left -= usize::from(new && affordable);
        affordable
    });
    affordable.take(count).collect()
}
