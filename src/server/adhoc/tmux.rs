//! Where people who like tmux find the terminals of running ad-hoc tasks.
use std::path::PathBuf;

use crate::app::App;

/// The socket of our own tmux server; `None` where tmux is not installed.
pub(crate) fn tmux(app: &App) -> Option<PathBuf> {
    app.tmux.as_ref()?;
    Some(app.host.user_folder().join("tmux.sock"))
}
