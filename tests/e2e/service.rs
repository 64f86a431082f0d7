//! The daemon as a service: what systemd does when it stops a unit, and why the unit says `KillMode=process`.
//!
//! Where systemd is not there, its part is played: a unit's processes are those that its start began, whatever session they
//! are in, as a cgroup has them; by `KillMode` a stop ends all of them, or the main one alone.
use std::{fs, path::Path};

use nix::sys::signal::SIGTERM;

use crate::yard::{Daemon, SINGLE, Yard, alive, kill, task, wait_until};

/// What `systemctl stop` does.
fn stop(yard: &Yard, daemon: &mut Daemon, kill_mode: &str) {
    match kill_mode {
        "process" => daemon.program.signal(SIGTERM),
        "control-group" => yard.processes().into_iter().for_each(|pid| kill(pid, SIGTERM)),
        other => panic!("KillMode={other}"),
    }
    daemon.program.wait();
}

fn kill_mode_of_our_unit() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/gpuyard.service");
    let unit = fs::read_to_string(path).unwrap();
    let line = unit.lines().find_map(|line| line.strip_prefix("KillMode="));
    line.unwrap().to_owned()
}

/// Fault C7 (P2).
#[test]
fn stopping_the_service_leaves_schedulers_and_tasks_alone() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a")]);
    let mut daemon = yard.serve();
    let scheduler = daemon.begin(SINGLE);
    let running = yard.started("a").pid;
    stop(&yard, &mut daemon, &kill_mode_of_our_unit());
    let log = yard.attempt_folder(&yard.task(SINGLE, 1, 0)).join("output.log");
    let before = yard.last_tick(&log);
    wait_until("it ticks on", || yard.last_tick(&log) > before.map(|tick| tick + 3));
    assert!(alive(scheduler) && alive(running));

    // With systemd's own way the same stop ends them all: this is what the unit's line is for.
    let mut daemon = yard.serve();
    assert_eq!(daemon.scheduler(SINGLE), Some(scheduler), "found again");
    stop(&yard, &mut daemon, "control-group");
    wait_until("the task is gone", || !alive(running));
}
