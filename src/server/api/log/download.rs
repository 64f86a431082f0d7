//! `/api/log/download`: a log or a range of it, byte for byte.
use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderValue, Uri, header},
    response::{IntoResponse, Response},
};
use gpuyard_core::wire::LogTicket;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::{self, Ask},
    guard::{Granted, Principal},
    logs::{Which, of_file, refusal},
};

/// Which bytes of a log, and by what right.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Bytes {
    /// From this byte on.
    #[serde(default)]
    offset: u64,
    /// So many bytes; without it, all that there are.
    limit: Option<u64>,
}

/// By what right a browser comes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "the guard reads it; it stands here for the document")]
struct ByTicket {
    /// In place of the header and of all other parameters: what `POST` gave. Good once, for a minute.
    ticket: Option<String>,
}

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(download, ticket))
}

/// A log, or a range of it, byte for byte.
#[utoipa::path(
    get, path = "/api/log/download", params(Which, Bytes, ByTicket),
    responses(
        (status = 200, body = String, content_type = "text/plain"),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "There is no such task, or its log is not there yet."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
    ),
)]
async fn download(
    State(app): State<Arc<App>>,
    granted: Option<Extension<Granted>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let query = match &granted {
        Some(Extension(granted)) => granted.query.clone(),
        None => uri.query().unwrap_or_default().to_owned(),
    };
    let (which, bytes) = (extract::query::<Which>(&query)?, extract::query::<Bytes>(&query)?);
    let (log, name, size) = app
        .blocking(move |app| {
            let asked = which.find(app)?;
            let log = app
                .logs
                .allowed()
                .open(&asked.path)
                .map_err(|refused| refusal(&refused))?;
            let size = log.size()?;
            Ok((log, asked.file_name(), size))
        })
        .await?;
    let from = bytes.offset.min(size);
    let length = bytes.limit.unwrap_or(u64::MAX).min(size - from);
    let mut response = of_file(log, from, length).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let disposition = format!("attachment; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

/// A ticket for one download of the log that the query names: a browser cannot send the secret with it.
#[utoipa::path(
    post, path = "/api/log/download", params(Which, Bytes),
    responses(
        (status = 200, body = LogTicket),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "There is no such task, or its log is not there yet."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
    ),
)]
async fn ticket(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Ask(which): Ask<Which>,
    Ask(_bytes): Ask<Bytes>,
    uri: Uri,
) -> Result<Json<LogTicket>, ApiError> {
    let query = uri.query().unwrap_or_default().to_owned();
    app.blocking(move |app| {
        let asked = which.find(app)?;
        app.logs
            .allowed()
            .open(&asked.path)
            .map_err(|refused| refusal(&refused))?;
        let (ticket, expires_at) = app.guard.ticket(&principal, query)?;
        Ok(Json(LogTicket {
            url: format!("/api/log/download?ticket={ticket}"),
            ticket,
            expires_at,
        }))
    })
    .await
}
