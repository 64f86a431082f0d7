//! Who a process is, so that a pid that came back is never mistaken for the process that once had it.
use std::{fs, os::unix::fs::MetadataExt, sync::OnceLock};

use gpuyard_core::{
    formats,
    model::{Node, Owner, PidSpace, ProcessIdentity},
    wire::Role,
};

use crate::proc;

/// This machine.
pub fn node() -> Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| Node {
        machine_id: machine_id(),
        hostname: hostname(),
    })
    .clone()
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

fn machine_id() -> String {
    // A container image may carry an empty or placeholder file.
    let known = ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .into_iter()
        .find_map(|path| {
            let id = fs::read_to_string(path).ok()?.trim().to_owned();
            (id.len() >= 8 && id != "uninitialized").then_some(id)
        });
    known.unwrap_or_else(|| format!("host-{}", hostname()))
}

/// The user that this process runs as.
pub fn owner() -> Owner {
    static OWNER: OnceLock<Owner> = OnceLock::new();
    OWNER
        .get_or_init(|| {
            let uid = nix::unistd::geteuid();
            let name = nix::unistd::User::from_uid(uid).ok().flatten().map(|user| user.name);
            Owner {
                uid: uid.as_raw(),
                name: name.unwrap_or_else(|| uid.to_string()),
            }
        })
        .clone()
}

/// This boot of the machine.
pub fn boot_id() -> String {
    pid_space().boot_id
}

/// Where this process's pids mean something.
pub fn pid_space() -> PidSpace {
    static SPACE: OnceLock<PidSpace> = OnceLock::new();
    SPACE
        .get_or_init(|| PidSpace {
            machine_id: machine_id(),
            boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            pid_ns: fs::metadata("/proc/self/ns/pid").map_or(0, |m| m.ino()),
        })
        .clone()
}

/// Start time of a process in clock ticks since boot; `None` when there is no such process. A zombie still has one.
pub fn start_ticks(pid: i32) -> Option<u64> {
    proc::stat(pid).ok().flatten().map(|stat| stat.start_ticks)
}

/// The identity of the process that has this pid now; `None` when there is none.
pub fn identity(pid: i32) -> Option<ProcessIdentity> {
    Some(ProcessIdentity {
        space: pid_space(),
        pid,
        start_ticks: start_ticks(pid)?,
    })
}

/// Whether this very process lives: same machine, boot, pid namespace, pid and start time, and not a zombie. Where the
/// system does not let us look, it is said to live: whoever asks would else act on its death.
pub fn is_alive(process: &ProcessIdentity) -> bool {
    process.space == pid_space()
        && proc::stat(process.pid)
            .map(|found| found.is_some_and(|s| s.start_ticks == process.start_ticks && !s.is_dead()))
            .unwrap_or(true)
}

/// Which part of gpuyard this process is, of whatever root and user; `None` for anything else. Its command line tells,
/// which a process can change: where the system shows us what it really runs (to root, and of our own processes), a
/// stranger who calls itself ours is not believed.
pub fn part_of_gpuyard(pid: i32) -> Option<Role> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line);
    let part = formats::part_of_gpuyard(line.trim_end_matches('\0').split('\0'))?;
    let runs = |pid: &str| fs::metadata(format!("/proc/{pid}/exe")).map(|m| (m.dev(), m.ino()));
    let named_ours = || {
        let program = fs::read_link(format!("/proc/{pid}/exe")).ok()?;
        Some(program.file_name()?.to_string_lossy().starts_with("gpuyard"))
    };
    match (runs(&pid.to_string()), runs("self")) {
        (Ok(its), Ok(ours)) if its != ours => named_ours().unwrap_or(true).then_some(part),
        _ => Some(part),
    }
}
