//! Looking at the GPUs and at who holds them, for a decision and for the peak memory of what runs.
use std::{collections::HashMap, sync::Arc, time::Duration};

use gpuyard_core::{
    model::{Bytes, Now, Rules, Seconds, Snapshot, UniId},
    policy::LeaseView,
};
use gpuyard_exec::{ExecError, host::HostFolder, lease::LeaseLife};
use gpuyard_gpu::{GpuReader, GpuSource, SourceError, Window};

/// A driver that takes longer is taken for hung, and what it would have said for unreadable.
const PATIENCE: Duration = Duration::from_secs(5);
/// Placement ranks by the mean of so long.
const SPAN: Seconds = Seconds(3.0);
const MIB: f64 = (1 << 20) as f64;

/// The scheduler's eyes.
pub(crate) struct Observer {
    reader: GpuReader,
    window: Window,
    peaks: HashMap<UniId, Bytes>,
    /// Attempts whose peak has risen since [`Observer::take_risen`].
    risen: Vec<UniId>,
}

impl Observer {
    pub(crate) fn new(source: Box<dyn GpuSource>) -> Observer {
        Observer {
            reader: GpuReader::spawn(source),
            window: Window::new(SPAN),
            peaks: HashMap::new(),
            risen: Vec::new(),
        }
    }

    /// All GPUs as they are now, with their recent means.
    pub(crate) fn look(&mut self, rules: &Rules, now: Now) -> Result<Snapshot, SourceError> {
        let reading = self.reader.read(now, PATIENCE)?;
        let mut snapshot = Arc::unwrap_or_clone(reading);
        self.window
            .push(&mut snapshot, Bytes((rules.ignore_processes_below * MIB) as u64));
        self.note_peaks(&snapshot);
        Ok(snapshot)
    }

    /// The most that an attempt was seen to use on one GPU; forgets it.
    pub(crate) fn take_peak(&mut self, uni_id: &UniId) -> Option<Bytes> {
        self.peaks.remove(uni_id)
    }

    /// Attempts of which more was seen than ever before, with what was seen.
    pub(crate) fn take_risen(&mut self) -> Vec<(UniId, Bytes)> {
        let risen = std::mem::take(&mut self.risen);
        risen
            .into_iter()
            .filter_map(|id| self.peaks.get(&id).map(|&peak| (id.clone(), peak)))
            .collect()
    }

    fn note_peaks(&mut self, snapshot: &Snapshot) {
        for gpu in &snapshot.gpus {
            let mut sums: HashMap<&UniId, Bytes> = HashMap::new();
            for process in gpu.processes.iter().flatten() {
                if let (Some(uni_id), Some(memory)) = (&process.uni_id, process.memory) {
                    let sum = sums.entry(uni_id).or_default();
                    *sum = sum.saturating_add(memory);
                }
            }
            for (uni_id, sum) in sums {
                let peak = self.peaks.entry(uni_id.clone()).or_default();
                if sum > *peak {
                    *peak = sum;
                    self.risen.push(uni_id.clone());
                }
            }
        }
    }
}

/// Every lease of the host that still holds, whoever's.
pub(crate) fn leases(host: &HostFolder) -> Result<Vec<LeaseView>, ExecError> {
    let held = host.leases()?;
    Ok(held
        .iter()
        .filter(|held| !matches!(held.life, LeaseLife::Fallen))
        .map(|held| LeaseView::from(&held.lease))
        .collect())
}
