//! Attempts as processes of this machine, each under a runner.
use std::{
    collections::HashMap,
    ffi::OsStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use gpuyard_core::model::{AttemptSpec, Mono, Now, ProcessIdentity, UniId};
use rustix::process::{Signal, pidfd_send_signal};

use super::{
    AttemptEvent, Executor, HANDLE_VERSION, Handle, Recovered,
    orphans::{Orphans, Step},
    watch::Watch,
};
use crate::{
    ExecError, attempt, clock, crash,
    host::HostFolder,
    kill,
    lease::TakenLease,
    proc::{self, Stat},
    spawn, sys,
};

/// Runs attempts on this machine. Its descriptor is readable when [`Executor::events`] has something to tell.
///
/// It belongs into a process that has called [`crate::become_subreaper`] and starts no other children in process
/// sessions of their own: those it takes for what a killed runner left behind.
#[derive(Debug)]
pub struct LocalExecutor {
    pub(super) host: HostFolder,
    exe: PathBuf,
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
        runner: ProcessIdentity,
        fd: OwnedFd,
        /// Its end wakes us. If the system would not have that, it is looked at in turns.
        watched: bool,
    },
    /// Its runner is dead; we do.
    Orphaned(Box<Orphans>),
}

impl LocalExecutor {
    /// An executor whose runners are `exe run-task FOLDER`; `/proc/self/exe` is this very program, even when its file
    /// has been replaced meanwhile.
    pub fn new(host: HostFolder, exe: PathBuf) -> Result<LocalExecutor, ExecError> {
        Ok(LocalExecutor {
            host,
            exe,
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
            phase: Phase::Running { fd, watched, .. },
            ..
        }) = self.attempts.get_mut(uni_id)
        {
            match self.watch.add(fd, *token) {
                Ok(()) => *watched = true,
                Err(e) => tracing::error!(%uni_id, error = %e, "looking at an attempt in turns"),
            }
        }
    }

    /// Starts a runner for an attempt whose `attempt.json` is written.
    fn start_runner(
        &self,
        spec: &AttemptSpec,
        folder: &Path,
        lease: TakenLease,
    ) -> Result<(ProcessIdentity, OwnedFd), ExecError> {
        let null = spawn::open_null()?;
        let given_back = || std::io::Error::other("its lease was given away before");
        let files = lease
            .files()
            .ok_or_else(given_back)
            .map_err(ExecError::system("start a runner"))?;
        let environment = spawn::own_environment(|name| spec.unset.iter().any(|unset| name == OsStr::new(unset)), &[])?;
        let arguments = [OsStr::new("run-task"), folder.as_os_str()];
        let stdio = [files.lease.as_fd(), files.runner.as_fd(), null.as_fd()];
        let pid = spawn::start(&self.exe, &arguments, &environment, stdio, true)?;
        // With these closed, there are descriptors to spare for the next step.
        lease.hand_over();
        drop(null);
        spawn::hold(pid)
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
        let status = match sys::reap(runner.pid) {
            Ok(sys::Wait::Reaped(reaped)) => Some(reaped.status),
            Ok(sys::Wait::Alive) => return,
            _ => None,
        };
        match attempt::read_exit(&attempt.folder) {
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
        match orphans.step(&self.host, &self.watch, attempt.token, &strays, now) {
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
                match started.and_then(|()| self.start_runner(&spec, &folder, lease)) {
                    Ok((runner, fd)) => {
                        events.push(AttemptEvent::RunnerReplaced {
                            uni_id: uni_id.clone(),
                            runner: runner.clone(),
                        });
                        if let Some(attempt) = self.attempts.get_mut(uni_id) {
                            attempt.phase = Phase::Running {
                                runner,
                                fd,
                                watched: false,
                            };
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
    /// before them. The dead among them are buried here.
    fn strays(&self, uni_id: &UniId) -> Vec<i32> {
        let own = std::process::id() as i32;
        let Ok(Some(Stat { session, .. })) = proc::stat(own) else {
            return Vec::new();
        };
        let mut runners = Vec::new();
        let mut dead_runners = Vec::new();
        for (id, attempt) in &self.attempts {
            match &attempt.phase {
                Phase::Running { runner, .. } => runners.push(runner.pid),
                Phase::Orphaned(orphans) => dead_runners.push((orphans.runner_start(), id)),
            }
        }
        let children = proc::all().unwrap_or_default().into_iter().filter(|s| {
            // Whatever a command started is in another process session than ours.
            s.parent == own && s.session != session && !runners.contains(&s.pid)
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
        strays
    }

    /// Whether somebody still wants to know how this child ended.
    fn is_awaited(&self, pid: i32) -> bool {
        self.attempts.values().any(|attempt| match &attempt.phase {
            Phase::Running { runner, .. } => runner.pid == pid,
            Phase::Orphaned(orphans) => orphans.awaits(pid),
        })
    }
}

impl Executor for LocalExecutor {
    fn launch(&mut self, spec: &AttemptSpec, folder: &Path, lease: TakenLease) -> Result<ProcessIdentity, ExecError> {
        attempt::write_spec(folder, spec)?;
        crash::point("attempt-written");
        let (runner, fd) = self.start_runner(spec, folder, lease)?;
        crash::point("runner-started");
        self.insert(
            spec.uni_id.clone(),
            folder,
            Phase::Running {
                runner: runner.clone(),
                fd,
                watched: false,
            },
        );
        Ok(runner)
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
            Phase::Running { fd, .. } => match pidfd_send_signal(&*fd, Signal::TERM) {
                // Gone: the next look tells how it ended.
                Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
                Err(e) => Err(ExecError::system("signal a runner")(e)),
            },
            Phase::Orphaned(orphans) => {
                orphans.stop(clock::mono());
                Ok(())
            }
        }
    }

    fn events(&mut self, now: Now) -> Vec<AttemptEvent> {
        let ready = self.watch.ready();
        let mut events = Vec::new();
        let woken: Vec<UniId> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| match &attempt.phase {
                Phase::Running { fd, watched, .. } => {
                    ready.contains(&attempt.token) || (!watched && kill::has_exited(fd))
                }
                Phase::Orphaned(orphans) => ready.contains(&attempt.token) || orphans.due() <= now.mono,
            })
            .map(|(id, _)| id.clone())
            .collect();
        for uni_id in woken {
            self.runner_ended(&uni_id, &mut events);
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
                Phase::Running { runner, .. } => serde_json::to_value(runner).unwrap_or_default(),
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
