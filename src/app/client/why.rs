//! `gpuyard why`: for each waiting task what it waits for.
use std::io::Write;

use gpuyard_core::queue::{Queue, Task};
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Context, account::Where, adhoc_why, state, status_view::View, why_view::groups};
use crate::{
    cli::{Target, WhyArgs},
    failure::Failure,
    output::{self, style::Tone},
};

/// Says why tasks wait.
pub(crate) fn why(context: &Context, args: &WhyArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (place, lang, now) = (Where::find(context)?, context.lang, output::now());
    let target = args.target.target(lang)?;
    let key = match &target {
        Target::Adhoc(id) => return adhoc_why::one(context, &place, *id, args.json, out),
        Target::Tasks => return adhoc_why::all(context, &place, args.json, out),
        Target::Config(key) | Target::Queue(key, _) | Target::Place(key, ..) => Some(*key),
        Target::All | Target::Task(_) => None,
    };
    let found = place.runs_for(context, &target)?;
    for trouble in &found.troubles {
        output::note(trouble);
    }
    let runs = found.runs;
    let zone = TimeZone::system();
    let show = View {
        screen: context.screen,
        now,
        zone: &zone,
    };
    if let Target::Task(_) | Target::Place(..) = target {
        let (view, queue, task) = state::find_task(&runs, &target, lang)?;
        if args.json {
            let answer = json!({
                "mode": view.run.mode, "config_index": view.run.config_index, "run_id": view.run.run_id, "running": view.running,
                "queue_id": queue.id, "task": task,
            });
            output::json(out, &answer)?;
        } else {
            show.why_task(out, view, queue, task)?;
        }
        return Ok(0);
    }
    if let (Target::Config(_) | Target::Queue(..), []) = (&target, runs.as_slice()) {
        return Err(context.not_found("that command file has not run yet", "该配置尚未运行过"));
    }
    let wanted = |queue: &Queue, _: &Task| match &target {
        Target::Queue(_, id) => queue.id == *id,
        _ => true,
    };
    // What ended long ago waits for nothing, unless it was asked about.
    let shown: Vec<_> = runs
        .iter()
        .filter(|view| key.is_some() || !view.run.state.is_over() || view.run.pending_tasks > 0)
        .collect();
    if args.json {
        let waiting: Vec<_> = shown.iter().flat_map(|view| groups(view, now, lang, wanted)).collect();
        let adhoc = match target {
            Target::All => adhoc_why::waiting(context, &place)?,
            _ => Vec::new(),
        };
        output::json(out, &json!({"waiting": waiting, "adhoc": adhoc}))?;
        return Ok(0);
    }
    let adhoc = match target {
        Target::All => adhoc_why::waiting(context, &place)?,
        _ => Vec::new(),
    };
    if shown.is_empty() && adhoc.is_empty() {
        writeln!(
            out,
            "{}",
            context
                .screen
                .style
                .paint(lang.pick("no task waits", "没有等待中的任务"), Tone::Faint)
        )?;
    }
    for (at, view) in shown.into_iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        show.why(out, view, &groups(view, now, lang, wanted))?;
    }
    if !adhoc.is_empty() {
        if !runs.is_empty() {
            writeln!(out)?;
        }
        adhoc_why::print(context, &adhoc, out)?;
    }
    Ok(0)
}
