//! Finding the processes of an attempt whose runner is gone.
use std::{collections::HashMap, io, path::Path};

use super::Mark;
use crate::{
    cgroup,
    proc::{self, Key, Stat},
};

/// By what the processes of an attempt are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trace<'a> {
    /// The key in their environment, and part of their cgroup's name.
    pub(crate) uni_id: &'a str,
    /// Whose attempt it is.
    pub(crate) uid: u32,
    /// What its runners said.
    pub(crate) marks: &'a [Mark],
    /// The lease file that they have open.
    pub(crate) lease: &'a Path,
    /// Processes that are its own for other reasons, unless they carry another attempt's key.
    pub(crate) roots: &'a [i32],
}

/// Looks through `/proc` for the living processes of all these attempts; one list for each.
///
/// A process belongs to an attempt when it carries its key, is in its cgroup, has inherited its lease, or descends from
/// one that does. Of another user's processes, only the cgroup can be seen; where the attempt had none of its own,
/// every process of that user that may be one of them counts as one.
pub(crate) fn find(traces: &[Trace<'_>]) -> io::Result<Vec<Vec<Stat>>> {
    let mut lists = pass(traces)?;
    // What forks while we look can slip through once.
    if lists.iter().any(Vec::is_empty) {
        for (list, again) in lists.iter_mut().zip(pass(traces)?).filter(|(list, _)| list.is_empty()) {
            *list = again;
        }
    }
    Ok(lists)
}

/// The same for one attempt.
pub(crate) fn find_one(trace: Trace<'_>) -> io::Result<Vec<Stat>> {
    Ok(find(&[trace])?.pop().unwrap_or_default())
}

fn pass(traces: &[Trace<'_>]) -> io::Result<Vec<Vec<Stat>>> {
    let names: Vec<String> = traces.iter().map(|t| cgroup::name(t.uni_id)).collect();
    let processes = proc::all()?;
    let own_pid = std::process::id() as i32;
    let parents: HashMap<i32, i32> = processes.iter().map(|s| (s.pid, s.parent)).collect();
    let mut owner: HashMap<i32, usize> = HashMap::new();
    for stat in processes.iter().filter(|s| !s.is_dead() && s.pid != own_pid) {
        let key = proc::key(stat)?;
        let inside = proc::cgroup(stat.pid)?;
        for (index, (trace, name)) in traces.iter().zip(&names).enumerate() {
            if belongs(stat, &key, inside.as_deref(), trace, name)? {
                owner.insert(stat.pid, index);
                break;
            }
        }
    }
    let mut lists = vec![Vec::new(); traces.len()];
    for stat in processes.iter().filter(|s| !s.is_dead()) {
        // Up the tree until an ancestor belongs; the bound guards against a loop in what was not read at one instant.
        let mut pid = stat.pid;
        for _ in 0..processes.len() {
            if let Some(&index) = owner.get(&pid) {
                lists[index].push(*stat);
                break;
            }
            match parents.get(&pid) {
                Some(&parent) => pid = parent,
                None => break,
            }
        }
    }
    Ok(lists)
}

/// Whether a process itself, its ancestors apart, is known to belong to an attempt, whose cgroup has this name.
fn belongs(stat: &Stat, key: &Key, inside: Option<&str>, trace: &Trace<'_>, name: &str) -> io::Result<bool> {
    if inside.is_some_and(|path| path.split('/').any(|part| part == name)) {
        return Ok(true);
    }
    let is_root = trace.roots.contains(&stat.pid);
    match key {
        Key::Is(id) if id == trace.uni_id => Ok(true),
        Key::Is(_) => proc::inherited(stat, trace.lease),
        Key::Absent => Ok(is_root || proc::inherited(stat, trace.lease)?),
        Key::Hidden => Ok(is_root || may_be_hidden(stat, inside, trace)),
    }
}

/// Whether a process that cannot be looked into may belong to another user's attempt.
fn may_be_hidden(stat: &Stat, cgroup: Option<&str>, trace: &Trace<'_>) -> bool {
    let (Some(first), Some(last)) = (trace.marks.first(), trace.marks.last()) else {
        return false;
    };
    // Where the attempt had a cgroup of its own, being outside it is proof enough.
    last.cgroup.is_none()
        && stat.terminal == 0
        && stat.start_ticks >= first.start_ticks
        && cgroup == last.born_in.as_deref()
        && proc::uid(stat.pid) == Some(trace.uid)
}
