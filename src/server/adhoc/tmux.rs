//! The terminals of running ad-hoc tasks in tmux, for those who like `tmux attach`: a session each, on a socket of our
//! own, that holds nothing but `gpuyard attach`. Whoever closes one, or kills the whole server, takes no task along.
use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use gpuyard_core::model::{AdhocId, AdhocStatus, Charge};
use gpuyard_exec::spawn::{Detached, spawn_detached};
use gpuyard_store::{
    FolderWatch,
    adhoc::{Filter, Tasks},
};
use tokio::sync::{Notify, watch};

use crate::{app::App, connection::ending, error::ApiError, limits, supervise::death};

/// A task that is over sooner needs no session.
const CALM: Duration = Duration::from_millis(300);

/// The socket of our own tmux server; `None` where tmux is not installed.
pub(crate) fn tmux(app: &App) -> Option<PathBuf> {
    app.tmux.as_ref()?;
    Some(app.host.user_folder().join("tmux.sock"))
}

/// Gives each running task a session, until the daemon ends. Sessions end by themselves.
pub(crate) async fn show_terminals(app: Arc<App>, mut end: watch::Receiver<bool>) {
    let (Some(program), Some(socket)) = (app.tmux.clone(), tmux(&app)) else {
        return;
    };
    let changed = Arc::new(Notify::new());
    let tell = Arc::clone(&changed);
    let Ok(_watch) = FolderWatch::new(&app.root.state_dir(), move || tell.notify_one()) else {
        return;
    };
    let mut shown: HashSet<(AdhocId, u32)> = HashSet::new();
    loop {
        if Tasks::path(&app.root, &app.settings()).exists() {
            let running = app.blocking(|app| running(app)).await.unwrap_or_default();
            let now: HashSet<(AdhocId, u32)> = running.into_iter().collect();
            for &(id, attempt) in now.iter().filter(|one| !shown.contains(one)) {
                let (program, socket) = (program.clone(), socket.clone());
                let begin = move |app: &Arc<App>| Ok(session(app, &program, &socket, id)?);
                match app.blocking(begin).await {
                    Ok(child) => death::of_child(&child).await,
                    Err(error) => tracing::warn!(id, attempt, "no tmux session: {}", error.message.en),
                }
            }
            shown = now;
        }
        tokio::select! {
            () = ending(&mut end) => return,
            () = changed.notified() => {}
        }
        tokio::select! {
            () = ending(&mut end) => return,
            () = tokio::time::sleep(CALM) => {}
        }
    }
}

fn running(app: &App) -> Result<Vec<(AdhocId, u32)>, ApiError> {
    let filter = Filter {
        statuses: vec![AdhocStatus::Running],
        ..Filter::default()
    };
    let page = app.desk.tasks(app)?.list(&filter, limits::LISTED_TASKS as usize)?;
    Ok(page.rows.into_iter().map(|row| (row.id, row.attempt)).collect())
}

/// Has tmux make a session; where there is one of the name already, it says so in the log, and that is that.
fn session(app: &App, program: &Path, socket: &Path, id: AdhocId) -> Result<Detached, gpuyard_exec::ExecError> {
    let (name, number) = (format!("task_{id}"), id.to_string());
    let mut words: Vec<OsString> = vec!["-S".into(), socket.into(), "-f".into(), "/dev/null".into()];
    words.extend(["new-session", "-d", "-x", "120", "-y", "40", "-s", &name].map(OsString::from));
    words.extend([
        app.exe.clone().into_os_string(),
        "--root".into(),
        app.root.path().into(),
    ]);
    words.extend(["attach", "--viewer", &number].map(OsString::from));
    let words: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
    let log = app.root.scheduler_log(&app.settings(), Charge::Tasks);
    spawn_detached(program, &words, &log, &[])
}
