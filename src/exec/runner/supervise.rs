//! The runner's loop: one command after another, until one fails, time is up, or it is told to stop.
use std::{
    collections::HashSet,
    ffi::CString,
    fs::File,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::PathBuf,
    time::{Duration, Instant},
};

use super::{
    banner,
    command::{self, Shell},
    environment::Environment,
    leftovers, oom,
    orders::Orders,
    record::{self, End, Started},
    set_up::LeaseHandle,
    terminal::Terminal,
};
use crate::{
    ExecError,
    attempt::{self, EndNote, Room},
    cgroup::Cgroup,
    clock, identity,
    lease::{LEASE_BYTE, Mark, Trace, append_mark},
    sys::{self, Status, Usage, Wait},
};
use gpuyard_core::model::{AttemptSpec, Outcome, ProcessIdentity, StartRecord};
use gpuyard_fault as fault;

/// Between two looks at what is left while it is being ended, the shortest and the longest.
const LOOK: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));
/// Between two tries to write the exit record, the shortest and the longest.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// Room for the exit record is taken from a command that has run so long; a shorter one is not worth a sync.
const TAKE_ROOM_AFTER: Duration = Duration::from_millis(20);
/// A time so far off that nothing waits for it; the sum with any moment is still one.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Why a command was not started.
#[derive(Debug)]
struct Refusal {
    message: String,
    disk_full: bool,
}

impl From<String> for Refusal {
    fn from(message: String) -> Refusal {
        Refusal {
            message,
            disk_full: false,
        }
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Refusal {
        message.to_owned().into()
    }
}

impl From<ExecError> for Refusal {
    fn from(error: ExecError) -> Refusal {
        Refusal {
            message: error.to_string(),
            disk_full: error.is_disk_trouble(),
        }
    }
}

impl From<Refusal> for Outcome {
    fn from(Refusal { message, disk_full }: Refusal) -> Outcome {
        Outcome::NotStarted { message, disk_full }
    }
}

/// A runner at work.
#[derive(Debug)]
pub(super) struct Runner<'a> {
    folder: PathBuf,
    spec: AttemptSpec,
    identity: ProcessIdentity,
    mark: Mark,
    lease: LeaseHandle,
    log: File,
    cgroup: Option<Cgroup>,
    oom: oom::Watch,
    orders: &'a Orders,
    environment: Environment,
    terminal: Option<Terminal>,
    started: Started,
    usage: Usage,
    room: Option<Room>,
    /// A stop was asked for while a command was to run or ran.
    stopped: bool,
    timed_out: bool,
    time_out_at: Option<Instant>,
    /// From then on, what is left is killed, and looked after in these steps.
    kill_at: Option<Instant>,
    kill_again: Duration,
}

