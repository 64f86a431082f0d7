//! The NVML library: found, kept open, dropped when it no longer fits the driver, and looked for again with growing
//! pauses.
use std::path::PathBuf;

use gpuyard_core::model::Mono;
use nvml_wrapper::{Nvml, error::NvmlError};

use crate::SourceError;

/// Soname of NVIDIA's library; the one without a number comes only with development packages.
const SONAME: &str = "libnvidia-ml.so.1";
/// First pause; it doubles up to the longest.
const FIRST_PAUSE_MS: u64 = 1000;
const LONGEST_PAUSE_MS: u64 = 60_000;
/// NVML_ERROR_GPU_NOT_FOUND: newer than the wrapper's list of errors.
const GPU_NOT_FOUND: u32 = 28;

/// The library, open or not.
pub(super) struct Library {
    path: PathBuf,
    nvml: Option<Nvml>,
    /// Why it is not open, and when to try again.
    failed: Option<(SourceError, Mono)>,
    failures: u32,
}

impl Library {
    pub(super) fn new(path: Option<PathBuf>) -> Library {
        Library {
            path: path.unwrap_or_else(|| PathBuf::from(SONAME)),
            nvml: None,
            failed: None,
            failures: 0,
        }
    }

    /// The open library. Opens it if need be, at most once a pause; between tries the last failure is told again.
    pub(super) fn open(&mut self, now: Mono) -> Result<&Nvml, SourceError> {
        if self.nvml.is_none() {
            if let Some((error, not_before)) = &self.failed
                && now < *not_before
            {
                return Err(error.clone());
            }
            match Nvml::builder().lib_path(self.path.as_os_str()).init() {
                Ok(nvml) => {
                    tracing::info!(library = %self.path.display(), driver = nvml.sys_driver_version().ok(), "NVML loaded");
                    self.failed = None;
                    self.nvml = Some(nvml);
                }
                Err(error) => {
                    let error = self.explain(&error);
                    self.fail(error.clone(), now);
                    return Err(error);
                }
            }
        }
        // `failures` is kept until a whole reading succeeded: a library that opens and then fails must not be opened in
        // a loop.
        self.nvml.as_ref().ok_or_else(|| SourceError::Nvml {
            action: "open the driver",
            message: "not loaded".into(),
        })
    }

    /// Drops the library. The first time it may be opened again at once; when that does not help, after a pause.
    pub(super) fn discard(&mut self, error: &SourceError, now: Mono) {
        tracing::warn!(%error, "NVML is dropped and loaded anew");
        self.nvml = None;
        if self.failures > 0 {
            self.fail(error.clone(), now);
        } else {
            self.failures = 1;
        }
    }

    /// A whole reading succeeded: what failed before is over.
    pub(super) fn works(&mut self) {
        self.failures = 0;
    }

    fn fail(&mut self, error: SourceError, now: Mono) {
        let pause = FIRST_PAUSE_MS
            .saturating_mul(1 << self.failures.min(10))
            .min(LONGEST_PAUSE_MS);
        self.failures = self.failures.saturating_add(1);
        self.failed = Some((error, now.plus_millis(pause)));
    }

    fn explain(&self, error: &NvmlError) -> SourceError {
        let message = error.to_string();
        match error {
            NvmlError::LibloadingError(_)
            | NvmlError::DriverNotLoaded
            | NvmlError::LibraryNotFound
            | NvmlError::UnexpectedVariant(GPU_NOT_FOUND) => SourceError::NoDriver {
                library: self.path.display().to_string(),
                message,
            },
            _ => SourceError::Nvml {
                action: "start the driver",
                message,
            },
        }
    }
}
