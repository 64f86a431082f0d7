//! What people want to know about a process on a GPU: whose, what, how long. Only processes that are asked for are
//! looked at, and what does not change is read once.
use std::{collections::HashMap, fs::File, path::Path, sync::Arc};

use gpuyard_core::{
    model::{Bytes, Mono, Percent, Seconds, UniId},
    wire::{Container, Multiplexer, Role, Terminal},
};
use nix::unistd::{SysconfVar, Uid, User, sysconf};

use crate::{
    ancestry::{Ancestry, Forebear, joined, role},
    container::container_of,
    procfs::{Proc, Stat, most_kept, stat_of},
    terminal::terminal_of,
};

/// CPU time is not compared over less: clock ticks are 10 ms, and the quotient would be noise.
const SHORTEST_CPU_SPAN_MS: u64 = 200;
/// A grandparent that dies tells nobody: where a process comes from is looked at again after so long.
const ORIGIN_AGE_MS: u64 = 10_000;
/// What an attempt's own cgroup is called begins so.
const OWN_CGROUP: &str = "gpuyard-";

/// Where a process comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// What it is itself.
    pub role: Role,
    /// The attempt whose cgroup it is in.
    pub attempt: Option<UniId>,
    /// The container that it is in.
    pub container: Option<Container>,
    /// The terminal session that it was started in, whose server lives.
    pub terminal: Option<Terminal>,
    /// Its parents, nearest first, up to the first that is more than any process.
    pub ancestors: Vec<Arc<Forebear>>,
}

/// A process, as far as `/proc` tells. `None` is what cannot be told.
#[derive(Clone, Debug, PartialEq)]
pub struct ProcessDetails {
    /// Login name, or the uid in digits.
    pub username: Option<Arc<str>>,
    /// Name of the executable.
    pub name: Arc<str>,
    /// Command line.
    pub command: Option<Arc<str>>,
    /// Of one CPU, since the look before; `None` at the first.
    pub cpu_percent: Option<Percent>,
    /// Resident memory.
    pub host_memory: Bytes,
    /// Since it started.
    pub running_time: Seconds,
    /// Where it comes from.
    pub origin: Arc<Origin>,
}

struct Tracked {
    details: ProcessDetails,
    /// Its `/proc/PID/stat`, for as many as may be kept.
    stat: Option<File>,
    /// The terminal that its environment names.
    named_terminal: Option<Terminal>,
    parent: i32,
    origin_due: Mono,
    cpu_ticks: u64,
    looked_at: Mono,
    /// Asked for in this round.
    wanted: bool,
}

/// Reads details of tracked processes again and again.
pub struct DetailReader {
    proc: Proc,
    tracked: HashMap<(i32, u64), Tracked>,
    may_keep: usize,
    users: HashMap<u32, Arc<str>>,
    ancestry: Ancestry,
    ticks_per_second: f64,
    page: u64,
}

impl DetailReader {
    /// Reads below `proc_root`, `/proc` in life.
    pub fn new(proc_root: &Path) -> DetailReader {
        let system = |name, otherwise: u64| sysconf(name).ok().flatten().map_or(otherwise, |value| value as u64);
        DetailReader {
            proc: Proc::new(proc_root),
            tracked: HashMap::new(),
            may_keep: most_kept(),
            users: HashMap::new(),
            ancestry: Ancestry::default(),
            ticks_per_second: system(SysconfVar::CLK_TCK, 100) as f64,
            page: system(SysconfVar::PAGE_SIZE, 4096),
        }
    }

    /// Details of `processes`, each named by pid and start time; those that are gone are left out. What is not asked
    /// for any more is forgotten.
    pub fn read(
        &mut self,
        processes: impl IntoIterator<Item = (i32, u64)>,
        now: Mono,
    ) -> HashMap<(i32, u64), ProcessDetails> {
        let mut found = HashMap::with_capacity(self.tracked.len());
        for key in processes {
            if let Some(details) = self.look(key, now) {
                found.insert(key, details);
            }
        }
        self.tracked.retain(|_, tracked| std::mem::take(&mut tracked.wanted));
        self.ancestry.tidy();
        found
    }

