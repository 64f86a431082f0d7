//! Which simulated memory the live attempts' processes claim.
use std::collections::BTreeMap;

use gpuyard_core::model::{Bytes, GpuProcess, LiveAttempt, Percent, UniId, Work};

use super::scenario::ProcessScript;
use crate::procfs::{Proc, variable};

/// How much GPU memory a process says that it uses, on each GPU that its `CUDA_VISIBLE_DEVICES` names.
const MEMORY: &str = "GPUYARD_SIMULATED_MEMORY";
const DEVICES: &str = "CUDA_VISIBLE_DEVICES";
/// An attempt with more processes than this is a fork bomb; looking at all of it would only help it.
const MOST_PROCESSES: usize = 4096;

/// An attempt's largest claim on one GPU.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Claim {
    pub(super) gpu: u32,
    pub(super) uni_id: UniId,
    pub(super) pid: i32,
    pub(super) start_ticks: u64,
    pub(super) uid: u32,
    pub(super) memory: Bytes,
}

impl Claim {
    pub(super) fn process(&self) -> GpuProcess {
        GpuProcess {
            pid: self.pid,
            start_ticks: self.start_ticks,
            uid: Some(self.uid),
            work: Work::Compute,
            memory: Some(self.memory),
            sm_utilization: None,
            uni_id: Some(self.uni_id.clone()),
        }
    }
}

/// Walks attempts' process trees.
///
/// Nothing is kept from one walk to the next: an exec changes a process's environment and neither its pid nor its start
/// time.
pub(super) struct ClaimReader {
    proc: Proc,
    /// The walk's own list, kept for its allocation.
    pids: Vec<i32>,
}

impl ClaimReader {
    pub(super) fn new(proc: Proc) -> ClaimReader {
        ClaimReader { proc, pids: Vec::new() }
    }

    /// All claims of all attempts; `uuids` are those of the GPUs, in index order.
    pub(super) fn read(&mut self, attempts: &[LiveAttempt], uuids: &[String]) -> Vec<Claim> {
        let mut claims = Vec::new();
        for attempt in attempts {
            self.collect(attempt);
            let mut largest: BTreeMap<u32, Claim> = BTreeMap::new();
            for at in 0..self.pids.len() {
                let pid = self.pids[at];
                let Some(found) = self.claim_of(pid, attempt) else {
                    continue;
                };
                let (memory, uid, devices) = found;
                let gpus = named(&devices, uuids);
                // Deeper in the tree comes later, and is the one that works, among equals.
                let best = |gpu: &u32| largest.get(gpu).is_none_or(|claim| memory >= claim.memory);
                let better: Vec<u32> = gpus.into_iter().filter(best).collect();
                if better.is_empty() {
                    continue;
                }
                let Some(stat) = self.proc.stat(pid) else { continue };
                for gpu in better {
                    let uni_id = attempt.uni_id.clone();
                    let claim = Claim {
                        gpu,
                        uni_id,
                        pid,
                        start_ticks: stat.start_ticks,
                        uid,
                        memory,
                    };
                    largest.insert(gpu, claim);
                }
            }
            claims.extend(largest.into_values());
        }
        claims
    }

    /// Puts the attempt's pids into `self.pids`: all below its runner (the runner itself is not the attempt's), and
    /// what is known to belong to it besides.
    fn collect(&mut self, attempt: &LiveAttempt) {
        self.pids.clear();
        if let Some(runner) = attempt.runner_pid {
            self.proc.children(runner, &mut self.pids);
        }
        for pid in &attempt.pids {
            if *pid > 1 && !self.pids.contains(pid) {
                self.pids.push(*pid);
            }
        }
        let mut at = 0;
        while at < self.pids.len() && self.pids.len() < MOST_PROCESSES {
            let known = self.pids.len();
            self.proc.children(self.pids[at], &mut self.pids);
            // A pid given twice, by a runner and by hand, must not be walked twice.
            for child in known..self.pids.len() {
                if self.pids[..known].contains(&self.pids[child]) {
                    self.pids[child] = 0;
                }
            }
            self.pids.retain(|pid| *pid != 0);
            at += 1;
        }
    }

    /// What the process says in its environment: memory, owner, devices.
    fn claim_of(&mut self, pid: i32, attempt: &LiveAttempt) -> Option<(Bytes, u32, String)> {
        let (environ, uid) = self.proc.environ(pid)?;
        let memory = Bytes::parse(variable(environ, MEMORY)?).filter(|memory| *memory > Bytes(0))?;
        // A pid "known to belong" may have been given to a stranger meanwhile.
        if variable(environ, "GPUYARD_UNI_ID").is_some_and(|id| id != attempt.uni_id.as_str()) {
            return None;
        }
        Some((memory, uid, variable(environ, DEVICES).unwrap_or_default().to_owned()))
    }

    /// A scripted process of somebody else. One that really lives has its real start time, so that it can be named, and
    /// signalled.
    pub(super) fn foreign(&mut self, script: &ProcessScript) -> GpuProcess {
        let real = script
            .start_ticks
            .is_none()
            .then(|| self.proc.stat(script.pid))
            .flatten();
        GpuProcess {
            pid: script.pid,
            start_ticks: script.start_ticks.or(real.map(|stat| stat.start_ticks)).unwrap_or(0),
            uid: script.uid,
            work: script.work,
            memory: script.memory,
            sm_utilization: script.utilization.map(Percent),
            uni_id: None,
        }
    }
}

/// The indices that a `CUDA_VISIBLE_DEVICES` names, up to the first entry that names none: an index, a UUID, or the
/// beginning of just one.
fn named(devices: &str, uuids: &[String]) -> Vec<u32> {
    let index = |entry: &str| -> Option<u32> {
        if let Ok(index) = entry.parse::<u32>() {
            return ((index as usize) < uuids.len()).then_some(index);
        }
        let begins = |uuid: &String| {
            uuid.get(..entry.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(entry))
        };
        let mut matching = (0..)
            .zip(uuids)
            .filter(|(_, uuid)| begins(uuid))
            .map(|(index, _)| index);
        matching.next().filter(|_| entry.len() > 4 && matching.next().is_none())
    };
    devices.split(',').map_while(|entry| index(entry.trim())).collect()
}
