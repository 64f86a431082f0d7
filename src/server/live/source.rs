//! What fills a topic, while somebody listens to it.
use std::{collections::BTreeMap, future::Future, pin::Pin};

use serde::Serialize;

use super::board::{Key, Said};
use crate::error::ApiError;

/// A wait of a source.
pub(crate) type Wait<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// Fills one topic. It is made when the first listener comes and dropped when the last one goes, and nobody's topic costs
/// nothing; so what it watches it begins to watch when it is made.
pub(crate) trait Source: Send + 'static {
    /// Says everything that the topic holds now. It runs off the thread that serves and may read files. An error goes to
    /// all listeners and leaves them what they have; one of status 404 ends their subscription.
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError>;

    /// Waits until there may be something new since the last [`Source::read`]. It may be dropped half-way and called again.
    fn changed(&mut self) -> Wait<'_>;
}

/// What a source says of its topic: every key that there is now. A key that is not said is gone.
#[derive(Default)]
pub(crate) struct Draft {
    said: Said,
    same: bool,
}

impl Draft {
    /// A key's value. It is compared as JSON with the one before, so what has not changed may be put again.
    pub(crate) fn put(&mut self, key: &str, value: &impl Serialize) -> Result<(), ApiError> {
        let text = serde_json::to_string(value).map_err(ApiError::internal)?;
        self.said.insert(quoted(key), Some(text.into()));
        Ok(())
    }

    /// A key whose value is what it was, for sources that know without writing it.
    pub(crate) fn keep(&mut self, key: &str) {
        self.said.insert(quoted(key), None);
    }

    /// All is what it was.
    pub(crate) fn keep_all(&mut self) {
        self.same = true;
    }

    /// What was said; `None` where all is what it was.
    pub(super) fn said(self) -> Option<Said> {
        (!self.same).then_some(self.said)
    }
}

fn quoted(key: &str) -> Key {
    serde_json::Value::from(key).to_string().into()
}

/// A value of several fields, some of them left out.
pub(crate) fn without(
    value: &impl Serialize,
    fields: &[&str],
) -> Result<BTreeMap<String, serde_json::Value>, ApiError> {
    let whole = serde_json::to_value(value).map_err(ApiError::internal)?;
    let serde_json::Value::Object(map) = whole else {
        return Ok(BTreeMap::new());
    };
    Ok(map
        .into_iter()
        .filter(|(name, _)| !fields.contains(&name.as_str()))
        .collect())
}
