//! What `status` shows of runs, as text.
use std::io::{self, Write};

use gpuyard_core::{
    model::Now,
    queue::{Queue, QueueState, RunState, Task, TaskState},
};
use jiff::tz::TimeZone;

use super::runs::RunView;
use crate::output::{
    Screen, format,
    style::Tone,
    table::{Cell, Column, Table, clean, cut},
    words,
};

/// Queues shown in the overview; the rest is a count. `status MODE INDEX` shows all.
const MOST_QUEUES: usize = 20;

/// Warnings shown of a run; `check` has all of them.
const MOST_WARNINGS: usize = 3;

/// How to show runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    /// Where it goes.
    pub(crate) screen: Screen,
    /// When it is shown.
    pub(crate) now: Now,
    /// For moments.
    pub(crate) zone: &'a TimeZone,
}

impl View<'_> {
    /// All runs, each with its queues.
    pub(crate) fn overview(&self, out: &mut dyn Write, runs: &[RunView]) -> io::Result<()> {
        for (at, view) in runs.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            self.head(out, view)?;
            self.queues(out, view)?;
        }
        Ok(())
    }

    /// One run with all its tasks.
    pub(crate) fn detail(&self, out: &mut dyn Write, view: &RunView) -> io::Result<()> {
        self.head(out, view)?;
        self.tasks(out, view)
    }

    fn head(&self, out: &mut dyn Write, view: &RunView) -> io::Result<()> {
        let (lang, style, run) = (self.screen.lang, self.screen.style, &view.run);
        let (state, tone) = words::run_state(run.state, lang);
        let over = |state| {
            run.queues
                .values()
                .flat_map(|q| &q.processes)
                .filter(|t| t.state == state)
                .count()
        };
        let mut counts = vec![say!(
            lang,
            "{done}/{total} done",
            "完成 {done}/{total}",
            done = run.completed_tasks,
            total = run.total_tasks
        )];
        for (count, en, zh) in [
            (run.running_tasks as usize, "running", "运行"),
            (run.pending_tasks as usize, "waiting", "等待"),
            (run.failed_tasks as usize, "failed", "失败"),
            (over(TaskState::Stopped), "stopped", "停止"),
        ] {
            if count > 0 {
                counts.push(say!(lang, "{count} {en}", "{zh} {count}"));
            }
        }
        write!(
            out,
            "{}  {}  {}",
            style.paint(&format!("{} {}", run.mode, run.config_index), Tone::Strong),
            style.paint(state, tone),
            counts.join(lang.pick(", ", "，"))
        )?;
        if view.running {
            write!(out, "  pid {}", run.pid)?;
        }
        if view.elsewhere {
            write!(
                out,
                "  {}",
                say!(lang, "on {host}", "位于 {host}", host = clean(&run.node.hostname))
            )?;
        }
        let started = format::moment(run.started_at, self.now.wall, self.zone);
        let end = run.finished_at.unwrap_or(self.now.wall);
        let length = format::duration(format::seconds_between(run.started_at, end));
        match run.finished_at {
            Some(_) => writeln!(
                out,
                "  {}",
                say!(
                    lang,
                    "started {started}, took {length}",
                    "{started} 启动，用时 {length}"
                )
            )?,
            None => writeln!(
                out,
                "  {}",
                say!(lang, "started {started}, {length} ago", "{started} 启动，已 {length}")
            )?,
        }
        let faint = format!("{}  {}", clean(&run.config_file), run.run_id);
        writeln!(out, "  {}", style.paint(&faint, Tone::Faint))?;
        if let Some(error) = &run.last_error {
            writeln!(out, "  {}", style.paint(&clean(error), Tone::Bad))?;
        }
        let warnings: Vec<&String> = run.warnings.values().flatten().collect();
        for warning in warnings.iter().take(MOST_WARNINGS) {
            writeln!(out, "  {}", style.paint(&clean(warning), Tone::Warn))?;
        }
        if warnings.len() > MOST_WARNINGS {
            let more = warnings.len() - MOST_WARNINGS;
            let text = say!(
                lang,
                "… {more} more warnings: gpuyard check",
                "… 还有 {more} 条警告：gpuyard check"
            );
            writeln!(out, "  {}", style.paint(&text, Tone::Warn))?;
        }
        if run.state == RunState::Interrupted {
            let key = view.key();
            let hint = say!(
                lang,
                "its scheduler is gone; go on with: gpuyard start {mode} {index} --resume",
                "调度器已不在；继续运行：gpuyard start {mode} {index} --resume",
                mode = key.mode,
                index = key.index
            );
            writeln!(out, "  {}", style.paint(&hint, Tone::Warn))?;
        }
        Ok(())
    }

    fn queues(&self, out: &mut dyn Write, view: &RunView) -> io::Result<()> {
        let lang = self.screen.lang;
        let mut table = Table::new([
            (Column::Right, lang.pick("QUEUE", "队列")),
            (Column::Left, lang.pick("STATE", "状态")),
            (Column::Right, lang.pick("DONE", "完成")),
            (Column::Left, "GPU"),
            (Column::Right, lang.pick("TIME", "用时")),
            (Column::Right, lang.pick("TRY", "尝试")),
            (Column::Shrink, lang.pick("NOW", "当前")),
        ]);
        // Those at work first, where not all fit.
        let mut queues: Vec<&Queue> = view.run.queues.values().collect();
        let many = queues.len() > MOST_QUEUES;
        if many {
            queues.sort_by_key(|queue| match queue.state {
                QueueState::Running => 0,
                QueueState::Failed => 1,
                QueueState::Waiting => 2,
                QueueState::Stopped | QueueState::Completed => 3,
            });
        }
        for queue in queues.iter().take(MOST_QUEUES) {
            let task = shown_task(queue);
            let (state, tone) = words::queue_state(queue.state, lang);
            let running = task.filter(|task| task.state == TaskState::Running);
            table.row([
                queue.id.to_string().into(),
                Cell::new(state, tone),
                format!("{}/{}", queue.completed_tasks, queue.total_tasks).into(),
                running
                    .map(|task| format::indices(&task.gpus))
                    .unwrap_or_default()
                    .into(),
                running.map(|task| self.length(task)).unwrap_or_default().into(),
                task.filter(|task| task.attempt > 1)
                    .map(|task| task.attempt.to_string())
                    .unwrap_or_default()
                    .into(),
                self.now_of(view, queue, task),
            ]);
        }
        if !table.is_empty() {
            table.print(out, self.screen, 2)?;
        }
        if many {
            let left = view.run.queues.len() - MOST_QUEUES;
            let (mode, index) = (view.run.mode, view.run.config_index);
            let more = say!(
                lang,
                "… {left} more queues: gpuyard status {mode} {index}",
                "… 还有 {left} 个队列：gpuyard status {mode} {index}"
            );
            writeln!(out, "  {}", self.screen.style.paint(&more, Tone::Faint))?;
        }
        Ok(())
    }

    /// What there is to say of a queue: its command at work, or why its head waits, or its last error.
    fn now_of(&self, view: &RunView, queue: &Queue, task: Option<&Task>) -> Cell {
        match (queue.state, task) {
            (QueueState::Running, _) => queue.current_task.clone().unwrap_or_default().into(),
            (QueueState::Waiting, Some(task)) => Cell::new(self.note(view, queue, task), Tone::Warn),
            (QueueState::Failed | QueueState::Stopped, _) => {
                Cell::new(queue.last_error.clone().unwrap_or_default(), Tone::Bad)
            }
            _ => Cell::default(),
        }
    }

    fn tasks(&self, out: &mut dyn Write, view: &RunView) -> io::Result<()> {
        let lang = self.screen.lang;
        let mut table = Table::new([
            (Column::Right, lang.pick("QUEUE", "队列")),
            (Column::Right, "#"),
            (Column::Left, lang.pick("TASK", "任务")),
            (Column::Left, lang.pick("STATE", "状态")),
            (Column::Right, lang.pick("ASKS", "需求")),
            (Column::Left, "GPU"),
            (Column::Right, lang.pick("TRY", "尝试")),
            (Column::Right, lang.pick("TIME", "用时")),
            (Column::Shrink, lang.pick("NOTE", "说明")),
            (Column::Shrink, lang.pick("COMMAND", "命令")),
        ]);
        for (queue, task) in view.tasks() {
            let (state, tone) = words::task_state(task.state, lang);
            table.row([
                queue.id.to_string().into(),
                task.index.to_string().into(),
                task.task_id.to_string().into(),
                Cell::new(state, tone),
                asks(task).into(),
                format::indices(&task.gpus).into(),
                if task.attempt > 0 {
                    task.attempt.to_string()
                } else {
                    String::new()
                }
                .into(),
                self.length(task).into(),
                Cell::new(
                    self.note(view, queue, task),
                    if task.state == TaskState::Failed {
                        Tone::Bad
                    } else {
                        Tone::Plain
                    },
                ),
                Cell::new(task.commands.join(" && "), Tone::Faint),
            ]);
        }
        if table.is_empty() {
            return writeln!(
                out,
                "  {}",
                lang.pick("its command file has no tasks", "配置中没有任务")
            );
        }
        table.print(out, self.screen, 2)
    }

    /// How long its last attempt has taken.
    fn length(&self, task: &Task) -> String {
        let Some(start) = task.started_at else {
            return String::new();
        };
        let end = match (task.state, task.finished_at) {
            (TaskState::Running, _) => self.now.wall,
            (_, Some(end)) => end,
            (_, None) => return String::new(),
        };
        format::duration(format::seconds_between(start, end))
    }

    /// Why it waits, or how it ended.
    pub(crate) fn note(&self, view: &RunView, queue: &Queue, task: &Task) -> String {
        let lang = self.screen.lang;
        let mut parts = Vec::new();
        if task.removed {
            parts.push(lang.pick("no longer in the command file", "已不在配置中").to_owned());
        }
        if let Some(live) = &task.live {
            if live.stop_requested {
                parts.push(lang.pick("being stopped", "正在停止").to_owned());
            }
            if live.runner_lost {
                parts.push(
                    lang.pick(
                        "its runner was killed; watched to its end",
                        "运行器已被杀死；仍在跟踪到结束",
                    )
                    .to_owned(),
                );
            }
        }
        // What the last decision said of it is no longer so once nobody decides; the heading says that nobody does.
        if (view.running || view.elsewhere) && matches!(task.state, TaskState::Pending | TaskState::Retrying) {
            parts.push(waiting_text(queue, task, self.now, lang));
        }
        if task.state != TaskState::Running {
            match (&task.last_error, words::ending(task, lang)) {
                (Some(error), _) if !matches!(task.state, TaskState::Completed | TaskState::Skipped) => {
                    parts.push(error.clone())
                }
                (_, Some(ending)) if task.state != TaskState::Completed => parts.push(ending),
                _ => {}
            }
        }
        parts.join(lang.pick("; ", "；"))
    }

    /// A line of a heading, cut to the terminal.
    pub(crate) fn fit(&self, line: &str) -> String {
        let line = clean(line);
        self.screen
            .width
            .map_or_else(|| line.clone(), |width| cut(&line, width))
    }
}

