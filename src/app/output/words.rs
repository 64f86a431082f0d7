//! States in words, and the tone each is shown in.
use gpuyard_core::{
    model::{Health, Lang},
    queue::{QueueState, RunState, Task, TaskState},
};

use super::style::Tone;

/// Where a run stands.
pub(crate) fn run_state(state: RunState, lang: Lang) -> (&'static str, Tone) {
    match state {
        RunState::Starting => (lang.pick("starting", "启动中"), Tone::Warn),
        RunState::Running => (lang.pick("running", "运行中"), Tone::Good),
        RunState::Draining => (lang.pick("draining", "收尾中"), Tone::Warn),
        RunState::Stopping => (lang.pick("stopping", "停止中"), Tone::Warn),
        RunState::Completed => (lang.pick("completed", "已完成"), Tone::Done),
        RunState::Failed => (lang.pick("failed", "失败"), Tone::Bad),
        RunState::Stopped => (lang.pick("stopped", "已停止"), Tone::Faint),
        RunState::Interrupted => (lang.pick("interrupted", "已中断"), Tone::Bad),
    }
}

/// Where a queue stands.
pub(crate) fn queue_state(state: QueueState, lang: Lang) -> (&'static str, Tone) {
    match state {
        QueueState::Waiting => (lang.pick("waiting", "等待中"), Tone::Warn),
        QueueState::Running => (lang.pick("running", "运行中"), Tone::Good),
        QueueState::Completed => (lang.pick("completed", "已完成"), Tone::Done),
        QueueState::Failed => (lang.pick("failed", "失败"), Tone::Bad),
        QueueState::Stopped => (lang.pick("stopped", "已停止"), Tone::Faint),
    }
}

/// Where a task stands.
pub(crate) fn task_state(state: TaskState, lang: Lang) -> (&'static str, Tone) {
    match state {
        TaskState::Pending => (lang.pick("pending", "等待中"), Tone::Plain),
        TaskState::Running => (lang.pick("running", "运行中"), Tone::Good),
        TaskState::Retrying => (lang.pick("retrying", "待重试"), Tone::Warn),
        TaskState::Completed => (lang.pick("completed", "已完成"), Tone::Done),
        TaskState::Failed => (lang.pick("failed", "失败"), Tone::Bad),
        TaskState::Stopped => (lang.pick("stopped", "已停止"), Tone::Faint),
        TaskState::Skipped => (lang.pick("skipped", "已跳过"), Tone::Faint),
    }
}

/// What is wrong with a GPU; `None` where nothing is.
pub(crate) fn health(health: &Health, lang: Lang) -> Option<String> {
    match health {
        Health::Ok => None,
        Health::Lost { message } => Some(say!(lang, "lost: {message}", "已丢失：{message}")),
        Health::Unreadable { message } => Some(say!(lang, "cannot be read: {message}", "无法读取：{message}")),
    }
}

/// How a task's last attempt ended, shortly: `exit 3`, `signal 9`.
pub(crate) fn ending(task: &Task, lang: Lang) -> Option<String> {
    match (task.exit_code, task.signal) {
        (_, Some(signal)) => Some(say!(lang, "signal {signal}", "信号 {signal}")),
        (Some(0), None) | (None, None) => None,
        (Some(code), None) => Some(say!(lang, "exit {code}", "退出码 {code}")),
    }
}
