//! Small reads below `/proc` (or a recorded tree): only of processes that are asked for, never of all.
use std::{
    fs::File,
    io::Read,
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use rustix::process::{Resource, getrlimit};

/// Field numbers of `/proc/PID/stat` count from 1; those after the name, which may contain anything, start with 3.
const FIRST_AFTER_NAME: usize = 3;

/// Fifty-two numbers and a name of 15 bytes are no longer.
const LONGEST_STAT: usize = 2048;

/// PF_KTHREAD of the flags in field 9.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// Descriptors that may be kept of processes, a kind: 256, and no more than an eighth of those that we may have.
pub(crate) fn most_kept() -> usize {
    let ours = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX) / 8;
    usize::try_from(ours).map_or(256, |ours| ours.min(256))
}

/// What `/proc/PID/stat` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Name of the executable, at most 15 bytes.
    pub(crate) comm: Arc<str>,
    /// Parent.
    pub(crate) parent: i32,
    /// Controlling terminal as a device number, 0 for none.
    pub(crate) terminal: u32,
    /// A thread of the kernel, which has no files.
    pub(crate) is_kernel: bool,
    /// CPU time in user and kernel mode, clock ticks.
    pub(crate) cpu_ticks: u64,
    /// Clock ticks from boot to the process's start: with the pid, its identity.
    pub(crate) start_ticks: u64,
    /// Resident pages.
    pub(crate) rss_pages: u64,
}

/// Total and available memory of the host, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostMemory {
    pub(crate) total: u64,
    pub(crate) available: u64,
}

/// The tree, with a buffer that is used again and again.
pub(crate) struct Proc {
    root: PathBuf,
    is_ours: bool,
    buffer: Vec<u8>,
}

impl Proc {
    /// Reads below `root`.
    pub(crate) fn new(root: impl Into<PathBuf>) -> Proc {
        let root = root.into();
        let own_pid = std::process::id().to_string();
        Proc {
            is_ours: root == Path::new("/proc")
                && std::fs::read_link("/proc/self").is_ok_and(|pid| pid == Path::new(&own_pid)),
            root,
            buffer: Vec::with_capacity(16 * 1024),
        }
    }

    /// Its pids are those that our system calls mean: no recorded tree, and not the tree of another pid namespace.
    pub(crate) fn is_ours(&self) -> bool {
        self.is_ours
    }

    fn path(&self, pid: i32, name: &str) -> PathBuf {
        let mut path = PathBuf::with_capacity(64);
        path.push(&self.root);
        path.push(pid.to_string());
        path.push(name);
        path
    }

