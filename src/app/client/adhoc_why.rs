//! Why ad-hoc tasks wait, and how they stand as a whole.
use std::io::{self, Write};

use gpuyard_core::{
    model::{AdhocId, AdhocStatus, Lang},
    queue::ShownReason,
    wire::{AdhocCounts, AdhocPage, AdhocScheduler, AdhocSummary, AdhocTask},
};
use gpuyard_exec::clock;
use gpuyard_store::adhoc::Filter;
use serde::Serialize;
use serde_json::json;

use super::{Context, account::Where, adhoc::Desk, adhoc_view::status};
use crate::{
    failure::Failure,
    output::{self, format, style::Tone, table::clean},
};

/// Numbers named in a line before the rest becomes a count.
const NAMED: usize = 8;
/// More than anybody has waiting.
const MOST: usize = 1_000_000;
/// Of a daemon elsewhere, so many are asked for at once.
const PAGE: usize = 500;

/// Ad-hoc tasks that wait for the same.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    /// Code, figures, words; `None` where nothing has been decided yet.
    reason: Option<ShownReason>,
    text: String,
    count: usize,
    tasks: Vec<AdhocId>,
}

/// How the ad-hoc tasks stand.
#[derive(Debug, Serialize)]
pub(super) struct Standing {
    counts: AdhocCounts,
    scheduler: AdhocScheduler,
}

fn undecided(lang: Lang) -> &'static str {
    lang.pick("nothing has been decided about it yet", "尚未作出决定")
}

/// Those that wait, newest first.
fn queued(context: &Context, place: &Where) -> Result<Vec<AdhocSummary>, Failure> {
    if let Where::There(daemon) = place {
        let mut tasks = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: AdhocPage = daemon.get(&format!("/api/tasks?status=queued&limit={PAGE}{cursor}"))?;
            tasks.extend(page.tasks);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(tasks),
            }
        }
    }
    let Some(desk) = Desk::find(context)? else {
        return Ok(Vec::new());
    };
    let filter = Filter {
        statuses: vec![AdhocStatus::Queued],
        ..Filter::default()
    };
    let page = desk.tasks.list(&filter, MOST).map_err(Failure::failed)?;
    desk.tasks
        .summaries(page.rows, desk.attended()?, false, context.lang, clock::now().wall)
        .map_err(Failure::failed)
}

/// Those that wait, by what they wait for, in the order of the first of each.
pub(super) fn waiting(context: &Context, place: &Where) -> Result<Vec<Group>, Failure> {
    let lang = context.lang;
    let mut groups: Vec<Group> = Vec::new();
    for task in queued(context, place)?.into_iter().rev() {
        let text = match &task.reason {
            Some(reason) => reason.text.clone(),
            None => undecided(lang).to_owned(),
        };
        let at = groups.iter().position(|group| group.text == text).unwrap_or_else(|| {
            groups.push(Group {
                reason: task.reason,
                text,
                count: 0,
                tasks: Vec::new(),
            });
            groups.len() - 1
        });
        groups[at].count += 1;
        groups[at].tasks.push(task.id);
    }
    Ok(groups)
}

/// The groups, under their name.
pub(super) fn print(context: &Context, groups: &[Group], out: &mut dyn Write) -> io::Result<()> {
    let (lang, style) = (context.lang, context.screen.style);
    writeln!(
        out,
        "{}",
        style.paint(lang.pick("ad-hoc tasks", "临时任务"), Tone::Strong)
    )?;
    if groups.is_empty() {
        return writeln!(out, "  {}", lang.pick("no task waits", "没有等待中的任务"));
    }
    for Group { text, count, tasks, .. } in groups {
        let plural = if *count == 1 { "" } else { "s" };
        let said = say!(lang, "{count} task{plural}: {text}", "{count} 个任务：{text}");
        writeln!(out, "  {}", style.paint(&clean(&said), Tone::Warn))?;
        let named: Vec<String> = tasks.iter().take(NAMED).map(AdhocId::to_string).collect();
        let mut names = named.join(lang.pick(", ", "、"));
        if *count > NAMED {
            let more = count - NAMED;
            names.push_str(&say!(lang, " and {more} more", " 及另外 {more} 个"));
        }
        writeln!(out, "    {}", style.paint(&names, Tone::Faint))?;
    }
    Ok(())
}

/// `why tasks`.
pub(super) fn all(context: &Context, place: &Where, as_json: bool, out: &mut dyn Write) -> Result<i32, Failure> {
    let groups = waiting(context, place)?;
    if as_json {
        output::json(out, &json!({"adhoc": groups}))?;
    } else {
        print(context, &groups, out)?;
    }
    Ok(0)
}

