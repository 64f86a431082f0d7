//! The one error of the API: a status, a code for programs, words in both languages for people.
//!
//! Handlers return it as it is; [`crate::edge`] writes it in the caller's language.
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gpuyard_core::model::{FieldError, Text};

/// Why a call was not answered as it hoped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApiError {
    /// HTTP status.
    pub(crate) status: StatusCode,
    /// For programs.
    pub(crate) code: &'static str,
    /// For people.
    pub(crate) message: Text,
    /// What is wrong with single fields of what was sent.
    pub(crate) errors: Vec<FieldError>,
    /// Seconds after which it may be tried again.
    pub(crate) retry_after: Option<u64>,
}

impl ApiError {
    /// An error in words.
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        en: impl Into<String>,
        zh: impl Into<String>,
    ) -> ApiError {
        ApiError {
            status,
            code,
            message: Text::new(en, zh),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// 404.
    pub(crate) fn not_found(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::NOT_FOUND, code, en, zh)
    }

    /// 409: not possible in the state that things are in.
    pub(crate) fn conflict(code: &'static str, en: impl Into<String>, zh: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::CONFLICT, code, en, zh)
    }

    /// 422: what was sent makes no sense, by field.
    pub(crate) fn fields(errors: Vec<FieldError>) -> ApiError {
        let join = |pick: fn(&Text) -> &str, between: &str| {
            let each: Vec<String> = errors
                .iter()
                .map(|e| format!("{}: {}", e.field, pick(&e.message)))
                .collect();
            each.join(between)
        };
        let (en, zh) = (join(|text| &text.en, "; "), join(|text| &text.zh, "；"));
        ApiError {
            errors,
            ..ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", en, zh)
        }
    }

    /// 422 for one field.
    pub(crate) fn field(field: &str, code: &str, en: impl Into<String>, zh: impl Into<String>) -> ApiError {
        ApiError::fields(vec![FieldError::new(field, code, en, zh)])
    }

    /// 500: something of ours failed. The cause goes to the log, once, here; it names the file or call, and no secret.
    pub(crate) fn internal(cause: impl std::fmt::Display) -> ApiError {
        tracing::error!("{cause:#}");
        let (en, zh) = (format!("it did not work: {cause:#}"), format!("操作失败：{cause:#}"));
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", en, zh)
    }

    /// What a bare status means, for answers that the libraries below us make.
    pub(crate) fn of_status(status: StatusCode) -> ApiError {
        let (code, en, zh) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is no such path", "没有这个路径"),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "this path does not take that method",
                "此路径不支持该请求方法",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is larger than 1 MiB", "请求体超过 1 MiB"),
            _ if status.is_server_error() => ("internal", "it did not work", "操作失败"),
            _ => ("bad_request", "the request cannot be understood", "无法理解该请求"),
        };
        ApiError::new(status, code, en, zh)
    }
}

impl From<gpuyard_store::StoreError> for ApiError {
    fn from(error: gpuyard_store::StoreError) -> ApiError {
        ApiError::internal(error)
    }
}

impl From<gpuyard_exec::ExecError> for ApiError {
    fn from(error: gpuyard_exec::ExecError) -> ApiError {
        ApiError::internal(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
