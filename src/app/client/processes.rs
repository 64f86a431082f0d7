//! GPU processes, asked of the daemon where one answers, else looked at and ended from here.
use std::path::{Path, PathBuf};

use gpuyard_core::wire::{GpuProcesses, KillAnswer, KillRequest};
use gpuyard_exec::{clock, identity};
use gpuyard_server::LocalGpus;
use gpuyard_store::audit::AuditLog;
use serde_json::{Value, json};

use super::{Context, Daemon, account::Where};
use crate::{failure::Failure, output, wiring};

const LISTING: &str = "/api/gpu/processes";
const KILL: &str = "/api/gpu/processes/kill";

/// Where processes are seen and ended.
pub(crate) enum Processes {
    /// By the daemon of this root, or elsewhere.
    There(Daemon),
    /// By ourselves.
    Here {
        gpus: Box<LocalGpus>,
        /// The log that a daemon of this root would write to.
        audit: PathBuf,
        /// They were read at this moment already.
        fresh: bool,
    },
}

impl Processes {
    /// Finds the daemon. One that does not answer (it hangs, its secret was changed) keeps nobody from looking.
    pub(crate) fn find(context: &Context) -> Result<Processes, Failure> {
        let root = match Where::find(context)? {
            Where::There(daemon) => return Ok(Processes::There(daemon)),
            Where::Here(root) => root,
        };
        let host = wiring::host_folder()?;
        let daemon = Daemon::find(context, &root, &host)?;
        if let Some(daemon) = daemon.filter(|daemon| daemon.get::<GpuProcesses>(LISTING).is_ok()) {
            return Ok(Processes::There(daemon));
        }
        let settings = context.settings(&root)?;
        let source = wiring::source(&settings, &host)?;
        Ok(Processes::Here {
            audit: root.audit_log(&settings),
            gpus: Box::new(LocalGpus::read(source, host, root)),
            fresh: true,
        })
    }

    /// Every process on every GPU, as it is now.
    pub(crate) fn list(&mut self, context: &Context) -> Result<GpuProcesses, Failure> {
        match self {
            Processes::There(daemon) => daemon.get(LISTING),
            Processes::Here { gpus, fresh, .. } => {
                if !std::mem::take(fresh) {
                    gpus.again();
                }
                gpus.processes(context.lang).map_err(Failure::failed)
            }
        }
    }

    /// Ends some.
    pub(crate) fn end(&mut self, context: &Context, request: &KillRequest) -> Result<KillAnswer, Failure> {
        match self {
            Processes::There(daemon) => daemon.post(KILL, request),
            Processes::Here { gpus, audit, .. } => {
                gpus.again();
                let mut lines = Vec::new();
                let answer = gpus
                    .end(request, context.lang, |line| lines.push(line))
                    .map_err(Failure::failed)?;
                note(audit, &lines);
                Ok(answer)
            }
        }
    }
}

/// The same lines that a daemon writes. Who has no right to the log has ended processes of their own all the same.
fn note(audit: &Path, lines: &[Value]) {
    let written = AuditLog::open(audit).and_then(|log| {
        lines.iter().try_for_each(|line| {
            let mut whole = json!({
                "at": clock::now().wall,
                "who": identity::owner().name,
                "how": "command line",
                "from": null,
                "uid": identity::owner().uid,
            });
            if let (Some(whole), Some(line)) = (whole.as_object_mut(), line.as_object()) {
                whole.extend(line.clone());
            }
            log.append(&whole.to_string())
        })
    });
    if let Err(error) = written {
        output::note(format!("not in the audit log: {error}"));
    }
}
