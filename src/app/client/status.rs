//! `gpuyard status`: schedulers, queues and tasks, from the files of the root or at a daemon elsewhere.
use std::io::{IsTerminal, Write};

use jiff::tz::TimeZone;
use serde_json::json;

use super::{
    Context,
    account::Where,
    adhoc_why::Standing,
    runs::{RunView, latest_first},
    source::Watched,
    state::Wanted,
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
    let place = Where::find(context)?;
    match (&place, args.watch) {
        (_, false) => show(context, args, &place, runs(context, args, &place)?, out),
        (Where::Here(root), true) => {
            // Changes are listened for before the first look, so that none falls between.
            let mut changes = Changes::new();
            changes.hear(&root.state_dir());
            loop {
                show_anew(context, args, &place, runs(context, args, &place)?, out)?;
                changes.wait_for_burst()?;
            }
        }
        (Where::There(daemon), true) => {
            let mut watched = Watched::begin(context, daemon, args.key())?;
            loop {
                match show_what_changed(context, args, &place, &mut watched, out) {
                    // Lost while it was asked something more: the next change is waited for all the same.
                    Err(failure) if failure.exit == Exit::Failed && !failure.reader_gone => {
                        output::note(failure.message)
                    }
                    shown => shown?,
                }
            }
        }
    }
}

/// Waits for a change at a daemon elsewhere, and shows how all stands then.
fn show_what_changed(
    context: &Context,
    args: &StatusArgs,
    place: &Where,
    watched: &mut Watched,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    let now = watched.next()?;
    let earlier = if args.all {
        runs(context, args, place)?
    } else {
        Vec::new()
    };
    let earlier = earlier
        .into_iter()
        .filter(|run| now.iter().all(|new| new.run.run_id != run.run.run_id));
    let all = now.iter().cloned().chain(earlier).collect();
    show_anew(context, args, place, latest_first(all, args.all), out)
}

/// What is asked for, in order.
fn runs(context: &Context, args: &StatusArgs, place: &Where) -> Result<Vec<RunView>, Failure> {
    let found = place.runs(
        context,
        Wanted {
            key: args.key(),
            all: args.all,
        },
    )?;
    for trouble in &found.troubles {
        output::note(trouble);
    }
    Ok(latest_first(found.runs, args.all))
}

/// Shows runs in the place of what was shown before.
fn show_anew(
    context: &Context,
    args: &StatusArgs,
    place: &Where,
    runs: Vec<RunView>,
    out: &mut dyn Write,
) -> Result<(), Failure> {
    if std::io::stdout().is_terminal() {
        // Home, and what is below it gone: no flicker as with a cleared screen.
        out.write_all(b"\x1b[H\x1b[J")?;
    }
    match show(context, args, place, runs, out) {
        Ok(_) => {}
        // Nothing has run yet; something may.
        Err(failure) if failure.exit == Exit::NotFound && !failure.reader_gone => writeln!(out, "{}", failure.message)?,
        Err(failure) => return Err(failure),
    }
    Ok(out.flush()?)
}

fn show(
    context: &Context,
    args: &StatusArgs,
    place: &Where,
    runs: Vec<RunView>,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let (lang, key) = (context.lang, args.key());
    let adhoc = match key {
        None => Standing::look(context, place)?,
        Some(_) => None,
    };
    if args.json {
        output::json(out, &json!({"runs": runs, "adhoc": adhoc}))?;
        return Ok(exit_code(context, args, &runs)?.unwrap_or(0));
    }
    let zone = TimeZone::system();
    let view = View {
        screen: context.screen,
        now: output::now(),
        zone: &zone,
    };
    match (key, runs.as_slice()) {
        (None, []) if adhoc.is_some() => {}
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
    if let Some(standing) = adhoc {
        standing.print(context, out)?;
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
