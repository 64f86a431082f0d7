//! The outermost layer: the caller's language, a time limit, errors in words, and headers that keep browsers careful.
use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use gpuyard_core::{
    model::Lang,
    wire::{ErrorAnswer, FieldAnswer},
};

use crate::{error::ApiError, if_match, limits};

/// No inline script or style, nothing from elsewhere, in nobody's frame.
const CSP: &str = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; \
                   frame-ancestors 'none'";

const ALWAYS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CSP),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Handles a request from its arrival to its answer. `fallback` is the language of callers who name none.
pub(crate) async fn handle(State(fallback): State<Lang>, mut request: Request, next: Next) -> Response {
    let lang = language(request.headers(), fallback);
    let api = is_api(request.uri().path());
    let head = request.method() == axum::http::Method::HEAD;
    // Without its query, which may hold a ticket.
    let asked =
        tracing::enabled!(tracing::Level::DEBUG).then(|| (request.method().clone(), request.uri().path().to_owned()));
    request.extensions_mut().insert(lang);
    let answer = tokio::time::timeout(limits::REQUEST_TIME, next.run(request)).await;
    let mut response = answer.unwrap_or_else(|_| too_slow().into_response());
    if let Some(error) = error_of(&response) {
        response = write(&error, lang, response.headers(), head);
    }
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some((method, path)) = asked {
        tracing::debug!(%method, path, status = status.as_u16(), "answered");
    }
    if api {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    }
    response
}

fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/") || path == "/metrics"
}

fn language(headers: &HeaderMap, fallback: Lang) -> Lang {
    let accepted = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    match accepted {
        // Programs that send `*` or nothing have no wish.
        Some(text) if text.to_ascii_lowercase().contains("zh") || text.to_ascii_lowercase().contains("en") => {
            Lang::parse(text)
        }
        _ => fallback,
    }
}

/// Our own error, or what a bare error status means. An error answer with a body of its own (a page) stays as it is.
fn error_of(response: &Response) -> Option<ApiError> {
    let status = response.status();
    if let Some(error) = response.extensions().get::<ApiError>() {
        return Some(error.clone());
    }
    let bare = !response.headers().contains_key(header::CONTENT_TYPE);
    ((status.is_client_error() || status.is_server_error()) && bare).then(|| ApiError::of_status(status))
}

fn write(error: &ApiError, lang: Lang, before: &HeaderMap, head: bool) -> Response {
    let fields = error.errors.iter().map(|e| FieldAnswer {
        field: e.field.clone(),
        code: e.code.to_string(),
        message: e.message.get(lang).to_owned(),
    });
    let body = ErrorAnswer {
        success: false,
        code: error.code.to_owned(),
        message: error.message.get(lang).to_owned(),
        errors: fields.collect(),
        current: error.current.as_ref().map(|current| current.answer.clone()),
    };
    let mut response = if head {
        error.status.into_response()
    } else {
        (error.status, Json(body)).into_response()
    };
    let headers = response.headers_mut();
    if let Some(allow) = before.get(header::ALLOW) {
        headers.insert(header::ALLOW, allow.clone());
    }
    if error.status == StatusCode::UNAUTHORIZED {
        headers.insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Bearer realm=\"gpuyard\""),
        );
    }
    let etag = error.current.as_ref().and_then(|current| current.etag.as_deref());
    if let Some(etag) = etag.and_then(if_match::header_value) {
        headers.insert(header::ETAG, etag);
    }
    if let Some(seconds) = error.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // For the audit log and for whoever else looks at the answer from outside.
    response.extensions_mut().insert(error.clone());
    response
}

fn too_slow() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "timeout",
        "the request was not answered in time; what it began may go on",
        "请求未能及时完成；已开始的操作可能仍在进行",
    )
}
