//! Starting processes that outlive us: schedulers of a daemon, runners of a scheduler.
use std::{
    ffi::{CString, OsStr},
    fs::{File, OpenOptions},
    io::{self, Read},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::{ffi::OsStrExt, fs::OpenOptionsExt, process::ExitStatusExt},
    },
    path::Path,
    process::ExitStatus,
    time::Duration,
};

use gpuyard_core::model::ProcessIdentity;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, pidfd_open},
};

use crate::{
    ExecError, clock, identity,
    sys::{self, Status, Wait},
};

/// An announcement is one short line; what is longer is cut here.
const MOST_ANNOUNCED: usize = 1 << 16;

/// A process that was started in a process session of its own. Whoever started it waits for its descriptor to become
/// readable and then calls [`Detached::try_wait`], so that it does not stay a zombie; when the starter dies first,
/// the system does.
#[derive(Debug)]
pub struct Detached {
    identity: ProcessIdentity,
    fd: OwnedFd,
}

impl Detached {
    /// Who it is.
    pub fn identity(&self) -> &ProcessIdentity {
        &self.identity
    }

    /// How it ended; `Ok(None)` while it runs.
    pub fn try_wait(&self) -> Result<Option<ExitStatus>, ExecError> {
        match sys::reap(self.identity.pid).map_err(ExecError::system("wait for a process"))? {
            Wait::Alive => Ok(None),
            Wait::Reaped(reaped) => Ok(Some(ExitStatus::from_raw(match reaped.status {
                Status::Exited(code) => code << 8,
                Status::Signaled(signal) => signal,
            }))),
            // Somebody else has reaped it, or it was asked after twice: that it has ended is known, how is not.
            Wait::None => Ok(Some(ExitStatus::from_raw(0))),
        }
    }
}

impl AsFd for Detached {
    /// Readable once the process has ended.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Starts a program in a process session of its own, where neither our death nor a closed terminal reaches it.
///
/// Its input is empty, its output is appended to `log` (made 0600). `environment` is set on top of ours.
pub fn spawn_detached(
    exe: &Path,
    arguments: &[&OsStr],
    log: &Path,
    environment: &[(&OsStr, &OsStr)],
) -> Result<Detached, ExecError> {
    let output = open_log(log)?;
    detach(exe, arguments, environment, output.as_fd(), output.as_fd())
}

/// The same, but its standard output comes to us, for the one line that it has to say at its start; only its standard
/// error is appended to `log`. What it writes once we are gone is lost to it as to any pipe without a reader.
pub fn spawn_announcing(
    exe: &Path,
    arguments: &[&OsStr],
    log: &Path,
    environment: &[(&OsStr, &OsStr)],
) -> Result<(Detached, File), ExecError> {
    let (ours, theirs) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(ExecError::system("make a pipe"))?;
    let detached = detach(exe, arguments, environment, theirs.as_fd(), open_log(log)?.as_fd())?;
    Ok((detached, File::from(ours)))
}

/// The line that a program started by [`spawn_announcing`] has to say, or all that it said before it closed its output.
///
/// # Errors
/// `TimedOut` where neither comes within `patience`; what the system says where the pipe cannot be read.
pub fn first_line(said: &mut File, patience: Duration) -> io::Result<String> {
    let deadline = clock::mono().plus_millis(patience.as_millis() as u64);
    let mut bytes = Vec::new();
    while !bytes.contains(&b'\n') && bytes.len() < MOST_ANNOUNCED {
        let left = deadline.since(clock::mono());
        let timeout = Timespec {
            tv_sec: (left / 1000) as i64,
            tv_nsec: (left % 1000 * 1_000_000) as i64,
        };
        match poll(&mut [PollFd::new(said, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let mut chunk = [0; 4096];
        match said.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn detach(
    exe: &Path,
    arguments: &[&OsStr],
    environment: &[(&OsStr, &OsStr)],
    output: BorrowedFd<'_>,
    errors: BorrowedFd<'_>,
) -> Result<Detached, ExecError> {
    sys::keep_descriptors_from_children();
    let null = open_null()?;
    let environment = own_environment(|name| environment.iter().any(|(set, _)| *set == name), environment)?;
    let pid = start(exe, arguments, &environment, [null.as_fd(), output, errors], false)?;
    let (identity, fd) = hold(pid)?;
    Ok(Detached { identity, fd })
}

fn open_log(log: &Path) -> Result<File, ExecError> {
    let options = OpenOptions::new().append(true).create(true).mode(0o600).open(log);
    options.map_err(ExecError::io("open", "log", log))
}

/// `/dev/null`, for reading and writing.
pub(crate) fn open_null() -> Result<File, ExecError> {
    let options = OpenOptions::new().read(true).write(true).open("/dev/null");
    options.map_err(ExecError::io("open", "device", "/dev/null"))
}

/// Our own environment without what `without` names, and with `with`.
pub(crate) fn own_environment(
    without: impl Fn(&OsStr) -> bool,
    with: &[(&OsStr, &OsStr)],
) -> Result<Vec<CString>, ExecError> {
    let own = std::env::vars_os().filter(|(name, _)| !without(name));
    let entry = |name: &OsStr, value: &OsStr| {
        let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
        bytes.extend_from_slice(name.as_bytes());
        bytes.push(b'=');
        bytes.extend_from_slice(value.as_bytes());
        c_string(bytes)
    };
    let mut all = Vec::new();
    for (name, value) in own {
        all.push(entry(&name, &value)?);
    }
    for (name, value) in with {
        all.push(entry(name, value)?);
    }
    Ok(all)
}

/// Starts our own program (or any other) with these descriptors as its first three.
pub(crate) fn start(
    exe: &Path,
    arguments: &[&OsStr],
    environment: &[CString],
    stdio: [BorrowedFd<'_>; 3],
    blocked: bool,
) -> Result<i32, ExecError> {
    let program = c_string(exe.as_os_str().as_bytes().to_vec())?;
    let mut argv = vec![c_string(b"gpuyard".to_vec())?];
    for argument in arguments {
        argv.push(c_string(argument.as_bytes().to_vec())?);
    }
    sys::spawn(&program, &argv, environment, stdio, blocked).map_err(ExecError::io("start", "program", exe))
}

/// The identity of a child that nobody has reaped yet, and a descriptor of it.
pub(crate) fn hold(pid: i32) -> Result<(ProcessIdentity, OwnedFd), ExecError> {
    let gone = || io::Error::from_raw_os_error(libc::ESRCH);
    let identity = identity::identity(pid)
        .ok_or_else(gone)
        .map_err(ExecError::system("look at a process that was just started"))?;
    let raw = Pid::from_raw(pid)
        .ok_or_else(gone)
        .map_err(ExecError::system("open a process"))?;
    let fd = pidfd_open(raw, PidfdFlags::empty()).map_err(ExecError::system("open a process that was just started"))?;
    Ok((identity, fd))
}

fn c_string(bytes: Vec<u8>) -> Result<CString, ExecError> {
    CString::new(bytes).map_err(ExecError::system("hand a text that holds NUL to a program"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use super::*;

    #[test]
    fn one_line_is_read_though_the_pipe_stays_open() {
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let (mut reader, mut writer) = (File::from(reader), File::from(writer));
        writer.write_all(b"{\"pid\":7}\nmore").unwrap();
        assert_eq!(first_line(&mut reader, Duration::from_secs(60)).unwrap(), "{\"pid\":7}");
        let late = first_line(&mut reader, Duration::ZERO).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut, "there, and silent");
        drop(writer);
        assert_eq!(first_line(&mut reader, Duration::from_secs(60)).unwrap(), "", "closed");
    }
}
