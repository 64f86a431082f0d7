//! What all handlers share.
use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use gpuyard_core::formats::command::CommandFile;
use gpuyard_core::model::{Charge, ConfigKey, Lang, Rules, Settings};
use gpuyard_exec::{
    ExecError,
    host::HostFolder,
    place::{Holder, Place},
};
use gpuyard_store::{Root, audit::AuditLog, bindings::Bindings};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    adhoc::Desk,
    error::ApiError,
    gpus::{Gpus, Tasks},
    guard::access::Guard,
    held::Held,
    limits,
    live::Hub,
    logs::Shelf,
    runs::Book,
    settings::InForce,
    supervise::News,
};

/// The daemon, as its handlers see it.
pub(crate) struct App {
    pub(crate) root: Root,
    pub(crate) host: HostFolder,
    pub(crate) settings: InForce,
    /// The rules that could be read last.
    pub(crate) last_rules: Mutex<Option<Rules>>,
    /// Our own program, which is started as schedulers.
    pub(crate) exe: PathBuf,
    /// The language of logs, and of answers to callers who name none.
    pub(crate) lang: Lang,
    pub(crate) guard: Arc<Guard>,
    pub(crate) gpus: Gpus,
    pub(crate) runs: Book,
    pub(crate) desk: Desk,
    /// tmux, where it is installed.
    pub(crate) tmux: Option<PathBuf>,
    pub(crate) audit: AuditLog,
    pub(crate) live: Hub,
    /// Logs, as far as they are known.
    pub(crate) logs: Shelf,
    /// Which logs tasks write themselves.
    pub(crate) bindings: Bindings,
    pub(crate) held: Answers,
    /// Where the supervisor hears of schedulers that were started here.
    pub(crate) news: UnboundedSender<News>,
}

/// Answers that many ask for at once.
pub(crate) struct Answers {
    pub(crate) gpus: Held,
    pub(crate) gpu_processes: Held,
    pub(crate) running: Held,
}

impl Default for Answers {
    fn default() -> Answers {
        Answers {
            gpus: Held::new(limits::HELD_GPUS),
            gpu_processes: Held::new(limits::HELD_GPUS),
            running: Held::new(limits::HELD_RUNS),
        }
    }
}

impl App {
    /// The settings in force.
    pub(crate) fn settings(&self) -> Arc<Settings> {
        self.settings.now()
    }

    /// Where the rules are.
    pub(crate) fn rules_path(&self) -> PathBuf {
        self.root.rules_path(&self.settings())
    }

    /// The rules as they stand now. Where they cannot be read (their page shows why) the last ones that could, else the
    /// defaults: a slip of the pen must not give the command files other names.
    pub(crate) fn rules(&self) -> Rules {
        let mut last = self.last_rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(rules) = gpuyard_store::rules::load(&self.rules_path()) {
            *last = Some(rules);
        }
        last.clone().unwrap_or_default()
    }

    /// Where a command file is.
    pub(crate) fn command_path(&self, key: ConfigKey) -> PathBuf {
        self.root.command_path(&self.rules(), key)
    }

    /// Goes by other settings from now on, as far as that needs no new start.
    pub(crate) fn follow_settings(&self, settings: Settings) {
        let before = self.settings.replace(settings);
        let now = self.settings();
        if self.guard.follow(&now) {
            tracing::info!("the secret has changed: every login has ended");
        }
        self.logs.follow(&self.root, &now);
        if before.gpu_interval != now.gpu_interval {
            self.gpus.set_interval(now.gpu_interval);
        }
    }

    /// The settings file has changed. What cannot be read changes nothing.
    pub(crate) fn settings_changed(&self) {
        match gpuyard_store::settings::load(&self.root.settings_path()) {
            Ok(settings) if settings == *self.settings() => {}
            Ok(settings) => {
                tracing::info!("the settings have changed");
                self.follow_settings(settings);
            }
            Err(error) => tracing::error!("the last good settings stay in force: {error}"),
        }
    }

    /// A command file as it stands on disk.
    pub(crate) fn command_file(&self, key: ConfigKey) -> Result<CommandFile, ApiError> {
        let path = self.command_path(key);
        match gpuyard_store::commands::load(&path, key.mode) {
            Ok(loaded) => Ok(loaded.file),
            Err(error) if error.is_not_found() => Err(ApiError::not_found(
                "no_such_config",
                "there is no such command file",
                "没有这个配置",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a command file's log bindings to where their tasks are after a save. The save stands, whatever becomes of them.
    pub(crate) fn follow_binding(&self, key: ConfigKey, file: &CommandFile) {
        if let Err(error) = self.bindings.follow(key, file) {
            tracing::error!("the log bindings of {key} do not follow: {error}");
        }
    }

    /// Moves log bindings to where their tasks are, in every command file that has some and can be read.
    pub(crate) fn follow_bindings(&self) -> Result<(), ApiError> {
        for key in self.bindings.configs()? {
            if let Ok(file) = self.command_file(key) {
                self.bindings.follow(key, &file)?;
            }
        }
        Ok(())
    }

    /// Who runs a command file, or the ad-hoc tasks, if anyone.
    pub(crate) fn holder(&self, charge: impl Into<Charge>) -> Result<Option<Holder>, ExecError> {
        Place::holder(&self.host, self.root.path(), &charge.into().to_string())
    }

    /// The tasks that processes on GPUs may belong to.
    pub(crate) fn tasks_on_gpus(&self) -> Result<Tasks, ApiError> {
        if !self.gpus.is_used() {
            return Ok(Tasks::none());
        }
        Ok(Tasks::look(&self.host, self.root.path(), &self.runs)?)
    }

    /// Does something that reads files or waits, off the thread that serves.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<App>,
        work: impl FnOnce(&Arc<App>) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let app = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&app))
            .await
            .map_err(ApiError::internal)?
    }
}
