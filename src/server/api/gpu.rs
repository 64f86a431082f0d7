//! `/api/gpu*`: the GPUs, what runs on them, and how reading them goes.
use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use gpuyard_core::{
    model::{Lang, Lease},
    wire::{GpuHistory, GpuProcesses, GpuReport, KillAnswer, KillRequest, SamplerReport},
};
use gpuyard_exec::lease::HeldLease;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    audit::Caller,
    error::ApiError,
    extract::{Ask, Body},
    gpus::{MOST_MINUTES, parse_start_time},
    held,
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(report))
        .routes(routes!(history))
        .routes(routes!(processes))
        .routes(routes!(kill))
        .routes(routes!(leases))
        .routes(routes!(state))
}

/// Everything about the GPUs.
#[utoipa::path(get, path = "/api/gpu", responses((status = 200, body = GpuReport)))]
async fn report(State(app): State<Arc<App>>, Extension(lang): Extension<Lang>) -> Result<Response, ApiError> {
    app.gpus.first_reading().await;
    let report = move |app: &App| Ok(app.gpus.report(&app.tasks_on_gpus()?, lang));
    held::answer(&app, |app| &app.held.gpus, lang, app.gpus.count(), report).await
}

/// How far back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Span {
    /// Minutes, up to 60.
    #[serde(default = "ten")]
    #[param(default = 10.0, minimum = 0, maximum = 60)]
    minutes: f64,
}

fn ten() -> f64 {
    10.0
}

/// The last minutes of each GPU, for charts.
#[utoipa::path(get, path = "/api/gpu/history", params(Span), responses((status = 200, body = GpuHistory)))]
async fn history(State(app): State<Arc<App>>, Ask(Span { minutes }): Ask<Span>) -> Result<Json<GpuHistory>, ApiError> {
    if !(0.0..=MOST_MINUTES).contains(&minutes) {
        return Err(ApiError::field(
            "minutes",
            "range",
            format!("0 to {MOST_MINUTES} minutes, not {minutes}"),
            format!("应为 0 到 {MOST_MINUTES} 分钟，而不是 {minutes}"),
        ));
    }
    Ok(Json(app.gpus.history(minutes)))
}

/// The processes on the GPUs, each once, with where it comes from and what would become of it.
#[utoipa::path(get, path = "/api/gpu/processes", responses((status = 200, body = GpuProcesses)))]
async fn processes(State(app): State<Arc<App>>, Extension(lang): Extension<Lang>) -> Result<Response, ApiError> {
    app.gpus.first_reading().await;
    let read = move |app: &App| Ok(app.gpus.processes(&app.tasks_on_gpus()?, lang));
    held::answer(&app, |app| &app.held.gpu_processes, lang, app.gpus.count(), read).await
}

/// Ends processes on the GPUs, each named by pid and start time. Answers when they are gone, or when the time to wait is
/// over; every process that was named is in one of the two lists.
#[utoipa::path(
    post, path = "/api/gpu/processes/kill", request_body = KillRequest, responses((status = 200, body = KillAnswer)),
)]
async fn kill(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    caller: Caller,
    Body(request): Body<KillRequest>,
) -> Result<Json<KillAnswer>, ApiError> {
    check(&request)?;
    app.gpus.first_reading().await;
    app.gpus.catch_up(&request).await;
    if app.gpus.sampling().last_sample.is_none() {
        return Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "gpus_unreadable",
            "the GPUs cannot be read, so nobody can tell which processes are on them",
            "无法读取显卡，因此无法判断哪些进程在使用显卡",
        ));
    }
    let end = move |app: &Arc<App>| {
        let note = |line| caller.note(app, line);
        Ok(app.gpus.end(&request, &app.tasks_on_gpus()?, &app.host, lang, note))
    };
    app.blocking(end).await.map(Json)
}

fn check(request: &KillRequest) -> Result<(), ApiError> {
    let (count, most) = (request.processes.len(), KillRequest::MOST);
    if count == 0 || count > most {
        return Err(ApiError::field(
            "processes",
            "range",
            format!("1 to {most} processes at once, not {count}"),
            format!("一次可结束 1 到 {most} 个进程，而不是 {count} 个"),
        ));
    }
    if !(0.0..=KillRequest::LONGEST_WAIT).contains(&request.wait) {
        let most = KillRequest::LONGEST_WAIT;
        return Err(ApiError::field(
            "wait",
            "range",
            format!("0 to {most} seconds"),
            format!("0 到 {most} 秒"),
        ));
    }
    let wrong = request
        .processes
        .iter()
        .position(|name| parse_start_time(&name.start_time).is_none());
    match wrong {
        Some(at) => Err(ApiError::field(
            &format!("processes.{at}.start_time"),
            "format",
            "a start time as /api/gpu/processes tells it",
            "应为 /api/gpu/processes 给出的启动时间",
        )),
        None => Ok(()),
    }
}

/// How sampling goes.
#[utoipa::path(get, path = "/api/gpu/state", responses((status = 200, body = SamplerReport)))]
async fn state(State(app): State<Arc<App>>) -> Json<SamplerReport> {
    Json(app.gpus.sampling())
}

/// Who holds which GPU: the leases that hold on this host, of all its users.
#[utoipa::path(get, path = "/api/gpu/leases", responses((status = 200, body = Vec<Lease>)))]
async fn leases(State(app): State<Arc<App>>) -> Result<Json<Vec<Lease>>, ApiError> {
    let look = |app: &Arc<App>| {
        let leases = app.host.leases()?.into_iter();
        Ok(leases.filter(HeldLease::is_live).map(|held| held.lease).collect())
    };
    app.blocking(look).await.map(Json)
}