/// The task that stands for its queue: the one at work, else the next one, else the last that failed.
fn shown_task(queue: &Queue) -> Option<&Task> {
    let with = |states: &[TaskState]| queue.processes.iter().find(|task| states.contains(&task.state));
    with(&[TaskState::Running])
        .or_else(|| with(&[TaskState::Retrying, TaskState::Pending]))
        .or_else(|| with(&[TaskState::Failed]))
}

/// What a task asks for: `20GiB`, `2×20GiB`.
pub(crate) fn asks(task: &Task) -> String {
    let memory = format::gib(task.memory_gb);
    if task.gpu_count == 1 {
        memory
    } else {
        format!("{}×{memory}", task.gpu_count)
    }
}

/// Why a task that has not ended does not run.
pub(crate) fn waiting_text(queue: &Queue, task: &Task, now: Now, lang: gpuyard_core::model::Lang) -> String {
    use gpuyard_core::model::Reason;
    match &task.reason {
        Some(shown) => match &shown.reason {
            Reason::BackingOff { until } | Reason::RetryDelay { until } => {
                let left = format::left_until(*until, now.wall, lang);
                say!(lang, "{text}, {left}", "{text}，{left}", text = shown.text)
            }
            _ => shown.text.clone(),
        },
        None => match queue.state {
            QueueState::Failed => lang
                .pick(
                    "will not run: a task before it failed (on_failure: stop)",
                    "不会运行：前面的任务已失败（on_failure: stop）",
                )
                .to_owned(),
            QueueState::Stopped => lang
                .pick("will not run: its queue was stopped", "不会运行：队列已停止")
                .to_owned(),
            _ => lang.pick("not decided yet", "尚未决定").to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::Lang;
    use unicode_width::UnicodeWidthStr;

    use super::*;
    use crate::client::runs::samples::{at, at_work};

    fn shown(lang: Lang, width: Option<usize>, show: impl Fn(&View<'_>, &mut Vec<u8>)) -> String {
        let view = View {
            screen: Screen {
                lang,
                width,
                ..Screen::plain()
            },
            now: at(67),
            zone: &TimeZone::UTC,
        };
        let mut out = Vec::new();
        show(&view, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_overview_is_a_line_a_queue() {
        let text = shown(Lang::En, None, |view, out| view.overview(out, &[at_work()]).unwrap());
        assert_eq!(text, OVERVIEW);
    }

    const OVERVIEW: &str = "\
single 0  running  1/6 done, 1 running, 4 waiting  pid 4321  started 14:00:00, 1m07s ago
  /root/command/command_gpu.txt  run-1
  QUEUE  STATE    DONE  GPU   TIME  NOW
      1  running   1/3  0    1m02s  2/3: python train.py --fold 1
      2  waiting   0/2              not enough free memory: the best GPU has 24 GiB to spare
      3  waiting   0/1              failed; tried again in a moment, 0.0s left; exit code 3
";

    #[test]
    fn the_detail_is_a_line_a_task_and_fits_the_terminal() {
        for lang in [Lang::En, Lang::Zh] {
            let text = shown(lang, Some(100), |view, out| view.detail(out, &at_work()).unwrap());
            assert_eq!(text.lines().count(), 2 + 1 + 6, "{text}");
            assert!(text.lines().all(|line| line.width() <= 100), "{text}");
        }
    }

    #[test]
    fn an_interrupted_run_says_how_to_go_on() {
        let view = RunView::new(at_work().run, false, false);
        let text = shown(Lang::En, None, |show, out| {
            show.overview(out, std::slice::from_ref(&view)).unwrap()
        });
        assert!(text.contains("gpuyard start single 0 --resume"), "{text}");
        assert!(!text.contains("pid"), "{text}");
    }

    #[test]
    fn thousands_of_queues_are_a_screenful() {
        let mut view = at_work();
        let queue = view.run.queues.values().next_back().unwrap().clone();
        for id in 4..5000 {
            let id = gpuyard_core::model::QueueId(id);
            view.run.queues.insert(id, Queue { id, ..queue.clone() });
        }
        let text = shown(Lang::En, None, |show, out| {
            show.overview(out, std::slice::from_ref(&view)).unwrap()
        });
        assert!(text.lines().count() < 30 && text.contains("4979 more queues"), "{text}");
    }
}
