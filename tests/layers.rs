//! Holds the house rules of docs/ARCHITECTURE.md as data, and fails when a manifest, a lint list or a file breaks them.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src/`, from the lowest floor to the highest. A room may import those named here and no other.
const ROOMS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("fault", &[]),
    ("gpu", &["core"]),
    ("exec", &["core", "fault"]),
    ("store", &["core", "fault"]),
    ("scheduler", &["core", "fault", "gpu", "exec", "store"]),
    ("server", &["core", "gpu", "exec", "store"]),
    ("app", &["core", "fault", "gpu", "exec", "store", "scheduler", "server"]),
];

/// Outside libraries that any room may use: values, errors, time.
const PLAIN: &[&str] = &["serde", "serde_json", "thiserror", "jiff"];

/// Where each other outside library is at home. A library that is not listed has no home yet: say here why it has one.
const HOMES: &[(&str, &[&str])] = &[
    ("similar", &["core"]),
    // Says what a shape looks like to programs; values in, values out, as serde.
    ("utoipa", &["core", "server"]),
    // Devices.
    ("nvml-wrapper", &["gpu"]),
    ("nvml-wrapper-sys", &["gpu"]),
    ("sysinfo", &["gpu"]),
    // System calls. nix and rustix are small and safe; libc is for what neither wraps.
    ("libc", &["gpu", "exec", "store"]),
    ("nix", &["gpu", "exec", "store", "scheduler", "server", "app"]),
    (
        "rustix",
        &["fault", "gpu", "exec", "store", "scheduler", "server", "app"],
    ),
    ("inotify", &["exec"]),
    // Files.
    ("notify", &["store"]),
    // Logs: other encodings than UTF-8, newlines counted at the speed of memory, regular expressions without a bad case.
    ("encoding_rs", &["store"]),
    ("memchr", &["store"]),
    ("regex", &["store"]),
    ("tempfile", &["store"]),
    ("yaml-edit", &["store"]),
    ("yaml_serde", &["store"]),
    ("rusqlite", &["store"]),
    // Loops.
    ("tokio", &["scheduler", "server", "app"]),
    ("anyhow", &["scheduler", "server", "app"]),
    ("uuid", &["scheduler"]),
    ("tracing", &["gpu", "exec", "store", "scheduler", "server", "app"]),
    // HTTP and its secrets; store names versions of files by a hash.
    ("axum", &["server"]),
    ("rust-embed", &["server"]),
    ("hyper", &["server"]),
    ("hyper-util", &["server"]),
    ("tower", &["server"]),
    ("tokio-rustls", &["server"]),
    ("tower-http", &["server"]),
    ("utoipa-axum", &["server"]),
    ("subtle", &["server"]),
    ("getrandom", &["store", "server"]),
    ("sha2", &["store", "server"]),
    // argv, terminal, log output, the client's side of HTTP.
    ("clap", &["app"]),
    ("clap_complete", &["app"]),
    ("toml_edit", &["app"]),
    ("unicode-width", &["app"]),
    ("tracing-appender", &["app"]),
    ("tracing-subscriber", &["app"]),
    ("ureq", &["app"]),
];

/// What tests may use besides, in any room; nothing of this may reach the program.
const FOR_TESTS: &[&str] = &[
    "proptest",
    "tempfile",
    "toml",
    "fake-clock",
    "fake-nvml",
    "futures-util",
    "rcgen",
    "tokio-tungstenite",
];

/// What a room's own `clippy.toml` may leave out of the root's list, because it is what the room is there for.
const MAY: &[(&str, &[&str])] = &[
    (
        "exec",
        &[
            "std::process::Command::new",
            "nix::sys::signal::kill",
            "nix::sys::signal::killpg",
            "libc::kill",
            "std::fs::write",
            "std::fs::rename",
            "std::fs::File::create",
            "std::fs::File::create_new",
            "std::fs::OpenOptions::write",
            "std::fs::OpenOptions::append",
        ],
    ),
    (
        "store",
        &[
            "std::fs::write",
            "std::fs::copy",
            "std::fs::rename",
            "std::fs::File::create",
            "std::fs::File::create_new",
            "std::fs::OpenOptions::write",
            "std::fs::OpenOptions::append",
        ],
    ),
    ("core", &[]),
];

/// No file is longer.
const LINES: usize = 800;

