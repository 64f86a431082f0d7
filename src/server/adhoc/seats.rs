//! Which ad-hoc task sits on which GPU.
use gpuyard_core::{
    model::{AdhocId, Bytes, Gpu, Health},
    wire::{GpuSeat, GpuSeatMemory},
};
use gpuyard_exec::lease::LeaseLife;
use gpuyard_store::adhoc::adhoc_id;

use super::is_of;
use crate::{app::App, error::ApiError};

const MIB: f64 = (1 << 20) as f64;

/// The GPUs as they were read last, with the leases on them.
pub(crate) fn seats(app: &App) -> Result<Vec<GpuSeat>, ApiError> {
    let leases = app.host.leases()?;
    let live: Vec<_> = leases
        .iter()
        .filter(|held| !matches!(held.life, LeaseLife::Fallen))
        .map(|held| &held.lease)
        .collect();
    let ignored = Bytes((app.rules().ignore_processes_below * MIB) as u64);
    let latest = app.gpus.state().latest;
    let gpus = latest.as_deref().map_or(&[][..], |snapshot| &snapshot.gpus);
    let seat = |gpu: &Gpu| {
        let here: Vec<_> = live
            .iter()
            .filter(|lease| lease.claims.iter().any(|claim| claim.gpu == gpu.uuid))
            .collect();
        let tasks: Vec<AdhocId> = here
            .iter()
            .filter(|lease| is_of(&app.root, &lease.root))
            .filter_map(|lease| adhoc_id(&lease.run_id, &lease.task_id))
            .collect();
        let counts = |memory: Option<Bytes>| memory.is_none_or(|memory| memory >= ignored);
        let empty = gpu
            .processes
            .as_ref()
            .is_some_and(|all| !all.iter().any(|process| counts(process.memory)));
        GpuSeat {
            index: gpu.index,
            uuid: gpu.uuid.clone(),
            name: gpu.name.clone(),
            memory: GpuSeatMemory {
                used: gpu.memory.map(|memory| memory.used.0),
                free: gpu.memory.map(|memory| memory.free.0),
                total: gpu.memory.map(|memory| memory.total.0),
            },
            utilization: gpu.utilization.map(|percent| percent.0),
            assigned_task_id: tasks.first().copied(),
            assigned_task_ids: tasks,
            is_free: gpu.health == Health::Ok && here.is_empty() && empty && gpu.hidden_processes == 0,
        }
    };
    Ok(gpus.iter().map(seat).collect())
}
