//! Ending GPU processes: only those, only the very ones that were named, and our own tasks through their schedulers.
use std::{collections::HashMap, io, time::Duration};

use gpuyard_core::{
    model::{Lang, UniId},
    wire::{
        KillAnswer, KillRequest, KillSignal, Killed, KilledCode, NotKilled, NotKilledCode, ProcessName, Role, TaskRef,
    },
};
use gpuyard_exec::{
    identity,
    kill::{Sent, Target, wait_for_exits},
};
use rustix::process::Signal;
use serde_json::{Value, json};

use super::listing::part;

/// A process that a GPU's driver lists.
pub(crate) struct Listed {
    pub(crate) role: Role,
    pub(crate) task: Option<TaskRef>,
    pub(crate) username: Option<String>,
    pub(crate) name: Option<String>,
}

/// What became of asking a scheduler to stop a task.
pub(crate) enum Asked {
    /// It does so, or has begun to.
    Told,
    /// It does not run: nobody else ends the task's processes.
    NoScheduler,
    /// It would not, or said nothing.
    Refused(String),
}

/// What the world around is asked.
pub(crate) struct Victims<'a> {
    /// The GPU process of this pid and start time.
    pub(crate) listed: &'a dyn Fn(i32, u64) -> Option<Listed>,
    /// Stops a task of this user.
    pub(crate) stop_task: &'a dyn Fn(&TaskRef) -> Asked,
    /// Tells start times of this boot from those of others.
    pub(crate) boot: &'a str,
    pub(crate) lang: Lang,
}

/// What became of one process, for the answer and for the audit log.
pub(crate) struct Outcome {
    pub(crate) result: Result<Killed, NotKilled>,
    pub(crate) username: Option<String>,
    pub(crate) name: Option<String>,
}

impl Outcome {
    /// Which process it is about.
    pub(crate) fn process(&self) -> ProcessName {
        let (pid, start_time) = match &self.result {
            Ok(killed) => (killed.pid, &killed.start_time),
            Err(not) => (not.pid, &not.start_time),
        };
        ProcessName {
            pid,
            start_time: start_time.clone(),
        }
    }

    /// For the audit log. Command lines stay out of it: passwords stand in them.
    pub(crate) fn line(&self, signal: KillSignal) -> Value {
        let ProcessName { pid, start_time } = self.process();
        let (code, task) = match &self.result {
            Ok(killed) => (json!(killed.code), killed.task.as_ref().map(|task| &task.task_id)),
            Err(not) => (json!(not.code), None),
        };
        json!({
            "what": "end a GPU process",
            "pid": pid,
            "start_time": start_time,
            "user": self.username,
            "name": self.name,
            "signal": signal,
            "task": task,
            "code": code,
        })
    }
}

/// How far one process has come.
enum Step {
    /// Nothing more is done about it.
    Over(NotKilledCode, String),
    /// It was signalled; the task is its own, whose scheduler does not run.
    Told(Target, Option<TaskRef>),
    /// Its task's scheduler was told.
    Stopping(Target, TaskRef),
}

/// The parts of a start time as the API writes it: boot and clock ticks; `None` for what is none of ours.
pub(crate) fn parse_start_time(text: &str) -> Option<(&str, u64)> {
    let (boot, ticks) = text.rsplit_once('-')?;
    let is_boot = boot.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_number = ticks.bytes().all(|byte| byte.is_ascii_digit());
    Some((boot, ticks.parse().ok().filter(|_| is_boot && is_number)?))
}