impl<'a> Runner<'a> {
    #[allow(clippy::too_many_arguments)] // What set_up has gathered; named by the fields that it becomes.
    pub(super) fn new(
        folder: PathBuf,
        spec: AttemptSpec,
        identity: ProcessIdentity,
        mark: Mark,
        lease: LeaseHandle,
        log: File,
        cgroup: Option<Cgroup>,
        oom: oom::Watch,
        orders: &'a Orders,
        environment: Environment,
        terminal: Option<Terminal>,
        started: Started,
    ) -> Runner<'a> {
        let time_out_at = spec.task_timeout.map(|limit| {
            let spent = started.mono.map_or(0, |mono| clock::mono().since(mono));
            Instant::now() + Duration::from_millis(limit.millis().saturating_sub(spent)).min(LONGEST)
        });
        Runner {
            folder,
            spec,
            identity,
            mark,
            lease,
            log,
            cgroup,
            oom,
            orders,
            environment,
            terminal,
            started,
            usage: Usage::default(),
            room: None,
            stopped: false,
            timed_out: false,
            time_out_at,
            kill_at: None,
            kill_again: LOOK.0,
        }
    }

    /// Runs the commands, ends what they leave behind, records the end, gives the lease back, and tells the scheduler.
    pub(super) fn run(&mut self) {
        let (outcome, command_index) = self.run_commands();
        let left_over = self.end_leftovers(&outcome, command_index);
        self.finish_terminal();
        let end = End {
            uni_id: &self.spec.uni_id,
            outcome,
            command_index,
            started: Some(self.started),
            now: clock::now(),
            usage: self.usage,
            left_over,
            recorded_by: "runner",
        };
        let record = record::exit_record(end);
        banner::write_footer(&self.log, &record, attempt::read_peak(&self.folder));
        let mut pause = RETRY.0;
        // A full disk: the GPUs stay ours until there is room for the record. Nothing else is lost by waiting. There is
        // nothing left to kill, so that the pause is the only deadline.
        while attempt::write_exit(&self.folder, &record, self.room.take()).is_err() {
            self.orders.wait(Some(Instant::now() + pause));
            self.orders.stop_requested();
            pause = (pause * 2).min(RETRY.1);
        }
        fault::point("exit-recorded");
        self.give_lease_back();
        fault::point("lease-given-back");
        // Without a scheduler there is the record.
        let _ = self.orders.tell(&record);
        if let Some(cgroup) = &self.cgroup {
            cgroup.remove();
        }
    }

    fn give_lease_back(&self) {
        let same =
            |ours: std::fs::Metadata| std::fs::symlink_metadata(&self.lease.path).is_ok_and(|m| m.ino() == ours.ino());
        if self.lease.file.metadata().is_ok_and(same) {
            // Should it fail, the lock falls with us in a moment, and the file is cleared up later.
            let _ = std::fs::remove_file(&self.lease.path);
        }
    }

    /// How the attempt ended, and by which command.
    fn run_commands(&mut self) -> (Outcome, u32) {
        let shell = match self.shell() {
            Ok(shell) => shell,
            Err(refusal) => return (refusal.into(), self.spec.first_command),
        };
        let last = (self.spec.commands.len() as u32).saturating_sub(1);
        for index in self.spec.first_command..=last {
            self.stopped |= self.orders.stop_requested();
            if self.stopped {
                return (Outcome::Stopped, index);
            }
            banner::write_command(&self.log, &self.spec, index);
            let pid = match self.start(&shell, index) {
                Ok(pid) => pid,
                Err(refusal) => return (refusal.into(), index),
            };
            let status = self.wait_for(pid, index);
            fault::point("command-ended");
            let outcome = self.outcome(status);
            if outcome != (Outcome::Exited { code: 0 }) || index == last {
                return (outcome, index);
            }
        }
        (Refusal::from("it has no commands").into(), 0)
    }

    fn outcome(&self, status: Status) -> Outcome {
        match status {
            _ if self.stopped => Outcome::Stopped,
            _ if self.timed_out => Outcome::TimedOut,
            Status::Signaled(signal) => Outcome::Signaled {
                signal,
                out_of_memory: signal == libc::SIGKILL && self.oom.has_killed(),
            },
            // The killer took a child, and bash reports it in its own way.
            Status::Exited(137) if self.oom.has_killed() => Outcome::Signaled {
                signal: libc::SIGKILL,
                out_of_memory: true,
            },
            Status::Exited(code) => Outcome::Exited { code },
        }
    }

    fn shell(&self) -> Result<Shell, Refusal> {
        let program = self.environment.find(&["bash"]).ok_or("bash is not on PATH")?;
        let text = |bytes: &[u8]| CString::new(bytes).map_err(|_| "the work folder's name holds NUL");
        Ok(Shell {
            program: text(program.as_os_str().as_bytes())?,
            environment: self.environment.to_c(),
            work_dir: text(self.spec.work_dir.as_os_str().as_bytes())?,
        })
    }

    /// Starts a command. It is on record before it runs: without a start record, nothing has run.
    fn start(&mut self, shell: &Shell, index: u32) -> Result<i32, Refusal> {
        if self.spec.first_command > 0 {
            // What the runner before us left behind may have held the lock until now.
            let _ = sys::try_lock(&self.lease.file, LEASE_BYTE);
        }
        let command = self.spec.commands.get(index as usize).map_or("", String::as_str);
        let script = self.script(command)?;
        let script = CString::new(script).map_err(|_| "the command holds NUL")?;
        let cgroup = self.cgroup.as_ref().map(Cgroup::as_fd);
        let held = command::hold(shell, &script, cgroup, self.terminal.as_ref().and_then(Terminal::slave))
            .map_err(|e| format!("cannot make a process: {e}"))?;
        if self.cgroup.is_some() && !held.in_cgroup {
            self.do_without_cgroup();
        }
        fault::point("forked");
        let pid = held.pid;
        let start_ticks = identity::start_ticks(pid).unwrap_or_default();
        let record = StartRecord {
            version: 1,
            uni_id: self.spec.uni_id.clone(),
            runner: self.identity.clone(),
            command: ProcessIdentity {
                space: self.identity.space.clone(),
                pid,
                start_ticks,
            },
            command_index: index,
            cgroup: self.cgroup.as_ref().map(|c| c.below_mount().to_owned()),
            started_at: self.started.at,
            started_mono: self.started.mono.unwrap_or_default(),
        };
        // Unrecorded, it is not let go, and ends as its socket closes.
        let recorded = attempt::write_start(&self.folder, &record);
        fault::point("start-recorded");
        let started = match recorded {
            Ok(()) => held.let_go(shell).map_err(Refusal::from),
            Err(error) => {
                drop(held);
                Err(error.into())
            }
        };
        match started {
            Ok(()) => {
                fault::point("command-started");
                Ok(pid)
            }
            Err(refusal) => {
                // It ends by itself, and is nobody's leftover.
                self.wait_for(pid, index);
                Err(refusal)
            }
        }
    }

    /// What `bash -c` is given. An ad-hoc task's script is a file, whatever its length, so that bash names its lines.
    fn script(&self, command: &str) -> Result<String, Refusal> {
        let conda_sh = self.spec.conda_sh.as_deref();
        if self.terminal.is_none() {
            return Ok(command::script(command, conda_sh));
        }
        let write = |name: &str, text: &str| attempt::write_script(&self.folder, name, text);
        let report = write("report.sh", include_str!("report.sh"))?;
        let own = write("script.sh", command)?;
        Ok(command::script_on_terminal(command, &report, &own, conda_sh))
    }

    /// Waits for anything to happen, at most until then, and serves the terminal.
    fn wait(&mut self, until: Option<Instant>) {
        let Some(terminal) = &mut self.terminal else {
            return self.orders.wait(until);
        };
        // Output that found no room on the disk is tried again soon.
        let again = terminal.is_behind().then(|| Instant::now() + RETRY.0);
        self.orders
            .wait_with(until.into_iter().chain(again).min(), terminal.fds());
        terminal.serve(&self.log);
    }

    /// Takes the last of what was written on the terminal into the log.
    fn finish_terminal(&mut self) {
        loop {
            let Some(terminal) = &mut self.terminal else { return };
            terminal.finish(&self.log);
            if !terminal.is_behind() {
                return;
            }
            self.orders.stop_requested();
            self.orders.wait(Some(Instant::now() + RETRY.0));
        }
    }

    /// The kernel would not put a command into it; others must not look for our processes there.
    fn do_without_cgroup(&mut self) {
        if let Some(cgroup) = self.cgroup.take() {
            cgroup.remove();
        }
        self.mark.cgroup = None;
        let _ = append_mark(&self.lease.file, &self.mark);
    }

    /// Waits for a command's end; minds the time, and stops it when told to.
    fn wait_for(&mut self, pid: i32, index: u32) -> Status {
        let mut take_room_at = self.room.is_none().then(|| Instant::now() + TAKE_ROOM_AFTER);
        loop {
            if let Some(status) = sys::peek(pid) {
                self.note_end(self.outcome(status), index);
            }
            let (ended, _) = self.reap(pid);
            if let Some(status) = ended {
                return status;
            }
            let now = Instant::now();
            if self.orders.stop_requested() && !self.stopped {
                self.stopped = true;
                self.ask_group(pid, now);
            }
            if self.time_out_at.is_some_and(|at| at <= now) && !self.timed_out {
                self.timed_out = true;
                self.ask_group(pid, now);
            }
            self.kill_when_due(now);
            if take_room_at.take_if(|at| *at <= now).is_some() {
                // Without it, the record finds its own.
                self.room = Room::take(&self.folder).ok();
            }
            let next = if self.timed_out { None } else { self.time_out_at };
            let deadline = next.into_iter().chain(self.kill_at).chain(take_room_at).min();
            self.wait(deadline);
        }
    }

    /// Being killed from here on must not lose what is known. Should it fail, only that is lost.
    fn note_end(&self, outcome: Outcome, command_index: u32) {
        let note = EndNote { outcome, command_index };
        let _ = attempt::write_end_note(&self.folder, &note);
    }

    /// TERM to the command's process group. The command is not reaped yet, so that the group is still its own.
    fn ask_group(&mut self, pid: i32, now: Instant) {
        for signal in [libc::SIGTERM, libc::SIGCONT] {
            // SAFETY: a plain system call on numbers.
            unsafe { libc::kill(-pid, signal) };
        }
        self.set_kill_at(now);
    }

    fn set_kill_at(&mut self, now: Instant) {
        let grace = Duration::from_millis(self.spec.stop_grace.millis()).min(LONGEST);
        self.kill_at.get_or_insert(now + grace);
    }

    fn kill_when_due(&mut self, now: Instant) {
        if self.kill_at.is_some_and(|at| at <= now) {
            let own_cgroup = self.cgroup.as_ref().map(Cgroup::below_mount);
            leftovers::kill(own_cgroup, self.predecessor());
            // What cannot be killed yet (it waits for a disk, say) is killed again.
            self.kill_at = Some(Instant::now() + self.kill_again);
            self.kill_again = (self.kill_again * 2).min(LOOK.1);
        }
    }

    /// By what the processes are known that are not our descendants, as a runner before us started them.
    fn predecessor(&self) -> Option<Trace<'_>> {
        (self.spec.first_command > 0).then(|| Trace {
            uni_id: self.spec.uni_id.as_str(),
            uid: self.spec.owner.uid,
            marks: &[],
            lease: &self.lease.path,
            roots: &[],
        })
    }

    /// Ends what the last command left running: TERM, a while, KILL, until nothing is left. Returns how many there were.
    fn end_leftovers(&mut self, outcome: &Outcome, command_index: u32) -> u32 {
        let mut asked = HashSet::new();
        let mut pause = LOOK.0;
        loop {
            let (_, children) = self.reap(0);
            // No children means no descendants: those of the dead would have become our children.
            if !children && self.spec.first_command == 0 {
                break;
            }
            let left = leftovers::all(self.predecessor());
            if !children && left.as_ref().is_ok_and(Vec::is_empty) {
                break;
            }
            if asked.is_empty() && matches!(outcome, Outcome::NotStarted { .. }) {
                // Of a command that ended, it is noted already.
                self.note_end(outcome.clone(), command_index);
            }
            self.set_kill_at(Instant::now());
            // Who cannot look (no descriptor left) looks again.
            for stat in left.iter().flatten() {
                if asked.insert((stat.pid, stat.start_ticks)) {
                    leftovers::ask(stat);
                }
            }
            self.kill_when_due(Instant::now());
            self.reap_for(pause);
            pause = (pause * 2).min(LOOK.1);
        }
        // After a stop or a time-out, ending them is part of that.
        if self.stopped || self.timed_out {
            0
        } else {
            asked.len() as u32
        }
    }

    /// Reaps what ends, for a while, or until there is nothing left to reap. Looking through all processes at each end of
    /// one would keep us busy with something that forks without end.
    fn reap_for(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while Instant::now() < until && self.kill_at.is_none_or(|at| Instant::now() < at) {
            self.wait(Some(self.kill_at.map_or(until, |at| at.min(until))));
            self.orders.stop_requested();
            if let (_, false) = self.reap(0) {
                return;
            }
        }
    }

    /// Reaps all that has ended. How `pid` did, if it is among them, and whether there are children left.
    fn reap(&mut self, pid: i32) -> (Option<Status>, bool) {
        let mut found = None;
        loop {
            match sys::reap(-1) {
                Ok(Wait::Reaped(reaped)) => {
                    self.usage.add(reaped.usage);
                    if reaped.pid == pid {
                        found = Some(reaped.status);
                    }
                }
                Ok(Wait::Alive) => return (found, true),
                Ok(Wait::None) | Err(_) => return (found, false),
            }
        }
    }
}
