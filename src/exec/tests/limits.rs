//! Time, memory and disk that run out.
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use gpuyard_core::model::{Outcome, Seconds, UniId};
use gpuyard_exec::attempt;

use crate::yard::{Yard, code, python, wait_until};

#[test]
fn an_attempt_ends_when_its_time_is_up() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["true", "echo begun; sleep 300; echo not reached", "touch next"]);
    spec.task_timeout = Some(Seconds(0.3));
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    assert_eq!((&record.outcome, record.command_index), (&Outcome::TimedOut, 1));
    assert_eq!(yard.output(&id), "begun\n");
    assert!(!yard.file("next").exists());
}

#[test]
fn a_time_limit_beyond_all_times_is_none() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["exit 4"]);
    spec.task_timeout = Some(Seconds(f64::MAX));
    spec.stop_grace = Seconds(f64::MAX);
    let id = yard.launch(&spec);
    assert_eq!(code(&yard.ended(&id)), 4);
}

/// The memory cgroup (v1) of this process, where we may make one below it.
fn memory_cgroup(name: &str) -> Option<std::path::PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|line| line.split_once(":memory:"))?.1.to_owned();
    let folder = Path::new(&format!("/sys/fs/cgroup/memory{path}")).join(name);
    fs::create_dir(&folder).ok()?;
    Some(folder)
}

/// Fault O1 (P3).
#[test]
fn out_of_memory_is_said_as_such_and_the_runner_lives() {
    let Some(python) = python() else { return };
    let name = format!("gpuyard-test-{}", std::process::id());
    let Some(cgroup) = memory_cgroup(&name) else {
        eprintln!("SKIPPED: no memory cgroup to make one in");
        return;
    };
    let mut yard = Yard::new();
    // The runner is born in it, because we are.
    fs::write(cgroup.join("memory.limit_in_bytes"), (128 << 20).to_string()).unwrap();
    let home = cgroup.parent().unwrap().join("cgroup.procs");
    fs::write(cgroup.join("cgroup.procs"), std::process::id().to_string()).unwrap();
    let eat = format!("{python} -c \"x = b'x' * (1 << 30)\"");
    let direct = yard.start(&[&eat]);
    yard.started(&direct);
    let (direct, below) = (yard.ended(&direct), yard.run(&[&format!("{eat}; exit $?")]));
    fs::write(home, std::process::id().to_string()).unwrap();
    // Runners that wait for another attempt go with their scheduler.
    yard.new_executor();
    wait_until("the cgroup is gone", || fs::remove_dir(&cgroup).is_ok());
    for record in [&direct, &below.1] {
        assert_eq!(
            record.outcome,
            Outcome::Signaled {
                signal: 9,
                out_of_memory: true
            }
        );
        assert_eq!(record.recorded_by, "runner");
    }
    assert!(String::from_utf8(yard.log(&below.0)).unwrap().contains("out of memory"));
}

