//! Ad-hoc tasks in the daemon: the database, opened when it is first needed, and whether their scheduler is at work.
mod keeper;
mod seats;
mod tmux;

use std::sync::{Arc, Mutex, PoisonError};

use axum::http::StatusCode;
use gpuyard_core::{model::Charge, wire::AdhocScheduler};
use gpuyard_exec::{
    control,
    place::{Holder, Place},
};
use gpuyard_store::{Root, StoreError, adhoc::Tasks};
use tokio::sync::Notify;

pub(crate) use keeper::keep;
pub(crate) use seats::seats;
pub(crate) use tmux::{show_terminals, tmux};

use crate::{app::App, error::ApiError};

/// The name of the place that their scheduler holds in its root.
pub(crate) const PLACE: &str = Charge::TASKS;

/// The database, once it could be opened.
#[derive(Default)]
pub(crate) struct Desk {
    tasks: Mutex<Option<Arc<Tasks>>>,
    /// A scheduler is needed, and none listens.
    pub(crate) wanted: Notify,
}

impl Desk {
    /// The database. Where it cannot be opened, the rest of the daemon works, and who asks is told why.
    pub(crate) fn tasks(&self, app: &App) -> Result<Arc<Tasks>, ApiError> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tasks) = &*tasks {
            return Ok(Arc::clone(tasks));
        }
        let opened = Arc::new(Tasks::open(&app.root, &app.settings()).map_err(refused)?);
        *tasks = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

fn refused(error: StoreError) -> ApiError {
    match &error {
        StoreError::DatabaseOnNetwork { path, kind } => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "database_on_network",
            error.to_string(),
            format!(
                "数据库 {} 位于网络文件系统（{kind}）上，可能被其他机器损坏：请在 config/control_setting.yaml 中将 `data-dir` 设为本地磁盘上的目录",
                path.display()
            ),
        ),
        _ => ApiError::internal(error),
    }
}

/// Who works on this root's ad-hoc tasks, if anyone.
pub(crate) fn holder(app: &App) -> Result<Option<Holder>, ApiError> {
    Ok(Place::holder(&app.host, app.root.path(), PLACE)?)
}

/// How their scheduler stands.
pub(crate) fn scheduler(app: &App, tasks: &Tasks) -> Result<AdhocScheduler, ApiError> {
    let pid = holder(app)?.map(|holder| holder.process.pid);
    Ok(AdhocScheduler {
        running: pid.is_some(),
        pid,
        trouble: tasks.fact("trouble")?,
    })
}

impl App {
    /// Has the scheduler of ad-hoc tasks look at what people want now.
    pub(crate) fn wake_tasks(&self) {
        let told = self
            .host
            .socket_path(self.root.path(), PLACE)
            .map(|socket| control::poke(&socket));
        // Nobody listens: one is started, and reads all there is.
        if !matches!(told, Ok(Ok(()))) {
            self.desk.wanted.notify_one();
        }
    }
}

/// The folder of roots is shared by all that open them.
pub(crate) fn is_of(root: &Root, lease_root: &str) -> bool {
    root.path().as_os_str() == lease_root
}
