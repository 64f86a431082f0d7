//! `gpuyard schedule`: one command file's scheduler in this process, started by hand, by `start` or by the daemon.
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
};

use gpuyard_core::{model::Lang, wire::Announcement};
use gpuyard_scheduler::{Options, Start};

use crate::{
    cli::ScheduleArgs,
    client::Context,
    failure::{Exit, Failure},
    logging, output, wiring,
};

/// Runs a scheduler to its end; answers its exit code.
pub(crate) fn schedule(context: &Context, args: &ScheduleArgs) -> Result<i32, Failure> {
    match options(context, args) {
        Ok(options) => {
            if std::io::stderr().is_terminal() && !args.announce {
                let said = context.lang.pick(
                    "Ctrl-C stops the scheduler and its tasks",
                    "按 Ctrl-C 停止调度器及其任务",
                );
                output::note(said);
            }
            Ok(gpuyard_scheduler::run(options))
        }
        Err(failure) => {
            if args.announce {
                announce(&failure);
            }
            Err(failure)
        }
    }
}

fn options(context: &Context, args: &ScheduleArgs) -> Result<Options, Failure> {
    let charge = args.charge.charge(context.lang)?;
    let root = context.root()?;
    root.prepare().map_err(Failure::unusable)?;
    let settings = context.settings(&root)?;
    logging::scheduler(&root.scheduler_log(&settings, charge), &settings.log_level).map_err(|failure| Failure {
        exit: Exit::Unusable,
        ..failure
    })?;
    let host = wiring::host_folder()?;
    if let Some(warning) = host.warning() {
        tracing::warn!("{warning}");
    }
    let source = wiring::source(&settings, &host)?;
    let start = match (args.resume, args.recover) {
        (true, _) => Start::Resume,
        (_, true) => Start::Recover,
        _ => Start::Fresh,
    };
    Ok(Options {
        root,
        host,
        charge,
        start,
        announce: args.announce,
        source,
        exe: own_program(context.lang)?,
        conda_exe: std::env::var_os("CONDA_EXE")
            .filter(|exe| !exe.is_empty())
            .map(PathBuf::from),
        home: std::env::home_dir(),
    })
}

/// The file that this program was started from; runners are started from it too.
pub(crate) fn own_program(lang: Lang) -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(|error| {
        Failure::failed(say!(
            lang,
            "cannot find the file of this program: {error}",
            "找不到本程序的文件：{error}"
        ))
    })
}

/// Tells whoever started us why there is no scheduler. The scheduler itself does so for what it meets later.
fn announce(failure: &Failure) {
    let refused = Announcement::Refused {
        error: failure.message.clone(),
        code: failure.exit.code().to_owned(),
    };
    if let Ok(line) = serde_json::to_string(&refused) {
        // Whoever started us may be gone by now.
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
