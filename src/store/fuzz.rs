//! What fuzz targets reach into (fuzz/). Only there in their builds.
use gpuyard_core::queue::Entry;
use serde_json::{Map, Value};

/// A YAML text as a tree.
pub fn yaml_parse(text: &str) -> Result<Value, String> {
    crate::yaml::parse(text).map_err(|wrong| wrong.expected)
}

/// A YAML text with other values.
pub fn yaml_edit(text: &str, changes: &Map<String, Value>) -> Result<String, String> {
    crate::yaml::edit(text, changes)
}

/// A journal's bytes: how many events, bytes of whole lines, and broken lines.
pub fn journal(bytes: &[u8]) -> (usize, usize, usize) {
    crate::state::counts::<Entry>(bytes)
}
