//! `/api/gpu*`: the GPUs, what runs on them, and how reading them goes.
use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use gpuyard_core::{
    model::Lang,
    wire::{GpuProcesses, GpuReport, SamplerReport},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, error::ApiError};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(report))
        .routes(routes!(processes))
        .routes(routes!(state))
}

/// Everything about the GPUs.
#[utoipa::path(get, path = "/api/gpu", responses((status = 200, body = GpuReport)))]
async fn report(State(app): State<Arc<App>>, Extension(lang): Extension<Lang>) -> Result<Json<GpuReport>, ApiError> {
    app.gpus.first_reading().await;
    let report = move |app: &Arc<App>| {
        app.runs.refresh()?;
        Ok(app.gpus.report(&|uni_id| app.runs.task_of_attempt(uni_id), lang))
    };
    app.blocking(report).await.map(Json)
}

/// The processes on the GPUs.
#[utoipa::path(get, path = "/api/gpu/processes", responses((status = 200, body = GpuProcesses)))]
async fn processes(State(app): State<Arc<App>>) -> Result<Json<GpuProcesses>, ApiError> {
    app.gpus.first_reading().await;
    let read = |app: &Arc<App>| {
        app.runs.refresh()?;
        Ok(app.gpus.processes(&|uni_id| app.runs.task_of_attempt(uni_id)))
    };
    let (gpu_type, processes) = app.blocking(read).await?;
    Ok(Json(GpuProcesses {
        success: true,
        gpu_type,
        count: processes.len() as u32,
        processes,
    }))
}

/// How sampling goes.
#[utoipa::path(get, path = "/api/gpu/state", responses((status = 200, body = SamplerReport)))]
async fn state(State(app): State<Arc<App>>) -> Json<SamplerReport> {
    Json(app.gpus.sampling())
}
