//! `gpuyard logs`: prints a task's log, or a scheduler's own, and follows it to the end.
use std::{
    io::Write,
    path::{Path, PathBuf},
};

use gpuyard_core::{
    model::{Charge, ConfigKey, Lang, TaskId},
    queue::{Task, TaskState},
};
use gpuyard_exec::{attempt, clock, place::Place};
use gpuyard_store::{Root, StoreError, logs::Log};

use super::{
    Context,
    account::Where,
    logs_there,
    runs::RunView,
    state::{self, Followed},
    watch::Changes,
};
use crate::{
    cli::{LogsArgs, Target},
    failure::{Exit, Failure},
    output::{self, format},
    wiring,
};

/// Read at once while printing.
const CHUNK: u64 = 256 << 10;
/// A scheduler that died may be back by then; who follows waits so long for it, milliseconds.
pub(super) const UNATTENDED: u64 = 10_000;

/// Prints a log.
pub(crate) fn logs(context: &Context, args: &LogsArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let target = args.target.target(lang)?;
    if target == Target::All {
        let text = lang.pick(
            "which log? name a task's id or number, or MODE INDEX [QUEUE [PROCESS]]; MODE INDEX alone, or `tasks`, is the scheduler's own log",
            "要看哪个日志？请指定任务 ID 或编号，或“模式 序号 [队列 [任务]]”；只写模式和序号，或 `tasks`，即调度器自己的日志",
        );
        return Err(Failure::new(Exit::Unusable, text));
    }
    let adhoc = match &target {
        Target::Adhoc(id) => Some(*id),
        _ => None,
    };
    let place = Where::find(context)?;
    let root = match &place {
        Where::There(daemon) => return logs_there::logs(context, args, &place, daemon, (&target, adhoc), out),
        Where::Here(root) => root,
    };
    match &target {
        Target::Config(key) => return scheduler_log(context, args, root, Charge::File(*key), out),
        Target::Tasks => return scheduler_log(context, args, root, Charge::Tasks, out),
        _ => {}
    }
    if let Some(number) = adhoc {
        return super::adhoc_logs::logs(context, args, number, out);
    }
    let runs = place.runs_for(context, &target)?.runs;
    let (view, _, task) = state::find_task(&runs, &target, lang)?;
    if args.follow {
        return follow(context, args, root, view, &task.task_id, out);
    }
    let path = match args.attempt {
        Some(attempt) if attempt > task.attempt => return Err(no_such_attempt(task, lang)),
        // Attempts of a task that was taken over from an earlier run lie with that run.
        Some(number) => sibling(root, view, task, number),
        None => task
            .log_path
            .as_deref()
            .map(|path| root.resolve(path))
            .ok_or_else(|| not_started(task, lang))?,
    };
    if args.path {
        writeln!(out, "{}", path.display())?;
        return Ok(0);
    }
    let mut open = Open::at(&path, args.tail).map_err(|error| gone(&path, &error, lang))?;
    open.copy(out)?;
    Ok(if args.exit_code { exit_code(task) } else { 0 })
}

/// The log of another attempt of a task, beside the one that is known.
fn sibling(root: &Root, view: &RunView, task: &Task, number: u32) -> PathBuf {
    let known = task.log_path.as_deref().map(|path| root.resolve(path));
    let beside = known.as_deref().and_then(|path| {
        let (name, attempts) = (path.file_name()?, path.parent()?.parent()?);
        Some(attempts.join(number.to_string()).join(name))
    });
    beside.unwrap_or_else(|| {
        root.task_folder(&view.run.run_id, &task.task_id, number)
            .join("output.log")
    })
}

/// There has been no such attempt.
pub(super) fn no_such_attempt(task: &Task, lang: Lang) -> Failure {
    let (id, had) = (&task.task_id, task.attempt);
    Failure::new(
        Exit::NotFound,
        say!(lang, "task {id} has had {had} attempts", "任务 {id} 共有 {had} 次尝试"),
    )
}

