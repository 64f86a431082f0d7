//! What share of a GPU's SMs each process used lately.
use std::collections::HashMap;

use gpuyard_core::model::{GpuProcess, Now, Percent};
use nvml_wrapper::{Device, error::NvmlError};

/// A sample older than this says nothing about now: a process without a newer one is idle. The driver samples every 1/6
/// to 1 s.
const FRESH_US: u64 = 2_000_000;

/// What the driver has told so far about the processes of one GPU.
#[derive(Default)]
pub(super) struct Utilization {
    /// Time of the newest sample seen (the driver's: wall time, µs). Handed in again, so that each sample comes once.
    last_seen: u64,
    /// By pid: its newest sample.
    samples: HashMap<u32, (u64, Percent)>,
}

impl Utilization {
    /// Asks for new samples, and fills in each process's share: 0 for those without a fresh sample, `None` where the
    /// GPU does not support it.
    pub(super) fn fill(&mut self, device: &Device<'_>, processes: &mut [GpuProcess], now: Now) {
        if processes.is_empty() {
            self.samples.clear();
            return;
        }
        let now_us = u64::try_from(now.wall.as_microsecond()).unwrap_or(0);
        let oldest = now_us.saturating_sub(FRESH_US);
        // Bounded by now, for a wall clock that was set back; by the oldest that counts, for a long time without
        // asking.
        let since = self.last_seen.min(now_us).max(oldest);
        match device.process_utilization_stats(since) {
            Ok(new) => {
                for sample in new {
                    self.last_seen = self.last_seen.max(sample.timestamp);
                    let slot = self.samples.entry(sample.pid).or_insert((0, Percent(0.0)));
                    // Above 100 is the driver's garbage.
                    if sample.sm_util <= 100 && sample.timestamp >= slot.0 {
                        *slot = (sample.timestamp, Percent(sample.sm_util as f32));
                    }
                }
            }
            // Nothing ran lately, or more processes came between the question for the number and the one for the
            // samples.
            Err(NvmlError::NotFound | NvmlError::InsufficientSize(_)) => {}
            Err(_) => {
                self.samples.clear();
                return;
            }
        }
        self.samples.retain(|_, (timestamp, _)| *timestamp >= oldest);
        for process in processes {
            let sample = self.samples.get(&process.pid.unsigned_abs());
            process.sm_utilization = Some(sample.map_or(Percent(0.0), |(_, share)| *share));
        }
    }
}