impl Victims<'_> {
    /// Ends the processes, or says why not, one outcome each.
    pub(crate) fn end(&self, request: &KillRequest) -> Vec<Outcome> {
        let mut stopped = HashMap::new();
        let mut steps: Vec<(&ProcessName, Option<Listed>, Step)> = Vec::new();
        for name in &request.processes {
            if steps.iter().any(|(known, ..)| *known == name) {
                continue;
            }
            let (listed, step) = self.begin(name, request.signal, &mut stopped);
            steps.push((name, listed, step));
        }
        let waited: Vec<&Target> = steps
            .iter()
            .filter_map(|(_, _, step)| match step {
                Step::Told(target, _) | Step::Stopping(target, _) => Some(target),
                Step::Over(..) => None,
            })
            .collect();
        let patience = Duration::from_secs_f64(request.wait.clamp(0.0, KillRequest::LONGEST_WAIT));
        if let Err(error) = wait_for_exits(&waited, Some(patience)) {
            tracing::warn!(%error, "cannot wait for processes to end");
        }
        let finish = |(name, listed, step): (&ProcessName, Option<Listed>, Step)| {
            let (username, process) = listed.map_or((None, None), |listed| (listed.username, listed.name));
            Outcome {
                result: self.finish(name, step, request),
                username,
                name: process,
            }
        };
        steps.into_iter().map(finish).collect()
    }

    /// The answer that outcomes make.
    pub(crate) fn answer(&self, outcomes: impl IntoIterator<Item = Outcome>) -> KillAnswer {
        let (mut killed, mut failed) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome.result {
                Ok(ended) => killed.push(ended),
                Err(not) => failed.push(not),
            }
        }
        let (good, bad) = (killed.len(), failed.len());
        let message = match (good, bad) {
            (_, 0) => self.say(format!("{good} ended"), format!("已结束 {good} 个进程")),
            (0, _) => self.say(format!("none of {bad} was ended"), format!("{bad} 个进程均未结束")),
            _ => self.say(
                format!("{good} ended, {bad} were not"),
                format!("已结束 {good} 个，{bad} 个未结束"),
            ),
        };
        KillAnswer {
            success: failed.is_empty(),
            message,
            killed,
            failed,
        }
    }

    fn say(&self, en: String, zh: String) -> String {
        if self.lang == Lang::Zh { zh } else { en }
    }

    fn begin(
        &self,
        name: &ProcessName,
        signal: KillSignal,
        stopped: &mut HashMap<UniId, Asked>,
    ) -> (Option<Listed>, Step) {
        let pid = name.pid;
        let over = |code, en: &str, zh: &str| Step::Over(code, self.lang.pick(en, zh).to_owned());
        if pid <= 1 {
            let step = over(
                NotKilledCode::NeverThis,
                "this is no process that may be ended",
                "此进程不可结束",
            );
            return (None, step);
        }
        let ticks = parse_start_time(&name.start_time).filter(|(boot, _)| *boot == self.boot);
        let opened = ticks.map(|(_, ticks)| Target::open(pid, ticks));
        let target = match opened {
            Some(Ok(Some(target))) => target,
            Some(Err(error)) => return (None, self.failed(&error)),
            Some(Ok(None)) | None => {
                let step = match identity::start_ticks(pid) {
                    None => over(NotKilledCode::Gone, "it has ended already", "该进程已经结束"),
                    Some(_) => over(
                        NotKilledCode::Reused,
                        "it has ended already; another process has its pid now, which was not touched",
                        "该进程已经结束；此 pid 现属于另一个进程，未对其操作",
                    ),
                };
                return (None, step);
            }
        };
        if target.has_exited() {
            let step = over(NotKilledCode::Gone, "it has ended already", "该进程已经结束");
            return (None, step);
        }
        // Looked at while the descriptor is held: what is told is about the process that is signalled.
        let Some(listed) = (self.listed)(pid, target.start_ticks()) else {
            let step = match identity::part_of_gpuyard(pid) {
                Some(role) => self.protected(role),
                None => over(
                    NotKilledCode::NotAGpuProcess,
                    "it uses no GPU; only processes on a GPU are ended here",
                    "该进程没有使用显卡；此处只结束显卡上的进程",
                ),
            };
            return (None, step);
        };
        let step = self.tell(target, &listed, signal, stopped);
        (Some(listed), step)
    }

    fn tell(&self, target: Target, listed: &Listed, signal: KillSignal, stopped: &mut HashMap<UniId, Asked>) -> Step {
        // Asked once more: an exec makes another program of a process.
        let role = identity::part_of_gpuyard(target.pid()).unwrap_or(listed.role);
        if part(role).is_some() || target.pid() == std::process::id() as i32 {
            return self.protected(role);
        }
        if let Some(task) = &listed.task {
            if let Some(owner) = &task.owner {
                let text = self.say(
                    format!(
                        "it belongs to task {} of {owner}'s gpuyard, which alone can stop it",
                        task.task_id
                    ),
                    format!(
                        "它属于 {owner} 的 gpuyard 的任务 {}，只能由该 gpuyard 停止",
                        task.task_id
                    ),
                );
                return Step::Over(NotKilledCode::OthersTask, text);
            }
            // Several processes of a task stop it once.
            let asked = stopped
                .entry(task.uni_id.clone())
                .or_insert_with(|| (self.stop_task)(task));
            match asked {
                Asked::Told => return Step::Stopping(target, task.clone()),
                Asked::Refused(why) => {
                    let text = self.say(
                        format!("the scheduler of its task {} did not stop it: {why}", task.task_id),
                        format!("其任务 {} 的调度器未能停止它：{why}", task.task_id),
                    );
                    return Step::Over(NotKilledCode::TaskRefused, text);
                }
                // Detached, or dead: a signal is all there is.
                Asked::NoScheduler => {}
            }
        }
        let sent = match signal {
            KillSignal::Term => target.ask_to_end(),
            KillSignal::Kill => target.send(Signal::KILL),
        };
        match sent {
            // Gone at this moment: it has ended as it was to.
            Ok(Sent::Delivered | Sent::Gone) => Step::Told(target, listed.task.clone()),
            Ok(Sent::NotPermitted) => {
                let me = identity::owner().name;
                let whose = listed.username.clone();
                let (en, zh) = match whose {
                    Some(user) => (format!("it belongs to {user}"), format!("它属于 {user}")),
                    None => ("it belongs to another user".to_owned(), "它属于其他用户".to_owned()),
                };
                let text = self.say(
                    format!(
                        "not permitted: {en}, and gpuyard runs as {me}; its owner or root can end it (`kill {}`)",
                        target.pid()
                    ),
                    format!(
                        "没有权限：{zh}，而 gpuyard 以 {me} 的身份运行；其所有者或 root 可以结束它（`kill {}`）",
                        target.pid()
                    ),
                );
                Step::Over(NotKilledCode::NotPermitted, text)
            }
            Err(error) => self.failed(&error),
        }
    }

    fn protected(&self, role: Role) -> Step {
        let (code, hint) = match role {
            Role::Scheduler => (
                NotKilledCode::Scheduler,
                ("; stop it on the Status page", "；请在“运行状态”页停止"),
            ),
            Role::Runner => (NotKilledCode::Runner, ("; stop its task instead", "；请停止它的任务")),
            _ => (NotKilledCode::Daemon, ("", "")),
        };
        let (en, zh) = part(role).unwrap_or(("a part", "组成部分"));
        let text = self.say(
            format!("it is {en} of gpuyard and is never ended here{}", hint.0),
            format!("这是 gpuyard 的{zh}，不会在此结束{}", hint.1),
        );
        Step::Over(code, text)
    }

    fn failed(&self, error: &io::Error) -> Step {
        let text = self.say(format!("it did not work: {error}"), format!("操作失败：{error}"));
        Step::Over(NotKilledCode::Failed, text)
    }

    fn finish(&self, name: &ProcessName, step: Step, request: &KillRequest) -> Result<Killed, NotKilled> {
        let ended = |code, message: String, task: Option<TaskRef>| Killed {
            pid: name.pid,
            start_time: name.start_time.clone(),
            code,
            message,
            task,
        };
        let not = |code, message: String| NotKilled {
            pid: name.pid,
            start_time: name.start_time.clone(),
            code,
            message,
        };
        match step {
            Step::Over(code, message) => Err(not(code, message)),
            Step::Told(target, task) if target.has_exited() => {
                let text = match &task {
                    None => self.say("it has ended".into(), "已结束".into()),
                    Some(task) => self.say(
                        format!(
                            "it has ended; the scheduler of its task {} does not run, and will count this as a failure when it goes on",
                            task.task_id
                        ),
                        format!("已结束；其任务 {} 的调度器没有在运行，恢复运行后会视为一次失败", task.task_id),
                    ),
                };
                Ok(ended(KilledCode::Ended, text, task))
            }
            Step::Told(..) => {
                let seconds = request.wait;
                let (en, zh) = match request.signal {
                    KillSignal::Term => (
                        format!(
                            "it was told to end and is still there after {seconds} s: it may be saving its work, or ignore TERM; KILL ends it"
                        ),
                        format!(
                            "已通知其结束，{seconds} 秒后仍在运行：可能正在保存结果，或忽略了 TERM；可用 KILL 强制结束"
                        ),
                    ),
                    KillSignal::Kill => (
                        format!(
                            "it was killed and is still there after {seconds} s: it hangs in the kernel, in a driver for example, and ends when that returns"
                        ),
                        format!("已强制结束，{seconds} 秒后仍在：它卡在内核中（例如驱动），待内核返回后才会消失"),
                    ),
                };
                Err(not(NotKilledCode::StillThere, self.say(en, zh)))
            }
            Step::Stopping(target, task) => {
                let id = &task.task_id;
                let (code, en, zh) = if target.has_exited() {
                    (
                        KilledCode::TaskStopped,
                        format!("its task {id} was stopped by its scheduler"),
                        format!("已由调度器停止其任务 {id}"),
                    )
                } else {
                    (
                        KilledCode::TaskStopping,
                        format!("its task {id} is being stopped by its scheduler, which kills it after its grace"),
                        format!("调度器正在停止其任务 {id}，宽限期过后将强制结束"),
                    )
                };
                Ok(ended(code, self.say(en, zh), Some(task)))
            }
        }
    }
}
