//! Which heads wait, by what they ask for: so that a decision costs what changed, not what waits.
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
};

use super::{Demand, Machine, Task};
use crate::{
    model::{Mono, Now, QueueId},
    policy::{Head, Order},
};

/// A head's place among those that ask for the same: higher priorities first.
type Turn = (Reverse<i32>, QueueId);

/// Where a head is registered.
#[derive(Clone, Debug)]
struct Registered {
    demand: Demand,
    turn: Turn,
    since: Mono,
    gate: Option<Mono>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    /// All tasks before this one are over.
    cursor: usize,
    /// Something of it runs or waits.
    open: bool,
    /// Its head.
    head: Option<Registered>,
}

/// The heads that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Waiting {
    queues: HashMap<QueueId, Place>,
    by_age: BTreeMap<Demand, BTreeSet<(Mono, QueueId)>>,
    by_turn: BTreeMap<Demand, BTreeSet<Turn>>,
    /// Not before a moment.
    gated: BTreeSet<(Mono, QueueId)>,
}

impl Waiting {
    /// Takes a queue's head out; answers whether the queue was open.
    pub(super) fn forget(&mut self, id: QueueId) -> bool {
        let Some(place) = self.queues.get_mut(&id) else {
            return false;
        };
        let open = place.open;
        if let Some(head) = place.head.take() {
            match head.gate {
                Some(until) => {
                    self.gated.remove(&(until, id));
                }
                None => {
                    remove(&mut self.by_age, &head.demand, &(head.since, id));
                    remove(&mut self.by_turn, &head.demand, &head.turn);
                }
            }
        }
        open
    }

    /// Forgets a queue; answers whether it was open.
    pub(super) fn remove(&mut self, id: QueueId) -> bool {
        let open = self.forget(id);
        self.queues.remove(&id);
        open
    }

    pub(super) fn cursor(&self, id: QueueId) -> usize {
        self.queues.get(&id).map_or(0, |place| place.cursor)
    }

    pub(super) fn set(&mut self, id: QueueId, cursor: usize, open: bool) {
        let place = self.queues.entry(id).or_default();
        (place.cursor, place.open) = (cursor, open);
    }

    pub(super) fn add(&mut self, id: QueueId, demand: Demand, priority: i32, since: Mono, gate: Option<Mono>) {
        let turn = (Reverse(priority), id);
        match gate {
            Some(until) => {
                self.gated.insert((until, id));
            }
            None => {
                self.by_age.entry(demand.clone()).or_default().insert((since, id));
                self.by_turn.entry(demand.clone()).or_default().insert(turn);
            }
        }
        self.queues.entry(id).or_default().head = Some(Registered {
            demand,
            turn,
            since,
            gate,
        });
    }

    /// Lets those whose moment has come join the others; answers whether there were any.
    fn open_gates(&mut self, now: Mono) -> bool {
        let before = self.gated.len();
        while let Some(&(until, id)) = self.gated.first().filter(|(until, _)| *until <= now) {
            self.gated.remove(&(until, id));
            if let Some(head) = self.queues.get(&id).and_then(|place| place.head.clone()) {
                let (Reverse(priority), _) = head.turn;
                self.add(id, head.demand, priority, head.since, None);
            }
        }
        self.gated.len() < before
    }

    /// Whether this queue's head waits for a moment that has not come.
    pub(super) fn is_gated(&self, id: QueueId, now: Mono) -> bool {
        let gate = self
            .queues
            .get(&id)
            .and_then(|place| place.head.as_ref())
            .and_then(|head| head.gate);
        gate.is_some_and(|until| until > now)
    }

    /// Whether this queue has a head that waits.
    pub(super) fn has_head(&self, id: QueueId) -> bool {
        self.queues.get(&id).is_some_and(|place| place.head.is_some())
    }
}

fn remove<T: Ord>(demands: &mut BTreeMap<Demand, BTreeSet<T>>, demand: &Demand, item: &T) {
    if let Some(set) = demands.get_mut(demand) {
        set.remove(item);
        if set.is_empty() {
            demands.remove(demand);
        }
    }
}

impl Machine {
    /// The order in which heads compete.
    pub fn order(&self) -> Order {
        if self.adhoc {
            return Order::Priority;
        }
        Order::of(self.run.mode)
    }

    /// The task of a queue that waits for GPUs or for a moment, if the queue has one.
    pub fn head(&self, id: QueueId) -> Option<&Task> {
        let queue = self.run.queues.get(&id).filter(|_| self.waiting.has_head(id))?;
        queue.processes.get(self.waiting.cursor(id))
    }

    /// Those heads that could be started now: of each kind of demand the `most` first ones in this run's order, and the
    /// `most` that have waited longest (they may be held for). The others of a kind fare as these do.
    pub fn heads(&mut self, now: Now, most: usize) -> Vec<Head> {
        self.waiting.open_gates(now.mono);
        let mut heads = Vec::new();
        let by_age_alone = self.order() == Order::LongestWaiting;
        for (demand, by_age) in &self.waiting.by_age {
            let mut ids: BTreeSet<QueueId> = by_age.iter().take(most).map(|&(_, id)| id).collect();
            if !by_age_alone {
                let by_turn = self.waiting.by_turn.get(demand).into_iter().flatten();
                ids.extend(by_turn.take(most).map(|&(_, id)| id));
            }
            for id in ids {
                let Some(queue) = self.run.queues.get(&id) else {
                    continue;
                };
                let Some(task) = queue.processes.get(self.waiting.cursor(id)) else {
                    continue;
                };
                heads.push(Head {
                    task: task.task_id.clone(),
                    queue: id,
                    gpu_count: demand.gpu_count,
                    memory: demand.memory,
                    waiting_since: task.waiting_since.unwrap_or(now.mono),
                    priority: task.extra.as_ref().map_or(0, |extra| extra.priority),
                    gpu_type: demand.gpu_type.clone(),
                    empty: demand.empty,
                });
            }
        }
        heads
    }

    /// Lets heads whose back-off or retry delay is over compete again; answers whether there were any.
    pub fn open_gates(&mut self, now: Now) -> bool {
        self.waiting.open_gates(now.mono)
    }

    /// Whether any head could be started, GPUs willing.
    pub fn has_heads(&self) -> bool {
        !self.waiting.by_age.is_empty()
    }

    /// When the next back-off or retry delay ends.
    pub fn next_gate(&self) -> Option<Mono> {
        self.waiting.gated.first().map(|&(until, _)| until)
    }
}
