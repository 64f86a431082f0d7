//! `tasks`: ad-hoc tasks that are not over, or ended while one listened, and how many stand where.
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use gpuyard_core::model::{AdhocId, AdhocStatus, Lang};
use gpuyard_exec::clock;
use gpuyard_store::{FolderWatch, adhoc::Row};
use tokio::sync::Notify;

use crate::{
    adhoc::{holder, tmux},
    app::App,
    error::ApiError,
    limits,
    live::{Draft, Source, Wait},
};

/// Of those that wait, the reasons of so many are told anew at each change; the others' when their rows change.
const TOLD: usize = 300;

pub(super) struct Tasks {
    app: Arc<App>,
    lang: Lang,
    changed: Arc<Notify>,
    watch: Option<FolderWatch>,
    /// The last change that was read, and how often tasks had been pruned then; `None` before the first reading.
    seen: Option<(i64, i64)>,
    /// Every key that there is, with where it stands and the number of its last change.
    known: BTreeMap<AdhocId, (AdhocStatus, i64)>,
}

impl Tasks {
    pub(super) fn new(app: &Arc<App>, lang: Lang) -> Tasks {
        Tasks {
            app: Arc::clone(app),
            lang,
            changed: Arc::default(),
            watch: None,
            seen: None,
            known: BTreeMap::new(),
        }
    }

    /// Lets go of the oldest of those that are over, where they are more than is told.
    fn forget(&mut self) {
        let over = self.known.iter().filter(|(_, (status, _))| status.is_over());
        let mut over: Vec<(i64, AdhocId)> = over.map(|(id, (_, rev))| (*rev, *id)).collect();
        let Some(beyond) = over.len().checked_sub(limits::ENDED_TASKS).filter(|beyond| *beyond > 0) else {
            return;
        };
        over.sort_unstable();
        for (_, id) in &over[..beyond] {
            self.known.remove(id);
        }
    }
}

impl Source for Tasks {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        if self.watch.is_none() {
            let tell = Arc::clone(&self.changed);
            self.watch = Some(FolderWatch::new(&self.app.root.state_dir(), move || tell.notify_one())?);
        }
        let tasks = self.app.desk.tasks(&self.app)?;
        let mut news = match self.seen {
            None => tasks.open_rows()?,
            Some((rev, _)) => tasks.since(rev)?,
        };
        if self.seen.is_some_and(|(_, pruned)| pruned != news.pruned) {
            // Nobody says which are gone, so this begins as if nobody had listened before.
            self.known.clear();
            news = tasks.open_rows()?;
        }
        // A task may have been made and be over since the last reading: somebody may have met it in between, at work.
        let stands = news.rows.iter().map(|row| (row.id, (row.status, row.rev)));
        self.known.extend(stands);
        self.forget();
        let mut changed: BTreeMap<AdhocId, Row> = news.rows.into_iter().map(|row| (row.id, row)).collect();
        changed.retain(|id, _| self.known.contains_key(id));
        let waiting = self
            .known
            .iter()
            .filter(|(_, (status, _))| *status == AdhocStatus::Queued);
        let again: BTreeSet<AdhocId> = waiting
            .map(|(id, _)| *id)
            .filter(|id| !changed.contains_key(id))
            .take(TOLD)
            .collect();
        for id in again {
            if let Some(record) = tasks.get(id)? {
                changed.insert(id, record.row);
            }
        }
        let attended = holder(&self.app)?.is_some();
        let rows: Vec<Row> = changed.into_values().collect();
        let shown = tasks.summaries(rows, attended, tmux(&self.app).is_some(), self.lang, clock::now().wall)?;
        let told: BTreeSet<AdhocId> = shown.iter().map(|summary| summary.id).collect();
        draft.put("counts", &tasks.counts()?)?;
        for summary in &shown {
            draft.put(&summary.id.to_string(), summary)?;
        }
        for id in self.known.keys().filter(|id| !told.contains(id)) {
            draft.keep(&id.to_string());
        }
        self.seen = Some((news.rev, news.pruned));
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.changed.notified())
    }
}
