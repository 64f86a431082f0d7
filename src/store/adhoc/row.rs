//! A row of the table as a value.
use std::path::PathBuf;

use gpuyard_core::{
    model::{AdhocId, AdhocSpec, AdhocStatus},
    queue::Task,
};
use jiff::Timestamp;
use rusqlite::types::Type;

use super::{LOG, moment, run_id, status, task_id};
use crate::Root;

/// The columns of [`Row`], in the order in which [`Row::read`] takes them.
pub(super) const COLUMNS: &str = "tasks.id, tasks.rev, tasks.wish, tasks.status, tasks.name, tasks.brief, tasks.tags, \
    tasks.created_by, tasks.gpu_type, tasks.gpu_count, tasks.memory, tasks.priority, tasks.not_before, \
    tasks.created_at, tasks.stop, tasks.attempt, tasks.gpus, tasks.started_at, tasks.finished_at, tasks.exit_code, \
    tasks.signal, tasks.error, tasks.log_path, tasks.gate, tasks.backing_off";
/// How many they are.
pub(super) const WIDTH: usize = 25;

/// What lists show, and what the line is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub id: AdhocId,
    /// Of its last change.
    pub rev: i64,
    /// Of the last change that a person made.
    pub wish: i64,
    /// Where it stands.
    pub status: AdhocStatus,
    /// For people.
    pub name: String,
    /// The beginning of its command.
    pub brief: String,
    /// Sorted.
    pub tags: Vec<String>,
    /// In their own words.
    pub created_by: Option<String>,
    /// Model or `any`.
    pub gpu_type: String,
    /// At once.
    pub gpu_count: u32,
    /// GiB on each.
    pub memory: Option<f64>,
    /// The higher, the sooner.
    pub priority: i32,
    /// It does not start earlier.
    pub not_before: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Somebody wants it to end.
    pub stop: bool,
    /// Attempts begun so far.
    pub attempt: u32,
    /// Indices of the GPUs of its last attempt.
    pub gpus: Vec<u32>,
    /// Start of its last attempt.
    pub started_at: Option<Timestamp>,
    /// End of its last attempt, or when it was cancelled.
    pub finished_at: Option<Timestamp>,
    /// Of its last attempt.
    pub exit_code: Option<i32>,
    /// That ended its last attempt.
    pub signal: Option<i32>,
    /// In words.
    pub error: Option<String>,
    /// Log of its last attempt, below the root.
    pub log_path: Option<String>,
    /// Its next try does not begin earlier.
    pub gate: Option<Timestamp>,
    /// That is a back-off, not the shorter delay.
    pub backing_off: bool,
}

impl Row {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
        let time =
            |at: usize| -> rusqlite::Result<Option<Timestamp>> { Ok(row.get::<_, Option<i64>>(at)?.map(moment)) };
        Ok(Row {
            id: row.get(0)?,
            rev: row.get(1)?,
            wish: row.get(2)?,
            status: status(row.get_ref(3)?.as_str()?),
            name: row.get(4)?,
            brief: row.get(5)?,
            tags: json(row, 6)?,
            created_by: row.get(7)?,
            gpu_type: row.get(8)?,
            gpu_count: row.get(9)?,
            memory: row.get(10)?,
            priority: row.get(11)?,
            not_before: time(12)?,
            created_at: moment(row.get(13)?),
            stop: row.get(14)?,
            attempt: row.get(15)?,
            gpus: json(row, 16)?,
            started_at: time(17)?,
            finished_at: time(18)?,
            exit_code: row.get(19)?,
            signal: row.get(20)?,
            error: row.get(21)?,
            log_path: row.get(22)?,
            gate: time(23)?,
            backing_off: row.get(24)?,
        })
    }
}

/// A task with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// What lists show.
    pub row: Row,
    /// What was asked for.
    pub spec: AdhocSpec,
    /// How it has fared; `None` until it has been placed for the first time.
    pub state: Option<Task>,
}

impl Record {
    /// The log of its last attempt, or of another one; `None` where it has had no such attempt.
    pub fn log_path(&self, root: &Root, attempt: Option<u32>) -> Option<PathBuf> {
        let attempt = attempt.unwrap_or(self.row.attempt);
        let known = (1..=self.row.attempt).contains(&attempt);
        known.then(|| root.task_folder(&run_id(), &task_id(self.row.id), attempt).join(LOG))
    }

    /// Reads the columns of a row, and then `spec` and `state`.
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Record> {
        let state: Option<String> = row.get(WIDTH + 1)?;
        Ok(Record {
            row: Row::read(row)?,
            spec: json(row, WIDTH)?,
            state: state
                .map(|text| serde_json::from_str(&text))
                .transpose()
                .map_err(|error| rusqlite::Error::FromSqlConversionFailure(WIDTH + 1, Type::Text, error.into()))?,
        })
    }
}

/// JSON in a column.
fn json<T: serde::de::DeserializeOwned>(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<T> {
    serde_json::from_str(row.get_ref(at)?.as_str()?)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, error.into()))
}

/// JSON for a column: plain values with text keys, in which nothing can fail to serialise.
pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
