//! `/api/log/content` and `/api/log/read`: a part of a log.
use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use gpuyard_core::{model::Lang, wire::LogContent};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::Ask,
    logs::{Which, part::Part},
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(content)).routes(routes!(read))
}

/// A part of a task's log: of the one that is bound to it, else of its own.
#[utoipa::path(
    get, path = "/api/log/content", params(Which, Part),
    responses(
        (status = 200, body = LogContent),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "There is no such task, or its log is not there yet."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
        (status = 503, description = "The line lies beyond what is counted (`indexing`): ask again."),
    ),
)]
async fn content(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(which): Ask<Which>,
    Ask(part): Ask<Part>,
) -> Result<Json<LogContent>, ApiError> {
    answer(app, lang, which, part).await
}

/// A log by its path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ByPath {
    /// The log, absolute.
    #[serde(alias = "path")]
    log_path: String,
}

/// A part of a log by its path.
#[utoipa::path(
    get, path = "/api/log/read", params(ByPath, Part),
    responses(
        (status = 200, body = LogContent),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "Nothing is there, or not yet."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
        (status = 503, description = "The line lies beyond what is counted (`indexing`): ask again."),
    ),
)]
async fn read(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(by): Ask<ByPath>,
    Ask(part): Ask<Part>,
) -> Result<Json<LogContent>, ApiError> {
    answer(app, lang, Which::by_path(by.log_path), part).await
}

async fn answer(app: Arc<App>, lang: Lang, which: Which, part: Part) -> Result<Json<LogContent>, ApiError> {
    app.blocking(move |app| {
        let asked = which.find(app)?;
        part.read(app, &asked, lang).map(Json)
    })
    .await
}
