//! Means over the last seconds, and since when a GPU has been free: what single snapshots cannot say.
//!
//! Both are keyed on UUID, so that a new order of the GPUs mixes nothing up. What was not looked at is not claimed:
//! after a gap without samples (nobody sampled, the source failed, the GPU was lost) a GPU counts as free from the
//! first look after it.
use std::collections::{HashMap, VecDeque};

use gpuyard_core::model::{Bytes, Gpu, GpuProcess, GpuUuid, Mono, Percent, RecentMean, Seconds, Snapshot};

/// Two looks further apart than this say nothing about the time between them: a process could have come and gone.
/// Above the 3 s of the window and the slowest usual `check_time`, below what anyone sets as `idle_seconds`.
const LONGEST_GAP_MS: u64 = 10_000;

struct Sample {
    at: Mono,
    used: Bytes,
    utilization: Option<Percent>,
}

#[derive(Default)]
struct History {
    samples: VecDeque<Sample>,
    looked_at: Mono,
    idle_since: Option<Mono>,
}

/// The last samples of every GPU.
pub struct Window {
    span_ms: u64,
    gpus: HashMap<GpuUuid, History>,
}

impl Window {
    /// Means over the last `span` (3 s by the rules of placement).
    pub fn new(span: Seconds) -> Window {
        Window {
            span_ms: span.millis(),
            gpus: HashMap::new(),
        }
    }

    /// Takes a snapshot in, and fills in its [`Gpu::recent`] and [`Gpu::idle_since`]. Processes that are known to use
    /// less than
    /// `ignore_below` do not make a GPU taken.
    pub fn push(&mut self, snapshot: &mut Snapshot, ignore_below: Bytes) {
        let now = snapshot.mono;
        for gpu in &mut snapshot.gpus {
            let history = self.gpus.entry(gpu.uuid.clone()).or_default();
            history.note_use(gpu, now, self.span_ms);
            history.note_idleness(gpu, now, ignore_below);
            gpu.recent = history.mean();
            gpu.idle_since = history.idle_since;
            history.looked_at = now;
        }
        self.gpus
            .retain(|_, history| now.since(history.looked_at) <= LONGEST_GAP_MS.max(self.span_ms));
    }
}

impl History {
    fn note_use(&mut self, gpu: &Gpu, now: Mono, span_ms: u64) {
        // A snapshot handed in twice, or out of order, must not count twice.
        self.samples
            .retain(|sample| sample.at < now && now.since(sample.at) <= span_ms);
        if let Some(memory) = gpu.memory {
            self.samples.push_back(Sample {
                at: now,
                used: memory.used,
                utilization: gpu.utilization,
            });
        }
    }

    fn mean(&self) -> Option<RecentMean> {
        let count = self.samples.len() as u64;
        // Summed as u128: eight samples of 2^61 bytes would overflow a u64.
        let used: u128 = self.samples.iter().map(|sample| u128::from(sample.used.0)).sum();
        let known: Vec<f32> = self
            .samples
            .iter()
            .filter_map(|sample| Some(sample.utilization?.0))
            .collect();
        (count > 0).then(|| RecentMean {
            used: Bytes((used / u128::from(count)) as u64),
            utilization: (!known.is_empty()).then(|| Percent(known.iter().sum::<f32>() / known.len() as f32)),
            samples: count as u32,
        })
    }

