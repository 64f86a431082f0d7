//! Odd things that happen to a machine: clocks that jump, reboots, processes that stand still, disks that take no more,
//! inotify that gives out, files that are no files.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::Stdio,
};

use nix::sys::signal::{SIGCONT, SIGSTOP};
use serde_json::{Value, json};

use crate::yard::{Program, SINGLE, Yard, alive, skip, task, ticks_without_gap, wait_for, wait_until};

/// Whether this user may do that: `unshare FLAGS true`.
fn may_unshare(yard: &Yard, flags: &[&str]) -> bool {
    let output = yard.command("unshare").args(flags).arg("true").output();
    output.is_ok_and(|output| output.status.success())
}

/// A yard whose programs live by a clock that can be put forward and back; tasks do not.
fn clocked() -> Option<(Yard, std::path::PathBuf)> {
    let yard = Yard::new("2x24GiB");
    let clock = yard.base().join("clock");
    fs::write(&clock, "0").unwrap();
    let library = fake_clock::library_path().ok()?;
    yard.set("GPUYARD_FAKE_CLOCK", clock.display().to_string());
    yard.set("LD_PRELOAD", library.display().to_string());
    Some((yard, clock))
}

/// Fault K1 (P3): A back-off is neither skipped by a clock that jumps forward nor endless by one that jumps back, and nothing
/// has lasted less than no time.
#[test]
fn a_clock_that_jumps_moves_no_back_off() {
    let Some((yard, clock)) = clocked() else {
        return skip("a clock that jumps: its library is not there");
    };
    yard.rules(&[
        ("environment", "{LD_PRELOAD: \"\"}"),
        ("retry_config.max_retries", "100"),
        ("retry_config.max_retry_before_backoff", "2"),
        ("retry_config.backoff_duration", "3"),
    ]);
    yard.commands(SINGLE, &[task(1, "fail a 3"), task(2, "tick b")]);
    let mut scheduler = yard.schedule(SINGLE);
    let backing_off = |task: &Value| task["reason"]["code"] == "BackingOff";
    yard.wait_task(SINGLE, (1, 0), "it backs off", backing_off);
    let before = yard.starts("a");
    for offset in ["86400", "-86400", "3600"] {
        fs::write(&clock, offset).unwrap();
        // The scheduler decides by the new clock, and shows it.
        yard.listens(SINGLE);
        assert_eq!(yard.control(SINGLE, &json!({"call": "ping"}))["answer"], "done");
    }
    let early = yard.starts("a");
    assert!(
        early <= before + 1,
        "no clock makes three seconds shorter: {early} starts after {before}"
    );
    wait_until("the back-off ends all the same", || yard.ended("a"));
    fs::write(&clock, "-7200").unwrap();
    yard.go("b");
    assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
    for queue in [1, 2] {
        let record = yard.record(&yard.task(SINGLE, queue, 0), "exit.json");
        assert!(record["duration"].as_f64().unwrap() >= 0.0, "{record}");
    }
    let shown = yard.ask(&["status", "single", "0", "--color", "never"]);
    assert!(!String::from_utf8_lossy(&shown.stdout).contains("-1h"), "{shown:?}");
}

/// Fault C7 (P1, P2): A daemon that stands still holds nobody up, and goes on where it was.
#[test]
fn a_daemon_that_stands_still_holds_nobody_up() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run b"), task(1, "hold c")]);
    let daemon = yard.serve();
    let scheduler = daemon.begin(SINGLE);
    yard.started("a");
    daemon.program.signal(SIGSTOP);
    yard.go("a");
    // Without it, the queue goes on.
    yard.started("c");
    assert_eq!(yard.starts("b"), 1);
    daemon.program.signal(SIGCONT);
    assert_eq!(daemon.scheduler(SINGLE), Some(scheduler));
    yard.go("c");
    yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    ticks_without_gap(&yard.log(&yard.task(SINGLE, 1, 0)), "a");
}

