//! `gpuyard submit`, `tasks`, `task`, `cancel`, `retry`, `clone`, `wait`: ad-hoc tasks, with or without a daemon.
//!
//! The database is of this host, so it is read and written here; only what needs to know the GPUs asks the daemon, where
//! one lives, for it has looked at them already. At a daemon elsewhere all goes over its API (`adhoc_there`).
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    io::{Read, Write},
};

use gpuyard_core::{
    formats::adhoc,
    model::{AdhocId, AdhocStatus, Charge, Gpu},
    wire::{AdhocCancelled, AdhocMade, AdhocTask, NewAdhocTask},
};
use gpuyard_exec::{clock, control, place::Place, program, spawn};
use gpuyard_gpu::GpuReader;
use gpuyard_store::{
    Root,
    adhoc::{Filter, Make, Record, Retry, Row, Tasks},
    file,
};
use serde_json::{Value, json};

use super::{
    Context, Daemon,
    account::{self, Where},
    adhoc_there, adhoc_view,
    watch::Changes,
};
use crate::{
    cli::{CancelArgs, OneArgs, SubmitArgs, TasksArgs, WaitArgs},
    failure::{Exit, Failure},
    output, schedule, wiring,
};

/// A driver that takes longer is taken for hung.
const LOOK: std::time::Duration = std::time::Duration::from_secs(5);
/// A script is at most so large, bytes.
const MOST: u64 = 1 << 20;

/// The root and its database.
pub(super) struct Desk {
    pub(super) root: Root,
    pub(super) tasks: Tasks,
}

impl Desk {
    pub(super) fn open(context: &Context) -> Result<Desk, Failure> {
        let root = context.root()?;
        let settings = context.settings(&root)?;
        root.prepare().map_err(Failure::unusable)?;
        let tasks = Tasks::open(&root, &settings).map_err(Failure::unusable)?;
        Ok(Desk { root, tasks })
    }

    /// The same where there is a database already; looking makes none.
    pub(super) fn find(context: &Context) -> Result<Option<Desk>, Failure> {
        let root = context.root()?;
        let settings = context.settings(&root)?;
        if !Tasks::path(&root, &settings).exists() {
            return Ok(None);
        }
        let tasks = Tasks::open(&root, &settings).map_err(Failure::unusable)?;
        Ok(Some(Desk { root, tasks }))
    }

    pub(super) fn get(&self, context: &Context, id: AdhocId) -> Result<Record, Failure> {
        let lang = context.lang;
        let found = self.tasks.get(id).map_err(Failure::failed)?;
        found.ok_or_else(|| {
            Failure::new(
                Exit::NotFound,
                say!(lang, "there is no ad-hoc task {id}", "没有临时任务 {id}"),
            )
        })
    }

    /// Whether a scheduler is at work.
    pub(super) fn attended(&self) -> Result<bool, Failure> {
        Ok(self.scheduler()?.is_some())
    }

    /// The pid of the scheduler that is at work.
    pub(super) fn scheduler(&self) -> Result<Option<i32>, Failure> {
        let host = wiring::host_folder()?;
        let holder = Place::holder(&host, self.root.path(), Charge::TASKS).map_err(Failure::failed)?;
        Ok(holder.map(|holder| holder.process.pid))
    }

    pub(super) fn detail(&self, context: &Context, record: Record) -> Result<AdhocTask, Failure> {
        let host = wiring::host_folder()?;
        let tmux = program::find("tmux").map(|_| {
            let socket = host.user_folder().join("tmux.sock");
            format!("tmux -S {} attach -t task_{}", socket.display(), record.row.id)
        });
        self.tasks
            .detail(record, self.attended()?, tmux, context.lang, clock::now().wall)
            .map_err(Failure::failed)
    }

    /// Has the scheduler look at what is new, and starts it where none is at work.
    fn wake(&self, context: &Context) -> Result<(), Failure> {
        let host = wiring::host_folder()?;
        let socket = host
            .socket_path(self.root.path(), Charge::TASKS)
            .map_err(Failure::failed)?;
        if control::poke(&socket).is_ok() {
            return Ok(());
        }
        let settings = context.settings(&self.root)?;
        let log = self.root.scheduler_log(&settings, Charge::Tasks);
        log.parent()
            .map_or(Ok(()), file::create_folder)
            .map_err(Failure::failed)?;
        let exe = schedule::own_program(context.lang)?;
        let lang = context.lang.pick("en", "zh");
        let mut words: Vec<&OsStr> = vec!["--root".as_ref(), self.root.path().as_os_str()];
        words.extend(["--lang", lang, "schedule", Charge::TASKS].map(OsStr::new));
        // Should another have been faster, this one ends at once, and that one reads all there is.
        spawn::spawn_detached(&exe, &words, &log, &[]).map_err(Failure::failed)?;
        Ok(())
    }
}

