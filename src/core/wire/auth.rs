//! `/api/auth/*` and `/api/health`.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/health`: open to everyone, so it says nothing about the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
    /// The program's version.
    pub version: String,
    /// The API's version; it changes when an answer changes in a way that programs would trip over.
    pub api_version: String,
}

/// Answer of `GET /api/auth/check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthCheck {
    /// Whether callers must show the secret.
    pub requires_auth: bool,
}

/// Body of `POST /api/auth/login`.
// It has no `Debug`: it must not reach a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginRequest {
    /// The secret.
    pub password: String,
}

/// Answer of `POST /api/auth/login`.
// It has no `Debug`: it must not reach a log.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoginAnswer {
    /// True; a failed login is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// To be sent as `Authorization: Bearer`; `None` where no secret is asked for.
    pub token: Option<String>,
    /// When it ends at the latest; unused, it ends sooner.
    pub expires_at: Option<Timestamp>,
}

/// Answer of `POST /api/auth/logout`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogoutAnswer {
    /// True.
    pub success: bool,
    /// In words.
    pub message: String,
}
