//! Removing records and logs of tasks that are over.
use std::fs;

use gpuyard_core::model::AdhocId;
use jiff::Timestamp;

use super::{Tasks, millis, run_id, task_id};
use crate::StoreError;

/// Records that are removed in one transaction, so that nobody waits long for it.
const STEP: usize = 500;

impl Tasks {
    /// Removes the tasks that ended before a moment, with their logs; answers how many.
    pub fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut removed = 0;
        loop {
            let ids: Vec<AdhocId> = self.write("write", |transaction| {
                // One that a waiting task depends on has completed; that must not be forgotten while it counts.
                let mut statement = transaction.prepare_cached(
                    "SELECT id FROM tasks WHERE status IN ('completed', 'failed', 'cancelled') AND finished_at < ?1 \
                     AND NOT EXISTS (SELECT 1 FROM waits JOIN tasks AS other ON other.id = waits.id \
                        WHERE waits.on_id = tasks.id AND other.status = 'queued') \
                     ORDER BY finished_at LIMIT ?2",
                )?;
                let ids: rusqlite::Result<Vec<AdhocId>> = statement
                    .query_map((millis(before), STEP as i64), |row| row.get(0))?
                    .collect();
                let ids = ids?;
                let mut remove = transaction.prepare_cached("DELETE FROM tasks WHERE id = ?")?;
                for id in &ids {
                    remove.execute([id])?;
                }
                if !ids.is_empty() {
                    // Those who follow the tasks read what changed, and what is gone changes no more.
                    transaction
                        .prepare_cached(
                            "INSERT INTO facts VALUES ('pruned', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",
                        )?
                        .execute([])?;
                }
                Ok(ids)
            })?;
            for id in &ids {
                let folder = self.root.run_tasks_dir(&run_id()).join(task_id(*id).as_str());
                match fs::remove_dir_all(&folder) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(StoreError::io("remove", &folder)(error));
                    }
                    _ => {}
                }
            }
            removed += ids.len() as u64;
            if ids.len() < STEP {
                return Ok(removed);
            }
        }
    }
}
