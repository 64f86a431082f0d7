//! What `/api/gpu` would say, read once by a program that is no daemon (`gpuyard gpus` where none runs).
use std::{path::Path, time::Duration};

use gpuyard_core::{
    model::{Lang, Seconds},
    wire::GpuReport,
};
use gpuyard_exec::{clock, identity};
use gpuyard_gpu::{DetailReader, GpuReader, GpuSource, HostSampler, SamplerState};

use super::{
    named,
    report::{Facts, whole},
    tasks::Tasks,
};

/// A driver that takes longer is taken for hung.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the GPUs of this host once. `root` says which disk is shown.
pub fn look_at_gpus(source: Box<dyn GpuSource>, root: &Path, lang: Lang) -> GpuReport {
    let name = source.name().to_owned();
    let now = clock::now();
    let read = GpuReader::spawn(source).read(now, PATIENCE);
    let (latest, last_error) = match read {
        Ok(snapshot) => (Some(snapshot), None),
        Err(error) => (None, Some(error)),
    };
    let state = SamplerState {
        source: name,
        interval: Seconds(0.0),
        failing_since: last_error.is_some().then_some(now.wall),
        latest,
        last_error,
        readings: 1,
    };
    let details = named(&state, &mut DetailReader::new(Path::new("/proc")), now);
    let boot: String = identity::boot_id().chars().take(8).collect();
    // Which task an attempt belongs to stands in its lease, which whoever calls this shows beside.
    let facts = Facts {
        details: &details,
        tasks: &Tasks::none(),
        boot: &boot,
        now,
    };
    whole(&state, &HostSampler::new().sample(root), &facts, lang)
}
