//! Keeps the scheduler of ad-hoc tasks at work: from the daemon's start where there are any, else from the first one on.
use std::{sync::Arc, time::Duration};

use gpuyard_core::model::{Charge, ProcessIdentity};
use gpuyard_exec::{clock, identity, spawn::Detached};
use gpuyard_store::adhoc::Tasks;
use tokio::sync::watch;

use super::holder;
use crate::{
    app::App,
    connection::ending,
    error::ApiError,
    supervise::{
        How, death, launch,
        policy::{self, Facts, History, Step},
    },
};

/// What is to be done now.
enum Stand {
    /// It lives.
    AtWork(ProcessIdentity),
    /// It died, or has never been there.
    Missing { auto_resume: bool },
    /// Nobody has made a task yet, or somebody told it to end.
    NotNeeded,
    /// It cannot be told.
    Unknown,
}

/// Works until the daemon ends. The scheduler goes on without it.
pub(crate) async fn keep(app: Arc<App>, mut end: watch::Receiver<bool>) {
    let mut history = History::default();
    let mut wanted = true;
    loop {
        let called = std::mem::take(&mut wanted);
        let stand = app
            .blocking(move |app| stand(app, called))
            .await
            .unwrap_or_else(|error| {
                tracing::error!(
                    "the scheduler of ad-hoc tasks cannot be looked after: {}",
                    error.message.en
                );
                Stand::Unknown
            });
        match stand {
            // In a container beside this one: its end is not told here.
            Stand::AtWork(process) if process.space != identity::pid_space() => rest(&mut end, death::LOOK_AGAIN).await,
            Stand::AtWork(process) => {
                tokio::select! {
                    () = ending(&mut end) => return,
                    () = death::of_process(&process) => history.died(clock::mono()),
                }
            }
            Stand::Missing { auto_resume } => {
                let facts = Facts {
                    over: false,
                    ours: true,
                    alive: false,
                    auto_resume: auto_resume || called,
                };
                let now = clock::mono();
                match policy::next(facts, &history, now) {
                    Step::Recover => {
                        history.begun(now);
                        if let Some(child) = start(&app).await {
                            tokio::select! {
                                () = ending(&mut end) => return,
                                () = death::of_child(&child) => {}
                            }
                        }
                        history.died(clock::mono());
                    }
                    Step::Wait(at) => {
                        rest(&mut end, Duration::from_millis(at.since(now))).await;
                    }
                    Step::Leave => wanted = wait(&app, &mut end).await,
                }
            }
            Stand::NotNeeded => wanted = wait(&app, &mut end).await,
            Stand::Unknown => {
                wanted = called;
                rest(&mut end, death::LOOK_AGAIN).await;
            }
        }
        if *end.borrow() {
            return;
        }
    }
}

/// Until somebody makes or changes a task.
async fn wait(app: &App, end: &mut watch::Receiver<bool>) -> bool {
    tokio::select! {
        () = ending(end) => false,
        () = app.desk.wanted.notified() => true,
    }
}

/// For so long, or until the daemon ends.
async fn rest(end: &mut watch::Receiver<bool>, time: Duration) {
    tokio::select! {
        () = ending(end) => {}
        () = tokio::time::sleep(time) => {}
    }
}

fn stand(app: &App, called: bool) -> Result<Stand, ApiError> {
    if let Some(holder) = holder(app)? {
        return Ok(Stand::AtWork(holder.process));
    }
    if !Tasks::path(&app.root, &app.settings()).exists() {
        return Ok(Stand::NotNeeded);
    }
    let ended = app.desk.tasks(app)?.fact("ended")?.is_some();
    Ok(if ended && !called {
        Stand::NotNeeded
    } else {
        Stand::Missing {
            auto_resume: app.rules().auto_resume,
        }
    })
}

async fn start(app: &Arc<App>) -> Option<Detached> {
    let launched = app
        .blocking(|app| {
            let launched = launch(app, Charge::Tasks, How::Recover);
            match &launched.outcome {
                Ok(_) => tracing::info!("the scheduler of ad-hoc tasks is at work"),
                Err(error) => tracing::error!("the scheduler of ad-hoc tasks was not started: {error}"),
            }
            Ok(launched.child)
        })
        .await;
    launched.ok().flatten()
}
