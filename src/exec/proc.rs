//! What `/proc` tells about processes: parents, start times, and which attempt they carry.
use std::{
    fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

/// The name that carries an attempt's key through every process that it starts.
pub(crate) const KEY: &str = "GPUYARD_UNI_ID";

/// The fields of `/proc/PID/stat` that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    pub(crate) state: u8,
    pub(crate) parent: i32,
    /// Process session.
    pub(crate) session: i32,
    /// Controlling terminal, 0 for none.
    pub(crate) terminal: i32,
    /// Those that have not ended, the first one's zombie included.
    pub(crate) threads: u32,
    pub(crate) start_ticks: u64,
}

impl Stat {
    /// A zombie, or on the way to be none. A process whose first thread has ended (`pthread_exit` in `main`) looks like one,
    /// and lives on in its other threads.
    pub(crate) fn is_dead(&self) -> bool {
        self.has_lost_its_first_thread() && self.threads <= 1
    }

    fn has_lost_its_first_thread(&self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    /// The name below `/proc` under which the process can be looked into: files and memory of a thread that has ended are not
    /// shown any more.
    fn thread(&self) -> io::Result<i32> {
        if !self.has_lost_its_first_thread() {
            return Ok(self.pid);
        }
        for entry in read(fs::read_dir(format!("/proc/{}/task", self.pid)))?
            .into_iter()
            .flatten()
        {
            let Some(entry) = read(entry)? else { continue };
            let thread = entry.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(thread) = thread.filter(|thread| *thread != self.pid) {
                return Ok(thread);
            }
        }
        Ok(self.pid)
    }
}

/// What a file of a process says; `Ok(None)` when the process is gone, or will not show it. Any other error (no
/// descriptor left, say) must not be taken for that: who cannot look does not know that nothing lives.
fn read<T>(done: io::Result<T>) -> io::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.raw_os_error() == Some(libc::ESRCH) => Ok(None),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Reads `/proc/PID/stat`; `Ok(None)` when there is no such process.
pub(crate) fn stat(pid: i32) -> io::Result<Option<Stat>> {
    // Longer than any stat line; read with one call and without allocating.
    let mut buffer = [0u8; 1024];
    let length = fs::File::open(format!("/proc/{pid}/stat")).and_then(|mut file| file.read(&mut buffer));
    Ok(read(length)?.and_then(|length| parse_stat(&buffer[..length])))
}

fn parse_stat(line: &[u8]) -> Option<Stat> {
    // The name is in parentheses and may hold anything, parentheses and spaces included.
    let open = line.iter().position(|&b| b == b'(')?;
    let close = line.iter().rposition(|&b| b == b')')?;
    let pid = std::str::from_utf8(&line[..open]).ok()?.trim().parse().ok()?;
    let rest = std::str::from_utf8(line.get(close + 1..)?).ok()?;
    // Fields 3 (state), 4 (parent), 6 (session), 7 (terminal), 20 (threads), 22 (start).
    let mut fields = rest.split_ascii_whitespace();
    Some(Stat {
        pid,
        state: *fields.next()?.as_bytes().first()?,
        parent: fields.next()?.parse().ok()?,
        session: fields.nth(1)?.parse().ok()?,
        terminal: fields.next()?.parse().ok()?,
        threads: fields.nth(12)?.parse().ok()?,
        start_ticks: fields.nth(1)?.parse().ok()?,
    })
}

/// All processes of this pid namespace.
pub(crate) fn all() -> io::Result<Vec<Stat>> {
    let mut all = Vec::new();
    for entry in fs::read_dir("/proc")? {
        if let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) {
            all.extend(stat(pid)?);
        }
    }
    Ok(all)
}

/// Whose process it is; `None` when it is gone.
pub(crate) fn uid(pid: i32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|m| m.uid())
}

/// The attempt that a process says it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// This one.
    Is(String),
    /// None.
    Absent,
    /// Not ours to read.
    Hidden,
}

/// Reads a process's key out of its environment.
pub(crate) fn key(process: &Stat) -> io::Result<Key> {
    let environ = match fs::read(format!("/proc/{}/environ", process.thread()?)) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => return Ok(Key::Hidden),
        done => read(done)?.unwrap_or_default(),
    };
    let value = |entry: &[u8]| Some(entry.strip_prefix(KEY.as_bytes())?.strip_prefix(b"=")?.to_owned());
    let found = environ.split(|&b| b == 0).find_map(value);
    Ok(found.map_or(Key::Absent, |id| Key::Is(String::from_utf8_lossy(&id).into_owned())))
}

/// The process's cgroup (v2), below its mount.
pub(crate) fn cgroup(pid: i32) -> io::Result<Option<String>> {
    Ok(read(fs::read_to_string(format!("/proc/{pid}/cgroup")))?.and_then(|text| cgroup_of(&text)))
}

/// The v2 line of a `/proc/PID/cgroup`.
pub(crate) fn cgroup_of(text: &str) -> Option<String> {
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(str::to_owned)
}

/// Whether the process has inherited a descriptor of this file for writing. Who only looks at it has it open for
/// reading, and who locks it keeps it from its children.
pub(crate) fn inherited(process: &Stat, path: &Path) -> io::Result<bool> {
    let pid = process.thread()?;
    let Some(entries) = read(fs::read_dir(format!("/proc/{pid}/fd")))? else {
        return Ok(false);
    };
    for entry in entries {
        let Some(entry) = read(entry)? else { continue };
        if read(fs::read_link(entry.path()))?.is_some_and(|target| target == path) {
            let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
            let flags = read(fs::read_to_string(info))?.and_then(|info| flags_of(&info));
            if flags.is_some_and(|f| f & libc::O_ACCMODE == libc::O_RDWR && f & libc::O_CLOEXEC == 0) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The line `flags:` of an fdinfo, octal.
fn flags_of(info: &str) -> Option<i32> {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"))?;
    i32::from_str_radix(flags.trim(), 8).ok()
}

#[cfg(test)]
mod unit {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_cannot_confuse_the_fields() {
        let line = b"77 (a) R 1 (b) S 12 77 76 34816 77 4194560 1 2 3 4 5 6 7 8 20 0 1 0 9876 1000 2\n";
        let stat = parse_stat(line).unwrap();
        assert_eq!(
            stat,
            Stat {
                pid: 77,
                state: b'S',
                parent: 12,
                session: 76,
                terminal: 34816,
                threads: 1,
                start_ticks: 9876
            }
        );
    }

    #[test]
    fn this_process_can_be_read() {
        let own = stat(std::process::id() as i32).unwrap().unwrap();
        assert_eq!(own.parent, std::os::unix::process::parent_id() as i32);
        assert!(!own.is_dead());
        assert!(all().unwrap().iter().any(|s| s.pid == own.pid));
    }
}
