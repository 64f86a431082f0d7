//! `gpuyard logs` at a daemon elsewhere: byte for byte what the file holds, followed as it grows, through lost connections.
use std::io::{Read, Write};

use gpuyard_core::{
    model::{AdhocId, ConfigKey, Mode, RunId, TaskId},
    queue::Task,
    wire::{AdhocTask, LogContent, LogHead},
};
use gpuyard_exec::clock;
use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Context, Daemon,
    account::Where,
    adhoc,
    daemon::encoded,
    live::{Live, News},
    logs::{self, UNATTENDED, announce, exit_code},
    state,
};
use crate::{
    cli::{LogsArgs, Target},
    failure::{Exit, Failure},
    output,
};

/// Read at once while printing.
const CHUNK: usize = 64 << 10;
/// Lines that one answer carries at most.
const LINES: usize = 10_000;

/// Prints a log of a daemon elsewhere.
pub(super) fn logs(
    context: &Context,
    args: &LogsArgs,
    place: &Where,
    daemon: &Daemon,
    (target, adhoc): (&Target, Option<AdhocId>),
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    match target {
        Target::Config(ConfigKey { mode, index }) => {
            return scheduler_log(context, args, daemon, (*mode, *index), out);
        }
        Target::Tasks => {
            return Err(context.unusable(
                "the log of the scheduler of ad-hoc tasks is read on its own host",
                "临时任务调度器的日志只能在其所在主机上查看",
            ));
        }
        _ => {}
    }
    if let Some(id) = adhoc {
        return adhoc_log(context, args, daemon, id, out);
    }
    let lang = context.lang;
    let runs = place.runs_for(context, target)?.runs;
    let (view, _, task) = state::find_task(&runs, target, lang)?;
    if args.follow {
        return follow(context, args, daemon, &task.task_id, out);
    }
    match args.attempt {
        Some(attempt) if attempt > task.attempt => return Err(logs::no_such_attempt(task, lang)),
        Some(_) => {}
        None if task.log_path.is_none() => return Err(logs::not_started(task, lang)),
        None => {}
    }
    let attempt = args.attempt.unwrap_or(task.attempt);
    let which = attempt_of(&task.task_id, Some(&view.run.run_id), attempt);
    print(args, daemon, which, out)?;
    Ok(if args.exit_code { exit_code(task) } else { 0 })
}

/// The query that names an attempt's own log.
fn attempt_of(task: &TaskId, run: Option<&RunId>, attempt: u32) -> String {
    let run = run.map_or(String::new(), |run| format!("&run_id={}", encoded(run.as_str())));
    format!("task={}{run}&attempt={attempt}", encoded(task.as_str()))
}

/// Prints what is there of a log, or its path.
fn print(args: &LogsArgs, daemon: &Daemon, which: String, out: &mut dyn Write) -> Result<(), Failure> {
    if args.path {
        let head: LogContent = daemon.get(&format!("/api/log/content?{which}&tail_lines=0"))?;
        writeln!(out, "{}", head.head.log_path)?;
        return Ok(());
    }
    Copy::begin(daemon, which, args.tail)?.copy(daemon, out)
}

/// A log that is being printed.
struct Copy {
    which: String,
    offset: u64,
    /// By the daemon's own count, over this connection.
    generation: Option<(u32, u64)>,
}

/// How a log stands, as was told over a connection.
struct Told {
    connection: u32,
    head: LogHead,
}

impl Told {
    /// The head of a log's topic.
    fn of(live: &Live, topic: &str) -> Result<Option<Told>, Failure> {
        let connection = live.connections();
        Ok(held(live, topic, "log")?.map(|head| Told { connection, head }))
    }

    fn generation(&self) -> (u32, u64) {
        (self.connection, self.head.generation)
    }
}

impl Copy {
    /// From its beginning, or from its last lines on.
    fn begin(daemon: &Daemon, which: String, tail: Option<usize>) -> Result<Copy, Failure> {
        let offset = match tail {
            Some(lines) => tail_offset(daemon, &which, lines)?,
            None => 0,
        };
        Ok(Copy {
            which,
            offset,
            generation: None,
        })
    }

    /// The same of a log that its runner may be about to make.
    fn begin_once_there(daemon: &Daemon, which: String, tail: Option<usize>) -> Result<Copy, Failure> {
        match Copy::begin(daemon, which.clone(), tail) {
            Err(failure) if failure.exit == Exit::NotFound => Copy::begin(daemon, which, None),
            begun => begun,
        }
    }