    /// Reads a whole file of unknown length into the buffer. `None`: it is not there, or not for us.
    fn read(&mut self, path: &Path) -> Option<(&[u8], File)> {
        let mut file = File::open(path).ok()?;
        self.buffer.clear();
        // Not `read_to_end`, which asks for position and size first: two system calls for what is 0 in /proc anyway.
        let mut filled = 0;
        loop {
            if self.buffer.len() < filled + 8192 {
                self.buffer.resize(filled + 16 * 1024, 0);
            }
            match file.read(&mut self.buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some((&self.buffer[..filled], file))
    }

    fn text(&mut self, path: &Path) -> Option<String> {
        self.read(path)
            .map(|(bytes, _)| String::from_utf8_lossy(bytes).into_owned())
    }

    /// The largest pid there can be, plus one (`kernel.pid_max`).
    pub(crate) fn pid_max(&mut self) -> Option<u32> {
        let path = self.root.join("sys/kernel/pid_max");
        self.text(&path)?.trim().parse().ok()
    }

    /// `/proc/PID/stat`; `None` when there is no such process. It is read for every process at every look: with one call,
    /// as its one line comes whole, and without allocating.
    pub(crate) fn stat(&mut self, pid: i32) -> Option<Stat> {
        let mut line = [0; LONGEST_STAT];
        let mut file = File::open(self.path(pid, "stat")).ok()?;
        let length = file.read(&mut line).ok()?;
        parse_stat(&line[..length], None)
    }

    /// `/proc/PID/stat`, to be read again and again: finding the file costs as much as reading it.
    pub(crate) fn open_stat(&self, pid: i32) -> Option<File> {
        File::open(self.path(pid, "stat")).ok()
    }

    /// The real user id.
    pub(crate) fn uid(&mut self, pid: i32) -> Option<u32> {
        let path = self.path(pid, "status");
        let text = self.text(&path)?;
        text.lines()
            .find_map(|line| line.strip_prefix("Uid:"))?
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    }

    /// `/proc/PID/environ` and the user that it belongs to. `None` where it may not be read; empty in the middle of an
    /// exec.
    pub(crate) fn environ(&mut self, pid: i32) -> Option<(&[u8], u32)> {
        let path = self.path(pid, "environ");
        let (bytes, file) = self.read(&path)?;
        let uid = file.metadata().ok()?.uid();
        Some((bytes, uid))
    }

    /// The command line, word by word; none for what has none (kernel threads, zombies).
    pub(crate) fn arguments(&mut self, pid: i32) -> Vec<String> {
        let path = self.path(pid, "cmdline");
        let text = self.text(&path).unwrap_or_default();
        let text = text.trim_end_matches('\0');
        if text.is_empty() {
            return Vec::new();
        }
        text.split('\0').map(str::to_owned).collect()
    }

    /// `/proc/PID/cgroup`, which everyone may read.
    pub(crate) fn cgroup(&mut self, pid: i32) -> Option<String> {
        let path = self.path(pid, "cgroup");
        self.text(&path)
    }

    /// `/proc/PID/fdinfo/N`.
    pub(crate) fn fdinfo(&mut self, pid: i32, descriptor: &str) -> Option<String> {
        let path = self.path(pid, "fdinfo").join(descriptor);
        self.text(&path)
    }

    /// Appends the children of `pid`, those of all its threads. Needs CONFIG_PROC_CHILDREN, which distributions set.
    pub(crate) fn children(&mut self, pid: i32, into: &mut Vec<i32>) {
        let tasks = self.path(pid, "task");
        // The folder's link count is 2 and the number of threads: most processes have one, and need no listing.
        let single = std::fs::metadata(&tasks).is_ok_and(|meta| meta.nlink() == 3);
        if single {
            self.children_of_thread(&tasks.join(pid.to_string()), into);
            return;
        }
        let Ok(threads) = std::fs::read_dir(&tasks) else { return };
        for thread in threads.flatten() {
            self.children_of_thread(&thread.path(), into);
        }
    }

    fn children_of_thread(&mut self, thread: &Path, into: &mut Vec<i32>) {
        let Some((bytes, _)) = self.read(&thread.join("children")) else {
            return;
        };
        into.extend(
            bytes
                .split(|byte| byte.is_ascii_whitespace())
                .filter_map(|word| std::str::from_utf8(word).ok()?.parse::<i32>().ok())
                .filter(|pid| *pid > 1),
        );
    }

    /// `/proc/meminfo`.
    pub(crate) fn host_memory(&mut self) -> Option<HostMemory> {
        let path = self.root.join("meminfo");
        let text = self.text(&path)?;
        let kib = |name: &str| -> Option<u64> {
            text.lines()
                .find_map(|line| line.strip_prefix(name))?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        };
        Some(HostMemory {
            total: kib("MemTotal:")? * 1024,
            available: kib("MemAvailable:")? * 1024,
        })
    }
}

/// What a file of [`Proc::open_stat`] says now; `None` once its process is gone, whoever has its pid then. A process that
/// still has the name that it had shares it.
pub(crate) fn stat_of(file: &File, had: &Arc<str>) -> Option<Stat> {
    let mut line = [0; LONGEST_STAT];
    let length = file.read_at(&mut line, 0).ok()?;
    parse_stat(&line[..length], Some(had))
}

fn parse_stat(bytes: &[u8], had: Option<&Arc<str>>) -> Option<Stat> {
    let open = bytes.iter().position(|byte| *byte == b'(')?;
    let close = bytes.iter().rposition(|byte| *byte == b')')?;
    let comm = bytes.get(open + 1..close)?;
    let comm = match had.filter(|had| had.as_bytes() == comm) {
        Some(had) => Arc::clone(had),
        None => String::from_utf8_lossy(comm).into(),
    };
    let rest = std::str::from_utf8(bytes.get(close + 1..)?).ok()?;
    let mut fields = [""; 22];
    for (field, word) in fields.iter_mut().zip(rest.split_ascii_whitespace()) {
        *field = word;
    }
    let field = |number: usize| fields[number - FIRST_AFTER_NAME].parse::<u64>().ok();
    let signed = |number: usize| fields[number - FIRST_AFTER_NAME].parse::<i32>().ok();
    Some(Stat {
        comm,
        parent: signed(4)?,
        terminal: signed(7).map_or(0, i32::cast_unsigned),
        is_kernel: field(9).is_some_and(|flags| flags & KERNEL_THREAD != 0),
        cpu_ticks: field(14)? + field(15)?,
        start_ticks: field(22)?,
        rss_pages: field(24).unwrap_or(0),
    })
}

/// The value of a variable in the contents of an `environ` file.
pub(crate) fn variable<'a>(environ: &'a [u8], name: &str) -> Option<&'a str> {
    let value = environ
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    std::str::from_utf8(value).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;

