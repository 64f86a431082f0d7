//! The scheduler's Unix socket: whoever is of the same user may ask it to stop, retry, skip.
use std::{io, path::Path, time::Duration};

use gpuyard_core::wire::{ControlRequest, ControlResponse};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// A request and where its answer goes.
pub(crate) type Call = (ControlRequest, oneshot::Sender<ControlResponse>);

/// A request is a short line.
const MOST: u64 = 1 << 16;
/// Callers that say nothing are sent away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Calls that may wait to be looked at.
const BACKLOG: usize = 64;
/// So long the end of a scheduler waits for callers to take their answers.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What is asked over the socket.
pub(crate) struct Calls {
    calls: mpsc::Receiver<Call>,
    listening: JoinHandle<()>,
}

impl Calls {
    /// The next call; `None` once nobody listens.
    pub(crate) async fn next(&mut self) -> Option<Call> {
        self.calls.recv().await
    }

    /// Hears no more calls, and stays until every answer that was given is written, or its caller takes too long.
    pub(crate) async fn end(mut self) {
        self.listening.abort();
        // Each call that was read holds a sender until its answer is out; the last one gone is the end. Calls that come
        // now are dropped, which tells their callers.
        let answered = async { while self.calls.recv().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, answered).await.is_err() {
            tracing::warn!("a caller on the control socket did not take its answer");
        }
    }
}

/// Listens at `path`. What is there is replaced: whoever holds the scheduler's place is the only one to listen.
pub(crate) fn listen(path: &Path) -> io::Result<Calls> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    let (sender, calls) = mpsc::channel(BACKLOG);
    let listening = tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    // Weak: a caller who has not asked yet keeps nobody waiting.
                    tokio::spawn(serve(stream, sender.downgrade()));
                }
                // Out of descriptors, say: the next moment may be better, and spinning would make it worse.
                Err(error) => {
                    tracing::warn!(%error, "cannot accept on the control socket");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    });
    Ok(Calls { calls, listening })
}

async fn serve(stream: UnixStream, calls: mpsc::WeakSender<Call>) {
    let same_user = stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == nix::unistd::Uid::effective().as_raw());
    if !same_user {
        return;
    }
    let (reader, mut writer) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(reader.take(MOST));
    let length = tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await;
    if !matches!(length, Ok(Ok(1..))) {
        return;
    }
    // Held until the answer is written.
    let calls = calls.upgrade();
    let answer = match serde_json::from_str(&line) {
        Ok(ControlRequest::Ping) => ControlResponse::Done,
        Ok(request) => ask(request, calls.as_ref()).await,
        Err(error) => ControlResponse::Invalid {
            message: error.to_string(),
        },
    };
    if let Ok(mut text) = serde_json::to_string(&answer) {
        text.push('\n');
        // A caller that has gone needs no answer.
        let _ = writer.write_all(text.as_bytes()).await;
    }
}

async fn ask(request: ControlRequest, calls: Option<&mpsc::Sender<Call>>) -> ControlResponse {
    let gone = || ControlResponse::Conflict {
        message: "the scheduler is ending".into(),
    };
    let Some(calls) = calls else {
        return gone();
    };
    let (answer, answered) = oneshot::channel();
    if calls.send((request, answer)).await.is_err() {
        return gone();
    }
    answered.await.unwrap_or_else(|_| gone())
}
