//! What the decision is asked, and what it answers.
use std::cmp::Reverse;

use serde::Serialize;

use crate::model::{
    Amount, Bytes, Claim, GpuRef, Lang, Lease, Mode, Mono, QueueId, Reason, Rules, Snapshot, TaskId, UniId,
};

/// A lease, as far as the decision needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseView {
    /// The attempt that holds it.
    pub uni_id: UniId,
    /// Whose it is.
    pub owner_uid: u32,
    /// One entry a GPU.
    pub claims: Vec<Claim>,
}

impl From<&Lease> for LeaseView {
    fn from(lease: &Lease) -> LeaseView {
        LeaseView {
            uni_id: lease.uni_id.clone(),
            owner_uid: lease.owner.uid,
            claims: lease.claims.clone(),
        }
    }
}

/// The first task of a queue, ready to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which task.
    pub task: TaskId,
    /// Its queue.
    pub queue: QueueId,
    /// Distinct GPUs that it needs at once; 0 is taken for 1.
    pub gpu_count: u32,
    /// Memory that it asks for on each of them.
    pub memory: Bytes,
    /// Since when it could have run.
    pub waiting_since: Mono,
    /// The higher, the sooner ([`Order::Priority`] only).
    pub priority: i32,
    /// The only GPU model that will do; `None`: any.
    pub gpu_type: Option<String>,
    /// Each GPU must be empty, and is taken whole.
    pub empty: bool,
}

/// Which head comes first. Ties go to the smaller queue id, then the smaller task id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The one that has waited longest (`single`).
    LongestWaiting,
    /// The one that needs more GPUs (`multi`).
    LargestFirst,
    /// The one of higher priority, then the one with the smaller queue id, which came first (ad-hoc tasks). What a head
    /// could use is kept from those behind it, unless the rules let them pass (`backfill`).
    Priority,
}

impl Order {
    /// That of a mode.
    pub fn of(mode: Mode) -> Order {
        match mode {
            Mode::Single => Order::LongestWaiting,
            Mode::Multi => Order::LargestFirst,
        }
    }
}

/// All that a decision depends on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The GPUs as they are.
    pub snapshot: &'a Snapshot,
    /// The rules in force.
    pub rules: &'a Rules,
    /// Every live lease of the host, whoever's.
    pub leases: &'a [LeaseView],
    /// Every head that is ready; those behind a gate (back-off, retry delay) are the caller's to keep away.
    pub heads: &'a [Head],
    /// Who comes first.
    pub order: Order,
    /// The user that the tasks would run as.
    pub owner_uid: u32,
    /// When it is.
    pub now: Mono,
}

impl<'a> Request<'a> {
    /// The heads in the order in which they are served, each with whether GPUs are to be held for it (`hold_after`).
    /// Those for which they are come first, the longest wait before all.
    pub(super) fn in_order(&self) -> Vec<(&'a Head, bool)> {
        let hold_after = self.rules.hold_after.map(|after| after.millis());
        let by_priority = self.order == Order::Priority;
        // Where small tasks may pass, one that asks for a whole GPU of many tasks can starve too.
        let due = |head: &Head| {
            (head.gpu_count > 1 || by_priority)
                && hold_after.is_some_and(|after| self.now.since(head.waiting_since) >= after)
        };
        let mut heads: Vec<_> = self.heads.iter().map(|head| (head, due(head))).collect();
        heads.sort_by_cached_key(|(head, due)| {
            let size = if *due || self.order != Order::LargestFirst {
                0
            } else {
                head.gpu_count
            };
            let since = if *due || self.order == Order::LongestWaiting {
                head.waiting_since
            } else {
                Mono(0)
            };
            let priority = if by_priority && !*due { head.priority } else { 0 };
            (
                Reverse(*due),
                Reverse(priority),
                Reverse(size),
                since,
                head.queue,
                &head.task,
            )
        });
        heads
    }
}

/// A task and the GPUs that it is to run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// Which task.
    pub task: TaskId,
    /// As many distinct GPUs as it asked for, best first.
    pub gpus: Vec<GpuRef>,
    /// What to claim on each of them.
    pub amount: Amount,
    /// The leases on those GPUs as this decision saw them, sorted. Whoever takes the lease finds no others there, save
    /// those that it took itself for placements that stand earlier in the same plan.
    pub expected: Vec<UniId>,
}

/// The answer: every head is in exactly one of the two lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// What starts now, in the order in which it was decided.
    pub place: Vec<Placement>,
    /// What stays behind, and why, in the order in which it was looked at. Reasons are those that hold once the
    /// placements are made.
    pub wait: Vec<(TaskId, Reason)>,
    /// What the decision went by.
    pub figures: Figures,
}

/// What a decision went by, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// Competed GPUs with at least 1 GiB free, or held by this user.
    pub available: u32,
    /// GPUs that this user may hold.
    pub allowed: u32,
    /// GPUs that this user holds once the placements are made.
    pub held: u32,
    /// Indices of the GPUs that the rules compete for and that are there.
    pub competed: Vec<u32>,
    /// What is odd and not an error.
    pub warnings: Vec<Warning>,
}

/// Something odd in what a decision was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "code")]
pub enum Warning {
    /// `compete_gpus` names a GPU that this machine does not have.
    NoSuchGpu {
        /// The index.
        index: u32,
    },
}

impl Warning {
    /// The warning in words.
    pub fn text(&self, lang: Lang) -> String {
        match (self, lang) {
            (Warning::NoSuchGpu { index }, Lang::En) => format!("compete_gpus names GPU {index}, which is not there"),
            (Warning::NoSuchGpu { index }, Lang::Zh) => format!("compete_gpus 中的 GPU {index} 不存在"),
        }
    }
}
