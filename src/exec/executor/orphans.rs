//! An attempt whose runner was killed: its processes are watched to their end, and its record is written in the
//! runner's stead, or a new runner goes on with its next command.
use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use gpuyard_core::model::{AttemptSpec, ExitRecord, Mono, Now, Outcome, Seconds, StartRecord, UniId};

use super::watch::Watch;
use crate::{
    ExecError,
    attempt::{self, EndNote},
    cgroup,
    host::HostFolder,
    identity,
    kill::{self, Target},
    lease::{LEASE_BYTE, LeaseFile, TakeError, TakenLease, Trace, find_one},
    runner::{self, banner, record},
    sys::{self, Status, Usage, Wait},
};

/// Between two looks for processes that we could not be told of, milliseconds. Only while a runner is missing.
const LOOK_EVERY: u64 = 1000;
/// The same while something is being killed.
const LOOK_WHILE_KILLING: u64 = 50;
/// So long an exit code may take to arrive after its process has exited.
const STATUS_PATIENCE: u64 = 1000;
/// Between SIGTERM and SIGKILL, where the attempt does not say.
const USUAL_GRACE: Seconds = Seconds(30.0);

/// What is to be done about it.
#[derive(Debug)]
pub(super) enum Step {
    /// Wait.
    Waiting,
    /// It is over, and its record is durable.
    Ended(ExitRecord),
    /// The next command is to be run.
    Replace(Box<AttemptSpec>, TakenLease),
    /// Nothing of it ever ran, and nobody was told that it would.
    NeverStarted,
}

/// What is known of the command that was running when the runner died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Alive,
    /// It has exited; its status may still arrive until then.
    Exited(Mono),
    Known(Status),
    Unknown,
}

/// An attempt without a runner.
#[derive(Debug)]
pub(super) struct Orphans {
    uni_id: UniId,
    folder: PathBuf,
    spec: Option<AttemptSpec>,
    start: Option<StartRecord>,
    note: Option<EndNote>,
    lease: Option<LeaseFile>,
    /// Ours while nobody else holds the lease's lock, so that others need not look for processes.
    adopted: Option<File>,
    processes: Vec<Target>,
    command: Fate,
    usage: Usage,
    pub(super) stop_requested: bool,
    timed_out: bool,
    /// All are told to end; SIGKILL from then on.
    kill_at: Option<Mono>,
    ended: HashSet<(i32, u64)>,
    due: Mono,
    /// Growing delay between tries to write the record, milliseconds.
    delay: u64,
    /// How the runner ended, where it was our child.
    runner: Option<Status>,
    recovered: bool,
    announced: bool,
    begun: bool,
}

impl Orphans {
    /// Of a runner that was seen to end without a record.
    pub(super) fn of_runner(uni_id: UniId, folder: PathBuf, runner: Option<Status>) -> Orphans {
        let mut orphans = Orphans {
            spec: None,
            note: None,
            command: Fate::Unknown,
            start: None,
            uni_id,
            folder,
            lease: None,
            adopted: None,
            processes: Vec::new(),
            usage: Usage::default(),
            stop_requested: false,
            timed_out: false,
            kill_at: None,
            ended: HashSet::new(),
            due: Mono(0),
            delay: 100,
            runner,
            recovered: false,
            announced: false,
            begun: false,
        };
        orphans.read_records();
        orphans
    }

    /// What the folder says; `false` when it cannot be read just now, which is another thing than that it says nothing.
    fn read_records(&mut self) -> bool {
        let unreadable = |e: &ExecError| matches!(e, ExecError::Io { .. });
        let start = match attempt::read_start(&self.folder) {
            Err(e) if unreadable(&e) => return false,
            start => start.ok().flatten(),
        };
        let spec = match attempt::read_spec(&self.folder) {
            Err(e) if unreadable(&e) => return false,
            spec => spec.ok().flatten(),
        };
        let note = match attempt::read_end_note(&self.folder) {
            Err(e) if unreadable(&e) => return false,
            note => note.ok().flatten(),
        };
        self.command = if start.is_some() { Fate::Alive } else { Fate::Unknown };
        (self.start, self.spec, self.note) = (start, spec, note);
        true
    }

    /// Found without a runner after a restart.
    pub(super) fn recovered(uni_id: UniId, folder: PathBuf) -> Orphans {
        Orphans {
            recovered: true,
            announced: true,
            ..Orphans::of_runner(uni_id, folder, None)
        }
    }

    /// Whether this is the first time that the runner's loss is told.
    pub(super) fn announce(&mut self) -> bool {
        !std::mem::replace(&mut self.announced, true)
    }

    /// When it is to be looked at again even if nothing happens.
    pub(super) fn due(&self) -> Mono {
        self.due
    }

