//! The supervisor: sees schedulers die, whoever started them, and starts again what a crash cut off.
//!
//! Nothing is asked after at intervals. The state folder tells of new runs, a scheduler's own descriptor of its death,
//! and a timer of the moment at which a delayed recovery is due.
pub(crate) mod death;
mod launch;
pub(crate) mod policy;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use gpuyard_core::{
    model::{ConfigKey, Mono, ProcessIdentity, RunId},
    wire::Announcement,
};
use gpuyard_exec::{clock, identity, spawn::Detached};
pub(crate) use launch::{How, Launched, NotUp, launch};
use policy::{Facts, History, Step};
use tokio::sync::{Notify, mpsc, watch};

use crate::{app::App, connection::ending, error::ApiError};

/// A scheduler at work writes its state often; one look is enough for all that is written within this.
const CALM: Duration = Duration::from_millis(200);

/// What the supervisor is told.
pub(crate) enum News {
    /// A caller had this scheduler started.
    Started(ConfigKey, Detached),
    /// A scheduler that was watched has ended.
    Died(ConfigKey, ProcessIdentity),
    /// A recovery has come to something.
    Recovered(ConfigKey, RunId, Launched),
}

/// What it knows.
pub(crate) struct Supervisor {
    app: Arc<App>,
    news: mpsc::UnboundedReceiver<News>,
    /// The state folder has changed.
    changed: Arc<Notify>,
    histories: HashMap<RunId, History>,
    watched: HashMap<ConfigKey, ProcessIdentity>,
    /// Recoveries that have not come to anything yet.
    recovering: HashSet<ConfigKey>,
}

/// A command file's newest run, as it was found.
struct Found {
    key: ConfigKey,
    run_id: RunId,
    facts: Facts,
    /// Its scheduler, or whoever else has its place: as long as this process lives, the run is left to it.
    scheduler: Option<ProcessIdentity>,
}

impl Supervisor {
    pub(crate) fn new(app: Arc<App>, news: mpsc::UnboundedReceiver<News>, changed: Arc<Notify>) -> Supervisor {
        let (histories, watched, recovering) = Default::default();
        Supervisor {
            app,
            news,
            changed,
            histories,
            watched,
            recovering,
        }
    }

    /// Works until the daemon ends. Schedulers go on without it.
    pub(crate) async fn work(mut self, mut end: watch::Receiver<bool>) {
        loop {
            let due = self.look().await;
            let delay = due.map(|due| Duration::from_millis(due.since(clock::mono())));
            tokio::select! {
                () = ending(&mut end) => return,
                Some(news) = self.news.recv() => {
                    self.hear(news);
                    continue;
                }
                () = self.changed.notified() => {}
                () = tokio::time::sleep(delay.unwrap_or_default()), if delay.is_some() => continue,
            };
            // What is told meanwhile is not kept waiting.
            tokio::select! {
                () = ending(&mut end) => return,
                Some(news) = self.news.recv() => self.hear(news),
                () = tokio::time::sleep(CALM) => {}
            }
        }
    }

    fn hear(&mut self, news: News) {
        self.app.runs.tell();
        match news {
            News::Started(key, child) => self.watch_child(key, child),
            News::Died(key, process) => {
                if self.watched.get(&key) == Some(&process) {
                    self.watched.remove(&key);
                }
                if let Some(history) = self
                    .app
                    .runs
                    .newest_of(key)
                    .and_then(|run| self.histories.get_mut(&run))
                {
                    history.died(clock::mono());
                }
            }
            News::Recovered(key, run_id, Launched { child, outcome }) => {
                self.recovering.remove(&key);
                match &outcome {
                    Ok(run_id) => tracing::info!(%key, %run_id, "the scheduler is at work again"),
                    // It ended meanwhile, by another's hand.
                    Err(NotUp::Refused { code, .. }) if code == Announcement::NOTHING_TO_DO => {
                        tracing::info!(%key, %run_id, "the run has ended; no scheduler is needed");
                    }
                    Err(error) => tracing::error!(%key, %run_id, "the scheduler was not started again: {error}"),
                }
                match child {
                    // Whether it is up or on its way down: its end is heard of.
                    Some(child) => self.watch_child(key, child),
                    None => self.histories.entry(run_id).or_default().died(clock::mono()),
                }
            }
        }
    }

