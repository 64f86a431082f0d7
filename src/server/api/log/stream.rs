//! `/api/log/stream`: follows a log, as server-sent events.
use std::sync::Arc;

use axum::{
    Extension,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use gpuyard_core::{model::Lang, wire::LogStreamEvent};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::live::evicted,
    app::App,
    connection::Attendance,
    error::ApiError,
    extract::Ask,
    guard::Principal,
    logs::{
        Which, feed,
        following::{Following, From},
    },
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(stream))
}

/// Follows a log, as server-sent events: `head`, `data`, `divider` (rotated, cut or written anew), `skipped`, `end`. `id` is the
/// place; sent as `Last-Event-ID`, it goes on from there.
#[utoipa::path(
    get, path = "/api/log/stream", params(Which, From),
    responses(
        (status = 200, body = LogStreamEvent, content_type = "text/event-stream"),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "There is no such task, or it has no log yet."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
        (status = 503, description = "Too many logs are followed."),
    ),
)]
async fn stream(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Extension(lang): Extension<Lang>,
    attendance: Option<Extension<Attendance>>,
    Ask(which): Ask<Which>,
    Ask(from): Ask<From>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    follow(&app, (principal, lang), attendance, (which, from), &headers).await
}

/// Follows a log from a place on, or from where the caller was before.
pub(crate) async fn follow(
    app: &Arc<App>,
    caller: (Principal, Lang),
    attendance: Option<Extension<Attendance>>,
    (which, from): (Which, From),
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let seat = app.logs.stream().ok_or_else(|| {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too_many_streams",
            "too many logs are followed; close some and try again",
            "同时跟随的日志过多；请关闭一些后重试",
        )
    })?;
    let resume = headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let (out, body) = feed();
    let following = Following::begin(app, caller, (which, from), resume.map(str::to_owned), out).await?;
    tokio::spawn(async move {
        let attendance = attendance.map(|Extension(attendance)| attendance);
        let _stay = attendance.as_ref().map(Attendance::stay);
        tokio::select! {
            () = following.work() => {}
            () = evicted(attendance.as_ref()) => {}
        }
        drop(seat);
    });
    let mut response = body.into_response();
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}
