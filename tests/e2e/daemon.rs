//! The daemon as its users meet it: first start, its port, its secret, and deaths on either side.
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use nix::sys::signal::{SIGKILL, SIGTERM};
use serde_json::{Value, json};

use crate::yard::{
    GPUYARD, Program, SECRET, SINGLE, Yard, alive, free_port, kill, python, skip, task, ticks_without_gap, wait_for,
    wait_until,
};

/// The first start makes what is missing, for its owner's eyes only, with a secret of its own.
#[test]
fn the_first_start_makes_settings_that_only_the_owner_reads() {
    let yard = Yard::new("1x24GiB");
    fs::remove_file(yard.rules_file()).unwrap();
    let mut program = yard.start(&["serve"]);
    let pid = program.pid();
    wait_for("it is listed", || yard.instance(pid));
    let path = yard.root.join("config/control_setting.yaml");
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = text.lines().find_map(|line| line.strip_prefix("secret:")).unwrap();
    let secret = secret.trim().trim_matches(['"', '\'']);
    assert!(secret.len() >= 16, "{text}");
    assert!(
        !program.output().contains(secret),
        "a secret is not for files and pipes"
    );
    assert!(yard.rules_file().is_file());
    program.signal(SIGTERM);
    assert_eq!(program.wait(), 0, "{}", program.output());
    assert!(yard.instance(pid).is_none(), "it signs off");
}

/// On a terminal, and only there and then, the new secret is shown.
#[test]
fn a_new_secret_is_shown_on_a_terminal_once() {
    let Some(python) = python() else {
        return skip("there is no python3 to make a terminal");
    };
    let yard = Yard::new("1x24GiB");
    let on_terminal = || {
        let mut command = yard.command(&python);
        command.args(["-c", "import pty, sys; pty.spawn(sys.argv[1:])", GPUYARD, "--root"]);
        Program::start(
            {
                command.arg(&yard.root).arg("serve");
                command
            },
            yard.base(),
            "terminal",
        )
    };
    let end = |mut terminal: Program| {
        let text = fs::read(yard.root.join("logs/pid.json")).unwrap();
        let file: Value = serde_json::from_slice(&text).unwrap();
        kill(file["instances"][0]["pid"].as_i64().unwrap() as i32, SIGTERM);
        terminal.wait();
    };
    let terminal = on_terminal();
    terminal.says("control_setting.yaml");
    let settings = yard.root.join("config/control_setting.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    let secret = text
        .lines()
        .find_map(|line| line.strip_prefix("secret:"))
        .unwrap()
        .trim()
        .trim_matches(['"', '\''])
        .to_owned();
    assert!(terminal.output().contains(&secret), "{}", terminal.output());
    end(terminal);
    let again = on_terminal();
    again.says("control_setting.yaml");
    assert!(
        !again.output().contains(&secret),
        "later starts name the file: {}",
        again.output()
    );
    end(again);
    let logs = fs::read_dir(yard.root.join("logs"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    for path in logs.filter(|path| path.is_file()) {
        assert!(
            !fs::read_to_string(&path).unwrap().contains(&secret),
            "{} has the secret",
            path.display()
        );
    }
}

/// `pid.json` says who serves this root and where, for as long as somebody does.
#[test]
fn the_pid_file_says_where_the_daemon_is() {
    let yard = Yard::new("1x24GiB");
    let mut daemon = yard.serve();
    let instance = yard.instance(daemon.program.pid()).unwrap();
    assert_eq!(
        (&instance["instance"], &instance["port"], &instance["host"]),
        (&json!(1), &json!(daemon.port), &json!("127.0.0.1")),
        "{instance:#}"
    );
    let url = instance["url"].as_str().unwrap();
    assert!(
        url.starts_with("http://") && url.contains(&daemon.port.to_string()),
        "{url}"
    );
    assert!(instance["start_time"].is_string() && instance["start_timestamp"].is_f64() && instance["ip"].is_string());
    let dead = daemon.program.pid();
    daemon.program.kill();
    let next = yard.serve();
    assert!(yard.instance(dead).is_none(), "the dead are struck off");
    assert_eq!(yard.instance(next.program.pid()).unwrap()["instance"], 1);
}

/// A login turns the secret into a token, which does what the secret does until it is given back.
#[test]
fn a_login_lasts_until_the_logout() {
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let wrong = daemon.post_as(None, "/api/auth/login", &json!({"password": "wrong"}));
    assert_eq!(
        (wrong.status, &wrong.body["success"]),
        (401, &json!(false)),
        "{wrong:?}"
    );
    let login = daemon.post_as(None, "/api/auth/login", &json!({"password": SECRET}));
    assert_eq!((login.status, &login.body["success"]), (200, &json!(true)));
    let token = login.body["token"].as_str().unwrap();
    assert!(token != SECRET && login.body["expires_at"].is_string());
    assert_eq!(daemon.get_as(Some(token), "/api/scheduler/state").status, 200);
    assert_eq!(daemon.post_as(Some(token), "/api/auth/logout", &json!({})).status, 200);
    assert_eq!(daemon.get_as(Some(token), "/api/scheduler/state").status, 401);
}

/// One task is skipped, stopped and tried again over HTTP; a run is drained, and goes on with `resume`.
#[test]
fn tasks_are_led_one_by_one_over_http() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("on_failure", "continue")]);
    yard.commands(
        SINGLE,
        &[task(1, "hold a"), task(1, "run b"), task(1, "hold c"), task(1, "run d")],
    );
    let daemon = yard.serve();
    daemon.begin(SINGLE);
    yard.started("a");
    let ids = [0, 1].map(|place| yard.task(SINGLE, 1, place)["task_id"].as_str().unwrap().to_owned());
    let tell = |id: &str, action: &str| {
        daemon
            .post(&format!("/api/scheduler/tasks/{id}/{action}"), &json!({}))
            .status
    };
    assert_eq!(tell(&ids[1], "skip"), 200);
    assert_eq!((tell(&ids[0], "skip"), tell("ffffffff-9", "skip")), (409, 404));
    assert_eq!(tell(&ids[0], "stop"), 200);
    yard.wait_task(SINGLE, (1, 0), "a is stopped", |task| task["state"] == "stopped");
    yard.started("c");
    let drain = daemon.post("/api/scheduler/single/stop?config_index=0", &json!({"drain": true}));
    assert_eq!(drain.status, 200, "{drain:?}");
    yard.go("c");
    wait_until("it has drained", || daemon.scheduler(SINGLE).is_none());
    assert_eq!((yard.starts("b"), yard.starts("d")), (0, 0));
    yard.go("a");
    let resume = daemon.post("/api/scheduler/single/start?config_index=0", &json!({"resume": true}));
    assert_eq!(resume.status, 200, "{resume:?}");
    let run = yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    assert_eq!(run["queues"]["1"]["processes"][1]["state"], "skipped");
    assert_eq!(["a", "b", "c", "d"].map(|name| yard.starts(name)), [2, 0, 1, 1]);
    let runs = daemon.get("/api/scheduler/runs?mode=single&config_index=0").body;
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1), "{runs:#}");
}