    /// Acts on what the runs look like now; says when to look again by itself.
    async fn look(&mut self) -> Option<Mono> {
        let found = match self.app.blocking(find).await {
            Ok(found) => found,
            Err(error) => {
                tracing::error!("the runs cannot be looked at: {}", error.message.en);
                return Some(clock::mono().plus_millis(death::LOOK_AGAIN.as_millis() as u64));
            }
        };
        let now = clock::mono();
        let mut due: Option<Mono> = None;
        for Found {
            key,
            run_id,
            facts,
            scheduler,
        } in found
        {
            match scheduler {
                Some(scheduler) if can_be_watched(&scheduler) => self.watch_process(key, scheduler),
                Some(_) => sooner(&mut due, now.plus_millis(death::LOOK_AGAIN.as_millis() as u64)),
                None => {}
            }
            if facts.over {
                self.histories.remove(&run_id);
                continue;
            }
            // One that is on its way up, or whose end is about to be heard of: until then the run is not anybody else's.
            if self.recovering.contains(&key) || self.watched.contains_key(&key) {
                continue;
            }
            let history = self.histories.entry(run_id.clone()).or_default();
            match policy::next(facts, history, now) {
                Step::Leave => {}
                Step::Wait(at) => sooner(&mut due, at),
                Step::Recover => {
                    history.begun(now);
                    self.recover(key, run_id);
                }
            }
        }
        due
    }

    fn recover(&mut self, key: ConfigKey, run_id: RunId) {
        tracing::warn!(%key, %run_id, "the scheduler died; it is started again");
        self.recovering.insert(key);
        let app = Arc::clone(&self.app);
        tokio::task::spawn_blocking(move || {
            let launched = launch(&app, key, How::Recover);
            // Where the daemon has ended meanwhile, the scheduler needs nobody.
            let _ = app.news.send(News::Recovered(key, run_id, launched));
        });
    }

    fn watch_child(&mut self, key: ConfigKey, child: Detached) {
        let (news, process) = (self.app.news.clone(), child.identity().clone());
        self.watched.insert(key, process.clone());
        tokio::spawn(async move {
            death::of_child(&child).await;
            let _ = news.send(News::Died(key, process));
        });
    }

    fn watch_process(&mut self, key: ConfigKey, process: ProcessIdentity) {
        if self.watched.get(&key) == Some(&process) {
            return;
        }
        tracing::info!(%key, pid = process.pid, "a scheduler is at work");
        self.watched.insert(key, process.clone());
        let news = self.app.news.clone();
        tokio::spawn(async move {
            death::of_process(&process).await;
            let _ = news.send(News::Died(key, process));
        });
    }
}

/// Not where nothing tells here that a place is given up: of one in a container beside this one, and of this daemon itself,
/// which takes it for as long as it deletes something.
fn can_be_watched(process: &ProcessIdentity) -> bool {
    process.space == identity::pid_space() && process.pid.cast_unsigned() != std::process::id()
}

fn sooner(due: &mut Option<Mono>, at: Mono) {
    *due = Some(due.map_or(at, |due| due.min(at)));
}

/// Looks at the newest run of each command file.
fn find(app: &Arc<App>) -> Result<Vec<Found>, ApiError> {
    app.runs.refresh()?;
    let auto_resume = app.rules().auto_resume;
    let mut found = Vec::new();
    for newest in app.runs.newest() {
        let held = if newest.standing.ours {
            app.holder(newest.key)?
        } else {
            None
        };
        // A process that is being killed gives its place up a moment before it is gone. Who called the run its own then, and
        // watched nobody, would never hear of the end.
        let scheduler = held.map(|held| held.process).or(newest.scheduler);
        let facts = Facts {
            over: newest.state.is_over(),
            ours: newest.standing.ours,
            alive: scheduler.is_some(),
            auto_resume,
        };
        found.push(Found {
            key: newest.key,
            run_id: newest.run_id,
            facts,
            scheduler,
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