/// `why ID`: where one stands and why, whatever its state.
pub(super) fn one(
    context: &Context,
    place: &Where,
    id: AdhocId,
    as_json: bool,
    out: &mut dyn Write,
) -> Result<i32, Failure> {
    let task: AdhocTask = match place {
        Where::There(daemon) => daemon.get(&format!("/api/tasks/{id}"))?,
        Where::Here(_) => {
            let desk = Desk::open(context)?;
            desk.detail(context, desk.get(context, id)?)?
        }
    };
    if as_json {
        output::json(out, &json!({"task": task}))?;
        return Ok(0);
    }
    let (lang, style, summary) = (context.lang, context.screen.style, &task.summary);
    let (state, tone) = status(summary.status, summary.cancelling, lang);
    writeln!(
        out,
        "{}  {}  {}",
        style.paint(&id.to_string(), Tone::Strong),
        style.paint(state, tone),
        clean(&summary.name)
    )?;
    writeln!(out, "  {}", clean(&because(&task, lang)))?;
    if let Some(place) = task.position {
        writeln!(
            out,
            "  {}",
            say!(lang, "place {place} in the line", "排在第 {place} 位")
        )?;
    }
    if let Some(log) = &task.log_path {
        writeln!(out, "  {}", style.paint(&clean(log), Tone::Faint))?;
    }
    Ok(0)
}

/// Why a task stands where it does.
fn because(task: &AdhocTask, lang: Lang) -> String {
    let summary = &task.summary;
    let (gpus, attempt) = (format::indices(&summary.assigned_gpus), summary.attempt);
    match (summary.status, &summary.error) {
        (AdhocStatus::Queued, _) => match &summary.reason {
            Some(reason) => reason.text.clone(),
            None => undecided(lang).to_owned(),
        },
        (AdhocStatus::Running, _) => say!(
            lang,
            "it runs on GPU {gpus}, attempt {attempt}",
            "正在 GPU {gpus} 上运行，第 {attempt} 次尝试"
        ),
        (_, Some(error)) => error.clone(),
        (..) => lang.pick("its exit code was 0", "退出码为 0").to_owned(),
    }
}

impl Standing {
    /// `None` where there has never been an ad-hoc task.
    pub(super) fn look(context: &Context, place: &Where) -> Result<Option<Standing>, Failure> {
        if let Where::There(daemon) = place {
            let AdhocPage { counts, scheduler, .. } = daemon.get("/api/tasks?limit=1")?;
            return Ok(Standing { counts, scheduler }.of_any());
        }
        let Some(desk) = Desk::find(context)? else {
            return Ok(None);
        };
        let pid = desk.scheduler()?;
        let standing = Standing {
            counts: desk.tasks.counts().map_err(Failure::failed)?,
            scheduler: AdhocScheduler {
                running: pid.is_some(),
                pid,
                trouble: desk.tasks.fact("trouble").map_err(Failure::failed)?,
            },
        };
        Ok(standing.of_any())
    }

    fn of_any(self) -> Option<Standing> {
        (self.counts != AdhocCounts::default()).then_some(self)
    }

    /// For people.
    pub(super) fn print(&self, context: &Context, out: &mut dyn Write) -> io::Result<()> {
        let (lang, style) = (context.lang, context.screen.style);
        let AdhocCounts { queued, running, .. } = self.counts;
        let over = self.counts.completed + self.counts.failed + self.counts.cancelled;
        let (state, tone) = match self.scheduler.pid {
            Some(pid) => (say!(lang, "running (pid {pid})", "运行中（pid {pid}）"), Tone::Good),
            None if queued > 0 => (
                lang.pick(
                    "no scheduler runs; start one with: gpuyard start tasks",
                    "没有调度器在运行；启动：gpuyard start tasks",
                )
                .to_owned(),
                Tone::Warn,
            ),
            None => (
                lang.pick("no scheduler runs", "没有调度器在运行").to_owned(),
                Tone::Faint,
            ),
        };
        writeln!(
            out,
            "{}  {}  {}",
            style.paint(lang.pick("ad-hoc tasks", "临时任务"), Tone::Strong),
            style.paint(&state, tone),
            say!(
                lang,
                "{queued} queued, {running} running, {over} over",
                "排队 {queued}，执行 {running}，已结束 {over}"
            )
        )?;
        if let Some(trouble) = &self.scheduler.trouble {
            writeln!(out, "  {}", style.paint(&clean(trouble), Tone::Bad))?;
        }
        Ok(())
    }
}