    /// Prints what is there beyond what has been printed. What came before a connection was lost is not printed twice.
    fn copy(&mut self, daemon: &Daemon, out: &mut dyn Write) -> Result<(), Failure> {
        let Copy { which, offset, .. } = &*self;
        let mut stream = daemon.stream(&format!("/api/log/download?{which}&offset={offset}"))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let count = stream.read(&mut chunk).map_err(Failure::failed)?;
            if count == 0 {
                return Ok(out.flush()?);
            }
            out.write_all(&chunk[..count])?;
            self.offset += count as u64;
        }
    }

    /// The same while it is followed: what is not there yet, or cannot be had now, is for the next time. Says whether all
    /// was printed.
    fn follow(&mut self, daemon: &Daemon, told: Option<&Told>, out: &mut dyn Write) -> Result<bool, Failure> {
        if let Some(told) = told {
            let now = told.generation();
            // Rotated, cut, or written anew: what is in it now is new. A size alone says so only after a lost connection:
            // at other times it may be older than what was read.
            let other = self.generation.is_some_and(|(connection, generation)| {
                if connection == told.connection {
                    generation != told.head.generation
                } else {
                    told.head.size < self.offset
                }
            });
            if other {
                self.offset = 0;
            }
            self.generation = Some(now);
        }
        match self.copy(daemon, out) {
            Ok(()) => Ok(true),
            Err(failure) if failure.reader_gone => Err(failure),
            // It is not there (its runner is about to make it, or it was removed).
            Err(failure) if failure.exit == Exit::NotFound => Ok(true),
            Err(failure) if failure.exit == Exit::Failed => Ok(out.flush().map(|()| false)?),
            Err(failure) => Err(failure),
        }
    }

    /// Whether there may be something that has not been printed.
    fn is_behind(&self, told: Option<&Told>) -> bool {
        told.is_none_or(|told| told.head.size != self.offset || self.generation != Some(told.generation()))
    }
}

/// Where the last lines begin.
fn tail_offset(daemon: &Daemon, which: &str, lines: usize) -> Result<u64, Failure> {
    let head: LogContent = daemon.get(&format!("/api/log/content?{which}&tail_lines=0"))?;
    let (mut at, mut left) = (head.head.size, lines);
    while left > 0 && at > 0 {
        let count = left.min(LINES);
        let part: LogContent = daemon.get(&format!(
            "/api/log/content?{which}&form=lines&before={at}&count={count}"
        ))?;
        let lines = part.lines.unwrap_or_default();
        match lines.first() {
            Some(first) if first.offset < at => (at, left) = (first.offset, left - lines.len().min(left)),
            _ => break,
        }
    }
    Ok(at)
}

/// What a topic holds under a key.
fn held<T: DeserializeOwned>(live: &Live, topic: &str, key: &str) -> Result<Option<T>, Failure> {
    let value = live.topic(topic).and_then(|topic| topic.get(key)).cloned();
    value
        .map(|value| serde_json::from_value(value).map_err(Failure::failed))
        .transpose()
}

/// A task's run, as its topic has it.
#[derive(Deserialize)]
struct TaskRun {
    mode: Mode,
    config_index: u32,
    running: bool,
}

/// Follows a task's logs from attempt to attempt, until it is over.
fn follow(
    context: &Context,
    args: &LogsArgs,
    daemon: &Daemon,
    id: &TaskId,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let lang = context.lang;
    let (task_topic, log_topic) = (
        format!("task:{id}"),
        format!("log:task={}&own=true", encoded(id.as_str())),
    );
    let mut live = Live::open(context, daemon, [task_topic.clone(), log_topic.clone()])?;
    let mut tail = args.tail;
    let mut open: Option<(u32, Copy)> = None;
    let mut told_waiting = false;
    let mut unattended = None;
    loop {
        let news = live.next()?;
        let Some(task) = held::<Task>(&live, &task_topic, "task")? else {
            if news == News::Topic(task_topic.clone()) {
                return Err(logs::task_gone(id, lang));
            }
            continue;
        };
        let run: TaskRun = held(&live, &task_topic, "run")?.ok_or_else(|| logs::task_gone(id, lang))?;
        let told = Told::of(&live, &log_topic)?;
        // It may still be that of the attempt before.
        let path = task.log_path.as_deref();
        let of_this = |told: &&Told| path.is_some_and(|path| told.head.log_path.ends_with(path));
        let told = told.as_ref().filter(of_this);
        if let Some((attempt, copy)) = &mut open
            && *attempt != task.attempt
        {
            if !copy.follow(daemon, None, out)? {
                continue;
            }
            announce(&task, lang);
            open = None;
        }
        if open.is_none() && task.log_path.is_some() {
            let which = attempt_of(id, None, task.attempt);
            open = Some((task.attempt, Copy::begin_once_there(daemon, which, tail.take())?));
        }
        let done = match &mut open {
            Some((_, copy)) if task.state.is_over() || copy.is_behind(told) => copy.follow(daemon, told, out)?,
            Some(_) => true,
            None => {
                if !told_waiting && !task.state.is_over() {
                    logs::tell_waiting(id, task.reason.as_ref().map(|shown| shown.text.clone()), lang);
                    told_waiting = true;
                }
                true
            }
        };
        if task.state.is_over() && done {
            return Ok(if args.exit_code { exit_code(&task) } else { 0 });
        }
        if run.running || task.state.is_over() {
            unattended = None;
            continue;
        }
        let ended = told.and_then(|told| told.head.exit.as_ref());
        if let Some(exit) = ended.filter(|_| done && task.live.is_some()) {
            logs::tell_ended_alone(lang);
            let signaled = exit.signal.map(|signal| 128 + signal);
            let code = exit.exit_code.or(signaled).unwrap_or(1);
            return Ok(if args.exit_code { code } else { 0 });
        }
        let now = clock::mono();
        if task.live.is_none() && now.since(*unattended.get_or_insert(now)) > UNATTENDED {
            let key = ConfigKey {
                mode: run.mode,
                index: run.config_index,
            };
            return Err(logs::nobody_runs(key, lang));
        }
    }
}