/// An attempt on a small disk of its own, which is full when its command ends: after the runner has taken room for the
/// exit record, or from its start, so that it finds none. `None` where no disk can be mounted.
fn on_a_full_disk(yard: &mut Yard, room: bool) -> Option<(UniId, PathBuf)> {
    let mut spec = yard.spec(&["sleep 100 & until [[ -e go ]]; do read -t 0.05 < <(:); done; exit 6"]);
    // What is left behind is killed at once, and that moment is over while the record waits.
    spec.stop_grace = Seconds(0.0);
    let disk = yard.dir.path().join("tasks").join(spec.uni_id.as_str());
    fs::create_dir_all(&disk).unwrap();
    if !mount_small_disk(&disk) {
        eprintln!("SKIPPED: no tmpfs can be mounted");
        return None;
    }
    spec.log_path = yard.file("elsewhere.log");
    let filler = disk.join("filler");
    if room {
        yard.launch(&spec);
        let is_room = |entry: fs::DirEntry| {
            entry.file_name() == ".exit.json.room" && entry.metadata().is_ok_and(|m| m.len() == 4096)
        };
        wait_until("room for its exit record", || {
            fs::read_dir(&disk).unwrap().any(|entry| is_room(entry.unwrap()))
        });
        let mut file = fs::File::create(filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    } else {
        // What is left is a page for attempt.json, and one for start.json.
        fs::write(filler, vec![0; SMALL_DISK - 2 * 4096]).unwrap();
        yard.launch(&spec);
        yard.started(&spec.uni_id);
    }
    assert!(fs::write(disk.join("more"), [0; 4096]).is_err(), "the disk is not full");
    fs::write(yard.file("go"), "").unwrap();
    Some((spec.uni_id, disk))
}

fn unmount(disk: &Path) {
    let done = std::process::Command::new("umount").arg("-l").arg(disk).status();
    assert!(done.unwrap().success());
}

/// Fault D1 (P4, P6).
#[test]
fn a_full_disk_has_room_for_the_record_that_was_taken_before() {
    let mut yard = Yard::new();
    let Some((id, disk)) = on_a_full_disk(&mut yard, true) else {
        return;
    };
    assert_eq!(code(&yard.ended(&id)), 6);
    assert_eq!(code(&attempt::read_exit(&disk).unwrap().unwrap()), 6);
    unmount(&disk);
}

/// Fault D1 (P4, P6).
#[test]
fn a_full_disk_keeps_the_gpus_until_the_record_can_be_written() {
    let mut yard = Yard::new();
    let Some((id, disk)) = on_a_full_disk(&mut yard, false) else {
        return;
    };
    let runner = yard.started(&id).runner.pid;
    let log = || fs::read_to_string(yard.file("elsewhere.log")).unwrap();
    wait_until("its footer", || log().contains("exit code: 6"));
    assert!(yard.has_lease(&id), "the GPUs were given back without a record");
    assert!(attempt::read_exit(&disk).unwrap().is_none());
    assert!(crate::yard::alive(runner));
    // It sleeps between its tries: somebody who asks again and again gives the processor up only when it is taken from him.
    let slept = || {
        let status = fs::read_to_string(format!("/proc/{runner}/status")).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    let before = slept();
    wait_until("it sleeps between its tries", || slept() >= before + 3);
    fs::remove_file(disk.join("filler")).unwrap();
    assert_eq!(code(&yard.ended(&id)), 6);
    unmount(&disk);
}

/// Fault D1 (P6): what has to be on the disk before the first command finds no room there, and that is told apart from a
/// command that cannot be started.
#[test]
fn a_full_disk_is_told_apart_from_a_command_that_cannot_be_started() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["touch ran"]);
    let disk = yard.dir.path().join("tasks").join(spec.uni_id.as_str());
    fs::create_dir_all(&disk).unwrap();
    if !mount_small_disk(&disk) {
        return eprintln!("SKIPPED: no tmpfs can be mounted");
    }
    let filler = disk.join("filler");
    let heal = |yard: &mut Yard, id: &UniId| {
        fs::remove_file(&filler).unwrap();
        let record = yard.ended(id);
        let Outcome::NotStarted {
            disk_full: true,
            message,
        } = record.outcome
        else {
            panic!("{record:?}")
        };
        assert!(!yard.file("ran").exists());
        message
    };

    // What is left is a page for attempt.json: there is none for start.json.
    spec.log_path = yard.file("elsewhere.log");
    fs::write(&filler, vec![0; SMALL_DISK - 4096]).unwrap();
    let id = yard.launch(&spec);
    let log = || fs::read_to_string(yard.file("elsewhere.log")).unwrap_or_default();
    wait_until("its footer", || log().contains("not started"));
    assert!(heal(&mut yard, &id).contains("start record"));
    unmount(&disk);

    // Its log lies on a disk without inodes.
    let logs = yard.file("logs");
    fs::create_dir(&logs).unwrap();
    assert!(mount_small_disk(&logs));
    let mut spec = yard.spec(&["touch ran"]);
    spec.log_path = logs.join("output.log");
    let full = || (0..64).all(|n| fs::write(logs.join(n.to_string()), "").is_ok());
    assert!(!full(), "there are 64 inodes");
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    assert!(
        matches!(record.outcome, Outcome::NotStarted { disk_full: true, .. }),
        "{record:?}"
    );
    unmount(&logs);
}

const SMALL_DISK: usize = 256 << 10;

/// A disk of [`SMALL_DISK`]; `false` where we may not mount one.
fn mount_small_disk(at: &Path) -> bool {
    let mount = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", &format!("size={SMALL_DISK},nr_inodes=64"), "tmpfs"])
        .arg(at)
        .stderr(std::process::Stdio::null())
        .status();
    mount.is_ok_and(|status| status.success())
}
