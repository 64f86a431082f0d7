//! `/api/openapi.json`, and the page that shows it to people.
use std::sync::{Arc, LazyLock};

use axum::{body::Bytes, http::header, response::IntoResponse};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, document, error::ApiError, router};

/// Made when it is first asked for; a daemon that nobody asks does not hold it.
static DOCUMENT: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
    let document = document::complete(router::paths().into_openapi()).map_err(|error| error.to_string())?;
    Ok(document.to_string().into())
});

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(openapi))
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", responses((status = 200, body = Object)))]
async fn openapi() -> Result<impl IntoResponse, ApiError> {
    let document = DOCUMENT.as_ref().map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document.clone()))
}