pub(super) fn not_started(task: &Task, lang: Lang) -> Failure {
    let id = &task.task_id;
    let why = task
        .reason
        .as_ref()
        .map(|shown| format!(": {}", shown.text))
        .unwrap_or_default();
    Failure::new(
        Exit::NotFound,
        say!(lang, "task {id} has not started yet{why}", "任务 {id} 尚未开始{why}"),
    )
}

pub(super) fn gone(path: &Path, error: &StoreError, lang: Lang) -> Failure {
    if error.is_not_found() {
        let path = path.display();
        return Failure::new(
            Exit::NotFound,
            say!(lang, "the log {path} is no longer there", "日志 {path} 已不存在"),
        );
    }
    Failure::failed(error)
}

/// How a task ended, as an exit code of ours.
pub(super) fn exit_code(task: &Task) -> i32 {
    match (task.state, task.exit_code, task.signal) {
        (TaskState::Completed | TaskState::Skipped, ..) => 0,
        (TaskState::Stopped, ..) => 130,
        (_, _, Some(signal)) => 128 + signal,
        (_, Some(code), _) if code != 0 => code,
        _ => 1,
    }
}

/// A log that is being printed.
pub(super) struct Open {
    log: Log,
    offset: u64,
}

impl Open {
    /// Opens a log, to be printed from its beginning or from its last lines on.
    pub(super) fn at(path: &Path, tail: Option<usize>) -> Result<Open, StoreError> {
        let log = Log::open(path)?;
        let offset = match tail {
            Some(lines) => log.tail(lines)?.offset,
            None => 0,
        };
        Ok(Open { log, offset })
    }

    /// Prints what is there beyond what has been printed.
    pub(super) fn copy(&mut self, out: &mut dyn Write) -> Result<(), Failure> {
        let size = self.log.size().map_err(Failure::failed)?;
        if size < self.offset {
            // It was truncated: what is in it now is new.
            self.offset = 0;
        }
        while self.offset < size {
            let part = self.log.range(self.offset, CHUNK).map_err(Failure::failed)?;
            if part.bytes.is_empty() {
                break;
            }
            out.write_all(&part.bytes)?;
            self.offset = part.end();
        }
        out.flush()?;
        Ok(())
    }
}

/// Follows a task's logs from attempt to attempt, until it is over.
fn follow(
    context: &Context,
    args: &LogsArgs,
    root: &Root,
    view: &RunView,
    id: &TaskId,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let lang = context.lang;
    let mut followed = Followed::new(root, &view.run.run_id, lang);
    let mut changes = Changes::new();
    changes.hear(&root.state_dir());
    let mut tail = args.tail;
    let mut open: Option<Open> = None;
    let mut path: Option<PathBuf> = None;
    let mut told_waiting = false;
    let mut unattended = None;
    loop {
        // First the state, then the log: all that was written before the end is there once the end is known.
        followed.look()?;
        let Some(task) = followed.task(id).cloned() else {
            return Err(task_gone(id, lang));
        };
        let attended = followed.is_attended();
        let exit = if attended { None } else { ended_alone(root, &task)? };
        let current = task.log_path.as_deref().map(|log| root.resolve(log));
        if current != path {
            if let Some(open) = &mut open {
                open.copy(out)?;
                announce(&task, lang);
            }
            (open, path) = (None, current);
        }
        if let (None, Some(path)) = (&open, &path) {
            match Open::at(path, tail.take()) {
                Ok(opened) => {
                    changes.hear(path);
                    open = Some(opened);
                }
                // Its runner is about to make it.
                Err(error) if error.is_not_found() => path.parent().into_iter().for_each(|folder| changes.hear(folder)),
                Err(error) => return Err(Failure::failed(error)),
            }
        }
        match &mut open {
            Some(open) => open.copy(out)?,
            None if !told_waiting && path.is_none() && !task.state.is_over() => {
                let reason = followed.view().and_then(|view| {
                    let (_, task) = view.tasks().find(|(_, task)| task.task_id == *id)?;
                    task.reason.as_ref().map(|shown| shown.text.clone())
                });
                tell_waiting(id, reason, lang);
                told_waiting = true;
            }
            None => {}
        }
        if task.state.is_over() {
            return Ok(if args.exit_code { exit_code(&task) } else { 0 });
        }
        if let Some(code) = exit {
            tell_ended_alone(lang);
            return Ok(if args.exit_code { code } else { 0 });
        }
        if attended || task.live.is_some() {
            unattended = None;
        } else {
            let now = clock::mono();
            if now.since(*unattended.get_or_insert(now)) > UNATTENDED {
                return Err(nobody_runs(view.key(), lang));
            }
        }
        changes.wait()?;
    }
}