    fn look(&mut self, key: (i32, u64), now: Mono) -> Option<ProcessDetails> {
        let (pid, start_ticks) = key;
        let kept = self.tracked.get(&key);
        let kept = kept.and_then(|tracked| tracked.stat.as_ref().zip(Some(&tracked.details.name)));
        let stat = kept.map_or_else(|| self.proc.stat(pid), |(file, name)| stat_of(file, name));
        let stat = stat.filter(|stat| stat.start_ticks == start_ticks)?;
        // A changed name is an exec: its command line is another.
        let known = self
            .tracked
            .get(&key)
            .is_some_and(|tracked| tracked.details.name == stat.comm);
        if !known {
            let tracked = self.meet(pid, &stat, now);
            self.tracked.insert(key, tracked);
        }
        let (page, hz) = (self.page, self.ticks_per_second);
        let tracked = self.tracked.get_mut(&key)?;
        tracked.wanted = true;
        if tracked.parent != stat.parent || now >= tracked.origin_due {
            let ancestors = self.ancestry.of(&stat, &mut self.proc);
            tracked.parent = stat.parent;
            tracked.origin_due = now.plus_millis(ORIGIN_AGE_MS);
            let terminal = terminal(tracked.named_terminal.as_ref(), &ancestors, &mut self.proc);
            let before = &tracked.details.origin;
            if (&before.terminal, &before.ancestors) != (&terminal, &ancestors) {
                tracked.details.origin = Arc::new(Origin {
                    terminal,
                    ancestors,
                    ..Origin::clone(before)
                });
            }
        }
        tracked.details.host_memory = Bytes(stat.rss_pages.saturating_mul(page));
        // Start time and `Mono` both count from boot, suspends included.
        tracked.details.running_time = Seconds((now.0 as f64 / 1000.0 - start_ticks as f64 / hz).max(0.0));
        let span = now.since(tracked.looked_at);
        if span >= SHORTEST_CPU_SPAN_MS {
            let ticks = stat.cpu_ticks.saturating_sub(tracked.cpu_ticks) as f64;
            tracked.details.cpu_percent = Some(Percent((ticks / hz / (span as f64 / 1000.0) * 100.0) as f32));
            (tracked.cpu_ticks, tracked.looked_at) = (stat.cpu_ticks, now);
        }
        Some(tracked.details.clone())
    }

    /// Reads what does not change, and where the process comes from.
    fn meet(&mut self, pid: i32, stat: &Stat, now: Mono) -> Tracked {
        let proc = &mut self.proc;
        let kept = self.tracked.values().filter(|tracked| tracked.stat.is_some()).count();
        let arguments = proc.arguments(pid);
        let named_terminal = proc.environ(pid).and_then(|(environ, _)| terminal_of(environ));
        let cgroup = proc.cgroup(pid).unwrap_or_default();
        let ancestors = self.ancestry.of(stat, proc);
        let origin = Origin {
            role: role(pid, &stat.comm, &arguments),
            attempt: attempt_of(&cgroup),
            container: container_of(&cgroup),
            terminal: terminal(named_terminal.as_ref(), &ancestors, proc),
            ancestors,
        };
        let uid = proc.uid(pid);
        Tracked {
            details: ProcessDetails {
                username: uid.map(|uid| self.username(uid)),
                name: stat.comm.clone(),
                command: joined(&arguments).map(Arc::from),
                cpu_percent: None,
                host_memory: Bytes(0),
                running_time: Seconds(0.0),
                origin: Arc::new(origin),
            },
            stat: (kept < self.may_keep).then(|| self.proc.open_stat(pid)).flatten(),
            named_terminal,
            parent: stat.parent,
            origin_due: now.plus_millis(ORIGIN_AGE_MS),
            cpu_ticks: stat.cpu_ticks,
            looked_at: now,
            wanted: true,
        }
    }

    /// The login name of a user, or its number in digits.
    pub fn username(&mut self, uid: u32) -> Arc<str> {
        let ask = || {
            User::from_uid(Uid::from_raw(uid))
                .ok()
                .flatten()
                .map_or_else(|| uid.to_string(), |user| user.name)
                .into()
        };
        self.users.entry(uid).or_insert_with(ask).clone()
    }
}

