//! Whether a card would do for a task, and if not, what stands in the way.
use super::{
    Class,
    board::Board,
    card::{Card, Claimed},
};
use crate::model::Percent;

/// What stands in the way, in the order of the checks: the card whose obstacle is the last came furthest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Obstacle {
    /// It is another model than was asked for.
    OtherModel,
    /// It cannot be read.
    Unreadable,
    /// This user's own task is on it.
    OwnTask,
    /// This user has another process on it.
    OwnProcess,
    /// Somebody else's task is on it.
    OthersTask,
    /// Somebody else has a process on it.
    OtherUser,
    /// Not enough memory.
    Memory,
    /// Busier than the rules want.
    Busy,
    /// Not idle long enough.
    NotIdle,
    /// Kept for a task of several GPUs.
    Kept,
}

impl Board<'_> {
    /// The first check that the card fails for a task that asks for this, holds left aside.
    pub(super) fn obstacle(&self, card: &Card<'_>, class: Class<'_>) -> Option<Obstacle> {
        if !self.is_of_type(card, class) {
            return Some(Obstacle::OtherModel);
        }
        self.taken(card, class.empty).or_else(|| {
            if self.free(card) < class.memory {
                Some(Obstacle::Memory)
            } else if self.busy(card) {
                Some(Obstacle::Busy)
            } else if !self.idle_long_enough(card) {
                Some(Obstacle::NotIdle)
            } else {
                None
            }
        })
    }

    /// The first check that it fails whatever memory a task asks for; `empty`: nobody else may be on it.
    pub(super) fn taken(&self, card: &Card<'_>, empty: bool) -> Option<Obstacle> {
        // Alone on the card, or beside other amounts of memory.
        let alone = self.exclusive || empty;
        let bearable = if alone { Claimed::No } else { Claimed::Shared };
        // A list that cannot be read is not known to be empty.
        if card.memory.is_none() || (empty && card.gpu.processes.is_none()) {
            Some(Obstacle::Unreadable)
        } else if card.own > bearable {
            Some(Obstacle::OwnTask)
        } else if alone && card.own_process {
            Some(Obstacle::OwnProcess)
        } else if card.others > bearable {
            Some(Obstacle::OthersTask)
        } else if (self.rules.avoid_other_users || empty) && card.foreign_process {
            Some(Obstacle::OtherUser)
        } else {
            None
        }
    }

    fn busy(&self, card: &Card<'_>) -> bool {
        utilization(card).is_some_and(|now| f64::from(now.0) > self.rules.max_gpu_utilization)
    }

    fn idle_long_enough(&self, card: &Card<'_>) -> bool {
        let wanted = self.rules.idle_seconds.millis();
        // A GPU that is promised is not idle, though no process may be seen on it yet.
        let promised = card.own > Claimed::No || card.others > Claimed::No;
        wanted == 0 || (!promised && card.gpu.idle_since.is_some_and(|since| self.now.since(since) >= wanted))
    }
}

/// The mean of the last samples, else what was read last.
pub(super) fn utilization(card: &Card<'_>) -> Option<Percent> {
    card.gpu
        .recent
        .and_then(|recent| recent.utilization)
        .or(card.gpu.utilization)
}
