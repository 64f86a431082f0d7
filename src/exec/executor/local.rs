//! Attempts as processes of this machine, each under a runner.
use std::{
    collections::HashMap,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
};

use gpuyard_core::model::{AttemptSpec, Mono, Now, ProcessIdentity, UniId};
use gpuyard_fault as fault;

use super::{
    AttemptEvent, Executor, HANDLE_VERSION, Handle, Recovered,
    crew::{Crew, Runner},
    orphans::{Orphans, Step},
    watch::Watch,
};
use crate::{
    ExecError, attempt,
    channel::{Channel, Packet},
    clock,
    host::HostFolder,
    lease::TakenLease,
    proc::{self, Stat},
    sys,
};

/// Runs attempts on this machine. Its descriptor is readable when [`Executor::events`] has something to tell.
///
/// It belongs into a process that has called [`crate::become_subreaper`] and starts no other children in process
/// sessions of their own: those it takes for what a killed runner left behind.
#[derive(Debug)]
pub struct LocalExecutor {
    pub(super) host: HostFolder,
    crew: Crew,
    pub(super) watch: Watch,
    pub(super) attempts: HashMap<UniId, Attempt>,
    next_token: u64,
}

/// An attempt that is being watched.
#[derive(Debug)]
pub(super) struct Attempt {
    token: u64,
    pub(super) folder: PathBuf,
    pub(super) phase: Phase,
    pub(super) stop_requested: bool,
}

/// Who looks after it.
#[derive(Debug)]
pub(super) enum Phase {
    /// Its runner.
    Running {
        runner: Runner,
        /// What it says and its end wake us. If the system would not have that, it is looked at in turns.
        watched: bool,
    },
    /// Its runner is dead; we do.
    Orphaned(Box<Orphans>),
}

impl LocalExecutor {
    /// An executor whose runners are `exe run-task`; `/proc/self/exe` is this very program, even when its file
    /// has been replaced meanwhile.
    pub fn new(host: HostFolder, exe: PathBuf) -> Result<LocalExecutor, ExecError> {
        Ok(LocalExecutor {
            host,
            crew: Crew::new(exe),
            watch: Watch::new()?,
            attempts: HashMap::new(),
            next_token: 0,
        })
    }

    /// Watches an attempt from now on.
    pub(super) fn insert(&mut self, uni_id: UniId, folder: &Path, phase: Phase) {
        self.next_token += 1;
        let attempt = Attempt {
            token: self.next_token,
            folder: folder.to_owned(),
            phase,
            stop_requested: false,
        };
        self.attempts.insert(uni_id.clone(), attempt);
        self.arm(&uni_id);
    }

    /// Has its runner's end wake us.
    fn arm(&mut self, uni_id: &UniId) {
        if let Some(Attempt {
            token,
            phase: Phase::Running { runner, watched },
            ..
        }) = self.attempts.get_mut(uni_id)
        {
            match self
                .watch
                .keep(&runner.fd, *token)
                .and_then(|()| match &runner.channel {
                    Some(channel) => self.watch.keep(channel, *token),
                    None => Ok(()),
                }) {
                Ok(()) => *watched = true,
                Err(e) => tracing::error!(%uni_id, error = %e, "looking at an attempt in turns"),
            }
        }
    }

    /// The runner of this attempt has something to say, or has ended.
    fn runner_woke(&mut self, uni_id: &UniId, events: &mut Vec<AttemptEvent>) {
        let Some(Attempt {
            phase: Phase::Running { runner, .. },
            ..
        }) = self.attempts.get_mut(uni_id)
        else {
            return;
        };
        match runner.channel.as_ref().map(Channel::receive) {
            Some(Packet::Ended(record)) if record.uni_id == *uni_id => {
                if let Some(Attempt {
                    phase: Phase::Running { runner, .. },
                    ..
                }) = self.attempts.remove(uni_id)
                {
                    self.crew.keep(runner, &self.watch);
                }
                events.push(AttemptEvent::Ended {
                    uni_id: uni_id.clone(),
                    record,
                });
            }
            Some(Packet::Closed) => {
                // It would wake us again and again, where the end of the process does so once.
                if let Some(channel) = runner.channel.take() {
                    self.watch.forget(&channel);
                }
                self.runner_ended(uni_id, events);
            }
            _ => self.runner_ended(uni_id, events),
        }
    }

