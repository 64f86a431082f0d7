//! `/api/settings`: the daemon's settings, key by key.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{AdditionalProperties, Schema},
    },
};

use crate::model::Settings;

/// Answer of `GET /api/settings`: every key, in the spelling of the file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct SettingsAnswer(pub BTreeMap<String, Setting>);

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// What the file says, or what its absence means. A secret is never sent: it is `None`, and an empty text where
    /// there is none.
    #[schema(value_type = Value)]
    pub value: Value,
    /// Whether a change takes effect at the daemon's next start only.
    pub requires_restart: bool,
    /// What to mind before it is changed.
    pub warning: Option<String>,
    /// What it is.
    pub description: String,
    /// Whether the daemon runs with another value than the file has: it waits for a restart.
    pub pending: bool,
}

/// Body of `PUT /api/settings`: the keys to change, the others stay.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct SettingsChange(pub Map<String, Value>);

impl PartialSchema for SettingsChange {
    fn schema() -> RefOr<Schema> {
        let mut schema = Settings::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.description = Some("The keys to change, the others stay.".into());
            object.required = Vec::new();
            object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
        }
        schema
    }
}

impl ToSchema for SettingsChange {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Settings::schemas(schemas);
    }
}

/// Answer of `PUT /api/settings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SettingsSaved {
    /// In words.
    pub message: String,
    /// Changed keys that take effect at the daemon's next start only.
    pub requires_restart: Vec<String>,
    /// What to mind about the changed keys.
    pub warnings: Vec<String>,
}
