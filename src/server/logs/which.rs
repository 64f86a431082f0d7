//! Which log a question means: a task's own, the one that is bound to it, a scheduler's, or one by its path.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuyard_core::{
    model::{AdhocId, Bytes, ConfigKey, Mode, QueueId, RunId, TaskId},
    queue::Task,
    wire::{LogExit, LogTask},
};
use gpuyard_exec::attempt;
use gpuyard_store::{
    adhoc,
    logs::{Allowed, Refused},
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{app::App, error::ApiError};

/// Names a log: `task`, or `mode` with the place of a task (or of none: the scheduler's own log), or `path`.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// A task's id; of an ad-hoc task its number.
    task: Option<String>,
    /// `single` or `multi`.
    mode: Option<Mode>,
    /// Index of the command file, from 0.
    #[serde(default)]
    config_index: u32,
    /// The queue. Without it, the scheduler's own log is meant.
    queue_id: Option<u64>,
    /// The task's place in its queue, from 0.
    #[serde(default)]
    process_index: u32,
    /// Another run than the newest.
    run_id: Option<String>,
    /// One attempt's own log, from 1; without it the log that is bound to the task, or its last attempt's where none is.
    attempt: Option<u32>,
    /// The log of the last attempt, although another one is bound.
    #[serde(default)]
    own: bool,
    /// A log by its path, absolute.
    #[serde(alias = "log_path")]
    path: Option<String>,
}

/// A log that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Where it is, or will be.
    pub(crate) path: PathBuf,
    /// Whose it is.
    pub(crate) task: Option<LogTask>,
    /// The folder of the attempt whose own log it is.
    folder: Option<PathBuf>,
    /// The most GPU memory that attempt was seen to use.
    peak: Option<Bytes>,
    /// How it goes on where it is an ad-hoc task's.
    pub(crate) course: Option<Course>,
}

/// Where an ad-hoc task stands with the attempt whose log was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    /// Which attempt.
    pub(crate) attempt: u32,
    /// It is over, or will never be.
    pub(crate) over: bool,
    /// What comes after it.
    pub(crate) next: Next,
}

/// What comes after an attempt, for who asked for no certain one.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    /// Nothing.
    End,
    /// Perhaps another attempt: changes in this folder tell.
    Perhaps(PathBuf),
    /// Another attempt.
    Attempt,
}

impl Asked {
    /// A name for a copy of it: what it is of, in letters that are safe in a header and on every system.
    pub(crate) fn file_name(&self) -> String {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let of = match &self.task {
            Some(LogTask {
                task_id,
                attempt: Some(attempt),
                ..
            }) => format!("{task_id}-{attempt}.log"),
            _ => name.into_owned(),
        };
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        of.chars().map(|c| if safe(c) { c } else { '_' }).collect()
    }

    /// The folder whose changes tell that its task has begun another attempt.
    pub(crate) fn told_in(&self) -> Option<&Path> {
        match &self.course.as_ref()?.next {
            Next::Perhaps(folder) => Some(folder),
            Next::End | Next::Attempt => None,
        }
    }

    /// How the attempt ended whose log it is; `None` while it has not.
    pub(crate) fn exit(&self) -> Option<LogExit> {
        let folder = self.folder.as_deref()?;
        match attempt::read_exit(folder) {
            Ok(record) => record.map(|record| LogExit::of(&record, self.peak.or_else(|| attempt::read_peak(folder)))),
            Err(error) => {
                tracing::debug!("{error}");
                None
            }
        }
    }
}

impl Which {
    /// An ad-hoc task, and perhaps one of its attempts.
    pub(crate) fn of_adhoc(id: AdhocId, attempt: Option<u32>) -> Which {
        Which {
            task: Some(id.to_string()),
            attempt,
            ..Which::default()
        }
    }

    /// By a path alone.
    pub(crate) fn by_path(path: String) -> Which {
        Which {
            path: Some(path),
            ..Which::default()
        }
    }

    /// Finds the file. Reads records, so not on the thread that serves.
    pub(crate) fn find(&self, app: &Arc<App>) -> Result<Asked, ApiError> {
        self.find_at(app, None)
    }

