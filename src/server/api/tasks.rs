//! `/api/tasks*` and `/api/gpus`: ad-hoc tasks made, listed, changed, cancelled, cloned and pruned.
use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};
use gpuyard_core::{
    formats::adhoc,
    model::{AdhocId, AdhocSpec, AdhocStatus, FieldError, Lang},
    wire::{
        AdhocCancelled, AdhocChange, AdhocIds, AdhocLog, AdhocMade, AdhocPage, AdhocPruned, AdhocTask, GpuSeat,
        LogStreamEvent, NewAdhocTask, TaskAnswer,
    },
};
use gpuyard_exec::clock;
use gpuyard_store::{
    adhoc::{Cancelled, Change, Filter, Make, Record, Retry, Tasks},
    logs::Log,
};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    adhoc::{holder, scheduler, seats, tmux},
    api::log,
    app::App,
    connection::Attendance,
    error::ApiError,
    extract::{Ask, Body},
    guard::Principal,
    limits,
    logs::{Which, following::From},
};

/// Lines that are shown where nothing else is asked for.
const TAIL: u64 = 100;

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(gpus))
        .routes(routes!(list, make, prune))
        .routes(routes!(cancel_many))
        .routes(routes!(get, change))
        .routes(routes!(cancel))
        .routes(routes!(retry))
        .routes(routes!(clone))
        .routes(routes!(logs))
        .routes(routes!(log_stream))
}

/// The GPUs, and which ad-hoc task sits where.
#[utoipa::path(get, path = "/api/gpus", responses((status = 200, body = Vec<GpuSeat>)))]
async fn gpus(State(app): State<Arc<App>>) -> Result<Json<Vec<GpuSeat>>, ApiError> {
    app.gpus.first_reading().await;
    app.blocking(|app| seats(app).map(Json)).await
}

/// Which ad-hoc tasks are listed.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Those that stand there; several with commas between: `queued,running`.
    status: Option<String>,
    /// Those with this in name, command, tags or maker, or with this number.
    q: Option<String>,
    /// Those with this tag.
    tag: Option<String>,
    /// So many at most (50).
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Ad-hoc tasks, newest first, in pages.
#[utoipa::path(get, path = "/api/tasks", params(Wanted), responses((status = 200, body = AdhocPage)))]
async fn list(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(wanted): Ask<Wanted>,
) -> Result<Json<AdhocPage>, ApiError> {
    let statuses: Result<Vec<AdhocStatus>, String> = wanted
        .status
        .iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|status| !status.is_empty())
        .map(str::parse)
        .collect();
    let statuses = statuses.map_err(|said| {
        let zh = "状态应为 queued、running、completed、failed 或 cancelled";
        ApiError::field("status", "value", said, zh)
    })?;
    let before = wanted
        .cursor
        .as_deref()
        .map(str::parse::<AdhocId>)
        .transpose()
        .map_err(|_| {
            ApiError::field(
                "cursor",
                "value",
                "is not the next_cursor of a page",
                "不是某一页的 next_cursor",
            )
        })?;
    let limit = wanted
        .limit
        .unwrap_or(limits::LISTED_TASKS_USUALLY)
        .clamp(1, limits::LISTED_TASKS);
    let filter = Filter {
        statuses,
        text: wanted.q,
        tag: wanted.tag.filter(|tag| !tag.is_empty()),
        before,
    };
    let look = move |app: &Arc<App>| {
        let tasks = app.desk.tasks(app)?;
        let scheduler = scheduler(app, &tasks)?;
        let page = tasks.list(&filter, limit as usize)?;
        let last = page.rows.last().map(|row| row.id.to_string());
        let shown = tasks.summaries(
            page.rows,
            scheduler.running,
            tmux(app).is_some(),
            lang,
            clock::now().wall,
        )?;
        Ok(Json(AdhocPage {
            tasks: shown,
            next_cursor: last.filter(|_| page.more),
            counts: tasks.counts()?,
            tags: tasks.tags(limits::LISTED_TAGS)?,
            scheduler,
        }))
    };
    app.blocking(look).await
}

