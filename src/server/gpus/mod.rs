//! The GPUs as the API shows them: one sampler for all callers, and process details read only when someone looks.
mod once;
mod report;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gpuyard_core::{
    model::{Lang, Now, Seconds, UniId},
    wire::{GpuReport, ProcessEntry, SamplerReport, TaskRef},
};
use gpuyard_exec::{clock, identity};
use gpuyard_gpu::{DetailReader, GpuReader, HostSampler, Sampler};
use tokio::sync::watch;

pub use once::look_at_gpus;
use report::{Facts, processes, sampler, whole};

/// For the first reading to arrive, when someone asks before it has: an NVML without persistence mode takes 1.5 s.
const FIRST_READING: Duration = Duration::from_secs(3);

/// Every so many samples the host's CPU counters are looked at, so that the first one who asks gets a mean of seconds
/// and not of hours.
const HOST_EVERY: u64 = 10;

/// Shared by all who look at GPUs.
pub(crate) struct Gpus {
    sampler: Sampler,
    readings: watch::Receiver<u64>,
    host: Arc<Mutex<HostSampler>>,
    details: Mutex<DetailReader>,
    root: PathBuf,
    boot: String,
}

impl Gpus {
    /// Starts sampling. Nothing here waits for a driver.
    pub(crate) fn start(reader: Arc<GpuReader>, interval: Seconds, root: PathBuf) -> std::io::Result<Gpus> {
        let (told, readings) = watch::channel(0);
        let host = Arc::new(Mutex::new(HostSampler::new()));
        let (theirs, place) = (Arc::clone(&host), root.clone());
        let count = AtomicU64::new(0);
        let notify = move |state: &gpuyard_gpu::SamplerState| {
            told.send_replace(state.readings);
            if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(HOST_EVERY) {
                lock(&theirs).sample(&place);
            }
        };
        let sampler = Sampler::spawn(reader, interval, clock::now, notify)?;
        let details = Mutex::new(DetailReader::new(std::path::Path::new("/proc")));
        let boot = identity::boot_id().chars().take(8).collect();
        Ok(Gpus {
            sampler,
            readings,
            host,
            details,
            root,
            boot,
        })
    }

    /// Waits until the GPUs have been read once, or that has taken too long.
    pub(crate) async fn first_reading(&self) {
        let mut readings = self.readings.clone();
        // Too long, or the sampler is gone: what is known then is what is told.
        let _ = tokio::time::timeout(FIRST_READING, readings.wait_for(|&count| count > 0)).await;
    }

    /// Everything, for `/api/gpu`. Reads `/proc`, so not on the thread that serves.
    pub(crate) fn report(&self, task: &dyn Fn(&UniId) -> Option<TaskRef>, lang: Lang) -> GpuReport {
        let now = clock::now();
        let state = self.sampler.state();
        let host = lock(&self.host).sample(&self.root);
        let details = self.details(&state, now);
        whole(
            &state,
            &host,
            &Facts {
                details: &details,
                task,
                boot: &self.boot,
                now,
            },
            lang,
        )
    }

    /// Every process on every GPU.
    pub(crate) fn processes(&self, task: &dyn Fn(&UniId) -> Option<TaskRef>) -> (Option<String>, Vec<ProcessEntry>) {
        let now = clock::now();
        let state = self.sampler.state();
        let details = self.details(&state, now);
        processes(
            &state,
            &Facts {
                details: &details,
                task,
                boot: &self.boot,
                now,
            },
        )
    }

    /// How sampling goes.
    pub(crate) fn sampling(&self) -> SamplerReport {
        sampler(&self.sampler.state(), clock::now())
    }

    fn details(&self, state: &gpuyard_gpu::SamplerState, now: Now) -> report::Details {
        let gpus = state.latest.iter().flat_map(|snapshot| &snapshot.gpus);
        let listed = gpus.flat_map(|gpu| gpu.processes.iter().flatten());
        // A process on several GPUs is looked at once.
        let named: std::collections::BTreeSet<_> = listed.map(|process| (process.pid, process.start_ticks)).collect();
        lock(&self.details).read(named, now.mono)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters of the look before: after a panic they are old, not wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