    /// The same for who follows an ad-hoc task and has come to this attempt.
    pub(crate) fn find_at(&self, app: &Arc<App>, come_to: Option<u32>) -> Result<Asked, ApiError> {
        let named = [self.path.is_some(), self.task.is_some(), self.mode.is_some()];
        if named.iter().filter(|named| **named).count() != 1 {
            return Err(ApiError::field(
                "query",
                "which",
                "name one log: by `task`, or by `mode` with `config_index`, `queue_id` and `process_index`, or by `path`",
                "请指定一个日志：`task`，或 `mode` 加 `config_index`、`queue_id`、`process_index`，或 `path`",
            ));
        }
        if let Some(path) = &self.path {
            let path = PathBuf::from(path);
            Allowed::check_path(&path).map_err(|refused| refusal(&refused))?;
            return Ok(Asked {
                folder: attempt_folder(app, &path),
                path,
                task: None,
                peak: None,
                course: None,
            });
        }
        if let Some(id) = self.adhoc() {
            return self.adhoc_log(app, id, come_to);
        }
        app.runs.refresh()?;
        if let Some(id) = &self.task {
            return self.of_task(app, &TaskId(id.clone()));
        }
        let key = ConfigKey {
            mode: self.mode.unwrap_or(Mode::Single),
            index: self.config_index,
        };
        let Some(queue) = self.queue_id.map(QueueId) else {
            return Ok(Asked {
                path: app.root.scheduler_log(&app.settings(), key),
                task: None,
                folder: None,
                peak: None,
                course: None,
            });
        };
        let run_id = self.run_id.clone().map(RunId).or_else(|| app.runs.newest_of(key));
        let place = self.process_index as usize;
        let task = match &run_id {
            Some(run_id) => app
                .runs
                .find_task(run_id, |machine| machine.run().queues.get(&queue)?.processes.get(place))?,
            None => None,
        };
        let found = run_id.zip(task);
        if let Some(bound) = self.bound(app, key, queue, self.process_index)? {
            return Ok(bound_log(bound, key, queue, found));
        }
        match found {
            Some((run_id, task)) => own_log(app, key, queue, run_id, &task, self.attempt),
            None if app.runs.newest_of(key).is_none() => {
                Err(ApiError::not_found("no_such_run", "it has not run yet", "尚未运行过"))
            }
            None => Err(no_such_task()),
        }
    }

    /// The ad-hoc task that is meant: a number is no task's id of a command file.
    fn adhoc(&self) -> Option<AdhocId> {
        let of_tasks = self.run_id.as_ref().is_none_or(|run| *run == adhoc::run_id().0);
        self.task.as_ref().filter(|_| of_tasks)?.parse().ok()
    }

    fn adhoc_log(&self, app: &App, id: AdhocId, come_to: Option<u32>) -> Result<Asked, ApiError> {
        let record = app.desk.tasks(app)?.get(id)?.ok_or_else(no_such_task)?;
        let row = &record.row;
        let begun = row.attempt;
        // Before the first one, the log that it will have.
        let attempt = self.attempt.or(come_to).unwrap_or(begun).max(1);
        if attempt > begun.max(1) {
            return Err(not_there());
        }
        let folder = app.root.task_folder(&adhoc::run_id(), &adhoc::task_id(id), attempt);
        let last = attempt >= begun;
        let next = match (self.attempt, row.status.is_over()) {
            (Some(_), _) => Next::End,
            (None, _) if !last => Next::Attempt,
            (None, true) => Next::End,
            (None, false) => Next::Perhaps(app.root.state_dir()),
        };
        let state = record.state.as_ref();
        Ok(Asked {
            path: folder.join(adhoc::LOG),
            folder: Some(folder),
            peak: state.filter(|_| last).and_then(|task| task.peak_memory),
            task: Some(LogTask {
                task_id: adhoc::task_id(id),
                run_id: adhoc::run_id(),
                mode: None,
                config_index: None,
                queue_id: None,
                process_index: None,
                attempt: Some(attempt),
                attempts: begun,
                started_at: row.started_at.filter(|_| last),
                bound: false,
            }),
            course: Some(Course {
                attempt,
                over: !last || row.status.is_over(),
                next,
            }),
        })
    }

    fn of_task(&self, app: &Arc<App>, id: &TaskId) -> Result<Asked, ApiError> {
        let (key, run_id) = match &self.run_id {
            Some(run_id) => {
                let run_id = RunId(run_id.clone());
                let key = app.runs.key_of(&run_id).ok_or_else(no_such_task)?;
                (key, run_id)
            }
            None => app.runs.run_of_task(id)?.ok_or_else(no_such_task)?,
        };
        let found = app.runs.with_machine(&run_id, |machine| {
            let task = machine.task(id)?.clone();
            Some((machine.queue_of(id)?, task))
        })?;
        let (queue, task) = found.flatten().ok_or_else(no_such_task)?;
        if let Some(bound) = self.bound(app, key, queue, task.index)? {
            return Ok(bound_log(bound, key, queue, Some((run_id, task))));
        }
        own_log(app, key, queue, run_id, &task, self.attempt)
    }

    /// The bound log, unless one of the attempts' own is meant.
    fn bound(&self, app: &App, key: ConfigKey, queue: QueueId, place: u32) -> Result<Option<PathBuf>, ApiError> {
        let newest = |run: &String| app.runs.newest_of(key).is_some_and(|newest| newest.as_str() == run);
        if self.own || self.attempt.is_some() || self.run_id.as_ref().is_some_and(|run| !newest(run)) {
            return Ok(None);
        }
        let bound = app.bindings.get(key, queue, place)?;
        Ok(bound.map(|binding| app.root.resolve(&binding.log_path)))
    }
}

