//! A response's body that comes piece by piece, as its maker sends them; it ends when the maker lets go.
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// The far end of a channel, as a body. With room for one piece, the maker waits for a client that reads slowly.
pub(crate) struct Pieces(mpsc::Receiver<Bytes>);

impl Pieces {
    /// The body of all that will be sent.
    pub(crate) fn body(pieces: mpsc::Receiver<Bytes>) -> Body {
        Body::new(Pieces(pieces))
    }
}

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0
            .poll_recv(context)
            .map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}
