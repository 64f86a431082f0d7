//! Ad-hoc tasks with the real program: the seed's pipeline, chains, sweeps, terminals, deaths, and the line kept while
//! command files compete for the same GPUs.
mod commands;
mod drain;
mod life;
mod seen;
mod writers;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::yard::{
    Daemon, Program, SINGLE, Yard, alive, kill, skip, task, wait_for, wait_until, whole_leases_never_overlap,
};

impl Yard {
    /// `gpuyard submit …`: the task's number.
    #[track_caller]
    fn submit(&self, args: &[&str]) -> i64 {
        let output = self.ask(&[&["submit"], args].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
    }

    fn adhoc(&self, id: i64) -> Value {
        self.json(&["task", &id.to_string(), "--json"])
    }

    #[track_caller]
    fn wait_adhoc(&self, id: i64, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || Some(self.adhoc(id)).filter(|task| wanted(task)))
    }

    #[track_caller]
    fn wait_status(&self, id: i64, status: &str) -> Value {
        self.wait_adhoc(id, &format!("task {id} is {status}"), |task| task["status"] == status)
    }

    fn adhoc_log(&self, id: i64) -> String {
        String::from_utf8_lossy(&self.ask(&["logs", &id.to_string()]).stdout).into_owned()
    }

    /// Exit code of `gpuyard wait`.
    fn wait_code(&self, id: i64) -> i32 {
        self.ask(&["wait", &id.to_string()]).status.code().unwrap()
    }

    /// The pid of the scheduler of ad-hoc tasks, as the daemon knows it.
    fn tasks_scheduler(&self, daemon: &Daemon) -> Option<i32> {
        daemon.get("/api/tasks?limit=1").body["scheduler"]["pid"]
            .as_i64()
            .map(|pid| pid as i32)
    }

    fn schedule_tasks(&self) -> Program {
        self.start(&["schedule", "tasks"])
    }
}

fn script(verb: &str) -> String {
    format!("bash task.sh {verb}")
}

/// Lines of a log that the task itself wrote.
fn own_lines(log: &str) -> Vec<&str> {
    log.lines().filter(|line| !line.starts_with("[gpuyard]")).collect()
}

