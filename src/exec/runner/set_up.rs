//! What a runner does before its first command: lock, log, cgroup, signals.
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
};

use gpuyard_core::model::{AttemptSpec, ProcessIdentity};
use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::{
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

use super::{banner, environment, oom, record::Started, supervise::Runner};
use crate::{
    ExecError, attempt,
    cgroup::Cgroup,
    clock, crash, identity,
    lease::{LEASE_SUFFIX, Mark, append_mark},
    spawn, sys,
};

pub(super) fn set_up(folder: &Path) -> Result<Runner, ExecError> {
    // Until there is a descriptor to read them from, signals wait. Our starter has blocked them already.
    SigSet::all()
        .thread_block()
        .map_err(ExecError::system("block signals"))?;
    // SAFETY: this is called first thing in main (see `runner::main`): nobody uses a descriptor above 2 yet.
    unsafe { sys::close_from(3) };
    let lease = lease_descriptors()?;
    // The starter has made a process session for us; by hand, we make it now. A group leader cannot, and needs not.
    let _ = rustix::process::setsid();
    let _ = nix::sys::prctl::set_name(c"gpuyard-run");
    crate::become_subreaper()?;
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
    crash::point("set-up");
    let mut set = SigSet::empty();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD] {
        set.add(signal);
    }
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    let signals = SignalFd::with_flags(&set, flags).map_err(ExecError::system("make a signal descriptor"))?;
    let environment = environment::Environment::new(&spec);
    let started = started(folder, &spec, &identity);
    banner::write_header(&log, &spec, &environment, started.at);
    Ok(Runner::new(
        folder.to_owned(),
        spec,
        identity,
        mark,
        lease,
        log,
        cgroup,
        oom,
        signals,
        environment,
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
    attempt::read_start(folder).map_or(fresh, |start| Started {
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

fn lease_descriptors() -> Result<LeaseHandle, ExecError> {
    let path = fs::read_link("/proc/self/fd/0").map_err(ExecError::io("look at", "lease", "/proc/self/fd/0"))?;
    if !path.to_string_lossy().ends_with(LEASE_SUFFIX) {
        let message = "a runner is started by a scheduler, which hands it a lease".into();
        return Err(ExecError::Malformed {
            object: "lease",
            path,
            message,
        });
    }
    let file = File::from(duplicate(io::stdin().as_fd(), false)?);
    let alive = duplicate(io::stdout().as_fd(), true)?;
    let null = spawn::open_null()?;
    put(null.as_fd(), &[0, 1])?;
    Ok(LeaseHandle {
        file,
        path,
        _alive: alive,
    })
}

fn duplicate(fd: BorrowedFd<'_>, close_on_exec: bool) -> Result<OwnedFd, ExecError> {
    let how = if close_on_exec {
        FcntlArg::F_DUPFD_CLOEXEC(3)
    } else {
        FcntlArg::F_DUPFD(3)
    };
    let raw = fcntl(fd, how).map_err(ExecError::system("duplicate a descriptor"))?;
    // SAFETY: fcntl has just made this descriptor, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Makes a file what these standard descriptors mean.
fn put(file: BorrowedFd<'_>, targets: &[i32]) -> Result<(), ExecError> {
    for &target in targets {
        // SAFETY: plain numbers; 0, 1 and 2 are open for the life of the process and only ever replaced.
        if unsafe { libc::dup2(file.as_raw_fd(), target) } < 0 {
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
    put(log.as_fd(), &[1, 2])?;
    Ok(log)
}
