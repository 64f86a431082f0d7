//! `schedulers`: the newest run of each command file, whether its scheduler lives, and how many runs there are.
use std::sync::Arc;

use gpuyard_core::{model::Lang, queue::Run};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

use crate::{
    app::App,
    error::ApiError,
    live::{Draft, Source, Wait, source::without},
    runs::Changes,
};

/// What of a run its page has no use for, and what has entries of its own.
pub(super) const LEFT_OUT: [&str; 3] = ["queues", "head_reasons", "class_reasons"];

#[derive(Serialize)]
struct Head {
    running: bool,
    run: BTreeMap<String, Value>,
    runs: usize,
}

pub(super) struct Schedulers {
    app: Arc<App>,
    lang: Lang,
    changes: Changes,
}

impl Schedulers {
    pub(super) fn new(app: &Arc<App>, lang: Lang) -> Schedulers {
        Schedulers {
            changes: app.runs.changes(),
            app: Arc::clone(app),
            lang,
        }
    }
}

impl Source for Schedulers {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        for newest in self.app.runs.heads(self.lang) {
            draft.put(
                &newest.key.to_string(),
                &Head {
                    running: newest.running,
                    run: head(&newest.run)?,
                    runs: newest.runs,
                },
            )?;
        }
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.changes.next())
    }
}

/// A run without its queues.
pub(super) fn head(run: &Run) -> Result<BTreeMap<String, Value>, ApiError> {
    without(run, &LEFT_OUT)
}
