//! Versions in headers: `ETag` of an answer, `If-Match` of a save.
use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponseParts, ResponseParts},
};
use gpuyard_store::file::Version;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::error::ApiError;

/// The version of an answer, as its `ETag`. None where there is nothing yet that could have one.
pub(crate) struct Tag(pub(crate) Option<String>);

/// A version as it stands in a header.
pub(crate) fn header_value(version: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{version}\"")).ok()
}

impl IntoResponseParts for Tag {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut response: ResponseParts) -> Result<ResponseParts, Self::Error> {
        if let Some(value) = self.0.as_deref().and_then(header_value) {
            response.headers_mut().insert(header::ETAG, value);
        }
        Ok(response)
    }
}

/// Which versions a caller is willing to write over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IfMatch {
    /// It does not say: any, or none.
    Unsaid,
    /// `*`: any that is there.
    Any,
    /// One of these.
    OneOf(Vec<Version>),
}

impl IfMatch {
    /// What a save has to find, if what stands there now will do; `None` where it will not.
    pub(crate) fn expects(&self, current: Option<&Version>) -> Option<Option<Version>> {
        match (self, current) {
            (IfMatch::Unsaid, _) => Some(None),
            (IfMatch::Any, Some(current)) => Some(Some(current.clone())),
            (IfMatch::OneOf(versions), Some(current)) if versions.contains(current) => Some(Some(current.clone())),
            _ => None,
        }
    }

    fn parse(text: &str) -> Option<IfMatch> {
        if text.trim() == "*" {
            return Some(IfMatch::Any);
        }
        let each = text.split(',').map(|tag| {
            let tag = tag.trim();
            // What was compressed on its way is the same file still.
            let tag = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = tag.strip_prefix('"')?.strip_suffix('"')?;
            (!inner.is_empty()).then(|| Version(inner.to_owned()))
        });
        each.collect::<Option<Vec<_>>>().map(IfMatch::OneOf)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(IfMatch::Unsaid);
        };
        let parsed = value.to_str().ok().and_then(IfMatch::parse);
        parsed.ok_or_else(|| {
            ApiError::field(
                "If-Match",
                "type",
                "must be the ETag of what was read, in double quotes, or *",
                "应为读取时得到的 ETag（带双引号），或 *",
            )
        })
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .pattern(Some(r#"^(\*|"[0-9a-f]{32}")$"#));
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "The `ETag` of what was read. If something else stands there by now, nothing is written.",
            ))
            .schema(Some(text));
        vec![parameter.build()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_may_be_written_over_and_nothing_else() {
        let (one, two) = (Version("aa".into()), Version("bb".into()));
        let expects = |text: &str, current| IfMatch::parse(text).unwrap().expects(current);
        assert_eq!(expects("\"aa\"", Some(&one)), Some(Some(one.clone())));
        assert_eq!(expects("W/\"aa\"", Some(&one)), Some(Some(one.clone())));
        assert_eq!(expects("\"bb\", \"aa\"", Some(&one)), Some(Some(one.clone())));
        assert_eq!(expects("\"aa\"", Some(&two)), None);
        assert_eq!(expects("\"aa\"", None), None);
        assert_eq!(expects("*", Some(&one)), Some(Some(one.clone())));
        assert_eq!(expects("*", None), None);
        assert_eq!(IfMatch::Unsaid.expects(None), Some(None));
        assert_eq!(IfMatch::Unsaid.expects(Some(&one)), Some(None));
        for wrong in ["", "aa", "\"aa", "\"\"", "\"aa\" \"bb\""] {
            assert!(
                matches!(IfMatch::parse(wrong), None | Some(IfMatch::OneOf(_))),
                "{wrong}"
            );
        }
        assert_eq!(IfMatch::parse("aa"), None);
    }
}
