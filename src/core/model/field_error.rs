//! What is wrong with one field of something that a person sent or wrote, in both languages.
use serde::{Deserialize, Serialize};

use super::Lang;

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    #[serde(rename = "message_en")]
    pub en: String,
    /// Chinese.
    #[serde(rename = "message_zh")]
    pub zh: String,
}

impl Text {
    /// The text of both languages.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Text {
        Text {
            en: en.into(),
            zh: zh.into(),
        }
    }

    /// The text of one language.
    pub fn get(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

/// A field that cannot be taken, why, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// Where: `retry_config.backoff_duration`, `queues[0].processes[1].commands[0]`.
    pub field: String,
    /// For programs: `missing`, `type`, `range`, …
    pub code: String,
    /// For people.
    #[serde(flatten)]
    pub message: Text,
}

impl FieldError {
    /// An error of a field.
    pub fn new(field: impl Into<String>, code: &str, en: impl Into<String>, zh: impl Into<String>) -> FieldError {
        FieldError {
            field: field.into(),
            code: code.into(),
            message: Text::new(en, zh),
        }
    }

    /// `field: message` in one language.
    pub fn text(&self, lang: Lang) -> String {
        format!("{}: {}", self.field, self.message.get(lang))
    }
}
