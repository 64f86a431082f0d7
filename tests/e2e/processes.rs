//! GPU processes as people see and end them: real processes that our NVML lists, over the API and on the command line.
use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Output, Stdio},
};

use fake_nvml::{Process, State};
use nix::sys::signal::SIGKILL;
use serde_json::{Value, json};

use crate::{
    nvml::{change, machine},
    yard::{Daemon, SINGLE, Yard, alive, kill, python, skip, task, wait_for, wait_until},
};

const LIST: &str = "/api/gpu/processes";
const KILL: &str = "/api/gpu/processes/kill";

/// Somebody's process; its whole group ends with the test.
pub(crate) struct Somebody {
    child: Child,
    /// The process that is on a GPU: the shell, or its grandchild.
    pub(crate) pid: i32,
}

impl Somebody {
    /// Runs a script in a shell that prints the pid of what is to be on a GPU once all is ready.
    fn runs(script: &str) -> Somebody {
        let mut child = Command::new("bash")
            .args(["-c", script])
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let pid = line.trim().parse().unwrap_or_else(|_| panic!("{script}: {line:?}"));
        Somebody { child, pid }
    }

    pub(crate) fn sleeps() -> Somebody {
        Somebody::runs("echo $$; exec sleep 1000")
    }

    fn ignores_term() -> Somebody {
        Somebody::runs("trap '' TERM; echo $$; exec sleep 1000")
    }

    pub(crate) fn on_gpu(&self, memory: u64) -> Process {
        Process::compute(self.pid as u32, memory)
    }
}

impl Drop for Somebody {
    fn drop(&mut self) {
        let group = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::killpg(group, SIGKILL);
        let _ = self.child.wait();
    }
}

/// The daemon's list, once it has seen as many as there are.
#[track_caller]
pub(crate) fn listed(daemon: &Daemon, count: usize) -> Vec<Value> {
    wait_for("the daemon sees them", || {
        let answer = daemon.get(LIST);
        assert_eq!(answer.status, 200, "{answer:?}");
        let list = answer.body["processes"].as_array().unwrap().clone();
        (list.len() == count).then_some(list)
    })
}

pub(crate) fn name(list: &[Value], pid: i32) -> Value {
    let process = list.iter().find(|process| process["pid"] == pid).unwrap();
    json!({"pid": pid, "start_time": process["start_time"]})
}

/// Pid and code of each in one of an answer's lists.
pub(crate) fn codes(list: &Value) -> Vec<(i64, &str)> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| (one["pid"].as_i64().unwrap(), one["code"].as_str().unwrap()))
        .collect()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