/// A task that waits is moved in its queue, in the file, with its comment and its id; one that failed is tried again; what
/// makes no sense is refused in words.
#[test]
fn tasks_are_moved_and_tried_again_over_http() {
    let yard = Yard::new("2x24GiB");
    yard.rules(&[("on_failure", "continue")]);
    let blocks = [
        task(1, "fail x 1"),
        task(1, "hold a"),
        task(1, "run b"),
        task(1, "run c"),
        task(1, "hold d"),
        task(2, "hold e"),
    ];
    let text = Yard::text(SINGLE, &blocks);
    let file = yard.command_file(SINGLE);
    fs::write(
        &file,
        text.replace(
            "1\nbash {work_dir}/task.sh hold d",
            "# the best one\n1 #first queue\nbash {work_dir}/task.sh hold d",
        ),
    )
    .unwrap();
    let daemon = yard.serve();
    daemon.begin(SINGLE);
    yard.started("a");
    let ids: Vec<String> = (0..5)
        .map(|place| yard.task(SINGLE, 1, place)["task_id"].as_str().unwrap().to_owned())
        .collect();
    let tell = |id: &str, action: &str, body: Value| {
        let answer = daemon.post(&format!("/api/scheduler/tasks/{id}/{action}"), &body);
        (
            answer.status,
            answer.body["code"].as_str().unwrap_or_default().to_owned(),
        )
    };
    assert_eq!(tell(&ids[4], "move", json!({"to": 2})).0, 200);
    let run = yard.wait_run(SINGLE, "the scheduler follows", |run| {
        run["queues"]["1"]["processes"][2]["task_id"] == json!(ids[4])
    });
    let order: Vec<&str> = (0..5)
        .map(|place| run["queues"]["1"]["processes"][place]["task_id"].as_str().unwrap())
        .collect();
    assert_eq!(
        order,
        [&ids[0], &ids[1], &ids[4], &ids[2], &ids[3]],
        "each keeps its id"
    );
    let now = fs::read_to_string(&file).unwrap();
    let at = |what: &str| now.find(what).unwrap_or_else(|| panic!("{what}: {now}"));
    assert!(
        at("# the best one") < at("1 #first queue") && at("hold d") < at("run b"),
        "{now}"
    );
    for (id, action, body, status, code) in [
        (&ids[4], "move", json!({"to": 1}), 422, "invalid"),
        (&ids[4], "move", json!({"to": 5}), 422, "invalid"),
        (&ids[4], "move", json!({}), 422, "invalid"),
        (&ids[4], "move", json!({"to": -1}), 422, "invalid"),
        (&ids[4], "skip", json!({"to": 2}), 422, "invalid"),
        (&ids[1], "move", json!({"to": 3}), 409, "refused"),
        (&ids[1], "retry", json!({}), 409, "refused"),
        (&ids[3], "stop", json!({}), 409, "refused"),
        (&"ffffffff-9".to_owned(), "move", json!({"to": 2}), 404, "no_such_task"),
        (&ids[4], "paint", json!({}), 404, "no_such_action"),
    ] {
        assert_eq!(tell(id, action, body), (status, code.to_owned()), "{id} {action}");
    }
    assert_eq!(tell(&ids[4], "move", json!({"to": 2})).0, 200, "where it is, it stays");
    assert_eq!(fs::read_to_string(&file).unwrap(), now);
    // What failed runs again while its queue goes on.
    assert_eq!(yard.task(SINGLE, 1, 0)["state"], "failed");
    assert_eq!(tell(&ids[0], "retry", json!({})).0, 200);
    yard.go("a");
    yard.started("d");
    yard.go("d");
    yard.go("e");
    let run = yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    assert_eq!(run["queues"]["1"]["processes"][0]["state"], "completed");
    assert_eq!(["x", "a", "b", "c", "d"].map(|name| yard.starts(name)), [2, 1, 1, 1, 1]);
    let begun = |place: usize| {
        run["queues"]["1"]["processes"][place]["started_at"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert!(begun(2) < begun(3) && begun(3) < begun(4), "{run:#}");
}

/// With `auto_resume: false` a scheduler that died stays dead, and its run is shown as interrupted.
#[test]
fn a_dead_scheduler_is_left_alone_when_the_rules_say_so() {
    let yard = Yard::new("1x24GiB");
    yard.rules(&[("auto_resume", "false")]);
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run b")]);
    let mut daemon = yard.serve();
    let pid = daemon.begin(SINGLE);
    let mark = yard.started("a");
    kill(pid, SIGKILL);
    wait_until("it is missed", || daemon.scheduler(SINGLE).is_none());
    // Nor is it taken up by the next daemon.
    daemon.program.kill();
    let daemon = yard.serve();
    assert_eq!(
        (daemon.scheduler(SINGLE), &yard.run(SINGLE)["state"]),
        (None, &json!("interrupted"))
    );
    assert!(
        alive(mark.pid) && yard.leases().len() == 1,
        "its task goes on and keeps its GPU"
    );
    yard.go("a");
    wait_until("its task is over", || yard.leases().is_empty());
    let resume = daemon.post("/api/scheduler/single/start?config_index=0", &json!({"resume": true}));
    assert_eq!(resume.status, 200, "{resume:?}");
    yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    assert_eq!((yard.starts("a"), yard.starts("b")), (1, 1));
}

/// Fault I2 (P1).
/// The port is taken: the next free one, told in `pid.json`; the settings are not touched.
#[test]
fn a_taken_port_is_passed_over() {
    let yard = Yard::new("1x24GiB");
    let neighbour = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = neighbour.local_addr().unwrap().port();
    yard.settings(port);
    let before = fs::read(yard.root.join("config/control_setting.yaml")).unwrap();
    let daemon = yard.serve();
    assert!(daemon.port != port);
    assert_eq!(daemon.get("/api/health").body["status"], "ok");
    assert!(
        daemon.program.output().contains(&daemon.port.to_string()),
        "{}",
        daemon.program.output()
    );
    assert_eq!(fs::read(yard.root.join("config/control_setting.yaml")).unwrap(), before);
}

/// Fault I2 (P1).
/// A root has one daemon.
#[test]
fn a_second_daemon_is_refused() {
    let yard = Yard::new("1x24GiB");
    let daemon = yard.serve();
    let mut second = yard.start(&["serve"]);
    assert_eq!(second.wait(), 3, "{}", second.output());
    assert_eq!(daemon.get("/api/health").status, 200);
}

/// Without the secret nothing is told and nothing is done, but for what is open.
#[test]
fn without_the_secret_there_is_nothing() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let daemon = yard.serve();
    for secret in [None, Some("wrong")] {
        for path in ["/api/gpu", "/api/scheduler/running", "/api/settings", "/metrics"] {
            assert_eq!(daemon.get_as(secret, path).status, 401, "{path} with {secret:?}");
        }
        let start = daemon.post_as(secret, "/api/scheduler/single/start?config_index=0", &json!({}));
        assert_eq!(start.status, 401);
    }
    assert_eq!(daemon.get_as(None, "/api/health").status, 200);
    assert_eq!(daemon.get_as(None, "/api/auth/check").body["requires_auth"], true);
    assert_eq!((daemon.get("/api/gpu").status, yard.starts("a")), (200, 0));
}

/// Start, look on, read the log, stop, all over HTTP.
#[test]
fn a_run_is_led_over_http() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run b")]);
    let daemon = yard.serve();
    assert_eq!(daemon.scheduler(SINGLE), None);
    let pid = daemon.begin(SINGLE);
    assert_eq!(daemon.scheduler(SINGLE), Some(pid));
    let again = daemon.post("/api/scheduler/single/start?config_index=0", &json!({}));
    assert_eq!(
        (again.status, &again.body["success"]),
        (409, &json!(false)),
        "{again:?}"
    );
    yard.started("a");
    let running = wait_for("the run is shown at work", || {
        let running = daemon.get("/api/scheduler/running").body;
        (running["schedulers"][0]["running_tasks"] == 1).then_some(running)
    });
    assert_eq!(
        running["schedulers"][0]["queues"]["1"]["processes"][0]["state"],
        "running"
    );
    let log = "/api/log/content?mode=single&config_index=0&queue_id=1&process_index=0";
    wait_until("its log is read", || {
        daemon.get(log).body["content"]
            .as_str()
            .is_some_and(|text| text.contains("a tick 1"))
    });
    let stop = daemon.post("/api/scheduler/single/stop?config_index=0", &json!({}));
    assert_eq!((stop.status, &stop.body["success"]), (200, &json!(true)), "{stop:?}");
    wait_until("it has stopped", || daemon.scheduler(SINGLE).is_none());
    assert_eq!(yard.run(SINGLE)["state"], "stopped");
    assert_eq!((yard.starts("a"), yard.starts("b")), (1, 0));
    wait_until("only the daemon is left", || yard.processes() == [daemon.program.pid()]);
}

