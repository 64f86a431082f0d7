//! `/api/log/*`: what is answered about logs.
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Answer of `GET /api/log/content`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogContent {
    /// True; a failed reading is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// What was asked for. Bytes that are no UTF-8 are replaced.
    pub content: String,
    /// Which file.
    pub log_path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where `content` begins in it.
    pub offset: u64,
    /// Where `content` ends in it: to be asked from next.
    pub next_offset: u64,
    /// Lines in it; `None` until they have been counted.
    pub total_lines: Option<u64>,
}