/// Names that say nothing about what lies inside.
const EMPTY_NAMES: &[&str] = &["utils", "util", "helpers", "helper", "common", "manager", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

fn toml_of(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("read {}: {e}", path.display()));
    text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Every dependency of a manifest with whether it is for tests only, also those of one platform.
fn dependencies(manifest: &toml::Table) -> Vec<(String, toml::Value, bool)> {
    let mut tables = vec![manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let kinds = [
        ("dependencies", false),
        ("build-dependencies", false),
        ("dev-dependencies", true),
    ];
    let mut found = Vec::new();
    for table in tables {
        for (kind, for_tests) in kinds {
            if let Some(listed) = table.get(kind).and_then(toml::Value::as_table) {
                found.extend(listed.iter().map(|(name, how)| (name.clone(), how.clone(), for_tests)));
            }
        }
    }
    found
}

/// What a room's manifest does that its place in the house does not allow.
fn manifest_findings(room: &str, manifest: &toml::Table) -> Vec<String> {
    let Some((_, imports)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!("src/{room} is not in the table of rooms")];
    };
    let mut found = Vec::new();
    for (name, how, for_tests) in dependencies(manifest) {
        if how.get("workspace").and_then(toml::Value::as_bool) != Some(true) {
            found.push(format!("{room}: {name} does not take its version from the workspace"));
        }
        if let Some(other) = name.strip_prefix("gpuyard-") {
            if !imports.contains(&other) {
                found.push(format!("{room} may not import {other}"));
            }
        } else if PLAIN.contains(&name.as_str()) || (for_tests && FOR_TESTS.contains(&name.as_str())) {
            continue;
        } else {
            match HOMES.iter().find(|(lib, _)| *lib == name) {
                Some((_, homes)) if homes.contains(&room) => {}
                Some((_, homes)) => found.push(format!("{name} is at home in {homes:?}, not in {room}")),
                None => found.push(format!("{room}: {name} has no home in tests/layers.rs")),
            }
        }
    }
    found
}

/// What is wrong with one source file: `//!` first, 800 lines at most, a name that says something.
fn file_findings(path: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let says = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("//!"))
        .is_some_and(|rest| !rest.trim().is_empty());
    if !says {
        found.push(format!(
            "{}: the first line does not say with //! what the file is for",
            path.display()
        ));
    }
    let lines = text.lines().count();
    if lines > LINES {
        found.push(format!("{}: {lines} lines, {LINES} are the most", path.display()));
    }
    for part in path.with_extension("").components() {
        let part = part.as_os_str().to_string_lossy();
        if EMPTY_NAMES.contains(&part.as_ref()) {
            found.push(format!("{}: `{part}` is no name for a room's part", path.display()));
        }
    }
    found
}

/// Paths under `disallowed-methods` and `disallowed-types` of a `clippy.toml`, and those that give no reason.
fn banned(clippy: &toml::Table) -> (BTreeSet<String>, Vec<String>) {
    let (mut paths, mut silent) = (BTreeSet::new(), Vec::new());
    for key in ["disallowed-methods", "disallowed-types"] {
        for entry in clippy.get(key).and_then(toml::Value::as_array).into_iter().flatten() {
            let path = entry
                .get("path")
                .and_then(toml::Value::as_str)
                .unwrap_or_default()
                .to_owned();
            if entry
                .get("reason")
                .and_then(toml::Value::as_str)
                .is_none_or(str::is_empty)
            {
                silent.push(format!("{path} is banned without a reason"));
            }
            paths.insert(path);
        }
    }
    (paths, silent)
}

/// What a room's list of bans lacks: clippy reads the nearest `clippy.toml` only, so a room's own must repeat the root's.
fn ban_findings(room: &str, all: &BTreeSet<String>, own: &BTreeSet<String>) -> Vec<String> {
    let may = MAY
        .iter()
        .find(|(name, _)| *name == room)
        .map_or(&[][..], |(_, may)| may);
    let missing = all
        .iter()
        .filter(|path| !own.contains(*path) && !may.contains(&path.as_str()));
    missing
        .map(|path| format!("src/{room}/clippy.toml does not ban {path}"))
        .collect()
}

/// Every `.rs` file below a folder.
fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("list {}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            sources(&path, into);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            into.push(path);
        }
    }
}

fn none_of(found: Vec<String>) {
    assert!(
        found.is_empty(),
        "{} broken rules of the house:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn arrows_point_down_only() {
    let root = root();
    let folders = fs::read_dir(root.join("src")).unwrap().map(|entry| entry.unwrap());
    let rooms: BTreeMap<String, PathBuf> = folders
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    assert_eq!(rooms.len(), ROOMS.len(), "rooms in src/: {:?}", rooms.keys());
    none_of(
        rooms
            .iter()
            .flat_map(|(room, path)| manifest_findings(room, &toml_of(&path.join("Cargo.toml"))))
            .collect(),
    );
}

#[test]
fn files_say_what_they_are_for_and_stay_small() {
    let root = root();
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 20, "only {} source files found", files.len());
    let read = |path: &PathBuf| file_findings(path.strip_prefix(&root).unwrap(), &fs::read_to_string(path).unwrap());
    none_of(files.iter().flat_map(read).collect());
}

