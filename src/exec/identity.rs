//! Who a process is, so that a pid that came back is never mistaken for the process that once had it.
use std::{fs, os::unix::fs::MetadataExt, sync::OnceLock};

use gpuyard_core::model::{Node, Owner, PidSpace, ProcessIdentity};

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
