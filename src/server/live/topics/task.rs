//! `task:TASK_ID`: one task of a run, for whoever follows it alone; a run of 10,000 others is not sent with it.
use std::sync::Arc;

use gpuyard_core::{
    model::{Lang, Mode, QueueId, RunId, TaskId},
    queue::{Machine, RunState, ShownReason, Task},
};
use gpuyard_exec::clock;
use serde::Serialize;

use crate::{
    app::App,
    error::ApiError,
    live::{Draft, Source, Wait},
    runs::{Changes, Standing},
};

#[derive(Serialize)]
struct TaskEntry<'a> {
    queue_id: QueueId,
    #[serde(flatten)]
    task: &'a Task,
}

#[derive(Serialize)]
struct RunEntry<'a> {
    run_id: &'a RunId,
    mode: Mode,
    config_index: u32,
    state: RunState,
    running: bool,
}

pub(super) struct OneTask {
    app: Arc<App>,
    task_id: TaskId,
    lang: Lang,
    changes: Changes,
    /// The run that had it the last time.
    run: Option<RunId>,
    /// What was told: of which run, and how much of it was known.
    told: Option<(RunId, (u64, bool))>,
}

impl OneTask {
    pub(super) fn new(app: &Arc<App>, task_id: TaskId, lang: Lang) -> OneTask {
        OneTask {
            changes: app.runs.changes(),
            app: Arc::clone(app),
            task_id,
            lang,
            run: None,
            told: None,
        }
    }

    /// Where the task is: in the run that had it, else in the newest of some command file.
    fn find(&mut self) -> Result<RunId, ApiError> {
        let known = match self.run.take() {
            Some(run_id)
                if self
                    .app
                    .runs
                    .find_task(&run_id, |machine| machine.task(&self.task_id))?
                    .is_some() =>
            {
                Some(run_id)
            }
            _ => self.app.runs.run_of_task(&self.task_id)?.map(|(_, run_id)| run_id),
        };
        let run_id =
            known.ok_or_else(|| ApiError::not_found("no_such_task", "there is no such task", "没有这个任务"))?;
        self.run = Some(run_id.clone());
        Ok(run_id)
    }
}

impl Source for OneTask {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        if let Some((run_id, told)) = &self.told
            && self.app.runs.version_of(run_id) == Some(*told)
        {
            draft.keep_all();
            return Ok(());
        }
        let run_id = self.find()?;
        let version = self.app.runs.version_of(&run_id);
        let (id, lang) = (&self.task_id, self.lang);
        let put = |machine: &Machine| -> Result<(), ApiError> {
            let (Some(task), Some(queue_id)) = (machine.task(id), machine.queue_of(id)) else {
                return Ok(());
            };
            let reason = machine.reason(id, clock::now());
            let task = Task {
                reason: reason.map(|reason| ShownReason::new(reason, lang)),
                ..task.clone()
            };
            let (run, standing) = (machine.run(), Standing::of(machine.run()));
            draft.put("task", &TaskEntry { queue_id, task: &task })?;
            draft.put(
                "run",
                &RunEntry {
                    run_id: &run.run_id,
                    mode: run.mode,
                    config_index: run.config_index,
                    state: standing.state(run),
                    running: standing.alive,
                },
            )
        };
        self.app.runs.with_machine(&run_id, put)?.transpose()?;
        self.told = version.map(|version| (run_id, version));
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.changes.next())
    }
}
