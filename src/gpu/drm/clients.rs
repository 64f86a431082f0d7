//! Which processes have a card open, by looking through `/proc/PID/fd`.
//!
//! A host has hundreds of processes and a handful of them use a card, so not all are looked into each time: a new
//! process is looked into at once, and again after growing pauses; one that has a card open is read at every look.
use std::{collections::HashMap, io, path::PathBuf};

use gpuyard_core::model::Mono;

use super::fdinfo::{self, Client};
use crate::procfs::Proc;

/// The pause before a process is looked into again: as long as it has been known, within these.
const SHORTEST_PAUSE_MS: u64 = 1000;
const LONGEST_PAUSE_MS: u64 = 10_000;
/// Where the kernel has the cards.
const DEVICES: &str = "/dev/dri/";

/// What is known of one process.
struct Watched {
    since: Mono,
    due: Mono,
    /// Descriptors of cards.
    descriptors: Vec<String>,
    /// Its open files may not be read.
    hidden: bool,
    /// Seen in this round.
    there: bool,
}

/// A client, and the process that holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Held {
    /// The oldest of those that share it.
    pub(crate) pid: i32,
    pub(crate) client: Client,
}

/// What one look found.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// Each client once.
    pub(crate) clients: Vec<Held>,
    /// Processes whose open files may not be read.
    pub(crate) unseen: u32,
}

/// Looks again and again.
pub(crate) struct Clients {
    root: PathBuf,
    watched: HashMap<i32, Watched>,
}

impl Clients {
    /// Looks below `proc_root`.
    pub(crate) fn new(proc_root: impl Into<PathBuf>) -> Clients {
        Clients {
            root: proc_root.into(),
            watched: HashMap::new(),
        }
    }

    /// Every client of every card now. An error where `/proc` itself cannot be listed: then nothing is known.
    pub(crate) fn look(&mut self, proc: &mut Proc, now: Mono) -> io::Result<Look> {
        for entry in std::fs::read_dir(&self.root)? {
            let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            let watched = self.watched.entry(pid).or_insert(Watched {
                since: now,
                due: now,
                descriptors: Vec::new(),
                hidden: false,
                there: true,
            });
            watched.there = true;
            if watched.due <= now {
                (watched.descriptors, watched.hidden) = match descriptors(&self.root, pid) {
                    Ok(found) => (found, false),
                    Err(error) => (Vec::new(), is_refusal(&error) && !is_kernel(proc, pid)),
                };
                let pause = now.since(watched.since).clamp(SHORTEST_PAUSE_MS, LONGEST_PAUSE_MS);
                watched.due = now.plus_millis(pause);
            }
        }
        self.watched.retain(|_, watched| std::mem::take(&mut watched.there));
        let mut found: HashMap<(String, u64), (u64, Held)> = HashMap::new();
        for (pid, watched) in self
            .watched
            .iter()
            .filter(|(_, watched)| !watched.descriptors.is_empty())
        {
            // A pid that came back within a pause has other files: these are read anew each time, so nothing old is told.
            let Some(stat) = proc.stat(*pid) else { continue };
            for descriptor in &watched.descriptors {
                let Some(client) = proc.fdinfo(*pid, descriptor).and_then(|text| fdinfo::parse(&text)) else {
                    continue;
                };
                // Who inherits a descriptor shares the client; the oldest opened it, or is nearest to who did.
                let held = Held { pid: *pid, client };
                let key = (held.client.pci.clone(), held.client.id);
                let entry = found.entry(key).or_insert_with(|| (stat.start_ticks, held.clone()));
                if (stat.start_ticks, *pid) < (entry.0, entry.1.pid) {
                    *entry = (stat.start_ticks, held);
                }
            }
        }
        let mut clients: Vec<Held> = found.into_values().map(|(_, held)| held).collect();
        clients.sort_by(|a, b| (a.pid, &a.client.pci, a.client.id).cmp(&(b.pid, &b.client.pci, b.client.id)));
        let unseen = self.watched.values().filter(|watched| watched.hidden).count() as u32;
        Ok(Look { clients, unseen })
    }
}

/// The descriptors of a process that are open cards.
fn descriptors(root: &std::path::Path, pid: i32) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join(pid.to_string()).join("fd"))? {
        let entry = entry?;
        // It may have been closed since.
        let Ok(target) = std::fs::read_link(entry.path()) else {
            continue;
        };
        if target.to_str().is_some_and(|target| target.starts_with(DEVICES))
            && let Some(name) = entry.file_name().to_str()
        {
            found.push(name.to_owned());
        }
    }
    Ok(found)
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::PermissionDenied
}

/// A thread of the kernel has no files that anyone could hide.
fn is_kernel(proc: &mut Proc, pid: i32) -> bool {
    proc.stat(pid).is_some_and(|stat| stat.is_kernel)
}
