//! Reads and edits YAML files: bounded in size, depth and repetition; an edit keeps comments, order and unknown keys, and is
//! read again and compared before anyone writes it.
use std::{cell::Cell, collections::BTreeMap, fmt, path::Path, str::FromStr};

use gpuyard_core::model::FieldError;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use yaml_edit::{Document, Mapping, YamlFile};

use crate::{FieldProblem, StoreError, file};

/// Larger than any rules file that a person wrote.
pub(crate) const MOST_BYTES: u64 = 1 << 20;
/// Nodes that a file may unfold to, aliases counted each time: a bomb is refused before it goes off.
const MOST_NODES: usize = 20_000;
/// Nesting that a file may have.
const MOST_DEPTH: usize = 32;

/// Reads a YAML file into its text and its tree.
pub(crate) fn load(path: &Path) -> Result<(String, Value), StoreError> {
    let text = file::read_text(path, MOST_BYTES)?;
    let tree = parse(&text).map_err(|wrong| wrong.at(path))?;
    Ok((text, tree))
}

/// What is wrong with a text, and in which line.
#[derive(Debug, PartialEq)]
pub(crate) struct Wrong {
    line: usize,
    pub(crate) expected: String,
}

impl Wrong {
    pub(crate) fn at(self, path: &Path) -> StoreError {
        StoreError::Parse {
            path: path.into(),
            line: self.line,
            expected: self.expected,
        }
    }
}

/// Reads YAML into a JSON tree. `secret` and what stands in `environment` are kept as they are written, so that `007` and
/// `1e5` stay what somebody typed.
pub(crate) fn parse(text: &str) -> Result<Value, Wrong> {
    check_nesting(text)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let budget = Cell::new(MOST_NODES);
    let seed = Tree {
        budget: &budget,
        depth: 0,
    };
    let mut tree = seed
        .deserialize(yaml_serde::Deserializer::from_str(text))
        .map_err(|error| {
            let line = error.location().map_or(1, |at| at.line().max(1));
            Wrong {
                line,
                expected: format!("expected valid YAML: {error}"),
            }
        })?;
    keep_spelling(text, &mut tree);
    Ok(tree)
}

/// Puts the spelling of the file in place of numbers and truth values, where texts are wanted.
fn keep_spelling(text: &str, tree: &mut Value) {
    #[derive(serde::Deserialize)]
    struct Secret {
        secret: String,
    }
    #[derive(serde::Deserialize)]
    struct Environment {
        environment: BTreeMap<String, String>,
    }
    let not_text = |value: &Value| value.is_number() || value.is_boolean();
    if let Some(value) = tree.get_mut("secret").filter(|value| not_text(value))
        && let Ok(written) = yaml_serde::from_str::<Secret>(text)
    {
        *value = Value::String(written.secret);
    }
    if let Some(Value::Object(map)) = tree.get_mut("environment")
        && map.values().any(not_text)
        && let Ok(mut written) = yaml_serde::from_str::<Environment>(text)
    {
        for (name, value) in map.iter_mut().filter(|(_, value)| not_text(value)) {
            if let Some(text) = written.environment.remove(name) {
                *value = Value::String(text);
            }
        }
    }
}

/// The reader is quadratic in the depth of open brackets, so that is bounded before it sees the text. Brackets in quotes
/// and comments are counted too; nobody has that many of them open.
fn check_nesting(text: &str) -> Result<(), Wrong> {
    let mut depth = 0_usize;
    let mut line = 1;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'\n' => line += 1,
            _ => {}
        }
        if depth > MOST_DEPTH * 4 {
            return Err(Wrong {
                line,
                expected: format!("expected at most {MOST_DEPTH} levels of nesting"),
            });
        }
    }
    Ok(())
}

/// Builds the tree node by node within a budget.
#[derive(Clone, Copy)]
struct Tree<'a> {
    budget: &'a Cell<usize>,
    depth: usize,
}