fn bound_log(path: PathBuf, key: ConfigKey, queue: QueueId, found: Option<(RunId, Task)>) -> Asked {
    Asked {
        path,
        task: found.map(|(run_id, task)| LogTask {
            bound: true,
            attempt: None,
            ..log_task(key, queue, run_id, &task)
        }),
        folder: None,
        peak: None,
        course: None,
    }
}

/// The log of an attempt. Its name comes from the run's own records, never from the caller.
fn own_log(
    app: &App,
    key: ConfigKey,
    queue: QueueId,
    run_id: RunId,
    task: &Task,
    attempt: Option<u32>,
) -> Result<Asked, ApiError> {
    let last = app.root.resolve(task.log_path.as_deref().ok_or_else(not_there)?);
    let number = attempt.unwrap_or(task.attempt);
    let path = match attempt {
        None => last,
        // Attempts lie side by side, each in a folder that is its number.
        Some(number) => {
            let beside = last.parent().and_then(Path::parent).zip(last.file_name());
            beside
                .map(|(folder, name)| folder.join(number.to_string()).join(name))
                .ok_or_else(not_there)?
        }
    };
    if Allowed::check_path(&path).is_err() || !path.starts_with(app.root.tasks_dir()) {
        return Err(not_there());
    }
    Ok(Asked {
        folder: path.parent().map(Path::to_path_buf),
        peak: (number == task.attempt).then_some(task.peak_memory).flatten(),
        task: Some(LogTask {
            attempt: Some(number),
            started_at: (number == task.attempt).then_some(task.started_at).flatten(),
            ..log_task(key, queue, run_id, task)
        }),
        path,
        course: None,
    })
}

fn log_task(key: ConfigKey, queue_id: QueueId, run_id: RunId, task: &Task) -> LogTask {
    LogTask {
        task_id: task.task_id.clone(),
        run_id,
        mode: Some(key.mode),
        config_index: Some(key.index),
        queue_id: Some(queue_id),
        process_index: Some(task.index),
        attempt: None,
        attempts: task.attempt,
        started_at: task.started_at,
        bound: false,
    }
}

/// The attempt's folder, where a path is an attempt's own log.
fn attempt_folder(app: &App, path: &Path) -> Option<PathBuf> {
    let own = path.starts_with(app.root.tasks_dir()) && path.file_name().is_some_and(|name| name == "output.log");
    own.then(|| path.parent().map(Path::to_path_buf)).flatten()
}

fn no_such_task() -> ApiError {
    ApiError::not_found("no_such_task", "there is no such task", "没有这个任务")
}

/// A task's own log that is not there.
pub(crate) fn not_there() -> ApiError {
    ApiError::not_found(
        "no_log",
        "there is no such log: the task has not run yet",
        "没有这个日志：任务尚未运行",
    )
}

/// Why a log is not shown, as an answer.
pub(crate) fn refusal(refused: &Refused) -> ApiError {
    use axum::http::StatusCode;
    let en = refused.to_string();
    let of = |status, code, zh: String| ApiError::new(status, code, en.clone(), zh);
    match refused {
        Refused::Path(path) => ApiError::field(
            "path",
            "not_absolute",
            en.clone(),
            format!("日志路径须以 / 开头且不含 `..`：{}", path.display()),
        ),
        Refused::Absent(path) => of(StatusCode::NOT_FOUND, "no_log", format!("{} 尚不存在", path.display())),
        Refused::Link(path) => of(
            StatusCode::CONFLICT,
            "is_a_link",
            format!(
                "{} 是链接，或经由不属于您的链接；不会跟随链接，请直接指定文件",
                path.display()
            ),
        ),
        Refused::Kind { path, what } => {
            let what = match *what {
                "a folder" => "目录",
                "a named pipe" => "命名管道",
                "a socket" => "套接字",
                _ => "设备",
            };
            of(
                StatusCode::CONFLICT,
                "not_a_file",
                format!("{} 是{what}，日志须为普通文件", path.display()),
            )
        }
        Refused::Owner(path) => of(
            StatusCode::FORBIDDEN,
            "not_yours",
            format!(
                "{} 属于其他用户；可在设置 `log-roots` 中列出允许读取的目录",
                path.display()
            ),
        ),
        Refused::Never(path) => of(
            StatusCode::FORBIDDEN,
            "never_a_log",
            format!(
                "{} 不是日志：/etc、/proc、/sys、/dev 以及 gpuyard 自身的配置不予显示",
                path.display()
            ),
        ),
        Refused::Store(error) => ApiError::internal(error),
    }
}