/// Makes a task, or with `matrix` one for each combination. They are on disk when this answers.
#[utoipa::path(post, path = "/api/tasks", request_body = NewAdhocTask, responses((status = 200, body = AdhocMade)))]
async fn make(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Body(asked): Body<NewAdhocTask>,
) -> Result<Json<AdhocMade>, ApiError> {
    app.gpus.first_reading().await;
    let make = move |app: &Arc<App>| {
        let specs: Result<Vec<AdhocSpec>, ApiError> = adhoc::expand(asked)
            .map_err(ApiError::fields)?
            .iter()
            .map(|one| fitting(app, one))
            .collect();
        let ids = match app.desk.tasks(app)?.make(&specs?, clock::now().wall)? {
            Make::Made(ids) => ids,
            refusal => return Err(not_to_wait_for(refusal)),
        };
        app.wake_tasks();
        let (first, n) = (ids.first().copied().unwrap_or_default(), ids.len());
        Ok(Json(AdhocMade {
            success: true,
            message: match (lang, n) {
                (Lang::En, 1) => format!("task {first} is in the queue"),
                (Lang::En, _) => format!("{n} tasks are in the queue"),
                (Lang::Zh, 1) => format!("任务 {first} 已排队"),
                (Lang::Zh, _) => format!("{n} 个任务已排队"),
            },
            id: first,
            ids,
        }))
    };
    app.blocking(make).await
}

/// What was asked for, checked, also against the GPUs that are there.
fn fitting(app: &App, asked: &NewAdhocTask) -> Result<AdhocSpec, ApiError> {
    let mut spec = adhoc::check(asked).map_err(ApiError::fields)?;
    let latest = app.gpus.state().latest;
    let gpus = latest.as_deref().map_or(&[][..], |snapshot| &snapshot.gpus);
    adhoc::fit(&mut spec, gpus).map_err(|error| ApiError::fields(vec![error]))?;
    Ok(spec)
}

fn not_to_wait_for(refusal: Make) -> ApiError {
    let (code, en, zh) = match refusal {
        Make::NoSuchTask(id) => (
            "no_such_task",
            format!("there is no task {id}"),
            format!("没有任务 {id}"),
        ),
        Make::WillNotComplete(id, status) => (
            "will_not_complete",
            format!("task {id} is {status} and will not complete by itself: retry it first"),
            format!("任务 {id} 的状态为 {status}，不会自行完成：请先重试该任务"),
        ),
        Make::Made(_) => ("invalid", String::new(), String::new()),
    };
    ApiError::fields(vec![FieldError::new("depends_on", code, en, zh)])
}

/// Which records are pruned.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Before {
    /// Those that ended before this moment (RFC 3339).
    #[param(value_type = String, format = DateTime)]
    finished_before: Timestamp,
}

/// Removes records and logs of tasks that ended before a moment.
#[utoipa::path(delete, path = "/api/tasks", params(Before), responses((status = 200, body = AdhocPruned)))]
async fn prune(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(Before { finished_before }): Ask<Before>,
) -> Result<Json<AdhocPruned>, ApiError> {
    let prune = move |app: &Arc<App>| {
        let removed = app.desk.tasks(app)?.prune(finished_before)?;
        Ok(Json(AdhocPruned {
            success: true,
            message: match lang {
                Lang::En => format!("{removed} removed"),
                Lang::Zh => format!("已清理 {removed} 个"),
            },
            removed,
        }))
    };
    app.blocking(prune).await
}

/// `{id}` of a path.
fn id_of(text: &str) -> Result<AdhocId, ApiError> {
    text.parse().map_err(|_| no_such_task())
}

fn no_such_task() -> ApiError {
    ApiError::not_found("no_such_task", "there is no such task", "没有这个任务")
}

fn found(tasks: &Arc<Tasks>, id: &str) -> Result<Record, ApiError> {
    tasks.get(id_of(id)?)?.ok_or_else(no_such_task)
}

/// One task in detail.
#[utoipa::path(
    get, path = "/api/tasks/{id}", params(("id" = String, Path, description = "The task's number.")),
    responses((status = 200, body = AdhocTask)),
)]
async fn get(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(id): Path<String>,
) -> Result<Json<AdhocTask>, ApiError> {
    app.blocking(move |app| shown(app, &id, lang)).await.map(Json)
}

fn shown(app: &App, id: &str, lang: Lang) -> Result<AdhocTask, ApiError> {
    let tasks = app.desk.tasks(app)?;
    let record = found(&tasks, id)?;
    let attended = holder(app)?.is_some();
    let attach = tmux(app).map(|socket| format!("tmux -S {} attach -t task_{}", socket.display(), record.row.id));
    Ok(tasks.detail(record, attended, attach, lang, clock::now().wall)?)
}

