//! Bodies that are made while they are sent, no faster than they are taken.
use std::sync::Arc;

use axum::body::{Body, Bytes};
use gpuyard_store::logs::Log;
use tokio::sync::mpsc::{self, Sender};

use crate::{limits, stream::Pieces};

/// Pieces that wait to be taken: who makes them waits when there are more.
const WAITING: usize = 4;

/// Where pieces go, and the body of them; it ends when that is dropped. Nobody takes any more: that is closed.
pub(crate) fn feed() -> (Sender<Bytes>, Body) {
    let (sender, pieces) = mpsc::channel(WAITING);
    (sender, Pieces::body(pieces))
}

/// Some bytes of a log as a body. It ends early where the file does.
pub(crate) fn of_file(log: Log, mut from: u64, mut length: u64) -> Body {
    let (sender, body) = feed();
    let log = Arc::new(log);
    // No thread waits for a slow reader: each piece is read when there is room for it.
    tokio::spawn(async move {
        while length > 0 {
            let Ok(room) = sender.reserve().await else { return };
            let (log, chunk) = (Arc::clone(&log), length.min(limits::LOG_CHUNK as u64));
            let read = tokio::task::spawn_blocking(move || log.range(from, chunk)).await;
            let Ok(Ok(part)) = read else { return };
            if part.bytes.is_empty() {
                return;
            }
            from += part.bytes.len() as u64;
            length -= part.bytes.len() as u64;
            room.send(part.bytes.into());
        }
    });
    body
}
