//! Samples at an interval, for the daemon: the latest snapshot with means and idle times, and word of each new one.
use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gpuyard_core::model::{Bytes, Health, Mono, Now, Seconds, Snapshot};
use jiff::Timestamp;

use crate::{GpuReader, SourceError, Window};

/// Span of the means, as the rules of placement have it.
const SPAN: Seconds = Seconds(3.0);
/// How long one reading may take before it counts as hung. A first NVML initialisation without persistence mode takes
/// 1.5 s.
const PATIENCE: Duration = Duration::from_secs(5);
/// No interval is shorter; a busy loop helps nobody.
const SHORTEST: Duration = Duration::from_millis(50);

/// What the sampler knows.
#[derive(Clone, Debug, Default)]
pub struct SamplerState {
    /// The source's name.
    pub source: String,
    /// Time between two samples.
    pub interval: Seconds,
    /// The last snapshot that succeeded, means and idle times filled in.
    pub latest: Option<Arc<Snapshot>>,
    /// Why the last reading failed; `None` when it succeeded.
    pub last_error: Option<SourceError>,
    /// Since when readings have failed.
    pub failing_since: Option<Timestamp>,
    /// Readings so far, failed ones included.
    pub readings: u64,
}

impl SamplerState {
    /// When the latest snapshot was taken, on the monotonic clock: its age is what a reader is told when readings fail.
    pub fn sampled_at(&self) -> Option<Mono> {
        self.latest.as_ref().map(|snapshot| snapshot.mono)
    }
}

struct Shared {
    state: Mutex<SamplerState>,
    control: Mutex<Control>,
    woken: Condvar,
}

