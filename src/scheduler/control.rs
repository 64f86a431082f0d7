//! The scheduler's Unix socket: whoever is of the same user may ask it to stop, retry, skip.
use std::{io, path::Path, time::Duration};

use gpuyard_core::wire::{ControlRequest, ControlResponse};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
};

/// A request and where its answer goes.
pub(crate) type Call = (ControlRequest, oneshot::Sender<ControlResponse>);

/// A request is a short line.
const MOST: u64 = 1 << 16;
/// Callers that say nothing are sent away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Calls that may wait to be looked at.
const BACKLOG: usize = 64;

/// Listens at `path`. What is there is replaced: whoever holds the scheduler's place is the only one to listen.
pub(crate) fn listen(path: &Path) -> io::Result<mpsc::Receiver<Call>> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let (sender, calls) = mpsc::channel(BACKLOG);
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(serve(stream, sender.clone()));
                }
                // Out of descriptors, say: the next moment may be better, and spinning would make it worse.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the control socket");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    });
    Ok(calls)
}

async fn serve(stream: UnixStream, calls: mpsc::Sender<Call>) {
    let same_user = stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == nix::unistd::Uid::effective().as_raw());
    if !same_user {
        return;
    }
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(MOST));
    let answer = match tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await {
        Ok(Ok(length)) if length > 0 => match serde_json::from_str(&line) {
            Ok(ControlRequest::Ping) => ControlResponse::Done,
            Ok(request) => ask(request, &calls).await,
            Err(error) => ControlResponse::Invalid {
                message: error.to_string(),
            },
        },
        _ => return,
    };
    if let Ok(mut text) = serde_json::to_string(&answer) {
        text.push('\n');
        // A caller that has gone needs no answer.
        let _ = writer.write_all(text.as_bytes()).await;
    }
}

async fn ask(request: ControlRequest, calls: &mpsc::Sender<Call>) -> ControlResponse {
    let gone = || ControlResponse::Conflict {
        message: "the scheduler is ending".into(),
    };
    let (answer, answered) = oneshot::channel();
    if calls.send((request, answer)).await.is_err() {
        return gone();
    }
    answered.await.unwrap_or_else(|_| gone())
}
