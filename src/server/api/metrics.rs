//! `/metrics`: the figures for Prometheus.
use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    app::App,
    error::ApiError,
    extract::Ask,
    metrics::{Extras, metrics},
};

/// The paths of this file. Its form is Prometheus' own, so it is no part of the API's document.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().route("/metrics", get(figures))
}

/// `params` of a scrape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[serde(default)]
    processes: bool,
    #[serde(default)]
    dcgm: bool,
}

async fn figures(
    State(app): State<Arc<App>>,
    Ask(Wanted { processes, dcgm }): Ask<Wanted>,
) -> Result<Response, ApiError> {
    app.gpus.first_reading().await;
    let text = app
        .blocking(move |app| metrics(app, Extras { processes, dcgm }))
        .await?;
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((kind, text).into_response())
}
