//! What people want of tasks that are there: another wish, an end, another try.
use gpuyard_core::{
    formats::adhoc::brief,
    model::{AdhocId, AdhocSpec, AdhocStatus},
    queue::again,
};
use jiff::Timestamp;
use rusqlite::{Transaction, params};

use super::{
    Make, Tasks,
    look::{dependents, record},
    make::{BRIEF, link, refuse},
    millis, next_rev,
    row::to_json,
};
use crate::StoreError;

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is on disk.
    Done,
    /// There is no such task.
    NotFound,
    /// It no longer waits: what it asks for cannot be changed.
    NotQueued(AdhocStatus),
    /// It would wait for itself, by way of this one.
    Circle(AdhocId),
    /// It may not wait for one that it names: see [`Make`].
    Refused(Make),
}

/// What came of another try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It waits again.
    Done,
    /// There is no such task.
    NotFound,
    /// It is not over.
    NotOver(AdhocStatus),
    /// A task that it depends on has not completed, and will not by itself.
    WillNotComplete(AdhocId, AdhocStatus),
}

/// What became of tasks that were to be cancelled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cancelled {
    /// They waited, or depended on one that did.
    pub cancelled: Vec<AdhocId>,
    /// They run, and are to be ended.
    pub asked: Vec<AdhocId>,
    /// They are over.
    pub over: Vec<AdhocId>,
    /// They are not there.
    pub missing: Vec<AdhocId>,
}

impl Tasks {
    /// Replaces what a waiting task asks for.
    pub fn change(&self, id: AdhocId, spec: &AdhocSpec) -> Result<Change, StoreError> {
        self.write("write", |transaction| {
            let Some(old) = record(transaction, id)? else {
                return Ok(Change::NotFound);
            };
            if old.row.status != AdhocStatus::Queued {
                return Ok(Change::NotQueued(old.row.status));
            }
            for on in &spec.depends_on {
                if let Some(refusal) = refuse(transaction, *on)? {
                    return Ok(Change::Refused(refusal));
                }
                if waits_for(transaction, *on, id)? {
                    return Ok(Change::Circle(*on));
                }
            }
            write_spec(transaction, id, spec)?;
            link(transaction, id, spec)?;
            Ok(Change::Done)
        })
    }

    /// Changes the priority of a task that is not over.
    pub fn set_priority(&self, id: AdhocId, priority: i32) -> Result<Change, StoreError> {
        self.write("write", |transaction| {
            let Some(mut old) = record(transaction, id)? else {
                return Ok(Change::NotFound);
            };
            if old.row.status.is_over() {
                return Ok(Change::NotQueued(old.row.status));
            }
            old.spec.priority = priority;
            write_spec(transaction, id, &old.spec)?;
            Ok(Change::Done)
        })
    }

    /// Cancels what waits, and asks for the end of what runs; tasks that depend on those that waited are cancelled too.
    pub fn cancel(&self, ids: &[AdhocId], now: Timestamp) -> Result<Cancelled, StoreError> {
        self.write("write", |transaction| {
            let mut done = Cancelled::default();
            let rev = next_rev(transaction)?;
            for &id in ids {
                let Some(found) = record(transaction, id)? else {
                    done.missing.push(id);
                    continue;
                };
                match found.row.status {
                    AdhocStatus::Queued => {
                        end(transaction, id, "cancelled", rev, now)?;
                        done.cancelled.push(id);
                        done.cancelled
                            .extend(fall(transaction, id, AdhocStatus::Cancelled, rev, now)?);
                    }
                    AdhocStatus::Running => {
                        transaction
                            .prepare_cached("UPDATE tasks SET stop = 1, rev = ?1, wish = ?1 WHERE id = ?2")?
                            .execute([rev, id])?;
                        done.asked.push(id);
                    }
                    // Another of these may have taken it along.
                    _ if done.cancelled.contains(&id) => {}
                    _ => done.over.push(id),
                }
            }
            Ok(done)
        })
    }

