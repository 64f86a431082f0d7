//! What does not change about a process while it lives, read once: start time, user, and the attempt it belongs to.
use std::{collections::HashMap, os::fd::OwnedFd};

use gpuyard_core::model::{Bytes, GpuProcess, UniId, Work};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::procfs::{Proc, most_kept, variable};

/// Where `kernel.pid_max` cannot be read: the most that Linux allows.
const PID_MAX_LIMIT: u32 = 1 << 22;
/// In the environment of everything that an attempt starts.
const UNI_ID: &str = "GPUYARD_UNI_ID";

/// The facts.
pub(crate) struct Facts {
    pid: i32,
    start_ticks: u64,
    uid: Option<u32>,
    uni_id: Option<UniId>,
    /// Readable once it has ended. `None`: each round reads its start time again.
    watch: Option<OwnedFd>,
    /// In this round it still is the process that it was.
    still_there: bool,
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

/// Reads facts, and remembers them. A machine has dozens of processes on its GPUs for days, and is looked at every second:
/// that they are still the same is one call for all of them.
pub(crate) struct FactsReader {
    known: HashMap<i32, Facts>,
    /// Read once a round, where a pid is looked at.
    pid_max: Option<u32>,
    may_watch: usize,
}

impl Default for FactsReader {
    fn default() -> Self {
        FactsReader {
            known: HashMap::new(),
            pid_max: None,
            may_watch: most_kept(),
        }
    }
}

impl FactsReader {
    /// A round begins: one look at all GPUs.
    pub(crate) fn begin(&mut self) {
        self.pid_max = None;
        let mut watched: Vec<(&OwnedFd, &mut bool)> = Vec::with_capacity(self.known.len());
        for facts in self.known.values_mut() {
            facts.still_there = false;
            watched.extend(facts.watch.as_ref().zip(Some(&mut facts.still_there)));
        }
        let mut fds: Vec<PollFd<'_>> = watched.iter().map(|(fd, _)| PollFd::new(*fd, PollFlags::IN)).collect();
        // Should it fail, each is looked at.
        if poll(&mut fds, Some(&Timespec::default())).is_ok() {
            let ended: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
            for ((_, still_there), ended) in watched.into_iter().zip(ended) {
                *still_there = !ended;
            }
        }
        // Who has ended is met anew, should the driver still list its pid.
        self.known.retain(|_, facts| facts.watch.is_none() || facts.still_there);
    }

    /// A round is over: forget what was not seen in it.
    pub(crate) fn end(&mut self) {
        self.known.retain(|_, facts| std::mem::take(&mut facts.wanted));
    }

    /// Looks at a pid that a driver lists.
    pub(crate) fn of(&mut self, pid: u32, proc: &mut Proc) -> Looked<'_> {
        let Some(pid) = i32::try_from(pid).ok().filter(|&known| known > 1) else {
            return Looked::Nonsense;
        };
        if !self.known.get(&pid).is_some_and(|facts| facts.still_there) {
            let pid_max = *self
                .pid_max
                .get_or_insert_with(|| proc.pid_max().unwrap_or(PID_MAX_LIMIT));
            if pid.cast_unsigned() > pid_max {
                return Looked::Nonsense;
            }
            if !self.look(pid, proc) {
                return Looked::Hidden;
            }
        }
        match self.known.get_mut(&pid) {
            Some(facts) => {
                facts.wanted = true;
                Looked::Seen(facts)
            }
            None => Looked::Hidden,
        }
    }

    /// Reads what is not known; `false` when there is no such process to be seen.
    fn look(&mut self, pid: i32, proc: &mut Proc) -> bool {
        let met = self.known.contains_key(&pid);
        // Before its start time is read, so that what is watched is not older than what is known.
        let watch = if met { None } else { self.watch(pid, proc) };
        let Some(stat) = proc.stat(pid) else { return false };
        let same = self
            .known
            .get(&pid)
            .is_some_and(|facts| facts.start_ticks == stat.start_ticks);
        if !same {
            let uni_id = proc
                .environ(pid)
                .and_then(|(environ, _)| variable(environ, UNI_ID))
                .map(|id| UniId(id.to_owned()));
            let facts = Facts {
                pid,
                start_ticks: stat.start_ticks,
                uid: proc.uid(pid),
                uni_id,
                still_there: watch.is_some(),
                watch,
                wanted: true,
            };
            self.known.insert(pid, facts);
        }
        true
    }

    fn watch(&self, pid: i32, proc: &Proc) -> Option<OwnedFd> {
        let watched = self.known.values().filter(|facts| facts.watch.is_some()).count();
        let pid = Pid::from_raw(pid).filter(|_| proc.is_ours() && watched < self.may_watch)?;
        pidfd_open(pid, PidfdFlags::empty()).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::process::{Child, Command};

    use super::*;

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn is_seen(reader: &mut FactsReader, proc: &mut Proc, pid: u32) -> bool {
        reader.begin();
        let seen = matches!(reader.of(pid, proc), Looked::Seen(facts) if facts.pid == pid as i32);
        reader.end();
        seen
    }

    #[test]
    fn a_process_is_seen_until_it_is_gone_whether_it_is_watched_or_not() {
        for may_watch in [0, 1] {
            let mut child = sleeper();
            let mut proc = Proc::new("/proc");
            let mut reader = FactsReader {
                may_watch,
                ..FactsReader::default()
            };
            for _ in 0..2 {
                assert!(is_seen(&mut reader, &mut proc, child.id()));
                let watched = reader.known.values().filter(|facts| facts.watch.is_some()).count();
                assert_eq!(watched, may_watch);
            }
            child.kill().unwrap();
            child.wait().unwrap();
            assert!(!is_seen(&mut reader, &mut proc, child.id()));
            assert!(reader.known.is_empty());
        }
    }

    #[test]
    fn a_watched_process_costs_no_read() {
        let mut child = sleeper();
        let mut proc = Proc::new("/proc");
        let mut reader = FactsReader::default();
        assert!(is_seen(&mut reader, &mut proc, child.id()));
        // Where nothing can be read any more, it is known all the same.
        let mut nothing = Proc::new("/nonexistent");
        assert!(is_seen(&mut reader, &mut nothing, child.id()));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_seen(&mut reader, &mut nothing, child.id()));
    }

    #[test]
    fn a_recorded_tree_is_not_taken_for_this_machine() {
        let mut child = sleeper();
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/proc", dir.path().join("proc")).unwrap();
        let mut proc = Proc::new(dir.path().join("proc"));
        let mut reader = FactsReader::default();
        assert!(is_seen(&mut reader, &mut proc, child.id()));
        assert!(reader.known.values().all(|facts| facts.watch.is_none()));
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
