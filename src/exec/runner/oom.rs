//! Whether the kernel's out-of-memory killer was at work among our commands.
use std::{fs, path::PathBuf};

use crate::{cgroup::Cgroup, proc};

/// A counter of out-of-memory kills, and what it was when the attempt began.
#[derive(Debug)]
pub(super) struct Watch {
    counter: Option<PathBuf>,
    before: u64,
}

impl Watch {
    /// The nearest counter there is: our own cgroup's, that of a cgroup above, or that of the memory cgroup (v1).
    pub(super) fn new(cgroup: Option<&Cgroup>, own: &str) -> Watch {
        let v2 = || {
            let mut folder = cgroup?.path().to_owned();
            loop {
                let file = folder.join("memory.events");
                if file.exists() {
                    return Some(file);
                }
                // The mount itself is the last that has this file's neighbour.
                if !folder.pop() || !folder.join("cgroup.procs").exists() {
                    return None;
                }
            }
        };
        let without_cgroup = || {
            let path = format!("/sys/fs/cgroup{}/memory.events", proc::cgroup_of(own)?);
            Some(PathBuf::from(path)).filter(|p| p.exists())
        };
        let v1 = || {
            let path = own.lines().find_map(|line| line.split_once(":memory:"))?.1;
            Some(PathBuf::from(format!("/sys/fs/cgroup/memory{path}/memory.oom_control"))).filter(|p| p.exists())
        };
        let counter = v2().or_else(without_cgroup).or_else(v1);
        let before = counter.as_deref().and_then(read).unwrap_or(0);
        Watch { counter, before }
    }

    /// Whether it has killed since.
    pub(super) fn has_killed(&self) -> bool {
        self.counter
            .as_deref()
            .and_then(read)
            .is_some_and(|now| now > self.before)
    }
}

/// The line `oom_kill N`, which both versions have.
fn read(path: &std::path::Path) -> Option<u64> {
    fs::read_to_string(path)
        .ok()?
        .lines()
        .find_map(|line| line.strip_prefix("oom_kill "))?
        .trim()
        .parse()
        .ok()
}
