//! Starting one command: `bash -c`, in a process session of its own, let go only once its start is on record.
use std::{
    ffi::{CStr, CString},
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
    path::Path,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::sys::{self, Forked};

/// What is needed to start any command of an attempt.
#[derive(Debug)]
pub(super) struct Shell {
    pub(super) program: CString,
    pub(super) environment: Vec<CString>,
    pub(super) work_dir: CString,
}

/// A process that will become the command once it is let go. Should we die before that, it ends without having run
/// anything.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) pid: i32,
    pub(super) in_cgroup: bool,
    socket: File,
}

/// The script for `bash -c`.
pub(super) fn script(command: &str, conda_sh: Option<&Path>) -> String {
    match conda_sh.filter(|_| names_conda(command)) {
        // A line of its own: whatever the command's syntax is, it stays whole.
        Some(conda) => format!(". '{}'\n{command}", conda.to_string_lossy().replace('\'', r"'\''")),
        None => command.to_owned(),
    }
}

/// The script that runs an ad-hoc task's own, which lies in a file, in a shell that reports on itself.
pub(super) fn script_on_terminal(command: &str, report: &Path, own: &Path, conda_sh: Option<&Path>) -> String {
    let source = |path: &Path| format!(". '{}'", path.to_string_lossy().replace('\'', r"'\''"));
    let conda = conda_sh.filter(|_| names_conda(command)).map(source);
    let parts = conda.into_iter().chain([source(report), source(own)]);
    parts.collect::<Vec<_>>().join("\n")
}

/// Whether the word `conda` or `mamba` is in it.
fn names_conda(command: &str) -> bool {
    command
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .any(|word| matches!(word, "conda" | "mamba"))
}

/// Forks the process for a command.
/// With a terminal, it becomes that of the process's session, and its input and output.
pub(super) fn hold(
    shell: &Shell,
    script: &CStr,
    cgroup: Option<BorrowedFd<'_>>,
    terminal: Option<BorrowedFd<'_>>,
) -> io::Result<Held> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    let arguments = [shell.program.clone(), c"-c".to_owned(), script.to_owned()];
    let argv = sys::pointers(&arguments);
    let envp = sys::pointers(&shell.environment);
    // SAFETY: the runner has one thread, and `become_command` only makes system calls.
    match unsafe { sys::fork_into(cgroup)? } {
        Forked::Parent { pid, in_cgroup } => Ok(Held {
            pid,
            in_cgroup,
            socket: File::from(ours),
        }),
        // SAFETY: argv and envp end in null and point into strings that live as long as this process image.
        Forked::Child => unsafe {
            become_command(shell, &argv, &envp, &ours, &theirs, terminal.map(|fd| fd.as_raw_fd()))
        },
    }
}

/// The child's side.
///
/// # Safety
/// `argv` and `envp` are null-terminated arrays of pointers to strings.
unsafe fn become_command(
    shell: &Shell,
    argv: &[*const libc::c_char],
    envp: &[*const libc::c_char],
    ours: &OwnedFd,
    theirs: &OwnedFd,
    terminal: Option<i32>,
) -> ! {
    let socket = theirs.as_raw_fd();
    let mut go = [0u8; 1];
    // SAFETY: system calls on plain numbers, a live buffer, and strings that the caller vouches for. No allocation, no
    // lock, no destructor runs in the child.
    unsafe {
        // Else the socket would stay open on our side when the runner dies.
        libc::close(ours.as_raw_fd());
        libc::setsid();
        sys::unblock_signals();
        if libc::read(socket, go.as_mut_ptr().cast(), 1) != 1 {
            libc::_exit(127);
        }
        if let Some(terminal) = terminal {
            // A session leader without a terminal gets this one; it is new, and nobody else's.
            libc::ioctl(terminal, libc::TIOCSCTTY, 0);
            for standard in 0..3 {
                libc::dup2(terminal, standard);
            }
        }
        let step = if libc::chdir(shell.work_dir.as_ptr()) != 0 {
            0u8
        } else {
            libc::execve(shell.program.as_ptr(), argv.as_ptr(), envp.as_ptr());
            1u8
        };
        let error = io::Error::last_os_error().raw_os_error().unwrap_or(0).to_ne_bytes();
        let report = [step, error[0], error[1], error[2], error[3]];
        libc::write(socket, report.as_ptr().cast(), report.len());
        libc::_exit(127)
    }
}

impl Held {
    /// Lets it become the command. An error is what to tell the user; the process is over then.
    pub(super) fn let_go(mut self, shell: &Shell) -> Result<(), String> {
        let mut report = Vec::new();
        // Ends when the socket closes: by `execve`, or with the process.
        let told = self
            .socket
            .write_all(&[1])
            .and_then(|()| self.socket.read_to_end(&mut report));
        match (told, report.as_slice()) {
            (_, [step, error @ ..]) => {
                let what = if *step == 0 { &shell.work_dir } else { &shell.program };
                let verb = if *step == 0 {
                    "change to the work folder"
                } else {
                    "start"
                };
                let code = error.try_into().map_or(0, i32::from_ne_bytes);
                let error = io::Error::from_raw_os_error(code);
                Err(format!("cannot {verb} {}: {error}", what.to_string_lossy()))
            }
            // It was killed before it could become the command: its exit status says so.
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn conda_is_sourced_where_it_is_named() {
        let conda = Some(Path::new("/opt/it's/conda.sh"));
        assert_eq!(
            script("conda activate x && python a.py", conda),
            ". '/opt/it'\\''s/conda.sh'\nconda activate x && python a.py"
        );
        assert_eq!(script("mamba run a", conda).lines().count(), 2);
        assert_eq!(script("python anaconda_job.py", conda), "python anaconda_job.py");
        assert_eq!(script("conda activate x", None), "conda activate x");
    }
}
