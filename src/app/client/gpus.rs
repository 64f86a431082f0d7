//! `gpuyard gpus`: the GPUs as the daemon sees them, or as they are read here where none lives.
use std::io::Write;

use gpuyard_core::{model::Lease, wire::GpuReport};
use gpuyard_exec::lease::HeldLease;
use gpuyard_server::LocalGpus;
use gpuyard_store::Root;

use super::{Context, Daemon, account::Where, gpus_view::GpusView};
use crate::{cli::GpusArgs, failure::Failure, output, wiring};

/// Shows the GPUs.
pub(crate) fn gpus(context: &Context, args: &GpusArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (report, leases) = match Where::find(context)? {
        Where::There(daemon) => (daemon.get("/api/gpu")?, daemon.get("/api/gpu/leases")?),
        Where::Here(root) => here(context, root)?,
    };
    let view = GpusView { report, leases };
    if args.json {
        output::json(out, &view)?;
    } else {
        view.print(out, context.screen)?;
    }
    Ok(0)
}

fn here(context: &Context, root: Root) -> Result<(GpuReport, Vec<Lease>), Failure> {
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
    let leases = host.leases().map_err(Failure::failed)?.into_iter();
    Ok((
        report,
        leases.filter(HeldLease::is_live).map(|held| held.lease).collect(),
    ))
}
