//! The few system calls that no safe library offers: open-file-description locks, `wait4`, `clone3`, `posix_spawn`.
use std::{
    ffi::{CString, c_char, c_int, c_long},
    fs::File,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    ptr,
    time::Duration,
};

use nix::fcntl::{FcntlArg, fcntl};

/// A lock on one byte of a file, asked for or asked after.
fn byte_lock(byte: i64) -> libc::flock {
    libc::flock {
        l_type: libc::F_WRLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}

/// Takes an open-file-description lock on one byte; `false` when another description holds it.
pub(crate) fn try_lock(file: &File, byte: i64) -> io::Result<bool> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&byte_lock(byte))) {
        Ok(_) => Ok(true),
        Err(nix::Error::EAGAIN | nix::Error::EACCES) => Ok(false),
        Err(e) => Err(e.into()),
    }
}

/// Whether another description holds a lock on this byte. Disturbs nobody, and works on a read-only descriptor.
pub(crate) fn is_locked(file: &File, byte: i64) -> io::Result<bool> {
    let mut lock = byte_lock(byte);
    fcntl(file, FcntlArg::F_OFD_GETLK(&mut lock))?;
    Ok(lock.l_type != libc::F_UNLCK as i16)
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Exited(i32),
    Signaled(i32),
}

impl Status {
    /// From the kernel's encoding.
    pub(crate) fn from_raw(raw: c_int) -> Status {
        if libc::WIFSIGNALED(raw) {
            Status::Signaled(libc::WTERMSIG(raw))
        } else {
            Status::Exited(libc::WEXITSTATUS(raw))
        }
    }
}

/// Time and memory of processes that were reaped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Bytes, the largest of any one process.
    pub(crate) peak_rss: u64,
    /// Whether anything was reaped at all.
    pub(crate) known: bool,
}

impl Usage {
    /// Adds another process's.
    pub(crate) fn add(&mut self, other: Usage) {
        self.user += other.user;
        self.system += other.system;
        self.peak_rss = self.peak_rss.max(other.peak_rss);
        self.known |= other.known;
    }
}

/// A child that was reaped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reaped {
    pub(crate) pid: i32,
    pub(crate) status: Status,
    pub(crate) usage: Usage,
}

/// What a look for ended children found.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    Reaped(Reaped),
    /// There are children, and none has ended.
    Alive,
    /// There is no such child.
    None,
}

/// Reaps one ended child (`pid` > 0: that one; -1: any) without waiting.
pub(crate) fn reap(pid: i32) -> io::Result<Wait> {
    loop {
        let mut status: c_int = 0;
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: both pointers are to live, writable locals of the types that wait4 fills in.
        let got = unsafe { libc::wait4(pid, &mut status, libc::WNOHANG, usage.as_mut_ptr()) };
        if got > 0 {
            // SAFETY: zeroed is a valid rusage, and wait4 has filled it in.
            let usage = unsafe { usage.assume_init() };
            return Ok(Wait::Reaped(Reaped {
                pid: got,
                status: Status::from_raw(status),
                usage: usage_of(&usage),
            }));
        }
        if got == 0 {
            return Ok(Wait::Alive);
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::ECHILD) => return Ok(Wait::None),
            Some(libc::EINTR) => {}
            _ => return Err(error),
        }
    }
}

/// How a child has ended that is not reaped by this; `None` while it has not.
pub(crate) fn peek(pid: i32) -> Option<Status> {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    let found = waitid(WaitId::Pid(Pid::from_raw(pid)?), options).ok().flatten()?;
    match (found.exit_status(), found.terminating_signal()) {
        (Some(code), _) => Some(Status::Exited(code)),
        (None, Some(signal)) => Some(Status::Signaled(signal)),
        (None, None) => None,
    }
}

fn usage_of(raw: &libc::rusage) -> Usage {
    let duration = |t: libc::timeval| Duration::new(t.tv_sec.unsigned_abs(), t.tv_usec.unsigned_abs() as u32 * 1000);
    // Linux counts ru_maxrss in KiB.
    Usage {
        user: duration(raw.ru_utime),
        system: duration(raw.ru_stime),
        peak_rss: raw.ru_maxrss.unsigned_abs() << 10,
        known: true,
    }
}

