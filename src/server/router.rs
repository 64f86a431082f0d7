//! All paths, and the layers around them.
use std::sync::Arc;

use axum::{Router, extract::DefaultBodyLimit, middleware::from_fn_with_state};
use utoipa_axum::router::OpenApiRouter;

use crate::{api, app::App, audit, document, edge, guard, limits};

/// Every path that is served, with its place in the API's document: one list, so that the two cannot disagree.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(document::head())
        .merge(api::pages::paths())
        .merge(api::reference::paths())
        .merge(api::auth::paths())
        .merge(api::gpu::paths())
        .merge(api::rules::paths())
        .merge(api::commands::paths())
        .merge(api::scheduler::paths())
        .merge(api::log::paths())
        .merge(api::live::paths())
        .merge(api::metrics::paths())
        .merge(api::settings::paths())
        .merge(api::tasks::paths())
}

/// The whole of what is served.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::from(paths())
        .layer(DefaultBodyLimit::max(limits::BODY))
        .layer(from_fn_with_state(Arc::clone(app), audit::note))
        .layer(from_fn_with_state(Arc::clone(&app.guard), guard::access::check))
        .layer(from_fn_with_state(app.lang, edge::handle))
        .with_state(Arc::clone(app))
}