/// Fault C7 (P1, P3): After a reboot nothing is "running" under a pid that is somebody else's today, and what waited runs.
#[test]
fn after_a_reboot_nothing_is_taken_for_running() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("retry_config.max_retries", "3")]);
    yard.commands(SINGLE, &[task(1, "run a"), task(1, "hold b"), task(1, "run c")]);
    let mut scheduler = yard.schedule(SINGLE);
    let mark = yard.started("b");
    let run = yard.run(SINGLE)["run_id"].as_str().unwrap().to_owned();
    // The power goes: all are dead, nobody wrote anything, and the next boot has another id.
    scheduler.kill();
    for pid in yard.processes() {
        crate::yard::kill(pid, nix::sys::signal::SIGKILL);
    }
    wait_until("all are dead", || yard.processes().iter().all(|pid| !alive(*pid)));
    yard.ages();
    let daemon = yard.serve();
    yard.go("b");
    let run = yard.wait_run(SINGLE, "it is taken up and done", |now| {
        now["run_id"] == *run && now["state"] == "completed"
    });
    assert_eq!(run["completed_tasks"], 3);
    assert_eq!([yard.starts("a"), yard.starts("b"), yard.starts("c")], [1, 2, 1]);
    assert!(!alive(mark.pid));
    assert!(yard.leases().is_empty(), "a lease of before the reboot holds nothing");
    drop(daemon);
}

/// Fault F3 (P3): Where inotify gives out, looking from time to time takes its place: queues run, and edits are followed.
#[test]
fn without_inotify_all_goes_on() {
    let yard = Yard::new("1x24GiB");
    let flags = ["--user", "--map-root-user"];
    let other = yard.beside();
    let limit = "echo 0 > /proc/sys/user/max_inotify_instances && exec \"$@\"";
    if !may_unshare(&yard, &[&flags[..], &["bash", "-c", limit, "limited"]].concat()) {
        return skip("inotify that gives out: this user may not have a user namespace");
    }
    let start = |yard: &Yard, words: &[&str]| {
        let mut command = yard.command("unshare");
        command.args(flags).args(["bash", "-c", limit, "limited"]);
        command
            .arg(crate::yard::GPUYARD)
            .arg("--root")
            .arg(&yard.root)
            .args(words);
        command.stdin(Stdio::null());
        Program::start(command, yard.base(), words[0])
    };
    yard.commands(SINGLE, &[task(1, "hold a")]);
    other.commands(SINGLE, &[task(1, "run other")]);
    let mut scheduler = start(&yard, &["schedule", "single", "0"]);
    yard.started("a");
    // Edits of the file are seen.
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "hold b")]);
    yard.wait_task(SINGLE, (1, 1), "the edit is followed", |_| true);
    // A lease that falls in another root is seen.
    let mut second = start(&other, &["schedule", "single", "0"]);
    other.wait_task(SINGLE, (1, 0), "it waits", |task| task["reason"].is_object());
    yard.go("a");
    yard.go("b");
    assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
    assert_eq!(second.wait(), 0, "{}", second.output());
    assert_eq!(other.starts("other"), 1);
    // A daemon serves, starts, and shows what its scheduler writes.
    yard.settings(crate::yard::free_port());
    let daemon = yard.serve_as(start(&yard, &["serve"]));
    yard.commands(SINGLE, &[task(1, "run again")]);
    daemon.begin(SINGLE);
    wait_until("the daemon shows its end", || {
        let runs = daemon.get("/api/scheduler/runs?mode=single&config_index=0").body;
        runs["runs"][0]["completed_tasks"] == 1
    });
}

/// Fault F1 (P5): Whatever stands in the place of a command file, of rules or of settings: it is refused in words, nothing
/// hangs, and it is left as it is.
#[test]
fn odd_files_are_refused_in_words_and_kept() {
    type Make = fn(&Path);
    let odd: &[(&str, Make)] = &[
        ("NUL", |path| fs::write(path, "1\0\ntrue\n1\n").unwrap()),
        ("latin-1", |path| fs::write(path, b"1\necho caf\xe9\n1\n").unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a fifo", |path| {
            nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o600)).unwrap();
        }),
        ("/dev/zero", |path| symlink("/dev/zero", path).unwrap()),
        ("a looping link", |path| symlink(path, path).unwrap()),
        ("100 MB", |path| {
            fs::File::create(path).unwrap().set_len(100 << 20).unwrap()
        }),
        ("empty", |path| fs::write(path, "").unwrap()),
    ];
    for (what, make) in odd {
        let yard = Yard::new("1x24GiB");
        for file in [yard.command_file(SINGLE), yard.rules_file()] {
            yard.commands(SINGLE, &[task(1, "run a")]);
            yard.rules(&[]);
            fs::remove_file(&file).unwrap();
            make(&file);
            let before = fs::symlink_metadata(&file).unwrap();
            let output = yard.ask(&["schedule", "single", "0"]);
            // Empty rules are all defaults; an empty command file has nothing to do.
            if *what != "empty" {
                assert_eq!(
                    output.status.code(),
                    Some(2),
                    "{what} at {}: {output:?}",
                    file.display()
                );
                let words = String::from_utf8_lossy(&output.stderr);
                assert!(
                    words.contains(file.file_name().unwrap().to_str().unwrap()),
                    "{what}: {words}"
                );
            }
            let after = fs::symlink_metadata(&file).unwrap();
            assert_eq!(
                (before.file_type(), before.len()),
                (after.file_type(), after.len()),
                "{what}"
            );
            if before.is_dir() {
                fs::remove_dir(&file).unwrap();
            } else {
                fs::remove_file(&file).unwrap();
            }
        }
    }
    // Lines that end as on Windows, and a byte order mark, are text all the same.
    let yard = Yard::new("1x24GiB");
    let text = Yard::text(SINGLE, &[task(1, "run a")]).replace('\n', "\r\n");
    fs::write(yard.command_file(SINGLE), format!("\u{feff}{text}")).unwrap();
    assert_eq!(yard.schedule(SINGLE).wait(), 0);
    assert_eq!(yard.starts("a"), 1);
}

