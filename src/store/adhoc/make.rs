//! Making tasks.
use gpuyard_core::{
    formats::adhoc::brief,
    model::{AdhocId, AdhocSpec, AdhocStatus},
};
use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction, params};

use super::{Tasks, millis, next_rev, row::to_json, status};
use crate::StoreError;

/// Characters of a command that lists show and searches look through.
pub(super) const BRIEF: usize = 200;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Make {
    /// They are on disk; their numbers, in order.
    Made(Vec<AdhocId>),
    /// One of the tasks to wait for is not there. Nothing was made.
    NoSuchTask(AdhocId),
    /// One of them will not complete by itself. Nothing was made.
    WillNotComplete(AdhocId, AdhocStatus),
}

impl Tasks {
    /// Makes tasks, all or none.
    pub fn make(&self, specs: &[AdhocSpec], now: Timestamp) -> Result<Make, StoreError> {
        self.write("write", |transaction| {
            for on in specs.iter().flat_map(|spec| &spec.depends_on) {
                if let Some(refusal) = refuse(transaction, *on)? {
                    return Ok(refusal);
                }
            }
            let rev = next_rev(transaction)?;
            let ids: rusqlite::Result<Vec<AdhocId>> =
                specs.iter().map(|spec| insert(transaction, spec, rev, now)).collect();
            ids.map(Make::Made)
        })
    }
}

/// Why nothing may wait for this task.
pub(super) fn refuse(transaction: &Transaction<'_>, on: AdhocId) -> rusqlite::Result<Option<Make>> {
    let found: Option<String> = transaction
        .prepare_cached("SELECT status FROM tasks WHERE id = ?")?
        .query_row([on], |row| row.get(0))
        .optional()?;
    Ok(match found.as_deref().map(status) {
        None => Some(Make::NoSuchTask(on)),
        Some(status @ (AdhocStatus::Failed | AdhocStatus::Cancelled)) => Some(Make::WillNotComplete(on, status)),
        Some(_) => None,
    })
}

fn insert(transaction: &Transaction<'_>, spec: &AdhocSpec, rev: i64, now: Timestamp) -> rusqlite::Result<AdhocId> {
    transaction
        .prepare_cached(
            "INSERT INTO tasks (rev, wish, status, name, brief, tags, created_by, gpu_type, gpu_count, memory, priority, \
             not_before, created_at) VALUES (?1, ?1, 'queued', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            rev,
            spec.name,
            brief(&spec.command, BRIEF),
            to_json(&spec.tags),
            spec.created_by,
            spec.gpu_type,
            spec.gpu_count,
            spec.memory,
            spec.priority,
            spec.not_before.map(millis),
            millis(now),
        ])?;
    let id = transaction.last_insert_rowid();
    transaction
        .prepare_cached("INSERT INTO details (id, spec) VALUES (?, ?)")?
        .execute(params![id, to_json(spec)])?;
    link(transaction, id, spec)?;
    Ok(id)
}

/// Writes whom a task waits for, and its tags, anew.
pub(super) fn link(transaction: &Transaction<'_>, id: AdhocId, spec: &AdhocSpec) -> rusqlite::Result<()> {
    transaction
        .prepare_cached("DELETE FROM waits WHERE id = ?")?
        .execute([id])?;
    transaction
        .prepare_cached("DELETE FROM tags WHERE id = ?")?
        .execute([id])?;
    for on in &spec.depends_on {
        transaction
            .prepare_cached("INSERT INTO waits (id, on_id) VALUES (?, ?)")?
            .execute([id, *on])?;
    }
    for tag in &spec.tags {
        transaction
            .prepare_cached("INSERT INTO tags (tag, id) VALUES (?, ?)")?
            .execute(params![tag, id])?;
    }
    Ok(())
}
