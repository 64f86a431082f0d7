//! `/api/scheduler/*`: starting, stopping and looking at schedulers and their runs.
use std::{io, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use gpuyard_core::{
    model::{Charge, ConfigKey, Lang, Mode, RunId, TaskId},
    queue::Run,
    wire::{
        ControlRequest, ControlResponse, RunDeleted, RunningSchedulers, Runs, SchedulerState, SchedulerStates,
        StartAnswer, StartRequest, StopAnswer, StopRequest, TaskAnswer, TaskRequest, already_running,
    },
};
use gpuyard_exec::{control, identity, kill::ends_within, place::Holder};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::{Ask, Body, Config},
    held, limits,
    reorder::reorder,
    runs::{self, Newest},
    supervise::{How, Launched, News, NotUp, launch},
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(stop))
        .routes(routes!(stop_pid))
        .routes(routes!(state))
        .routes(routes!(states))
        .routes(routes!(running))
        .routes(routes!(runs))
        .routes(routes!(run, delete_run))
        .routes(routes!(task))
}

/// Starts a scheduler; answers once its first state is on disk.
#[utoipa::path(
    post, path = "/api/scheduler/{mode}/start", params(Config), request_body = Option<StartRequest>,
    responses(
        (status = 200, body = StartAnswer),
        (status = 409, description = "It runs already."),
    ),
)]
async fn start(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
    Body(StartRequest { resume }): Body<StartRequest>,
) -> Result<Json<StartAnswer>, ApiError> {
    let begin = move |app: &Arc<App>| {
        if let Some(holder) = app.holder(key)?.filter(Holder::stays) {
            return Err(runs_already(app, key, &holder)?);
        }
        if !app.command_path(key).exists() {
            return Err(no_such_file(key));
        }
        let Launched { child, outcome } = launch(app, key, if resume { How::Resume } else { How::Fresh });
        let pid = child.as_ref().map_or(0, |child| child.identity().pid);
        if let Some(child) = child {
            // The supervisor ends with the daemon, which then needs no telling.
            let _ = app.news.send(News::Started(key, child));
        }
        let run_id = outcome.map_err(not_up)?;
        // Who asks next sees it, however soon.
        app.runs.refresh()?;
        let ConfigKey { mode, index } = key;
        Ok(Json(StartAnswer {
            success: true,
            message: match lang {
                Lang::En => format!("{mode} {index} runs"),
                Lang::Zh => format!("{mode} {index} 已启动"),
            },
            pid,
            log_file: app.root.scheduler_log(&app.settings(), key).display().to_string(),
            config_file: app.command_path(key).display().to_string(),
            run_id,
        }))
    };
    app.blocking(begin).await
}

fn runs_already(app: &App, key: ConfigKey, holder: &Holder) -> Result<ApiError, ApiError> {
    let Holder { process, .. } = holder;
    app.runs.refresh()?;
    // Of an older run whose place another scheduler has taken this says nothing.
    let its = |newest: &Newest| newest.scheduler.as_ref() == Some(process);
    let state = app.runs.newest_at(key).filter(its).map(|newest| newest.state);
    let name = Charge::from(key).words().join(" ");
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| already_running(&name, process.pid, state, lang));
    Ok(ApiError::conflict("already_running", en, zh))
}

fn no_such_file(ConfigKey { mode, index }: ConfigKey) -> ApiError {
    ApiError::not_found(
        "no_such_config",
        format!("there is no command file {mode} {index}"),
        format!("没有配置 {mode} {index}"),
    )
}

fn not_up(error: NotUp) -> ApiError {
    match error {
        NotUp::Refused { error, code } if matches!(code.as_str(), "already_running" | "held") => {
            ApiError::conflict("already_running", error.clone(), error)
        }
        NotUp::Refused { error, code } if code == "unusable" => ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "unusable",
            error.clone(),
            format!("无法启动：{error}"),
        ),
        other => ApiError::internal(other),
    }
}

