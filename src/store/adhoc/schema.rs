//! The tables, and how a database of an earlier version gets them.
use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::StoreError;

/// Each brings a database from its place in this list to the next. Never changed once it was in use: add another one.
const MIGRATIONS: [&str; 1] = [FIRST];

/// Wide texts lie apart from what lists and the line are read from, so that going through 100,000 tasks is quick.
const FIRST: &str = "
CREATE TABLE facts (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
INSERT INTO facts VALUES ('revision', 0);

CREATE TABLE tasks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    rev INTEGER NOT NULL,
    wish INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    name TEXT NOT NULL,
    brief TEXT NOT NULL,
    tags TEXT NOT NULL,
    created_by TEXT,
    gpu_type TEXT NOT NULL,
    gpu_count INTEGER NOT NULL,
    memory REAL,
    priority INTEGER NOT NULL,
    not_before INTEGER,
    created_at INTEGER NOT NULL,
    stop INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    gpus TEXT NOT NULL DEFAULT '[]',
    started_at INTEGER,
    finished_at INTEGER,
    exit_code INTEGER,
    signal INTEGER,
    error TEXT,
    log_path TEXT,
    gate INTEGER,
    backing_off INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tasks_rev ON tasks (rev);
CREATE INDEX tasks_wish ON tasks (wish);
CREATE INDEX tasks_status ON tasks (status, id);
CREATE INDEX tasks_line ON tasks (priority DESC, id) WHERE status = 'queued';
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE status IN ('completed', 'failed', 'cancelled');

CREATE TABLE details (
    id INTEGER PRIMARY KEY REFERENCES tasks (id) ON DELETE CASCADE,
    spec TEXT NOT NULL,
    state TEXT
) STRICT;

CREATE TABLE waits (
    id INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    on_id INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    PRIMARY KEY (id, on_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX waits_on ON waits (on_id, id);

CREATE TABLE tags (
    tag TEXT NOT NULL,
    id INTEGER NOT NULL REFERENCES tasks (id) ON DELETE CASCADE,
    PRIMARY KEY (tag, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_of ON tags (id);

CREATE TABLE kind_reasons (
    gpu_type TEXT NOT NULL,
    gpu_count INTEGER NOT NULL,
    memory REAL NOT NULL,
    reason TEXT NOT NULL
) STRICT;
CREATE TABLE task_reasons (id INTEGER PRIMARY KEY, reason TEXT NOT NULL) STRICT;

CREATE TABLE counts (status TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counts VALUES ('queued', 0), ('running', 0), ('completed', 0), ('failed', 0), ('cancelled', 0);
CREATE TRIGGER count_made AFTER INSERT ON tasks BEGIN
    UPDATE counts SET n = n + 1 WHERE status = new.status;
END;
CREATE TRIGGER count_changed AFTER UPDATE OF status ON tasks WHEN old.status <> new.status BEGIN
    UPDATE counts SET n = n - 1 WHERE status = old.status;
    UPDATE counts SET n = n + 1 WHERE status = new.status;
END;
CREATE TRIGGER count_removed AFTER DELETE ON tasks BEGIN
    UPDATE counts SET n = n - 1 WHERE status = old.status;
END;
";

/// Runs the migrations that a database has not seen. Two processes may try at once.
pub(super) fn bring_up_to_date(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let known = MIGRATIONS.len() as u32;
    if version(connection).map_err(StoreError::database("open", path))? == known {
        return Ok(());
    }
    let run = |connection: &mut Connection| -> rusqlite::Result<u32> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let found = version(&transaction)?;
        for migration in MIGRATIONS.iter().skip(found as usize) {
            transaction.execute_batch(migration)?;
        }
        if found < known {
            transaction.pragma_update(None, "user_version", known)?;
        }
        transaction.commit()?;
        Ok(found)
    };
    let found = run(connection).map_err(StoreError::database("bring up to date", path))?;
    if found > known {
        return Err(StoreError::UnknownVersion {
            path: path.into(),
            found: u64::from(found),
            known,
        });
    }
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}
