//! What the scheduler of ad-hoc tasks reads and writes.
use gpuyard_core::{
    model::{AdhocId, AdhocStatus, Reason},
    queue::{Task, adhoc_status},
};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{
    Tasks,
    change::fall,
    look::dependents,
    millis, next_rev,
    row::{COLUMNS, Record, WIDTH, to_json},
    write_in,
};
use crate::StoreError;

/// A task as its scheduler takes it up.
#[derive(Clone, Debug, PartialEq)]
pub struct Fed {
    /// All that is known of it.
    pub record: Record,
    /// A task that it depends on has not completed.
    pub waits: bool,
}

/// What became of the intent to start an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// It is on disk: the task runs, whoever dies now.
    Written,
    /// Somebody has changed or cancelled the task meanwhile.
    Changed,
}

/// What tasks ask for, as far as reasons go by it.
#[derive(Clone, Debug, PartialEq)]
pub struct Demand {
    /// Model or `any`.
    pub gpu_type: String,
    /// At once.
    pub gpu_count: u32,
    /// GiB on each; `None`: empty ones.
    pub memory: Option<f64>,
}

/// Why those who wait do.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Said {
    /// All that ask for the same.
    pub kinds: Vec<(Demand, Reason)>,
    /// Those whose reason is another.
    pub tasks: Vec<(AdhocId, Reason)>,
}

impl Tasks {
    /// Every task that is not over, and the number of the last wish there is.
    pub fn open_tasks(&self) -> Result<(Vec<Fed>, i64), StoreError> {
        self.read("read", |connection| {
            let fed = fed(connection, "tasks.status IN ('queued', 'running')", [])?;
            Ok((fed, last_wish(connection)?))
        })
    }

    /// The tasks that people have made or changed since a wish, and the number of the last one.
    pub fn wishes(&self, since: i64) -> Result<(Vec<Fed>, i64), StoreError> {
        self.read("read", |connection| {
            let fed = fed(connection, "tasks.wish > ?", [since])?;
            Ok((fed, last_wish(connection)?))
        })
    }

    /// These tasks, as far as they are there.
    pub fn tasks(&self, ids: &[AdhocId]) -> Result<Vec<Fed>, StoreError> {
        self.read("read", |connection| {
            let mut found = Vec::new();
            for id in ids {
                found.extend(fed(connection, "tasks.id = ?", [*id])?);
            }
            Ok(found)
        })
    }

    /// Writes down that an attempt is about to start, if the task is still what the scheduler knows it to be.
    pub fn intend(&self, id: AdhocId, wish: i64, task: &Task) -> Result<Intent, StoreError> {
        self.write("write", |transaction| {
            let known: Option<bool> = transaction
                .prepare_cached("SELECT status = 'queued' AND wish = ?2 FROM tasks WHERE id = ?1")?
                .query_row([id, wish], |row| row.get(0))
                .optional()?;
            if known != Some(true) {
                return Ok(Intent::Changed);
            }
            let rev = next_rev(transaction)?;
            put(transaction, id, task, rev)?;
            Ok(Intent::Written)
        })
    }

    /// Writes down what has become of tasks. Answers which others are to be looked at again: they depend on those that
    /// have ended. A power cut may take this back; exit records and locks then tell it again.
    pub fn keep(&self, tasks: &[(AdhocId, &Task)], now: Timestamp) -> Result<Vec<AdhocId>, StoreError> {
        let mut connection = self.connection();
        let lax = |connection: &Connection, how: &str| connection.pragma_update(None, "synchronous", how);
        let done = lax(&connection, "NORMAL").and_then(|()| {
            let done = write_in(&mut connection, |transaction| {
                let rev = next_rev(transaction)?;
                let mut again = Vec::new();
                for (id, task) in tasks {
                    if !put(transaction, *id, task, rev)? {
                        continue;
                    }
                    match adhoc_status(task.state) {
                        AdhocStatus::Completed => again.extend(dependents(transaction, *id)?),
                        how @ (AdhocStatus::Failed | AdhocStatus::Cancelled) => {
                            again.extend(fall(transaction, *id, how, rev, now)?);
                        }
                        _ => {}
                    }
                }
                Ok(again)
            });
            // Whatever came of it, the next transaction is a strict one.
            lax(&connection, "FULL").and(done)
        });
        drop(connection);
        let done = done.map_err(StoreError::database("write", &self.path))?;
        self.ring();
        Ok(done)
    }

