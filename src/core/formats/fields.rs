//! Reads typed fields out of a JSON object and collects what is wrong with them.
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::model::{FieldError, Seconds};

/// What a number may be.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// Above 0.
    Positive,
    /// 0 or more.
    NotNegative,
    /// Both ends included.
    Between(f64, f64),
}

impl Limit {
    fn holds(self, n: f64) -> bool {
        n.is_finite()
            && match self {
                Limit::Positive => n > 0.0,
                Limit::NotNegative => n >= 0.0,
                Limit::Between(low, high) => (low..=high).contains(&n),
            }
    }

    fn words(self) -> (String, String) {
        match self {
            Limit::Positive => ("above 0".into(), "大于 0".into()),
            Limit::NotNegative => ("0 or more".into(), "不小于 0".into()),
            Limit::Between(low, high) => (format!("from {low} to {high}"), format!("{low} 到 {high} 之间")),
        }
    }
}

/// Reads fields of one object. A field that is absent leaves its target as it is; one that is wrong does too, and is
/// an error. Keys that nobody asks for are tolerated.
pub(super) struct Fields<'a> {
    object: &'a Map<String, Value>,
    prefix: &'static str,
    /// What was wrong so far.
    pub(super) errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which must be an object.
    pub(super) fn new(value: &'a Value, prefix: &'static str) -> Result<Fields<'a>, Vec<FieldError>> {
        match value {
            Value::Object(object) => Ok(Fields {
                object,
                prefix,
                errors: Vec::new(),
            }),
            other => Err(vec![FieldError::new(
                prefix.trim_end_matches('.'),
                "type",
                format!("must be keys with values (`key: value`), not {}", kind(other).0),
                format!("应为“键: 值”的形式，而不是{}", kind(other).1),
            )]),
        }
    }

    /// The value of a key, where it is there.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key)
    }

    fn name(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// Notes an error of a key.
    pub(super) fn fail(&mut self, key: &str, code: &str, en: impl Into<String>, zh: impl Into<String>) {
        self.errors.push(FieldError::new(self.name(key), code, en, zh));
    }

    fn wrong_type(&mut self, key: &str, value: &Value, en: &str, zh: &str) {
        let (kind_en, kind_zh) = kind(value);
        self.fail(
            key,
            "type",
            format!("must be {en}, not {kind_en}"),
            format!("应为{zh}，而不是{kind_zh}"),
        );
    }

    /// Notes each of these keys that is absent; `example` says what to write.
    pub(super) fn require(&mut self, keys: &[(&str, &str)]) {
        for (key, example) in keys {
            if !self.object.contains_key(*key) {
                self.fail(
                    key,
                    "missing",
                    format!("is missing; add a line such as `{key}: {example}`"),
                    format!("缺少此项；请添加一行，例如 `{key}: {example}`"),
                );
            }
        }
    }

    /// true or false, in any of the spellings that YAML has had for them.
    pub(super) fn bool(&mut self, key: &str, target: &mut bool) {
        let Some(value) = self.get(key) else { return };
        match as_bool(value) {
            Some(b) => *target = b,
            None => self.wrong_type(key, value, "true or false", "true 或 false"),
        }
    }

    /// A number within limits.
    pub(super) fn number(&mut self, key: &str, limit: Limit, target: &mut f64) {
        let Some(value) = self.get(key) else { return };
        let Some(n) = value.as_f64() else {
            return self.wrong_type(key, value, "a number", "数字");
        };
        if limit.holds(n) {
            *target = n;
        } else {
            let (en, zh) = limit.words();
            self.fail(
                key,
                "range",
                format!("must be {en}; {n} is not"),
                format!("应{zh}，而不是 {n}"),
            );
        }
    }

    /// A number within limits, or null.
    pub(super) fn optional_number(&mut self, key: &str, limit: Limit, target: &mut Option<f64>) {
        match self.get(key) {
            None => {}
            Some(Value::Null) => *target = None,
            Some(_) => {
                let mut n = f64::NAN;
                self.number(key, limit, &mut n);
                if !n.is_nan() {
                    *target = Some(n);
                }
            }
        }
    }

    /// A length of time in seconds.
    pub(super) fn seconds(&mut self, key: &str, limit: Limit, target: &mut Seconds) {
        self.number(key, limit, &mut target.0);
    }

    /// A length of time in seconds, or null.
    pub(super) fn optional_seconds(&mut self, key: &str, limit: Limit, target: &mut Option<Seconds>) {
        let mut n = target.map(|s| s.0);
        self.optional_number(key, limit, &mut n);
        *target = n.map(Seconds);
    }

    /// A whole number, both ends included.
    pub(super) fn whole(&mut self, key: &str, low: u32, high: u32, target: &mut u32) {
        let Some(value) = self.get(key) else { return };
        match as_whole(value) {
            Some(n) if (u64::from(low)..=u64::from(high)).contains(&n) => *target = n as u32,
            None if value.as_f64().is_none() => self.wrong_type(key, value, "a whole number", "整数"),
            _ => self.fail(
                key,
                "range",
                format!("must be a whole number from {low} to {high}; {value} is not"),
                format!("应为 {low} 到 {high} 之间的整数，而不是 {value}"),
            ),
        }
    }

    /// A list of whole numbers from 0. null is the empty list.
    pub(super) fn whole_list(&mut self, key: &str, target: &mut Vec<u32>) {
        let Some(value) = self.get(key) else { return };
        let items = match value {
            Value::Null => &[][..],
            Value::Array(items) => items,
            _ => {
                return self.wrong_type(
                    key,
                    value,
                    "a list of GPU indices such as [0, 1]",
                    "GPU 序号列表，例如 [0, 1]",
                );
            }
        };
        let mut list = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            match as_whole(item).and_then(|n| u32::try_from(n).ok()) {
                Some(n) => list.push(n),
                None => self.fail(
                    &format!("{key}[{i}]"),
                    "type",
                    format!("must be a GPU index, a whole number from 0; {item} is not"),
                    format!("应为 GPU 序号（从 0 开始的整数），而不是 {item}"),
                ),
            }
        }
        *target = list;
    }

    /// A text that is not empty and has no control characters.
    pub(super) fn text(&mut self, key: &str, target: &mut String) {
        let Some(value) = self.get(key) else { return };
        match value {
            Value::String(text) => {
                if self.plain(key, text) {
                    *target = text.clone();
                }
            }
            other => self.wrong_type(key, other, "a text (put it in quotes)", "文本（请加引号）"),
        }
    }

    fn plain(&mut self, key: &str, text: &str) -> bool {
        if text.trim().is_empty() {
            self.fail(key, "empty", "must not be empty", "不能为空");
        } else if text.chars().any(char::is_control) {
            self.fail(
                key,
                "control",
                "must be one line without control characters",
                "应为不含控制字符的单行文本",
            );
        } else {
            return true;
        }
        false
    }

    /// A path.
    pub(super) fn path(&mut self, key: &str, target: &mut PathBuf) {
        let mut text = String::new();
        self.text(key, &mut text);
        if !text.is_empty() {
            *target = PathBuf::from(text);
        }
    }

    /// A path, or null.
    pub(super) fn optional_path(&mut self, key: &str, target: &mut Option<PathBuf>) {
        match self.get(key) {
            None => {}
            Some(Value::Null) => *target = None,
            Some(_) => {
                let mut path = PathBuf::new();
                self.path(key, &mut path);
                if path != PathBuf::new() {
                    *target = Some(path);
                }
            }
        }
    }

    /// A list of texts. null is the empty list.
    pub(super) fn text_list(&mut self, key: &str, target: &mut Vec<String>) {
        let Some(value) = self.get(key) else { return };
        let items = match value {
            Value::Null => &[][..],
            Value::Array(items) => items,
            _ => return self.wrong_type(key, value, "a list of texts", "文本列表"),
        };
        let mut list = Vec::with_capacity(items.len());
        for (i, item) in items.iter().enumerate() {
            let at = format!("{key}[{i}]");
            match item {
                Value::String(text) => {
                    if self.plain(&at, text) {
                        list.push(text.clone());
                    }
                }
                other => self.wrong_type(&at, other, "a text (put it in quotes)", "文本（请加引号）"),
            }
        }
        *target = list;
    }

    /// One of a closed list of words, in any case.
    pub(super) fn choice(&mut self, key: &str, words: &[&'static str]) -> Option<&'static str> {
        let value = self.get(key)?;
        let found = value
            .as_str()
            .and_then(|text| words.iter().find(|word| word.eq_ignore_ascii_case(text.trim())));
        if found.is_none() {
            let list = words.join(", ");
            self.fail(
                key,
                "choice",
                format!("must be one of {list}; {value} is not"),
                format!("应为以下之一：{list}；而不是 {value}"),
            );
        }
        found.copied()
    }
}

/// What is wrong with the keys of a change as such, before their values are looked at. A file may have keys that nobody
/// knows, and `key:` with nothing behind it; who sends a change has to mean something that there is. `known` is an object
/// with every key and its default; a key whose default is null may be null.
pub(super) fn check_keys(change: &Map<String, Value>, known: &Value, prefix: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in change {
        let field = format!("{prefix}{key}");
        match known.get(key) {
            None => errors.push(FieldError::new(
                field,
                "unknown_key",
                "is no key that is known here; is it misspelt?",
                "没有这个配置项；是否拼写有误？",
            )),
            Some(default) if value.is_null() && !default.is_null() => errors.push(FieldError::new(
                field,
                "type",
                "must not be null; leave the key out to keep what it is",
                "不能为 null；若不修改请不要发送此项",
            )),
            Some(_) => {}
        }
    }
    errors
}

/// What was checked, unless something was wrong before; of two errors of one field, the first.
pub(super) fn unless<T>(
    mut errors: Vec<FieldError>,
    checked: Result<T, Vec<FieldError>>,
) -> Result<T, Vec<FieldError>> {
    match checked {
        Ok(value) if errors.is_empty() => Ok(value),
        Ok(_) => Err(errors),
        Err(more) => {
            let known: Vec<String> = errors.iter().map(|error| error.field.clone()).collect();
            errors.extend(more.into_iter().filter(|error| !known.contains(&error.field)));
            Err(errors)
        }
    }
}

/// true or false. The seed's reader also took `yes`, `no`, `on` and `off`, so we do.
fn as_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(b) => Some(*b),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A whole number from 0, also when it is written `3.0`.
fn as_whole(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        // Below 2^53 every whole f64 is exact.
        value
            .as_f64()
            .filter(|n| n.fract() == 0.0 && (0.0..9e15).contains(n))
            .map(|n| n as u64)
    })
}

/// What a value is, in words.
fn kind(value: &Value) -> (&'static str, &'static str) {
    match value {
        Value::Null => ("nothing (null)", "空值 (null)"),
        Value::Bool(_) => ("true or false", "true 或 false"),
        Value::Number(_) => ("a number", "数字"),
        Value::String(_) => ("a text", "文本"),
        Value::Array(_) => ("a list", "列表"),
        Value::Object(_) => ("keys with values", "键值"),
    }
}
