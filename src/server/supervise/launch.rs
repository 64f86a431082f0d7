//! Starting a scheduler, and hearing from it that its first state is on disk.
use std::{ffi::OsStr, fs::File, io};

use gpuyard_core::{
    model::{Charge, Lang, RunId},
    wire::Announcement,
};
use gpuyard_exec::{
    ExecError,
    spawn::{Detached, first_line, spawn_announcing},
};
use gpuyard_store::file;

use crate::{app::App, limits};

/// Which run a scheduler is to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// A new one.
    Fresh,
    /// The last one, because a person asks.
    Resume,
    /// The last one, because its scheduler died.
    Recover,
}

/// Why there is no scheduler, or none that has said so.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotUp {
    /// It said why.
    #[error("{error}")]
    Refused { error: String, code: String },
    /// It ended without a word.
    #[error("the scheduler ended before it had started; its log says why")]
    Ended,
    /// It is there and says nothing.
    #[error("the scheduler does not say whether it has started: {0}; its log may say why")]
    Silent(io::Error),
    /// It could not even be started.
    #[error(transparent)]
    Failed(#[from] ExecError),
    /// Its log could not be made.
    #[error(transparent)]
    Store(#[from] gpuyard_store::StoreError),
}

/// What came of a launch.
pub(crate) struct Launched {
    /// The process, wherever one was started: somebody has to wait for its end.
    pub(crate) child: Option<Detached>,
    /// The run that it works on.
    pub(crate) outcome: Result<RunId, NotUp>,
}

/// Starts a scheduler. Blocks until it has said how it stands.
pub(crate) fn launch(app: &App, charge: impl Into<Charge>, how: How) -> Launched {
    match start(app, charge.into(), how) {
        Err(error) => Launched {
            child: None,
            outcome: Err(error),
        },
        Ok((child, mut said)) => {
            let outcome = match first_line(&mut said, limits::ANNOUNCE_TIME) {
                Err(error) => Err(NotUp::Silent(error)),
                Ok(line) => match serde_json::from_str(&line) {
                    Ok(Announcement::Started { run_id, .. }) => Ok(run_id),
                    Ok(Announcement::Refused { error, code }) => Err(NotUp::Refused { error, code }),
                    Err(_) => Err(NotUp::Ended),
                },
            };
            Launched {
                child: Some(child),
                outcome,
            }
        }
    }
}

fn start(app: &App, charge: Charge, how: How) -> Result<(Detached, File), NotUp> {
    let log = app.root.scheduler_log(&app.settings(), charge);
    file::create_folder(&app.root.log_dir(&app.settings()))?;
    let lang = if app.lang == Lang::Zh { "zh" } else { "en" };
    let mut words: Vec<&OsStr> = vec![
        "--root".as_ref(),
        app.root.path().as_os_str(),
        "--lang".as_ref(),
        lang.as_ref(),
    ];
    let charged = charge.words();
    words.push("schedule".as_ref());
    words.extend(charged.iter().map(OsStr::new));
    words.push("--announce".as_ref());
    match how {
        How::Fresh => {}
        How::Resume => words.push("--resume".as_ref()),
        How::Recover => words.push("--recover".as_ref()),
    }
    Ok(spawn_announcing(&app.exe, &words, &log, &[])?)
}
