//! Ad-hoc tasks in SQLite (`logs/gpuyard.db`): made and changed by the daemon and the command line, worked on by their
//! scheduler.
//!
//! A row has two kinds of columns. What a person wants is written by whoever serves them; what became of it by the
//! scheduler alone. Each change of either kind gets the next number of one counter (`rev`), so that those who follow
//! read only what is new; `wish` is the number of the last change by a person, and the scheduler's intent to start an
//! attempt holds only if the wish is still the one that it knows. Every transaction that returns is on disk
//! (WAL, `synchronous=FULL`), but for what [`Tasks::keep`] writes, which can be told again from exit records and locks.
mod change;
mod look;
mod make;
mod prune;
mod row;
mod schema;
mod show;
mod work;

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gpuyard_core::model::{AdhocId, AdhocStatus, RunId, Settings, TaskId};
use jiff::Timestamp;
use nix::sys::{stat::futimens, time::TimeSpec};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

pub use change::{Cancelled, Change, Retry};
pub use look::{Filter, News, Page};
pub use make::Make;
pub use row::{Record, Row};
pub use work::{Demand, Fed, Intent, Said};

use crate::{Root, StoreError, file, network};

/// Its name, in `logs/` or the folder of `data-dir`.
const FILE: &str = "gpuyard.db";
/// An attempt's own log, in the attempt's folder.
pub const LOG: &str = "output.log";
/// What waits for another's transaction: those are short, and a slow disk is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The run that attempts of ad-hoc tasks belong to, in their folders and leases.
pub fn run_id() -> RunId {
    RunId("tasks".into())
}

/// An ad-hoc task's id as attempts and leases carry it.
pub fn task_id(id: AdhocId) -> TaskId {
    TaskId(id.to_string())
}

/// The ad-hoc task that such an id is of.
pub fn adhoc_id(run: &RunId, task: &TaskId) -> Option<AdhocId> {
    (*run == run_id()).then(|| task.as_str().parse().ok()).flatten()
}

/// The database of one root, open.
#[derive(Debug)]
pub struct Tasks {
    path: PathBuf,
    root: Root,
    connection: Mutex<Connection>,
    bell: File,
}

impl Tasks {
    /// Where the database of a root is.
    pub fn path(root: &Root, settings: &Settings) -> PathBuf {
        match &settings.data_dir {
            None => root.logs().join(FILE),
            Some(folder) => root.path().join(folder).join(FILE),
        }
    }

    /// Whether there may be a database in its place. Looks only.
    pub fn check_place(root: &Root, settings: &Settings) -> Result<(), StoreError> {
        let path = Tasks::path(root, settings);
        // What is not there yet will be made below what is.
        let there = path.ancestors().skip(1).find(|folder| folder.exists());
        match there.and_then(network::file_system) {
            Some(kind) => Err(StoreError::DatabaseOnNetwork { path, kind }),
            None => Ok(()),
        }
    }

    /// Opens the database, and makes it where it is not there.
    pub fn open(root: &Root, settings: &Settings) -> Result<Tasks, StoreError> {
        Tasks::check_place(root, settings)?;
        let path = Tasks::path(root, settings);
        file::create_folder(file::folder_of(&path))?;
        file::create_folder(&root.state_dir())?;
        make_private(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(StoreError::database("open", &path))?;
        connection
            .busy_timeout(PATIENCE)
            .and_then(|()| connection.pragma_update(None, "journal_mode", "WAL"))
            .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
            .and_then(|()| connection.pragma_update(None, "foreign_keys", true))
            .map_err(StoreError::database("open", &path))?;
        connection.set_prepared_statement_cache_capacity(64);
        schema::bring_up_to_date(&mut connection, &path)?;
        let bell = root.state_dir().join("tasks.bell");
        let bell = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&bell)
            .map_err(StoreError::io("open", &bell))?;
        Ok(Tasks {
            path,
            root: root.clone(),
            connection: Mutex::new(connection),
            bell,
        })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A transaction that a panic cut off has been rolled back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads, all of it as it stood at one moment.
    fn read<T>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .and_then(|transaction| work(&transaction))
            .map_err(StoreError::database(verb, &self.path))
    }

    /// Changes something, whole or not at all; on disk when this returns. Those who follow are told.
    fn write<T>(
        &self,
        verb: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let done = write_in(&mut connection, work).map_err(StoreError::database(verb, &self.path))?;
        drop(connection);
        self.ring();
        Ok(done)
    }

    /// Tells whoever watches the state folder: the modification time of a file there changes.
    fn ring(&self) {
        // Where it fails (a full inode table, say), those who follow look all the same, later.
        let _ = futimens(&self.bell, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW);
    }
}

fn write_in<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let done = work(&transaction)?;
    transaction.commit()?;
    Ok(done)
}

/// The number of the change that is being made.
fn next_rev(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    transaction
        .prepare_cached("UPDATE facts SET value = value + 1 WHERE name = 'revision' RETURNING value")?
        .query_row([], |row| row.get(0))
}

/// SQLite would make it with the mode of the umask. Its other files take the mode of this one.
fn make_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StoreError::io("create", path)(error)),
    }
}

fn millis(time: Timestamp) -> i64 {
    time.as_millisecond()
}

/// A moment from the database; what no clock can show is the last one that one can.
fn moment(millis: i64) -> Timestamp {
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// A status from the database, which lets no other text in.
fn status(text: &str) -> AdhocStatus {
    text.parse().unwrap_or(AdhocStatus::Failed)
}

#[cfg(test)]
mod tests;