    /// Tries again in a while.
    pub(super) fn put_off(&mut self, now: Now) {
        self.due = now.mono.plus_millis(LOOK_EVERY);
    }

    /// The processes that live.
    pub(super) fn pids(&self) -> Vec<i32> {
        self.processes.iter().map(Target::pid).collect()
    }

    /// Whether this process's exit status is wanted.
    pub(super) fn awaits(&self, pid: i32) -> bool {
        self.processes.iter().any(|p| p.pid() == pid)
            || (!self.begun && self.start.as_ref().is_none_or(|s| s.command.pid == pid))
    }

    /// Start time of the command whose runner was lost, 0 where it is not known: nothing of the attempt is older.
    pub(super) fn begun_at(&self) -> u64 {
        self.start.as_ref().map_or(0, |s| s.command.start_ticks)
    }

    /// Asks all of it to end.
    pub(super) fn stop(&mut self, now: Mono) {
        self.stop_requested = true;
        self.begin_ending(now);
        self.due = now;
    }

    /// Looks at what has become of it, and does what is next.
    pub(super) fn step(
        &mut self,
        host: &HostFolder,
        watch: &Watch,
        token: u64,
        strays: Option<&[i32]>,
        now: Now,
    ) -> Step {
        if !std::mem::replace(&mut self.begun, true) {
            self.begin(host, watch, token);
        }
        self.collect(watch, now.mono);
        let unseen = self.look(host, watch, token, strays) || !self.begun;
        self.due = now.mono.plus_millis(LOOK_EVERY);
        if self.stop_requested {
            self.begin_ending(now.mono);
        }
        // Without a start record (it cannot be read, say) nobody knows which of them is the command.
        let unnamed = self.start.is_none() && !self.processes.is_empty();
        if unnamed || matches!(self.command, Fate::Alive | Fate::Exited(_)) {
            self.mind_the_time(now.mono);
            self.kill_when_due(host, now.mono);
            return Step::Waiting;
        }
        if let Some(next) = self.next_command() {
            return self.replace(host, next, now);
        }
        if !self.processes.is_empty() {
            self.begin_ending(now.mono);
            self.kill_when_due(host, now.mono);
            return Step::Waiting;
        }
        if unseen {
            return Step::Waiting;
        }
        self.finish(host, now)
    }

    /// Opens the command itself first, dead or alive: as our child, it tells its exit code.
    fn begin(&mut self, host: &HostFolder, watch: &Watch, token: u64) {
        let read = self.start.is_some() || self.read_records();
        let lease = host.lease_path(&self.uni_id).and_then(|path| LeaseFile::open(&path));
        let command = self.start.as_ref().map(|start| Target::of(&start.command));
        match (lease, command) {
            (Ok(lease), None) if read => self.lease = lease,
            (Ok(lease), Some(Ok(command))) => {
                self.lease = lease;
                match command {
                    Some(command) => self.track(command, watch, token),
                    None => self.command = self.noted().map_or(Fate::Unknown, Fate::Known),
                }
            }
            // No descriptor left, say: looked at again in a while.
            _ => self.begun = false,
        }
    }

    fn track(&mut self, process: Target, watch: &Watch, token: u64) {
        if let Err(e) = watch.add(&process, token) {
            tracing::warn!(uni_id = %self.uni_id, error = %e, "looking at a process in turns");
        }
        if self.kill_at.is_some() {
            let _ = process.ask_to_end();
            self.ended.insert((process.pid(), process.start_ticks()));
        }
        self.processes.push(process);
    }

    /// Takes note of those that have exited.
    fn collect(&mut self, watch: &Watch, now: Mono) {
        let command = self.start.as_ref().map(|s| (s.command.pid, s.command.start_ticks));
        let (mut fate, mut usage) = (self.command, self.usage);
        self.processes.retain(|process| {
            if !process.has_exited() {
                return true;
            }
            let is_command = Some((process.pid(), process.start_ticks())) == command;
            let status = match sys::reap(process.pid()) {
                Ok(Wait::Reaped(reaped)) => {
                    usage.add(reaped.usage);
                    Some(reaped.status)
                }
                // Somebody else's child: the kernel tells once that one has reaped it.
                _ => sys::status_by_pidfd(process),
            };
            if !is_command {
                return false;
            }
            fate = match (status, fate) {
                (Some(status), _) => Fate::Known(status),
                (None, Fate::Exited(since)) if now.since(since) >= STATUS_PATIENCE => Fate::Unknown,
                (None, Fate::Exited(since)) => Fate::Exited(since),
                (None, _) => {
                    watch.forget(process);
                    Fate::Exited(now)
                }
            };
            matches!(fate, Fate::Exited(_))
        });
        (self.command, self.usage) = (fate, usage);
    }

