//! The hub of live changes (`docs/API-LIVE.md`): topics that are filled while somebody listens, and feeds that listen.
//!
//! A topic is filled once, however many listen; each value is written as JSON once, when it changes. A feed keeps no queue:
//! it remembers how far its client has been told, and puts together what is new when the client can take it. So a slow
//! client costs what one message costs, and a topic that nobody listens to costs nothing.
mod board;
mod feed;
mod source;
#[cfg(test)]
mod tests;
mod topic;
mod topics;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

pub(crate) use feed::{Feed, Message, Stop, error_message};
use gpuyard_core::model::Lang;
pub(crate) use source::{Draft, Source, Wait};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use topic::Topic;

use crate::{app::App, connection::ending, error::ApiError, limits};

/// All topics that somebody listens to.
pub(crate) struct Hub {
    topics: Mutex<HashMap<(String, Lang), Weak<Topic>>>,
    /// Room for clients.
    seats: Arc<Semaphore>,
    /// Says when the daemon ends.
    end: watch::Receiver<bool>,
}

impl Hub {
    /// A hub that nobody listens to yet.
    pub(crate) fn new(end: watch::Receiver<bool>) -> Hub {
        Hub {
            topics: Mutex::default(),
            seats: Arc::new(Semaphore::new(limits::FEEDS)),
            end,
        }
    }

    /// A place for one more client, until it is dropped; `None` where there is none.
    pub(crate) fn seat(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.seats).try_acquire_owned().ok()
    }

    /// How many clients there are.
    pub(crate) fn clients(&self) -> usize {
        limits::FEEDS - self.seats.available_permits()
    }

    /// Waits until the daemon ends.
    pub(crate) async fn ending(&self) {
        ending(&mut self.end.clone()).await;
    }

    /// The topic of a name, in a language; begun where nobody listens to it yet.
    fn topic(&self, app: &Arc<App>, name: &str, lang: Lang) -> Result<Arc<Topic>, ApiError> {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (name.to_owned(), lang);
        if let Some(topic) = topics.get(&key).and_then(Weak::upgrade) {
            return Ok(topic);
        }
        topics.retain(|_, topic| topic.strong_count() > 0);
        if topics.len() >= limits::TOPICS {
            return Err(too_many());
        }
        let topic = Topic::begin(topics::open(app, name, lang)?);
        topics.insert(key, Arc::downgrade(&topic));
        Ok(topic)
    }
}

fn too_many() -> ApiError {
    ApiError::new(
        axum::http::StatusCode::SERVICE_UNAVAILABLE,
        "too_many_topics",
        "too many topics are listened to; close some pages and try again",
        "订阅的主题过多；请关闭一些页面后重试",
    )
}
