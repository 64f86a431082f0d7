//! Ad-hoc tasks at a daemon elsewhere.
use std::io::Write;

use gpuyard_core::{
    model::{AdhocId, AdhocStatus},
    wire::{AdhocCancelled, AdhocCounts, AdhocIds, AdhocMade, AdhocPage, AdhocTask, NewAdhocTask},
};
use serde_json::{Value, json};

use super::{
    Context, Daemon,
    adhoc::{exit_code, tell_cancelled, tell_retried},
    adhoc_view,
    daemon::encoded,
    live::Live,
};
use crate::{
    cli::{CancelArgs, OneArgs, TasksArgs},
    failure::{Exit, Failure},
    output,
};

/// Tasks that one page holds at most.
const PAGE: usize = 500;

/// Lists tasks, newest first.
pub(super) fn tasks(context: &Context, daemon: &Daemon, args: &TasksArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let statuses: Vec<String> = args.status.iter().map(AdhocStatus::to_string).collect();
    let mut query = format!("status={}", encoded(&statuses.join(",")));
    for (name, value) in [("q", &args.search), ("tag", &args.tag)] {
        if let Some(value) = value {
            query += &format!("&{name}={}", encoded(value));
        }
    }
    let wanted = args.limit.max(1);
    let (mut shown, mut cursor) = (Vec::new(), String::new());
    let (counts, more): (AdhocCounts, bool) = loop {
        let limit = (wanted - shown.len()).min(PAGE);
        let page: AdhocPage = daemon.get(&format!("/api/tasks?{query}&limit={limit}{cursor}"))?;
        shown.extend(page.tasks);
        match page.next_cursor {
            Some(next) if shown.len() < wanted => cursor = format!("&cursor={}", encoded(&next)),
            next => break (page.counts, next.is_some()),
        }
    };
    if args.json {
        output::json(out, &json!({"tasks": shown, "more": more}))?;
    } else {
        adhoc_view::list(context, out, &shown, &counts, more)?;
    }
    Ok(0)
}

/// Shows one task.
pub(super) fn task(context: &Context, daemon: &Daemon, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let detail: AdhocTask = daemon.get(&format!("/api/tasks/{}", args.id))?;
    if args.json {
        output::json(out, &detail)?;
    } else {
        adhoc_view::one(context, out, &detail)?;
    }
    Ok(0)
}

/// Cancels tasks.
pub(super) fn cancel(
    context: &Context,
    daemon: &Daemon,
    args: &CancelArgs,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let ids = AdhocIds { ids: args.ids.clone() };
    let done: AdhocCancelled = daemon.post("/api/tasks/cancel", &ids)?;
    tell_cancelled(context, args, &done, out)
}

/// Lets a task that is over run again.
pub(super) fn retry(context: &Context, daemon: &Daemon, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    daemon.post::<Value>(&format!("/api/tasks/{}/retry", args.id), &json!({}))?;
    tell_retried(context, args, out)
}

/// Makes the same task once more, and prints its number.
pub(super) fn clone(daemon: &Daemon, args: &OneArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let mut asked: NewAdhocTask = daemon.post(&format!("/api/tasks/{}/clone", args.id), &json!({}))?;
    // What it waited for has come, or never will.
    asked.depends_on = None;
    let made: AdhocMade = daemon.post("/api/tasks", &asked)?;
    if args.json {
        output::json(out, &made)?;
    } else {
        writeln!(out, "{}", made.id)?;
    }
    Ok(0)
}

/// Waits for a task's end; answers as it ended.
pub(super) fn wait(context: &Context, daemon: &Daemon, id: AdhocId) -> Result<i32, Failure> {
    let mut live = Live::open(context, daemon, ["tasks".to_owned()])?;
    loop {
        match daemon.get::<AdhocTask>(&format!("/api/tasks/{id}")) {
            Ok(task) if task.summary.status.is_over() => {
                return Ok(exit_code(task.summary.status, task.summary.exit_code, task.signal));
            }
            Ok(_) => {}
            // Lost for the moment: the next sign of life is the next try.
            Err(failure) if failure.exit == Exit::Failed => {}
            Err(failure) => return Err(failure),
        }
        live.next()?;
    }
}
