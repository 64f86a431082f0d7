//! The documents' sessions with curl, run as they stand there; only address, secret and paths are this yard's.
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use crate::yard::{Daemon, SECRET, SINGLE, Yard, skip, task, wait_until};

const DOCUMENTS: [&str; 4] = ["README.md", "README.zh-CN.md", "docs/guide.md", "docs/guide.zh-CN.md"];

fn document(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(name)).unwrap()
}

/// The block of code that says something, line by line; a line that ends in a backslash goes on in the next one.
fn block(document: &str, says: &str) -> Vec<String> {
    let mut blocks = document.split("\n```").skip(1).step_by(2);
    let block = blocks
        .find(|block| block.contains(says))
        .unwrap_or_else(|| panic!("no block says {says}"));
    let code = block.split_once('\n').unwrap().1.replace("\\\n", " ");
    code.lines().map(str::to_owned).collect()
}

fn has_curl(yard: &Yard) -> bool {
    yard.command("curl")
        .arg("--version")
        .output()
        .is_ok_and(|out| out.status.success())
}

/// A line in a shell that knows what the lines before it have set. An answer that is an error fails.
fn shell(yard: &Yard, daemon: &Daemon, set: &str, line: &str) -> Command {
    let careful = "set -eo pipefail; curl() { command curl --fail-with-body -sS --max-time 30 \"$@\"; }";
    let mine = |text: &str| {
        let address = format!("127.0.0.1:{}", daemon.port);
        let text = text
            .replace("127.0.0.1:29214", &address)
            .replace("localhost:29214", &address);
        let text = text
            .replace("THE SECRET", SECRET)
            .replace("\"密钥\"", &format!("\"{SECRET}\""));
        text.replace("/data/runs/a", yard.work.to_str().unwrap())
    };
    let mut bash = yard.command("bash");
    bash.args(["-c", &format!("{careful}\n{}\n{}", mine(set), mine(line))])
        .env("SECRET", SECRET);
    bash
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Whether a line only sets something.
fn sets(line: &str) -> bool {
    line.split_once('=')
        .is_some_and(|(name, _)| name.chars().all(|letter| letter.is_ascii_uppercase()))
}

/// Log in, put a queue, start, watch, read the log, stop: each line of it works, in each document.
#[test]
fn the_sessions_with_curl_do_the_whole_job() {
    for name in DOCUMENTS {
        let yard = Yard::new("1x24GiB");
        if !has_curl(&yard) {
            return skip("there is no curl");
        }
        let daemon = yard.serve();
        let (mut set, mut done) = (String::new(), Vec::new());
        for line in block(&document(name), "auth/login") {
            if sets(&line) {
                set += &format!("{line}\n");
                continue;
            }
            if line.contains("log/content") {
                wait_until("its log is there", || {
                    let out = shell(&yard, &daemon, &set, &line).output().unwrap();
                    out.status.success() && text(&out).contains("hello")
                });
            } else {
                let out = shell(&yard, &daemon, &set, &line).output().unwrap();
                assert!(out.status.success(), "{name}: {line}\n{}", text(&out));
                if line.contains("scheduler/running") {
                    assert!(text(&out).contains("echo hello"), "{name}: {}", text(&out));
                }
            }
            done.push(line);
        }
        for part in ["/commands/", "/start", "/running", "/log/content", "/stop"] {
            assert!(
                done.iter().any(|line| line.contains(part)),
                "{name} does not show {part}"
            );
        }
        yard.wait_run(SINGLE, "it is stopped", |run| run["state"] == "stopped");
        assert_eq!(yard.run(SINGLE)["queues"]["1"]["processes"][0]["memory_gb"], 2.0);
    }
}

/// Each call that the guide shows about logs and about editing is answered.
#[test]
fn the_calls_of_the_guide_are_answered() {
    for name in &DOCUMENTS[2..] {
        let yard = Yard::new("1x24GiB");
        if !has_curl(&yard) {
            return skip("there is no curl");
        }
        yard.commands(SINGLE, &[task(1, "run a")]);
        fs::write(yard.work.join("train.log"), "epoch 1\nloss nan\nepoch 2\n").unwrap();
        let daemon = yard.serve();
        daemon.begin(SINGLE);
        yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
        let document = document(name);
        let lines = block(&document, "/bindings");
        let (set, calls): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| sets(line));
        assert!(calls.len() >= 8, "{name}: {calls:?}");
        for line in calls {
            // What follows has no end of its own.
            let follows = line.contains("/stream");
            let line = if follows {
                line.replace("curl ", "curl --max-time 2 ")
            } else {
                line
            };
            let out = shell(&yard, &daemon, &set.join("\n"), &line).output().unwrap();
            let well = if follows {
                out.status.code() == Some(28)
            } else {
                out.status.success()
            };
            assert!(well, "{name}: {line}\n{}", text(&out));
            if ["/content", "/read", "/search", "/stream"]
                .iter()
                .any(|part| line.contains(part))
            {
                assert!(text(&out).contains("nan"), "{name}: {line}\n{}", text(&out));
            }
        }
        assert_eq!(
            fs::read_to_string(yard.work.join("train.log")).unwrap().lines().count(),
            3,
            "what is downloaded is what is there"
        );
        let export = document
            .lines()
            .find(|line| line.contains("export URL="))
            .unwrap()
            .trim();
        let rows = document
            .lines()
            .filter_map(|line| line.strip_prefix("| `curl ")?.split_once('`'));
        let mut calls = 0;
        for (call, _) in rows {
            let out = shell(&yard, &daemon, export, &format!("curl {call}")).output().unwrap();
            assert!(out.status.success(), "{name}: curl {call}\n{}", text(&out));
            calls += 1;
        }
        assert!(calls >= 10, "{name}: {calls}");
    }
}
