//! `/api/openapi.json`, and the page at `/ui/api` that shows it to people.
use std::sync::{Arc, LazyLock};

use axum::{body::Bytes, http::header, response::IntoResponse, routing::get};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, document, error::ApiError, router};

/// Made when it is first asked for; a daemon that nobody asks does not hold it.
static DOCUMENT: LazyLock<Result<Bytes, String>> = LazyLock::new(|| {
    let document = document::complete(router::paths().into_openapi()).map_err(|error| error.to_string())?;
    Ok(document.to_string().into())
});

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    // The page holds nothing that is secret: it asks for the token, and shows what it gets for it.
    OpenApiRouter::new()
        .routes(routes!(openapi))
        .route(
            "/ui/api",
            get(|| file("text/html; charset=utf-8", include_str!("reference/page.html"))),
        )
        .route(
            "/ui/api/page.js",
            get(|| file("text/javascript; charset=utf-8", include_str!("reference/page.js"))),
        )
        .route(
            "/ui/api/page.css",
            get(|| file("text/css; charset=utf-8", include_str!("reference/page.css"))),
        )
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", responses((status = 200, body = Object)))]
async fn openapi() -> Result<impl IntoResponse, ApiError> {
    let document = DOCUMENT.as_ref().map_err(ApiError::internal)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document.clone()))
}

async fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    // It changes with the program only, and weighs little: browsers ask again.
    (
        [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")],
        text,
    )
}
