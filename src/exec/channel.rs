//! The socket between a scheduler and a runner: attempts to run, each with its lease, go one way, their ends the other.
//!
//! Packets keep their order, so that a stop never reaches an attempt that it was not meant for.
use std::{
    ffi::OsStr,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use gpuyard_core::model::ExitRecord;
use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
        SendFlags, SocketFlags, SocketType, recvmsg, send, sendmsg, socketpair,
    },
};

/// No packet is larger: a path is at most 4 KiB, and an exit record has few fields.
const LARGEST: usize = 64 << 10;

const RUN: u8 = b'R';
const STOP: u8 = b'S';
const ENDED: u8 = b'E';

/// One end of it.
#[derive(Debug)]
pub(crate) struct Channel(OwnedFd);

/// What an end has to say. The descriptors are closed on exec.
#[derive(Debug)]
pub(crate) enum Packet {
    /// To a runner: run the attempt of this folder, whose lease these two descriptions of its file hold.
    Run {
        folder: PathBuf,
        lease: OwnedFd,
        runner: OwnedFd,
    },
    /// To a runner: end the attempt that was handed over last.
    Stop,
    /// To a scheduler: the attempt is over, its record is durable, its lease given back.
    Ended(ExitRecord),
    /// Something that this version does not say.
    Unknown,
    /// Nothing just now.
    Nothing,
    /// The other end is closed, and all that it said has been read.
    Closed,
}

impl Channel {
    /// Both ends, closed on exec.
    pub(crate) fn pair() -> io::Result<(Channel, Channel)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Channel(one), Channel(other)))
    }

    /// The end that somebody else has made for us.
    pub(crate) fn from_fd(fd: OwnedFd) -> Channel {
        Channel(fd)
    }

    /// Hands an attempt over.
    pub(crate) fn run(&self, folder: &Path, lease: impl AsFd, runner: impl AsFd) -> io::Result<()> {
        let fds = [lease.as_fd(), runner.as_fd()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !control.push(SendAncillaryMessage::ScmRights(&fds)) {
            return Err(io::Error::other("no room for two descriptors"));
        }
        let parts = [IoSlice::new(&[RUN]), IoSlice::new(folder.as_os_str().as_bytes())];
        sendmsg(&self.0, &parts, &mut control, SEND)?;
        Ok(())
    }

    /// Asks it to end the attempt that was handed over last.
    pub(crate) fn stop(&self) -> io::Result<()> {
        send(&self.0, &[STOP], SEND)?;
        Ok(())
    }

    /// Tells how the attempt ended.
    pub(crate) fn ended(&self, record: &ExitRecord) -> io::Result<()> {
        let mut packet = vec![ENDED];
        serde_json::to_writer(&mut packet, record)?;
        send(&self.0, &packet, SEND)?;
        Ok(())
    }

    /// The next packet, without waiting for one.
    pub(crate) fn receive(&self) -> Packet {
        let mut bytes = vec![0u8; LARGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let length = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
                Ok(got) => break got.bytes,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Packet::Nothing,
                // The other end died before it had read what we said.
                Err(_) => return Packet::Closed,
            }
        };
        let mut fds = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        let mut fds = fds.next().into_iter().flatten();
        match bytes[..length.min(LARGEST)].split_first() {
            None => Packet::Closed,
            Some((&RUN, folder)) => match (fds.next(), fds.next()) {
                (Some(lease), Some(runner)) => Packet::Run {
                    folder: PathBuf::from(OsStr::from_bytes(folder)),
                    lease,
                    runner,
                },
                _ => Packet::Unknown,
            },
            Some((&STOP, [])) => Packet::Stop,
            Some((&ENDED, record)) => serde_json::from_slice(record).map_or(Packet::Unknown, Packet::Ended),
            Some(_) => Packet::Unknown,
        }
    }
}

/// A dead reader is an error, not a signal; a full socket is one too, and never makes a scheduler wait.
const SEND: SendFlags = SendFlags::NOSIGNAL.union(SendFlags::DONTWAIT);

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod unit {
    use std::fs::File;

    use super::*;

    #[test]
    fn packets_arrive_whole_and_in_order_and_then_the_end() {
        let (scheduler, runner) = Channel::pair().unwrap();
        assert!(matches!(runner.receive(), Packet::Nothing));
        let null = File::open("/dev/null").unwrap();
        scheduler.run(Path::new("/a b"), &null, &null).unwrap();
        scheduler.stop().unwrap();
        let Packet::Run { folder, lease, .. } = runner.receive() else {
            panic!("an attempt was handed over");
        };
        assert_eq!(folder, Path::new("/a b"));
        assert!(
            rustix::io::fcntl_getfd(&lease)
                .unwrap()
                .contains(rustix::io::FdFlags::CLOEXEC)
        );
        assert!(matches!(runner.receive(), Packet::Stop));
        drop(scheduler);
        assert!(matches!(runner.receive(), Packet::Closed));
        assert!(runner.stop().is_err(), "an error, not a signal");
    }
}