/// Its block was taken out before it ran.
pub(super) fn task_gone(id: &TaskId, lang: Lang) -> Failure {
    Failure::new(
        Exit::NotFound,
        say!(
            lang,
            "task {id} is no longer in the command file",
            "任务 {id} 已不在配置中"
        ),
    )
}

/// Says once what a task waits for whose log is followed.
pub(super) fn tell_waiting(id: &TaskId, reason: Option<String>, lang: Lang) {
    let why = reason.unwrap_or_else(|| lang.pick("not decided yet", "尚未决定").to_owned());
    output::note(say!(lang, "task {id} waits: {why}", "任务 {id} 等待中：{why}"));
}

pub(super) fn tell_ended_alone(lang: Lang) {
    output::note(lang.pick(
        "the attempt has ended, and no scheduler runs",
        "该次尝试已结束，且没有调度器在运行",
    ));
}

/// Nothing more will come of a task: nobody would start it.
pub(super) fn nobody_runs(ConfigKey { mode, index }: ConfigKey, lang: Lang) -> Failure {
    Failure::new(
        Exit::NotFound,
        say!(
            lang,
            "no scheduler runs; go on with: gpuyard start {mode} {index} --resume",
            "没有调度器在运行；继续：gpuyard start {mode} {index} --resume"
        ),
    )
}

/// Where no scheduler lives, an attempt's own record tells that it has ended, and how.
fn ended_alone(root: &Root, task: &Task) -> Result<Option<i32>, Failure> {
    use gpuyard_core::model::Outcome;
    let Some(live) = &task.live else { return Ok(None) };
    let record = attempt::read_exit(&root.resolve(&live.folder)).map_err(Failure::failed)?;
    Ok(record.map(|record| match record.outcome {
        Outcome::Exited { code } => code,
        Outcome::Signaled { signal, .. } => 128 + signal,
        Outcome::Stopped => 130,
        Outcome::TimedOut | Outcome::NotStarted { .. } | Outcome::Lost => 1,
    }))
}

/// Between two attempts; on stderr, so that stdout is the logs and nothing else.
pub(super) fn announce(task: &Task, lang: Lang) {
    let (n, gpus) = (task.attempt, format::indices(&task.gpus));
    output::note(say!(lang, "attempt {n}, on GPU {gpus}", "第 {n} 次尝试，GPU {gpus}"));
}

