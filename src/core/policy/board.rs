//! The GPUs that the rules compete for, each with what the checks need to know of it; promises are marked here as the
//! decision goes on.
use std::collections::{BTreeMap, BTreeSet};

use super::{Figures, LeaseView, Request, Warning};
use crate::model::{Amount, Bytes, Gpu, GpuProcess, Health, Memory, Rules, UniId};

/// What leases take of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Claimed {
    /// Nothing.
    No,
    /// Amounts of memory.
    Shared,
    /// All of it.
    Whole,
}

impl Claimed {
    fn by(amount: Amount) -> Claimed {
        if amount.is_whole() {
            Claimed::Whole
        } else {
            Claimed::Shared
        }
    }
}

/// A competed GPU.
pub(super) struct Card<'a> {
    /// As the snapshot has it.
    pub(super) gpu: &'a Gpu,
    /// Its memory, where everything that the rules need can be read.
    pub(super) memory: Option<Memory>,
    /// Leases of this user, with those of this decision.
    pub(super) own: Claimed,
    /// Leases of others.
    pub(super) others: Claimed,
    /// A process of this user that belongs to no lease here.
    pub(super) own_process: bool,
    /// A process of somebody else, or of nobody knows whom.
    pub(super) foreign_process: bool,
    /// Asked for by leases and not yet taken.
    pub(super) outstanding: Bytes,
    /// Taken by processes of leases: free once those end.
    pub(super) returning: Bytes,
    /// This user is on it.
    pub(super) held: bool,
    /// The hold that keeps it from all other heads.
    pub(super) kept_for: Option<usize>,
    /// Those who have a lease here, not counting this decision.
    pub(super) leases: Vec<&'a UniId>,
}

impl Card<'_> {
    /// Whether it is gone until somebody mends it.
    pub(super) fn lost(&self) -> bool {
        matches!(self.gpu.health, Health::Lost { .. })
    }

    /// Built-in memory, where known; also where the rest cannot be read.
    pub(super) fn total(&self) -> Option<Bytes> {
        self.gpu.memory.map(|memory| memory.total)
    }

    /// Marks a claim of this decision.
    pub(super) fn promise(&mut self, amount: Amount) {
        self.own = self.own.max(Claimed::by(amount));
        self.outstanding = self.outstanding.saturating_add(amount.memory());
        self.held = true;
    }
}

