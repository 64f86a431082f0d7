//! `/api/log/bind` and `/api/log/bindings`: the log that a task writes itself.
use std::{path::PathBuf, sync::Arc};

use axum::{Extension, Json, extract::State};
use gpuyard_core::{
    model::{ConfigKey, Lang, Mode, QueueId},
    wire::{LogBinding, LogBindings, LogBound},
};
use gpuyard_exec::clock;
use gpuyard_store::{bindings::Bindings, logs::Refused};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, error::ApiError, extract::Ask, logs::refusal};

/// The place of a task.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Place {
    /// `single` or `multi`.
    mode: Mode,
    /// Index of the command file, from 0.
    config_index: u32,
    /// The queue.
    queue_id: u64,
    /// The task's place in its queue, from 0.
    process_index: u32,
}

/// What is bound.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Bound {
    /// The log, absolute. The file may not be there yet.
    log_path: String,
}

impl Place {
    fn config(&self) -> ConfigKey {
        ConfigKey {
            mode: self.mode,
            index: self.config_index,
        }
    }
}

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(bind, unbind))
        .routes(routes!(bindings))
}

/// Binds a log to a task: from then on it is the one that is shown for it.
#[utoipa::path(
    post, path = "/api/log/bind", params(Place, Bound),
    responses(
        (status = 200, body = LogBound),
        (status = 403, description = "It is no log, or another user's."),
        (status = 404, description = "There is no such command file."),
        (status = 409, description = "What stands there is a link, a folder, a pipe: no plain file."),
    ),
)]
async fn bind(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(place): Ask<Place>,
    Ask(bound): Ask<Bound>,
) -> Result<Json<LogBound>, ApiError> {
    app.blocking(move |app| {
        let path = PathBuf::from(&bound.log_path);
        // What is there must be a log; what is not there yet may become one.
        match app.logs.allowed().open(&path) {
            Ok(_) => {}
            Err(Refused::Absent(_)) => {
                app.logs
                    .allowed()
                    .check_absent(&path)
                    .map_err(|refused| refusal(&refused))?;
            }
            Err(refused) => return Err(refusal(&refused)),
        }
        let file = app.command_file(place.config())?;
        app.bindings.follow(place.config(), &file)?;
        let now = clock::now().wall;
        let binding = LogBinding {
            mode: place.mode,
            config_index: place.config_index,
            queue_id: QueueId(place.queue_id),
            process_index: place.process_index,
            log_path: bound.log_path.clone(),
            bound_at: now
                .to_zoned(jiff::tz::TimeZone::system())
                .strftime("%Y-%m-%dT%H:%M:%S%:z")
                .to_string(),
        };
        let key = app.bindings.bind(&binding, Some(&file))?;
        Ok(Json(LogBound {
            success: true,
            message: lang.pick("the log is bound", "日志绑定成功").into(),
            key,
            binding,
        }))
    })
    .await
}

/// Ends a binding. The log stays.
#[utoipa::path(
    delete, path = "/api/log/bind", params(Place),
    responses((status = 200, body = LogBound), (status = 404, description = "Nothing is bound there.")),
)]
async fn unbind(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(place): Ask<Place>,
) -> Result<Json<LogBound>, ApiError> {
    app.blocking(move |app| {
        let (config, queue) = (place.config(), QueueId(place.queue_id));
        if let Ok(file) = app.command_file(config) {
            app.bindings.follow(config, &file)?;
        }
        let binding = app.bindings.unbind(config, queue, place.process_index)?;
        let binding = binding
            .ok_or_else(|| ApiError::not_found("not_bound", "no log is bound to this task", "该任务没有绑定日志"))?;
        Ok(Json(LogBound {
            success: true,
            message: lang.pick("the log is no longer bound", "已解除日志绑定").into(),
            key: Bindings::key(config, queue, place.process_index),
            binding,
        }))
    })
    .await
}

/// All bindings, by keys such as `single_0_1_0`: mode, config index, queue, place in it.
#[utoipa::path(get, path = "/api/log/bindings", responses((status = 200, body = LogBindings)))]
async fn bindings(State(app): State<Arc<App>>) -> Result<Json<LogBindings>, ApiError> {
    app.blocking(|app| {
        app.follow_bindings()?;
        Ok(Json(app.bindings.list()?))
    })
    .await
}
