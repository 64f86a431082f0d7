//! Looking at tasks: pages, single ones, counts, places in the line.
use gpuyard_core::{
    model::{AdhocId, AdhocStatus},
    wire::AdhocCounts,
};
use rusqlite::{Connection, OptionalExtension, params_from_iter, types::Value};

use super::{
    Tasks,
    row::{COLUMNS, Record, Row},
};
use crate::StoreError;

/// Which tasks are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of one of these; all where there is none.
    pub statuses: Vec<AdhocStatus>,
    /// This is in its name, its command's beginning, one of its tags or who made it, in upper or lower case, or it is
    /// its number.
    pub text: Option<String>,
    /// It has this tag.
    pub tag: Option<String>,
    /// Only those with smaller numbers.
    pub before: Option<AdhocId>,
}

/// Some tasks, newest first.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// They.
    pub rows: Vec<Row>,
    /// There are more.
    pub more: bool,
}

/// What is new, for those who follow the tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct News {
    /// Tasks that were made or changed.
    pub rows: Vec<Row>,
    /// Number of the last change that there is.
    pub rev: i64,
    /// How often tasks have been removed: where it is another than before, some of those that were told are gone.
    pub pruned: i64,
}

impl Tasks {
    /// The newest tasks that a filter lets through.
    pub fn list(&self, filter: &Filter, limit: usize) -> Result<Page, StoreError> {
        let (condition, mut values) = condition(filter);
        let sql = format!("SELECT {COLUMNS} FROM tasks WHERE {condition} ORDER BY tasks.id DESC LIMIT ?");
        values.push(Value::Integer(limit as i64 + 1));
        self.read("read", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows: rusqlite::Result<Vec<Row>> = statement.query_map(params_from_iter(values), Row::read)?.collect();
            let mut rows = rows?;
            let more = rows.len() > limit;
            rows.truncate(limit);
            Ok(Page { rows, more })
        })
    }

    /// One task with all that is known of it.
    pub fn get(&self, id: AdhocId) -> Result<Option<Record>, StoreError> {
        self.read("read", |connection| record(connection, id))
    }

    /// What has changed since a change, oldest first.
    pub fn since(&self, rev: i64) -> Result<News, StoreError> {
        self.read("read", |connection| {
            let sql = format!("SELECT {COLUMNS} FROM tasks WHERE rev > ? ORDER BY rev, id");
            let mut statement = connection.prepare_cached(&sql)?;
            let rows: rusqlite::Result<Vec<Row>> = statement.query_map([rev], Row::read)?.collect();
            news(connection, rows?)
        })
    }

    /// Those that are not over, in the order in which they come to their turns.
    pub fn open_rows(&self) -> Result<News, StoreError> {
        self.read("read", |connection| {
            let sql = format!(
                "SELECT {COLUMNS} FROM tasks WHERE status IN ('running', 'queued') ORDER BY status DESC, priority DESC, id"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let rows: rusqlite::Result<Vec<Row>> = statement.query_map([], Row::read)?.collect();
            news(connection, rows?)
        })
    }

    /// How many stand where.
    pub fn counts(&self) -> Result<AdhocCounts, StoreError> {
        self.read("read", |connection| {
            let mut counts = AdhocCounts::default();
            let mut statement = connection.prepare_cached("SELECT status, n FROM counts")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let of = match super::status(row.get_ref(0)?.as_str()?) {
                    AdhocStatus::Queued => &mut counts.queued,
                    AdhocStatus::Running => &mut counts.running,
                    AdhocStatus::Completed => &mut counts.completed,
                    AdhocStatus::Failed => &mut counts.failed,
                    AdhocStatus::Cancelled => &mut counts.cancelled,
                };
                *of = row.get::<_, i64>(1)?.unsigned_abs();
            }
            Ok(counts)
        })
    }

    /// Every tag in use, in order, so many at most.
    pub fn tags(&self, most: usize) -> Result<Vec<String>, StoreError> {
        self.read("read", |connection| {
            let mut statement = connection.prepare_cached("SELECT DISTINCT tag FROM tags ORDER BY tag LIMIT ?")?;
            statement.query_map([most as i64], |row| row.get(0))?.collect()
        })
    }

    /// A waiting task's place in the line, from 1.
    pub fn position(&self, row: &Row) -> Result<u64, StoreError> {
        let (priority, id) = (row.priority, row.id);
        self.read("read", |connection| {
            connection
                .prepare_cached(
                    "SELECT count(*) FROM tasks WHERE status = 'queued' \
                     AND (priority > ?1 OR (priority = ?1 AND id <= ?2))",
                )?
                .query_row((priority, id), |row| row.get::<_, i64>(0))
                .map(i64::unsigned_abs)
        })
    }

    /// Tasks that wait for this one, or waited.
    pub fn dependents(&self, id: AdhocId) -> Result<Vec<AdhocId>, StoreError> {
        self.read("read", |connection| dependents(connection, id))
    }
}

pub(super) fn dependents(connection: &Connection, id: AdhocId) -> rusqlite::Result<Vec<AdhocId>> {
    let mut statement = connection.prepare_cached("SELECT id FROM waits WHERE on_id = ? ORDER BY id")?;
    statement.query_map([id], |row| row.get(0))?.collect()
}

fn news(connection: &Connection, rows: Vec<Row>) -> rusqlite::Result<News> {
    let mut fact = connection.prepare_cached("SELECT value FROM facts WHERE name = ?")?;
    let rev = fact.query_row(["revision"], |row| row.get(0))?;
    let pruned = fact.query_row(["pruned"], |row| row.get(0)).optional()?.unwrap_or(0);
    Ok(News { rows, rev, pruned })
}

pub(super) fn record(connection: &Connection, id: AdhocId) -> rusqlite::Result<Option<Record>> {
    let sql = format!("SELECT {COLUMNS}, spec, state FROM tasks JOIN details USING (id) WHERE id = ?");
    connection
        .prepare_cached(&sql)?
        .query_row([id], Record::read)
        .optional()
}

fn condition(filter: &Filter) -> (String, Vec<Value>) {
    let mut parts = vec!["1".to_owned()];
    let mut values = Vec::new();
    if !filter.statuses.is_empty() {
        let marks = vec!["?"; filter.statuses.len()].join(", ");
        parts.push(format!("tasks.status IN ({marks})"));
        values.extend(filter.statuses.iter().map(|status| Value::Text(status.as_str().into())));
    }
    if let Some(tag) = &filter.tag {
        parts.push("tasks.id IN (SELECT tags.id FROM tags WHERE tags.tag = ?)".into());
        values.push(Value::Text(tag.clone()));
    }
    if let Some(text) = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
        let number = text.strip_prefix('#').unwrap_or(text).parse::<i64>();
        let mut any =
            "tasks.name LIKE ? ESCAPE '\\' OR tasks.brief LIKE ? ESCAPE '\\' OR tasks.tags LIKE ? ESCAPE '\\' \
            OR tasks.created_by LIKE ? ESCAPE '\\'"
                .to_owned();
        let pattern = format!(
            "%{}%",
            text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
        );
        values.extend((0..4).map(|_| Value::Text(pattern.clone())));
        if let Ok(number) = number {
            any.push_str(" OR tasks.id = ?");
            values.push(Value::Integer(number));
        }
        parts.push(format!("({any})"));
    }
    if let Some(before) = filter.before {
        parts.push("tasks.id < ?".into());
        values.push(Value::Integer(before));
    }
    (parts.join(" AND "), values)
}
