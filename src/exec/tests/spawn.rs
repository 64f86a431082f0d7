//! Programs that outlive their starter; identity; signals.
use std::{ffi::OsStr, fs, os::fd::AsFd, path::Path, process::Command};

use gpuyard_exec::{
    identity,
    kill::{Sent, Target},
    spawn::spawn_detached,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::yard::{DEADLINE, wait_until, zombies_of};

#[test]
fn a_detached_program_has_its_own_session_its_log_and_no_zombie() {
    let dir = TempDir::new().unwrap();
    let log = dir.path().join("log");
    let script = "read -r -a s < /proc/$$/stat; [[ $$ == ${s[5]} ]] && echo own session; echo $WORD $1; ls /proc/self/fd >&2; exit 4";
    let arguments = ["-c", script, "x", "argument"].map(OsStr::new);
    let leaked = fs::File::open("/etc/passwd").unwrap();
    let child = spawn_detached(
        Path::new("/bin/bash"),
        &arguments,
        &log,
        &[(OsStr::new("WORD"), OsStr::new("word"))],
    )
    .unwrap();
    let mut fds = [PollFd::new(child.as_fd(), PollFlags::POLLIN)];
    assert_eq!(
        poll(&mut fds, PollTimeout::try_from(DEADLINE.as_millis() as i32).unwrap()),
        Ok(1)
    );
    assert_eq!(child.try_wait().unwrap().unwrap().code(), Some(4));
    assert_eq!(zombies_of(std::process::id() as i32), 0);
    assert!(!identity::is_alive(child.identity()));
    // 3 is the folder that ls looks at.
    assert_eq!(
        fs::read_to_string(&log).unwrap(),
        "own session\nword argument\n0\n1\n2\n3\n"
    );
    drop(leaked);
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let dir = TempDir::new().unwrap();
    let error = spawn_detached(Path::new("/no/such/program"), &[], &dir.path().join("log"), &[]).unwrap_err();
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}

#[test]
fn a_stranger_with_the_same_pid_is_never_signalled() {
    let mut child = Command::new("sleep").arg("300").spawn().unwrap();
    let right = identity::identity(child.id() as i32).unwrap();
    assert!(identity::is_alive(&right));
    // Same pid; another start, boot, machine or pid namespace.
    let mut others = vec![right.clone(), right.clone(), right.clone(), right.clone()];
    others[0].start_ticks += 1;
    others[1].space.boot_id = "x".into();
    others[2].space.machine_id = "x".into();
    others[3].space.pid_ns += 1;
    for stranger in &others {
        assert!(!identity::is_alive(stranger));
        assert!(Target::of(stranger).unwrap().is_none());
    }
    for pid in [i32::MIN, -1, 0, 1] {
        assert!(
            Target::open(pid, identity::start_ticks(pid).unwrap_or(0))
                .unwrap()
                .is_none(),
            "{pid}"
        );
    }
    assert!(child.try_wait().unwrap().is_none(), "a stranger was hit");
    let target = Target::of(&right).unwrap().unwrap();
    assert!(!target.has_exited());
    assert_eq!(target.send(Signal::KILL).unwrap(), Sent::Delivered);
    wait_until("it has exited", || target.has_exited());
    // A zombie is not alive, and still the same process.
    assert!(!identity::is_alive(&right) && Target::of(&right).unwrap().is_some());
    child.wait().unwrap();
    assert_eq!(target.send(Signal::KILL).unwrap(), Sent::Gone);
    assert!(Target::of(&right).unwrap().is_none());
}
