//! One competed GPU, with what the checks need to know of it: who is on it, and how much is promised.
use std::collections::BTreeMap;

use super::{LeaseView, Request};
use crate::model::{Amount, Bytes, Gpu, GpuProcess, Health, Memory, UniId};

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

impl<'a> Card<'a> {
    /// The facts of one GPU.
    pub(super) fn new(request: &Request<'a>, gpu: &'a Gpu) -> Card<'a> {
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
        let hidden = !lost && gpu.hidden_processes > 0;
        let foreign_process = hidden || processes.iter().filter(counts).any(|process| process.uid != Some(mine));

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