#[test]
fn the_seeds_pipeline_runs_from_a_script_and_once_more_as_a_copy() {
    let yard = Yard::new("1x24GiB");
    let conda = yard.base().join("conda/etc/profile.d");
    fs::create_dir_all(&conda).unwrap();
    fs::create_dir_all(yard.base().join("conda/envs/pt212/bin")).unwrap();
    let python = yard.base().join("conda/envs/pt212/bin/python");
    fs::write(&python, "#!/bin/bash\necho \"python of pt212 got $*\"\n").unwrap();
    Command::new("chmod").arg("+x").arg(&python).status().unwrap();
    let base = yard.base().display().to_string();
    fs::write(
        conda.join("conda.sh"),
        format!("conda() {{ [ \"$1\" = activate ] && PATH={base}/conda/envs/$2/bin:$PATH; }}\n"),
    )
    .unwrap();
    let text = format!(
        "source {base}/conda/etc/profile.d/conda.sh\nconda activate pt212\ncd {base}/work/go\npython test.py --num 10\n"
    );
    let mut submit = yard
        .gpuyard(&["submit", "--env", "WANDB_API_KEY=wb-1", "--file", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    submit.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = submit.wait_with_output().unwrap();
    let id: i64 = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    assert_eq!(yard.wait_code(id), 0, "{}", yard.adhoc_log(id));
    let done = yard.adhoc(id);
    assert_eq!(
        (&done["status"], &done["exit_code"], &done["name"]),
        (&json!("completed"), &json!(0), &json!("python test.py --num 10"))
    );
    let log = yard.adhoc_log(id);
    assert_eq!(own_lines(&log), ["python of pt212 got test.py --num 10"], "{log}");
    for wanted in [
        "[gpuyard] PATH: ".to_owned(),
        "[gpuyard] shell at exit: conda: conda".to_owned(),
        format!("[gpuyard] shell at exit: python: {}", python.display()),
        format!("[gpuyard] shell at exit: folder: {base}/work/go"),
        "[gpuyard]   WANDB_API_KEY=(not shown)".to_owned(),
        "[gpuyard] exit code: 0".to_owned(),
    ] {
        assert!(log.contains(&wanted), "{wanted}\n{log}");
    }
    assert!(!log.contains("wb-1"), "what looks like a secret is not shown: {log}");
    let copy = yard.ask(&["clone", &id.to_string()]);
    let second: i64 = String::from_utf8(copy.stdout).unwrap().trim().parse().unwrap();
    assert_eq!((second > id, yard.wait_code(second)), (true, 0));
    assert_eq!(own_lines(&yard.adhoc_log(second)), own_lines(&log));
}

#[test]
fn chains_sweeps_limits_and_retries_are_kept_and_a_shell_script_is_made_of_them() {
    let yard = Yard::new("2x24GiB");
    let mut scheduler = yard.schedule_tasks();
    // A chain in a shell script, as the guide has it.
    let chain = yard
        .command("bash")
        .args(["-ec", "g() { \"$GPUYARD\" --root \"$ROOT\" \"$@\"; }\na=$(g submit --name prepare -- 'echo data > data')\nb=$(g submit --name train --after $a -- 'cat data')\ng wait $b\ng logs -f $b | grep -v '^.gpuyard'"])
        .env("GPUYARD", crate::yard::GPUYARD)
        .env("ROOT", &yard.root)
        .output()
        .unwrap();
    assert_eq!(
        (String::from_utf8_lossy(&chain.stdout).trim(), chain.status.code()),
        ("data", Some(0)),
        "{chain:?}"
    );

    let bad = yard.submit(&["--", &script("hold bad")]);
    let doomed = yard.submit(&["--after", &bad.to_string(), "--", "echo never"]);
    let twice = yard.submit(&["--after", &doomed.to_string(), "--", "echo never"]);
    // Not before the others hang on it.
    yard.go_with("bad", 7);
    assert_eq!(
        (yard.wait_code(bad), yard.wait_code(doomed), yard.wait_code(twice)),
        (7, 130, 130)
    );
    let why = yard.adhoc(doomed)["error"].as_str().unwrap().to_owned();
    assert_eq!(why, format!("it depends on task {bad}, which failed"));
    assert_eq!(yard.adhoc(twice)["attempt"], 0);

    let slow = yard.submit(&["--timeout", "0.5", "--", "sleep 600"]);
    assert_eq!(yard.wait_code(slow), 1);
    assert!(
        yard.adhoc(slow)["error"].as_str().unwrap().contains("task_timeout"),
        "{}",
        yard.adhoc(slow)
    );

    let flaky = yard.submit(&["--retries", "2", "--", &script("fail flaky 2 9")]);
    assert_eq!(yard.wait_code(flaky), 0);
    assert_eq!(yard.adhoc(flaky)["attempt"], 3);

    let sweep = yard.json(&[
        "submit",
        "--json",
        "--sweep",
        "lr=1,2",
        "--sweep",
        "seed=3,4",
        "--",
        "echo {lr}-{seed} ${HOME:+home}",
    ]);
    let ids: Vec<i64> = sweep["ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_i64().unwrap())
        .collect();
    let said: Vec<String> = ids
        .iter()
        .map(|&id| {
            assert_eq!(yard.wait_code(id), 0);
            own_lines(&yard.adhoc_log(id)).join("")
        })
        .collect();
    assert_eq!(said, ["1-3 home", "1-4 home", "2-3 home", "2-4 home"]);

    let later = yard.submit(&["--not-before", "2100-01-01T00:00:00Z", "--tag", "late", "--", "true"]);
    yard.wait_adhoc(later, "its reason", |task| task["reason"]["code"] == "NotBefore");
    let listed = yard.json(&["tasks", "--tag", "late", "--json"]);
    assert_eq!(listed["tasks"].as_array().unwrap().len(), 1);
    assert_eq!(yard.ask(&["cancel", &later.to_string()]).status.code(), Some(0));
    assert_eq!(yard.wait_code(later), 130);
    let large = yard.ask(&["submit", "--type", "H100", "--", "true"]);
    assert_eq!(large.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&large.stderr).contains("Simulated GPU 24 GiB (2 × 24 GiB)"),
        "{large:?}"
    );
    scheduler.signal(Signal::SIGTERM);
    assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
}

#[test]
fn the_head_of_the_line_is_not_overtaken_and_priorities_go_first() {
    let yard = Yard::new("2x24GiB");
    let _scheduler = yard.schedule_tasks();
    let holds = yard.submit(&["--", &script("hold first")]);
    yard.wait_status(holds, "running");
    let wide = yard.submit(&["--gpus", "2", "--", &script("run wide")]);
    let small = yard.submit(&["--memory", "1", "--", &script("run small")]);
    let urgent = yard.submit(&["--gpus", "2", "--priority", "5", "--", &script("run urgent")]);
    yard.wait_adhoc(small, "it is told why it waits", |task| {
        task["reason"]["code"] == "BehindEarlierTask"
    });
    assert_eq!(
        (&yard.adhoc(urgent)["position"], &yard.adhoc(small)["position"]),
        (&json!(1), &json!(3))
    );
    yard.go_with("first", 0);
    assert_eq!(yard.wait_code(small), 0);
    assert_eq!(yard.order(), ["first", "urgent", "wide", "small"]);
    assert_eq!(yard.wait_code(wide), 0);
}

#[test]
fn a_person_looks_at_the_terminal_types_and_lets_go_and_the_task_goes_on() {
    let yard = Yard::new("1x24GiB");
    let _scheduler = yard.schedule_tasks();
    let id = yard.submit(&[
        "--",
        "read -p 'name? ' x; echo got $x; [ -t 1 ] && echo terminal; read -p 'more? ' y; echo and $y",
    ]);
    yard.wait_status(id, "running");
    let viewer = |prompt: &str, typed: &[u8], until: &str| {
        wait_until("the task asks", || yard.adhoc_log(id).contains(prompt));
        let mut attach = yard
            .gpuyard(&["attach", &id.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut input = attach.stdin.take().unwrap();
        input.write_all(typed).unwrap();
        wait_until("the task answers", || yard.adhoc_log(id).contains(until));
        // Ctrl-]: the task may be over already.
        let _ = input.write_all(b"\x1d");
        let output = attach.wait_with_output().unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned(),
        )
    };
    let (code, seen) = viewer("\nname? ", b"fred\n", "\nterminal");
    assert_eq!(code, Some(0));
    assert!(seen.contains("got fred\r\n") || seen.contains("name? "), "{seen:?}");
    assert_eq!(yard.adhoc(id)["status"], "running", "letting go does not end it");
    viewer("\nmore? ", b"more\n", "\nand more");
    assert_eq!(yard.wait_code(id), 0);
    let log = yard.adhoc_log(id);
    assert!(
        log.contains("name? fred\n") && log.contains("got fred\nterminal\n") && !log.contains('\r'),
        "{log:?}"
    );
}

#[test]
fn tmux_shows_the_terminal_and_its_death_leaves_the_task_alone() {
    if Command::new("tmux").arg("-V").output().is_err() {
        return skip("tmux is not installed");
    }
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let answer = daemon.post(
        "/api/tasks",
        &json!({"command": script("tick ticks"), "work_dir": yard.work}),
    );
    let id = answer.body["id"].as_i64().unwrap_or_else(|| panic!("{answer:?}"));
    let socket = yard.host.join(format!("u{}/tmux.sock", nix::unistd::geteuid()));
    let tmux = |args: &[&str]| yard.command("tmux").arg("-S").arg(&socket).args(args).output().unwrap();
    let name = format!("task_{id}");
    wait_until("tmux shows it", || {
        String::from_utf8_lossy(&tmux(&["capture-pane", "-p", "-t", &name]).stdout).contains("ticks tick ")
    });
    let shown = daemon.get(&format!("/api/tasks/{id}")).body;
    assert_eq!(shown["tmux_session"], json!(name));
    assert!(
        shown["tmux_attach"]
            .as_str()
            .unwrap()
            .contains(socket.to_str().unwrap()),
        "{shown}"
    );
    assert!(tmux(&["kill-session", "-t", &name]).status.success());
    // The last session took the server along; another server, killed outright, is no different.
    tmux(&["new-session", "-d", "-s", "other"]);
    tmux(&["kill-server"]);
    let ticks = own_lines(&yard.adhoc_log(id)).len();
    wait_until("the task goes on", || own_lines(&yard.adhoc_log(id)).len() > ticks + 3);
    yard.go_with("ticks", 4);
    assert_eq!(yard.wait_code(id), 4);
    let log = yard.adhoc_log(id);
    let numbers: Vec<usize> = own_lines(&log)
        .iter()
        .filter_map(|line| line.strip_prefix("ticks tick ")?.parse().ok())
        .collect();
    assert_eq!(numbers, (0..numbers.len()).collect::<Vec<_>>(), "the log is whole");
}

/// Fault W3, C2 (P1, P3).
#[test]
fn whoever_dies_nothing_accepted_is_lost_and_nothing_runs_twice() {
    let yard = Yard::new("2x24GiB");
    let mut daemon = yard.serve();
    let mut ids = Vec::new();
    let mut names = Vec::new();
    for round in 0..8 {
        for number in 0..5 {
            let name = format!("t{round}-{number}");
            let body = json!({"command": script(&format!("run {name} 0.05")), "work_dir": yard.work, "retries": 0});
            // Accepted is what was answered; what the daemon died over may be there too.
            if let Some(answer) = daemon.try_post("/api/tasks", &body) {
                assert_eq!(answer.status, 200, "{answer:?}");
                ids.push(answer.body["id"].as_i64().unwrap());
                names.push(name);
            }
        }
        if let Some(pid) = yard.tasks_scheduler(&daemon) {
            kill(pid, Signal::SIGKILL);
            wait_until("it is dead", || !alive(pid));
        }
        if round % 2 == 0 {
            daemon.program.kill();
            daemon = yard.serve();
        }
    }
    let last = *ids.last().unwrap();
    wait_for("the last one is over", || {
        let row = daemon.get(&format!("/api/tasks/{last}")).body;
        row["finished_at"].is_string().then_some(())
    });
    for id in &ids {
        let task = yard.wait_adhoc(*id, "it is over", |task| task["finished_at"].is_string());
        assert_eq!(
            (&task["status"], &task["attempt"]),
            (&json!("completed"), &json!(1)),
            "{task:#}"
        );
    }
    let mut started = yard.order();
    assert_eq!(started.len(), names.len(), "each ran once");
    // Two at a time: each begins when it is its turn, so that nobody is more than one place away from it.
    for (place, name) in started.iter().enumerate() {
        let turn = names.iter().position(|wanted| wanted == name).unwrap();
        assert!(
            turn.abs_diff(place) <= 2,
            "{name} began as number {place}, and was number {turn}"
        );
    }
    started.sort();
    names.sort();
    assert_eq!(started, names);
    whole_leases_never_overlap(&yard.marks());
}

/// Fault C7 (P3).
#[test]
fn after_a_reboot_what_waited_waits_in_order_and_what_ran_has_failed_for_that_reason() {
    let Some(python) = crate::yard::python() else {
        return skip("python3 is not installed");
    };
    let yard = Yard::new("1x24GiB");
    let mut scheduler = yard.schedule_tasks();
    let ran = yard.submit(&["--", &script("hold ran")]);
    yard.wait_status(ran, "running");
    let waiting: Vec<i64> = (0..3)
        .map(|n| yard.submit(&["--", &script(&format!("run w{n}"))]))
        .collect();
    // The power goes: every process, and the host folder, which is in memory.
    scheduler.kill();
    // All at one moment: no runner sees its task die before it does.
    for signal in [Signal::SIGSTOP, Signal::SIGKILL] {
        for pid in yard.processes() {
            kill(pid, signal);
        }
    }
    wait_until("all is dead", || yard.processes().is_empty());
    fs::remove_dir_all(&yard.host).unwrap();
    // Of what is dead, something may not be reaped yet: it is not to be found by this boot's records.
    yard.ages();
    let edit = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nboot = c.execute(\"select value from facts where name = 'boot'\").fetchone()[0]\nc.execute(\"update facts set value = 'another-boot' where name = 'boot'\")\nc.execute('update details set state = replace(state, ?, ?)', (boot, 'another-boot'))\nc.commit()\n";
    let database: PathBuf = yard.root.join("logs/gpuyard.db");
    assert!(
        Command::new(python)
            .args(["-c", edit])
            .arg(&database)
            .status()
            .unwrap()
            .success()
    );
    let _scheduler = yard.schedule_tasks();
    let failed = yard.wait_status(ran, "failed");
    assert!(
        failed["error"].as_str().unwrap().contains("host went down"),
        "{failed:#}"
    );
    for id in &waiting {
        assert_eq!(yard.wait_code(*id), 0);
    }
    assert_eq!(yard.order(), ["ran", "w0", "w1", "w2"]);
}

#[test]
fn ad_hoc_tasks_and_command_files_share_the_gpus_and_none_is_promised_twice() {
    const TASKS: usize = 120;
    let yard = Yard::new("4x24GiB");
    let work = format!("\"{}\"", yard.work.display());
    yard.rules(&[("work_dir", work.as_str())]);
    let blocks: Vec<_> = (0..60)
        .map(|n| task(1 + n % 4, &format!("$ bash {{work_dir}}/task.sh run file-{n} 0.02")).memory(20.0))
        .collect();
    yard.commands(SINGLE, &blocks);
    let daemon = yard.serve();
    let values: Vec<usize> = (0..TASKS).collect();
    let body = json!({"command": "bash task.sh run adhoc-{n} 0.02", "work_dir": yard.work, "memory": 20, "matrix": {"n": values}});
    let made = daemon.post("/api/tasks", &body);
    assert_eq!(made.body["ids"].as_array().map(Vec::len), Some(TASKS), "{made:?}");
    daemon.begin(SINGLE);
    wait_until("all ad-hoc tasks are done", || {
        daemon.get("/api/tasks?limit=1").body["counts"]["completed"] == json!(TASKS)
    });
    yard.wait_run(SINGLE, "the command file is done", |run| run["state"] == "completed");
    whole_leases_never_overlap(&yard.marks());
    let order = yard.order();
    assert_eq!(order.len(), TASKS + 60);
    let turns: Vec<usize> = order
        .iter()
        .filter_map(|name| name.strip_prefix("adhoc-")?.parse().ok())
        .collect();
    for (place, turn) in turns.iter().enumerate() {
        // As many run at once as there are GPUs, and each stamps its start itself.
        assert!(turn.abs_diff(place) <= 6, "number {turn} began as number {place}");
    }
}