/// What holds the GPU is a grandchild that nobody knows; it is shown below the parent that people started.
#[test]
fn a_grandchild_on_two_gpus_is_seen_below_its_parents() {
    let deep = Somebody::runs("bash -c 'sleep 1000 & echo $!; wait' & wait");
    let other = Somebody::sleeps();
    let mut ended = Command::new("true").spawn().unwrap();
    let unseen = ended.id();
    ended.wait().unwrap();
    let mut state = State::of(2);
    state.gpus[0].processes = vec![deep.on_gpu(2 << 30), other.on_gpu(1 << 30)];
    state.gpus[1].processes = vec![
        deep.on_gpu(4 << 30),
        // The driver does not say how much; and one that is in no /proc of ours.
        Process {
            memory: None,
            ..Process::compute(std::process::id(), 0)
        },
        Process::compute(unseen, 1 << 30),
    ];
    let yard = machine(&state);
    // Without a daemon, and with one, in the same words.
    let alone = yard.json(&["ps", "--json"]);
    let daemon = yard.serve();
    let list = listed(&daemon, 3);
    let whole = daemon.get(LIST).body;
    assert_eq!(
        (&whole["count"], &whole["hidden"]["count"], &whole["gpu_type"]),
        (&json!(3), &json!(1), &json!("nvidia"))
    );
    assert!(
        whole["hidden"]["message"].as_str().unwrap().starts_with("1 more"),
        "{whole:#}"
    );
    let find = |list: &[Value], pid: i32| list.iter().find(|process| process["pid"] == pid).unwrap().clone();
    let seen = find(&list, deep.pid);
    let shares: Vec<(&Value, &Value)> = seen["gpus"]
        .as_array()
        .unwrap()
        .iter()
        .map(|share| (&share["gpu_index"], &share["gpu_memory"]))
        .collect();
    assert_eq!(
        shares,
        [(&json!(0), &json!(2u64 << 30)), (&json!(1), &json!(4u64 << 30))]
    );
    assert_eq!(seen["gpu_memory_human"], "6 GiB");
    let parents: Vec<&Value> = seen["ancestors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parent| &parent["pid"])
        .collect();
    let outer = deep.child.id();
    assert_eq!(parents[1], &json!(outer), "{seen:#}");
    assert_eq!(seen["ending"]["way"], "signal");
    assert_eq!(find(&list, std::process::id() as i32)["gpu_memory"], Value::Null);
    let known = alone["processes"].as_array().unwrap();
    for key in ["start_time", "command", "username", "gpus", "ancestors", "ending"] {
        assert_eq!(find(known, deep.pid)[key], seen[key], "{key}");
    }

    let ps = |args: &[&str]| text(&yard.ask(&[&["ps", "--color", "never"], args].concat()));
    let tree = ps(&["--tree"]);
    let line = |what: String| {
        tree.lines()
            .position(|line| line.contains(&what))
            .unwrap_or_else(|| panic!("{what}: {tree}"))
    };
    let (parent, child) = (line(outer.to_string()), line(deep.pid.to_string()));
    assert!(
        parent < child && tree.lines().nth(child).unwrap().contains("─ sleep 1000"),
        "{tree}"
    );
    let by_memory = ps(&["--sort", "memory", "sleep"]);
    let pids: Vec<&str> = by_memory
        .lines()
        .skip(1)
        .filter_map(|line| {
            line.split_whitespace()
                .nth(1)
                .filter(|word| word.parse::<u32>().is_ok())
        })
        .collect();
    assert_eq!(pids, [deep.pid.to_string(), other.pid.to_string()], "{by_memory}");
    assert!(!ps(&["--gpu", "1"]).contains(&other.pid.to_string()));
    assert!(
        ps(&["--user", "nobody-of-this-name", "--lang", "zh"]).contains("正在运行的 3 个 GPU 进程均不符合所给条件")
    );
}

/// Each of a batch has its own result and its own line in the audit log; one that is deaf to TERM is killed at the second call.
#[test]
fn a_batch_is_ended_with_a_result_for_each() {
    let (easy, deaf, gone) = (Somebody::sleeps(), Somebody::ignores_term(), Somebody::sleeps());
    let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
    let mut state = State::of(1);
    state.gpus[0].processes = [&easy, &deaf, &gone].map(|somebody| somebody.on_gpu(1 << 30)).to_vec();
    let yard = machine(&state);
    let mut daemon = yard.serve();
    let own = daemon.program.pid();
    state.gpus[0].processes.push(Process::compute(own as u32, 1 << 20));
    change(&yard, &state);
    let list = listed(&daemon, 4);
    let protected = list.iter().find(|process| process["pid"] == own).unwrap();
    assert_eq!(protected["ending"]["way"], "protected", "{protected:#}");
    kill(gone.pid, SIGKILL);
    wait_until("it is gone", || !alive(gone.pid));
    let mut names: Vec<Value> = [easy.pid, deaf.pid, gone.pid, own].map(|pid| name(&list, pid)).to_vec();
    // All may have started within one tick of the clock; nobody here started in the first one.
    let (boot, _) = names[0]["start_time"].as_str().unwrap().rsplit_once('-').unwrap();
    let foreign = json!({"pid": stranger.id(), "start_time": format!("{boot}-1")});
    names.push(foreign);
    names.push(json!({"pid": 1, "start_time": names[0]["start_time"]}));
    let answer = daemon.post(KILL, &json!({"processes": names, "wait": 1}));
    assert_eq!(
        (answer.status, &answer.body["success"]),
        (200, &json!(false)),
        "{answer:?}"
    );
    assert_eq!(codes(&answer.body["killed"]), [(easy.pid.into(), "ended")]);
    assert_eq!(
        codes(&answer.body["failed"]),
        [
            (deaf.pid.into(), "still_there"),
            (gone.pid.into(), "gone"),
            (own.into(), "daemon"),
            // Its start time is another's: whoever was meant has ended.
            (stranger.id().into(), "reused"),
            (1, "never_this"),
        ]
    );
    assert!(!alive(easy.pid) && alive(deaf.pid) && stranger.try_wait().unwrap().is_none());
    stranger.kill().unwrap();
    stranger.wait().unwrap();
    let harder = json!({"processes": [name(&list, deaf.pid)], "signal": "KILL", "wait": 20});
    let answer = daemon.post(KILL, &harder);
    assert_eq!(
        codes(&answer.body["killed"]),
        [(deaf.pid.into(), "ended")],
        "{answer:?}"
    );
    assert!(!alive(deaf.pid) && daemon.program.runs());
    let audit = audit(&yard);
    let noted: Vec<(&Value, &Value)> = audit.iter().map(|line| (&line["pid"], &line["code"])).collect();
    assert_eq!(noted.len(), 7, "{audit:#?}");
    assert_eq!(noted[6], (&json!(deaf.pid), &json!("ended")));
    assert_eq!(
        (&audit[6]["signal"], &audit[6]["how"]),
        (&json!("KILL"), &json!("secret"))
    );
}

/// Lines of the audit log that tell of processes.
fn audit(yard: &Yard) -> Vec<Value> {
    let text = fs::read_to_string(yard.root.join("logs/audit.log")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["what"] == "end a GPU process").collect()
}

/// A process of a task of ours is not signalled: its scheduler stops the task, which is then stopped and not retried. That holds
/// for one that carries nothing of the task but the runner among its parents.
#[test]
fn a_task_is_stopped_through_its_scheduler() {
    let mut state = State::of(1);
    let yard = machine(&state);
    yard.commands(SINGLE, &[task(1, "hold a"), task(2, "run after")]);
    let mut scheduler = yard.schedule(SINGLE);
    let shell = yard.started("a").pid;
    let task_id = yard.task(SINGLE, 1, 0)["task_id"].clone();
    state.gpus[0].processes = vec![Process::compute(shell as u32, 1 << 30)];
    change(&yard, &state);
    let daemon = yard.serve();
    let list = listed(&daemon, 1);
    assert_eq!(list[0]["ending"]["way"], "task", "{list:#?}");
    assert_eq!(
        (
            &list[0]["task"]["task_id"],
            &list[0]["task"]["queue_id"],
            &list[0]["task"]["root"]
        ),
        (&task_id, &json!(1), &Value::Null)
    );
    let roles: Vec<&Value> = list[0]["ancestors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parent| &parent["role"])
        .collect();
    assert_eq!(roles.last(), Some(&&json!("runner")), "{list:#?}");
    // Another root on this host knows whose it is, too, and stops it there.
    let beside = yard.beside();
    let other = beside.json(&["ps", "--json"]);
    assert_eq!(
        other["processes"][0]["task"]["root"],
        json!(yard.root.to_str().unwrap()),
        "{other:#}"
    );
    let answer = daemon.post(
        KILL,
        &json!({"processes": [name(&list, shell)], "signal": "KILL", "wait": 20}),
    );
    assert_eq!(
        codes(&answer.body["killed"]),
        [(shell.into(), "task_stopped")],
        "{answer:?}"
    );
    assert_eq!(answer.body["killed"][0]["task"]["task_id"], task_id);
    assert!(
        answer.body["killed"][0]["message"]
            .as_str()
            .unwrap()
            .contains("by its scheduler")
    );
    assert_eq!(scheduler.wait(), 130);
    let stopped = yard.task(SINGLE, 1, 0);
    assert_eq!(
        (&stopped["state"], yard.starts("a")),
        (&json!("stopped"), 1),
        "{stopped:#}"
    );
    assert_eq!(yard.starts("after"), 1, "the other queue went on");
    let audit = audit(&yard);
    assert_eq!(
        (&audit[0]["task"], &audit[0]["code"]),
        (&task_id, &json!("task_stopped"))
    );
}

/// `kill` works without a daemon, says what became of each, and exits by it.
#[test]
fn the_command_line_ends_processes_and_says_what_became_of_each() {
    let (easy, deaf) = (Somebody::sleeps(), Somebody::ignores_term());
    let mut state = State::of(1);
    state.gpus[0].processes = [&easy, &deaf].map(|somebody| somebody.on_gpu(1 << 30)).to_vec();
    let yard = machine(&state);
    let (one, two) = (easy.pid.to_string(), deaf.pid.to_string());
    let run = |args: &[&str]| yard.ask(&[&["kill", "--color", "never"], args].concat());
    let unasked = run(&[&one]);
    assert_eq!(unasked.status.code(), Some(2), "{}", text(&unasked));
    assert!(text(&unasked).contains("--yes") && alive(easy.pid));
    let many: Vec<String> = (100..121).map(|pid| pid.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).chain(["--yes"]).collect();
    assert_eq!(run(&many).status.code(), Some(2));
    let first = run(&["--yes", "--wait", "1", &one, &two]);
    let said = text(&first);
    assert_eq!(first.status.code(), Some(1), "{said}");
    assert!(
        said.contains(&format!("{one}  it has ended")) && said.contains("KILL ends it"),
        "{said}"
    );
    assert!(!alive(easy.pid) && alive(deaf.pid));
    let second = yard.json(&["kill", "--yes", "--force", "--wait", "1", "--json", &two]);
    assert_eq!(
        (&second["success"], codes(&second["killed"])),
        (&json!(true), vec![(deaf.pid.into(), "ended")])
    );
    assert!(!alive(deaf.pid));
    let third = yard.ask(&["kill", "--yes", "--lang", "zh", &two]);
    assert_eq!(third.status.code(), Some(1));
    assert!(text(&third).contains("该进程已经结束"), "{}", text(&third));
    let audit = audit(&yard);
    assert_eq!(audit.len(), 5, "{audit:#?}");
    assert!(audit.iter().all(|line| line["how"] == "command line"));
}

/// On a terminal `kill` shows what would end and asks; only a yes ends it.
#[test]
fn on_a_terminal_a_person_is_asked() {
    let Some(python) = python() else {
        return skip("there is no python3 to make a terminal");
    };
    let easy = Somebody::sleeps();
    let mut state = State::of(1);
    state.gpus[0].processes = vec![easy.on_gpu(1 << 30)];
    let yard = machine(&state);
    let answers = |answer: &str| {
        const TYPE: &str = "import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[2], sys.argv[2:])
seen = b''
try:
    while b'[y/N]' not in seen:
        seen += os.read(fd, 4096)
    os.write(fd, sys.argv[1].encode() + b'\\n')
    while True:
        seen += os.read(fd, 4096)
except OSError:
    pass
print(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
        let pid = easy.pid.to_string();
        let mut command = yard.command(&python);
        command.args(["-c", TYPE, answer, crate::yard::GPUYARD, "--root"]);
        command.arg(&yard.root).args(["kill", &pid]);
        command.output().unwrap()
    };
    let no = answers("n");
    assert!(
        text(&no).contains("sleep 1000") && text(&no).contains("nothing was ended"),
        "{}",
        text(&no)
    );
    assert!(no.status.code() == Some(1) && alive(easy.pid), "{}", text(&no));
    let yes = answers("y");
    assert!(
        yes.status.success() && text(&yes).contains("it has ended"),
        "{}",
        text(&yes)
    );
    assert!(!alive(easy.pid));
}

/// What was started in a tmux says in which, and how to look into it; what its parents are stays told.
#[test]
fn a_terminal_session_is_told() {
    let yard = machine(&State::of(1));
    let socket = yard.base().join("tmux.sock");
    let tmux = |args: &[&str]| yard.command("tmux").arg("-S").arg(&socket).args(args).output();
    let file = yard.base().join("in-tmux");
    let script = format!("echo $$ > {0}.new; mv {0}.new {0}; exec sleep 1000", file.display());
    if !tmux(&["-f", "/dev/null", "new-session", "-d", &script]).is_ok_and(|output| output.status.success()) {
        return skip("there is no tmux");
    }
    let pid: u32 = wait_for("it runs", || fs::read_to_string(&file).ok()?.trim().parse().ok());
    let mut state = State::of(1);
    state.gpus[0].processes = vec![Process::compute(pid, 1 << 30)];
    change(&yard, &state);
    let seen = yard.json(&["ps", "--json"])["processes"][0].clone();
    let terminal = &seen["terminal"];
    assert_eq!(
        (&terminal["kind"], &terminal["pane"]),
        (&json!("tmux"), &json!("%0")),
        "{seen:#}"
    );
    let attach = format!("tmux -S {} attach -t '$0'", socket.display());
    assert_eq!(terminal["attach"], attach);
    let last = seen["ancestors"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["role"], &last["pid"]),
        (&json!("terminal"), &terminal["server_pid"])
    );
    tmux(&["kill-server"]).unwrap();
}
