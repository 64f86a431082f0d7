//! Asking a scheduler something, over its Unix socket: one JSON line each way.
use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

use gpuyard_core::wire::{ControlRequest, ControlResponse};

/// An answer is a line; more than this is not one of ours.
const MOST: u64 = 1 << 16;

/// Sends one request and waits for its answer, at most `patience` for each way.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` where no scheduler listens; `TimedOut`/`WouldBlock` where it stays silent;
/// `InvalidData` where the answer is none.
pub fn call(socket: &Path, request: &ControlRequest, patience: Duration) -> io::Result<ControlResponse> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(io::Read::take(stream, MOST)).read_line(&mut answer)?;
    serde_json::from_str(&answer).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Has a scheduler look at its tasks anew, without waiting until it has.
///
/// # Errors
/// As [`call`], where nobody listens.
pub fn poke(socket: &Path) -> io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    let mut line = serde_json::to_string(&ControlRequest::TasksChanged)?;
    line.push('\n');
    stream.set_write_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(line.as_bytes())
}