    /// Replaces what is said of those who wait.
    pub fn say(&self, said: &Said) -> Result<(), StoreError> {
        self.write("write", |transaction| {
            transaction.execute("DELETE FROM kind_reasons", [])?;
            transaction.execute("DELETE FROM task_reasons", [])?;
            let mut kind = transaction.prepare_cached("INSERT INTO kind_reasons VALUES (?, ?, ?, ?)")?;
            for (demand, reason) in &said.kinds {
                let memory = demand.memory.unwrap_or(-1.0);
                kind.execute(params![demand.gpu_type, demand.gpu_count, memory, to_json(reason)])?;
            }
            let mut task = transaction.prepare_cached("INSERT OR REPLACE INTO task_reasons VALUES (?, ?)")?;
            for (id, reason) in &said.tasks {
                task.execute(params![id, to_json(reason)])?;
            }
            Ok(())
        })
    }

    /// A fact that the scheduler has noted down.
    pub fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read("read", |connection| {
            let found: Option<Option<String>> = connection
                .prepare_cached("SELECT value FROM facts WHERE name = ?")?
                .query_row([name], |row| row.get(0))
                .optional()?;
            Ok(found.flatten())
        })
    }

    /// Notes a fact down; `None` takes it away.
    pub fn set_fact(&self, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        self.write("write", |transaction| {
            match value {
                Some(value) => transaction.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", [name, value])?,
                None => transaction.execute("DELETE FROM facts WHERE name = ?", [name])?,
            };
            Ok(())
        })
    }
}

fn fed<P: rusqlite::Params>(connection: &Connection, condition: &str, parameters: P) -> rusqlite::Result<Vec<Fed>> {
    let sql = format!(
        "SELECT {COLUMNS}, spec, state, EXISTS (SELECT 1 FROM waits JOIN tasks AS other ON other.id = waits.on_id \
            WHERE waits.id = tasks.id AND other.status <> 'completed') \
         FROM tasks JOIN details ON details.id = tasks.id WHERE {condition} ORDER BY tasks.id"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Fed {
            record: Record::read(row)?,
            waits: row.get(WIDTH + 2)?,
        })
    };
    statement.query_map(parameters, read)?.collect()
}

fn last_wish(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("SELECT coalesce(max(wish), 0) FROM tasks")?
        .query_row([], |row| row.get(0))
}

/// Writes a task's state, unless it is over; answers whether it was written. What a person wants is left alone.
fn put(transaction: &Transaction<'_>, id: AdhocId, task: &Task, rev: i64) -> rusqlite::Result<bool> {
    let status = adhoc_status(task.state);
    let gate = task.gate.as_ref();
    let changed = transaction
        .prepare_cached(
            "UPDATE tasks SET rev = ?1, status = ?2, attempt = ?3, gpus = ?4, started_at = ?5, finished_at = ?6, \
             exit_code = ?7, signal = ?8, error = ?9, log_path = ?10, gate = ?11, backing_off = ?12 \
             WHERE id = ?13 AND status IN ('queued', 'running')",
        )?
        .execute(params![
            rev,
            status.as_str(),
            task.attempt,
            to_json(&task.gpus),
            task.started_at.map(millis),
            task.finished_at.map(millis),
            task.exit_code,
            task.signal,
            task.last_error,
            task.log_path,
            gate.map(|gate| millis(gate.until)),
            gate.is_some_and(|gate| gate.backing_off),
            id,
        ])?;
    if changed == 0 {
        return Ok(false);
    }
    transaction
        .prepare_cached("UPDATE details SET state = ? WHERE id = ?")?
        .execute(params![to_json(task), id])?;
    Ok(true)
}