/// A scheduler's own log; followed until that scheduler ends.
fn scheduler_log(
    context: &Context,
    args: &LogsArgs,
    daemon: &Daemon,
    (mode, index): (Mode, u32),
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    #[derive(Deserialize)]
    struct Head {
        running: bool,
    }
    let which = format!("mode={mode}&config_index={index}");
    if !args.follow {
        print(args, daemon, which, out)?;
        return Ok(0);
    }
    let (schedulers, log_topic) = ("schedulers".to_owned(), format!("log:{which}"));
    let key = ConfigKey { mode, index }.to_string();
    let mut copy = Copy::begin(daemon, which, args.tail)?;
    let mut live = Live::open(context, daemon, [schedulers.clone(), log_topic.clone()])?;
    loop {
        live.next()?;
        if live.topic(&schedulers).is_none() {
            continue;
        }
        // First whether it lives, then its log: all that it wrote is there once it is gone.
        let lives = held::<Head>(&live, &schedulers, &key)?.is_some_and(|head| head.running);
        let told = Told::of(&live, &log_topic)?;
        let done = if !lives || copy.is_behind(told.as_ref()) {
            copy.follow(daemon, told.as_ref(), out)?
        } else {
            true
        };
        if !lives && done {
            return Ok(0);
        }
    }
}

/// The log of an ad-hoc task.
fn adhoc_log(
    context: &Context,
    args: &LogsArgs,
    daemon: &Daemon,
    id: AdhocId,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let lang = context.lang;
    let look = || daemon.get::<AdhocTask>(&format!("/api/tasks/{id}"));
    let which = |attempt: u32| format!("task={id}&attempt={attempt}");
    let code = |task: &AdhocTask| {
        if !args.exit_code {
            return 0;
        }
        adhoc::exit_code(task.summary.status, task.summary.exit_code, task.signal)
    };
    if !args.follow {
        let task = look()?;
        let had = task.summary.attempt;
        let attempt = args.attempt.unwrap_or(had);
        if attempt > had || had == 0 {
            let text = say!(lang, "task {id} has had {had} attempts", "任务 {id} 共有 {had} 次尝试");
            return Err(Failure::new(Exit::NotFound, text));
        }
        print(args, daemon, which(attempt), out)?;
        return Ok(code(&task));
    }
    let mut tail = args.tail;
    let mut open: Option<(u32, Copy)> = None;
    let mut told_waiting = false;
    let mut live = Live::open(context, daemon, ["tasks".to_owned()])?;
    loop {
        // First the state, then the log: all that was written before the end is there once the end is known.
        let task = match look() {
            // Lost for the moment: the next sign of life is the next try.
            Err(failure) if failure.exit == Exit::Failed => {
                live.next()?;
                continue;
            }
            task => task?,
        };
        let attempt = task.summary.attempt;
        let mut done = true;
        if open.as_ref().is_none_or(|(known, _)| *known != attempt) && attempt > 0 {
            if let Some((_, copy)) = &mut open {
                copy.follow(daemon, None, out)?;
                output::note(say!(lang, "attempt {attempt}", "第 {attempt} 次尝试"));
            }
            open = Some((attempt, Copy::begin_once_there(daemon, which(attempt), tail.take())?));
        }
        match &mut open {
            Some((_, copy)) => {
                let topic = format!("log:{}", copy.which);
                live.listen(["tasks".to_owned(), topic.clone()]);
                let told = Told::of(&live, &topic)?;
                if task.summary.status.is_over() || copy.is_behind(told.as_ref()) {
                    done = copy.follow(daemon, told.as_ref(), out)?;
                }
            }
            None if !told_waiting && !task.summary.status.is_over() => {
                output::note(say!(lang, "task {id} waits", "任务 {id} 正在排队"));
                told_waiting = true;
            }
            None => {}
        }
        if task.summary.status.is_over() && done {
            return Ok(code(&task));
        }
        live.next()?;
    }
}