/// The attempt whose own cgroup this is, or is below.
fn attempt_of(cgroup: &str) -> Option<UniId> {
    let path = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let id = path.split('/').find_map(|part| part.strip_prefix(OWN_CGROUP))?;
    (!id.is_empty()).then(|| UniId(id.to_owned()))
}

/// The terminal session of a process. A parent that is a multiplexer's server is sure; without one (it went into the
/// background, say) the environment is believed as long as that server lives. What a runner started has none: its
/// environment names the terminal that the daemon was once started in.
fn terminal(named: Option<&Terminal>, ancestors: &[Arc<Forebear>], proc: &mut Proc) -> Option<Terminal> {
    let top = ancestors.last();
    match top.filter(|top| top.role == Role::Terminal) {
        Some(server) => {
            let told = named.filter(|named| named.server_pid == server.pid).cloned();
            Some(told.unwrap_or_else(|| Terminal {
                kind: multiplexer(&server.name),
                server_pid: server.pid,
                session: None,
                pane: None,
                attach: None,
            }))
        }
        None if top.is_some_and(|top| top.role == Role::Runner) => None,
        None => {
            let named = named?;
            let server = proc.stat(named.server_pid)?;
            let lives = role(named.server_pid, &server.comm, &[]) == Role::Terminal;
            (lives && multiplexer(&server.comm) == named.kind).then(|| named.clone())
        }
    }
}