    /// The runner of this attempt has ended.
    fn runner_ended(&mut self, uni_id: &UniId, events: &mut Vec<AttemptEvent>) {
        let Some(attempt) = self.attempts.get_mut(uni_id) else {
            return;
        };
        let Phase::Running { runner, .. } = &attempt.phase else {
            return;
        };
        // A runner that was recovered is not our child, and init reaps it.
        let status = match sys::reap(runner.identity.pid) {
            Ok(sys::Wait::Reaped(reaped)) => Some(reaped.status),
            Ok(sys::Wait::Alive) => return,
            _ => None,
        };
        match attempt::claim_exit(&attempt.folder) {
            Ok(Some(record)) => {
                self.attempts.remove(uni_id);
                // The runner may have been killed between its record and this.
                self.host.clear(uni_id);
                events.push(AttemptEvent::Ended {
                    uni_id: uni_id.clone(),
                    record,
                });
            }
            unreadable => {
                if let Err(e) = unreadable {
                    tracing::error!(%uni_id, error = %e, "passing over an exit record that cannot be read");
                }
                let mut orphans = Orphans::of_runner(uni_id.clone(), attempt.folder.clone(), status);
                orphans.stop_requested = attempt.stop_requested;
                attempt.phase = Phase::Orphaned(Box::new(orphans));
            }
        }
    }

    /// Looks after an attempt whose runner is dead.
    pub(super) fn look_after(&mut self, uni_id: &UniId, now: Now, events: &mut Vec<AttemptEvent>) {
        // Looking through all processes is for the rare case only, never between a task's end and the next one's start.
        if !matches!(
            self.attempts.get(uni_id),
            Some(Attempt {
                phase: Phase::Orphaned(_),
                ..
            })
        ) {
            return;
        }
        let strays = self.strays(uni_id);
        let Some(attempt) = self.attempts.get_mut(uni_id) else {
            return;
        };
        let Phase::Orphaned(orphans) = &mut attempt.phase else {
            return;
        };
        match orphans.step(&self.host, &self.watch, attempt.token, strays.as_deref(), now) {
            Step::Waiting => {
                if orphans.announce() {
                    events.push(AttemptEvent::RunnerLost { uni_id: uni_id.clone() });
                }
            }
            Step::NeverStarted => {
                self.attempts.remove(uni_id);
            }
            Step::Ended(record) => {
                self.attempts.remove(uni_id);
                events.push(AttemptEvent::Ended {
                    uni_id: uni_id.clone(),
                    record,
                });
            }
            Step::Replace(spec, lease) => {
                let folder = attempt.folder.clone();
                let started = attempt::write_spec(&folder, &spec);
                match started.and_then(|()| self.crew.hand_over(&folder, &spec.unset, lease)) {
                    Ok(runner) => {
                        events.push(AttemptEvent::RunnerReplaced {
                            uni_id: uni_id.clone(),
                            runner: runner.identity.clone(),
                        });
                        if let Some(attempt) = self.attempts.get_mut(uni_id) {
                            attempt.phase = Phase::Running { runner, watched: false };
                        }
                        self.arm(uni_id);
                    }
                    Err(e) => {
                        tracing::error!(%uni_id, error = %e, "no new runner for a killed one yet");
                        if let Some(Attempt {
                            phase: Phase::Orphaned(orphans),
                            ..
                        }) = self.attempts.get_mut(uni_id)
                        {
                            orphans.put_off(now);
                        }
                    }
                }
            }
        }
    }

