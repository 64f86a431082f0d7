//! The trait that every kind of GPU is read through, and the choice of one.
use std::{path::PathBuf, sync::Arc};

use gpuyard_core::model::{LiveAttempt, Now, Snapshot};

use crate::{AmdSource, AutoSource, IntelSource, NvmlSource, SimulatedSource, SourceError, SourceSpec};

/// Reads all GPUs of this host at one instant.
pub trait GpuSource: Send {
    /// For people and for `/api/gpu/state`: `auto`, `nvml`, `amd`, `intel`, `simulated`.
    fn name(&self) -> &str;

    /// What all GPUs look like now. May block for as long as a driver likes; see [`crate::GpuReader`].
    fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError>;

    /// Whether [`GpuSource::snapshot`] calls code that can hang. One that cannot is read without a thread between.
    fn may_block(&self) -> bool {
        true
    }
}

/// Tells the simulated source which attempts live on this host.
pub type LiveAttempts = Arc<dyn Fn() -> Vec<LiveAttempt> + Send + Sync>;

/// What sources take from the world around them.
#[derive(Clone)]
pub struct SourceContext {
    /// The `CUDA_VISIBLE_DEVICES` that this program was started with; `None` where it is not set. Indices in it are
    /// read in PCI order.
    pub visible_devices: Option<String>,
    /// The NVML library; `None`: `libnvidia-ml.so.1`, as the system finds it.
    pub nvml_path: Option<PathBuf>,
    /// `/proc`, or a recorded tree.
    pub proc_root: PathBuf,
    /// `/sys`, or a recorded tree.
    pub sys_root: PathBuf,
    /// The file in `GPUYARD_SIMULATION`.
    pub scenario: Option<PathBuf>,
    /// Asked once a snapshot by the simulated source.
    pub live_attempts: LiveAttempts,
}

impl Default for SourceContext {
    /// The system's library and `/proc`, every GPU, no simulation, no attempts.
    fn default() -> Self {
        SourceContext {
            visible_devices: None,
            nvml_path: None,
            proc_root: PathBuf::from("/proc"),
            sys_root: PathBuf::from("/sys"),
            scenario: None,
            live_attempts: Arc::new(Vec::new),
        }
    }
}

/// Makes the source that `spec` asks for. A missing driver is no error here: it is told at each snapshot (`nvml`, `amd`,
/// `intel`), or gives snapshots without GPUs (`auto`), and is looked for again from time to time.
pub fn open(spec: &SourceSpec, context: SourceContext) -> Result<Box<dyn GpuSource>, SourceError> {
    Ok(match spec {
        SourceSpec::Auto => Box::new(AutoSource::new(context)),
        SourceSpec::Nvml => Box::new(NvmlSource::new(context, false)),
        SourceSpec::Amd => Box::new(AmdSource::new(&context)),
        SourceSpec::Intel => Box::new(IntelSource::new(&context)),
        SourceSpec::Simulated { count, memory } => Box::new(SimulatedSource::new(*count, *memory, context)?),
    })
}