/// Which multiplexer a server of this name is.
fn multiplexer(name: &str) -> Multiplexer {
    if name.starts_with("tmux") {
        Multiplexer::Tmux
    } else {
        Multiplexer::Screen
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::fs;

    use super::*;

    fn write(root: &Path, pid: i32, name: &str, cpu: u64, start: u64) {
        let folder = root.join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        let stat = format!("{pid} ({name}) S 1 1 1 0 -1 0 0 0 0 0 {cpu} 0 0 0 20 0 1 0 {start} 0 256 0 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("status"), "Name:\tx\nUid:\t0\t0\t0\t0\n").unwrap();
        fs::write(folder.join("cmdline"), b"python\0train.py\0").unwrap();
    }

    #[test]
    fn tracked_processes_are_described_and_others_are_not() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), 42, "python", 100, 1000);
        let mut reader = DetailReader::new(root.path());
        let hz = reader.ticks_per_second as u64;
        let start = Mono(1000 * 1000 / hz);
        let first = reader.read([(42, 1000), (42, 999), (43, 1)], start.plus_millis(5000));
        assert_eq!(first.len(), 1, "another start time is another process");
        let seen = &first[&(42, 1000)];
        assert_eq!((seen.username.as_deref(), &*seen.name), (Some("root"), "python"));
        assert_eq!(seen.command.as_deref(), Some("python train.py"));
        assert_eq!((seen.cpu_percent, seen.running_time), (None, Seconds(5.0)));
        assert_eq!(seen.host_memory, Bytes(256 * reader.page));

        write(root.path(), 42, "python", 100 + hz / 2, 1000);
        let second = reader.read([(42, 1000)], start.plus_millis(6000));
        assert_eq!(second[&(42, 1000)].cpu_percent, Some(Percent(50.0)));

        write(root.path(), 42, "bash", 200, 1000);
        assert_eq!(
            &*reader.read([(42, 1000)], start.plus_millis(7000))[&(42, 1000)].name,
            "bash",
            "after an exec"
        );
        assert!(reader.read([], start.plus_millis(8000)).is_empty());
        assert!(reader.tracked.is_empty());
    }

    /// A process with its parent, its words and what else it has.
    fn born(root: &Path, (pid, name, parent): (i32, &str, i32), words: &str, (cgroup, environ): (&str, &str)) {
        let folder = root.join(pid.to_string());
        fs::create_dir_all(&folder).unwrap();
        let stat = format!("{pid} ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {pid} 0 256 0 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("status"), "Uid:\t0\t0\t0\t0\n").unwrap();
        fs::write(folder.join("cmdline"), words.replace(' ', "\0")).unwrap();
        fs::write(folder.join("cgroup"), format!("0::{cgroup}\n")).unwrap();
        fs::write(folder.join("environ"), environ.replace(' ', "\0")).unwrap();
    }

    fn chain(origin: &Origin) -> Vec<(i32, Role)> {
        let parents = origin.ancestors.iter();
        parents.map(|parent| (parent.pid, parent.role)).collect()
    }

    #[test]
    fn a_grandchild_is_told_with_its_parents_up_to_where_it_came_from() {
        const TMUX: &str = "TMUX=/tmp/tmux-0/default,20,3 TMUX_PANE=%7";
        let root = tempfile::tempdir().unwrap();
        let at = root.path();
        born(at, (1, "systemd", 0), "/sbin/init", ("/init.scope", ""));
        born(at, (20, "tmux: server", 1), "tmux new -s train", ("/", ""));
        born(at, (21, "bash", 20), "-bash", ("/", TMUX));
        born(at, (22, "torchrun", 21), "python torchrun train.py", ("/", TMUX));
        born(at, (23, "python", 22), "python train.py", ("/", TMUX));
        // A runner of gpuyard, started by a scheduler from within that same tmux, and its task in a cgroup of its own.
        born(at, (30, "exe", 1), "/proc/self/exe run-task", ("/", TMUX));
        born(at, (31, "bash", 30), "bash -c x", ("/a/gpuyard-u-7/b", TMUX));
        born(at, (32, "python", 31), "python x.py", ("/a/gpuyard-u-7/b", TMUX));
        // One in a container, and one that went into the background of a tmux that lives, or does not.
        let docker = format!("/system.slice/docker-{}.scope", "ab".repeat(32));
        born(at, (40, "containerd-shim", 1), "containerd-shim-runc-v2", ("/", ""));
        born(at, (41, "python", 40), "python serve.py", (&docker, ""));
        born(at, (50, "python", 1), "python bg.py", ("/", TMUX));
        born(at, (51, "python", 1), "python bg.py", ("/", "STY=20.x"));

        let mut reader = DetailReader::new(at);
        let named = [23, 32, 41, 50, 51].map(|pid| (pid, pid as u64));
        let now = Mono(1_000_000);
        let found = reader.read(named, now);
        let origin = |pid: i32| &*found[&(pid, pid as u64)].origin;
        assert_eq!(
            chain(origin(23)),
            [(22, Role::Process), (21, Role::Process), (20, Role::Terminal)]
        );
        let told = origin(23).terminal.as_ref().unwrap();
        assert_eq!((told.server_pid, told.pane.as_deref()), (20, Some("%7")));
        assert_eq!(told.attach.as_deref(), Some("tmux attach -t '$3'"));
        assert_eq!(chain(origin(32)), [(31, Role::Process), (30, Role::Runner)]);
        assert_eq!(
            origin(32).terminal,
            None,
            "the terminal is the daemon's, not the task's"
        );
        assert_eq!(origin(32).attempt, Some(UniId("u-7".into())));
        assert_eq!(chain(origin(41)), [(40, Role::Container)]);
        assert_eq!(origin(41).container.as_ref().unwrap().id, "ab".repeat(32));
        assert_eq!(origin(50).terminal.as_ref().unwrap().server_pid, 20);
        assert_eq!(origin(51).terminal, None, "that server is no screen");

        // Nothing changes: nothing is read again but stat, and the origin is the same one.
        for name in ["cmdline", "cgroup", "environ", "status"] {
            fs::remove_file(at.join("23").join(name)).unwrap();
        }
        let again = reader.read(named, now.plus_millis(1000));
        assert!(Arc::ptr_eq(&again[&(23, 23)].origin, &found[&(23, 23)].origin));
        // Its parent dies, and the first process takes it in; its terminal is still the one it was started in.
        let stat = fs::read_to_string(at.join("23/stat")).unwrap();
        fs::write(at.join("23/stat"), stat.replace("S 22", "S 1")).unwrap();
        let orphan = &reader.read(named, now.plus_millis(2000))[&(23, 23)];
        assert_eq!(chain(&orphan.origin), [(1, Role::Init)]);
        assert_eq!(orphan.origin.terminal.as_ref().unwrap().server_pid, 20);
        assert_eq!(orphan.command.as_deref(), Some("python train.py"));
        // The server dies: nobody is told, and it is noticed all the same.
        fs::remove_dir_all(at.join("20")).unwrap();
        let later = reader.read(named, now.plus_millis(2000 + ORIGIN_AGE_MS));
        assert_eq!(later[&(23, 23)].origin.terminal, None);
    }
}
