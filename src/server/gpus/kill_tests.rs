//! Ending processes, with real ones as stand-ins for those on a GPU.
use std::{
    cell::RefCell,
    io::{BufRead, BufReader, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use gpuyard_core::{
    model::{Lang, Mode, QueueId, RunId, TaskId, UniId},
    wire::{KillAnswer, KillRequest, KillSignal, KilledCode, NotKilledCode, ProcessName, Role, TaskRef},
};
use gpuyard_exec::{clock, identity};
use nix::{
    sys::wait::{Id, WaitPidFlag, waitid},
    unistd::{Uid, geteuid, setresuid},
};

use super::kill::{Asked, Listed, Outcome, Victims};

const BOOT: &str = "abcd";

/// A process that ends with the test.
struct StandIn(Child);

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl StandIn {
    fn of(command: &mut Command) -> StandIn {
        StandIn(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap())
    }

    fn sleeping() -> StandIn {
        StandIn::of(Command::new("sleep").arg("1000"))
    }

    /// A shell that runs this and says that it is ready.
    fn shell(script: &str) -> StandIn {
        let mut made = StandIn::of(Command::new("bash").args(["-c", script]));
        made.is_ready();
        made
    }

    /// A shell that is called otherwise, and waits for its first command.
    fn reading(command: &mut Command) -> StandIn {
        let mut made = StandIn::of(command);
        made.0.stdin.as_mut().unwrap().write_all(b"echo ready\n").unwrap();
        made.is_ready();
        made
    }

    /// In the middle of an exec a process has no command line yet.
    fn is_ready(&mut self) {
        let mut line = String::new();
        BufReader::new(self.0.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
    }

    /// Kills it, and waits until it has exited; nobody has taken note of that yet.
    fn kill_and_leave(&mut self) {
        self.0.kill().unwrap();
        let id = Id::Pid(nix::unistd::Pid::from_raw(self.pid()));
        waitid(id, WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    fn name(&self) -> ProcessName {
        ProcessName {
            pid: self.pid(),
            start_time: format!("{BOOT}-{}", identity::start_ticks(self.pid()).unwrap()),
        }
    }

    fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

fn listed(task: Option<TaskRef>) -> Listed {
    Listed {
        role: Role::Process,
        task,
        username: Some("lilei".into()),
        name: Some("python".into()),
    }
}

fn ask(processes: Vec<ProcessName>, signal: KillSignal, wait: f64) -> KillRequest {
    KillRequest {
        processes,
        signal,
        wait,
    }
}

/// Ends processes that all use a GPU and belong to no task.
fn end(request: &KillRequest) -> KillAnswer {
    end_with(request, &|_, _| Some(listed(None)), &|_| panic!("there is no task"))
}

fn end_with(
    request: &KillRequest,
    listed: &dyn Fn(i32, u64) -> Option<Listed>,
    stop_task: &dyn Fn(&TaskRef) -> Asked,
) -> KillAnswer {
    let victims = Victims {
        listed,
        stop_task,
        boot: BOOT,
        lang: Lang::En,
    };
    let outcomes: Vec<Outcome> = victims.end(request);
    victims.answer(outcomes)
}

fn why(answer: &KillAnswer) -> Vec<NotKilledCode> {
    assert!(!answer.success && answer.killed.is_empty(), "{answer:?}");
    answer.failed.iter().map(|not| not.code).collect()
}

#[test]
fn one_ends_and_so_do_many() {
    let mut one = StandIn::sleeping();
    let answer = end(&ask(vec![one.name()], KillSignal::Term, 10.0));
    assert!(answer.success && !one.lives(), "{answer:?}");
    assert_eq!(answer.killed[0].code, KilledCode::Ended);

    let mut many: Vec<StandIn> = (0..KillRequest::MOST).map(|_| StandIn::sleeping()).collect();
    let mut names: Vec<ProcessName> = many.iter().map(StandIn::name).collect();
    names.push(names[0].clone());
    let answer = end(&ask(names, KillSignal::Kill, 10.0));
    assert_eq!((answer.killed.len(), answer.failed.len()), (KillRequest::MOST, 0));
    assert!(many.iter_mut().all(|process| !process.lives()));
}

#[test]
fn one_that_is_gone_is_told_and_keeps_nobody_from_ending() {
    let mut gone = StandIn::sleeping();
    let name = gone.name();
    gone.kill_and_leave();
    let mut other = StandIn::sleeping();
    // A zombie first, and then gone for good.
    for reaped in [false, true] {
        if reaped {
            gone.0.wait().unwrap();
        }
        let answer = end(&ask(vec![name.clone()], KillSignal::Term, 10.0));
        assert_eq!(why(&answer), [NotKilledCode::Gone], "reaped: {reaped}");
    }
    let answer = end(&ask(vec![name, other.name()], KillSignal::Term, 10.0));
    assert_eq!(
        (answer.killed.len(), answer.failed.len(), answer.success),
        (1, 1, false)
    );
    assert_eq!(answer.message, "1 ended, 1 were not");
    assert!(!other.lives());
}

/// Fault I1 (P3).
/// The kernel is made to give a pid out again.
#[test]
fn a_pid_that_came_back_is_another_process() {
    const NEXT: &str = "/proc/sys/kernel/ns_last_pid";
    let mut first = StandIn::sleeping();
    let name = first.name();
    let ticks = identity::start_ticks(first.pid()).unwrap();
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    // Start times are told in ticks of 10 ms: the next one is to start in a later one.
    let later = clock::mono().plus_millis(20);
    while clock::mono() < later {
        std::hint::spin_loop();
    }
    let mut second = None;
    for _ in 0..500 {
        let wish = std::fs::OpenOptions::new()
            .write(true)
            .open(NEXT)
            .and_then(|mut file| file.write_all((name.pid - 1).to_string().as_bytes()));
        if let Err(error) = wish {
            eprintln!("SKIPPED: only root may say which pid comes next ({NEXT}: {error})");
            return;
        }
        let made = StandIn::sleeping();
        if made.pid() == name.pid {
            second = Some(made);
            break;
        }
    }
    let mut second = second.expect("the pid is given out again");
    assert!(identity::start_ticks(second.pid()).unwrap() > ticks);
    let answer = end(&ask(vec![name], KillSignal::Kill, 0.2));
    assert_eq!(why(&answer), [NotKilledCode::Reused]);
    assert!(second.lives(), "whoever has the pid now was not touched");
    let other_boot = ProcessName {
        start_time: second.name().start_time.replace(BOOT, "dcba"),
        ..second.name()
    };
    let answer = end(&ask(vec![other_boot], KillSignal::Kill, 0.2));
    assert_eq!(why(&answer), [NotKilledCode::Reused]);
    assert!(second.lives());
}

#[test]
fn another_users_process_needs_permission() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user");
        return;
    }
    let mut theirs = StandIn::sleeping();
    let name = theirs.name();
    let (nobody, root) = (Uid::from_raw(65534), Uid::from_raw(0));
    setresuid(nobody, nobody, root).unwrap();
    let answers = [KillSignal::Term, KillSignal::Kill].map(|signal| end(&ask(vec![name.clone()], signal, 0.2)));
    setresuid(root, root, root).unwrap();
    for answer in answers {
        assert_eq!(why(&answer), [NotKilledCode::NotPermitted]);
        let said = &answer.failed[0].message;
        assert!(
            said.contains("belongs to lilei") && said.contains("root can end it"),
            "{said}"
        );
    }
    assert!(theirs.lives());
}

#[test]
fn one_that_ignores_term_is_still_there_until_it_is_killed() {
    let mut deaf = StandIn::shell("trap '' TERM; echo ready; exec sleep 1000");
    let answer = end(&ask(vec![deaf.name()], KillSignal::Term, 0.2));
    assert_eq!(why(&answer), [NotKilledCode::StillThere]);
    assert!(answer.failed[0].message.contains("KILL ends it"));
    assert!(deaf.lives());
    let answer = end(&ask(vec![deaf.name()], KillSignal::Kill, 10.0));
    assert!(answer.success && !deaf.lives(), "{answer:?}");
}

#[test]
fn one_that_saves_its_work_may_and_one_that_is_stopped_hears_it() {
    let folder = tempfile::tempdir().unwrap();
    let saved = folder.path().join("saved");
    let script = format!(
        "trap 'echo > {}; exit' TERM; echo ready; while :; do sleep 0.01; done",
        saved.display()
    );
    let mut process = StandIn::shell(&script);
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(process.pid()),
        nix::sys::signal::Signal::SIGSTOP,
    )
    .unwrap();
    let answer = end(&ask(vec![process.name()], KillSignal::Term, 20.0));
    assert!(answer.success && !process.lives() && saved.exists(), "{answer:?}");
}

#[test]
fn only_processes_on_a_gpu_are_ended() {
    let mut process = StandIn::sleeping();
    let request = ask(vec![process.name()], KillSignal::Kill, 0.2);
    let answer = end_with(&request, &|_, _| None, &|_| panic!());
    assert_eq!(why(&answer), [NotKilledCode::NotAGpuProcess]);
    assert!(process.lives());
}

#[test]
fn the_first_process_and_what_is_none_are_never_hit() {
    let names = [-1, 0, 1, i32::MIN].map(|pid| ProcessName {
        pid,
        start_time: format!("{BOOT}-0"),
    });
    let answer = end(&ask(names.to_vec(), KillSignal::Kill, 0.2));
    assert_eq!(why(&answer), [NotKilledCode::NeverThis; 4]);
}

/// Bash under another program's name, and with a verb behind it.
fn called(folder: &Path, name: &str, verb: &str) -> StandIn {
    let program = folder.join(name);
    std::fs::copy("/bin/bash", &program).unwrap();
    StandIn::reading(Command::new(program).args(["-s", verb]))
}

#[test]
fn daemons_schedulers_and_runners_are_never_hit() {
    let folder = tempfile::tempdir().unwrap();
    for (verb, code) in [
        ("serve", NotKilledCode::Daemon),
        ("schedule", NotKilledCode::Scheduler),
        ("run-task", NotKilledCode::Runner),
    ] {
        let mut part = called(folder.path(), "gpuyard", verb);
        // Whether a GPU lists it or not.
        for uses_a_gpu in [true, false] {
            let request = ask(vec![part.name()], KillSignal::Kill, 0.2);
            let answer = end_with(&request, &|_, _| uses_a_gpu.then(|| listed(None)), &|_| panic!());
            assert_eq!(why(&answer), [code], "{verb}");
        }
        assert!(part.lives(), "{verb}");
    }
    let own = ProcessName {
        pid: std::process::id() as i32,
        start_time: format!("{BOOT}-{}", identity::start_ticks(std::process::id() as i32).unwrap()),
    };
    assert_eq!(
        why(&end(&ask(vec![own], KillSignal::Kill, 0.2))),
        [NotKilledCode::Daemon]
    );
    // Any other verb is a program like others, and so is who only calls itself ours.
    let mut other = called(folder.path(), "gpuyard", "logs");
    assert!(end(&ask(vec![other.name()], KillSignal::Kill, 10.0)).success && !other.lives());
    let mut liar = StandIn::reading(Command::new("/bin/bash").arg0("gpuyard").args(["-s", "serve"]));
    assert!(end(&ask(vec![liar.name()], KillSignal::Kill, 10.0)).success && !liar.lives());
}

fn task(owner: Option<&str>) -> TaskRef {
    TaskRef {
        mode: Some(Mode::Single),
        config_index: Some(0),
        run_id: RunId("r".into()),
        queue_id: Some(QueueId(3)),
        task_id: TaskId("t-4".into()),
        process_index: Some(0),
        uni_id: UniId("u".into()),
        root: None,
        owner: owner.map(str::to_owned),
    }
}

/// Two processes of one task, and a scheduler that answers so and, if it is told, ends the first.
fn with_scheduler(owner: Option<&str>, answer: fn() -> Asked) -> (KillAnswer, Vec<String>, Vec<StandIn>) {
    let processes = vec![StandIn::sleeping(), StandIn::sleeping()];
    let names: Vec<ProcessName> = processes.iter().map(StandIn::name).collect();
    let asked = RefCell::new(Vec::new());
    let first = nix::unistd::Pid::from_raw(processes[0].pid());
    let stop = |task: &TaskRef| {
        asked.borrow_mut().push(task.task_id.to_string());
        if matches!(answer(), Asked::Told) {
            nix::sys::signal::kill(first, nix::sys::signal::Signal::SIGKILL).unwrap();
        }
        answer()
    };
    let request = ask(names, KillSignal::Kill, 0.3);
    let answer = end_with(&request, &|_, _| Some(listed(Some(task(owner)))), &stop);
    (answer, asked.into_inner(), processes)
}

#[test]
fn a_task_is_stopped_once_by_its_scheduler() {
    let (answer, asked, mut processes) = with_scheduler(None, || Asked::Told);
    assert_eq!(asked, ["t-4"], "two of its processes ask once");
    let codes: Vec<KilledCode> = answer.killed.iter().map(|killed| killed.code).collect();
    assert_eq!(codes, [KilledCode::TaskStopped, KilledCode::TaskStopping]);
    assert!(
        answer.success
            && answer.killed[0]
                .message
                .contains("task t-4 was stopped by its scheduler")
    );
    assert!(processes[1].lives(), "the scheduler's is the only hand on it");

    let (answer, _, mut processes) = with_scheduler(None, || Asked::Refused("it says no".into()));
    assert_eq!(why(&answer), [NotKilledCode::TaskRefused; 2]);
    assert!(answer.failed[0].message.ends_with("did not stop it: it says no"));
    assert!(processes.iter_mut().all(StandIn::lives));

    let (answer, asked, mut processes) = with_scheduler(None, || Asked::NoScheduler);
    assert!(answer.success && asked.len() == 1, "{answer:?}");
    assert!(answer.killed[0].message.contains("task t-4 does not run"), "{answer:?}");
    assert!(processes.iter_mut().all(|process| !process.lives()));

    let (answer, asked, mut processes) = with_scheduler(Some("lilei"), || panic!());
    assert_eq!((why(&answer), asked.len()), (vec![NotKilledCode::OthersTask; 2], 0));
    assert!(processes.iter_mut().all(StandIn::lives));
}

#[test]
fn words_are_in_both_languages() {
    let victims = |lang| Victims {
        listed: &|_, _| None,
        stop_task: &|_| panic!(),
        boot: BOOT,
        lang,
    };
    let init = ProcessName {
        pid: 1,
        start_time: format!("{BOOT}-0"),
    };
    let request = ask(vec![init], KillSignal::Term, 0.0);
    let said = |lang| {
        let victims = victims(lang);
        let answer = victims.answer(victims.end(&request));
        (answer.message, answer.failed[0].message.clone())
    };
    assert_eq!(
        said(Lang::En),
        (
            "none of 1 was ended".into(),
            "this is no process that may be ended".into()
        )
    );
    assert_eq!(said(Lang::Zh), ("1 个进程均未结束".into(), "此进程不可结束".into()));
}
