//! A topic at work: one task that fills its board from its source, and whoever listens.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::{sync::Notify, task::AbortHandle};

use super::{
    board::Board,
    source::{Draft, Source},
};
use crate::{error::ApiError, limits};

/// A topic that somebody listens to. With its last listener it ends.
pub(crate) struct Topic {
    held: Mutex<Held>,
    /// Its task.
    filler: Mutex<Option<AbortHandle>>,
}

struct Held {
    board: Board,
    /// It has been read once: an empty board is an empty topic.
    filled: bool,
    /// Why it could not be read the last time, and the how manieth such reason that is.
    trouble: Option<Arc<ApiError>>,
    troubles: u64,
    listeners: Vec<Weak<Notify>>,
}

/// A look at a topic's board, for as long as nobody else may look.
pub(crate) struct Look<'a>(MutexGuard<'a, Held>);

impl Topic {
    /// Begins to fill a topic. Must be called inside the daemon's loop.
    pub(crate) fn begin(source: Box<dyn Source>) -> Arc<Topic> {
        let topic = Arc::new(Topic {
            held: Mutex::new(Held {
                board: Board::new(limits::MESSAGE),
                filled: false,
                trouble: None,
                troubles: 0,
                listeners: Vec::new(),
            }),
            filler: Mutex::default(),
        });
        let filler = tokio::spawn(fill(Arc::downgrade(&topic), source)).abort_handle();
        *topic.filler.lock().unwrap_or_else(PoisonError::into_inner) = Some(filler);
        topic
    }

    /// Who wants to be woken when there is something new.
    pub(crate) fn tell(&self, listener: &Arc<Notify>) {
        self.look().0.listeners.push(Arc::downgrade(listener));
    }

    /// Looks at it.
    pub(crate) fn look(&self) -> Look<'_> {
        // Every step leaves it whole.
        Look(self.held.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn take(&self, read: Result<Draft, ApiError>) {
        let mut held = self.look().0;
        let new = match read {
            Ok(draft) => {
                let first = !std::mem::replace(&mut held.filled, true);
                held.trouble = None;
                draft.said().is_some_and(|said| held.board.take(said)) || first
            }
            Err(error) => {
                let new = held.trouble.as_deref() != Some(&error);
                if new {
                    held.troubles += 1;
                    held.trouble = Some(Arc::new(error));
                }
                new
            }
        };
        if new {
            held.listeners.retain(|listener| match listener.upgrade() {
                Some(listener) => {
                    listener.notify_one();
                    true
                }
                None => false,
            });
        }
    }
}

impl Look<'_> {
    /// The board, once it has been filled.
    pub(crate) fn board(&mut self) -> Option<&mut Board> {
        self.0.filled.then_some(&mut self.0.board)
    }

    /// Why it cannot be read, where a listener has not been told: `told` counts what it has been told.
    pub(crate) fn trouble(&self, told: u64) -> Option<(u64, Arc<ApiError>)> {
        let trouble = self.0.trouble.as_ref().filter(|_| self.0.troubles > told)?;
        Some((self.0.troubles, Arc::clone(trouble)))
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        if let Some(filler) = self.filler.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            filler.abort();
        }
    }
}

async fn fill(topic: Weak<Topic>, mut source: Box<dyn Source>) {
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut draft = Draft::default();
            let read = source.read(&mut draft).map(|()| draft);
            (source, read)
        });
        // A panic of a source ends its topic: its listeners keep what they have.
        let Ok((back, read)) = read.await else { return };
        source = back;
        let Some(topic) = topic.upgrade() else { return };
        topic.take(read);
        drop(topic);
        source.changed().await;
    }
}
