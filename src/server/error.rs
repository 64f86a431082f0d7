//! The one error of the API: a status, a code for programs, words in both languages for people.
//!
//! Handlers return it as it is; [`crate::edge`] writes it in the caller's language.
use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use gpuyard_core::model::{FieldError, Lang, Text};
use gpuyard_store::StoreError;

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
    /// What stands where the caller wanted to write, with its version.
    pub(crate) current: Option<Box<Current>>,
}

/// What a file that somebody else has changed is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Current {
    /// Its version; `None` where it is gone.
    pub(crate) etag: Option<String>,
    /// What a GET would answer.
    pub(crate) answer: serde_json::Value,
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
            current: None,
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

    /// 409: somebody else has changed what the caller wants to write. `etag` and `answer` are what a GET would say now.
    pub(crate) fn stale(etag: Option<String>, answer: &impl serde::Serialize) -> ApiError {
        ApiError {
            current: Some(Box::new(Current {
                etag,
                answer: serde_json::to_value(answer).unwrap_or_default(),
            })),
            ..ApiError::conflict(
                "stale",
                "somebody else has changed it since you read it; look at what stands there now, and save again",
                "在您读取之后已有他人修改；请查看当前内容后再保存",
            )
        }
    }

    /// A file of the user's that cannot be read, understood or edited, and so is not written either; a full disk.
    pub(crate) fn of_file(error: StoreError) -> ApiError {
        let path = |path: &std::path::Path| path.display().to_string();
        let zh = match &error {
            StoreError::Parse {
                path: at,
                line,
                expected,
            } => format!("无法读取 {} 第 {line} 行：{expected}", path(at)),
            StoreError::NotAFile { path: at, what } => format!("无法读取 {}：它不是普通文件（{what}）", path(at)),
            StoreError::TooLarge { path: at, limit } => format!("{} 超过了 {limit} 字节", path(at)),
            StoreError::NotEditable { path: at, reason } => {
                format!("无法修改 {}：{reason}。文件未作改动，请手动编辑", path(at))
            }
            StoreError::Fields { path: at, problems } => {
                let each = problems.iter().map(|problem| {
                    let line = problem.line.map_or(String::new(), |line| format!("第 {line} 行："));
                    format!("{line}{}", problem.error.text(Lang::Zh))
                });
                format!("{} 有误：{}", path(at), each.collect::<Vec<_>>().join("；"))
            }
            StoreError::Owner { path: at, .. } => format!("无法保存 {}：无法保留其所有者或用户组", path(at)),
            StoreError::Io { path: at, source, .. } => format!("{}：{source}", path(at)),
            _ => return ApiError::internal(error),
        };
        let en = error.to_string();
        if error.is_disk_trouble() {
            return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "disk", en, zh);
        }
        let code = match &error {
            StoreError::NotEditable { .. } => "not_editable",
            StoreError::TooLarge { .. } => "too_large",
            StoreError::Owner { .. } => "not_permitted",
            _ => "unreadable_file",
        };
        let errors = match error {
            StoreError::Fields { problems, .. } => problems.into_iter().map(|problem| problem.error).collect(),
            _ => Vec::new(),
        };
        ApiError {
            errors,
            ..ApiError::conflict(code, en, zh)
        }
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

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> ApiError {
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
