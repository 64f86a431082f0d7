//! What `why` says: for each waiting task what it waits for, equal answers in one line.
use std::io::{self, Write};

use gpuyard_core::{
    model::{Lang, Mode, Now, Reason, RunId},
    queue::{Queue, RunState, ShownReason, Task, TaskState},
};
use serde::Serialize;

use super::{
    runs::RunView,
    status_view::{View, asks, waiting_text},
};
use crate::output::{format, style::Tone, words};

/// Tasks named in a line before the rest becomes a count.
const NAMED: usize = 4;

/// Tasks of one run that wait for the same.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Group {
    /// Single or multi.
    pub(crate) mode: Mode,
    /// From 0.
    pub(crate) config_index: u32,
    /// The run.
    pub(crate) run_id: RunId,
    /// Its scheduler lives.
    pub(crate) running: bool,
    /// Code, figures, words; `None` where nothing has been decided, or nothing will be.
    pub(crate) reason: Option<ShownReason>,
    /// In words.
    pub(crate) text: String,
    /// How many tasks.
    pub(crate) count: usize,
    /// Their ids.
    pub(crate) tasks: Vec<String>,
    /// The first of them, in words.
    #[serde(skip)]
    named: Vec<String>,
}

/// Groups the tasks that wait, in the order in which they would run.
pub(crate) fn groups(view: &RunView, now: Now, lang: Lang, wanted: impl Fn(&Queue, &Task) -> bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    // What each group is told apart by, beside `groups`; few, so a search through them is quick.
    let mut keys: Vec<(Option<Reason>, String)> = Vec::new();
    for (queue, task) in view.tasks() {
        if !matches!(task.state, TaskState::Pending | TaskState::Retrying) || !wanted(queue, task) {
            continue;
        }
        let abandoned = !view.running && !view.elsewhere;
        let reason = task.reason.as_ref().filter(|_| !abandoned);
        let text = match reason {
            _ if abandoned => no_scheduler(view, lang),
            // Each has its own moment: the text says the kind, the name below says the moment.
            Some(shown) => shown.text.clone(),
            None => waiting_text(queue, task, now, lang),
        };
        let key = (reason.map(|shown| without_moment(&shown.reason)), text.clone());
        let at = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            keys.push(key);
            groups.push(Group {
                mode: view.run.mode,
                config_index: view.run.config_index,
                run_id: view.run.run_id.clone(),
                running: view.running,
                reason: reason.cloned(),
                text,
                count: 0,
                tasks: Vec::new(),
                named: Vec::new(),
            });
            groups.len() - 1
        });
        let group = &mut groups[at];
        group.count += 1;
        group.tasks.push(task.task_id.to_string());
        if group.named.len() < NAMED {
            group.named.push(name(queue, task, now, lang));
        }
    }
    groups
}

/// Nothing waits for a GPU where nobody would hand it out.
fn no_scheduler(view: &RunView, lang: Lang) -> String {
    let key = view.key();
    let state = words::run_state(view.run.state, lang).0;
    let resume = if view.run.state == RunState::Completed {
        ""
    } else {
        " --resume"
    };
    say!(
        lang,
        "no scheduler runs ({state}); start one with: gpuyard start {mode} {index}{resume}",
        "没有调度器在运行（{state}）；启动：gpuyard start {mode} {index}{resume}",
        mode = key.mode,
        index = key.index
    )
}

/// A reason without the moment that differs from task to task.
fn without_moment(reason: &Reason) -> Reason {
    let until = jiff::Timestamp::UNIX_EPOCH;
    match reason {
        Reason::BackingOff { .. } => Reason::BackingOff { until },
        Reason::RetryDelay { .. } => Reason::RetryDelay { until },
        other => other.clone(),
    }
}

/// `queue 2 #0 (20 GiB)`, with what is left of a wait.
fn name(queue: &Queue, task: &Task, now: Now, lang: Lang) -> String {
    let what = asks(task);
    let name = say!(
        lang,
        "queue {id} #{index} ({what}",
        "队列 {id} #{index}（{what}",
        id = queue.id,
        index = task.index
    );
    let left = match task.reason.as_ref().map(|shown| &shown.reason) {
        Some(Reason::BackingOff { until } | Reason::RetryDelay { until }) => {
            format!(
                "{}{}",
                lang.pick(", ", "，"),
                format::left_until(*until, now.wall, lang)
            )
        }
        _ => String::new(),
    };
    format!("{name}{left}{}", lang.pick(")", "）"))
}