impl Tree<'_> {
    fn take<E: de::Error>(&self) -> Result<(), E> {
        match self.budget.get().checked_sub(1) {
            Some(left) => self.budget.set(left),
            None => {
                return Err(E::custom(format!(
                    "expected at most {MOST_NODES} values, aliases unfolded"
                )));
            }
        }
        if self.depth > MOST_DEPTH {
            return Err(E::custom(format!("expected at most {MOST_DEPTH} levels of nesting")));
        }
        Ok(())
    }

    fn below(self) -> Self {
        Tree {
            depth: self.depth + 1,
            ..self
        }
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.take()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(n.into())
    }

    fn visit_i128<E>(self, n: i128) -> Result<Value, E> {
        Ok(Number::from_f64(n as f64).map_or(Value::Null, Value::Number))
    }

    fn visit_u128<E>(self, n: u128) -> Result<Value, E> {
        Ok(Number::from_f64(n as f64).map_or(Value::Null, Value::Number))
    }

    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        // Infinity and nan are no JSON numbers; as texts they are refused where a number is wanted.
        Ok(Number::from_f64(n).map_or_else(|| Value::String(n.to_string()), Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.below())? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key_seed(self.below())? {
            let key = match key {
                Value::String(text) => text,
                Value::Array(_) | Value::Object(_) => return Err(de::Error::custom("expected a plain key")),
                other => other.to_string(),
            };
            let value = entries.next_value_seed(self.below())?;
            if map.contains_key(&key) {
                return Err(de::Error::custom(format!(
                    "the key `{key}` stands here twice; remove one"
                )));
            }
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

/// Keys whose whole content is replaced: what the new value does not have goes.
const REPLACED: &[&str] = &["environment"];

const NO_KEYS: &str = "its top level is not keys with values";

/// Changes keys of a YAML text, and nothing else. A change of an object key changes the keys that it carries.
/// The result has been read again and compared with what was meant; comments have been counted.
pub(crate) fn edit(text: &str, changes: &Map<String, Value>) -> Result<String, String> {
    let before = parse(text).map_err(|wrong| format!("line {}: {}", wrong.line, wrong.expected))?;
    let changes = &as_written(changes);
    let mut meant = match &before {
        Value::Null => Value::Object(Map::new()),
        Value::Object(_) => before.clone(),
        _ => return Err(NO_KEYS.into()),
    };
    merge(&mut meant, changes);
    if same(&before, &meant) {
        return Ok(text.to_owned());
    }
    let (mark, body) = match text.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", text),
    };
    // The editor writes `\n`; a file with other line ends gets its own back.
    let crlf = body.contains("\r\n");
    let body = if crlf {
        body.replace("\r\n", "\n")
    } else {
        body.to_owned()
    };
    let comments = |file: &YamlFile| {
        file.comments()
            .map(|comment| comment.text().to_owned())
            .collect::<Vec<_>>()
    };
    let file = YamlFile::from_str(&body).map_err(|error| error.to_string())?;
    let comments_before = comments(&file);
    let document = file.ensure_document();
    let Some(mapping) = document.as_mapping() else {
        return Err(NO_KEYS.into());
    };
    apply(&mapping, &before, changes);
    let mut out = file.to_string();
    let again = YamlFile::from_str(&out).map_err(|error| error.to_string())?;
    if comments(&again) != comments_before {
        return Err("the edit would lose a comment".into());
    }
    if crlf {
        out = out.replace('\n', "\r\n");
    }
    out.insert_str(0, mark);
    match parse(&out) {
        Ok(after) if same(&after, &meant) => Ok(out),
        Ok(_) => Err("the edit would not read back as what was asked for".into()),
        Err(wrong) => Err(format!("the edit would not read back: {}", wrong.expected)),
    }
}

/// Numbers and truth values where texts are wanted become texts, as [`keep_spelling`] will read them back.
fn as_written(changes: &Map<String, Value>) -> Map<String, Value> {
    let text = |value: &mut Value| {
        if value.is_number() || value.is_boolean() {
            *value = Value::String(value.to_string());
        }
    };
    let mut changes = changes.clone();
    changes.get_mut("secret").map(text);
    if let Some(Value::Object(environment)) = changes.get_mut("environment") {
        environment.values_mut().for_each(text);
    }
    changes
}

fn merge(tree: &mut Value, changes: &Map<String, Value>) {
    let Value::Object(map) = tree else { return };
    for (key, change) in changes {
        match (map.get_mut(key), change) {
            (Some(old @ Value::Object(_)), Value::Object(change)) if !REPLACED.contains(&key.as_str()) => {
                merge(old, change)
            }
            _ => {
                map.insert(key.clone(), change.clone());
            }
        }
    }
}

fn apply(mapping: &Mapping, before: &Value, changes: &Map<String, Value>) {
    for (key, change) in changes {
        let old = &before[key];
        if same(old, change) && before.get(key).is_some() {
            continue;
        }
        match (mapping.get_mapping(key.as_str()), old, change) {
            (Some(inner), Value::Object(had), Value::Object(change)) => {
                if REPLACED.contains(&key.as_str()) {
                    for gone in had.keys().filter(|name| !change.contains_key(*name)) {
                        inner.remove(gone.as_str());
                    }
                }
                if inner.is_empty() && !change.is_empty() {
                    set(mapping, key, &Value::Object(change.clone()));
                } else {
                    apply(&inner, old, change);
                }
            }
            _ => set(mapping, key, change),
        }
    }
}

/// Sets a key to a value, lists and maps in one line. The editor copies nodes of parsed text as they are, so the text is
/// ours: strings stand in double quotes whatever they are, so that `yes`, `007` and `a: b` stay texts for every reader.
fn set(mapping: &Mapping, key: &str, value: &Value) {
    let mut text = String::from("value: ");
    flow(value, &mut text);
    let node = Document::from_str(&text)
        .ok()
        .and_then(|document| document.get("value"));
    // Where that did not parse, nothing is set, and the comparison afterwards refuses the edit.
    if let Some(node) = node {
        mapping.set(key, node);
    }
}

/// A value in YAML's one-line form.
fn flow(value: &Value, out: &mut String) {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        Value::String(text) => quoted(text, out),
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                flow(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            out.push('{');
            for (i, (key, item)) in map.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                quoted(key, out);
                out.push_str(": ");
                flow(item, out);
            }
            out.push('}');
        }
    }
}

/// A text in double quotes. What is not plainly visible is escaped: some of it ends lines for some readers of YAML.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c if c.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Equal as readers see it: 3 is 3.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// The errors of fields, with the lines of their keys.
pub(crate) fn located(text: &str, errors: Vec<FieldError>) -> Vec<FieldProblem> {
    errors
        .into_iter()
        .map(|error| FieldProblem {
            line: line_of(text, &error.field),
            error,
        })
        .collect()
}

/// The line of a key such as `retry_config.backoff_duration`, where it stands on a line of its own.
fn line_of(text: &str, field: &str) -> Option<usize> {
    let mut lines = text.lines().enumerate();
    let mut found = None;
    for part in field.split('.') {
        let key = part.split('[').next().unwrap_or(part);
        let next = lines.find(|(_, line)| {
            let line = line.trim_start_matches(['\u{feff}', ' ', '\t']);
            let name = line
                .split(':')
                .next()
                .unwrap_or_default()
                .trim()
                .trim_matches(['"', '\'']);
            name == key && line.contains(':')
        });
        match next {
            Some((at, _)) => found = Some(at + 1),
            None => return found,
        }
    }
    found
}

#[cfg(test)]
mod tests;