/// Exit status of a process that somebody else has reaped, by a descriptor that was opened before (Linux 6.15).
pub(crate) fn status_by_pidfd(fd: impl AsFd) -> Option<Status> {
    /// `struct pidfd_info` of linux/pidfd.h, first version, 64 bytes.
    #[repr(C)]
    #[derive(Default)]
    struct PidfdInfo {
        mask: u64,
        cgroup: u64,
        ids: [u32; 11],
        exit_code: i32,
    }
    const PIDFD_INFO_EXIT: u64 = 1 << 3;
    // _IOWR(0xFF, 11, struct pidfd_info); the size is part of the number.
    const PIDFD_GET_INFO: libc::c_ulong = (3 << 30) | (64 << 16) | (0xff << 8) | 11;
    const { assert!(size_of::<PidfdInfo>() == 64) };
    let mut info = PidfdInfo {
        mask: PIDFD_INFO_EXIT,
        ..PidfdInfo::default()
    };
    // SAFETY: the pointer is to a live struct of the 64 bytes that the number announces.
    let done = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), PIDFD_GET_INFO as _, &mut info) };
    (done == 0 && info.mask & PIDFD_INFO_EXIT != 0).then(|| Status::from_raw(info.exit_code))
}

/// Closes every descriptor from `first` on.
///
/// # Safety
/// Nothing in this process may use such a descriptor afterwards.
pub(crate) unsafe fn close_from(first: c_int) {
    // SAFETY: plain numbers; that nobody uses the descriptors any more is the caller's promise.
    let done = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            first as c_long,
            c_int::MAX as c_long,
            0 as c_long,
        )
    };
    if done != 0 {
        // Before Linux 5.9, or forbidden: one by one.
        let open: Vec<c_int> = std::fs::read_dir("/proc/self/fd")
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|e| e.file_name().to_str()?.parse().ok())
                    .collect()
            })
            .unwrap_or_default();
        for fd in open.into_iter().filter(|&fd| fd >= first) {
            // SAFETY: as above; a descriptor that is closed already only gives EBADF.
            unsafe { libc::close(fd) };
        }
    }
}

/// Has every descriptor from 3 on closed in whatever this process starts from now on, also one that it was itself
/// started with and knows nothing of.
pub(crate) fn keep_descriptors_from_children() {
    // SAFETY: plain numbers; no descriptor is closed here. On a kernel without it (before 5.11) what we opened
    // ourselves is still closed.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            3 as c_long,
            c_int::MAX as c_long,
            libc::CLOSE_RANGE_CLOEXEC as c_long,
        )
    };
}

/// Has the allocator give back what is free at the ends of its pieces and in whole pages between.
pub(crate) fn trim_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number, and touches free memory of the allocator only, under its own locks.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Lets go of pages of a mapping of this program's own code. They are read again from the file when they are run; where that
/// cannot be had, nothing happens.
pub(crate) fn unmap_pages_of_code(start: usize, end: usize) {
    // SAFETY: the range is a private mapping of our own program that cannot be written: its pages hold what the file holds,
    // which is open as long as we run, so whoever runs or reads them sees the same bytes as before.
    unsafe {
        libc::madvise(
            std::ptr::with_exposed_provenance_mut(start),
            end.saturating_sub(start),
            libc::MADV_DONTNEED,
        );
    }
}

/// Which side of a fork this is.
pub(crate) enum Forked {
    /// The new process, and whether it is in the cgroup.
    Parent {
        pid: i32,
        in_cgroup: bool,
    },
    Child,
}

/// Forks; into a cgroup where one is given and the kernel can.
///
/// # Safety
/// The process has one thread. The child only makes system calls, and ends in `execve` or `_exit`.
pub(crate) unsafe fn fork_into(cgroup: Option<BorrowedFd<'_>>) -> io::Result<Forked> {
    if let Some(cgroup) = cgroup {
        const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
        // `struct clone_args`, third version (Linux 5.7), 88 bytes.
        let mut args = [0u64; 11];
        args[0] = CLONE_INTO_CGROUP;
        args[4] = libc::SIGCHLD as u64;
        args[10] = cgroup.as_raw_fd() as u64;
        // SAFETY: args is a valid clone_args with neither a stack nor CLONE_VM, so that this is a fork; what the
        // child may do is the caller's promise.
        let pid = unsafe { libc::syscall(libc::SYS_clone3, args.as_ptr(), size_of_val(&args)) };
        match pid {
            0 => return Ok(Forked::Child),
            1.. => {
                return Ok(Forked::Parent {
                    pid: pid as i32,
                    in_cgroup: true,
                });
            }
            // An old kernel, a sandbox, a cgroup that takes no processes: go on without it.
            _ => {}
        }
    }
    // SAFETY: the caller's promise.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => Ok(Forked::Parent { pid, in_cgroup: false }),
    }
}

