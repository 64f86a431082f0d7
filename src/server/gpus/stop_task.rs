//! Asking the scheduler of a task to stop it: a process of ours never ends behind its scheduler's back, which would run it
//! again.
use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
};

use gpuyard_core::{
    model::{Charge, ConfigKey, Lang},
    wire::{ControlRequest, ControlResponse, TaskRef},
};
use gpuyard_exec::{control, host::HostFolder, place::Place};

use super::kill::Asked;
use crate::limits;

/// The schedulers of this user, of this root and of others on this machine.
pub(super) struct Schedulers<'a> {
    host: &'a HostFolder,
    root: &'a Path,
    lang: Lang,
    /// Those that did not answer: nobody waits for one twice in a call.
    silent: RefCell<HashMap<PathBuf, String>>,
}

impl Schedulers<'_> {
    /// Nobody has been asked yet.
    pub(super) fn new<'a>(host: &'a HostFolder, root: &'a Path, lang: Lang) -> Schedulers<'a> {
        Schedulers {
            host,
            root,
            lang,
            silent: RefCell::default(),
        }
    }

    /// Has a task stopped by its scheduler.
    pub(super) fn stop(&self, task: &TaskRef) -> Asked {
        let root = task.root.as_deref().map_or(self.root, Path::new);
        let charge = match (task.mode, task.config_index) {
            (Some(mode), Some(index)) => Charge::File(ConfigKey { mode, index }),
            _ => Charge::Tasks,
        };
        let name = charge.to_string();
        let lives = || Place::holder(self.host, root, &name);
        match lives() {
            Ok(Some(_)) => {}
            Ok(None) => return Asked::NoScheduler,
            Err(error) => return Asked::Refused(error.to_string()),
        }
        let socket = match self.host.socket_path(root, &name) {
            Ok(socket) => socket,
            Err(error) => return Asked::Refused(error.to_string()),
        };
        if let Some(error) = self.silent.borrow().get(&socket) {
            return Asked::Refused(error.clone());
        }
        let request = ControlRequest::StopTask {
            task_id: task.task_id.clone(),
        };
        match control::call(&socket, &request, limits::CONTROL_TIME) {
            Ok(ControlResponse::Done) => Asked::Told,
            Ok(ControlResponse::NotFound) => {
                let said = self
                    .lang
                    .pick("it does not know such a task any more", "它已没有这个任务");
                Asked::Refused(said.to_owned())
            }
            Ok(ControlResponse::Conflict { message } | ControlResponse::Invalid { message }) => Asked::Refused(message),
            Err(error) => match lives() {
                // It ended between our look and our call.
                Ok(None) => Asked::NoScheduler,
                _ => {
                    self.silent.borrow_mut().insert(socket, error.to_string());
                    Asked::Refused(error.to_string())
                }
            },
        }
    }
}
