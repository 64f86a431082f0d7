//! What handlers take out of a request, with our own errors where it does not fit.
use axum::{
    body::Bytes,
    extract::{
        FromRequest, FromRequestParts, Path, Query, Request,
        rejection::{BytesRejection, QueryRejection},
    },
    http::{StatusCode, request::Parts},
};
use gpuyard_core::model::{ConfigKey, Mode};
use serde::{Deserialize, de::DeserializeOwned};
use utoipa::{
    IntoParams,
    openapi::path::{Parameter, ParameterIn},
};

use crate::error::ApiError;

/// A JSON body. An empty one, or `null`, reads as `{}`, so that optional bodies need no special case.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let text = bytes.trim_ascii();
        let text: &[u8] = if text.is_empty() || text == b"null" {
            b"{}"
        } else {
            text
        };
        serde_json::from_slice(text).map(Body).map_err(|error| {
            if error.is_data() {
                // The position says nothing to people; the rest names the field.
                let said = error.to_string();
                let said = said.split(" at line ").next().unwrap_or_default();
                return ApiError::field("body", "type", said, format!("请求体不符合要求：{said}"));
            }
            let (en, zh) = (
                format!("the body is not JSON: {error}"),
                format!("请求体不是合法的 JSON：{error}"),
            );
            ApiError::new(StatusCode::BAD_REQUEST, "not_json", en, zh)
        })
    }
}

fn unread(rejection: BytesRejection) -> ApiError {
    ApiError::of_status(rejection.status())
}

/// A query string.
pub(crate) struct Ask<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Ask<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(query)| Ask(query))
            .map_err(|rejection| misread(&rejection))
    }
}

/// What a query string says, wherever it stands.
pub(crate) fn query<T: DeserializeOwned>(text: &str) -> Result<T, ApiError> {
    let uri = axum::http::Uri::builder().path_and_query(format!("/?{text}")).build();
    let uri = uri.map_err(|error| {
        let said = error.to_string();
        ApiError::field("query", "type", said.clone(), format!("查询参数不符合要求：{said}"))
    })?;
    Query::try_from_uri(&uri)
        .map(|Query(query)| query)
        .map_err(|rejection| misread(&rejection))
}

/// Why a query string does not fit.
fn misread(rejection: &QueryRejection) -> ApiError {
    let said = rejection.body_text();
    let said = said
        .strip_prefix("Failed to deserialize query string: ")
        .unwrap_or(&said)
        .to_owned();
    let zh = format!("查询参数不符合要求：{said}");
    ApiError::field("query", "type", said, zh)
}

/// `{mode}` of a path.
pub(crate) struct ModePath(pub(crate) Mode);

impl<S: Send + Sync> FromRequestParts<S> for ModePath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        #[derive(Deserialize)]
        struct Text {
            mode: String,
        }
        let found = Path::<Text>::from_request_parts(parts, state).await;
        let mode = found.ok().and_then(|Path(path)| path.mode.parse().ok());
        mode.map(ModePath).ok_or_else(|| {
            ApiError::not_found(
                "no_such_mode",
                "the mode is `single` or `multi`",
                "模式应为 `single` 或 `multi`",
            )
        })
    }
}

/// `{mode}` of a path, as the API's document tells it.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[allow(dead_code, reason = "read by its derive alone")]
struct ModeParam {
    /// `single` or `multi`.
    mode: Mode,
}

impl IntoParams for ModePath {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        ModeParam::into_params(|| None)
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ConfigQuery {
    /// Index of the command file, from 0.
    #[serde(default)]
    config_index: u32,
}

/// One command file: `{mode}` of the path and `config_index` of the query, 0 where it is not said.
pub(crate) struct Config(pub(crate) ConfigKey);

impl<S: Send + Sync> FromRequestParts<S> for Config {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let ModePath(mode) = ModePath::from_request_parts(parts, state).await?;
        let Ask(ConfigQuery { config_index: index }) = Ask::from_request_parts(parts, state).await?;
        Ok(Config(ConfigKey { mode, index }))
    }
}

impl IntoParams for Config {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut params = ModeParam::into_params(|| None);
        params.extend(ConfigQuery::into_params(|| None));
        params
    }
}
