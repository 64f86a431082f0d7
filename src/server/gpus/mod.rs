//! The GPUs as the API shows them: one sampler for all callers, and process details read once a reading, when someone
//! looks.
mod history;
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
    model::{Lang, Now, Seconds, Snapshot},
    wire::{GpuHistory, GpuProcesses, GpuReport, KillAnswer, KillRequest, ProcessName, Role, SamplerReport},
};
use gpuyard_exec::{clock, host::HostFolder, identity};
use gpuyard_gpu::{DetailReader, GpuReader, HostSample, HostSampler, Sampler, SamplerState, SourceError};
use serde_json::Value;
use tokio::sync::watch;

use history::History;
pub(crate) use history::MOST_MINUTES;
pub(crate) use kill::parse_start_time;
use kill::{Listed, Victims};
use listing::Listing;
pub use once::LocalGpus;
use report::{Facts, sampler, whole};
use stop_task::Schedulers;
pub(crate) use tasks::Tasks;

/// For the first reading to arrive, when someone asks before it has: an NVML without persistence mode takes 1.5 s.
const FIRST_READING: Duration = Duration::from_secs(3);

/// Every so many readings the host is looked at when nobody asks; at each one while somebody does.
const HOST_EVERY: u64 = 10;

/// Who asked within so many readings is still there.
const ASKED_WITHIN: u64 = 30;

/// Shared by all who look at GPUs.
pub(crate) struct Gpus {
    sampler: Sampler,
    readings: watch::Receiver<u64>,
    seen: Arc<Seen>,
    root: PathBuf,
    boot: String,
}

/// What each reading adds to.
struct Seen {
    /// `None` until the host was looked at.
    host: Mutex<Option<HostSample>>,
    history: Mutex<History>,
    /// The reading at which somebody last asked.
    asked: AtomicU64,
    processes: Mutex<Processes>,
}

/// What `/proc` says of GPU processes.
struct Processes {
    reader: DetailReader,
    /// The details of one reading, for all who ask until the next.
    latest: Option<(u64, Arc<report::Details>)>,
    /// The reading at which somebody last asked for them.
    asked: u64,
}

impl Processes {
    /// Details of a reading, which are read for the first who asks.
    fn details(&mut self, state: &SamplerState, now: Now) -> Arc<report::Details> {
        self.asked = state.readings;
        if let Some((_, details)) = self.latest.as_ref().filter(|(readings, _)| *readings == state.readings) {
            return Arc::clone(details);
        }
        self.read(state, now)
    }

    fn read(&mut self, state: &SamplerState, now: Now) -> Arc<report::Details> {
        let details = Arc::new(named(state, &mut self.reader, now));
        self.latest = Some((state.readings, Arc::clone(&details)));
        details
    }

    /// What is kept of each process (a descriptor, too) is let go once nobody asks any more.
    fn tidy(&mut self, state: &SamplerState, now: Now) {
        if self.latest.is_some() && state.readings.saturating_sub(self.asked) > ASKED_WITHIN {
            self.latest = None;
            self.reader.read([], now.mono);
        }
    }
}

impl Seen {
    fn note(&self, state: &SamplerState, host: &mut HostSampler, root: &Path) {
        if let (Some(snapshot), None) = (&state.latest, &state.last_error) {
            lock(&self.history).push(snapshot);
        }
        let asked = state.readings.saturating_sub(self.asked.load(Ordering::Relaxed)) <= ASKED_WITHIN;
        if asked || state.readings % HOST_EVERY == 1 {
            *lock(&self.host) = Some(host.sample(root));
        }
        // Whoever reads there just now is not waited for: `/proc` may hang.
        if let Ok(mut processes) = self.processes.try_lock() {
            processes.tidy(state, clock::now());
        }
    }
}

impl Gpus {
    /// Starts sampling. Nothing here waits for a driver.
    pub(crate) fn start(reader: Arc<GpuReader>, interval: Seconds, root: PathBuf) -> std::io::Result<Gpus> {
        let (told, readings) = watch::channel(0);
        let seen = Arc::new(Seen {
            host: Mutex::default(),
            history: Mutex::default(),
            asked: AtomicU64::new(0),
            processes: Mutex::new(Processes {
                reader: DetailReader::new(Path::new("/proc")),
                latest: None,
                asked: 0,
            }),
        });
        let (theirs, place) = (Arc::clone(&seen), root.clone());
        let host = Mutex::new(HostSampler::new());
        let notify = move |state: &SamplerState| {
            theirs.note(state, &mut lock(&host), &place);
            told.send_replace(state.readings);
        };
        let sampler = Sampler::spawn(reader, interval, clock::now, notify)?;
        let boot = boot();
        Ok(Gpus {
            sampler,
            readings,
            seen,
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

    /// How many readings there have been.
    pub(crate) fn count(&self) -> u64 {
        *self.readings.borrow()
    }

    /// The last minutes of each GPU.
    pub(crate) fn history(&self, minutes: f64) -> GpuHistory {
        lock(&self.seen.history).since(minutes, clock::mono())
    }

    /// Samples at another interval from the next sample on.
    pub(crate) fn set_interval(&self, interval: Seconds) {
        self.sampler.set_interval(interval);
    }

    /// The last reading, or why there is none or it is old.
    pub(crate) fn latest(&self) -> (Option<Arc<Snapshot>>, Option<SourceError>) {
        let state = self.sampler.state();
        (state.latest, state.last_error)
    }

    /// Everything, for `/api/gpu`. May read `/proc`, so not on the thread that serves.
    pub(crate) fn report(&self, tasks: &Tasks, lang: Lang) -> GpuReport {
        let now = clock::now();
        let state = self.sampler.state();
        self.seen.asked.store(state.readings, Ordering::Relaxed);
        let host = lock(&self.seen.host).clone().unwrap_or_default();
        let details = lock(&self.seen.processes).details(&state, now);
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
        let state = self.sampler.state();
        let mut processes = lock(&self.seen.processes);
        let details = processes.details(&state, clock::now());
        listing(&state, &details, &mut processes.reader, tasks, &self.boot, lang)
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
        let details = lock(&self.seen.processes).read(&state, now);
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

    /// What the sampler knows.
    pub(crate) fn state(&self) -> SamplerState {
        self.sampler.state()
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
            name: details.map(|details| details.name.to_string()),
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
fn listing(
    state: &SamplerState,
    details: &report::Details,
    reader: &mut DetailReader,
    tasks: &Tasks,
    boot: &str,
    lang: Lang,
) -> GpuProcesses {
    let now = clock::now();
    let facts = Facts {
        details,
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
