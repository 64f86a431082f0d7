//! The GPUs as the API shows them: one sampler for all callers, and process details read only when someone looks.
mod kill;
#[cfg(test)]
mod kill_tests;
mod listing;
mod once;
mod report;
mod stop_task;
mod tasks;
#[cfg(test)]
mod vendor_tests;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gpuyard_core::{
    model::{Lang, Now, Seconds},
    wire::{GpuProcesses, GpuReport, KillAnswer, KillRequest, ProcessName, Role, SamplerReport},
};
use gpuyard_exec::{clock, host::HostFolder, identity};
use gpuyard_gpu::{DetailReader, GpuReader, HostSampler, Sampler, SamplerState};
use serde_json::Value;
use tokio::sync::watch;

pub(crate) use kill::parse_start_time;
use kill::{Listed, Victims};
use listing::Listing;
pub use once::LocalGpus;
use report::{Facts, sampler, whole};
use stop_task::Schedulers;
pub(crate) use tasks::Tasks;

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
        let notify = move |state: &SamplerState| {
            told.send_replace(state.readings);
            if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(HOST_EVERY) {
                lock(&theirs).sample(&place);
            }
        };
        let sampler = Sampler::spawn(reader, interval, clock::now, notify)?;
        let details = Mutex::new(DetailReader::new(Path::new("/proc")));
        let boot = boot();
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

    /// Tells of each reading.
    pub(crate) fn readings(&self) -> watch::Receiver<u64> {
        self.readings.clone()
    }

    /// Everything, for `/api/gpu`. Reads `/proc`, so not on the thread that serves.
    pub(crate) fn report(&self, tasks: &Tasks, lang: Lang) -> GpuReport {
        let now = clock::now();
        let state = self.sampler.state();
        let host = lock(&self.host).sample(&self.root);
        let details = named(&state, &mut lock(&self.details), now);
        let facts = Facts {
            details: &details,
            tasks,
            boot: &self.boot,
            now,
        };
        whole(&state, &host, &facts, lang)
    }

    /// Every process on every GPU. Reads `/proc` too.
    pub(crate) fn processes(&self, tasks: &Tasks, lang: Lang) -> GpuProcesses {
        listing(&self.sampler.state(), &mut lock(&self.details), tasks, &self.boot, lang)
    }

    /// Makes sure that these processes have been looked for since they came onto a GPU: what the last reading does not
    /// list is read for once more.
    pub(crate) async fn catch_up(&self, request: &KillRequest) {
        let state = self.sampler.state();
        let known = |name: &ProcessName| {
            let gpus = state.latest.iter().flat_map(|snapshot| &snapshot.gpus);
            let mut listed = gpus.flat_map(|gpu| gpu.processes.iter().flatten());
            listed.any(|process| process.pid == name.pid)
        };
        if request.processes.iter().all(known) {
            return;
        }
        let mut readings = self.readings.clone();
        let before = *readings.borrow_and_update();
        self.sampler.hurry();
        // Too long: what is known then decides.
        let _ = tokio::time::timeout(FIRST_READING, readings.wait_for(|&count| count > before)).await;
    }

    /// Ends GPU processes, with a line of each for the audit log. Waits for them, so not on the thread that serves.
    pub(crate) fn end(
        &self,
        request: &KillRequest,
        tasks: &Tasks,
        host: &HostFolder,
        lang: Lang,
        note: impl FnMut(Value),
    ) -> KillAnswer {
        let now = clock::now();
        let state = self.sampler.state();
        let details = named(&state, &mut lock(&self.details), now);
        let facts = Facts {
            details: &details,
            tasks,
            boot: &self.boot,
            now,
        };
        let answer = end(request, &state, &facts, (host, &self.root), lang, note);
        self.sampler.hurry();
        answer
    }

    /// Whether anything is on a GPU.
    pub(crate) fn is_used(&self) -> bool {
        let state = self.sampler.state();
        let mut gpus = state.latest.iter().flat_map(|snapshot| &snapshot.gpus);
        gpus.any(|gpu| gpu.processes.as_ref().is_some_and(|all| !all.is_empty()))
    }

    /// How sampling goes.
    pub(crate) fn sampling(&self) -> SamplerReport {
        sampler(&self.sampler.state(), clock::now())
    }
}

/// Ends processes that a snapshot lists, with a line of each for the audit log.
fn end(
    request: &KillRequest,
    state: &SamplerState,
    facts: &Facts<'_>,
    (host, root): (&HostFolder, &Path),
    lang: Lang,
    mut note: impl FnMut(Value),
) -> KillAnswer {
    let listed = |pid: i32, start_ticks: u64| {
        let gpus = state.latest.iter().flat_map(|snapshot| &snapshot.gpus);
        let mut all = gpus.flat_map(|gpu| gpu.processes.iter().flatten());
        let process = all.find(|process| (process.pid, process.start_ticks) == (pid, start_ticks))?;
        let details = facts.of(process);
        let origin = details.map(|details| &*details.origin);
        Some(Listed {
            role: origin.map_or(Role::Process, |origin| origin.role),
            task: facts.tasks.of(process, origin).cloned(),
            username: facts.username(process),
            name: details.map(|details| details.name.clone()),
        })
    };
    let schedulers = Schedulers::new(host, root, lang);
    let victims = Victims {
        listed: &listed,
        stop_task: &|task| schedulers.stop(task),
        boot: facts.boot,
        lang,
    };
    let outcomes = victims.end(request);
    for outcome in &outcomes {
        note(outcome.line(request.signal));
    }
    victims.answer(outcomes)
}

/// Every process that a snapshot lists.
fn listing(state: &SamplerState, reader: &mut DetailReader, tasks: &Tasks, boot: &str, lang: Lang) -> GpuProcesses {
    let now = clock::now();
    let details = named(state, reader, now);
    let facts = Facts {
        details: &details,
        tasks,
        boot,
        now,
    };
    let listing = Listing {
        facts: &facts,
        username: &mut |uid| reader.username(uid),
        lang,
    };
    listing.whole(state)
}

/// What start times of this boot begin with.
fn boot() -> String {
    identity::boot_id().chars().take(8).collect()
}

/// Details of what a snapshot lists.
fn named(state: &SamplerState, reader: &mut DetailReader, now: Now) -> report::Details {
    let gpus = state.latest.iter().flat_map(|snapshot| &snapshot.gpus);
    let listed = gpus.flat_map(|gpu| gpu.processes.iter().flatten());
    // A process on several GPUs is looked at once.
    let named: std::collections::BTreeSet<_> = listed.map(|process| (process.pid, process.start_ticks)).collect();
    reader.read(named, now.mono)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters of the look before: after a panic they are old, not wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
