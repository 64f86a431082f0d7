//! `gpu`: the GPUs and the machine, after each reading.
use std::sync::Arc;

use gpuyard_core::model::Lang;
use tokio::sync::watch;

use crate::{
    app::App,
    error::ApiError,
    live::{Draft, Source, Wait, source::without},
};

pub(super) struct Gpu {
    app: Arc<App>,
    lang: Lang,
    readings: watch::Receiver<u64>,
}

impl Gpu {
    pub(super) fn new(app: &Arc<App>, lang: Lang) -> Gpu {
        Gpu {
            readings: app.gpus.readings(),
            app: Arc::clone(app),
            lang,
        }
    }
}

impl Source for Gpu {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        let app = &self.app;
        let report = app.gpus.report(&app.tasks_on_gpus()?, self.lang);
        draft.put("report", &without(&report, &["gpus", "host"])?)?;
        draft.put("host", &report.host)?;
        for gpu in &report.gpus {
            draft.put(&gpu.uuid.0, gpu)?;
        }
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        // The sampler lives as long as the daemon.
        Box::pin(async { _ = self.readings.changed().await })
    }
}
