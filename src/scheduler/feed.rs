//! Ad-hoc tasks come and go: what people made or changed is taken up from the database, once it may run.
use std::collections::BTreeSet;

use gpuyard_core::{
    model::{AdhocId, AdhocStatus},
    queue::{Event, TaskState, adhoc_queue, adhoc_task},
};
use gpuyard_exec::clock;
use gpuyard_store::{
    StoreError,
    adhoc::{Fed, task_id},
};
use jiff::Timestamp;

use crate::{rows::Taken, work::Scheduler};

/// A moment on the wall clock is looked at at least so often, milliseconds: that clock may be set.
const WALL: u64 = 30_000;

/// What is known of the ad-hoc tasks besides the run.
#[derive(Default)]
pub(crate) struct Feed {
    /// The last wish that was read.
    pub(crate) seen: i64,
    /// Somebody says that there are newer ones.
    pub(crate) poked: bool,
    /// Not before a moment.
    pub(crate) later: BTreeSet<(Timestamp, AdhocId)>,
}

impl Scheduler {
    /// Takes in what is new in the database. What cannot be read now is read later.
    pub(crate) fn take_in(&mut self) {
        if self.feed.is_none() {
            return;
        }
        match self.read_feed() {
            Ok(()) => self.trouble("database", None),
            Err(error) => self.trouble("database", Some(error.to_string())),
        }
    }

    fn read_feed(&mut self) -> Result<(), StoreError> {
        let now = clock::now().wall;
        let (Some(feed), Some(rows)) = (&mut self.feed, self.journal.rows_mut()) else {
            return Ok(());
        };
        let tasks = std::sync::Arc::clone(&rows.tasks);
        let mut ids = std::mem::take(&mut rows.touched);
        while let Some(&(at, id)) = feed.later.first().filter(|(at, _)| *at <= now) {
            feed.later.remove(&(at, id));
            ids.push(id);
        }
        let mut fed = Vec::new();
        if feed.poked {
            let (newer, seen) = tasks.wishes(feed.seen)?;
            (feed.seen, feed.poked) = (seen, false);
            // Those that wait for what was changed may wait for something else now.
            for one in newer
                .iter()
                .filter(|fed| fed.record.row.status.is_over() || fed.record.state.is_some())
            {
                ids.extend(tasks.dependents(one.record.row.id)?);
            }
            fed.extend(newer);
        }
        if !ids.is_empty() {
            fed.extend(tasks.tasks(&ids)?);
        }
        self.take_all(fed, now);
        Ok(())
    }

    /// Takes up what may run, lets go of what may not.
    pub(crate) fn take_all(&mut self, fed: Vec<Fed>, now: Timestamp) {
        for one in fed {
            self.take(one, now);
        }
    }

    fn take(&mut self, Fed { record, waits }: Fed, now: Timestamp) {
        let (id, wish) = (record.row.id, record.row.wish);
        let known = self.journal.machine().task(&task_id(id)).cloned();
        let runs = known.as_ref().is_some_and(|task| task.state == TaskState::Running);
        let Some(feed) = &mut self.feed else { return };
        feed.later.retain(|(_, other)| *other != id);
        match record.row.status {
            AdhocStatus::Queued if runs => return,
            AdhocStatus::Queued if !waits => {
                if let Some(at) = record.row.not_before.filter(|at| *at > now) {
                    feed.later.insert((at, id));
                    self.drop_task(id);
                    return;
                }
            }
            AdhocStatus::Running => {}
            _ if runs => return,
            _ => {
                self.drop_task(id);
                return;
            }
        }
        // What is in memory may be ahead of the row; what a person reset is not in memory.
        let state = known.or(record.state);
        let task = adhoc_task(task_id(id), &record.spec, state);
        let told = task.live.as_ref().is_none_or(|live| live.stop_requested);
        let running = task.state == TaskState::Running;
        self.journal.machine_mut().take_up(adhoc_queue(id), task, clock::now());
        if let Some(rows) = self.journal.rows_mut() {
            rows.taken.insert(
                id,
                Taken {
                    wish,
                    spec: record.spec,
                },
            );
        }
        self.stirred = true;
        if record.row.stop && !(running && told) {
            tracing::info!(id, "asked to end a task");
            self.record(Event::TaskStopAsked { task_id: task_id(id) });
        }
    }

    fn drop_task(&mut self, id: AdhocId) {
        self.journal.machine_mut().let_go(adhoc_queue(id));
        if let Some(rows) = self.journal.rows_mut() {
            rows.taken.remove(&id);
        }
    }

    /// How long it is until a task may be taken up by its moment, milliseconds.
    pub(crate) fn next_moment(&self) -> Option<u64> {
        let (at, _) = self.feed.as_ref()?.later.first()?;
        let left = at.duration_since(clock::now().wall).as_millis().max(0);
        Some(u64::try_from(left).unwrap_or(WALL).min(WALL))
    }
}
