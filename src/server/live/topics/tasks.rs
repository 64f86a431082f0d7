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
    live::{Draft, Source, Wait},
};

/// Of those that wait, the reasons of so many are told anew at each change; the others' when their rows change.
const TOLD: usize = 300;

pub(super) struct Tasks {
    app: Arc<App>,
    lang: Lang,
    changed: Arc<Notify>,
    watch: Option<FolderWatch>,
    /// The last change that was read; `None` before the first reading.
    rev: Option<i64>,
    /// Every key that there is, with where it stands.
    known: BTreeMap<AdhocId, AdhocStatus>,
}

impl Tasks {
    pub(super) fn new(app: &Arc<App>, lang: Lang) -> Tasks {
        Tasks {
            app: Arc::clone(app),
            lang,
            changed: Arc::default(),
            watch: None,
            rev: None,
            known: BTreeMap::new(),
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
        let (rows, rev) = match self.rev {
            None => tasks.open_rows()?,
            Some(rev) => tasks.since(rev)?,
        };
        let mut changed: BTreeMap<AdhocId, Row> = rows.into_iter().map(|row| (row.id, row)).collect();
        for (id, row) in &changed {
            if !row.status.is_over() || self.known.contains_key(id) {
                self.known.insert(*id, row.status);
            }
        }
        changed.retain(|id, _| self.known.contains_key(id));
        let waiting = self.known.iter().filter(|(_, status)| **status == AdhocStatus::Queued);
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
        self.rev = Some(rev);
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.changed.notified())
    }
}
