//! Another user's view of our leases.
use std::{fs, os::unix::process::CommandExt, process::Command};

use rustix::process::Signal;

use crate::yard::{Yard, kill, program, python, wait_until};

/// What nobody sees: one line a lease. `None`, loudly, where we cannot become nobody.
fn seen_by_nobody(yard: &Yard) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can look as another user");
        return None;
    }
    // The way to the host folder, and a program that nobody may run, wherever this was built.
    fs::set_permissions(yard.dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = yard.file("program");
    if !copy.exists() {
        fs::hard_link(program(), &copy)
            .or_else(|_| fs::write(&copy, fs::read(program()).unwrap()))
            .unwrap();
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let output = Command::new(copy)
        .arg("leases")
        .arg(yard.host.path())
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn another_user_sees_a_lease_held_by_lock_by_process_and_fallen() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    let script = "import os, time
os.closerange(0, 4096)
open('pid', 'w').write(str(os.getpid()) + '\\n')
time.sleep(600)";
    let id = yard.start(&[&format!("exec {python} -c \"{script}\"")]);
    let command = yard.pid_in("pid");
    let Some(seen) = seen_by_nobody(&yard) else { return };
    assert_eq!(seen, format!("{id} locked true\n"));
    // Killed, with nobody to adopt the lease: the process cannot be looked into, and yet it counts.
    kill(yard.started(&id).runner.pid, Signal::KILL);
    wait_until("it is seen by its process", || {
        let seen = seen_by_nobody(&yard).unwrap();
        assert!(!seen.contains("fallen"), "{seen}");
        seen.contains(&format!("orphaned [{command}"))
    });
    kill(command, Signal::KILL);
    wait_until("it has fallen", || {
        seen_by_nobody(&yard).unwrap() == format!("{id} fallen\n")
    });
}
