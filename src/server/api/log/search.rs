//! `/api/log/search`: over the whole of a log, hits streamed.
use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use gpuyard_core::wire::LogSearchEvent;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::Ask,
    logs::{
        Which, feed,
        searching::{self, Query, Search},
    },
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(search))
}

/// Searches the whole of a log. The answer is a stream of JSON objects, one a line: hits as they are found, progress, the
/// end. Going away ends the search.
#[utoipa::path(
    get, path = "/api/log/search", params(Which, Query),
    responses(
        (status = 200, body = LogSearchEvent, content_type = "application/x-ndjson"),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "There is no such task, or its log is not there yet."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
    ),
)]
async fn search(
    State(app): State<Arc<App>>,
    Ask(which): Ask<Which>,
    Ask(query): Ask<Query>,
) -> Result<Response, ApiError> {
    let prepared = app
        .blocking(move |app| Search::prepare(app, &which.find(app)?, &query))
        .await?;
    let turn = searching::turn(&app).await?;
    let (out, body) = feed();
    prepared.begin(out, turn)?;
    let mut response = body.into_response();
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