/// Makes a task, or a sweep, and prints its number.
pub(crate) fn submit(context: &Context, args: &SubmitArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let made = match Where::find(context)? {
        Where::There(daemon) => daemon.post("/api/tasks", &asked(context, args, true)?)?,
        Where::Here(root) => make(context, &root, asked(context, args, false)?)?,
    };
    if args.json {
        output::json(out, &made)?;
    } else {
        for id in &made.ids {
            writeln!(out, "{id}")?;
        }
    }
    Ok(0)
}

/// By the daemon of this root, where one lives: it has looked at the GPUs already.
fn make(context: &Context, root: &Root, asked: NewAdhocTask) -> Result<AdhocMade, Failure> {
    let host = wiring::host_folder()?;
    match Daemon::find(context, root, &host)? {
        Some(daemon) => daemon.post("/api/tasks", &asked),
        None => make_here(context, asked),
    }
}

fn asked(context: &Context, args: &SubmitArgs, elsewhere: bool) -> Result<NewAdhocTask, Failure> {
    let work_dir = match &args.work_dir {
        // This folder is another machine's; there, the rules say where it runs.
        None if elsewhere => None,
        Some(path) if elsewhere && path.is_relative() => {
            return Err(context.unusable(
                "--work-dir is a folder of the daemon's machine: write it from / on",
                "--work-dir 是守护进程所在机器上的目录：请写以 / 开头的完整路径",
            ));
        }
        Some(path) => Some(std::path::absolute(path)),
        None => Some(std::env::current_dir()),
    };
    let work_dir = work_dir
        .transpose()
        .map_err(|error| Failure::unusable(format_args!("--work-dir: {error}")))?;
    let pairs = |pairs: &[crate::cli::Pair]| -> BTreeMap<String, String> {
        pairs.iter().map(|pair| (pair.0.clone(), pair.1.clone())).collect()
    };
    let matrix: BTreeMap<String, Vec<Value>> = pairs(&args.sweep)
        .into_iter()
        .map(|(name, values)| (name, values.split(',').map(|value| json!(value.trim())).collect()))
        .collect();
    Ok(NewAdhocTask {
        name: args.name.clone(),
        command: script(context, args)?,
        gpu_type: args.gpu_type.clone(),
        gpu_count: Some(args.gpus),
        memory: args.memory,
        priority: Some(args.priority),
        work_dir: work_dir.map(|path| path.display().to_string()),
        environment: Some(pairs(&args.env)),
        timeout: args.timeout,
        retries: Some(args.retries),
        depends_on: Some(args.after.clone()),
        not_before: args.not_before,
        tags: Some(args.tag.clone()),
        created_by: None,
        matrix: (!matrix.is_empty()).then_some(matrix),
    })
}

