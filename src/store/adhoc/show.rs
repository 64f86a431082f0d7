//! Tasks as people and programs see them: with the reasons of those that wait.
use std::collections::{BTreeMap, HashMap};

use gpuyard_core::{
    model::{AdhocId, AdhocStatus, Lang, Reason},
    queue::ShownReason,
    wire::{AdhocSummary, AdhocTask},
};
use jiff::Timestamp;
use rusqlite::Connection;

use super::{Record, Row, Tasks};
use crate::StoreError;

/// What is known of why tasks wait.
#[derive(Debug, Default)]
struct Reasons {
    /// By GPU model, count, and GiB in millionths (-1: empty ones).
    kinds: HashMap<(String, u32, i64), Reason>,
    tasks: HashMap<AdhocId, Reason>,
    /// Tasks that have not completed, by those that wait for them.
    waits: BTreeMap<AdhocId, Vec<AdhocId>>,
}

impl Tasks {
    /// Rows as lists show them. `attended`: a scheduler is at work on them; `tmux`: their terminals are shown there.
    pub fn summaries(
        &self,
        rows: Vec<Row>,
        attended: bool,
        tmux: bool,
        lang: Lang,
        now: Timestamp,
    ) -> Result<Vec<AdhocSummary>, StoreError> {
        let queued: Vec<AdhocId> = rows
            .iter()
            .filter(|row| row.status == AdhocStatus::Queued)
            .map(|row| row.id)
            .collect();
        let reasons = if queued.is_empty() {
            Reasons::default()
        } else {
            self.read("read", |connection| reasons(connection, &queued))?
        };
        let shown = rows.into_iter().map(|row| {
            let reason = reasons
                .of(&row, attended, now)
                .map(|reason| ShownReason::new(reason, lang));
            summary(row, reason, tmux)
        });
        Ok(shown.collect())
    }

    /// One task in detail.
    pub fn detail(
        &self,
        record: Record,
        attended: bool,
        tmux: Option<String>,
        lang: Lang,
        now: Timestamp,
    ) -> Result<AdhocTask, StoreError> {
        let Record { row, spec, .. } = record;
        let position = match row.status {
            AdhocStatus::Queued => Some(self.position(&row)?),
            _ => None,
        };
        let dependents = self.dependents(row.id)?;
        let (signal, log) = (row.signal, row.log_path.clone());
        let mut summaries = self.summaries(vec![row], attended, tmux.is_some(), lang, now)?;
        let summary = summaries.remove(0);
        Ok(AdhocTask {
            command: spec.command,
            work_dir: spec.work_dir,
            environment: spec.environment,
            timeout: spec.timeout,
            retries: spec.retries,
            depends_on: spec.depends_on,
            dependents,
            position,
            signal,
            log_path: log.map(|path| self.root.resolve(&path).display().to_string()),
            tmux_attach: tmux.filter(|_| summary.tmux_session.is_some()),
            summary,
        })
    }
}

fn summary(row: Row, reason: Option<ShownReason>, tmux: bool) -> AdhocSummary {
    let running = row.status == AdhocStatus::Running;
    AdhocSummary {
        id: row.id,
        name: row.name,
        status: row.status,
        brief: row.brief,
        gpu_type: row.gpu_type,
        gpu_count: row.gpu_count,
        memory: row.memory,
        priority: row.priority,
        tags: row.tags,
        created_by: row.created_by,
        reason,
        assigned_gpus: row.gpus,
        tmux_session: (running && tmux).then(|| format!("task_{}", row.id)),
        attempt: row.attempt,
        exit_code: row.exit_code,
        error: row.error,
        cancelling: running && row.stop,
        created_at: row.created_at,
        started_at: row.started_at,
        finished_at: row.finished_at,
        not_before: row.not_before,
    }
}

/// GiB as a key.
fn millionths(memory: Option<f64>) -> i64 {
    memory.map_or(-1, |gib| (gib * 1e6).round() as i64)
}

impl Reasons {
    fn of(&self, row: &Row, attended: bool, now: Timestamp) -> Option<Reason> {
        if row.status != AdhocStatus::Queued {
            return None;
        }
        if let Some(tasks) = self.waits.get(&row.id) {
            return Some(Reason::WaitsForTasks { tasks: tasks.clone() });
        }
        if let Some(until) = row.not_before.filter(|until| *until > now) {
            return Some(Reason::NotBefore { until });
        }
        if !attended {
            return Some(Reason::NoScheduler);
        }
        if let Some(until) = row.gate.filter(|until| *until > now) {
            return Some(if row.backing_off {
                Reason::BackingOff { until }
            } else {
                Reason::RetryDelay { until }
            });
        }
        let kind = (row.gpu_type.clone(), row.gpu_count, millionths(row.memory));
        self.tasks.get(&row.id).or_else(|| self.kinds.get(&kind)).cloned()
    }
}

fn reasons(connection: &Connection, queued: &[AdhocId]) -> rusqlite::Result<Reasons> {
    let mut reasons = Reasons::default();
    let mut statement = connection.prepare_cached("SELECT gpu_type, gpu_count, memory, reason FROM kind_reasons")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let memory: f64 = row.get(2)?;
        let kind = (row.get(0)?, row.get(1)?, millionths((memory >= 0.0).then_some(memory)));
        if let Ok(reason) = serde_json::from_str(row.get_ref(3)?.as_str()?) {
            reasons.kinds.insert(kind, reason);
        }
    }
    let mut of_task = connection.prepare_cached("SELECT reason FROM task_reasons WHERE id = ?")?;
    let mut waits = connection.prepare_cached(
        "SELECT waits.on_id FROM waits JOIN tasks ON tasks.id = waits.on_id \
         WHERE waits.id = ? AND tasks.status <> 'completed'",
    )?;
    for &id in queued {
        let mut rows = of_task.query([id])?;
        if let Some(row) = rows.next()?
            && let Ok(reason) = serde_json::from_str(row.get_ref(0)?.as_str()?)
        {
            reasons.tasks.insert(id, reason);
        }
        let on: rusqlite::Result<Vec<AdhocId>> = waits.query_map([id], |row| row.get(0))?.collect();
        let on = on?;
        if !on.is_empty() {
            reasons.waits.insert(id, on);
        }
    }
    Ok(reasons)
}
