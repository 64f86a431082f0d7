//! `gpuyard start`: through the daemon where one lives, else by starting the scheduler itself.
use std::{ffi::OsStr, io::Write, time::Duration};

use gpuyard_core::{
    model::{Charge, ConfigKey, Lang, ProcessIdentity, Settings},
    queue::RunState,
    wire::{Announcement, StartAnswer, StartRequest, already_running},
};
use gpuyard_exec::{
    place::{Holder, Place},
    spawn,
};
use gpuyard_store::{Root, StoreError, adhoc::Tasks, file, rules};

use super::{
    Context, Daemon, account,
    state::{self, Wanted},
};
use crate::{
    cli::StartArgs,
    failure::{Exit, Failure},
    output, schedule, wiring,
};

/// A scheduler's first state is on disk within milliseconds; a hung disk is not waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a scheduler.
pub(crate) fn start(context: &Context, args: &StartArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let charge = args.charge.charge(lang)?;
    let name = charge.words().join(" ");
    let body = StartRequest { resume: args.resume };
    let over_api = |daemon: &Daemon, ConfigKey { mode, index }: ConfigKey| -> Result<StartAnswer, Failure> {
        daemon.post(&format!("/api/scheduler/{mode}/start?config_index={index}"), &body)
    };
    if let Some(daemon) = account::chosen(context)? {
        let Charge::File(key) = charge else {
            return Err(context.unusable(
                "a daemon elsewhere starts the scheduler of its ad-hoc tasks itself, with the first one that is submitted",
                "其他机器上的守护进程会在提交第一个临时任务时自行启动其调度器",
            ));
        };
        return show(context, &name, args, over_api(&daemon, key)?, out);
    }
    let root = context.root()?;
    let host = wiring::host_folder()?;
    let holder = Place::holder(&host, root.path(), &charge.to_string()).map_err(Failure::failed)?;
    if let Some(holder) = holder.filter(Holder::stays) {
        let process = holder.process;
        let state = state_of(&root, charge, &process, lang)?;
        return Err(Failure::new(
            Exit::Held,
            already_running(&name, process.pid, state, lang),
        ));
    }
    let answer = match (charge, Daemon::find(context, &root, &host)?) {
        (Charge::File(key), Some(daemon)) => over_api(&daemon, key)?,
        _ => start_here(context, &root, charge, args.resume)?,
    };
    show(context, &name, args, answer, out)
}

/// Where the run of a living scheduler stands, as far as it has written that.
fn state_of(root: &Root, charge: Charge, process: &ProcessIdentity, lang: Lang) -> Result<Option<RunState>, Failure> {
    let Charge::File(key) = charge else { return Ok(None) };
    let wanted = Wanted {
        key: Some(key),
        all: false,
    };
    let mut found = state::read(root, wanted, lang)?;
    found.runs.retain(|view| view.run.scheduler.as_ref() == Some(process));
    Ok(found.runs.pop().map(|view| view.run.state))
}

fn show(
    context: &Context,
    name: &str,
    args: &StartArgs,
    answer: StartAnswer,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let lang = context.lang;
    if args.json {
        output::json(out, &answer)?;
        return Ok(0);
    }
    let StartAnswer {
        pid,
        log_file,
        config_file,
        run_id,
        ..
    } = answer;
    writeln!(out, "{}", say!(lang, "{name} runs", "{name} 已启动"))?;
    for (name, value) in [
        (lang.pick("run ", "运行"), run_id.to_string()),
        ("pid ", pid.to_string()),
        (lang.pick("file", "配置"), config_file),
        (lang.pick("log ", "日志"), log_file),
    ] {
        writeln!(out, "  {name}  {value}")?;
    }
    Ok(0)
}

/// Starts the scheduler as a process of its own, and waits until its first state is on disk.
fn start_here(context: &Context, root: &Root, charge: Charge, resume: bool) -> Result<StartAnswer, Failure> {
    let lang = context.lang;
    root.prepare().map_err(Failure::unusable)?;
    let settings = context.settings(root)?;
    let log = root.scheduler_log(&settings, charge);
    log.parent()
        .map_or(Ok(()), file::create_folder)
        .map_err(Failure::failed)?;
    let exe = schedule::own_program(lang)?;
    let of = charge.words();
    let name = of.join(" ");
    let mut words: Vec<&OsStr> = [
        "--root".as_ref(),
        root.path().as_os_str(),
        "--lang".as_ref(),
        lang.pick("en", "zh").as_ref(),
    ]
    .to_vec();
    words.push("schedule".as_ref());
    words.extend(of.iter().map(OsStr::new));
    words.push("--announce".as_ref());
    if resume {
        words.push("--resume".as_ref());
    }
    let (child, mut said) = spawn::spawn_announcing(&exe, &words, &log, &[]).map_err(Failure::failed)?;
    let pid = child.identity().pid;
    let line = spawn::first_line(&mut said, PATIENCE).map_err(|error| {
        let log = log.display();
        Failure::failed(say!(
            lang,
            "the scheduler (pid {pid}) does not say whether it has started: {error}; see {log}",
            "调度器（pid {pid}）没有告知是否已启动：{error}；请查看 {log}"
        ))
    })?;
    match serde_json::from_str(&line) {
        Ok(Announcement::Started { run_id, pid }) => Ok(StartAnswer {
            success: true,
            message: say!(lang, "{name} runs", "{name} 已启动"),
            pid,
            log_file: log.display().to_string(),
            config_file: config_file(root, &settings, charge).map_err(Failure::failed)?,
            run_id,
        }),
        Ok(Announcement::Refused { error, code }) => {
            let held = matches!(code.as_str(), "already_running" | "held");
            Err(Failure::new(if held { Exit::Held } else { Exit::Unusable }, error))
        }
        Err(_) => {
            let log = log.display();
            Err(Failure::failed(say!(
                lang,
                "the scheduler ended before it had started; see {log}",
                "调度器在启动前就结束了；请查看 {log}"
            )))
        }
    }
}

/// What it works on: its command file, or the database.
fn config_file(root: &Root, settings: &Settings, charge: Charge) -> Result<String, StoreError> {
    let path = match charge {
        Charge::File(key) => root.command_path(&rules::load(&root.rules_path(settings))?, key),
        Charge::Tasks => Tasks::path(root, settings),
    };
    Ok(path.display().to_string())
}
