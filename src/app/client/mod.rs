//! The client's verbs, one file each. They work on the files of the root and ask a daemon only where one lives.
pub(crate) mod account;
pub(crate) mod adhoc;
mod adhoc_logs;
mod adhoc_there;
mod adhoc_view;
mod adhoc_why;
pub(crate) mod attach;
mod daemon;
pub(crate) mod gpus;
mod gpus_view;
pub(crate) mod kill;
mod live;
pub(crate) mod logs;
mod logs_there;
mod processes;
pub(crate) mod ps;
mod ps_view;
pub(crate) mod queue;
mod runs;
mod source;
pub(crate) mod start;
mod state;
pub(crate) mod status;
mod status_view;
pub(crate) mod stop;
mod watch;
pub(crate) mod why;
mod why_view;

use std::path::PathBuf;

use gpuyard_core::model::{Lang, Settings};
use gpuyard_store::Root;

use crate::{
    failure::{Exit, Failure},
    output::Screen,
};

pub(crate) use daemon::Daemon;

/// What every verb knows.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// How to show things.
    pub(crate) screen: Screen,
    /// The language.
    pub(crate) lang: Lang,
    /// The root folder, as it was named.
    pub(crate) root: PathBuf,
    /// A daemon elsewhere, where one was named.
    pub(crate) url: Option<String>,
}

impl Context {
    /// Opens the root folder.
    pub(crate) fn root(&self) -> Result<Root, Failure> {
        Root::open(&self.root).map_err(Failure::unusable)
    }

    /// The settings; without a file, what they are by default.
    pub(crate) fn settings(&self, root: &Root) -> Result<Settings, Failure> {
        let path = root.settings_path();
        if path.symlink_metadata().is_err() {
            return Ok(Settings::default());
        }
        gpuyard_store::settings::load(&path).map_err(Failure::unusable)
    }

    /// Something cannot be used.
    pub(crate) fn unusable(&self, en: &str, zh: &str) -> Failure {
        Failure::new(Exit::Unusable, self.lang.pick(en, zh))
    }

    /// Something is not there.
    pub(crate) fn not_found(&self, en: &str, zh: &str) -> Failure {
        Failure::new(Exit::NotFound, self.lang.pick(en, zh))
    }
}
