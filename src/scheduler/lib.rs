//! A scheduler: the process that runs one command file's queues on whatever GPUs are free.
pub mod conda;
mod control;
mod environment;
mod feed;
mod journal;
mod observe;
mod open;
mod options;
mod place;
mod reload;
mod rows;
mod work;

use std::io::Write;

use gpuyard_core::wire::Announcement;

pub use options::{Options, Start, exit};

/// Runs a scheduler to its end and answers the program's exit code (see [`exit`]). What went wrong stands in the log,
/// and with `announce` on stdout too.
pub fn run(options: Options) -> i32 {
    let announce = options.announce;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(%error, "the scheduler's loop cannot be made");
            return exit::UNUSABLE;
        }
    };
    runtime.block_on(async {
        let (mut scheduler, senses) = match open::open(options) {
            Ok(open::Opened::Working(scheduler, senses)) => (scheduler, senses),
            Ok(open::Opened::NothingToDo(code)) => {
                tracing::info!("there is no run to take up");
                if announce {
                    say(&Announcement::Refused {
                        error: "there is no run to take up: it has ended, or there was none".into(),
                        code: Announcement::NOTHING_TO_DO.into(),
                    });
                }
                return code;
            }
            Err(refusal) => {
                tracing::error!("{refusal}");
                if announce {
                    say(&Announcement::Refused {
                        error: refusal.to_string(),
                        code: refusal.code().into(),
                    });
                }
                return refusal.exit();
            }
        };
        if announce {
            let run = scheduler.journal.machine().run();
            say(&Announcement::Started {
                run_id: run.run_id.clone(),
                pid: run.pid,
            });
        }
        match scheduler.work(senses).await {
            Ok(code) => code,
            Err(error) => {
                // The run stays as it is on disk: whoever resumes it takes everything back.
                tracing::error!("the scheduler gives up: {error:#}");
                exit::UNUSABLE
            }
        }
    })
}

/// Tells the starter. It may have died meanwhile, which is no reason to die too (`println!` would panic).
fn say(announcement: &Announcement) {
    if let Ok(line) = serde_json::to_string(announcement) {
        let _ = writeln!(std::io::stdout(), "{line}");
    }
}