    /// Lets a task that is over wait for another attempt, at its old place in the line.
    pub fn retry(&self, id: AdhocId) -> Result<Retry, StoreError> {
        self.write("write", |transaction| {
            let Some(found) = record(transaction, id)? else {
                return Ok(Retry::NotFound);
            };
            if !found.row.status.is_over() {
                return Ok(Retry::NotOver(found.row.status));
            }
            for on in &found.spec.depends_on {
                if let Some(Make::WillNotComplete(on, status)) = refuse(transaction, *on)? {
                    return Ok(Retry::WillNotComplete(on, status));
                }
            }
            let state = found.state.map(|mut task| {
                again(&mut task);
                to_json(&task)
            });
            let rev = next_rev(transaction)?;
            transaction
                .prepare_cached(
                    "UPDATE tasks SET rev = ?1, wish = ?1, status = 'queued', stop = 0, error = NULL, exit_code = NULL, \
                     signal = NULL, finished_at = NULL, gate = NULL WHERE id = ?2",
                )?
                .execute([rev, id])?;
            transaction
                .prepare_cached("UPDATE details SET state = ? WHERE id = ?")?
                .execute(params![state, id])?;
            Ok(Retry::Done)
        })
    }
}

fn write_spec(transaction: &Transaction<'_>, id: AdhocId, spec: &AdhocSpec) -> rusqlite::Result<()> {
    let rev = next_rev(transaction)?;
    transaction
        .prepare_cached(
            "UPDATE tasks SET rev = ?1, wish = ?1, name = ?2, brief = ?3, tags = ?4, created_by = ?5, gpu_type = ?6, \
             gpu_count = ?7, memory = ?8, priority = ?9, not_before = ?10 WHERE id = ?11",
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
            id,
        ])?;
    transaction
        .prepare_cached("UPDATE details SET spec = ? WHERE id = ?")?
        .execute(params![to_json(spec), id])?;
    Ok(())
}

/// Whether one task is, or waits for, another, by whatever way.
fn waits_for(transaction: &Transaction<'_>, id: AdhocId, other: AdhocId) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached(
            "WITH RECURSIVE chain(id) AS (SELECT ?1 UNION SELECT waits.on_id FROM waits JOIN chain ON waits.id = chain.id) \
             SELECT EXISTS (SELECT 1 FROM chain WHERE id = ?2)",
        )?
        .query_row([id, other], |row| row.get(0))
}

fn end(transaction: &Transaction<'_>, id: AdhocId, error: &str, rev: i64, now: Timestamp) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE tasks SET status = 'cancelled', stop = 0, gate = NULL, error = ?1, finished_at = ?2, rev = ?3, wish = ?3 \
             WHERE id = ?4",
        )?
        .execute(params![error, millis(now), rev, id])?;
    Ok(())
}

/// Cancels those that wait for a task that ended in another way than by completing, and those that wait for them.
pub(super) fn fall(
    transaction: &Transaction<'_>,
    id: AdhocId,
    how: AdhocStatus,
    rev: i64,
    now: Timestamp,
) -> rusqlite::Result<Vec<AdhocId>> {
    let mut fallen = Vec::new();
    let mut causes = vec![(id, how)];
    while let Some((cause, how)) = causes.pop() {
        for dependent in dependents(transaction, cause)? {
            let waits: bool = transaction
                .prepare_cached("SELECT status = 'queued' FROM tasks WHERE id = ?")?
                .query_row([dependent], |row| row.get(0))?;
            if waits {
                let why = format!("it depends on task {cause}, which {}", in_words(how));
                end(transaction, dependent, &why, rev, now)?;
                fallen.push(dependent);
                causes.push((dependent, AdhocStatus::Cancelled));
            }
        }
    }
    Ok(fallen)
}

fn in_words(how: AdhocStatus) -> &'static str {
    match how {
        AdhocStatus::Failed => "failed",
        _ => "was cancelled",
    }
}