/// Tells the scheduler of a command file to end.
#[utoipa::path(
    post, path = "/api/scheduler/{mode}/stop", params(Config), request_body = Option<StopRequest>,
    responses(
        (status = 200, body = StopAnswer),
        (status = 409, description = "It does not run, or refuses."),
    ),
)]
async fn stop(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Config(key): Config,
    Body(request): Body<StopRequest>,
) -> Result<Json<StopAnswer>, ApiError> {
    app.blocking(move |app| tell_to_stop(app, key.into(), None, request, lang))
        .await
}

/// Tells a scheduler to end, by its pid. Only what holds a place of this root is told anything.
#[utoipa::path(
    post, path = "/api/scheduler/stop/{pid}", params(("pid" = i32, Path, description = "The scheduler's pid.")),
    request_body = Option<StopRequest>,
    responses(
        (status = 200, body = StopAnswer),
        (status = 404, description = "The process is not a scheduler of this root."),
        (status = 409, description = "It refuses."),
    ),
)]
async fn stop_pid(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(pid): Path<String>,
    Body(request): Body<StopRequest>,
) -> Result<Json<StopAnswer>, ApiError> {
    let find = move |app: &Arc<App>| {
        app.runs.refresh()?;
        let wanted: Option<i32> = pid.parse().ok();
        let files = keys(app)?.into_iter().map(Charge::File);
        for charge in files.chain([Charge::Tasks]) {
            if let Some(holder) = app.holder(charge)?.filter(|holder| Some(holder.process.pid) == wanted) {
                return tell_to_stop(app, charge, Some(holder), request, lang);
            }
        }
        let shown: String = pid.chars().filter(|c| !c.is_control()).take(20).collect();
        Err(ApiError::not_found(
            "not_a_scheduler",
            format!("process {shown} is not a scheduler of this root"),
            format!("进程 {shown} 不是此目录的调度器"),
        ))
    };
    app.blocking(find).await
}

fn tell_to_stop(
    app: &App,
    charge: Charge,
    holder: Option<Holder>,
    request: StopRequest,
    lang: Lang,
) -> Result<Json<StopAnswer>, ApiError> {
    let kind = request.kind().ok_or_else(|| {
        ApiError::field(
            "drain",
            "range",
            "either drain or detach, not both",
            "drain 与 detach 只能选一个",
        )
    })?;
    let holder = match holder {
        Some(holder) => holder,
        None => app.holder(charge)?.ok_or_else(|| not_running(charge))?,
    };
    call(app, charge, &ControlRequest::Stop { kind }, &holder)?;
    let name = charge.words().join(" ");
    let message = match lang {
        Lang::En => format!("{name} has been told"),
        Lang::Zh => format!("已通知 {name}"),
    };
    Ok(Json(StopAnswer {
        success: true,
        message,
        pid: holder.process.pid,
    }))
}

fn not_running(charge: Charge) -> ApiError {
    let name = charge.words().join(" ");
    ApiError::conflict(
        "not_running",
        format!("the scheduler {name} is not running"),
        format!("调度器 {name} 没有在运行"),
    )
}

/// Asks a scheduler something; what it answers with anything but "done" is an error.
fn call(app: &App, charge: Charge, request: &ControlRequest, holder: &Holder) -> Result<(), ApiError> {
    let socket = app.host.socket_path(app.root.path(), &charge.to_string())?;
    match control::call(&socket, request, limits::CONTROL_TIME) {
        Ok(ControlResponse::Done) => Ok(()),
        Ok(ControlResponse::NotFound) => Err(no_such_task()),
        Ok(ControlResponse::Conflict { message } | ControlResponse::Invalid { message }) => {
            let zh = format!("调度器拒绝了请求：{message}");
            Err(ApiError::conflict("refused", message, zh))
        }
        // It was ending already, or so quick to end that it gave no answer.
        Err(error)
            if is_hang_up(&error) && ends_within(&holder.process, Some(limits::CONTROL_TIME)).unwrap_or(false) =>
        {
            match request {
                ControlRequest::Stop { .. } => Ok(()),
                _ => Err(not_running(charge)),
            }
        }
        // It ended between our look and our call.
        Err(_) if !identity::is_alive(&holder.process) => Err(not_running(charge)),
        Err(error) => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "silent",
            format!("the scheduler (pid {}) does not answer: {error}", holder.process.pid),
            format!("调度器（pid {}）没有应答：{error}", holder.process.pid),
        )),
    }
}

