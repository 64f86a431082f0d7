//! What a runner does before its first attempt, and before the first command of each: lock, log, cgroup, signals.
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
};

use gpuyard_core::model::{AttemptSpec, ProcessIdentity};
use gpuyard_fault as fault;
use nix::sys::signal::SigSet;
use rustix::{
    io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd},
    net::SocketType,
};

use super::{banner, environment, oom, orders::Orders, record::Started, supervise::Runner, terminal};
use crate::{
    ExecError, attempt,
    cgroup::Cgroup,
    channel::Channel,
    clock, identity,
    lease::{LEASE_SUFFIX, Mark, append_mark},
    spawn, sys,
};

/// What is done once, before the first attempt.
pub(super) fn listen() -> Result<Orders, ExecError> {
    // Until there is a descriptor to read them from, signals wait. Our starter has blocked them already.
    SigSet::all()
        .thread_block()
        .map_err(ExecError::system("block signals"))?;
    // Of what commands inherit. A broken pipe, which the language's runtime has us ignore, is blocked as all are.
    sys::ignore_no_signal();
    // SAFETY: this is called first thing in main (see `runner::main`): nobody uses a descriptor above 2 yet.
    unsafe { sys::close_from(3) };
    let channel = duplicate_input()?;
    let null = spawn::open_null()?;
    put(&null, &[0, 1])?;
    // The starter has made a process session for us; by hand, we make it now. A group leader cannot, and needs not.
    let _ = rustix::process::setsid();
    let _ = nix::sys::prctl::set_name(c"gpuyard-run");
    crate::become_subreaper()?;
    Orders::new(channel)
}

/// Lock, log, cgroup, environment of one attempt.
pub(super) fn set_up<'a>(
    orders: &'a Orders,
    folder: &Path,
    lease: OwnedFd,
    runner: OwnedFd,
) -> Result<Runner<'a>, ExecError> {
    let lease = LeaseHandle::new(lease, runner)?;
    let missing = || ExecError::Malformed {
        object: "attempt",
        path: folder.to_owned(),
        message: "it is missing".into(),
    };
    let spec = attempt::read_spec(folder)?.ok_or_else(missing)?;
    let log = open_log(&spec.log_path)?;
    let own_cgroup_text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let cgroup = Cgroup::make(spec.uni_id.as_str(), &own_cgroup_text);
    let oom = oom::Watch::new(cgroup.as_ref(), &own_cgroup_text);
    let identity = identity::identity(std::process::id() as i32)
        .ok_or_else(|| io::Error::other("/proc cannot be read"))
        .map_err(ExecError::system("describe this process"))?;
    let mark = Mark {
        pid: identity.pid,
        start_ticks: identity.start_ticks,
        cgroup: cgroup.as_ref().map(|c| c.below_mount().display().to_string()),
        born_in: crate::proc::cgroup_of(&own_cgroup_text),
    };
    // Others find us by it. If the host folder is full, they see by the lock that we live.
    let _ = append_mark(&lease.file, &mark);
    fault::point("set-up");
    let environment = environment::Environment::new(&spec);
    let started = started(folder, &spec, &identity);
    banner::write_header(&log, &spec, &environment, started.at);
    let terminal = if spec.terminal {
        let socket = terminal::socket_of(&lease.path, spec.owner.uid, spec.uni_id.as_str());
        Some(terminal::Terminal::open(socket).map_err(ExecError::system("make a terminal"))?)
    } else {
        None
    };
    Ok(Runner::new(
        folder.to_owned(),
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
    ))
}

/// When the attempt started: now, or when the runner before us started it.
fn started(folder: &Path, spec: &AttemptSpec, identity: &ProcessIdentity) -> Started {
    let now = clock::now();
    let fresh = Started {
        at: now.wall,
        mono: Some(now.mono),
    };
    if spec.first_command == 0 {
        return fresh;
    }
    attempt::read_start(folder)
        .ok()
        .flatten()
        .map_or(fresh, |start| Started {
            at: start.started_at,
            mono: (start.runner.space == identity.space).then_some(start.started_mono),
        })
}

/// What the scheduler gave us.
#[derive(Debug)]
pub(super) struct LeaseHandle {
    /// Inherited by every command.
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Its lock says that we live. It goes when we do.
    _alive: OwnedFd,
}

impl LeaseHandle {
    fn new(lease: OwnedFd, alive: OwnedFd) -> Result<LeaseHandle, ExecError> {
        let link = format!("/proc/self/fd/{}", lease.as_raw_fd());
        let path = fs::read_link(&link).map_err(ExecError::io("look at", "lease", link))?;
        if !path.to_string_lossy().ends_with(LEASE_SUFFIX) {
            let message = "a runner is handed a lease by its scheduler, and this is none".into();
            return Err(ExecError::Malformed {
                object: "lease",
                path,
                message,
            });
        }
        fcntl_setfd(&lease, FdFlags::empty()).map_err(ExecError::system("let commands inherit the lease"))?;
        Ok(LeaseHandle {
            file: File::from(lease),
            path,
            _alive: alive,
        })
    }
}

/// The socket that our scheduler has given us as input.
fn duplicate_input() -> Result<Channel, ExecError> {
    let not_ours = || {
        let why = "a runner is started by a scheduler, which speaks to it through a socket";
        ExecError::system("take attempts")(io::Error::other(why))
    };
    let input = io::stdin();
    if rustix::net::sockopt::socket_type(&input).map_err(|_| not_ours())? != SocketType::SEQPACKET {
        return Err(not_ours());
    }
    let own = fcntl_dupfd_cloexec(&input, 3).map_err(ExecError::system("duplicate a descriptor"))?;
    Ok(Channel::from_fd(own))
}

/// Makes a file what these standard descriptors mean.
pub(super) fn put(file: impl AsFd, targets: &[i32]) -> Result<(), ExecError> {
    for &target in targets {
        // SAFETY: plain numbers; 0, 1 and 2 are open for the life of the process and only ever replaced.
        if unsafe { libc::dup2(file.as_fd().as_raw_fd(), target) } < 0 {
            return Err(ExecError::system("redirect a descriptor")(io::Error::last_os_error()));
        }
    }
    Ok(())
}

/// The log, as our output and that of every command.
fn open_log(path: &Path) -> Result<File, ExecError> {
    // Readable, so that the footer can begin on a line of its own. NONBLOCK: a fifo in its place must not hang us.
    let log = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
        .map_err(ExecError::io("open", "log", path))?;
    if !log.metadata().is_ok_and(|m| m.is_file()) {
        return Err(ExecError::Untrusted {
            object: "log",
            path: path.to_owned(),
            message: "it is not a file".into(),
        });
    }
    put(&log, &[1, 2])?;
    Ok(log)
}