    /// Looks for processes that are not watched yet. Whether there may be some that cannot be seen.
    fn look(&mut self, host: &HostFolder, watch: &Watch, token: u64, strays: Option<&[i32]>) -> bool {
        let Ok(path) = host.lease_path(&self.uni_id) else {
            return false;
        };
        let (marks, uid) = match &self.lease {
            Some(file) => (file.marks.as_slice(), file.uid),
            None => (&[][..], identity::owner().uid),
        };
        let trace = Trace {
            uni_id: self.uni_id.as_str(),
            uid,
            marks,
            lease: &path,
            roots: strays.unwrap_or_default(),
        };
        // Who cannot look, or cannot hold what it sees (no descriptor left), does not know that nothing lives.
        let Ok(found) = find_one(trace) else {
            return true;
        };
        let mut unseen = strays.is_none();
        for stat in found {
            let known = |p: &Target| (p.pid(), p.start_ticks()) == (stat.pid, stat.start_ticks);
            if self.processes.iter().any(known) {
                continue;
            }
            match Target::open(stat.pid, stat.start_ticks) {
                Ok(Some(process)) => self.track(process, watch, token),
                Ok(None) => {}
                Err(_) => unseen = true,
            }
        }
        let own_cgroup = self.start.as_ref().and_then(|s| s.cgroup.as_deref());
        unseen |= own_cgroup.is_some_and(cgroup::is_populated);
        // A lock that somebody else holds is held by a process of this attempt, seen or not.
        unseen | (self.adopted.is_none() && !self.adopt(&path))
    }

