//! `log:QUERY`: how one log stands, while its page is open.
use std::{path::PathBuf, sync::Arc};

use axum::http::StatusCode;
use gpuyard_core::{model::Lang, wire::LogHead};

use crate::{
    app::App,
    error::ApiError,
    extract,
    live::{Draft, Source, Wait},
    logs::{LogWatch, Which, refusal},
};

pub(super) struct OneLog {
    app: Arc<App>,
    which: Which,
    lang: Lang,
    told: Option<LogHead>,
    watch: LogWatch,
    path: PathBuf,
}

impl OneLog {
    pub(super) fn new(app: &Arc<App>, query: &str, lang: Lang) -> Result<OneLog, ApiError> {
        Ok(OneLog {
            app: Arc::clone(app),
            which: extract::query(query)?,
            lang,
            told: None,
            watch: LogWatch::new(&PathBuf::new(), None),
            path: PathBuf::new(),
        })
    }

    fn head(&mut self) -> Result<LogHead, ApiError> {
        let asked = match self.which.find(&self.app) {
            // It has not started: its log is waited for.
            Err(error) if error.status == StatusCode::NOT_FOUND && error.code == "no_log" => {
                return Ok(LogHead::default());
            }
            asked => asked?,
        };
        if self.path != asked.path {
            self.watch = LogWatch::new(&asked.path, asked.told_in());
            self.path.clone_from(&asked.path);
        }
        let exit = asked.exit();
        let (log, standing) = self.app.logs.open(&asked.path);
        let refused = log.as_ref().err().map(refusal);
        let head = standing.head(&asked, refused.as_ref(), self.lang);
        Ok(LogHead { exit, ..head })
    }
}

impl Source for OneLog {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        let head = self.head()?;
        if self.told.as_ref() != Some(&head) {
            self.watch.found_news();
        }
        draft.put("log", &head)?;
        self.told = Some(head);
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(self.watch.changed())
    }
}
