//! The GPUs that the rules compete for, and the allowance; promises and holds are marked here as the decision goes on.
use std::collections::BTreeSet;

use super::{Class, Figures, Order, Request, Warning, card::Card};
use crate::model::{Bytes, Gpu, Mono, Rules};

/// The competed GPUs, and the allowance.
pub(super) struct Board<'a> {
    /// By index.
    pub(super) cards: Vec<Card<'a>>,
    /// The rules.
    pub(super) rules: &'a Rules,
    /// One task of this user a GPU.
    pub(super) exclusive: bool,
    /// Nobody overtakes: a head that stays behind keeps what it could use from those after it.
    pub(super) in_line: bool,
    /// Kept free besides what tasks ask.
    pub(super) headroom: Bytes,
    /// When it is.
    pub(super) now: Mono,
    /// GPUs that this user may hold.
    pub(super) allowed: u32,
    /// New GPUs set aside by each hold.
    pub(super) holds: Vec<u32>,
    available: u32,
    warnings: Vec<Warning>,
}

impl<'a> Board<'a> {
    /// Lays out what the request tells.
    pub(super) fn new(request: &Request<'a>) -> Board<'a> {
        let rules = request.rules;
        let named: BTreeSet<u32> = rules.compete_gpus.iter().copied().collect();
        let mut gpus: Vec<&Gpu> = request
            .snapshot
            .gpus
            .iter()
            .filter(|gpu| rules.use_all_gpus || named.contains(&gpu.index))
            .collect();
        gpus.sort_by_key(|gpu| (gpu.index, &gpu.uuid));
        let missing = |index: &u32| !rules.use_all_gpus && !gpus.iter().any(|gpu| gpu.index == *index);
        let warnings = named
            .iter()
            .copied()
            .filter(missing)
            .map(|index| Warning::NoSuchGpu { index })
            .collect();

        let cards: Vec<_> = gpus.into_iter().map(|gpu| Card::new(request, gpu)).collect();
        // A lost GPU that a lease still holds counts on both sides: it neither costs the user another GPU nor buys one.
        let available = |card: &&Card| {
            card.held || (!card.lost() && card.gpu.memory.is_some_and(|memory| memory.free >= Bytes::GIB))
        };
        let available = cards.iter().filter(available).count() as u32;
        Board {
            cards,
            rules,
            exclusive: !rules.maximize_resource_utilization,
            in_line: request.order == Order::Priority && !rules.backfill,
            headroom: Bytes::from_gib(rules.memory_headroom),
            now: request.now,
            allowed: allowance(rules, available),
            holds: Vec::new(),
            available,
            warnings,
        }
    }

    /// What a task could have on this card now: free, less what is promised, less the headroom. 0 where unreadable.
    pub(super) fn free(&self, card: &Card<'_>) -> Bytes {
        let free = card.memory.map_or(Bytes(0), |memory| memory.free);
        free.saturating_sub(card.outstanding).saturating_sub(self.headroom)
    }

    /// Whether this card is of the model asked for, and so much memory could ever be had on it. Where its size is
    /// unknown, it could.
    pub(super) fn could_fit(&self, card: &Card<'_>, class: Class<'_>) -> bool {
        self.is_of_type(card, class)
            && card
                .total()
                .is_none_or(|total| total.saturating_sub(self.headroom) >= class.memory)
    }

    /// Whether this card is of the model asked for.
    pub(super) fn is_of_type(&self, card: &Card<'_>, class: Class<'_>) -> bool {
        class.gpu_type.is_none() || class.gpu_type == card.gpu.name.as_deref()
    }

    /// How many of these cards a task that asks for this could get at best, tasks and other people gone.
    pub(super) fn holdable(&self, cards: &[&Card<'_>], class: Class<'_>) -> usize {
        // Packing on GPUs that the user's other processes are on needs no allowance.
        let packs = !self.exclusive && !class.empty;
        let shared = cards
            .iter()
            .filter(|card| packs && card.own_process && self.could_fit(card, class));
        shared.count().max(allowance(self.rules, cards.len() as u32) as usize)
    }

    /// GPUs that this user holds by now.
    pub(super) fn held(&self) -> u32 {
        self.cards.iter().filter(|card| card.held).count() as u32
    }

    /// GPUs that may be taken in addition, by a head other than those that something is held for.
    pub(super) fn budget(&self) -> usize {
        self.budget_beside(self.holds.iter().sum())
    }

    /// The same when so many are set aside.
    pub(super) fn budget_beside(&self, set_aside: u32) -> usize {
        self.allowed.saturating_sub(self.held()).saturating_sub(set_aside) as usize
    }

    /// The figures to show.
    pub(super) fn into_figures(self) -> Figures {
        Figures {
            available: self.available,
            allowed: self.allowed,
            held: self.held(),
            competed: self.cards.iter().map(|card| card.gpu.index).collect(),
            warnings: self.warnings,
        }
    }
}

/// The rules' formula.
fn allowance(rules: &Rules, available: u32) -> u32 {
    rules
        .max_gpu
        .min(rules.min_gpu.max(available.saturating_sub(rules.gpu_left)))
}