/// Changes what a waiting task asks for, or the priority of one that is not over.
#[utoipa::path(
    patch, path = "/api/tasks/{id}", params(("id" = String, Path, description = "The task's number.")),
    request_body = AdhocChange,
    responses((status = 200, body = AdhocTask), (status = 409, description = "It no longer waits.")),
)]
async fn change(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(id): Path<String>,
    Body(change): Body<AdhocChange>,
) -> Result<Json<AdhocTask>, ApiError> {
    app.gpus.first_reading().await;
    let apply = move |app: &Arc<App>| {
        let tasks = app.desk.tasks(app)?;
        let old = found(&tasks, &id)?;
        let alone = change.is_priority_alone();
        let mut asked = adhoc::asked(&old.spec);
        change.apply(&mut asked);
        let done = if alone {
            let spec = adhoc::check(&asked).map_err(ApiError::fields)?;
            tasks.set_priority(old.row.id, spec.priority)?
        } else {
            let spec = fitting(app, &asked)?;
            tasks.change(old.row.id, &spec)?
        };
        match done {
            Change::Done => {}
            Change::NotFound => return Err(no_such_task()),
            Change::NotQueued(status) => {
                return Err(ApiError::conflict(
                    "not_queued",
                    format!("it is {status}: only a queued task can be changed"),
                    format!("任务状态为 {status}：只能修改排队中的任务"),
                ));
            }
            Change::Circle(on) => {
                return Err(ApiError::field(
                    "depends_on",
                    "circle",
                    format!("task {on} waits for this one already"),
                    format!("任务 {on} 已在等待此任务"),
                ));
            }
            Change::Refused(refusal) => return Err(not_to_wait_for(refusal)),
        }
        app.wake_tasks();
        shown(app, &id, lang)
    };
    app.blocking(apply).await.map(Json)
}

/// Cancels a task: one that waits at once, one that runs by ending what it started.
#[utoipa::path(
    post, path = "/api/tasks/{id}/cancel", params(("id" = String, Path, description = "The task's number.")),
    responses((status = 200, body = AdhocCancelled), (status = 409, description = "It is over.")),
)]
async fn cancel(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(id): Path<String>,
) -> Result<Json<AdhocCancelled>, ApiError> {
    let cancel = move |app: &Arc<App>| {
        let done = cancel_all(app, &[id_of(&id)?], lang)?;
        if !done.missing.is_empty() {
            return Err(no_such_task());
        }
        if !done.over.is_empty() {
            return Err(ApiError::conflict("over", "it is over already", "任务已经结束"));
        }
        Ok(Json(done))
    };
    app.blocking(cancel).await
}

/// Cancels many tasks.
#[utoipa::path(
    post, path = "/api/tasks/cancel", request_body = AdhocIds, responses((status = 200, body = AdhocCancelled)),
)]
async fn cancel_many(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Body(AdhocIds { ids }): Body<AdhocIds>,
) -> Result<Json<AdhocCancelled>, ApiError> {
    if ids.is_empty() || ids.len() > limits::CANCELLED_TASKS {
        return Err(ApiError::field(
            "ids",
            "range",
            format!("names from 1 to {} tasks", limits::CANCELLED_TASKS),
            format!("应列出 1 到 {} 个任务", limits::CANCELLED_TASKS),
        ));
    }
    app.blocking(move |app| cancel_all(app, &ids, lang)).await.map(Json)
}

fn cancel_all(app: &App, ids: &[AdhocId], lang: Lang) -> Result<AdhocCancelled, ApiError> {
    let Cancelled {
        cancelled,
        asked,
        over,
        missing,
    } = app.desk.tasks(app)?.cancel(ids, clock::now().wall)?;
    if !(cancelled.is_empty() && asked.is_empty()) {
        app.wake_tasks();
    }
    let (done, ending) = (cancelled.len(), asked.len());
    Ok(AdhocCancelled {
        success: over.is_empty() && missing.is_empty(),
        message: match lang {
            Lang::En => format!("{done} cancelled, {ending} being ended"),
            Lang::Zh => format!("已取消 {done} 个，正在结束 {ending} 个"),
        },
        cancelled,
        cancelling: asked,
        over,
        missing,
    })
}

