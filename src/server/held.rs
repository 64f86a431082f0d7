//! Answers that are put together once for all who ask within a moment: a hundred open pages cost what one costs.
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    body::Bytes,
    http::header,
    response::{IntoResponse, Response},
};
use gpuyard_core::model::{Lang, Mono};
use gpuyard_exec::clock;
use serde::Serialize;

use crate::{app::App, error::ApiError};

/// One path's answer, in each language that was asked for.
pub(crate) struct Held {
    /// What is held may be so old.
    age: Duration,
    bodies: Mutex<HashMap<Lang, Body>>,
}

struct Body {
    /// Counts what was known when it was made.
    of: u64,
    at: Mono,
    json: Bytes,
}

impl Held {
    /// Holds answers for so long, and no longer than what they were made of is the newest.
    pub(crate) fn new(age: Duration) -> Held {
        Held {
            age,
            bodies: Mutex::default(),
        }
    }

    fn bodies(&self) -> MutexGuard<'_, HashMap<Lang, Body>> {
        // Each entry is put in whole.
        self.bodies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fresh(&self, bodies: &HashMap<Lang, Body>, lang: Lang, of: u64) -> Option<Bytes> {
        let body = bodies.get(&lang).filter(|body| body.of == of)?;
        let age = clock::mono().since(body.at);
        (u128::from(age) < self.age.as_millis()).then(|| body.json.clone())
    }
}

/// Answers with what `held` picks of the application, or makes it anew, off the thread that serves. `of` counts what is
/// known: an answer that was made of less is not given.
pub(crate) async fn answer<T: Serialize>(
    app: &Arc<App>,
    held: fn(&App) -> &Held,
    lang: Lang,
    of: u64,
    make: impl FnOnce(&App) -> Result<T, ApiError> + Send + 'static,
) -> Result<Response, ApiError> {
    let found = {
        let held = held(app);
        held.fresh(&held.bodies(), lang, of)
    };
    let json = match found {
        Some(json) => json,
        None => {
            let anew = move |app: &Arc<App>| {
                let held = held(app);
                // Whoever else asks meanwhile waits for this one.
                let mut bodies = held.bodies();
                if let Some(json) = held.fresh(&bodies, lang, of) {
                    return Ok(json);
                }
                let at = clock::mono();
                // About as long as the one before: growing from nothing would move each byte several times.
                let like = bodies.get(&lang).map_or(0, |before| before.json.len());
                let mut json = Vec::with_capacity(like + like / 16);
                serde_json::to_writer(&mut json, &make(app)?).map_err(ApiError::internal)?;
                let json = Bytes::from(json);
                let body = Body {
                    of,
                    at,
                    json: json.clone(),
                };
                bodies.insert(lang, body);
                Ok(json)
            };
            app.blocking(anew).await?
        }
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
}
