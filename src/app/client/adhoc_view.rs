//! How ad-hoc tasks are shown to people.
use std::io::{self, Write};

use gpuyard_core::{
    model::{AdhocStatus, Lang},
    wire::{AdhocCounts, AdhocSummary, AdhocTask},
};
use jiff::tz::TimeZone;

use super::Context;
use crate::output::{
    self, format,
    style::Tone,
    table::{Cell, Column, Table, clean},
};

pub(super) fn status(status: AdhocStatus, cancelling: bool, lang: Lang) -> (&'static str, Tone) {
    match status {
        AdhocStatus::Running if cancelling => (lang.pick("cancelling", "正在取消"), Tone::Warn),
        AdhocStatus::Queued => (lang.pick("queued", "排队中"), Tone::Plain),
        AdhocStatus::Running => (lang.pick("running", "执行中"), Tone::Good),
        AdhocStatus::Completed => (lang.pick("completed", "已完成"), Tone::Done),
        AdhocStatus::Failed => (lang.pick("failed", "失败"), Tone::Bad),
        AdhocStatus::Cancelled => (lang.pick("cancelled", "已取消"), Tone::Faint),
    }
}

/// What a task asks for, and where it runs.
fn gpus(task: &AdhocSummary, lang: Lang) -> String {
    if task.status == AdhocStatus::Running {
        return format!("GPU {}", format::indices(&task.assigned_gpus));
    }
    let memory = task
        .memory
        .map_or_else(|| lang.pick("empty", "空闲").to_owned(), format::gib);
    let kind = if task.gpu_type == "any" { "" } else { &task.gpu_type };
    format!("{}× {memory} {kind}", task.gpu_count).trim_end().to_owned()
}

/// Why it waits, or how it ended.
fn note(task: &AdhocSummary) -> String {
    match (&task.reason, &task.error) {
        (Some(reason), _) => reason.text.clone(),
        (None, Some(error)) => error.clone(),
        _ => String::new(),
    }
}

/// A line a task.
pub(super) fn list(
    context: &Context,
    out: &mut dyn Write,
    tasks: &[AdhocSummary],
    counts: &AdhocCounts,
    more: bool,
) -> io::Result<()> {
    let (lang, now, zone) = (context.lang, output::now().wall, TimeZone::system());
    if tasks.is_empty() {
        writeln!(out, "{}", lang.pick("no such ad-hoc tasks", "没有符合条件的临时任务"))?;
    } else {
        let mut table = Table::new([
            (Column::Right, lang.pick("ID", "编号")),
            (Column::Left, lang.pick("STATUS", "状态")),
            (Column::Left, lang.pick("GPUS", "显卡")),
            (Column::Left, lang.pick("MADE", "创建")),
            (Column::Shrink, lang.pick("NAME", "名称")),
            (Column::Shrink, lang.pick("NOTE", "说明")),
        ]);
        for task in tasks {
            let (words, tone) = status(task.status, task.cancelling, lang);
            table.row([
                Cell::new(task.id.to_string(), Tone::Plain),
                Cell::new(words, tone),
                Cell::new(gpus(task, lang), Tone::Plain),
                Cell::new(format::moment(task.created_at, now, &zone), Tone::Faint),
                Cell::new(clean(&task.name), Tone::Plain),
                Cell::new(clean(&note(task)), Tone::Faint),
            ]);
        }
        table.print(out, context.screen, 0)?;
    }
    let AdhocCounts {
        queued,
        running,
        completed,
        failed,
        cancelled,
    } = counts;
    let mut said = say!(
        lang,
        "{queued} queued, {running} running, {completed} completed, {failed} failed, {cancelled} cancelled",
        "排队 {queued}，执行 {running}，完成 {completed}，失败 {failed}，取消 {cancelled}"
    );
    if more {
        said.push_str(lang.pick("; there are more (-n)", "；还有更多（-n）"));
    }
    writeln!(out, "{}", context.screen.style.paint(&said, Tone::Faint))
}

/// All about one task.
pub(super) fn one(context: &Context, out: &mut dyn Write, task: &AdhocTask) -> io::Result<()> {
    let (lang, now, zone) = (context.lang, output::now().wall, TimeZone::system());
    let summary = &task.summary;
    let (words, tone) = status(summary.status, summary.cancelling, lang);
    let paint = |text: &str, tone| context.screen.style.paint(text, tone).into_owned();
    writeln!(out, "{}  {}  {}", summary.id, paint(words, tone), clean(&summary.name))?;
    let mut line = |en: &str, zh: &str, value: Option<String>| match value.filter(|value| !value.is_empty()) {
        Some(value) => writeln!(out, "  {:<12}{}", lang.pick(en, zh), clean(&value)),
        None => Ok(()),
    };
    let time = |moment| format::moment(moment, now, &zone);
    line(
        "waits",
        "等待原因",
        summary.reason.as_ref().map(|reason| reason.text.clone()),
    )?;
    line("place", "排队位置", task.position.map(|place| place.to_string()))?;
    line("error", "错误", summary.error.clone())?;
    line("exit code", "退出码", summary.exit_code.map(|code| code.to_string()))?;
    line("GPUs", "显卡", Some(gpus(summary, lang)))?;
    line(
        "priority",
        "优先级",
        (summary.priority != 0).then(|| summary.priority.to_string()),
    )?;
    line(
        "attempt",
        "尝试",
        (summary.attempt > 0).then(|| summary.attempt.to_string()),
    )?;
    line(
        "retries",
        "重试次数",
        (task.retries > 0).then(|| task.retries.to_string()),
    )?;
    let ids = |ids: &[i64]| ids.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    line("after", "依赖", Some(ids(&task.depends_on)))?;
    line("needed by", "被依赖", Some(ids(&task.dependents)))?;
    line("not before", "最早开始", summary.not_before.map(time))?;
    line("timeout", "时限", task.timeout.map(|limit| format::duration(limit.0)))?;
    line("tags", "标签", Some(summary.tags.join(", ")))?;
    line("made", "创建", Some(time(summary.created_at)))?;
    line("started", "开始", summary.started_at.map(time))?;
    line("finished", "结束", summary.finished_at.map(time))?;
    line("folder", "工作目录", task.work_dir.clone())?;
    line("log", "日志", task.log_path.clone())?;
    line("tmux", "tmux", task.tmux_attach.clone())?;
    for command in task.command.lines() {
        writeln!(out, "  {} {}", paint("|", Tone::Faint), clean(command))?;
    }
    Ok(())
}
