//! Editing over the API and from the terminal, while others edit too and while it runs.
use std::{fs, os::unix::fs::PermissionsExt, process::Stdio, thread};

use serde_json::{Value, json};

use crate::yard::{Daemon, SECRET, SINGLE, Yard, task, wait_until};

const QUEUES: &str = "/api/commands/single?config_index=0";

fn etag(daemon: &Daemon) -> String {
    daemon.get(QUEUES).body["etag"].as_str().unwrap().to_owned()
}

/// Fault F2 (P5).
/// F2: the dashboard and an editor at one file. The later save is refused, shown what stands there, and nothing is lost.
#[test]
fn an_edit_in_vim_and_one_in_the_dashboard_never_undo_each_other() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let daemon = yard.serve();
    let file = yard.command_file(SINGLE);
    let read = daemon.get(QUEUES).body;
    // As vim does: a new file in the place of the old one.
    let theirs = format!("# mine, by hand\n{}", fs::read_to_string(&file).unwrap());
    fs::write(file.with_extension("swap"), &theirs).unwrap();
    fs::rename(file.with_extension("swap"), &file).unwrap();
    let mut queues = read["queues"].clone();
    queues[0]["processes"][0]["memory"] = json!(3);
    let answer = daemon.put(QUEUES, &json!({"queues": queues}), read["etag"].as_str());
    assert_eq!(
        (answer.status, &answer.body["code"]),
        (409, &json!("stale")),
        "{answer:?}"
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), theirs);
    // On top of theirs it goes, and their comment stays.
    let now = answer.body["current"]["etag"].as_str().unwrap();
    assert_eq!(daemon.put(QUEUES, &json!({"queues": queues}), Some(now)).status, 200);
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with("# mine, by hand\n") && text.contains("\n3\n"),
        "{text}"
    );
    assert_eq!(
        fs::read_to_string(file.with_file_name("command_gpu.txt.backup")).unwrap(),
        theirs
    );
}

/// Fault F2 (P1, P5).
/// Many save at once, each over what it has read: whoever is told "saved" is in the file.
#[test]
fn of_many_saves_at_once_none_is_lost() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let daemon = yard.serve();
    thread::scope(|scope| {
        for id in 10..16_u64 {
            let daemon = &daemon;
            scope.spawn(move || {
                loop {
                    let read = daemon.get(QUEUES).body;
                    let mut queues = read["queues"].as_array().unwrap().clone();
                    queues.push(json!({"id": id, "processes": [{"commands": [format!("run q{id}")], "gpu_count": 1, "memory": 1}]}));
                    match daemon.put(QUEUES, &json!({"queues": queues}), read["etag"].as_str()).status {
                        200 => return,
                        status => assert_eq!(status, 409),
                    }
                }
            });
        }
    });
    let queues = daemon.get(QUEUES).body["queues"].clone();
    let mut ids: Vec<u64> = queues
        .as_array()
        .unwrap()
        .iter()
        .map(|q| q["id"].as_u64().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 10, 11, 12, 13, 14, 15]);
}

/// A running scheduler follows what is saved over the API, and rules too.
#[test]
fn a_scheduler_follows_what_is_saved_over_the_api() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "hold a")]);
    let daemon = yard.serve();
    daemon.begin(SINGLE);
    yard.started("a");
    let mut queues = daemon.get(QUEUES).body["queues"].clone();
    let mut second = queues[0]["processes"][0].clone();
    second["commands"] = json!([second["commands"][0].as_str().unwrap().replace("hold a", "run b")]);
    queues[0]["processes"].as_array_mut().unwrap().push(second);
    let answer = daemon.put(QUEUES, &json!({"queues": queues}), Some(&etag(&daemon)));
    assert_eq!(answer.status, 200, "{answer:?}");
    wait_until("the new task is in the run", || {
        yard.run(SINGLE)["total_tasks"] == json!(2)
    });
    let answer = daemon.put("/api/config", &json!({"on_failure": "continue"}), None);
    assert_eq!(
        (answer.status, &answer.body["data"]["on_failure"]),
        (200, &json!("continue")),
        "{answer:?}"
    );
    wait_until("the rules are followed", || {
        yard.run(SINGLE)["on_failure"] == json!("continue")
    });
    // The first task goes on through all of it: one start.
    assert_eq!(yard.task(SINGLE, 1, 0)["attempt"], json!(1));
    let log = yard.root.join("logs/run.log");
    assert!(!fs::read_to_string(&log).unwrap().contains(" DEBUG"));
    assert_eq!(
        daemon.put("/api/settings", &json!({"log-level": "debug"}), None).status,
        200
    );
    yard.go("a");
    yard.wait_run(SINGLE, "it is over", |run| run["state"] == json!("completed"));
}

