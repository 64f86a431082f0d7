//! `gpuyard gpus`: the GPUs as the daemon sees them, or as they are read here where none lives.
use std::io::Write;

use gpuyard_exec::lease::HeldLease;
use gpuyard_server::LocalGpus;

use super::{Context, Daemon, gpus_view::GpusView};
use crate::{cli::GpusArgs, failure::Failure, output, wiring};

/// Shows the GPUs.
pub(crate) fn gpus(context: &Context, args: &GpusArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let root = context.root()?;
    let host = wiring::host_folder()?;
    // A daemon that does not answer (it hangs, its secret was changed) keeps nobody from looking.
    let asked = Daemon::find(context, &root, &host)?.map(|daemon| daemon.get("/api/gpu"));
    let report = match asked {
        Some(Ok(report)) => report,
        Some(Err(_)) | None => {
            let source = wiring::source(&context.settings(&root)?, &host)?;
            let mut here = LocalGpus::read(source, host.clone(), root);
            here.report(context.lang).map_err(Failure::failed)?
        }
    };
    let leases = host.leases().map_err(Failure::failed)?;
    let leases = leases
        .into_iter()
        .filter(HeldLease::is_live)
        .map(|held| held.lease)
        .collect();
    let view = GpusView { report, leases };
    if args.json {
        output::json(out, &view)?;
    } else {
        view.print(out, context.screen)?;
    }
    Ok(0)
}
