//! Where a process comes from: its parents, up to the session, terminal, container or task that it was started in.
use std::{collections::HashMap, sync::Arc};

use gpuyard_core::{formats::part_of_gpuyard, wire::Role};

use crate::procfs::{Proc, Stat};

/// More parents than this is a loop in what was not read at one instant.
const MOST: usize = 64;

/// Letters of a command line that are told.
const LONGEST: usize = 4096;

/// A process that others descend from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forebear {
    /// Process id.
    pub pid: i32,
    /// Clock ticks from boot to its start.
    pub start_ticks: u64,
    /// Name of the executable.
    pub name: String,
    /// Command line.
    pub command: Option<String>,
    /// The real user id.
    pub uid: Option<u32>,
    /// What it is.
    pub role: Role,
}

/// Reads forebears, and remembers them as long as somebody descends from them.
#[derive(Default)]
pub(crate) struct Ancestry {
    known: HashMap<(i32, u64), Arc<Forebear>>,
}

impl Ancestry {
    /// The forebears of the process with this stat, nearest first. The first that is more than any process is the last.
    pub(crate) fn of(&mut self, stat: &Stat, proc: &mut Proc) -> Vec<Arc<Forebear>> {
        let mut found: Vec<Arc<Forebear>> = Vec::new();
        let mut pid = stat.parent;
        // Parent 0 is the kernel, or a process outside of this pid namespace.
        while pid > 0 && found.len() < MOST {
            let Some(stat) = proc.stat(pid) else { break };
            let forebear = self.look(pid, &stat, proc);
            let role = forebear.role;
            found.push(forebear);
            if role != Role::Process {
                break;
            }
            pid = stat.parent;
        }
        found
    }

    /// Forgets what nobody descends from any more.
    pub(crate) fn tidy(&mut self) {
        self.known.retain(|_, forebear| Arc::strong_count(forebear) > 1);
    }

    fn look(&mut self, pid: i32, stat: &Stat, proc: &mut Proc) -> Arc<Forebear> {
        let key = (pid, stat.start_ticks);
        // A changed name is an exec: it is another program now.
        if let Some(known) = self.known.get(&key).filter(|known| *known.name == *stat.comm) {
            return Arc::clone(known);
        }
        let arguments = proc.arguments(pid);
        let forebear = Arc::new(Forebear {
            pid,
            start_ticks: stat.start_ticks,
            name: stat.comm.to_string(),
            uid: proc.uid(pid),
            role: role(pid, &stat.comm, &arguments),
            command: joined(&arguments),
        });
        self.known.insert(key, Arc::clone(&forebear));
        forebear
    }
}

/// A command line for people; `None` for what has none. One may be megabytes long, and is kept and sent for each process.
pub(crate) fn joined(arguments: &[String]) -> Option<String> {
    let mut line = arguments.join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    (!line.is_empty()).then_some(line)
}

/// What a process is, by its name (cut to 15 bytes by the kernel) and its command line.
pub(crate) fn role(pid: i32, comm: &str, arguments: &[String]) -> Role {
    if let Some(part) = part_of_gpuyard(arguments.iter().map(String::as_str)) {
        return part;
    }
    match comm {
        _ if pid == 1 => Role::Init,
        "systemd" | "init" => Role::Init,
        "tmux: server" | "screen" | "SCREEN" => Role::Terminal,
        "sshd" | "sshd-session" | "login" | "gdm-session-wor" | "gdm-x-session" | "gdm-wayland-ses" | "lightdm"
        | "sddm-helper" | "xrdp-sesman" | "xrdp" => Role::Login,
        "containerd-shim" | "conmon" | "lxc-start" | "lxd" | "incusd" => Role::Container,
        _ => Role::Process,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_without_end_is_cut_between_letters() {
        assert_eq!(joined(&[]), None);
        assert_eq!(
            joined(&["python".into(), "车.py".into()]).as_deref(),
            Some("python 车.py")
        );
        let long = joined(&["车".repeat(LONGEST + 1)]).unwrap_or_default();
        assert_eq!((long.chars().count(), long.ends_with('…')), (LONGEST + 1, true));
        let fits = joined(&["车".repeat(LONGEST)]).unwrap_or_default();
        assert_eq!(fits.chars().count(), LONGEST);
    }

    #[test]
    fn what_is_more_than_any_process_is_known_by_its_name() {
        for (pid, name, wanted) in [
            (1, "process_api", Role::Init),
            (900, "systemd", Role::Init),
            (7, "tmux: server", Role::Terminal),
            (7, "screen", Role::Terminal),
            (7, "sshd-session", Role::Login),
            (7, "containerd-shim", Role::Container),
            (7, "bash", Role::Process),
        ] {
            assert_eq!(role(pid, name, &[]), wanted, "{name}");
        }
        assert_eq!(
            role(7, "exe", &["/proc/self/exe".into(), "run-task".into()]),
            Role::Runner
        );
    }
}
