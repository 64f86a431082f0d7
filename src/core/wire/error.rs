//! What every failed call answers.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of a call that failed, whatever its status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorAnswer {
    /// False.
    pub success: bool,
    /// For programs: it stays the same in every language and version.
    pub code: String,
    /// For people, in the language of `Accept-Language` (`en` or `zh`).
    pub message: String,
    /// What is wrong with single fields of what was sent (422 only).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldAnswer>,
    /// A save that would have undone somebody else's (409, `stale`): what stands there now, as a GET would answer it.
    /// Its version is in `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    pub current: Option<serde_json::Value>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldAnswer {
    /// Its path: `queues[0].processes[1].memory`, say.
    pub field: String,
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
}
