//! Ended runs go by themselves when there are more of a command file than `keep-runs`, and their logs after `keep-logs-days`.
use std::{collections::BTreeMap, sync::Arc};

use axum::http::StatusCode;
use gpuyard_core::model::{ConfigKey, RunId};
use gpuyard_exec::clock;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use super::{Book, Standing, remove, remove::remove_logs};
use crate::{app::App, connection::ending, error::ApiError, limits};

/// Looks after the ended runs until the daemon ends.
pub(crate) async fn keep(app: Arc<App>, mut end: watch::Receiver<bool>) {
    let mut changes = app.runs.changes();
    loop {
        let pruned = app.blocking(|app| prune(app, clock::now().wall)).await;
        if let Err(error) = pruned {
            tracing::warn!("ended runs stay: {}", error.message.en);
        }
        // Runs end seldom, and a state at work changes all the time: a look a minute at most.
        tokio::select! {
            () = ending(&mut end) => return,
            () = tokio::time::sleep(limits::PRUNE_REST) => {}
        }
        tokio::select! {
            () = ending(&mut end) => return,
            () = changes.next() => {}
            () = tokio::time::sleep(limits::PRUNE_AT_LEAST) => {}
        }
    }
}

/// Deletes what is beyond the settings' measure.
pub(crate) fn prune(app: &Arc<App>, now: Timestamp) -> Result<(), ApiError> {
    let settings = app.settings();
    for run_id in app.runs.surplus(settings.keep_runs as usize) {
        let gone = unless_in_use(remove(app, &run_id))?;
        if gone {
            tracing::info!(%run_id, "one run more than keep-runs: it is deleted with its logs");
        }
    }
    let Some(days) = settings.keep_logs_days else {
        return Ok(());
    };
    let age = SignedDuration::from_secs_f64(days.clamp(0.0, 36_500.0) * 86_400.0);
    let Ok(before) = now.checked_sub(age) else {
        return Ok(());
    };
    for run_id in app.runs.ended_before(before) {
        // Nothing is left of most, and then nothing is read.
        if app.root.run_tasks_dir(&run_id).is_dir() && unless_in_use(remove_logs(app, &run_id))? {
            tracing::info!(%run_id, "older than keep-logs-days: its logs are removed");
        }
    }
    Ok(())
}

/// Whether it was done. What lives, or is another machine's, is left as it is.
fn unless_in_use(done: Result<(), ApiError>) -> Result<bool, ApiError> {
    match done {
        Ok(()) => Ok(true),
        Err(error) if matches!(error.status, StatusCode::CONFLICT | StatusCode::NOT_FOUND) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Book {
    /// The oldest ended runs of each command file, where there are more than so many.
    fn surplus(&self, keep: usize) -> Vec<RunId> {
        let mut ended: BTreeMap<ConfigKey, Vec<RunId>> = BTreeMap::new();
        // Ids sort by time within a command file.
        for (run_id, page) in self.runs().iter().rev() {
            let (Some(key), Some(run)) = (page.followed.key(), page.followed.run()) else {
                continue;
            };
            if run.state.is_over() && Standing::of(run).ours {
                ended.entry(key).or_default().push(run_id.clone());
            }
        }
        ended
            .into_values()
            .flat_map(|runs| runs.into_iter().skip(keep))
            .collect()
    }

    /// The runs of this machine that ended before a moment.
    fn ended_before(&self, before: Timestamp) -> Vec<RunId> {
        let runs = self.runs();
        let old = runs.iter().filter(|(_, page)| {
            let run = page.followed.run();
            run.is_some_and(|run| {
                run.state.is_over() && run.finished_at.is_some_and(|at| at < before) && Standing::of(run).ours
            })
        });
        old.map(|(run_id, _)| run_id.clone()).collect()
    }
}