impl View<'_> {
    /// The groups of one run, under its name.
    pub(crate) fn why(&self, out: &mut dyn Write, view: &RunView, groups: &[Group]) -> io::Result<()> {
        let (lang, style) = (self.screen.lang, self.screen.style);
        let (state, tone) = words::run_state(view.run.state, lang);
        let name = format!("{} {}", view.run.mode, view.run.config_index);
        writeln!(
            out,
            "{}  {}",
            style.paint(&name, Tone::Strong),
            style.paint(state, tone)
        )?;
        if let Some(error) = &view.run.last_error {
            writeln!(out, "  {}", style.paint(&self.fit(error), Tone::Bad))?;
        }
        if groups.is_empty() {
            return writeln!(out, "  {}", lang.pick("no task waits", "没有等待中的任务"));
        }
        for group in groups {
            let count = group.count;
            let plural = if count == 1 { "" } else { "s" };
            let text = say!(
                lang,
                "{count} task{plural}: {text}",
                "{count} 个任务：{text}",
                text = group.text
            );
            writeln!(out, "  {}", style.paint(&text, Tone::Warn))?;
            let mut names = group.named.join(lang.pick(", ", "、"));
            if count > group.named.len() {
                let more = count - group.named.len();
                names.push_str(&say!(lang, " and {more} more", " 及另外 {more} 个"));
            }
            writeln!(out, "    {}", style.paint(&names, Tone::Faint))?;
        }
        Ok(())
    }

    /// One task: where it stands and why, whatever its state.
    pub(crate) fn why_task(&self, out: &mut dyn Write, view: &RunView, queue: &Queue, task: &Task) -> io::Result<()> {
        let (lang, style) = (self.screen.lang, self.screen.style);
        let (state, tone) = words::task_state(task.state, lang);
        let name = say!(
            lang,
            "{mode} {config} queue {queue} #{index} ({id})",
            "{mode} {config} 队列 {queue} #{index}（{id}）",
            mode = view.run.mode,
            config = view.run.config_index,
            queue = queue.id,
            index = task.index,
            id = task.task_id
        );
        writeln!(
            out,
            "{}  {}  {}",
            style.paint(&name, Tone::Strong),
            style.paint(state, tone),
            asks(task)
        )?;
        let waits = matches!(task.state, TaskState::Pending | TaskState::Retrying);
        let note = if waits && !view.running && !view.elsewhere {
            no_scheduler(view, lang)
        } else {
            self.note(view, queue, task)
        };
        if task.state == TaskState::Running {
            let gpus = format::indices(&task.gpus);
            writeln!(
                out,
                "  {}",
                say!(
                    lang,
                    "it runs on GPU {gpus}, attempt {n}",
                    "正在 GPU {gpus} 上运行，第 {n} 次尝试",
                    n = task.attempt
                )
            )?;
        }
        if !note.is_empty() {
            writeln!(
                out,
                "  {}",
                style.paint(&note, if waits { Tone::Warn } else { Tone::Plain })
            )?;
        }
        if let Some(path) = &task.log_path {
            writeln!(out, "  {}", style.paint(path, Tone::Faint))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::ConfigKey;
    use jiff::tz::TimeZone;

    use super::*;
    use crate::{
        client::runs::samples::{at, at_work, machine},
        output::Screen,
    };

    fn shown(view: &RunView) -> String {
        let show = View {
            screen: Screen::plain(),
            now: at(8),
            zone: &TimeZone::UTC,
        };
        let mut out = Vec::new();
        show.why(&mut out, view, &groups(view, at(8), Lang::En, |_, _| true))
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_reason_is_a_line_with_those_who_wait_for_it() {
        assert_eq!(shown(&at_work()), WHY);
    }

    const WHY: &str = "\
single 0  running
  2 tasks: waits for the task before it in its queue
    queue 1 #2 (20 GiB), queue 2 #1 (1 GiB)
  1 task: not enough free memory: the best GPU has 24 GiB to spare
    queue 2 #0 (40 GiB)
  1 task: failed; tried again in a moment
    queue 3 #0 (2 GiB, 0.0s left)
";

    #[test]
    fn ten_thousand_equal_answers_are_one_line() {
        let many = vec![1.0; 10_001];
        let machine = machine(
            ConfigKey {
                mode: Mode::Single,
                index: 0,
            },
            &[(1, &many)],
        );
        let view = RunView::new(machine.shown(Lang::En, at(0)), true, false);
        let found = groups(&view, at(1), Lang::En, |_, _| true);
        assert_eq!(found.iter().map(|group| group.count).collect::<Vec<_>>(), [1, 10_000]);
        assert_eq!(found[1].tasks.len(), 10_000);
        assert!(shown(&view).contains("and 9996 more"));
    }

    #[test]
    fn without_a_scheduler_that_is_the_reason() {
        let view = RunView::new(at_work().run, false, false);
        let text = shown(&view);
        assert!(
            text.contains("4 tasks: no scheduler runs (interrupted); start one with: gpuyard start single 0 --resume"),
            "{text}"
        );
    }

    #[test]
    fn one_task_is_explained_whatever_its_state() {
        let view = at_work();
        let show = View {
            screen: Screen::plain(),
            now: at(8),
            zone: &TimeZone::UTC,
        };
        let lines = |id: &str| {
            let (queue, task) = view.tasks().find(|(_, task)| task.task_id.as_str() == id).unwrap();
            let mut out = Vec::new();
            show.why_task(&mut out, &view, queue, task).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            lines("t-2"),
            "single 0 queue 1 #1 (t-2)  running  20 GiB\n  it runs on GPU 0, attempt 1\n  logs/tasks/t-2/output.log\n"
        );
        assert!(lines("t-4").contains("not enough free memory"));
    }
}
