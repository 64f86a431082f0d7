//! `gpuyard stop`: tells a scheduler through its socket how to end.
use std::{io::Write, time::Duration};

use gpuyard_core::{
    model::{Charge, ConfigKey, Lang},
    wire::{AdhocPage, ControlRequest, ControlResponse, SchedulerState, StopAnswer, StopKind, StopRequest},
};
use gpuyard_exec::{control, identity, kill::ends_within, place::Place};
use serde_json::json;

use super::{Context, Daemon, account, watch::Changes};
use crate::{
    cli::StopArgs,
    failure::{Exit, Failure},
    output, wiring,
};

/// A scheduler answers once the change is on disk; a full or slow disk may take a while.
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at a scheduler elsewhere.
const ASKED_AFTER: Duration = Duration::from_secs(1);
/// For a scheduler that did not answer as hoped to be gone.
const FAREWELL: Duration = Duration::from_secs(2);

/// The pid of a scheduler of a daemon elsewhere, if it runs.
fn pid_elsewhere(daemon: &Daemon, charge: Charge) -> Result<Option<i32>, Failure> {
    Ok(match charge {
        Charge::File(ConfigKey { mode, index }) => {
            let path = format!("/api/scheduler/{mode}/state?config_index={index}");
            daemon.get::<SchedulerState>(&path)?.pid
        }
        Charge::Tasks => daemon.get::<AdhocPage>("/api/tasks?limit=1")?.scheduler.pid,
    })
}

fn not_running(charge: Charge, lang: Lang) -> Failure {
    let name = charge.words().join(" ");
    Failure::new(
        Exit::NotFound,
        say!(lang, "the scheduler {name} is not running", "调度器 {name} 没有在运行"),
    )
}

/// Stops a scheduler of a daemon elsewhere.
fn stop_elsewhere(context: &Context, args: &StopArgs, daemon: &Daemon, out: &mut dyn Write) -> Result<i32, Failure> {
    let charge = args.charge.charge(context.lang)?;
    let body = StopRequest {
        drain: args.drain,
        detach: args.detach,
    };
    let path = match charge {
        Charge::File(ConfigKey { mode, index }) => format!("/api/scheduler/{mode}/stop?config_index={index}"),
        Charge::Tasks => {
            let pid = pid_elsewhere(daemon, charge)?.ok_or_else(|| not_running(charge, context.lang))?;
            format!("/api/scheduler/stop/{pid}")
        }
    };
    let answer: StopAnswer = daemon.post(&path, &body)?;
    if args.wait {
        // Over the network nothing tells of its end to a call that is over: it is asked after.
        let mut time = Changes::new();
        while pid_elsewhere(daemon, charge)? == Some(answer.pid) {
            time.wait_for(ASKED_AFTER)?;
        }
    }
    if args.json {
        output::json(out, &answer)?;
    } else {
        let (said, pid) = (&answer.message, answer.pid);
        writeln!(
            out,
            "{}",
            say!(context.lang, "{said} (pid {pid})", "{said}（pid {pid}）")
        )?;
    }
    Ok(0)
}

/// Stops a scheduler.
pub(crate) fn stop(context: &Context, args: &StopArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let charge = args.charge.charge(lang)?;
    let name = charge.words().join(" ");
    if let Some(daemon) = account::chosen(context)? {
        return stop_elsewhere(context, args, &daemon, out);
    }
    let root = context.root()?;
    let host = wiring::host_folder()?;
    let nobody = || not_running(charge, lang);
    let holder = Place::holder(&host, root.path(), &charge.to_string())
        .map_err(Failure::failed)?
        .ok_or_else(nobody)?
        .process;
    let kind = match (args.drain, args.detach) {
        (true, _) => StopKind::Drain,
        (_, true) => StopKind::Detach,
        _ => StopKind::Stop,
    };
    let socket = host
        .socket_path(root.path(), &charge.to_string())
        .map_err(Failure::failed)?;
    let pid = holder.pid;
    let answer = control::call(&socket, &ControlRequest::Stop { kind }, PATIENCE);
    // One that is ending (it ended by itself, or at this very word) may take its answer with it.
    let ended = || ends_within(&holder, Some(FAREWELL)).unwrap_or(false);
    match answer {
        Ok(ControlResponse::Done) => {}
        Ok(ControlResponse::NotFound) => return Err(nobody()),
        _ if ended() => {}
        Ok(ControlResponse::Conflict { message } | ControlResponse::Invalid { message }) => {
            return Err(Failure::failed(say!(
                lang,
                "the scheduler {name} refused: {message}",
                "调度器 {name} 拒绝了请求：{message}"
            )));
        }
        Err(error) => {
            return Err(Failure::failed(say!(
                lang,
                "the scheduler {name} (pid {pid}) does not answer on {socket}: {error}; `kill {pid}` stops it too",
                "调度器 {name}（pid {pid}）在 {socket} 上没有应答：{error}；也可用 `kill {pid}` 停止",
                socket = socket.display()
            )));
        }
    }
    if args.wait {
        ends_within(&holder, None)
            .map_err(|error| Failure::failed(format_args!("cannot wait for process {pid}: {error}")))?;
    }
    if args.json {
        output::json(
            out,
            &json!({"success": true, "pid": pid, "kind": kind, "ended": !identity::is_alive(&holder)}),
        )?;
        return Ok(0);
    }
    let said = match (args.wait, kind) {
        (true, _) => say!(lang, "{name} has ended", "{name} 已结束"),
        (_, StopKind::Stop) => say!(
            lang,
            "{name} is stopping: its tasks are being ended",
            "{name} 正在停止：正在结束其任务"
        ),
        (_, StopKind::Drain) => say!(
            lang,
            "{name} is draining: running tasks finish, none is started",
            "{name} 正在收尾：运行中的任务会完成，不再启动新任务"
        ),
        (_, StopKind::Detach) => say!(
            lang,
            "{name} lets go: its tasks run on, the next start takes them back",
            "{name} 正在脱离：任务继续运行，下次启动时接管"
        ),
    };
    writeln!(out, "{said} (pid {pid})")?;
    Ok(0)
}
