//! The only place where real or simulated is chosen, and where our own environment variables are read.
use std::{ffi::OsString, path::PathBuf, sync::Arc};

use gpuyard_core::model::Settings;
use gpuyard_exec::host::HostFolder;
use gpuyard_gpu::{GpuSource, SourceContext, SourceSpec};

use crate::failure::Failure;

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The host folder: where leases and sockets are.
pub(crate) fn host_folder() -> Result<HostFolder, Failure> {
    HostFolder::open(variable("GPUYARD_HOST_DIR").map(PathBuf::from)).map_err(Failure::unusable)
}

/// Which source is asked for: by the environment, else by the settings.
pub(crate) fn source_spec(settings: &Settings) -> Result<SourceSpec, Failure> {
    let named = variable("GPUYARD_GPU_SOURCE").map(|text| text.to_string_lossy().into_owned());
    SourceSpec::parse(named.as_deref().unwrap_or(&settings.gpu_source)).map_err(Failure::unusable)
}

/// Opens the source that is asked for.
pub(crate) fn source(settings: &Settings, host: &HostFolder) -> Result<Box<dyn GpuSource>, Failure> {
    let host = host.clone();
    let context = SourceContext {
        visible_devices: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
        scenario: variable("GPUYARD_SIMULATION").map(PathBuf::from),
        // A host folder that cannot be read for a moment shows GPUs without our tasks; decisions read it themselves.
        live_attempts: Arc::new(move || host.live_attempts().unwrap_or_default()),
        ..SourceContext::default()
    };
    gpuyard_gpu::open(&source_spec(settings)?, context).map_err(Failure::unusable)
}