/// Whether the other end closed instead of answering, or was closed before.
fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotFound
    )
}

/// Whether a command file's scheduler runs.
#[utoipa::path(
    get, path = "/api/scheduler/{mode}/state", params(Config), responses((status = 200, body = SchedulerState)),
)]
async fn state(State(app): State<Arc<App>>, Config(key): Config) -> Result<Json<SchedulerState>, ApiError> {
    app.blocking(move |app| state_of(app, key)).await.map(Json)
}

fn state_of(app: &App, key: ConfigKey) -> Result<SchedulerState, ApiError> {
    let pid = app.holder(key)?.map(|holder| holder.process.pid);
    Ok(SchedulerState {
        running: pid.is_some(),
        pid,
    })
}

/// Whether each command file's scheduler runs.
#[utoipa::path(get, path = "/api/scheduler/state", responses((status = 200, body = SchedulerStates)))]
async fn states(State(app): State<Arc<App>>) -> Result<Json<SchedulerStates>, ApiError> {
    let look = |app: &Arc<App>| {
        let mut states = SchedulerStates::default();
        for key in keys(app)? {
            let of_mode = match key.mode {
                Mode::Single => &mut states.single,
                Mode::Multi => &mut states.multi,
            };
            of_mode.insert(key.index, state_of(app, key)?);
        }
        Ok(Json(states))
    };
    app.blocking(look).await
}

/// Every command file that is there, or has a run.
fn keys(app: &App) -> Result<std::collections::BTreeSet<ConfigKey>, ApiError> {
    let rules = app.rules();
    let mut keys: std::collections::BTreeSet<ConfigKey> = app.runs.newest().into_iter().map(|run| run.key).collect();
    for mode in [Mode::Single, Mode::Multi] {
        keys.extend(
            gpuyard_store::commands::list(&app.root, &rules, mode)?
                .into_iter()
                .map(|listed| listed.key),
        );
    }
    Ok(keys)
}

/// The runs whose schedulers live, with their tasks.
#[utoipa::path(get, path = "/api/scheduler/running", responses((status = 200, body = RunningSchedulers)))]
async fn running(State(app): State<Arc<App>>, Extension(lang): Extension<Lang>) -> Result<Response, ApiError> {
    let look = move |app: &App| {
        Ok(RunningSchedulers {
            schedulers: app.runs.running(lang),
        })
    };
    held::answer(&app, |app| &app.held.running, lang, app.runs.count(), look).await
}

/// Which runs are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Those of this mode.
    mode: Option<Mode>,
    /// Those of this command file.
    config_index: Option<u32>,
}

/// The runs, newest first.
#[utoipa::path(get, path = "/api/scheduler/runs", params(Wanted), responses((status = 200, body = Runs)))]
async fn runs(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(Wanted { mode, config_index }): Ask<Wanted>,
) -> Result<Json<Runs>, ApiError> {
    let look = move |app: &Arc<App>| {
        let wanted = |key: ConfigKey| {
            mode.is_none_or(|mode| mode == key.mode) && config_index.is_none_or(|index| index == key.index)
        };
        Ok(Json(Runs {
            runs: app.runs.list(wanted, limits::LISTED_RUNS, lang),
        }))
    };
    app.blocking(look).await
}

/// One run with its tasks.
#[utoipa::path(
    get, path = "/api/scheduler/runs/{run_id}", params(("run_id" = String, Path, description = "The run.")),
    responses((status = 200, body = Run)),
)]
async fn run(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(run_id): Path<String>,
) -> Result<Json<Run>, ApiError> {
    let look = move |app: &Arc<App>| {
        let found = app.runs.detail(&RunId(run_id), lang)?;
        found.map(Json).ok_or_else(runs::no_such_run)
    };
    app.blocking(look).await
}