/// Fault I2 (P1): A root that cannot be written is refused in words that name it, and so is a second daemon; the first goes on.
#[test]
fn a_root_that_cannot_be_written_is_refused_in_words() {
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let second = yard.ask(&["serve"]);
    assert_ne!(second.status.code(), Some(0));
    let words = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        words.contains(&daemon.program.pid().to_string()),
        "who holds the place: {words}"
    );
    assert_eq!(daemon.get("/api/scheduler/state").status, 200);
    let other = Yard::new("1x24GiB");
    let flags: &[&str] = if nix::unistd::geteuid().is_root() {
        &["--mount"]
    } else {
        &["--mount", "--user", "--map-root-user"]
    };
    if !may_unshare(&other, flags) {
        return skip("a read-only root: this user may not mount");
    }
    other.settings(crate::yard::free_port());
    let mut command = other.command("unshare");
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" && exec \"$@\"";
    command.args(flags).args(["bash", "-c", script]).arg(&other.root);
    command
        .arg(crate::yard::GPUYARD)
        .arg("--root")
        .arg(&other.root)
        .arg("serve");
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{output:?}");
    assert!(
        words.contains("logs") && words.to_lowercase().contains("read-only"),
        "{words}"
    );
}

/// Fault W2 (P1): A record and its name are synced before anybody is told; so is a state before an attempt is started.
#[test]
fn the_order_of_writes_and_syncs_holds() {
    let yard = Yard::new("1x24GiB");
    let trace = yard.base().join("trace");
    let mut command = yard.command("strace");
    command.args(["-f", "-y", "-qq", "-s", "200", "-o"]).arg(&trace);
    command.args(["-e", "trace=rename,renameat,renameat2,fsync,fdatasync,sendmsg,sendto"]);
    command
        .arg(crate::yard::GPUYARD)
        .arg("--root")
        .arg(&yard.root)
        .args(["schedule", "single", "0"]);
    yard.commands(SINGLE, &[task(1, "run a"), task(1, "run b 0.2")]);
    match command.output() {
        Err(error) => return skip(&format!("the order of writes and syncs: strace: {error}")),
        Ok(output) if !output.status.success() && yard.starts("a") == 0 => {
            return skip("the order of writes and syncs: strace may not trace here");
        }
        Ok(output) => assert!(output.status.success(), "{output:?}"),
    }
    let text = fs::read_to_string(&trace).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let after = |from: usize, what: &dyn Fn(&str) -> bool, name: &str| {
        let found = lines[from..].iter().position(|line| what(line));
        from + found.unwrap_or_else(|| panic!("no {name} after line {from} of\n{text}"))
    };
    let (mut at, mut rooms) = (0, 0);
    for _ in 0..2 {
        // The intent is durable before a runner is handed the attempt.
        at = after(
            at,
            &|line| line.contains("fdatasync(") && line.contains(".journal"),
            "sync of the intent",
        );
        at = after(
            at,
            &|line| line.contains("sendmsg(") && line.contains("\"R"),
            "hand-over to a runner",
        );
        // The record is durable before the scheduler is told: in the room that was taken for it, whose name was synced with
        // the folder while the command ran, or, after a short one, as a new file.
        let folder = |line: &str| line.contains("fsync(") && line.contains("/tasks/") && !line.contains("exit.json");
        at = after(
            at,
            &|line| line.contains("fsync(") && line.contains(".exit.json"),
            "sync of the record's file",
        );
        let in_room = lines[at].contains(".exit.json.room");
        rooms += usize::from(in_room);
        if in_room {
            at = after(at, &folder, "sync of the attempt's folder");
            let filled = |line: &str| line.contains("fdatasync(") && line.contains(".exit.json.room");
            at = after(at, &filled, "sync of the exit record");
        }
        let renamed = |line: &str| line.contains("rename(") && line.contains("/exit.json\"");
        at = after(at, &renamed, "rename of the exit record");
        if !in_room {
            at = after(at, &folder, "sync of the attempt's folder");
        }
        at = after(
            at,
            &|line| line.contains("sendto(") && line.contains("\"E"),
            "word to the scheduler",
        );
    }
    assert!(rooms > 0, "the longer one has room for its record\n{text}");
}