    /// Takes the lease's lock if nobody has it. `false`: somebody has, or may have.
    fn adopt(&mut self, path: &Path) -> bool {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path);
        match file {
            Ok(file) => {
                let ours = sys::try_lock(&file, LEASE_BYTE).unwrap_or(false);
                self.adopted = ours.then_some(file);
                ours
            }
            Err(e) => e.kind() == io::ErrorKind::NotFound,
        }
    }

    /// How the command of the start record ended, as its runner noted before it reaped it.
    fn noted(&self) -> Option<Status> {
        let note = self.note.as_ref()?;
        let start = self.start.as_ref()?;
        match note.outcome {
            _ if note.command_index != start.command_index => None,
            Outcome::Exited { code } => Some(Status::Exited(code)),
            Outcome::Signaled { signal, .. } => Some(Status::Signaled(signal)),
            _ => None,
        }
    }

    /// What its runner noted of the attempt's end; that a command made way for the next one is none.
    fn noted_end(&self) -> Option<&EndNote> {
        let note = self.note.as_ref()?;
        let begun = self.start.as_ref().map_or(0, |start| start.command_index);
        let last = self.spec.as_ref().map_or(0, |spec| spec.commands.len() as u32);
        let is_end = note.outcome != (Outcome::Exited { code: 0 }) || note.command_index + 1 >= last;
        (is_end && note.command_index >= begun).then_some(note)
    }

    /// The number of the command that comes next, if the one that ran has made way for it.
    fn next_command(&self) -> Option<u32> {
        let may_go_on = self.command == Fate::Known(Status::Exited(0)) && !self.stop_requested && !self.timed_out;
        let next = self.start.as_ref()?.command_index + 1;
        (may_go_on && (next as usize) < self.spec.as_ref()?.commands.len()).then_some(next)
    }

    fn replace(&mut self, host: &HostFolder, next: u32, now: Now) -> Step {
        let Some(mut spec) = self.spec.clone() else {
            return self.finish(host, now);
        };
        let Some(lease) = self.lease.as_ref().map(|file| file.lease.clone()) else {
            self.command = Fate::Unknown;
            return Step::Waiting;
        };
        match host.retake(&lease) {
            Ok(taken) => {
                // The runner's lock holds the lease from here on; ours makes way for the attempt's own.
                self.adopted = None;
                if let Some(files) = taken.files() {
                    let _ = sys::try_lock(&files.lease, LEASE_BYTE);
                }
                spec.first_command = next;
                Step::Replace(Box::new(spec), taken)
            }
            Err(TakeError::Changed { .. }) => {
                tracing::warn!(uni_id = %self.uni_id, "its GPUs were given away after its runner was killed");
                self.command = Fate::Unknown;
                self.due = now.mono;
                Step::Waiting
            }
            Err(e) => {
                tracing::warn!(uni_id = %self.uni_id, error = %e, "its next command waits for its lease");
                Step::Waiting
            }
        }
    }

    /// Ends it when it has run for longer than it may.
    fn mind_the_time(&mut self, now: Mono) {
        let Some((spec, start)) = self.spec.as_ref().zip(self.start.as_ref()) else {
            return;
        };
        let Some(limit) = spec.task_timeout else { return };
        let end = start.started_mono.plus_millis(limit.millis());
        if end > now {
            self.due = self.due.min(end);
        } else if self.kill_at.is_none() {
            self.timed_out = true;
            self.begin_ending(now);
        }
    }

    /// Asks all that live to end, once.
    fn begin_ending(&mut self, now: Mono) {
        if self.kill_at.is_some() {
            return;
        }
        let grace = self.spec.as_ref().map_or(USUAL_GRACE, |spec| spec.stop_grace);
        self.kill_at = Some(now.plus_millis(grace.millis()));
        for process in &self.processes {
            // It may have ended meanwhile.
            let _ = process.ask_to_end();
            self.ended.insert((process.pid(), process.start_ticks()));
        }
    }

    fn kill_when_due(&mut self, host: &HostFolder, now: Mono) {
        let Some(kill_at) = self.kill_at else { return };
        if kill_at > now {
            self.due = self.due.min(kill_at);
            return;
        }
        self.due = now.plus_millis(LOOK_WHILE_KILLING);
        if let Some(path) = self.start.as_ref().and_then(|s| s.cgroup.as_deref()) {
            cgroup::kill_all(path);
        }
        let Ok(path) = host.lease_path(&self.uni_id) else {
            return;
        };
        let (marks, uid) = match &self.lease {
            Some(file) => (file.marks.as_slice(), file.uid),
            None => (&[][..], identity::owner().uid),
        };
        // Also those that are known for reasons that may not hold of their children.
        let roots = self.pids();
        let trace = Trace {
            uni_id: self.uni_id.as_str(),
            uid,
            marks,
            lease: &path,
            roots: &roots,
        };
        kill::stop_and_kill(|| find_one(trace));
    }

    /// Somebody was told that it lives (it may have been a runner on its way out, which had started nothing), and waits to be
    /// told of its end: from now on it has one.
    pub(super) fn told(&mut self) {
        self.recovered = false;
    }

    /// Nothing of it lives: writes its record.
    fn finish(&mut self, host: &HostFolder, now: Now) -> Step {
        if self.start.is_none() && self.recovered {
            self.adopted = None;
            host.clear(&self.uni_id);
            return Step::NeverStarted;
        }
        let (outcome, command_index) = self.outcome();
        let left_over = match self.command {
            // Of those that were asked to end, the command itself was not left over.
            _ if self.stop_requested || self.timed_out => 0,
            _ => self.ended.len() as u32,
        };
        let started = self.start.as_ref().map(|s| record::Started {
            at: s.started_at,
            mono: self.same_boot(s),
        });
        let record = record::exit_record(record::End {
            uni_id: &self.uni_id,
            outcome,
            command_index,
            started,
            now,
            usage: self.usage,
            left_over,
            recorded_by: "scheduler",
        });
        if let Err(e) = attempt::write_exit(&self.folder, &record, None) {
            tracing::error!(uni_id = %self.uni_id, error = %e, "its GPUs are kept until its exit record can be written");
            self.due = now.mono.plus_millis(self.delay);
            self.delay = (self.delay * 2).min(10_000);
            return Step::Waiting;
        }
        if let Some(spec) = &self.spec {
            banner::append_footer(&spec.log_path, &record, attempt::read_peak(&self.folder));
        }
        self.adopted = None;
        host.clear(&self.uni_id);
        if let Some(path) = self.start.as_ref().and_then(|s| s.cgroup.as_deref()) {
            cgroup::remove(path);
        }
        Step::Ended(record)
    }

    /// When the attempt started on this boot's clock, if it was on this boot.
    fn same_boot(&self, start: &StartRecord) -> Option<Mono> {
        (start.runner.space.boot_id == identity::boot_id()).then_some(start.started_mono)
    }

    fn outcome(&self) -> (Outcome, u32) {
        let index = self.start.as_ref().map_or(0, |s| s.command_index);
        if let Some(note) = self.noted_end() {
            return (note.outcome.clone(), note.command_index);
        }
        let outcome = match self.command {
            _ if self.stop_requested => Outcome::Stopped,
            _ if self.timed_out => Outcome::TimedOut,
            Fate::Known(Status::Exited(code)) => Outcome::Exited { code },
            Fate::Known(Status::Signaled(signal)) => Outcome::Signaled {
                signal,
                out_of_memory: false,
            },
            _ if self.start.is_none() => Outcome::NotStarted {
                disk_full: self.runner == Some(Status::Exited(runner::NO_ROOM)),
                message: match self.runner {
                    Some(Status::Exited(runner::NO_ROOM)) => "the disk had no room for its log".into(),
                    Some(Status::Exited(code)) => format!("its runner exited with {code} before it started anything"),
                    Some(Status::Signaled(n)) => {
                        format!("its runner was killed by signal {n} before it started anything")
                    }
                    None => "its runner ended before it started anything".into(),
                },
            },
            _ => Outcome::Lost,
        };
        (outcome, index)
    }
}