/// The words after `--`, a file, or what comes in.
fn script(context: &Context, args: &SubmitArgs) -> Result<String, Failure> {
    let lang = context.lang;
    match args.command.as_slice() {
        [line] => return Ok(line.clone()),
        [] => {}
        words => return Ok(words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")),
    }
    let mut text = String::new();
    let done = match args.file.as_deref() {
        Some(path) if path != "-" => {
            std::fs::File::open(path).and_then(|file| file.take(MOST).read_to_string(&mut text))
        }
        named => {
            if named.is_none() && std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                let said = lang.pick(
                    "what is to run? gpuyard submit -- COMMAND…, or --file FILE, or a script on standard input",
                    "要运行什么？gpuyard submit -- 命令…，或 --file 文件，或由标准输入给出脚本",
                );
                return Err(Failure::new(Exit::Unusable, said));
            }
            std::io::stdin().take(MOST).read_to_string(&mut text)
        }
    };
    let place = args
        .file
        .as_deref()
        .map_or("-".into(), |path| path.display().to_string());
    done.map_err(|error| Failure::unusable(format_args!("{place}: {error}")))?;
    Ok(text)
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+{}".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Without a daemon: looks at the GPUs, and writes into the database.
fn make_here(context: &Context, asked: NewAdhocTask) -> Result<AdhocMade, Failure> {
    let lang = context.lang;
    let desk = Desk::open(context)?;
    let fields = |errors: Vec<gpuyard_core::model::FieldError>| {
        let each: Vec<String> = errors.iter().map(|error| error.text(lang)).collect();
        Failure::unusable(each.join("; "))
    };
    let gpus = gpus(context, &desk.root)?;
    let mut specs = Vec::new();
    for one in adhoc::expand(asked).map_err(fields)? {
        let mut spec = adhoc::check(&one).map_err(fields)?;
        adhoc::fit(&mut spec, &gpus).map_err(|error| fields(vec![error]))?;
        specs.push(spec);
    }
    let ids = match desk.tasks.make(&specs, clock::now().wall).map_err(Failure::failed)? {
        Make::Made(ids) => ids,
        Make::NoSuchTask(id) => {
            return Err(Failure::new(
                Exit::NotFound,
                say!(lang, "--after: there is no task {id}", "--after：没有任务 {id}"),
            ));
        }
        Make::WillNotComplete(id, status) => {
            return Err(Failure::unusable(say!(
                lang,
                "--after: task {id} is {status} and will not complete by itself",
                "--after：任务 {id} 的状态为 {status}，不会自行完成"
            )));
        }
    };
    desk.wake(context)?;
    Ok(AdhocMade {
        success: true,
        message: String::new(),
        id: ids.first().copied().unwrap_or_default(),
        ids,
    })
}

fn gpus(context: &Context, root: &Root) -> Result<Vec<Gpu>, Failure> {
    let host = wiring::host_folder()?;
    let source = wiring::source(&context.settings(root)?, &host)?;
    let reading = GpuReader::spawn(source).read(clock::now(), LOOK);
    Ok(reading.map_err(Failure::failed)?.gpus.clone())
}

/// Lists tasks, newest first.
pub(crate) fn tasks(context: &Context, args: &TasksArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if let Some(daemon) = account::chosen(context)? {
        return adhoc_there::tasks(context, &daemon, args, out);
    }
    let desk = Desk::open(context)?;
    let filter = Filter {
        statuses: args.status.clone(),
        text: args.search.clone(),
        tag: args.tag.clone(),
        before: None,
    };
    let page = desk
        .tasks
        .list(&filter, args.limit.clamp(1, 100_000))
        .map_err(Failure::failed)?;
    let attended = desk.attended()?;
    let tmux = program::find("tmux").is_some();
    let shown = desk
        .tasks
        .summaries(page.rows, attended, tmux, context.lang, clock::now().wall)
        .map_err(Failure::failed)?;
    if args.json {
        output::json(out, &json!({"tasks": shown, "more": page.more}))?;
        return Ok(0);
    }
    let counts = desk.tasks.counts().map_err(Failure::failed)?;
    adhoc_view::list(context, out, &shown, &counts, page.more)?;
    Ok(0)
}

/// Shows one task.
pub(crate) fn task(context: &Context, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if let Some(daemon) = account::chosen(context)? {
        return adhoc_there::task(context, &daemon, args, out);
    }
    let desk = Desk::open(context)?;
    let record = desk.get(context, args.id)?;
    let detail = desk.detail(context, record)?;
    if args.json {
        output::json(out, &detail)?;
    } else {
        adhoc_view::one(context, out, &detail)?;
    }
    Ok(0)
}

/// Cancels tasks.
pub(crate) fn cancel(context: &Context, args: &CancelArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if let Some(daemon) = account::chosen(context)? {
        return adhoc_there::cancel(context, &daemon, args, out);
    }
    let desk = Desk::open(context)?;
    let done = desk
        .tasks
        .cancel(&args.ids, clock::now().wall)
        .map_err(Failure::failed)?;
    if !(done.cancelled.is_empty() && done.asked.is_empty()) {
        desk.wake(context)?;
    }
    let done = AdhocCancelled {
        success: done.over.is_empty() && done.missing.is_empty(),
        message: String::new(),
        cancelled: done.cancelled,
        cancelling: done.asked,
        over: done.over,
        missing: done.missing,
    };
    tell_cancelled(context, args, &done, out)
}

/// Says what became of each.
pub(super) fn tell_cancelled(
    context: &Context,
    args: &CancelArgs,
    done: &AdhocCancelled,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let lang = context.lang;
    if args.json {
        let answer = json!({
            "cancelled": done.cancelled, "cancelling": done.cancelling, "over": done.over, "missing": done.missing,
        });
        output::json(out, &answer)?;
    } else {
        for id in &done.cancelled {
            writeln!(out, "{}", say!(lang, "{id} is cancelled", "{id} 已取消"))?;
        }
        for id in &done.cancelling {
            writeln!(out, "{}", say!(lang, "{id} is being ended", "{id} 正在结束"))?;
        }
        for id in &done.over {
            output::note(say!(lang, "{id} is over already", "{id} 已经结束"));
        }
        for id in &done.missing {
            output::note(say!(lang, "there is no ad-hoc task {id}", "没有临时任务 {id}"));
        }
    }
    Ok(if !done.missing.is_empty() {
        Exit::NotFound.number()
    } else if !done.over.is_empty() {
        Exit::Failed.number()
    } else {
        0
    })
}

/// Lets a task that is over run again.
pub(crate) fn retry(context: &Context, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if let Some(daemon) = account::chosen(context)? {
        return adhoc_there::retry(context, &daemon, args, out);
    }
    let (desk, lang, id) = (Desk::open(context)?, context.lang, args.id);
    match desk.tasks.retry(id).map_err(Failure::failed)? {
        Retry::Done => desk.wake(context)?,
        Retry::NotFound => drop(desk.get(context, id)?),
        Retry::NotOver(status) => {
            return Err(Failure::new(
                Exit::Held,
                say!(
                    lang,
                    "task {id} is {status}: only one that is over can run again",
                    "任务 {id} 的状态为 {status}：只有已结束的任务才能重新运行"
                ),
            ));
        }
        Retry::WillNotComplete(on, status) => {
            return Err(Failure::new(
                Exit::Held,
                say!(
                    lang,
                    "task {id} depends on task {on}, which is {status}: retry that one first",
                    "任务 {id} 依赖的任务 {on} 状态为 {status}：请先重试该任务"
                ),
            ));
        }
    }
    tell_retried(context, args, out)
}

/// Says that it will run again.
pub(super) fn tell_retried(context: &Context, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (lang, id) = (context.lang, args.id);
    if args.json {
        output::json(out, &json!({"success": true, "id": id}))?;
    } else {
        writeln!(out, "{}", say!(lang, "{id} is in the queue again", "{id} 已重新排队"))?;
    }
    Ok(0)
}

/// Makes the same task once more, and prints its number.
pub(crate) fn clone(context: &Context, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if let Some(daemon) = account::chosen(context)? {
        return adhoc_there::clone(&daemon, args, out);
    }
    let desk = Desk::open(context)?;
    let record = desk.get(context, args.id)?;
    let mut asked = adhoc::asked(&record.spec);
    // What it waited for has come, or never will.
    asked.depends_on = None;
    let made = make(context, &desk.root, asked)?;
    if args.json {
        output::json(out, &made)?;
    } else {
        writeln!(out, "{}", made.id)?;
    }
    Ok(0)
}

/// Waits for a task's end; exits as it did.
pub(crate) fn wait(context: &Context, args: &WaitArgs) -> Result<i32, Failure> {
    if let Some(daemon) = account::chosen(context)? {
        return adhoc_there::wait(context, &daemon, args.id);
    }
    let desk = Desk::open(context)?;
    let mut changes = Changes::new();
    changes.hear(&desk.root.state_dir());
    let mut told = false;
    loop {
        let record = desk.get(context, args.id)?;
        if record.row.status.is_over() {
            return Ok(exit_code_of(&record.row));
        }
        if !told && !desk.attended()? {
            let said = context.lang.pick(
                "no scheduler is at work on the ad-hoc tasks; start one with `gpuyard serve` or `gpuyard schedule tasks`",
                "没有调度器在处理临时任务；请用 `gpuyard serve` 或 `gpuyard schedule tasks` 启动",
            );
            output::note(said);
            told = true;
        }
        changes.wait()?;
    }
}

/// How a task ended, as an exit code of ours.
pub(super) fn exit_code(status: AdhocStatus, exit_code: Option<i32>, signal: Option<i32>) -> i32 {
    match (status, exit_code, signal) {
        (AdhocStatus::Completed, ..) => 0,
        (AdhocStatus::Cancelled, ..) => 130,
        (_, _, Some(signal)) => 128 + signal,
        (_, Some(code), _) if code != 0 => code,
        _ => 1,
    }
}

/// The same of a row.
pub(super) fn exit_code_of(row: &Row) -> i32 {
    exit_code(row.status, row.exit_code, row.signal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_through_a_shell_as_they_were() {
        assert_eq!(quoted("train.py"), "train.py");
        assert_eq!(quoted("--lr={lr}"), "--lr={lr}");
        assert_eq!(quoted("it's here"), r"'it'\''s here'");
        assert_eq!(quoted("$HOME"), "'$HOME'");
        assert_eq!(quoted(""), "''");
    }
}
