//! When a scheduler that died is started again: a pure function of what is known about its run.
use std::time::Duration;

use gpuyard_core::model::Mono;

use crate::limits::{GOOD_LIFE, RECOVERY_DELAY, RECOVERY_DELAY_MOST};

/// How a run's scheduler has fared in this daemon's hands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// Recoveries that did not live long, since the last that did.
    failures: u32,
    /// When the last recovery began.
    last: Option<Mono>,
}

/// What is known about the newest run of a command file at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its state says that nothing more happens.
    pub(crate) over: bool,
    /// It is this machine's and this user's.
    pub(crate) ours: bool,
    /// Its scheduler lives, or another one holds its place.
    pub(crate) alive: bool,
    /// The rules want it.
    pub(crate) auto_resume: bool,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it is over, or another's, or at work.
    Leave,
    /// Its scheduler is to be started again now.
    Recover,
    /// … but not before this.
    Wait(Mono),
}

/// Decides. Called whenever something about the run has changed, and when a wait is over.
pub(crate) fn next(facts: Facts, history: &History, now: Mono) -> Step {
    if facts.over || !facts.ours || facts.alive || !facts.auto_resume {
        return Step::Leave;
    }
    match history.ready_at() {
        Some(at) if at > now => Step::Wait(at),
        _ => Step::Recover,
    }
}

impl History {
    /// The moment before which no recovery begins.
    fn ready_at(&self) -> Option<Mono> {
        let last = self.last?;
        let Some(doublings) = self.failures.checked_sub(1) else {
            return Some(last);
        };
        let delay = RECOVERY_DELAY
            .saturating_mul(1 << doublings.min(16))
            .min(RECOVERY_DELAY_MOST);
        Some(last.plus_millis(delay.as_millis() as u64))
    }

    /// A recovery begins.
    pub(crate) fn begun(&mut self, now: Mono) {
        self.last = Some(now);
    }

    /// The scheduler of the last recovery has died.
    pub(crate) fn died(&mut self, now: Mono) {
        let Some(last) = self.last else { return };
        let lived = Duration::from_millis(now.since(last));
        self.failures = if lived >= GOOD_LIFE {
            0
        } else {
            self.failures.saturating_add(1)
        };
        // The delay counts from the death: a scheduler that took its time to die is not started in a hurry.
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEAD: Facts = Facts {
        over: false,
        ours: true,
        alive: false,
        auto_resume: true,
    };

    #[test]
    fn a_dead_scheduler_is_started_again_at_once_and_nobody_elses() {
        let fresh = History::default();
        assert_eq!(next(DEAD, &fresh, Mono(5)), Step::Recover);
        for left in [
            Facts { over: true, ..DEAD },
            Facts { ours: false, ..DEAD },
            Facts { alive: true, ..DEAD },
            Facts {
                auto_resume: false,
                ..DEAD
            },
        ] {
            assert_eq!(next(left, &fresh, Mono(5)), Step::Leave, "{left:?}");
        }
    }

    #[test]
    fn each_death_doubles_the_delay_up_to_five_minutes() {
        let mut history = History::default();
        let mut now = Mono(1_000);
        let mut delays = Vec::new();
        for _ in 0..12 {
            history.begun(now);
            now = now.plus_millis(100);
            history.died(now);
            let Step::Wait(at) = next(DEAD, &history, now) else {
                panic!("it is not started again at once");
            };
            delays.push(at.since(now) / 1000);
            now = at;
            assert_eq!(next(DEAD, &history, now), Step::Recover);
        }
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn ten_good_minutes_make_up_for_everything() {
        let mut history = History::default();
        for at in [0, 1_000, 2_000] {
            history.begun(Mono(at));
            history.died(Mono(at + 10));
        }
        history.begun(Mono(10_000));
        history.died(Mono(10_000 + 600_000));
        assert_eq!(next(DEAD, &history, Mono(610_000)), Step::Recover);
    }

    #[test]
    fn a_scheduler_that_somebody_else_started_has_no_history() {
        let mut history = History::default();
        history.died(Mono(77));
        assert_eq!(next(DEAD, &history, Mono(77)), Step::Recover);
    }
}