/// The daemon dies, its scheduler does not notice, and the next daemon finds it.
#[test]
fn a_killed_daemon_finds_its_scheduler_again() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run b")]);
    let mut daemon = yard.serve();
    let pid = daemon.begin(SINGLE);
    yard.started("a");
    daemon.program.kill();
    assert!(alive(pid));
    let daemon = yard.serve();
    wait_until("the scheduler is found", || daemon.scheduler(SINGLE) == Some(pid));
    yard.go("a");
    yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    assert_eq!((yard.starts("a"), yard.starts("b")), (1, 1));
}

/// A scheduler dies: the daemon starts another on the same run, and its tasks do not notice.
#[test]
fn a_killed_scheduler_is_taken_up_by_the_daemon() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a"), task(1, "run b")]);
    let daemon = yard.serve();
    let first = daemon.begin(SINGLE);
    let mark = yard.started("a");
    let run: Value = yard.run(SINGLE)["run_id"].clone();
    kill(first, SIGKILL);
    let second = wait_for("another takes over", || {
        daemon.scheduler(SINGLE).filter(|pid| *pid != first)
    });
    assert!(second != first && alive(mark.pid));
    yard.go("a");
    let over = yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    assert_eq!(over["run_id"], run, "it is the same run");
    assert_eq!((yard.starts("a"), yard.starts("b")), (1, 1));
    ticks_without_gap(&yard.log(&yard.task(SINGLE, 1, 0)), "a");
}

/// Fault C7 (P2).
/// SIGTERM ends the daemon and nothing else.
#[test]
fn a_daemon_that_is_told_to_end_leaves_schedulers_alone() {
    let yard = Yard::new("1x24GiB");
    yard.settings(free_port());
    yard.commands(SINGLE, &[task(1, "hold a"), task(1, "run b")]);
    let mut daemon = yard.serve();
    let pid = daemon.begin(SINGLE);
    let mark = yard.started("a");
    daemon.program.signal(SIGTERM);
    assert_eq!(daemon.program.wait(), 0, "{}", daemon.program.output());
    assert!(alive(pid) && alive(mark.pid));
    yard.go("a");
    yard.wait_run(SINGLE, "it comes to its end", |run| run["state"] == "completed");
    assert_eq!((yard.starts("a"), yard.starts("b")), (1, 1));
}