struct Control {
    interval: Duration,
    ignore_below: Bytes,
    /// Somebody wants a sample before the interval is over.
    hurry: bool,
    stop: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A thread that samples. It ends when this is dropped.
pub struct Sampler {
    shared: Arc<Shared>,
}

impl Sampler {
    /// Starts sampling. `clock` is asked once a sample. `notify` is called on the sampler's thread after each reading,
    /// failed or not, and must be quick.
    pub fn spawn(
        reader: Arc<GpuReader>,
        interval: Seconds,
        clock: impl Fn() -> Now + Send + 'static,
        notify: impl Fn(&SamplerState) + Send + 'static,
    ) -> std::io::Result<Sampler> {
        let state = SamplerState {
            source: reader.name().to_owned(),
            interval,
            ..SamplerState::default()
        };
        let control = Control {
            interval: duration(interval),
            ignore_below: Bytes(0),
            hurry: false,
            stop: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            control: Mutex::new(control),
            woken: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("gpu-sampler".into())
            .spawn(move || run(&theirs, &reader, &clock, &notify))?;
        Ok(Sampler { shared })
    }

    /// What is known now. Never waits for a reading.
    pub fn state(&self) -> SamplerState {
        lock(&self.shared.state).clone()
    }

    /// Changes the interval from the next sample on.
    pub fn set_interval(&self, interval: Seconds) {
        lock(&self.shared.state).interval = interval;
        lock(&self.shared.control).interval = duration(interval);
        self.shared.woken.notify_all();
    }

    /// Changes which processes are too small to make a GPU taken.
    pub fn set_ignore_below(&self, ignore_below: Bytes) {
        lock(&self.shared.control).ignore_below = ignore_below;
    }

    /// Samples now rather than at the end of the interval.
    pub fn hurry(&self) {
        lock(&self.shared.control).hurry = true;
        self.shared.woken.notify_all();
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        lock(&self.shared.control).stop = true;
        self.shared.woken.notify_all();
    }
}

fn duration(interval: Seconds) -> Duration {
    Duration::from_millis(interval.millis()).max(SHORTEST)
}

fn run(shared: &Shared, reader: &GpuReader, clock: &dyn Fn() -> Now, notify: &dyn Fn(&SamplerState)) {
    let mut window = Window::new(SPAN);
    loop {
        let began = Instant::now();
        let ignore_below = {
            let mut control = lock(&shared.control);
            control.hurry = false;
            control.ignore_below
        };
        let now = clock();
        let reading = reader.read(now, PATIENCE);
        let state = {
            let mut state = lock(&shared.state);
            note(&mut state, reading, &mut window, ignore_below, now);
            state.clone()
        };
        notify(&state);
        let mut control = lock(&shared.control);
        loop {
            if control.stop {
                return;
            }
            let left = control.interval.saturating_sub(began.elapsed());
            if left.is_zero() || control.hurry {
                break;
            }
            control = shared
                .woken
                .wait_timeout(control, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// Takes one reading in. What changes between working and failing is logged, once.
fn note(
    state: &mut SamplerState,
    reading: Result<Arc<Snapshot>, SourceError>,
    window: &mut Window,
    ignore_below: Bytes,
    now: Now,
) {
    state.readings += 1;
    match reading {
        Ok(snapshot) => {
            // The reader keeps a copy that others may be looking at: fill in our own.
            let mut snapshot = Snapshot::clone(&snapshot);
            window.push(&mut snapshot, ignore_below);
            log_health(state.latest.as_deref(), &snapshot);
            state.latest = Some(Arc::new(snapshot));
            state.failing_since = None;
            if state.last_error.take().is_some() {
                tracing::info!(source = state.source, "the GPUs can be read again");
            }
        }
        Err(error) => {
            if state.last_error.as_ref() != Some(&error) {
                tracing::warn!(source = state.source, %error, "the GPUs cannot be read");
            }
            state.failing_since = state.failing_since.or(Some(now.wall));
            state.last_error = Some(error);
        }
    }
}

/// Says which GPUs were lost, or came back, since the snapshot before.
fn log_health(before: Option<&Snapshot>, now: &Snapshot) {
    for gpu in &now.gpus {
        let known = before.and_then(|before| before.gpus.iter().find(|other| other.uuid == gpu.uuid));
        let (index, uuid) = (gpu.index, gpu.uuid.as_str());
        match (known.map(|known| &known.health), &gpu.health) {
            (Some(Health::Ok) | None, Health::Lost { message }) => tracing::warn!(index, uuid, message, "GPU lost"),
            (Some(Health::Ok) | None, Health::Unreadable { message }) => {
                tracing::warn!(index, uuid, message, "GPU cannot be read");
            }
            (Some(Health::Lost { .. } | Health::Unreadable { .. }), Health::Ok) => {
                tracing::info!(index, uuid, "GPU can be read again");
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::channel,
    };

    use gpuyard_core::model::{Gpu, Memory, Vendor};

    use super::*;
    use crate::GpuSource;

    /// Fails at every reading whose number is in the list.
    struct Fails(u64, Vec<u64>);

    impl GpuSource for Fails {
        fn name(&self) -> &str {
            "fails"
        }

        fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
            self.0 += 1;
            if self.1.contains(&self.0) {
                return Err(SourceError::Simulated {
                    message: "told to".into(),
                });
            }
            let mut gpu = Gpu::new(0, "a", Vendor::Simulated);
            gpu.memory = Some(Memory {
                used: Bytes(self.0),
                free: Bytes(0),
                total: Bytes(100),
            });
            gpu.processes = Some(Vec::new());
            Ok(Snapshot {
                taken_at: now.wall,
                mono: now.mono,
                source: "fails".into(),
                gpus: vec![gpu],
            })
        }

        fn may_block(&self) -> bool {
            false
        }
    }

    #[test]
    fn samples_come_at_once_on_demand_and_through_failures() {
        let ticks = AtomicU64::new(0);
        let clock = move || Now {
            wall: Timestamp::UNIX_EPOCH,
            mono: Mono(1000 * (1 + ticks.fetch_add(1, Ordering::Relaxed))),
        };
        let (sender, samples) = channel();
        let reader = Arc::new(GpuReader::spawn(Box::new(Fails(0, vec![2, 3]))));
        let notify = move |state: &SamplerState| _ = sender.send(state.clone());
        let sampler = Sampler::spawn(reader, Seconds(3600.0), clock, notify).unwrap();
        let next = || samples.recv_timeout(Duration::from_secs(30)).unwrap();

        let first = next();
        assert_eq!(
            (first.readings, first.sampled_at(), first.last_error.clone()),
            (1, Some(Mono(1000)), None)
        );
        assert_eq!(first.latest.unwrap().gpus[0].recent.unwrap().samples, 1);
        for _ in 0..2 {
            sampler.hurry();
            let failed = next();
            assert_eq!(failed.sampled_at(), Some(Mono(1000)), "the last good one stays");
            assert_eq!(
                failed.last_error,
                Some(SourceError::Simulated {
                    message: "told to".into()
                })
            );
            assert_eq!(failed.failing_since, Some(Timestamp::UNIX_EPOCH));
        }
        sampler.hurry();
        let good = next();
        assert_eq!((good.last_error.clone(), good.failing_since), (None, None));
        let gpu = &good.latest.as_ref().unwrap().gpus[0];
        assert_eq!((gpu.recent.unwrap().samples, gpu.idle_since), (2, Some(Mono(1000))));
        drop(sampler);
        // The thread lets go of its end of the channel when it has ended.
        assert!(samples.recv_timeout(Duration::from_secs(30)).is_err());
    }

    #[test]
    fn a_new_interval_is_followed_at_once() {
        let (sender, samples) = channel();
        let reader = Arc::new(GpuReader::spawn(Box::new(Fails(0, vec![]))));
        let clock = || Now {
            wall: Timestamp::UNIX_EPOCH,
            mono: Mono(1),
        };
        let sampler = Sampler::spawn(reader, Seconds(3600.0), clock, move |_| _ = sender.send(())).unwrap();
        samples.recv_timeout(Duration::from_secs(30)).unwrap();
        sampler.set_interval(Seconds(0.0));
        for _ in 0..3 {
            samples.recv_timeout(Duration::from_secs(30)).unwrap();
        }
        assert_eq!(sampler.state().interval, Seconds(0.0));
    }
}
