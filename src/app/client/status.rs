//! `gpuyard status`: schedulers, queues and tasks, from the files of the root.
use std::io::{IsTerminal, Write};

use jiff::tz::TimeZone;
use serde_json::json;

use super::{
    Context,
    runs::{RunView, latest_first},
    state::{self, Wanted},
    status_view::View,
    watch::Changes,
};
use crate::{
    cli::StatusArgs,
    failure::{Exit, Failure},
    output::{self, style::Tone},
};

/// Shows runs.
pub(crate) fn status(context: &Context, args: &StatusArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    if !args.watch {
        return show(context, args, out);
    }
    // Changes are listened for before the first look, so that none falls between.
    let root = context.root()?;
    let mut changes = Changes::new()?;
    changes.hear(&root.state_dir());
    let clear = std::io::stdout().is_terminal();
    loop {
        if clear {
            // Home, and what is below it gone: no flicker as with a cleared screen.
            out.write_all(b"\x1b[H\x1b[J")?;
        }
        match show(context, args, out) {
            Ok(_) => {}
            // Nothing has run yet; something may.
            Err(failure) if failure.exit == Exit::NotFound && !failure.reader_gone => {
                writeln!(out, "{}", failure.message)?
            }
            Err(failure) => return Err(failure),
        }
        out.flush()?;
        changes.wait_for_burst()?;
    }
}

fn show(context: &Context, args: &StatusArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (root, lang, key) = (context.root()?, context.lang, args.key());
    let found = state::read(&root, Wanted { key, all: args.all }, lang)?;
    for trouble in &found.troubles {
        output::note(trouble);
    }
    let runs = latest_first(found.runs, args.all);
    if args.json {
        output::json(out, &json!({"runs": runs}))?;
        return Ok(exit_code(context, args, &runs)?.unwrap_or(0));
    }
    let zone = TimeZone::system();
    let view = View {
        screen: context.screen,
        now: output::now(),
        zone: &zone,
    };
    match (key, runs.as_slice()) {
        (_, []) => {
            if let Some(code) = exit_code(context, args, &runs)? {
                return Ok(code);
            }
            let text = lang.pick(
                "no scheduler has run here yet; start one with: gpuyard start single 0",
                "这里还没有运行过调度器；启动：gpuyard start single 0",
            );
            writeln!(out, "{}", context.screen.style.paint(text, Tone::Faint))?;
        }
        (Some(_), runs) => {
            for run in runs {
                view.detail(out, run)?;
            }
        }
        (None, runs) => view.overview(out, runs)?,
    }
    Ok(0)
}

/// Something that was named and is not there is a failure; an empty list is none.
fn exit_code(context: &Context, args: &StatusArgs, runs: &[RunView]) -> Result<Option<i32>, Failure> {
    match args.key() {
        Some(key) if runs.is_empty() => {
            let (lang, mode, index) = (context.lang, key.mode, key.index);
            Err(Failure::new(
                Exit::NotFound,
                say!(
                    lang,
                    "{mode} {index} has not run yet; start it with: gpuyard start {mode} {index}",
                    "{mode} {index} 尚未运行过；启动：gpuyard start {mode} {index}"
                ),
            ))
        }
        _ => Ok(None),
    }
}
