//! `seats`: which ad-hoc tasks sit on which GPU, by their leases: also those that have no process there yet.
use std::sync::Arc;

use gpuyard_core::model::AdhocId;
use gpuyard_store::FolderWatch;
use serde::Serialize;
use tokio::sync::{Notify, watch};

use crate::{
    adhoc::seats,
    app::App,
    error::ApiError,
    live::{Draft, Source, Wait},
};

pub(super) struct Seats {
    app: Arc<App>,
    changed: Arc<Notify>,
    watch: Option<FolderWatch>,
    readings: watch::Receiver<u64>,
    /// The GPUs have been read.
    known: bool,
}

/// Who sits on a GPU.
#[derive(Serialize)]
struct Seat {
    tasks: Vec<Sitting>,
}

/// One task.
#[derive(Serialize)]
struct Sitting {
    id: AdhocId,
    name: Option<String>,
}

impl Seats {
    pub(super) fn new(app: &Arc<App>) -> Seats {
        Seats {
            readings: app.gpus.readings(),
            app: Arc::clone(app),
            changed: Arc::default(),
            watch: None,
            known: false,
        }
    }
}

impl Source for Seats {
    fn read(&mut self, draft: &mut Draft) -> Result<(), ApiError> {
        if self.watch.is_none() {
            // Leases come and go there.
            let tell = Arc::clone(&self.changed);
            self.watch = Some(FolderWatch::new(self.app.host.path(), move || tell.notify_one())?);
        }
        let seats = seats(&self.app)?;
        self.known = !seats.is_empty();
        for seat in seats {
            let mut tasks = Vec::new();
            for id in seat.assigned_task_ids {
                let record = self.app.desk.tasks(&self.app)?.get(id)?;
                tasks.push(Sitting {
                    id,
                    name: record.map(|record| record.row.name),
                });
            }
            draft.put(&seat.index.to_string(), &Seat { tasks })?;
        }
        Ok(())
    }

    fn changed(&mut self) -> Wait<'_> {
        Box::pin(async {
            if self.known {
                self.changed.notified().await;
            } else {
                // The sampler lives as long as the daemon.
                _ = self.readings.changed().await;
            }
        })
    }
}