/// The competed GPUs, and the allowance.
pub(super) struct Board<'a> {
    /// By index.
    pub(super) cards: Vec<Card<'a>>,
    /// The rules.
    pub(super) rules: &'a Rules,
    /// One task of this user a GPU.
    pub(super) exclusive: bool,
    /// Kept free besides what tasks ask.
    pub(super) headroom: Bytes,
    /// When it is.
    pub(super) now: crate::model::Mono,
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

        let cards: Vec<_> = gpus.into_iter().map(|gpu| card(request, gpu)).collect();
        // A lost GPU that a lease still holds counts on both sides: it neither costs the user another GPU nor buys one.
        let available = |card: &&Card| {
            card.held || (!card.lost() && card.gpu.memory.is_some_and(|memory| memory.free >= Bytes::GIB))
        };
        let available = cards.iter().filter(available).count() as u32;
        Board {
            cards,
            rules,
            exclusive: !rules.maximize_resource_utilization,
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

    /// Whether so much memory could ever be had on this card. Where its size is unknown, it could.
    pub(super) fn could_fit(&self, card: &Card<'_>, memory: Bytes) -> bool {
        card.total()
            .is_none_or(|total| total.saturating_sub(self.headroom) >= memory)
    }

    /// How many of these cards a task that asks for so much could get at best, tasks and other people gone.
    pub(super) fn holdable(&self, cards: &[&Card<'_>], memory: Bytes) -> usize {
        // Packing on GPUs that the user's other processes are on needs no allowance.
        let shared = cards
            .iter()
            .filter(|card| !self.exclusive && card.own_process && self.could_fit(card, memory));
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

/// The facts of one GPU.
fn card<'a>(request: &Request<'a>, gpu: &'a Gpu) -> Card<'a> {
    let rules = request.rules;
    let mine = request.owner_uid;
    let lost = matches!(gpu.health, Health::Lost { .. });
    let claims = claims_on(request.leases, gpu);
    let claimed = |whose: bool| {
        let amounts = claims
            .values()
            .filter(|claim| (claim.owner == mine) == whose)
            .map(|claim| claim.claimed);
        amounts.max().unwrap_or(Claimed::No)
    };
    // What was listed before a GPU fell off the bus says nothing of now.
    let processes = if lost {
        &[]
    } else {
        gpu.processes.as_deref().unwrap_or_default()
    };
    let ignored = Bytes::from_gib(rules.ignore_processes_below / 1024.0);
    let counts = |process: &&GpuProcess| process.memory.is_none_or(|memory| memory >= ignored);
    let mine_leased = |process: &GpuProcess| {
        process
            .uni_id
            .as_ref()
            .and_then(|id| claims.get(id))
            .is_some_and(|claim| claim.owner == mine)
    };
    let own_process = processes
        .iter()
        .filter(counts)
        .any(|process| process.uid == Some(mine) && !mine_leased(process));
    let foreign_process = processes.iter().filter(counts).any(|process| process.uid != Some(mine));

    // A list that cannot be read is not known to be empty.
    let needs_processes = !rules.maximize_resource_utilization || rules.avoid_other_users;
    let readable = gpu.health == Health::Ok && (gpu.processes.is_some() || !needs_processes);
    let (outstanding, returning) = promised(&claims, processes, mine);
    let own = claimed(true);
    Card {
        gpu,
        memory: gpu.memory.filter(|_| readable),
        own,
        others: claimed(false),
        own_process,
        foreign_process,
        outstanding,
        returning,
        held: own > Claimed::No || own_process,
        kept_for: None,
        leases: claims.into_keys().collect(),
    }
}

/// What one lease has of one GPU.
struct ClaimOn {
    owner: u32,
    claimed: Claimed,
    memory: Bytes,
}

fn claims_on<'a>(leases: &'a [LeaseView], gpu: &Gpu) -> BTreeMap<&'a UniId, ClaimOn> {
    let mut claims = BTreeMap::new();
    for lease in leases {
        for claim in lease.claims.iter().filter(|claim| claim.gpu == gpu.uuid) {
            let entry = claims.entry(&lease.uni_id).or_insert(ClaimOn {
                owner: lease.owner_uid,
                claimed: Claimed::No,
                memory: Bytes(0),
            });
            entry.claimed = entry.claimed.max(Claimed::by(claim.amount));
            entry.memory = entry.memory.saturating_add(claim.amount.memory());
        }
    }
    claims
}

/// How much of what leases asked for on a GPU is still to be taken, and how much their processes have. Memory that is
/// not known counts as not taken.
fn promised(claims: &BTreeMap<&UniId, ClaimOn>, processes: &[GpuProcess], mine: u32) -> (Bytes, Bytes) {
    let sum = |of: &mut dyn Iterator<Item = &GpuProcess>| {
        of.filter_map(|process| process.memory)
            .fold(Bytes(0), Bytes::saturating_add)
    };
    let mut outstanding = Bytes(0);
    let mut returning = Bytes(0);
    // Another user's environment cannot be read, so that neither can the keys of their processes: their leases are set
    // against all that their processes have. Of our own, a process without a key is none of a lease's.
    let mut pooled: BTreeMap<u32, Bytes> = BTreeMap::new();
    for (id, claim) in claims {
        let mut keyed = processes
            .iter()
            .filter(|process| process.uni_id.as_ref() == Some(*id))
            .peekable();
        if claim.owner != mine && keyed.peek().is_none() {
            let asked = pooled.entry(claim.owner).or_default();
            *asked = asked.saturating_add(claim.memory);
        } else {
            let taken = sum(&mut keyed);
            outstanding = outstanding.saturating_add(claim.memory.saturating_sub(taken));
            returning = returning.saturating_add(taken);
        }
    }
    for (owner, asked) in pooled {
        let taken = sum(&mut processes
            .iter()
            .filter(|process| process.uid == Some(owner) && process.uni_id.is_none()));
        outstanding = outstanding.saturating_add(asked.saturating_sub(taken));
        returning = returning.saturating_add(taken.min(asked));
    }
    (outstanding, returning)
}
