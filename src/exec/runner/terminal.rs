//! The terminal of an ad-hoc task: a pty that its runner holds. What is written on it goes to the log, byte for byte, and
//! to those who look on; what they type goes to the task.
use std::{
    collections::VecDeque,
    fs::{self, File},
    io::{self, Read, Write},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::{
            fs::FileExt,
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

use nix::poll::{PollFd, PollFlags};
use rustix::termios::{OptionalActions, OutputModes, Winsize, tcgetattr, tcsetattr, tcsetwinsize};

use crate::terminal::{self as wire, Said};

/// Read at once.
const CHUNK: usize = 64 << 10;
/// Chunks taken before signals are looked at again.
const TURNS: usize = 16;
/// Of the log, who comes is shown so much.
const RECENT: u64 = 16 << 10;
/// Output that a viewer has not taken; beyond it, the viewer is let go of.
const MOST_BEHIND: usize = 4 << 20;
/// Input that the task has not taken; beyond it, nobody is listened to.
const MOST_TYPED: usize = 64 << 10;
/// Nobody needs more.
const MOST_VIEWERS: usize = 32;
/// Until somebody says otherwise.
const SIZE: Winsize = Winsize {
    ws_row: 40,
    ws_col: 120,
    ws_xpixel: 0,
    ws_ypixel: 0,
};

/// The runner's end of a terminal.
#[derive(Debug)]
pub(super) struct Terminal {
    master: OwnedFd,
    /// Open for as long as anything of the task lives, so that the terminal does not hang up in between.
    slave: Option<OwnedFd>,
    socket: PathBuf,
    listener: Option<UnixListener>,
    viewers: Vec<Viewer>,
    typed: VecDeque<u8>,
    /// Output that could not be written to the log (a full disk): until it is, no more is read.
    unwritten: Vec<u8>,
}

/// One who looks on.
#[derive(Debug)]
struct Viewer {
    stream: UnixStream,
    behind: VecDeque<u8>,
    heard: Vec<u8>,
}

impl Terminal {
    /// A new terminal, to be looked at through `socket`. Without the socket, the task runs all the same.
    pub(super) fn open(socket: PathBuf) -> io::Result<Terminal> {
        let (master, slave) = pair()?;
        let mut modes = tcgetattr(&slave)?;
        // What a program writes is what the log gets; the carriage returns are for those who look on.
        modes.output_modes.remove(OutputModes::ONLCR);
        tcsetattr(&slave, OptionalActions::Now, &modes)?;
        tcsetwinsize(&master, SIZE)?;
        // One of a runner before us that was killed.
        let _ = fs::remove_file(&socket);
        let listener = UnixListener::bind(&socket)
            .and_then(|listener| listener.set_nonblocking(true).map(|()| listener))
            .ok();
        Ok(Terminal {
            master,
            slave: Some(slave),
            socket,
            listener,
            viewers: Vec::new(),
            typed: VecDeque::new(),
            unwritten: Vec::new(),
        })
    }

    /// The end that the task's commands get.
    pub(super) fn slave(&self) -> Option<BorrowedFd<'_>> {
        self.slave.as_ref().map(AsFd::as_fd)
    }

    /// What there is to wait for.
    pub(super) fn fds(&self) -> Vec<PollFd<'_>> {
        let mut flags = PollFlags::empty();
        if self.unwritten.is_empty() && self.slave.is_some() {
            flags |= PollFlags::POLLIN;
        }
        if !self.typed.is_empty() {
            flags |= PollFlags::POLLOUT;
        }
        let mut fds = Vec::new();
        if !flags.is_empty() {
            fds.push(PollFd::new(self.master.as_fd(), flags));
        }
        fds.extend(
            self.listener
                .iter()
                .map(|listener| PollFd::new(listener.as_fd(), PollFlags::POLLIN)),
        );
        for viewer in &self.viewers {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, self.typed.len() < MOST_TYPED);
            flags.set(PollFlags::POLLOUT, !viewer.behind.is_empty());
            fds.push(PollFd::new(viewer.stream.as_fd(), flags));
        }
        fds
    }

    /// Whether output waits for room on the disk.
    pub(super) fn is_behind(&self) -> bool {
        !self.unwritten.is_empty()
    }

    /// Takes and gives what there is, without waiting.
    pub(super) fn serve(&mut self, log: &File) {
        self.accept(log);
        for viewer in &mut self.viewers {
            viewer.listen(&self.master, &mut self.typed);
        }
        self.type_on();
        for _ in 0..TURNS {
            if !self.take(log) {
                break;
            }
        }
        self.viewers.retain_mut(Viewer::tell);
    }

    /// Reads what is left, once all that could write is gone. Call it again while [`Terminal::is_behind`].
    pub(super) fn finish(&mut self, log: &File) {
        self.slave = None;
        while self.take(log) {}
        self.viewers.retain_mut(Viewer::tell);
        self.listener = None;
        let _ = fs::remove_file(&self.socket);
    }

    /// One chunk from the terminal to the log; whether there may be more.
    fn take(&mut self, log: &File) -> bool {
        if !self.write(log) {
            return false;
        }
        let mut chunk = vec![0; CHUNK];
        let read = loop {
            match rustix::io::read(&self.master, &mut chunk) {
                Err(rustix::io::Errno::INTR) => {}
                // Nothing just now; or (EIO) nobody has the other end any more, and all was read.
                Err(_) | Ok(0) => return false,
                Ok(read) => break read,
            }
        };
        chunk.truncate(read);
        if !self.viewers.is_empty() {
            let shown = self.shown(&chunk);
            for viewer in &mut self.viewers {
                viewer.behind.extend(&shown);
            }
        }
        self.unwritten = chunk;
        self.write(log)
    }

    /// Whether all that was read is in the log.
    fn write(&mut self, mut log: &File) -> bool {
        while !self.unwritten.is_empty() {
            match log.write(&self.unwritten) {
                Ok(written) => drop(self.unwritten.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Output as a terminal shows it: with the carriage returns that the task's own terminal does not add.
    fn shown(&self, bytes: &[u8]) -> Vec<u8> {
        let adds = tcgetattr(&self.master).is_ok_and(|modes| {
            modes.output_modes.contains(OutputModes::OPOST) && !modes.output_modes.contains(OutputModes::ONLCR)
        });
        if adds { with_returns(bytes) } else { bytes.to_vec() }
    }

    fn accept(&mut self, log: &File) {
        while let Some(Ok((stream, _))) = self.listener.as_ref().map(UnixListener::accept) {
            // The socket lies in a folder of this user's alone.
            if self.viewers.len() >= MOST_VIEWERS || stream.set_nonblocking(true).is_err() {
                continue;
            }
            self.viewers.push(Viewer {
                stream,
                behind: recent(log).into(),
                heard: Vec::new(),
            });
        }
    }

    /// Gives the task what was typed.
    fn type_on(&mut self) {
        while !self.typed.is_empty() {
            let (front, _) = self.typed.as_slices();
            match rustix::io::write(&self.master, front) {
                Ok(written) if written > 0 => drop(self.typed.drain(..written)),
                Err(rustix::io::Errno::INTR) => {}
                _ => return,
            }
        }
    }
}

impl Viewer {
    /// Takes what was said.
    fn listen(&mut self, master: &OwnedFd, typed: &mut VecDeque<u8>) {
        let mut chunk = [0; 4096];
        while typed.len() < MOST_TYPED {
            match self.stream.read(&mut chunk) {
                Ok(read) if read > 0 => self.heard.extend(&chunk[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Nothing just now, or it has gone, which writing will tell.
                _ => break,
            }
            for said in wire::take(&mut self.heard) {
                match said {
                    Said::Typed(bytes) => typed.extend(bytes),
                    Said::Size { rows, columns } => {
                        let size = Winsize {
                            ws_row: rows,
                            ws_col: columns,
                            ..SIZE
                        };
                        // A terminal without a size is no reason to end.
                        let _ = tcsetwinsize(master, size);
                    }
                }
            }
        }
    }

    /// Gives what is there; whether the viewer stays.
    fn tell(&mut self) -> bool {
        while !self.behind.is_empty() {
            let (front, _) = self.behind.as_slices();
            match self.stream.write(front) {
                Ok(0) => return false,
                Ok(written) => drop(self.behind.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.behind.len() < MOST_BEHIND,
                Err(_) => return false,
            }
        }
        // One that has gone says so by its end; nothing else can be read here, it was taken before.
        let mut nothing = [0; 1];
        !matches!(
            rustix::net::recv(
                &self.stream,
                &mut nothing[..],
                rustix::net::RecvFlags::PEEK | rustix::net::RecvFlags::DONTWAIT
            ),
            Ok((_, 0))
        )
    }
}

/// The last lines of the log, as a terminal shows them.
fn recent(log: &File) -> Vec<u8> {
    let size = log.metadata().map_or(0, |meta| meta.len());
    let from = size.saturating_sub(RECENT);
    let mut bytes = vec![0; (size - from) as usize];
    if log.read_exact_at(&mut bytes, from).is_err() {
        return Vec::new();
    }
    let start = match from {
        0 => 0,
        _ => bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1),
    };
    with_returns(&bytes[start..])
}

fn with_returns(bytes: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(bytes.len() + bytes.len() / 16);
    for &byte in bytes {
        if byte == b'\n' {
            shown.push(b'\r');
        }
        shown.push(byte);
    }
    shown
}

/// Both ends of a new terminal, closed on exec; ours never waits.
fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let checked = |fd: i32| {
        if fd < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(fd)
        }
    };
    // SAFETY: plain system calls; each descriptor that they give is new, and owned from then on.
    unsafe {
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_NONBLOCK;
        let master = OwnedFd::from_raw_fd(checked(libc::posix_openpt(flags))?);
        checked(libc::grantpt(master.as_raw_fd()))?;
        checked(libc::unlockpt(master.as_raw_fd()))?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        let slave = checked(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags))?;
        Ok((master, OwnedFd::from_raw_fd(slave)))
    }
}

/// Where the terminal of an attempt is looked at, beside its lease.
pub(super) fn socket_of(lease: &Path, uid: u32, uni_id: &str) -> PathBuf {
    let host = lease.parent().unwrap_or(Path::new("/"));
    wire::socket_path(&host.join(format!("u{uid}")), uni_id)
}
