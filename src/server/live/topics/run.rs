//! `run:RUN_ID`: one run with its queues and tasks, each an entry of its own.
use std::sync::Arc;

use gpuyard_core::{
    model::{Lang, QueueId, RunId},
    queue::{Queue, Run, Task},
};
use serde::Serialize;

use super::schedulers::head;
use crate::{
    app::App,
    error::ApiError,
    live::{Draft, Source, Wait, source::without},
    runs::Changes,
};

#[derive(Serialize)]
struct TaskEntry<'a> {
    queue_id: QueueId,
    #[serde(flatten)]
    task: &'a Task,
}

pub(super) struct OneRun {
    app: Arc<App>,
    run_id: RunId,
    lang: Lang,
    changes: Changes,
    /// What was told: how much was known, and how it looked.
    told: Option<((u64, bool), Run)>,
}

impl OneRun {
    pub(super) fn new(app: &Arc<App>, run_id: RunId, lang: Lang) -> OneRun {
        OneRun {
            changes: app.runs.changes(),
            app: Arc::clone(app),
            run_id,
            lang,
            told: None,
        }
    }
}

impl Source for OneRun {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        let gone = || ApiError::not_found("no_such_run", "there is no such run", "没有这次运行");
        let version = self.app.runs.version_of(&self.run_id).ok_or_else(gone)?;
        if self.told.as_ref().is_some_and(|(told, _)| *told == version) {
            draft.keep_all();
            return Ok(());
        }
        let run = self.app.runs.detail(&self.run_id, self.lang)?.ok_or_else(gone)?;
        let before = self.told.as_ref().map(|(_, run)| run);
        draft.put("run", &head(&run)?)?;
        for queue in run.queues.values() {
            put_queue(draft, queue, before.and_then(|run| run.queues.get(&queue.id)))?;
        }
        self.told = Some((version, run));
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.changes.next())
    }
}

/// Puts a queue and its tasks; those of 10,000 that are what they were are not written again.
fn put_queue(draft: &mut Draft, queue: &Queue, before: Option<&Queue>) -> Result<(), ApiError> {
    let bare = Queue {
        processes: Vec::new(),
        ..queue.clone()
    };
    draft.put(&format!("queue:{}", queue.id), &without(&bare, &["processes"])?)?;
    for (place, task) in queue.processes.iter().enumerate() {
        let key = format!("task:{}", task.task_id);
        if before.is_some_and(|before| before.processes.get(place) == Some(task)) {
            draft.keep(&key);
        } else {
            let queue_id = queue.id;
            draft.put(&key, &TaskEntry { queue_id, task })?;
        }
    }
    Ok(())
}
