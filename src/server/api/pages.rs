//! What is open to everyone: health, and where a browser lands.
use std::sync::Arc;

use axum::{Extension, Json, extract::Path, http::StatusCode, response::Redirect, routing::get};
use gpuyard_core::{model::Lang, wire::Health};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::app::App;

/// The API's version.
pub(crate) const API_VERSION: &str = "1";

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    // Pages for people are no part of the API's document.
    OpenApiRouter::new()
        .route("/", get(root))
        .route("/ui", get(ui))
        .route("/ui/", get(ui))
        .route("/ui/{*rest}", get(below_ui))
        .routes(routes!(health))
}

/// A browser goes on to the dashboard.
async fn root() -> Redirect {
    Redirect::temporary("/ui/")
}

/// This version has no dashboard; whoever looks for it learns what there is.
async fn ui(Extension(lang): Extension<Lang>) -> &'static str {
    lang.pick(
        "gpuyard is running. This version has no dashboard; on the server itself: gpuyard status, gpuyard gpus, \
         gpuyard why. Programs use /api.\n",
        "gpuyard 正在运行。此版本没有网页界面；请在服务器上使用：gpuyard status、gpuyard gpus、gpuyard why。\
         程序请使用 /api。\n",
    )
}

/// Pages below `/ui` are one page; files are there or not, and here they are not.
async fn below_ui(Path(rest): Path<String>, lang: Extension<Lang>) -> Result<&'static str, StatusCode> {
    if rest.starts_with("assets/") || rest.starts_with("images/") {
        return Err(StatusCode::NOT_FOUND);
    }
    Ok(ui(lang).await)
}

/// That the daemon is there.
#[utoipa::path(get, path = "/api/health", responses((status = 200, body = Health)))]
async fn health() -> Json<Health> {
    Json(Health {
        status: "ok".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        api_version: API_VERSION.into(),
    })
}
