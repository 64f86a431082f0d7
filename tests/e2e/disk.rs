//! A full disk stops new work, not running work, and heals by itself.
use std::{
    fs::{self, File},
    io::Write,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::yard::{GPUYARD, Program, SINGLE, Yard, alive, skip, task, wait_for, wait_until};

/// What the scheduler's `logs/` lies on.
const SIZE: &str = "2m";

/// A scheduler whose `logs/` is a file system of 2 MiB, in a mount namespace of its own.
struct SmallDisk {
    program: Program,
    /// Keeps the file system, and is the way to it, when the scheduler's namespace is gone.
    logs: File,
}

impl SmallDisk {
    /// `None` where this user may not mount.
    fn start(yard: &Yard) -> Option<SmallDisk> {
        let logs = yard.root.join("logs");
        fs::create_dir_all(&logs).unwrap();
        let flags: &[&str] = if nix::unistd::geteuid().is_root() {
            &["--mount"]
        } else {
            &["--mount", "--user", "--map-root-user"]
        };
        let allowed = yard
            .command("unshare")
            .args(flags)
            .args(["mount", "-t", "tmpfs", "none"])
            .arg(&logs)
            .output();
        if !allowed.is_ok_and(|output| output.status.success()) {
            return None;
        }
        let script = format!("mount -t tmpfs -o size={SIZE},mode=700 none \"$0\" && exec \"$@\"");
        let mut command = yard.command("unshare");
        command
            .args(flags)
            .args(["bash", "-c", &script])
            .arg(&logs)
            .arg(GPUYARD)
            .arg("--root")
            .arg(&yard.root);
        command.args(["schedule", "single", "0"]);
        let program = Program::start(command, yard.base(), "schedule");
        let inside = format!("/proc/{}/root{}", program.pid(), logs.display());
        // Before the mount it is the empty folder that everybody sees.
        wait_until("the small disk is there", || Path::new(&inside).join("state").is_dir());
        Some(SmallDisk {
            program,
            logs: File::open(inside).unwrap(),
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc/self/fd")
            .join(self.logs.as_raw_fd().to_string())
            .join(name)
    }

    /// Writes until nothing more fits.
    fn fill(&self) {
        let mut file = File::create(self.path("filler")).unwrap();
        for size in [1 << 16, 1 << 10, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn clear(&self) {
        fs::remove_file(self.path("filler")).unwrap();
    }

    /// The folder of a task's first attempt, found by what it runs.
    fn attempt(&self, name: &str) -> Option<PathBuf> {
        let runs = fs::read_dir(self.path("tasks")).ok()?.flatten();
        let tasks = runs.flat_map(|run| fs::read_dir(run.path()).into_iter().flatten().flatten());
        let mut attempts = tasks.map(|task| task.path().join("1"));
        let spec = |folder: &Path| fs::read_to_string(folder.join("attempt.json")).unwrap_or_default();
        attempts.find(|folder| spec(folder).contains(&format!("task.sh {name}\"")))
    }

    /// The exit record of a task's first attempt.
    fn record(&self, name: &str) -> Option<Value> {
        serde_json::from_slice(&fs::read(self.attempt(name)?.join("exit.json")).ok()?).ok()
    }

    /// Whether its runner has taken room for it.
    fn has_room(&self, name: &str) -> bool {
        let room = self.attempt(name).map(|folder| folder.join(".exit.json.room"));
        room.is_some_and(|path| path.metadata().is_ok_and(|meta| meta.len() == 4096))
    }
}

/// Fault D1 (P6).
#[test]
fn a_full_disk_stops_new_work_only() {
    let yard = Yard::new("2x24GiB");
    yard.commands(
        SINGLE,
        &[
            task(1, "tick a"),
            task(1, "run after-a"),
            task(2, "hold b"),
            task(2, "run after-b"),
        ],
    );
    let Some(mut disk) = SmallDisk::start(&yard) else {
        return skip("this user may not mount a small file system");
    };
    let marks = ["a", "b"].map(|name| yard.started(name));
    yard.listens(SINGLE);
    wait_until("room for their records", || {
        disk.has_room("tick a") && disk.has_room("hold b")
    });
    disk.fill();
    // What somebody asks for has to be kept. As long as the journal's last block has room it is; then it is refused in words.
    let id = task_id(&disk, "run after-a");
    let ask = |call| yard.control(SINGLE, &json!({"call": call, "task_id": id}));
    let mut calls = ["skip", "retry"].into_iter().cycle().take(1000);
    let (call, refused) = calls
        .find_map(|call| Some((call, ask(call))).filter(|(_, answer)| answer["answer"] != "done"))
        .unwrap();
    assert_eq!(refused["answer"], "conflict", "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("space"), "{refused}");
    // A task that ends is not followed by another, and one that works goes on.
    yard.go("b");
    wait_until("b is over", || yard.ended("b") && !alive(marks[1].pid));
    assert_eq!(yard.control(SINGLE, &json!({"call": "ping"}))["answer"], "done");
    assert_eq!(ask(call)["answer"], "conflict");
    // Its record has found the room that was taken for it; what is next cannot be written down.
    let record = wait_for("b's record", || disk.record("hold b"));
    assert_eq!(
        (yard.starts("after-b"), &record["outcome"]["code"]),
        (0, &json!(0)),
        "{record}"
    );
    assert!(alive(marks[0].pid) && disk.program.runs());
    // There is room again: all goes on by itself.
    disk.clear();
    wait_until("the next task starts", || yard.starts("after-b") == 1);
    assert!(alive(marks[0].pid));
    if call == "retry" {
        // It was skipped before, and the word that takes this back was refused.
        assert_eq!(ask(call)["answer"], "done");
    }
    yard.go("a");
    assert_eq!(disk.program.wait(), 0, "{}", disk.program.output());
    for name in ["a", "after-a", "b", "after-b"] {
        assert_eq!(yard.starts(name), 1, "{name} starts once");
    }
    for name in ["tick a", "run after-a", "hold b", "run after-b"] {
        let record = disk.record(name).unwrap_or_else(|| panic!("{name} has no record"));
        assert_eq!(record["outcome"], json!({"kind": "exited", "code": 0}), "{name}");
    }
    assert!(yard.leases().is_empty());
}

/// The id of a task that has not run yet, as the state file has it.
fn task_id(disk: &SmallDisk, command: &str) -> String {
    wait_for("the state file", || {
        let mut files = fs::read_dir(disk.path("state"))
            .ok()?
            .flatten()
            .map(|entry| entry.path());
        let path = files.find(|path| path.extension().is_some_and(|extension| extension == "json"))?;
        let run: Value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        let queues = run["queues"].as_object()?.values();
        let mut tasks = queues.filter_map(|queue| queue["processes"].as_array()).flatten();
        let task = tasks.find(|task| task["commands"][0].as_str().is_some_and(|text| text.ends_with(command)))?;
        Some(task["task_id"].as_str()?.to_owned())
    })
}