    #[test]
    fn a_stat_line_is_read_though_its_name_is_odd() {
        let line = b"42 (a) R (b) S 1 42 42 0 -1 4194560 1 2 3 4 50 60 7 8 20 0 1 0 777 1000 33 18446744073709551615\n";
        let stat = parse_stat(line, None).unwrap();
        assert_eq!(
            stat,
            Stat {
                comm: "a) R (b".into(),
                parent: 1,
                terminal: 0,
                is_kernel: false,
                cpu_ticks: 110,
                start_ticks: 777,
                rss_pages: 33
            }
        );
        let shared = parse_stat(line, Some(&stat.comm)).unwrap();
        assert!(Arc::ptr_eq(&shared.comm, &stat.comm));
        assert_eq!(parse_stat(line, Some(&"other".into())).unwrap(), stat);
        assert_eq!(parse_stat(b"42 (torn", None), None);
        assert_eq!(parse_stat(b"", None), None);
    }

    #[test]
    fn variables_are_found_whole() {
        let environ = b"XHOME=no\0HOME=/h\0EMPTY=\0HOMER=no\0";
        assert_eq!(variable(environ, "HOME"), Some("/h"));
        assert_eq!(variable(environ, "EMPTY"), Some(""));
        assert_eq!(variable(environ, "HOM"), None);
    }

    #[test]
    fn this_process_and_its_children_are_seen() {
        let mut proc = Proc::new("/proc");
        let pid = std::process::id() as i32;
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let mut children = Vec::new();
        proc.children(pid, &mut children);
        assert!(children.contains(&(child.id() as i32)));
        assert!(proc.stat(pid).unwrap().start_ticks > 0);
        let kept = proc.open_stat(child.id() as i32).unwrap();
        for _ in 0..2 {
            assert_eq!(
                stat_of(&kept, &"sleep".into()).unwrap().start_ticks,
                proc.stat(child.id() as i32).unwrap().start_ticks
            );
        }
        assert_eq!(proc.uid(pid), Some(nix::unistd::getuid().as_raw()));
        assert!(!proc.arguments(pid).is_empty());
        assert!(proc.cgroup(pid).is_some());
        assert!(proc.pid_max().unwrap() > 1);
        assert!(proc.host_memory().unwrap().total > 0);
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(proc.stat(child.id() as i32), None);
        assert_eq!(stat_of(&kept, &"sleep".into()), None);
    }
}