    fn note_idleness(&mut self, gpu: &Gpu, now: Mono, ignore_below: Bytes) {
        let taken = |process: &GpuProcess| process.memory.is_none_or(|memory| memory >= ignore_below);
        // Memory is asked for too: a lost GPU has none, and is not free.
        let free = gpu.memory.is_some()
            && gpu.hidden_processes == 0
            && gpu.processes.as_ref().is_some_and(|list| !list.iter().any(taken));
        let unbroken = now.since(self.looked_at) <= LONGEST_GAP_MS;
        self.idle_since = match self.idle_since {
            _ if !free => None,
            Some(since) if unbroken => Some(since),
            _ => Some(now),
        };
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::{Health, Memory, Vendor, Work};
    use jiff::Timestamp;

    use super::*;

    fn gpu(uuid: &str, used_gib: u64, utilization: Option<f32>) -> Gpu {
        let mut gpu = Gpu::new(0, uuid, Vendor::Simulated);
        let (used, total) = (Bytes(used_gib << 30), Bytes(24 << 30));
        gpu.memory = Some(Memory {
            used,
            free: total.saturating_sub(used),
            total,
        });
        gpu.utilization = utilization.map(Percent);
        gpu.processes = Some(Vec::new());
        gpu
    }

    fn with_process(mut gpu: Gpu, memory: Option<u64>) -> Gpu {
        gpu.processes = Some(vec![GpuProcess {
            pid: 42,
            start_ticks: 1,
            uid: None,
            work: Work::Compute,
            memory: memory.map(Bytes),
            sm_utilization: None,
            uni_id: None,
        }]);
        gpu
    }

    /// Pushes one GPU at `ms` and gives it back, filled in.
    fn push(window: &mut Window, ms: u64, gpu: Gpu) -> Gpu {
        push_ignoring(window, ms, gpu, 0)
    }

    fn push_ignoring(window: &mut Window, ms: u64, gpu: Gpu, ignore_below: u64) -> Gpu {
        let mut snapshot = Snapshot {
            taken_at: Timestamp::UNIX_EPOCH,
            mono: Mono(ms),
            source: "test".into(),
            gpus: vec![gpu],
        };
        window.push(&mut snapshot, Bytes(ignore_below));
        snapshot.gpus.remove(0)
    }

    #[test]
    fn the_mean_covers_its_span_and_counts_what_there_is() {
        let mut window = Window::new(Seconds(3.0));
        let first = push(&mut window, 1000, gpu("a", 2, Some(10.0))).recent.unwrap();
        assert_eq!(
            (first.used, first.utilization, first.samples),
            (Bytes(2 << 30), Some(Percent(10.0)), 1)
        );
        let second = push(&mut window, 2000, gpu("a", 4, None)).recent.unwrap();
        assert_eq!(
            (second.used, second.utilization, second.samples),
            (Bytes(3 << 30), Some(Percent(10.0)), 2)
        );
        let later = push(&mut window, 4500, gpu("a", 8, Some(30.0))).recent.unwrap();
        assert_eq!(
            (later.used, later.utilization, later.samples),
            (Bytes(6 << 30), Some(Percent(30.0)), 2)
        );
        let again = push(&mut window, 4500, gpu("a", 8, Some(30.0))).recent.unwrap();
        assert_eq!(again.samples, 2, "the same moment counts once");
    }

    #[test]
    fn gpus_are_told_apart_by_uuid() {
        let mut window = Window::new(Seconds(3.0));
        push(&mut window, 1000, gpu("a", 2, None));
        assert_eq!(
            push(&mut window, 1500, gpu("b", 8, None)).recent.unwrap().used,
            Bytes(8 << 30)
        );
    }

    #[test]
    fn idleness_is_counted_from_the_first_look() {
        let mut window = Window::new(Seconds(3.0));
        assert_eq!(push(&mut window, 5000, gpu("a", 0, None)).idle_since, Some(Mono(5000)));
        assert_eq!(push(&mut window, 9000, gpu("a", 0, None)).idle_since, Some(Mono(5000)));
        assert_eq!(
            push(&mut window, 9500, with_process(gpu("a", 1, None), Some(1))).idle_since,
            None
        );
        assert_eq!(push(&mut window, 9900, gpu("a", 0, None)).idle_since, Some(Mono(9900)));
    }

    #[test]
    fn a_gap_is_not_idleness() {
        let mut window = Window::new(Seconds(3.0));
        push(&mut window, 5000, gpu("a", 0, None));
        assert_eq!(
            push(&mut window, 15_000, gpu("a", 0, None)).idle_since,
            Some(Mono(5000)),
            "just within"
        );
        assert_eq!(
            push(&mut window, 25_001, gpu("a", 0, None)).idle_since,
            Some(Mono(25_001))
        );
        // A gap in which only another GPU was seen.
        push(&mut window, 34_000, gpu("b", 0, None));
        push(&mut window, 43_000, gpu("b", 0, None));
        assert_eq!(
            push(&mut window, 52_000, gpu("a", 0, None)).idle_since,
            Some(Mono(52_000))
        );
    }

    #[test]
    fn a_gpu_that_cannot_be_read_is_not_idle() {
        let mut window = Window::new(Seconds(3.0));
        push(&mut window, 5000, gpu("a", 0, None));
        let mut lost = gpu("a", 0, None);
        lost.health = Health::Lost { message: "gone".into() };
        (lost.memory, lost.processes) = (None, None);
        let seen = push(&mut window, 6000, lost);
        assert_eq!((seen.idle_since, seen.recent.unwrap().samples), (None, 1));
        assert_eq!(push(&mut window, 7000, gpu("a", 0, None)).idle_since, Some(Mono(7000)));
        let mut unlisted = gpu("a", 0, None);
        unlisted.processes = None;
        assert_eq!(
            push(&mut window, 8000, unlisted).idle_since,
            None,
            "an unknown list is not an empty one"
        );
    }

    #[test]
    fn small_processes_can_be_ignored_and_unknown_ones_cannot() {
        let mut window = Window::new(Seconds(3.0));
        let small = || with_process(gpu("a", 1, None), Some(10 << 20));
        assert_eq!(
            push_ignoring(&mut window, 1000, small(), 100 << 20).idle_since,
            Some(Mono(1000))
        );
        assert_eq!(
            push_ignoring(&mut window, 2000, small(), 10 << 20).idle_since,
            None,
            "exactly as large is not below"
        );
        let unknown = with_process(gpu("a", 1, None), None);
        assert_eq!(push_ignoring(&mut window, 3000, unknown, 100 << 20).idle_since, None);
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let mut window = Window::new(Seconds(3.0));
        for index in 0..100 {
            push(&mut window, index * 1000, gpu(&format!("gpu {index}"), 0, None));
        }
        assert!(window.gpus.len() <= 11);
    }
}
