//! Bodies that are made while they are sent, no faster than they are taken.
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Bytes;
use gpuyard_store::logs::Log;
use hyper::body::{Body, Frame};
use tokio::sync::mpsc::{self, Receiver, Sender};

use crate::limits;

/// Pieces that wait to be taken: who makes them waits when there are more.
const PIECES: usize = 4;

/// A body whose pieces come from elsewhere.
pub(crate) struct Feed {
    pieces: Receiver<Bytes>,
}

impl Feed {
    /// A body, and where its pieces go; it ends when that is dropped. Nobody takes any more: that is closed.
    pub(crate) fn new() -> (Sender<Bytes>, Feed) {
        let (sender, pieces) = mpsc::channel(PIECES);
        (sender, Feed { pieces })
    }

    /// Some bytes of a log. It ends early where the file does.
    pub(crate) fn of_file(log: Log, mut from: u64, mut length: u64) -> Feed {
        let (sender, feed) = Feed::new();
        // No thread waits for a slow reader: each piece is read when there is room for it.
        tokio::spawn(async move {
            let log = std::sync::Arc::new(log);
            while length > 0 {
                let Ok(room) = sender.reserve().await else { return };
                let (log, chunk) = (std::sync::Arc::clone(&log), length.min(limits::LOG_CHUNK as u64));
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
        feed
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.pieces
            .poll_recv(context)
            .map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
    }
}
