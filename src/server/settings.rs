//! The settings in force: those of the start, and what has been changed since without one.
use std::sync::{Arc, PoisonError, RwLock};

use gpuyard_core::model::Settings;

/// Settings that take effect at the daemon's next start only: it has bound, opened or measured by them.
const AT_START: [&str; 9] = [
    "log-dir",
    "port",
    "allow-lan",
    "bind-address",
    "gpu-source",
    "language",
    "tls-cert",
    "tls-key",
    "data-dir",
];

/// Whether a key takes effect at the next start only.
pub(crate) fn is_for_start(key: &str) -> bool {
    AT_START.contains(&key)
}

/// The settings as they were at the start, and as they are now.
pub(crate) struct InForce {
    started: Settings,
    now: RwLock<Arc<Settings>>,
    /// Tells the log how much is wanted.
    set_log_level: Box<dyn Fn(&str) + Send + Sync>,
}

impl InForce {
    /// What a daemon starts with.
    pub(crate) fn new(started: Settings, set_log_level: Box<dyn Fn(&str) + Send + Sync>) -> InForce {
        InForce {
            now: RwLock::new(Arc::new(started.clone())),
            started,
            set_log_level,
        }
    }

    /// Those of the start.
    pub(crate) fn started(&self) -> &Settings {
        &self.started
    }

    /// Those of now.
    pub(crate) fn now(&self) -> Arc<Settings> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes others; answers those before.
    pub(crate) fn replace(&self, settings: Settings) -> Arc<Settings> {
        let before = std::mem::replace(
            &mut *self.now.write().unwrap_or_else(PoisonError::into_inner),
            Arc::new(settings.clone()),
        );
        if before.log_level != settings.log_level {
            (self.set_log_level)(&settings.log_level);
        }
        before
    }
}
