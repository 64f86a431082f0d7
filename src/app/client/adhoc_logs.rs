//! `gpuyard logs ID` of an ad-hoc task.
use std::{io::Write, path::PathBuf};

use gpuyard_core::model::AdhocId;

use super::{
    Context,
    adhoc::{Desk, exit_code_of},
    logs::Open,
    watch::Changes,
};
use crate::{
    cli::LogsArgs,
    failure::{Exit, Failure},
    output,
};

/// Prints the log of an ad-hoc task; followed, through its attempts to its end.
pub(super) fn logs(context: &Context, args: &LogsArgs, id: AdhocId, out: &mut dyn Write) -> Result<i32, Failure> {
    let (desk, lang) = (Desk::open(context)?, context.lang);
    if args.follow {
        return follow(context, args, &desk, id, out);
    }
    let record = desk.get(context, id)?;
    let Some(path) = record.log_path(&desk.root, args.attempt) else {
        let had = record.row.attempt;
        return Err(Failure::new(
            Exit::NotFound,
            say!(lang, "task {id} has had {had} attempts", "任务 {id} 共有 {had} 次尝试"),
        ));
    };
    if args.path {
        writeln!(out, "{}", path.display())?;
        return Ok(0);
    }
    Open::at(&path, args.tail)
        .map_err(|error| super::logs::gone(&path, &error, lang))?
        .copy(out)?;
    Ok(if args.exit_code { exit_code_of(&record.row) } else { 0 })
}

fn follow(context: &Context, args: &LogsArgs, desk: &Desk, id: AdhocId, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let mut changes = Changes::new();
    changes.hear(&desk.root.state_dir());
    let mut tail = args.tail;
    let mut open: Option<Open> = None;
    let mut path: Option<PathBuf> = None;
    let mut told_waiting = false;
    loop {
        // First the state, then the log: all that was written before the end is there once the end is known.
        let record = desk.get(context, id)?;
        let current = record.log_path(&desk.root, None);
        if current != path {
            if let Some(open) = &mut open {
                open.copy(out)?;
                let attempt = record.row.attempt;
                output::note(say!(lang, "attempt {attempt}", "第 {attempt} 次尝试"));
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
            None if !told_waiting && path.is_none() && !record.row.status.is_over() => {
                output::note(say!(lang, "task {id} waits", "任务 {id} 正在排队"));
                told_waiting = true;
            }
            None => {}
        }
        if record.row.status.is_over() {
            return Ok(if args.exit_code { exit_code_of(&record.row) } else { 0 });
        }
        changes.wait()?;
    }
}