/// Deletes a run that has ended, with its tasks and the logs of their attempts. Logs that tasks wrote elsewhere stay.
#[utoipa::path(
    delete, path = "/api/scheduler/runs/{run_id}", params(("run_id" = String, Path, description = "The run.")),
    responses(
        (status = 200, body = RunDeleted),
        (status = 409, description = "Its scheduler runs, a task that it started is still at work, or it is another machine's."),
    ),
)]
async fn delete_run(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(run_id): Path<String>,
) -> Result<Json<RunDeleted>, ApiError> {
    let delete = move |app: &Arc<App>| {
        runs::remove(app, &RunId(run_id))?;
        Ok(Json(RunDeleted {
            success: true,
            message: lang.pick("the run is deleted", "已删除该运行").into(),
        }))
    };
    app.blocking(delete).await
}

/// Runs a task again, passes over it, ends it, or moves it in its queue. A move changes the command file, which its scheduler
/// follows; comments go with their block.
#[utoipa::path(
    post, path = "/api/scheduler/tasks/{task_id}/{action}",
    params(
        ("task_id" = String, Path, description = "The task."),
        ("action" = String, Path, description = "`retry`, `skip`, `stop` or `move`."),
    ),
    request_body = Option<TaskRequest>,
    responses(
        (status = 200, body = TaskAnswer),
        (status = 409, description = "Its scheduler does not run, or refuses."),
    ),
)]
async fn task(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path((task_id, action)): Path<(String, String)>,
    Body(TaskRequest { to }): Body<TaskRequest>,
) -> Result<Json<TaskAnswer>, ApiError> {
    let task_id = TaskId(task_id);
    if to.is_some() && action != "move" {
        return Err(ApiError::field(
            "to",
            "unknown_key",
            "goes with `move` only",
            "仅用于 `move`",
        ));
    }
    let (request, en, zh) = match action.as_str() {
        "move" => {
            let to = to.ok_or_else(|| {
                ApiError::field(
                    "to",
                    "required",
                    "its new place in its queue, from 0",
                    "任务在队列中的新位置，从 0 开始",
                )
            })?;
            return app
                .blocking(move |app| {
                    app.runs.refresh()?;
                    let (key, run_id) = app.runs.run_of_task(&task_id)?.ok_or_else(no_such_task)?;
                    app.holder(key)?.ok_or_else(|| not_running(key.into()))?;
                    reorder(app, key, &run_id, &task_id, to)?;
                    Ok(Json(TaskAnswer {
                        success: true,
                        message: lang.pick("it is moved", "任务已移动").into(),
                    }))
                })
                .await;
        }
        "retry" => (
            ControlRequest::Retry {
                task_id: task_id.clone(),
            },
            "it runs again",
            "任务将重新运行",
        ),
        "skip" => (
            ControlRequest::Skip {
                task_id: task_id.clone(),
            },
            "it is passed over",
            "任务已跳过",
        ),
        "stop" => (
            ControlRequest::StopTask {
                task_id: task_id.clone(),
            },
            "it is told to end",
            "已通知任务结束",
        ),
        _ => {
            return Err(ApiError::not_found(
                "no_such_action",
                "the action is `retry`, `skip`, `stop` or `move`",
                "操作应为 `retry`、`skip`、`stop` 或 `move`",
            ));
        }
    };
    let act = move |app: &Arc<App>| {
        app.runs.refresh()?;
        let (key, _) = app.runs.run_of_task(&task_id)?.ok_or_else(no_such_task)?;
        let holder = app.holder(key)?.ok_or_else(|| not_running(key.into()))?;
        call(app, key.into(), &request, &holder)?;
        app.runs.refresh()?;
        Ok(Json(TaskAnswer {
            success: true,
            message: lang.pick(en, zh).into(),
        }))
    };
    app.blocking(act).await
}

pub(crate) fn no_such_task() -> ApiError {
    ApiError::not_found("no_such_task", "there is no such task", "没有这个任务")
}
