//! The thread that counts the lines of large logs, one after the other, at the lowest priority; and keeps what it has counted.
use std::{
    path::PathBuf,
    sync::{
        Arc, OnceLock, PoisonError, Weak,
        mpsc::{self, Receiver, Sender},
    },
};

use super::shelf::Inside;

/// Bytes that are counted while a log's index is held; whoever asks about that log waits no longer.
const STEP: u64 = 4 << 20;
/// Bytes of one log after which another one has its turn.
const TURN: u64 = 512 << 20;
/// Indices of smaller logs are counted anew sooner than they are read.
const KEPT_FROM: u64 = 16 << 20;
/// Below all that people wait for.
const NICE: i32 = 10;

/// Hands logs to the thread, which comes up when it is first needed.
#[derive(Default)]
pub(super) struct Counter {
    queue: OnceLock<std::sync::Mutex<Sender<PathBuf>>>,
}

impl Counter {
    /// Has a log counted to its end, and kept. Asking again costs nothing.
    pub(super) fn count(&self, inside: &Arc<Inside>, path: PathBuf) {
        if !inside.queue(&path) {
            return;
        }
        let queue = self.queue.get_or_init(|| {
            let (sender, queue) = mpsc::channel();
            let (inside, again) = (Arc::downgrade(inside), sender.clone());
            let thread = std::thread::Builder::new().name("log-count".into());
            // The sender that the thread holds of its own must not keep it alive.
            if let Err(error) = thread.spawn(move || work(&inside, &queue, &again)) {
                tracing::warn!(%error, "no thread to count the lines of large logs: they have no line numbers");
            }
            std::sync::Mutex::new(sender)
        });
        let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a thread, logs are counted as far as each question counts them.
        let _ = queue.send(path);
    }
}

fn work(inside: &Weak<Inside>, queue: &Receiver<PathBuf>, again: &Sender<PathBuf>) {
    lower_priority();
    while let Ok(path) = queue.recv() {
        let Some(inside) = inside.upgrade() else { return };
        inside.dequeue(&path);
        let mut counted = 0;
        let done = loop {
            let Some(done) = inside.count(&path, STEP) else {
                break true;
            };
            counted += STEP;
            if done || counted >= TURN {
                break done;
            }
        };
        inside.keep(&path, KEPT_FROM);
        if !done && inside.queue(&path) {
            let _ = again.send(path);
        }
    }
}

/// Lowers the priority of the calling thread, for good.
pub(super) fn lower_priority() {
    // On Linux each thread has its own. Where it cannot be lowered, the work is done all the same.
    let _ = rustix::process::nice(NICE);
}
