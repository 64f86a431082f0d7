//! What is open to everyone: health, and where a browser lands.
use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::Path,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use gpuyard_core::{model::Lang, wire::Health};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, dashboard};

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

/// The dashboard's page.
async fn ui(Extension(lang): Extension<Lang>, headers: HeaderMap) -> Response {
    page("", &headers, lang)
}

/// Below `/ui/` are the dashboard's files; every other path is its page.
async fn below_ui(Path(rest): Path<String>, Extension(lang): Extension<Lang>, headers: HeaderMap) -> Response {
    page(&rest, &headers, lang)
}

fn page(path: &str, headers: &HeaderMap, lang: Lang) -> Response {
    dashboard::answer(path, headers).unwrap_or_else(|| not_built(path, lang))
}

/// A binary that was built without the dashboard says what is missing, and what there is.
fn not_built(path: &str, lang: Lang) -> Response {
    if path.starts_with("assets/") || path.starts_with("images/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    lang.pick(
        "gpuyard is running, but this binary was built without its dashboard.\n\n\
         To have it: install Node 20 or newer with npm, run ./run.sh in the source folder, and start the daemon again.\n\
         Without it, on the server itself: gpuyard status, gpuyard gpus, gpuyard why. Programs use /api.\n",
        "gpuyard 正在运行，但此程序编译时未包含网页界面。\n\n\
         如需网页界面：请安装 Node 20 或更新版本（含 npm），在源码目录运行 ./run.sh，然后重新启动守护进程。\n\
         也可在服务器上使用：gpuyard status、gpuyard gpus、gpuyard why。程序请使用 /api。\n",
    )
    .into_response()
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
