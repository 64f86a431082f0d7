//! All paths, and the layers around them.
use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::from_fn_with_state,
    routing::{get, post},
};

use crate::{
    api::{auth, gpu, log, pages, scheduler},
    app::App,
    audit, edge, guard, limits,
};

/// Every path that is served, with a method that it takes. The test that nothing is open by accident walks it.
#[cfg(test)]
pub(crate) const PATHS: [(&str, &str); 22] = [
    ("GET", "/"),
    ("GET", "/ui"),
    ("GET", "/ui/"),
    ("GET", "/api/health"),
    ("GET", "/api/auth/check"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/logout"),
    ("GET", "/api/gpu"),
    ("GET", "/api/gpu/processes"),
    ("GET", "/api/gpu/state"),
    ("POST", "/api/scheduler/{mode}/start"),
    ("POST", "/api/scheduler/{mode}/stop"),
    ("GET", "/api/scheduler/{mode}/state"),
    ("POST", "/api/scheduler/stop/{pid}"),
    ("GET", "/api/scheduler/state"),
    ("GET", "/api/scheduler/running"),
    ("GET", "/api/scheduler/runs"),
    ("GET", "/api/scheduler/runs/{run_id}"),
    ("POST", "/api/scheduler/tasks/{task_id}/{action}"),
    ("GET", "/api/log/content"),
    ("GET", "/api/nothing/here"),
    ("DELETE", "/metrics"),
];

/// The whole of what is served.
pub(crate) fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route("/", get(pages::root))
        .route("/ui", get(pages::ui))
        .route("/ui/", get(pages::ui))
        .route("/ui/{*rest}", get(pages::below_ui))
        .route("/api/health", get(pages::health))
        .route("/api/auth/check", get(auth::check))
        .route("/api/auth/login", post(auth::login))
        .route("/api/auth/logout", post(auth::logout))
        .route("/api/gpu", get(gpu::report))
        .route("/api/gpu/processes", get(gpu::processes))
        .route("/api/gpu/state", get(gpu::state))
        .route("/api/scheduler/{mode}/start", post(scheduler::start))
        .route("/api/scheduler/{mode}/stop", post(scheduler::stop))
        .route("/api/scheduler/{mode}/state", get(scheduler::state))
        .route("/api/scheduler/stop/{pid}", post(scheduler::stop_pid))
        .route("/api/scheduler/state", get(scheduler::states))
        .route("/api/scheduler/running", get(scheduler::running))
        .route("/api/scheduler/runs", get(scheduler::runs))
        .route("/api/scheduler/runs/{run_id}", get(scheduler::run))
        .route("/api/scheduler/tasks/{task_id}/{action}", post(scheduler::task))
        .route("/api/log/content", get(log::content))
        .layer(DefaultBodyLimit::max(limits::BODY))
        .layer(from_fn_with_state(Arc::clone(app), audit::note))
        .layer(from_fn_with_state(Arc::clone(&app.guard), guard::access::check))
        .layer(from_fn_with_state(app.lang, edge::handle))
        .with_state(Arc::clone(app))
}