    /// Children that we have come by through the death of a runner, of which this attempt's was the last to start
    /// before them. The dead among them are buried here. `None`: whose they are cannot be told now.
    fn strays(&self, uni_id: &UniId) -> Option<Vec<i32>> {
        let own = std::process::id() as i32;
        let Ok(Some(Stat { session, .. })) = proc::stat(own) else {
            return None;
        };
        let mut runners = Vec::new();
        let mut dead_runners = Vec::new();
        for (id, attempt) in &self.attempts {
            match &attempt.phase {
                Phase::Running { runner, .. } => runners.push(runner.identity.pid),
                Phase::Orphaned(orphans) => dead_runners.push((orphans.begun_at(), id)),
            }
        }
        let all = proc::all().ok()?;
        // Asked after they were read: a runner whose death has not been noticed yet may have left some of them to us, and the
        // exit code of its command among them.
        if runners.iter().any(|pid| sys::peek(*pid).is_some()) {
            return None;
        }
        let children = all.into_iter().filter(|s| {
            // Whatever a command started is in another process session than ours.
            s.parent == own && s.session != session && !runners.contains(&s.pid) && !self.crew.has(s.pid)
        });
        let mut strays = Vec::new();
        for child in children {
            let before = dead_runners.iter().filter(|(start, _)| *start <= child.start_ticks);
            if child.is_dead() && !self.is_awaited(child.pid) {
                let _ = sys::reap(child.pid);
            } else if before
                .max_by_key(|(start, _)| *start)
                .is_some_and(|(_, id)| *id == uni_id)
            {
                strays.push(child.pid);
            }
        }
        Some(strays)
    }

    /// Whether somebody still wants to know how this child ended.
    fn is_awaited(&self, pid: i32) -> bool {
        self.attempts.values().any(|attempt| match &attempt.phase {
            Phase::Running { runner, .. } => runner.identity.pid == pid,
            Phase::Orphaned(orphans) => orphans.awaits(pid),
        })
    }
}

impl Executor for LocalExecutor {
    fn launch(&mut self, spec: &AttemptSpec, folder: &Path, lease: TakenLease) -> Result<ProcessIdentity, ExecError> {
        attempt::write_spec(folder, spec)?;
        fault::point("attempt-written");
        let runner = self.crew.hand_over(folder, &spec.unset, lease)?;
        fault::point("runner-started");
        let identity = runner.identity.clone();
        self.insert(spec.uni_id.clone(), folder, Phase::Running { runner, watched: false });
        Ok(identity)
    }

    fn recover(&mut self, uni_id: &UniId, folder: &Path) -> Result<Recovered, ExecError> {
        self.recover_attempt(uni_id, folder)
    }

    fn stop(&mut self, uni_id: &UniId) -> Result<(), ExecError> {
        let unknown = || ExecError::Unknown {
            verb: "stop",
            uni_id: uni_id.to_string(),
        };
        let attempt = self.attempts.get_mut(uni_id).ok_or_else(unknown)?;
        attempt.stop_requested = true;
        match &mut attempt.phase {
            Phase::Running { runner, .. } => runner.stop().map_err(ExecError::system("signal a runner")),
            Phase::Orphaned(orphans) => {
                orphans.stop(clock::mono());
                Ok(())
            }
        }
    }

    fn events(&mut self, now: Now) -> Vec<AttemptEvent> {
        let ready = self.watch.ready();
        if ready.iter().any(|&token| Crew::is_meant(token)) {
            self.crew.look();
        }
        let mut events = Vec::new();
        let woken: Vec<UniId> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| match &attempt.phase {
                Phase::Running { watched, .. } => ready.contains(&attempt.token) || !watched,
                Phase::Orphaned(orphans) => ready.contains(&attempt.token) || orphans.due() <= now.mono,
            })
            .map(|(id, _)| id.clone())
            .collect();
        for uni_id in woken {
            self.runner_woke(&uni_id, &mut events);
            self.look_after(&uni_id, now, &mut events);
        }
        events
    }

    fn next_deadline(&self) -> Option<Mono> {
        let due = |attempt: &Attempt| match &attempt.phase {
            Phase::Running { watched: true, .. } => None,
            Phase::Running { .. } => Some(clock::mono().plus_millis(1000)),
            Phase::Orphaned(orphans) => Some(orphans.due()),
        };
        self.attempts.values().filter_map(due).min()
    }

    fn list(&self) -> Vec<Handle> {
        let handle = |(uni_id, attempt): (&UniId, &Attempt)| {
            let runner = match &attempt.phase {
                Phase::Running { runner, .. } => serde_json::to_value(&runner.identity).unwrap_or_default(),
                Phase::Orphaned(_) => serde_json::Value::Null,
            };
            let data = serde_json::json!({ "runner": runner, "folder": attempt.folder });
            Handle {
                version: HANDLE_VERSION,
                executor: "local".into(),
                uni_id: uni_id.clone(),
                data,
            }
        };
        self.attempts.iter().map(handle).collect()
    }
}

impl AsFd for LocalExecutor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.watch.as_fd()
    }
}
