//! What an attempt has left running: found, asked to end, killed.
use std::{collections::HashMap, io, path::Path};

use crate::{
    cgroup,
    kill::{self, Target},
    lease::{Trace, find_one},
    proc::{self, Stat},
};

/// The living descendants of this process.
fn descendants() -> io::Result<Vec<Stat>> {
    let all = proc::all()?;
    let own = std::process::id() as i32;
    let mut children: HashMap<i32, Vec<&Stat>> = HashMap::new();
    for stat in &all {
        children.entry(stat.parent).or_default().push(stat);
    }
    let mut found = Vec::new();
    let mut open = vec![own];
    while let Some(pid) = open.pop() {
        for child in children.remove(&pid).unwrap_or_default() {
            open.push(child.pid);
            if !child.is_dead() {
                found.push(*child);
            }
        }
    }
    Ok(found)
}

/// Descendants, and (where we took over from a runner that was killed) what its commands left behind.
pub(super) fn all(predecessor: Option<Trace<'_>>) -> io::Result<Vec<Stat>> {
    let mut found = descendants()?;
    if let Some(trace) = predecessor {
        for stat in find_one(trace)? {
            if !found.iter().any(|s| s.pid == stat.pid) && stat.pid != std::process::id() as i32 {
                found.push(stat);
            }
        }
    }
    Ok(found)
}

/// Asks one to end.
pub(super) fn ask(stat: &Stat) {
    if let Ok(Some(target)) = Target::open(stat.pid, stat.start_ticks) {
        // It may be gone, or (a set-user-id program) not ours to signal: it is looked for again.
        let _ = target.ask_to_end();
    }
}

/// Kills all.
pub(super) fn kill(own_cgroup: Option<&Path>, predecessor: Option<Trace<'_>>) {
    if let Some(path) = own_cgroup {
        cgroup::kill_all(path);
    }
    kill::stop_and_kill(|| all(predecessor));
}
