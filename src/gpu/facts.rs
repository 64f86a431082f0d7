//! What does not change about a process while it lives, read once: start time, user, and the attempt it belongs to.
use std::collections::HashMap;

use gpuyard_core::model::{Bytes, GpuProcess, UniId, Work};

use crate::procfs::{Proc, variable};

/// Where `kernel.pid_max` cannot be read: the most that Linux allows.
const PID_MAX_LIMIT: u32 = 1 << 22;
/// In the environment of everything that an attempt starts.
const UNI_ID: &str = "GPUYARD_UNI_ID";

/// The facts.
#[derive(Clone)]
pub(crate) struct Facts {
    pid: i32,
    start_ticks: u64,
    uid: Option<u32>,
    uni_id: Option<UniId>,
    /// Seen in this round.
    wanted: bool,
}

impl Facts {
    /// The process on a GPU, with its share there still unknown.
    pub(crate) fn on_gpu(&self, work: Work, memory: Option<Bytes>) -> GpuProcess {
        GpuProcess {
            pid: self.pid,
            start_ticks: self.start_ticks,
            uid: self.uid,
            work,
            memory,
            sm_utilization: None,
            uni_id: self.uni_id.clone(),
        }
    }
}

/// What a pid that a driver lists turns out to be.
pub(crate) enum Looked<'a> {
    /// This process.
    Seen(&'a Facts),
    /// It may be one: gone in this moment, in another pid namespace, or hidden from us.
    Hidden,
    /// No pid at all: 0, 1, −1, above `pid_max`.
    Nonsense,
}

/// Reads facts, and remembers them.
#[derive(Default)]
pub(crate) struct FactsReader {
    known: HashMap<i32, Facts>,
    /// Read once a round, where a pid is looked at.
    pid_max: Option<u32>,
}

impl FactsReader {
    /// A round begins: one look at all GPUs.
    pub(crate) fn begin(&mut self) {
        self.pid_max = None;
    }

    /// A round is over: forget what was not seen in it.
    pub(crate) fn end(&mut self) {
        self.known.retain(|_, facts| std::mem::take(&mut facts.wanted));
    }

    /// Looks at a pid that a driver lists.
    pub(crate) fn of(&mut self, pid: u32, proc: &mut Proc) -> Looked<'_> {
        let pid_max = *self
            .pid_max
            .get_or_insert_with(|| proc.pid_max().unwrap_or(PID_MAX_LIMIT));
        let Some(pid) = i32::try_from(pid).ok().filter(|&known| known > 1 && pid <= pid_max) else {
            return Looked::Nonsense;
        };
        let Some(stat) = proc.stat(pid) else {
            return Looked::Hidden;
        };
        let is_known = self
            .known
            .get(&pid)
            .is_some_and(|facts| facts.start_ticks == stat.start_ticks);
        if !is_known {
            let uni_id = proc
                .environ(pid)
                .and_then(|(environ, _)| variable(environ, UNI_ID))
                .map(|id| UniId(id.to_owned()));
            let facts = Facts {
                pid,
                start_ticks: stat.start_ticks,
                uid: proc.uid(pid),
                uni_id,
                wanted: true,
            };
            self.known.insert(pid, facts);
        }
        match self.known.get_mut(&pid) {
            Some(facts) => {
                facts.wanted = true;
                Looked::Seen(facts)
            }
            None => Looked::Hidden,
        }
    }
}
