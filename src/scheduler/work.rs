//! The loop: observe, decide, record, apply. It sleeps until something happens, and polls nothing that can be waited for.
use std::{
    os::fd::{AsFd, OwnedFd},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context;
use gpuyard_core::{
    model::{ConfigKey, Mono, Rules},
    queue::{Effect, Event, RunState},
    wire::{ControlRequest, ControlResponse, StopKind},
};
use gpuyard_exec::{
    attempt::tell_peak,
    clock,
    executor::{AttemptEvent, Executor, LocalExecutor},
    host::{HostFolder, HostWatch},
};
use gpuyard_store::{Root, file::Version};
use tokio::{
    io::{Interest, unix::AsyncFd},
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};

use crate::{control, journal::Journal, observe::Observer, options::exit};

/// What could not be written is tried again so often.
const MEND: u64 = 1000;
/// Without any GPU to wait for, nothing is looked at more rarely than this.
const AT_LEAST: u64 = 3_600_000;

/// A scheduler at work on one run.
pub(crate) struct Scheduler {
    pub(crate) root: Root,
    pub(crate) host: HostFolder,
    /// Its command file; `None` for the ad-hoc tasks.
    pub(crate) config: Option<ConfigKey>,
    /// The ad-hoc tasks, where it works on those.
    pub(crate) feed: Option<crate::feed::Feed>,
    pub(crate) rules: Rules,
    pub(crate) rules_path: PathBuf,
    pub(crate) command_path: PathBuf,
    pub(crate) work_dir: PathBuf,
    pub(crate) conda_sh: Option<PathBuf>,
    pub(crate) conda_exe: Option<PathBuf>,
    pub(crate) home: Option<PathBuf>,
    pub(crate) journal: Journal,
    pub(crate) executor: LocalExecutor,
    pub(crate) observer: Observer,
    /// Something happened that may let a head start.
    pub(crate) stirred: bool,
    /// When GPUs were last looked at.
    pub(crate) looked: Mono,
    /// What is wrong just now, by subject; the run shows the first.
    pub(crate) troubles: std::collections::BTreeMap<&'static str, String>,
    pub(crate) detached: bool,
    /// What the command file was when it was last read; `None` where it could not be.
    pub(crate) command_seen: Option<Version>,
    /// The run is over but for an edit of the command file that has not stood still yet: it is waited for until then.
    pub(crate) lingers: Option<Mono>,
    /// Kept for as long as the scheduler lives.
    pub(crate) _watch: gpuyard_store::watch::FileWatch,
    /// While it is held, no second scheduler comes up.
    pub(crate) place: gpuyard_exec::place::Place,
}

/// What wakes the loop.
pub(crate) struct Senses {
    attempts: AsyncFd<OwnedFd>,
    leases: HostWatch,
    leases_fd: AsyncFd<OwnedFd>,
    files: mpsc::UnboundedReceiver<PathBuf>,
    calls: control::Calls,
    terminate: Signal,
    interrupt: Signal,
}

/// A second descriptor of the same thing, which wakes the loop and is closed with it.
fn watch(fd: &impl AsFd) -> std::io::Result<AsyncFd<OwnedFd>> {
    let own = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: an `OwnedFd` names the same open descriptor for as long as it lives, and the `AsyncFd` owns it.
    unsafe { AsyncFd::register_with_interest(own, Interest::READABLE) }.map_err(Into::into)
}

impl Senses {
    pub(crate) fn new(
        scheduler: &Scheduler,
        files: mpsc::UnboundedReceiver<PathBuf>,
        calls: control::Calls,
    ) -> anyhow::Result<Senses> {
        let leases = scheduler.host.watch().context("watch the host folder")?;
        Ok(Senses {
            attempts: watch(&scheduler.executor).context("wait for attempts")?,
            leases_fd: watch(&leases).context("wait for leases")?,
            leases,
            files,
            calls,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }
}

impl Scheduler {
    /// Works until the run is over, and answers the exit code.
    pub(crate) async fn work(&mut self, mut senses: Senses) -> anyhow::Result<i32> {
        loop {
            self.collect();
            // What ended is written first: others may have waited for it.
            self.keep_rows();
            self.take_in();
            self.act();
            self.journal.save_if_due();
            if let Some(code) = self.finish() {
                senses.calls.end().await;
                return Ok(code);
            }
            let wake = self.next_wake();
            tokio::select! {
                ready = senses.attempts.readable() => ready?.clear_ready(),
                ready = senses.leases_fd.readable() => {
                    ready?.clear_ready();
                    self.stirred |= senses.leases.drain();
                }
                Some(path) = senses.files.recv() => self.file_changed(&path),
                Some((request, answer)) = senses.calls.next() => {
                    // A caller that has gone needs no answer.
                    let _ = answer.send(self.asked(request));
                }
                _ = senses.terminate.recv() => self.stop(self.on_signal()),
                _ = senses.interrupt.recv() => self.stop(self.on_signal()),
                () = tokio::time::sleep(wake) => {}
            }
        }
    }

    /// What attempts have come to since last time.
    pub(crate) fn collect(&mut self) {
        let now = clock::now();
        for event in self.executor.events(now) {
            let uni_id = match &event {
                AttemptEvent::Ended { uni_id, .. }
                | AttemptEvent::RunnerLost { uni_id }
                | AttemptEvent::RunnerReplaced { uni_id, .. } => uni_id.clone(),
            };
            let Some(task) = self.journal.machine().task_of_attempt(&uni_id) else {
                continue;
            };
            let task_id = task.task_id.clone();
            let event = match event {
                AttemptEvent::Ended { record, .. } => {
                    self.stirred = true;
                    self.ended(task_id, &uni_id, record)
                }
                AttemptEvent::RunnerLost { .. } => {
                    tracing::warn!(%task_id, "a runner was killed; its processes are watched to their end");
                    Event::RunnerLost { task_id }
                }
                AttemptEvent::RunnerReplaced { runner, .. } => Event::Launched { task_id, runner },
            };
            self.record(event);
        }
    }

    pub(crate) fn ended(
        &mut self,
        task_id: gpuyard_core::model::TaskId,
        uni_id: &gpuyard_core::model::UniId,
        record: gpuyard_core::model::ExitRecord,
    ) -> Event {
        tracing::info!(%task_id, outcome = ?record.outcome, seconds = record.duration.0, "attempt ended");
        Event::Ended {
            task_id,
            outcome: record.outcome,
            started_at: Some(record.started_at),
            finished_at: Some(record.finished_at),
            peak_memory: self.observer.take_peak(uni_id),
        }
    }

    /// Records what may be told again from records and locks, and does what follows from it.
    pub(crate) fn record(&mut self, event: Event) {
        let effects = self.journal.record(event);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: Vec<Effect>) {
        for Effect::StopAttempt { uni_id } in effects {
            if let Err(error) = self.executor.stop(&uni_id) {
                tracing::error!(%uni_id, error = %error, "cannot stop an attempt");
            }
        }
    }

    /// What a signal means: the end of a command file's run, and no more than our own where people's tasks come and go.
    fn on_signal(&self) -> StopKind {
        if self.feed.is_some() {
            StopKind::Detach
        } else {
            StopKind::Stop
        }
    }

    /// Writes rows that are behind.
    fn keep_rows(&mut self) {
        if self.feed.is_some() {
            self.journal.save_if_due();
        }
    }

    /// Looks and decides, if something may start or it is time to look.
    fn act(&mut self) {
        let now = clock::now();
        let due = now.mono.since(self.looked) >= self.rules.check_time.millis();
        let machine = self.journal.machine_mut();
        let opened = machine.open_gates(now);
        if !machine.has_heads() {
            if due && machine.running().next().is_some() {
                self.measure();
            }
        } else if due || opened || self.stirred {
            self.decide();
        }
        self.stirred = false;
        self.tell_peaks();
    }

    /// Lets the attempts' logs know what GPU memory they were seen to use.
    fn tell_peaks(&mut self) {
        for (uni_id, peak) in self.observer.take_risen() {
            let task = self.journal.machine().task_of_attempt(&uni_id);
            let Some(live) = task.and_then(|task| task.live.as_ref()) else {
                continue;
            };
            if let Err(error) = tell_peak(&self.root.resolve(&live.folder), peak) {
                tracing::debug!(%error, "the log will not tell peak GPU memory");
            }
        }
    }

    /// How long there is nothing to do by itself.
    fn next_wake(&self) -> Duration {
        let now = clock::now();
        let machine = self.journal.machine();
        let busy = machine.has_heads() || machine.running().next().is_some();
        let check = busy.then(|| self.looked.plus_millis(self.rules.check_time.millis()));
        let mend =
            (self.journal.is_behind() || self.troubles.contains_key("journal")).then(|| now.mono.plus_millis(MEND));
        let wake = [
            check,
            mend,
            self.journal.machine().next_gate(),
            self.executor.next_deadline(),
            self.journal.next_save(),
            self.lingers,
            self.next_moment().map(|left| now.mono.plus_millis(left)),
            Some(now.mono.plus_millis(AT_LEAST)),
        ];
        let first = wake.into_iter().flatten().min().unwrap_or(now.mono);
        // A millisecond more than none: a deadline that was rounded down must not make the loop spin.
        Duration::from_millis(first.since(now.mono).max(1))
    }

    /// Ends the run if it is over.
    fn finish(&mut self) -> Option<i32> {
        let state = if self.detached {
            Some(RunState::Interrupted)
        } else {
            self.journal.machine().verdict()
        };
        let Some(state) = state else {
            self.lingers = None;
            return None;
        };
        if self.is_being_edited() {
            return None;
        }
        // From here on the run is seen to be over, and may be wanted again.
        self.place.leave();
        self.record(Event::Closed { state });
        gpuyard_fault::point("run-closed");
        self.say_ended(state);
        if let Err(error) = self.journal.save() {
            // Nothing is lost: whoever starts next replays what was written and reads the exit records.
            tracing::error!(error = %error, "the end of the run could not be written");
        }
        tracing::info!(?state, "the run is over");
        Some(match state {
            RunState::Completed | RunState::Interrupted => exit::COMPLETED,
            RunState::Failed => exit::FAILED,
            _ => exit::STOPPED,
        })
    }

    /// Lets the daemon know that the scheduler of ad-hoc tasks was told to end: it is not started again by itself.
    fn say_ended(&mut self, state: RunState) {
        if let Some(rows) = self.journal.rows_mut()
            && let Err(error) = rows.tasks.set_fact("ended", Some(&format!("{state:?}")))
        {
            tracing::error!(%error, "the end could not be written down");
        }
    }

    fn stop(&mut self, kind: StopKind) {
        tracing::info!(?kind, "asked to end");
        if let Err(error) = self.record_synced(Event::StopAsked { kind }) {
            tracing::error!(error = %error, "a stop could not be written down; it is carried out all the same");
            self.record(Event::StopAsked { kind });
        }
        self.detached |= kind == StopKind::Detach;
    }

    /// Records what somebody was promised: it is on disk before anything follows from it.
    pub(crate) fn record_synced(&mut self, event: Event) -> anyhow::Result<()> {
        let effects = self.journal.record_synced(event)?;
        self.carry_out(effects);
        Ok(())
    }

    fn asked(&mut self, request: ControlRequest) -> ControlResponse {
        let event = match request {
            ControlRequest::Ping => return ControlResponse::Done,
            ControlRequest::TasksChanged => {
                if let Some(feed) = &mut self.feed {
                    feed.poked = true;
                }
                return ControlResponse::Done;
            }
            ControlRequest::Stop { kind } => {
                self.stop(kind);
                return ControlResponse::Done;
            }
            ControlRequest::Retry { task_id } => Event::RetryAsked { task_id },
            ControlRequest::Skip { task_id } => Event::SkipAsked { task_id },
            ControlRequest::StopTask { task_id } => Event::TaskStopAsked { task_id },
        };
        match self.journal.machine().check(&event) {
            Err(gpuyard_core::queue::Refusal::NotFound) => ControlResponse::NotFound,
            Err(refusal) => ControlResponse::Conflict {
                message: refusal.to_string(),
            },
            Ok(()) => match self.record_synced(event) {
                Ok(()) => {
                    self.stirred = true;
                    ControlResponse::Done
                }
                Err(error) => ControlResponse::Conflict {
                    message: format!("{error}"),
                },
            },
        }
    }

    /// Says, or takes back, that something is wrong with the run itself.
    pub(crate) fn trouble(&mut self, subject: &'static str, message: Option<String>) {
        match message {
            Some(message) => {
                if self.troubles.get(subject) != Some(&message) {
                    tracing::warn!("{message}");
                }
                self.troubles.insert(subject, message);
            }
            None => drop(self.troubles.remove(subject)),
        }
        let after = self.troubles.values().next().cloned();
        // What a scheduler before us said may not be so any more.
        if self.journal.machine().run().last_error != after {
            self.record(Event::Troubled { message: after });
        }
    }
}
