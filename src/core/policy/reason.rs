//! Why a head waits.
use super::{Class, board::Board, card::Card, check::Obstacle};
use crate::model::{Bytes, Reason};

/// The reason for heads of this class that could not be placed. `hold` is what is held for the very head, which is not
/// in its own way.
pub(super) fn of(board: &Board<'_>, class: Class<'_>, hold: Option<usize>) -> Reason {
    let kept_for_others = if board.in_line {
        Reason::BehindEarlierTask
    } else {
        Reason::HeldForLargerTask
    };
    let reserved = Reason::ReservedForOthers {
        allowed: board.allowed,
        held: board.held(),
    };
    let matching: Vec<_> = board.cards.iter().filter(|card| board.could_fit(card, class)).collect();
    if matching.len() < class.count {
        return Reason::NoGpuMatches;
    }
    if board.holdable(&board.cards.iter().collect::<Vec<_>>(), class) < class.count {
        return reserved;
    }

    let kept = |card: &Card<'_>| card.kept_for.is_some() && card.kept_for != hold;
    let (fitting, rest): (Vec<_>, Vec<_>) = matching
        .into_iter()
        .partition(|card| board.obstacle(card, class).is_none());
    let open = fitting.iter().filter(|card| !kept(card)).count();
    if fitting.len() >= class.count {
        // As many as it needs would do. Without what is kept for others, would the allowance let it have them?
        let held = fitting.iter().filter(|card| card.held).count();
        let affordable = held + board.budget_beside(0).min(fitting.len() - held);
        return if affordable >= class.count {
            kept_for_others
        } else {
            reserved
        };
    }
    if open > 0 {
        return Reason::NotEnoughGpus {
            free: open as u32,
            needed: class.count as u32,
        };
    }
    let furthest = match fitting.is_empty() {
        true => rest.iter().filter_map(|card| board.obstacle(card, class)).max(),
        false => Some(Obstacle::Kept),
    };
    match furthest {
        None | Some(Obstacle::Unreadable | Obstacle::OtherModel) => Reason::GpusUnreadable,
        Some(Obstacle::OwnTask) => Reason::GpuHeldByOwnTask,
        Some(Obstacle::OwnProcess) => Reason::GpuHasOwnProcess,
        Some(Obstacle::OthersTask | Obstacle::OtherUser) => Reason::NotEnoughGpus {
            free: 0,
            needed: class.count as u32,
        },
        Some(Obstacle::Memory) => Reason::NotEnoughMemory {
            best_free: best_free(board),
        },
        Some(Obstacle::Busy) => Reason::TooBusy,
        Some(Obstacle::NotIdle) => Reason::NotIdleLongEnough,
        Some(Obstacle::Kept) => kept_for_others,
    }
}

/// The most that is to be had on any one card that is not taken, in whole tenths of a GiB: as much as people are shown,
/// so that the reason does not change with every sample.
fn best_free(board: &Board<'_>) -> Bytes {
    let open = board.cards.iter().filter(|card| board.taken(card, false).is_none());
    let best = open.map(|card| board.free(card)).max().unwrap_or_default();
    let tenths = u128::from(best.0) * 10 / u128::from(Bytes::GIB.0);
    // Rounded to the byte, it is still at most `best`, and so fits.
    Bytes(((tenths * u128::from(Bytes::GIB.0) + 5) / 10) as u64)
}