/// What is ignored becomes default: `execve` resets handlers by itself, and passes on what is ignored.
pub(crate) fn ignore_no_signal() {
    for signal in 1..=64 {
        let mut now = MaybeUninit::<libc::sigaction>::uninit();
        // SAFETY: sigaction fills `now` where it answers 0, and a default disposition refers to no code of ours. KILL, STOP
        // and libc's own signals give EINVAL.
        unsafe {
            if libc::sigaction(signal, ptr::null(), now.as_mut_ptr()) == 0
                && now.assume_init().sa_sigaction == libc::SIG_IGN
            {
                libc::signal(signal, libc::SIG_DFL);
            }
        }
    }
}

/// Lets all signals in, for the child of a fork.
pub(crate) fn unblock_signals() {
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set that sigprocmask then reads.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
}

/// Null-terminated pointers to strings, as `execve` wants them. They are valid while the strings are.
pub(crate) fn pointers(strings: &[CString]) -> Vec<*const c_char> {
    strings.iter().map(|s| s.as_ptr()).chain([ptr::null()]).collect()
}

/// Starts a program in a process session of its own, with all signals at their defaults.
///
/// `blocked`: all signals are blocked from the program's first moment on, so that none is lost or fatal before it has
/// set itself up. `stdio` become descriptors 0, 1 and 2; each must be above 2.
pub(crate) fn spawn(
    program: &CString,
    arguments: &[CString],
    environment: &[CString],
    stdio: [BorrowedFd<'_>; 3],
    blocked: bool,
) -> io::Result<i32> {
    /// Destroys what posix_spawn was told, whichever way out is taken.
    struct Told(libc::posix_spawnattr_t, libc::posix_spawn_file_actions_t);
    impl Drop for Told {
        fn drop(&mut self) {
            // SAFETY: both were initialised before a Told was made.
            unsafe {
                libc::posix_spawnattr_destroy(&mut self.0);
                libc::posix_spawn_file_actions_destroy(&mut self.1);
            }
        }
    }
    let ok = |code: c_int| {
        if code == 0 {
            Ok(())
        } else {
            Err(io::Error::from_raw_os_error(code))
        }
    };
    let (argv, envp) = (pointers(arguments), pointers(environment));
    let mut pid = 0;
    // SAFETY: attributes and file actions are initialised before use and destroyed once; sets are initialised by
    // sigfillset and sigemptyset; argv and envp end in null and point into strings that outlive the call.
    unsafe {
        let mut attributes = MaybeUninit::uninit();
        ok(libc::posix_spawnattr_init(attributes.as_mut_ptr()))?;
        let mut actions = MaybeUninit::uninit();
        ok(libc::posix_spawn_file_actions_init(actions.as_mut_ptr()))?;
        let mut told = Told(attributes.assume_init(), actions.assume_init());
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        let mut mask = all;
        if !blocked {
            libc::sigemptyset(mask.as_mut_ptr());
        }
        ok(libc::posix_spawnattr_setsigdefault(&mut told.0, all.as_ptr()))?;
        ok(libc::posix_spawnattr_setsigmask(&mut told.0, mask.as_ptr()))?;
        let flags = libc::POSIX_SPAWN_SETSIGDEF | libc::POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID;
        ok(libc::posix_spawnattr_setflags(&mut told.0, flags as _))?;
        for (target, fd) in stdio.iter().enumerate() {
            ok(libc::posix_spawn_file_actions_adddup2(
                &mut told.1,
                fd.as_raw_fd(),
                target as c_int,
            ))?;
        }
        ok(libc::posix_spawn(
            &mut pid,
            program.as_ptr(),
            &told.1,
            &told.0,
            argv.as_ptr().cast(),
            envp.as_ptr().cast(),
        ))?;
    }
    Ok(pid)
}

/// From spawn.h; the libc crate has it for no Linux target.
const POSIX_SPAWN_SETSID: c_int = 0x80;
