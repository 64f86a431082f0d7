//! Asking the scheduler of a task to stop it: a process of ours never ends behind its scheduler's back, which would run it
//! again.
use std::path::Path;

use gpuyard_core::{
    model::{ConfigKey, Lang},
    wire::{ControlRequest, ControlResponse, TaskRef},
};
use gpuyard_exec::{control, host::HostFolder, place::Place};

use super::kill::Asked;
use crate::limits;

/// The place and socket of the scheduler that runs ad-hoc tasks.
const AD_HOC: &str = "tasks";

/// Stops a task of this user, of this root or of another one on this machine.
pub(super) fn stop_task(host: &HostFolder, root: &Path, task: &TaskRef, lang: Lang) -> Asked {
    let root = task.root.as_deref().map_or(root, Path::new);
    let name = match (task.mode, task.config_index) {
        (Some(mode), Some(index)) => ConfigKey { mode, index }.to_string(),
        _ => AD_HOC.to_owned(),
    };
    match Place::holder(host, root, &name) {
        Ok(Some(_)) => {}
        Ok(None) => return Asked::NoScheduler,
        Err(error) => return Asked::Refused(error.to_string()),
    }
    let socket = match host.socket_path(root, &name) {
        Ok(socket) => socket,
        Err(error) => return Asked::Refused(error.to_string()),
    };
    let request = ControlRequest::StopTask {
        task_id: task.task_id.clone(),
    };
    match control::call(&socket, &request, limits::CONTROL_TIME) {
        Ok(ControlResponse::Done) => Asked::Told,
        Ok(ControlResponse::NotFound) => Asked::Refused(
            lang.pick("it does not know such a task any more", "它已没有这个任务")
                .to_owned(),
        ),
        Ok(ControlResponse::Conflict { message } | ControlResponse::Invalid { message }) => Asked::Refused(message),
        Err(error) => match Place::holder(host, root, &name) {
            // It ended between our look and our call.
            Ok(None) => Asked::NoScheduler,
            _ => Asked::Refused(error.to_string()),
        },
    }
}