/// Tests that a document names by `its_name`, and that are nowhere in these sources.
fn missing_tests(document: &str, sources: &str) -> Vec<String> {
    let names = document.split('`').skip(1).step_by(2);
    let tests = names.filter(|name| name.contains('_') && name.chars().all(|c| c.is_ascii_lowercase() || c == '_'));
    let gone = tests.filter(|name| !sources.contains(&format!("fn {name}(")));
    gone.map(|name| format!("docs/SECURITY.md names the test {name}, which is not there"))
        .collect()
}

#[test]
fn tests_of_the_door_are_there() {
    let mut files = Vec::new();
    for folder in ["src", "tests"] {
        sources(&root().join(folder), &mut files);
    }
    let all: Vec<String> = files.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let document = fs::read_to_string(root().join("docs/SECURITY.md")).unwrap();
    none_of(missing_tests(&document, &all.concat()));
}

#[test]
fn rooms_ban_what_the_house_bans() {
    let root = root();
    let (all, mut found) = banned(&toml_of(&root.join("clippy.toml")));
    for (room, _) in ROOMS {
        let path = root.join("src").join(room).join("clippy.toml");
        if path.exists() {
            let (own, silent) = banned(&toml_of(&path));
            found.extend(silent);
            found.extend(ban_findings(room, &all, &own));
        }
    }
    none_of(found);
}

/// Each check is shown something broken, so that a check that lost its teeth is noticed.
mod every_check_can_fail {
    use super::*;

    fn manifest(room: &str, text: &str) -> String {
        manifest_findings(room, &text.parse().unwrap()).join("; ")
    }

    #[test]
    fn on_an_arrow_that_points_up_or_sideways() {
        let up = manifest("core", "[dependencies]\ngpuyard-store.workspace = true");
        assert_eq!(up, "core may not import store");
        let sideways = manifest(
            "server",
            "[target.'cfg(unix)'.dependencies]\ngpuyard-scheduler.workspace = true",
        );
        assert_eq!(sideways, "server may not import scheduler");
        let in_tests = manifest("gpu", "[dev-dependencies]\ngpuyard-exec.workspace = true");
        assert_eq!(in_tests, "gpu may not import exec");
    }

    #[test]
    fn on_a_library_away_from_home() {
        let astray = manifest("server", "[dependencies]\nnvml-wrapper.workspace = true");
        assert_eq!(astray, r#"nvml-wrapper is at home in ["gpu"], not in server"#);
        let unknown = manifest("store", "[build-dependencies]\nleft-pad.workspace = true");
        assert_eq!(unknown, "store: left-pad has no home in tests/layers.rs");
        let test_only = manifest("gpu", "[dependencies]\nfake-nvml.workspace = true");
        assert_eq!(test_only, "gpu: fake-nvml has no home in tests/layers.rs");
        let own_version = manifest("core", "[dependencies]\nserde = \"1\"");
        assert_eq!(own_version, "core: serde does not take its version from the workspace");
        assert_eq!(manifest("attic", ""), "src/attic is not in the table of rooms");
    }

    #[test]
    fn on_a_file_that_is_silent_long_or_nameless() {
        let silent = file_findings(Path::new("src/core/a.rs"), "use std::fs;\n//! late\n");
        assert_eq!(
            silent,
            ["src/core/a.rs: the first line does not say with //! what the file is for"]
        );
        assert_eq!(file_findings(Path::new("src/core/a.rs"), "//!\n").len(), 1);
        let long = file_findings(
            Path::new("src/core/a.rs"),
            &format!("//! Long.\n{}", "\n".repeat(LINES)),
        );
        assert_eq!(long, ["src/core/a.rs: 801 lines, 800 are the most"]);
        assert_eq!(file_findings(Path::new("src/core/utils.rs"), "//! Things.\n").len(), 1);
        assert_eq!(
            file_findings(Path::new("src/core/a.rs"), "//! Good.\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn on_a_test_that_is_gone() {
        let document = "| `/ui*`, `a_b_holds` and `a_b_is_gone` |";
        let found = missing_tests(document, "async fn a_b_holds() {}");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("a_b_is_gone"));
    }

    #[test]
    fn on_a_room_that_bans_less() {
        let all = BTreeSet::from(["std::env::set_var".to_owned(), "std::fs::write".to_owned()]);
        let found = ban_findings("store", &all, &BTreeSet::new());
        assert_eq!(found, ["src/store/clippy.toml does not ban std::env::set_var"]);
        let (_, silent) = banned(&"disallowed-methods = [{ path = \"a::b\" }]".parse().unwrap());
        assert_eq!(silent, ["a::b is banned without a reason"]);
    }
}