/// Fault D1 (P6): A disk without inodes, and one that became read-only, stop new work with a word, and not running work.
#[test]
fn a_disk_that_takes_no_new_file_stops_new_work_only() {
    let yard = Yard::new("2x24GiB");
    if !nix::unistd::geteuid().is_root() || !may_unshare(&yard, &["--mount"]) {
        return skip("a disk without inodes: this user may not mount");
    }
    let logs = yard.root.join("logs");
    fs::create_dir_all(&logs).unwrap();
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "run b")]);
    let mut command = yard.command("unshare");
    let script = "mount -t tmpfs -o size=8m,nr_inodes=60,mode=700 none \"$0\" && exec \"$@\"";
    command.args(["--mount", "bash", "-c", script]).arg(&logs);
    command
        .arg(crate::yard::GPUYARD)
        .arg("--root")
        .arg(&yard.root)
        .args(["schedule", "single", "0"]);
    let mut scheduler = Program::start(command, yard.base(), "schedule");
    let mark = yard.started("a");
    let inside = Path::new("/proc")
        .join(scheduler.pid().to_string())
        .join("root")
        .join(logs.strip_prefix("/").unwrap());
    // From then on, the end of `a` finds room for its record, and `b` none for its folder.
    wait_for("room for its exit record", || {
        let mut at = inside.join("tasks");
        for _run_task_attempt in 0..3 {
            at = fs::read_dir(&at).ok()?.flatten().next()?.path();
        }
        fs::metadata(at.join(".exit.json.room"))
            .ok()
            .filter(|room| room.len() == 4096)
    });
    let mut fillers = Vec::new();
    while let Some(path) =
        Some(inside.join(format!("filler-{}", fillers.len()))).filter(|path| fs::write(path, "").is_ok())
    {
        fillers.push(path);
    }
    assert!(!fillers.is_empty());
    yard.go("a");
    wait_until("a has done its work", || yard.ended("a") && !alive(mark.pid));
    // That is no failure of `b`, which has no retries.
    wait_until("b has been tried", || {
        scheduler.output().contains("attempt could not be started")
    });
    yard.listens(SINGLE);
    assert_eq!(yard.control(SINGLE, &json!({"call": "ping"}))["answer"], "done");
    assert_eq!(yard.starts("b"), 0, "its folder cannot have been made");
    for path in fillers {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
    assert_eq!([yard.starts("a"), yard.starts("b")], [1, 1]);
}

/// Fault W1 (P5): A state file that is cut off is set aside and said, never written over; the run before it stands.
#[test]
fn a_torn_state_is_kept_and_said() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    assert_eq!(yard.schedule(SINGLE).wait(), 0);
    let run = yard.run(SINGLE)["run_id"].as_str().unwrap().to_owned();
    let path = yard.root.join(format!("logs/state/{run}.json"));
    let whole = fs::read(&path).unwrap();
    let torn = &whole[..whole.len() / 2];
    fs::write(&path, torn).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let daemon = yard.serve();
    assert_eq!(daemon.get("/api/scheduler/state").status, 200);
    daemon.begin(SINGLE);
    wait_for("another run", || {
        yard.try_run(SINGLE)
            .filter(|now| now["run_id"] != *run && now["state"] == "completed")
    });
    assert_eq!(fs::read(&path).unwrap(), torn, "it is kept as it was");
    let log = fs::read_to_string(yard.root.join("logs/run.log")).unwrap();
    assert!(log.contains(&run), "it is said:\n{log}");
}
