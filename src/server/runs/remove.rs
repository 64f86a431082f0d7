//! Deleting a run that has ended: its record, and the logs of its attempts. What lives, or may live, is not touched.
use std::{collections::BTreeSet, sync::Arc};

use gpuyard_core::{
    model::{ConfigKey, RunId, TaskId},
    queue::{Machine, Task},
};
use gpuyard_exec::{
    lease::HeldLease,
    place::{Place, PlaceError},
};
use gpuyard_store::{attempts, state};

use super::{Book, Standing};
use crate::{adhoc::is_of, app::App, error::ApiError};

/// A run that nobody works at, nor can while this is held.
struct Parting {
    /// Tasks that a newer run has taken over.
    given: BTreeSet<TaskId>,
    /// Tasks that it has taken over itself.
    taken: BTreeSet<TaskId>,
    /// The other runs of its command file.
    others: Vec<RunId>,
    _place: Option<Place>,
}

/// Deletes a run with the logs of its attempts. Refused while its scheduler or anything that it started lives, and where that
/// cannot be known from here.
pub(crate) fn remove(app: &Arc<App>, run_id: &RunId) -> Result<(), ApiError> {
    app.runs.refresh()?;
    let parting = Parting::begin(app, run_id)?;
    // The logs first: while the record stands, the run is listed, and this can be done again.
    parting.put_logs_away(app, run_id)?;
    for task in &parting.taken {
        for older in attempts::runs_of(&app.root, task)? {
            if !app.runs.is_listed(&older)? && !app.runs.shows_any(&parting.others, task)? {
                attempts::put_away_task(&app.root, &older, task)?;
            }
        }
    }
    state::remove(&app.root.state_dir(), run_id)?;
    drop(parting);
    app.runs.refresh()?;
    // Gigabytes perhaps: nobody waits for it but the caller.
    attempts::clear(&app.root)?;
    Ok(())
}

/// Removes the logs of a run, and lets its record stand. Refused as [`remove`] is.
pub(super) fn remove_logs(app: &Arc<App>, run_id: &RunId) -> Result<(), ApiError> {
    Parting::begin(app, run_id)?.put_logs_away(app, run_id)?;
    attempts::clear(&app.root)?;
    Ok(())
}

impl Parting {
    fn begin(app: &App, run_id: &RunId) -> Result<Parting, ApiError> {
        let Some(key) = app.runs.key_of(run_id) else {
            return Err(no_such_run());
        };
        let look = |machine: &Machine| {
            let run = machine.run();
            let own = format!("{}-", run.task_seed);
            let tasks = || run.queues.values().flat_map(|queue| &queue.processes);
            let ids = |wanted: &dyn Fn(&Task) -> bool| {
                let found = tasks().filter(|task| wanted(task));
                found.map(|task| task.task_id.clone()).collect::<BTreeSet<_>>()
            };
            let given = ids(&|task| task.taken_over_by.is_some());
            let taken = ids(&|task| !task.task_id.as_str().starts_with(&own));
            (Standing::of(run), run.node.hostname.clone(), given, taken)
        };
        let (standing, machine, given, taken) = app.runs.with_machine(run_id, look)?.ok_or_else(no_such_run)?;
        if !standing.ours {
            return Err(not_ours(&machine));
        }
        if standing.alive {
            return Err(still_running());
        }
        // Nobody goes on with it meanwhile. Only the newest one could be gone on with.
        let place = match app.runs.newest_of(key).as_ref() == Some(run_id) {
            true => Some(take_place(app, key)?),
            false => None,
        };
        // Asked after the place is ours: whoever had it has told of its attempts by now.
        let of_run = |held: &HeldLease| held.lease.run_id == *run_id && is_of(&app.root, &held.lease.root);
        let at_work = app
            .host
            .leases()?
            .into_iter()
            .filter(|held| of_run(held) && held.is_live());
        match at_work.count() {
            0 => Ok(Parting {
                given,
                taken,
                others: app.runs.others(key, run_id),
                _place: place,
            }),
            count => Err(still_at_work(count)),
        }
    }

    /// But for those of tasks that another run shows.
    fn put_logs_away(&self, app: &App, run_id: &RunId) -> Result<(), ApiError> {
        let mut kept = BTreeSet::new();
        for task in &self.given {
            if app.runs.shows_any(&self.others, task)? {
                kept.insert(task.clone());
            }
        }
        Ok(attempts::put_away(&app.root, run_id, &kept)?)
    }
}

impl Book {
    /// The other runs of a command file.
    fn others(&self, key: ConfigKey, but: &RunId) -> Vec<RunId> {
        let runs = self.runs();
        let of_key = runs
            .iter()
            .filter(|(run, page)| page.followed.key() == Some(key) && *run != but);
        of_key.map(|(run, _)| run.clone()).collect()
    }

    /// Whether one of these runs has a task.
    fn shows_any(&self, runs: &[RunId], task: &TaskId) -> Result<bool, ApiError> {
        for run in runs {
            if self.find_task(run, |machine| machine.task(task))?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether there is anything of a run in the folder, be it broken.
    fn is_listed(&self, run: &RunId) -> Result<bool, ApiError> {
        Ok(state::list(&self.dir)?.iter().any(|listed| listed.run_id == *run))
    }
}

fn take_place(app: &App, key: ConfigKey) -> Result<Place, ApiError> {
    match Place::take_briefly(&app.host, app.root.path(), &key.to_string()) {
        Ok(place) => Ok(place),
        Err(PlaceError::Held { .. }) => Err(still_running()),
        Err(PlaceError::Failed(error)) => Err(error.into()),
    }
}

pub(crate) fn no_such_run() -> ApiError {
    ApiError::not_found("no_such_run", "there is no such run", "没有这次运行")
}

fn still_running() -> ApiError {
    ApiError::conflict(
        "running",
        "its scheduler is running: stop it first",
        "其调度器正在运行，请先停止",
    )
}

fn still_at_work(count: usize) -> ApiError {
    ApiError::conflict(
        "at_work",
        match count {
            1 => "a task that it started is still at work: wait for its end, or end it first".to_owned(),
            count => format!("{count} tasks that it started are still at work: wait for their end, or end them first"),
        },
        format!("它启动的 {count} 个任务仍在运行，请等待其结束或先将其终止"),
    )
}

fn not_ours(machine: &str) -> ApiError {
    ApiError::conflict(
        "not_ours",
        format!("this run belongs to {machine} or to another user there: whether it has ended is known only there"),
        format!("该运行属于 {machine} 或其上的其他用户，只有在那里才能确定它是否已结束"),
    )
}
