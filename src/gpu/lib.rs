//! GPU sources: NVML, AMD's and Intel's drivers, and simulated GPUs behind one trait, the reader with its watchdog, the sampler, and host facts.
//!
//! A [`GpuSource`] answers one question: what do all GPUs look like now? [`open`] makes the source that the settings
//! ask for, [`GpuReader`] keeps it on a thread of its own where a hanging driver harms nobody, [`Window`] turns
//! snapshots into means and idle times, and [`Sampler`] does all of it at an interval for the daemon.
mod amd;
mod ancestry;
mod auto;
mod container;
mod details;
mod drm;
mod error;
mod facts;
mod host;
mod intel;
mod nvml;
mod procfs;
mod reader;
mod sampler;
mod simulated;
mod source;
mod spec;
mod sysfs;
mod terminal;
mod visible;
mod window;

// In tests too, so that what only a fuzzer uses does not rot.
#[cfg(any(fuzzing, test))]
pub mod fuzz {
    //! What fuzz targets reach into (fuzz/). Only there in their builds.

    /// Reads a `/proc/PID/fdinfo/N`; whether it is a client.
    pub fn fdinfo(text: &str) -> bool {
        crate::drm::fdinfo::parse(text).is_some()
    }
}

pub use amd::AmdSource;
pub use ancestry::Forebear;
pub use auto::AutoSource;
pub use details::{DetailReader, Origin, ProcessDetails};
pub use error::SourceError;
pub use host::{DiskUse, HostSample, HostSampler};
pub use intel::IntelSource;
pub use nvml::NvmlSource;
pub use reader::GpuReader;
pub use sampler::{Sampler, SamplerState};
pub use simulated::SimulatedSource;
pub use source::{GpuSource, LiveAttempts, SourceContext, open};
pub use spec::{SourceSpec, SpecError};
pub use window::Window;