/// Lets a task that is over run again: a new attempt.
#[utoipa::path(
    post, path = "/api/tasks/{id}/retry", params(("id" = String, Path, description = "The task's number.")),
    responses((status = 200, body = TaskAnswer), (status = 409, description = "It is not over.")),
)]
async fn retry(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Path(id): Path<String>,
) -> Result<Json<TaskAnswer>, ApiError> {
    let retry = move |app: &Arc<App>| match app.desk.tasks(app)?.retry(id_of(&id)?)? {
        Retry::Done => {
            app.wake_tasks();
            Ok(Json(TaskAnswer {
                success: true,
                message: lang.pick("it is in the queue again", "任务已重新排队").into(),
            }))
        }
        Retry::NotFound => Err(no_such_task()),
        Retry::NotOver(status) => Err(ApiError::conflict(
            "not_over",
            format!("it is {status}: only a task that is over can run again"),
            format!("任务状态为 {status}：只有已结束的任务才能重新运行"),
        )),
        Retry::WillNotComplete(on, status) => Err(ApiError::conflict(
            "will_not_complete",
            format!("it depends on task {on}, which is {status}: retry that one first"),
            format!("它依赖的任务 {on} 状态为 {status}：请先重试该任务"),
        )),
    };
    app.blocking(retry).await
}

/// The fields of a new task that would be the same: to be edited, and sent to `POST /api/tasks`. Nothing is made.
#[utoipa::path(
    post, path = "/api/tasks/{id}/clone", params(("id" = String, Path, description = "The task's number.")),
    responses((status = 200, body = NewAdhocTask)),
)]
async fn clone(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<NewAdhocTask>, ApiError> {
    let read = move |app: &Arc<App>| Ok(Json(adhoc::asked(&found(&app.desk.tasks(app)?, &id)?.spec)));
    app.blocking(read).await
}

/// Follows a task's log, as server-sent events, through its attempts to its end; with `attempt`, to the end of that one.
/// Events are those of `/api/log/stream`. What has not begun is waited for.
#[utoipa::path(
    get, path = "/api/tasks/{id}/logs/stream", params(("id" = String, Path, description = "The task's number."), Lines),
    responses(
        (status = 200, body = LogStreamEvent, content_type = "text/event-stream"),
        (status = 503, description = "Too many logs are followed."),
    ),
)]
async fn log_stream(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Extension(lang): Extension<Lang>,
    attendance: Option<Extension<Attendance>>,
    Path(id): Path<String>,
    Ask(Lines { tail, attempt }): Ask<Lines>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let which = Which::of_adhoc(id_of(&id)?, attempt);
    let from = From::tail(tail.unwrap_or(TAIL));
    log::stream::follow(&app, (principal, lang), attendance, (which, from), &headers).await
}

/// Which part of a log.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Lines {
    /// The last lines, so many (100).
    tail: Option<u64>,
    /// Another attempt than the last.
    attempt: Option<u32>,
}

/// The last lines of a task's log.
#[utoipa::path(
    get, path = "/api/tasks/{id}/logs", params(("id" = String, Path, description = "The task's number."), Lines),
    responses((status = 200, body = AdhocLog)),
)]
async fn logs(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Ask(Lines { tail, attempt }): Ask<Lines>,
) -> Result<Json<AdhocLog>, ApiError> {
    let read = move |app: &Arc<App>| {
        let record = found(&app.desk.tasks(app)?, &id)?;
        let path = record.log_path(&app.root, attempt);
        let tail = tail.unwrap_or(TAIL).min(limits::LOG_LINES) as usize;
        let part = path
            .as_deref()
            .map(|path| Log::open(path).and_then(|log| log.tail(tail)));
        let part = match part {
            Some(Err(error)) if error.is_not_found() => None,
            Some(part) => Some(part?),
            None => None,
        };
        Ok(Json(AdhocLog {
            task_id: record.row.id,
            truncated: part.as_ref().is_some_and(|part| part.offset > 0),
            lines: part
                .as_ref()
                .map_or_else(Vec::new, |part| part.text().lines().map(str::to_owned).collect()),
            size: part.as_ref().map_or(0, |part| part.size),
            log_path: part.and(path).map(|path| path.display().to_string()),
        }))
    };
    app.blocking(read).await
}
