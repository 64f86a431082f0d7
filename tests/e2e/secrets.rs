//! What the daemon keeps to itself: its secret, its files, and how much it says of both.
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};

use crate::yard::{SECRET, SINGLE, Yard, task, wait_until};

/// Everything below a folder.
fn below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut all = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(below(&path));
        }
        all.insert(path);
    }
    all
}

fn settings(yard: &Yard) -> PathBuf {
    yard.root.join("config/control_setting.yaml")
}

/// Neither logs nor records, neither arguments nor environments hold the secret or a token, and what was made is for its owner
/// alone.
#[test]
fn the_secret_is_in_its_file_alone_and_new_files_are_for_their_owner() {
    let yard = Yard::new("2x24GiB");
    yard.set("GPUYARD_SECRET", SECRET);
    yard.commands(SINGLE, &[task(1, "$ env > env-{uni_id}.txt").then("hold a")]);
    yard.settings(crate::yard::free_port());
    let before = below(&yard.root);
    let daemon = yard.serve();
    let login = daemon.post_as(None, "/api/auth/login", &json!({"password": SECRET}));
    let token = login.body["token"].as_str().unwrap().to_owned();
    daemon.post_as(None, "/api/auth/login", &json!({"password": format!("{SECRET}x")}));
    assert_eq!(
        daemon.put("/api/settings", &json!({"log-level": "debug"}), None).status,
        200
    );
    daemon.begin(SINGLE);
    yard.started("a");
    let work = yard.work.display().to_string();
    let adhoc = daemon.post(
        "/api/tasks",
        &json!({"command": "env > env-adhoc.txt; bash task.sh hold b", "work_dir": work}),
    );
    assert_eq!(adhoc.status, 200, "{adhoc:?}");
    yard.started("b");
    assert_eq!(
        daemon.put("/api/settings", &json!({"gpu-interval": 2}), None).status,
        200
    );
    for pid in yard.processes() {
        let read = |what: &str| fs::read(format!("/proc/{pid}/{what}")).unwrap_or_default();
        let holds = |bytes: &[u8]| {
            [SECRET, &token]
                .iter()
                .any(|secret| String::from_utf8_lossy(bytes).contains(secret))
        };
        assert!(!holds(&read("cmdline")), "arguments of {pid}");
        // What a daemon and its schedulers were started with is their starter's affair; what tasks get is ours.
        let environment = read("environ");
        let tasks = String::from_utf8_lossy(&environment).contains("GPUYARD_UNI_ID=");
        assert!(!tasks || !holds(&environment), "environment of {pid}");
    }
    let written: Vec<PathBuf> = below(&yard.work).into_iter().filter(|path| path.is_file()).collect();
    assert!(
        written
            .iter()
            .filter(|path| path.display().to_string().contains("env-"))
            .count()
            == 2,
        "{written:?}"
    );
    for path in below(&yard.root)
        .into_iter()
        .chain(written)
        .filter(|path| path.is_file() && *path != settings(&yard))
    {
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
        assert!(
            !text.contains(SECRET) && !text.contains(&token),
            "{} holds a secret",
            path.display()
        );
    }
    assert!(!daemon.program.output().contains(SECRET));
    for path in below(&yard.root).difference(&before) {
        let meta = fs::symlink_metadata(path).unwrap();
        let mode = meta.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
    yard.go("a");
    yard.go("b");
    yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
}

/// The level of the log changes while the daemon runs, over the API and by hand; what is asked is told without its query.
#[test]
fn the_log_level_changes_while_it_runs() {
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let log = || -> String {
        let files = below(&yard.root.join("logs")).into_iter();
        let own = files.filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("run"))
        });
        own.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let answered = |mark: &str| log().contains(&format!("/api/nothing/{mark}"));
    assert_eq!(daemon.get("/api/nothing/one").status, 404);
    let level = |level: &str| daemon.put("/api/settings", &json!({"log-level": level}), None);
    assert_eq!(
        level("debug").body["requires_restart"],
        json!([]),
        "it needs no restart"
    );
    assert_eq!(daemon.get("/api/nothing/two?ticket=hidden").status, 404);
    wait_until("each answer is told", || answered("two"));
    assert!(!answered("one") && !log().contains("hidden"), "{}", log());
    // By hand: the file is watched.
    let text = fs::read_to_string(settings(&yard)).unwrap();
    let quieter = text.lines().map(|line| {
        if line.starts_with("log-level:") {
            "log-level: warning"
        } else {
            line
        }
    });
    fs::write(settings(&yard), quieter.collect::<Vec<_>>().join("\n") + "\n").unwrap();
    let mut asked = 0;
    wait_until("the file is followed", || {
        asked += 1;
        let mark = format!("again-{asked}.");
        daemon.get(&format!("/api/nothing/{mark}"));
        // A line is in the file before its answer is sent.
        !answered(&mark)
    });
    assert_eq!(daemon.get("/api/nothing/three").status, 404);
    assert_eq!(level("debug").status, 200);
    assert_eq!(daemon.get("/api/nothing/four").status, 404);
    wait_until("and again", || answered("four"));
    assert!(!answered("three"), "{}", log());
    let shown: Value = daemon.get("/api/settings").body;
    assert!(!shown.to_string().contains(SECRET), "the secret is never sent back");
}