/// From a terminal on another machine: log in, add, edit, see what is wrong, log out.
#[test]
fn queues_are_edited_from_a_terminal_elsewhere() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let daemon = yard.serve();
    let elsewhere = yard.base().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let ask = |words: &[&str], input: &str, editor: &str| {
        use std::io::Write;
        let mut command = yard.command(crate::yard::GPUYARD);
        command
            .current_dir(&elsewhere)
            .args(words)
            .env("EDITOR", editor)
            .env_remove("GPUYARD_ROOT");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        (
            output.status.code().unwrap(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let url = format!("http://127.0.0.1:{}/", daemon.port);
    assert_ne!(ask(&["login", &url], "wrong\n", "true").0, 0);
    let (code, said, wrong) = ask(&["login", &url], &format!("{SECRET}\n"), "true");
    assert_eq!(code, 0, "{said}{wrong}");
    let kept = yard.base().join("home/.config/gpuyard/config.toml");
    assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.contains("token") && !text.contains(SECRET), "{text}");
    fs::write(&kept, format!("# my servers\n{text}")).unwrap();
    let (code, said, wrong) = ask(
        &[
            "queue", "add", "single", "0", "7", "--memory", "2.5", "run b", "run c", "--json",
        ],
        "",
        "true",
    );
    assert_eq!(code, 0, "{said}{wrong}");
    let answer: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&answer["queue_id"], &answer["process_index"]), (&json!(7), &json!(0)));
    let (_, said, _) = ask(&["queue", "list", "single", "0"], "", "true");
    assert!(
        said.contains("7") && said.contains("2.5 GiB") && said.contains("run b ; run c"),
        "{said}"
    );
    let file = yard.command_file(SINGLE);
    let (code, said, wrong) = ask(&["queue", "edit", "single", "0"], "", "sed -i 's/run b/run d/'");
    assert_eq!((code, said.contains("command_gpu.txt")), (0, true), "{said}{wrong}");
    let before = fs::read_to_string(&file).unwrap();
    assert!(before.contains("run d"));
    // What is broken is shown by its line, kept, and not saved behind a person's back.
    let (code, _, wrong) = ask(&["queue", "edit", "single", "0"], "", "sed -i 's/^2.5$/much/'");
    assert_eq!((code, wrong.contains("command_gpu.txt:")), (2, true), "{wrong}");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
    let drafts: Vec<_> = fs::read_dir(kept.with_file_name("drafts")).unwrap().collect();
    assert_eq!(drafts.len(), 1);
    // An edit that meets another one is refused, and kept.
    let meets = format!(
        "sh -c 'echo \"# theirs\" >> {}; sed -i \"s/run d/run e/\" \"$1\"' sh",
        file.display()
    );
    let (code, _, wrong) = ask(&["queue", "edit", "single", "0"], "", &meets);
    assert_eq!((code, wrong.contains("kept in")), (3, true), "{wrong}");
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{before}# theirs\n"));
    let (code, said, wrong) = ask(&["start", "single", "0", "--json"], "", "true");
    assert_eq!(code, 0, "{said}{wrong}");
    let (code, ..) = ask(&["logout"], "", "true");
    assert_eq!(code, 0);
    let text = fs::read_to_string(&kept).unwrap();
    assert!(text.starts_with("# my servers\n") && !text.contains("token"), "{text}");
    let (code, _, wrong) = ask(&["queue", "list", "single", "0"], "", "true");
    assert_eq!((code, wrong.contains("gpuyard login")), (2, true), "{wrong}");
}