/// A scheduler's own log; followed until that scheduler ends.
fn scheduler_log(
    context: &Context,
    args: &LogsArgs,
    root: &Root,
    charge: Charge,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let path = root.scheduler_log(&context.settings(root)?, charge);
    if args.path {
        writeln!(out, "{}", path.display())?;
        return Ok(0);
    }
    let mut open = Open::at(&path, args.tail).map_err(|error| gone(&path, &error, context.lang))?;
    open.copy(out)?;
    if args.follow {
        let host = wiring::host_folder()?;
        let mut changes = Changes::new();
        changes.hear(&path);
        loop {
            let lives = Place::holder(&host, root.path(), &charge.to_string())
                .map_err(Failure::failed)?
                .is_some();
            open.copy(out)?;
            if !lives {
                break;
            }
            changes.wait()?;
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use serde_json::json;

    use super::*;
    use crate::{
        cli::{Cli, Verb},
        client::runs::samples::{OnDisk, at_work},
        output::Screen,
    };

    #[test]
    fn exit_codes_are_those_of_the_task() {
        let view = at_work();
        let task = view.tasks().next().unwrap().1;
        let with = |state, exit_code_of, signal| {
            exit_code(&Task {
                state,
                exit_code: exit_code_of,
                signal,
                ..task.clone()
            })
        };
        assert_eq!(with(TaskState::Completed, Some(0), None), 0);
        assert_eq!(with(TaskState::Failed, Some(3), None), 3);
        assert_eq!(with(TaskState::Failed, None, Some(9)), 137);
        assert_eq!(with(TaskState::Failed, None, None), 1);
        assert_eq!(with(TaskState::Stopped, None, Some(15)), 130);
        assert_eq!(with(TaskState::Running, Some(0), None), 1);
    }

    #[test]
    fn a_log_is_printed_whole_then_what_is_new_and_anew_after_truncation() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output.log");
        let lines: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
        std::fs::write(&path, &lines).unwrap();
        let mut open = Open::at(&path, None).unwrap();
        let mut out = Vec::new();
        open.copy(&mut out).unwrap();
        assert!(out == lines.as_bytes());
        std::fs::write(&path, format!("{lines}more")).unwrap();
        out.clear();
        open.copy(&mut out).unwrap();
        assert_eq!(out, b"more");
        std::fs::write(&path, "anew\n").unwrap();
        out.clear();
        open.copy(&mut out).unwrap();
        assert_eq!(out, b"anew\n");
        let mut out = Vec::new();
        Open::at(&path, Some(0)).unwrap().copy(&mut out).unwrap();
        assert_eq!(out, b"");
    }

    #[test]
    fn earlier_attempts_lie_beside_the_last_one() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let view = at_work();
        let task = Task {
            log_path: Some("logs/tasks/other-run/t-2/3/output.log".into()),
            ..view.tasks().next().unwrap().1.clone()
        };
        assert_eq!(
            root.relative(&sibling(&root, &view, &task, 1)),
            "logs/tasks/other-run/t-2/1/output.log"
        );
    }

    #[test]
    fn a_task_is_followed_through_its_retries_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        let me = gpuyard_exec::identity::identity(std::process::id() as i32).unwrap();
        let mut disk = OnDisk::create(&root, "single_0-20260101T000000-aaaaaa", me);
        let log = |attempt: u32| format!("logs/tasks/r/t-1/{attempt}/output.log");
        let place = |attempt: u32| json!({"event": "placed", "task_id": "t-1", "uni_id": format!("u{attempt}"), "folder": format!("logs/tasks/r/t-1/{attempt}"), "log_path": log(attempt), "gpus": [{"index": 0, "uuid": "GPU-0"}]});
        let end = |code: i32| json!({"event": "ended", "task_id": "t-1", "outcome": {"kind": "exited", "code": code}, "started_at": null, "finished_at": null, "peak_memory": null});
        let write = |attempt: u32, text: &str| {
            let path = root.resolve(&log(attempt));
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let mut file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .unwrap();
            file.write_all(text.as_bytes()).unwrap();
        };
        disk.add(place(1));
        write(1, "one\n");
        let context = Context {
            screen: Screen::plain(),
            lang: Lang::En,
            root: folder.path().to_owned(),
            url: None,
        };
        let Verb::Logs(args) = Cli::from_words("gpuyard logs -f --exit-code single 0 1 0".split(' '), Lang::En)
            .unwrap()
            .verb
        else {
            panic!()
        };
        // Each step is taken only when the one before it has been printed, so nothing here depends on time.
        let mut steps = Steps {
            printed: Vec::new(),
            step: 0,
            take: |step: usize| match step {
                0 => write(1, "two\n"),
                1 => {
                    disk.add(end(3));
                    disk.add(place(2));
                    write(2, "three\n");
                }
                _ => disk.add(end(0)),
            },
        };
        let code = logs(&context, &args, &mut steps).unwrap();
        assert_eq!(String::from_utf8(steps.printed).unwrap(), "one\ntwo\nthree\n");
        assert_eq!(code, 0);
    }

    /// Takes the next step whenever a line arrives.
    struct Steps<F> {
        printed: Vec<u8>,
        step: usize,
        take: F,
    }

    impl<F: FnMut(usize)> Write for Steps<F> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.printed.extend_from_slice(bytes);
            (self.take)(self.step);
            self.step += 1;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
