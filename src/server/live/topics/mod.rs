//! The topics that there are, one file each. A new one is a [`Source`] and a line here.
mod files;
mod gpu;
mod log;
mod run;
mod schedulers;
mod seats;
mod task;
mod tasks;

use std::sync::Arc;

use gpuyard_core::model::{Lang, RunId, TaskId};

use super::Source;
use crate::{app::App, error::ApiError};

/// The source of a topic. A name that nobody fills is an error of status 404.
pub(super) fn open(app: &Arc<App>, name: &str, lang: Lang) -> Result<Box<dyn Source>, ApiError> {
    let (kind, which) = name
        .split_once(':')
        .map_or((name, None), |(kind, which)| (kind, Some(which)));
    match (kind, which) {
        ("gpu", None) => Ok(Box::new(gpu::Gpu::new(app, lang))),
        ("schedulers", None) => Ok(Box::new(schedulers::Schedulers::new(app, lang))),
        ("run", Some(run_id)) => Ok(Box::new(run::OneRun::new(app, RunId(run_id.to_owned()), lang))),
        ("task", Some(id)) => Ok(Box::new(task::OneTask::new(app, TaskId(id.to_owned()), lang))),
        ("log", Some(query)) => Ok(Box::new(log::OneLog::new(app, query, lang)?)),
        ("tasks", None) => Ok(Box::new(tasks::Tasks::new(app, lang))),
        ("seats", None) => Ok(Box::new(seats::Seats::new(app))),
        ("files", None) => Ok(Box::new(files::Files::new(app))),
        _ => Err(no_such_topic(name)),
    }
}

fn no_such_topic(name: &str) -> ApiError {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    ApiError::not_found(
        "no_such_topic",
        format!("there is no topic `{shown}`"),
        format!("没有主题 `{shown}`"),
    )
}
