//! The host beside its GPUs: CPU, memory, swap, disk, load. Cheap: no process is looked at.
use std::path::Path;

use gpuyard_core::model::{Bytes, Percent};
use nix::sys::statvfs::statvfs;
use serde::Serialize;
use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};

/// The file system that a path lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DiskUse {
    /// In use.
    pub used: Bytes,
    /// Free for ordinary users.
    pub free: Bytes,
    /// In all.
    pub total: Bytes,
}

/// The host at one instant. `None` is what cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct HostSample {
    /// Its name.
    pub hostname: Option<String>,
    /// Use of all CPUs together since the sample before; `None` for the first.
    pub cpu_percent: Option<Percent>,
    /// CPUs.
    pub cpu_count: Option<u32>,
    /// Memory that is not available to new programs.
    pub memory_used: Option<Bytes>,
    /// Memory in all.
    pub memory_total: Option<Bytes>,
    /// Swap in use.
    pub swap_used: Option<Bytes>,
    /// Swap in all, 0 where there is none.
    pub swap_total: Option<Bytes>,
    /// The file system of the path that was named.
    pub disk: Option<DiskUse>,
    /// Mean number of runnable tasks over 1, 5 and 15 minutes.
    pub load: Option<[f64; 3]>,
}

/// Reads the host again and again.
pub struct HostSampler {
    /// `None` where the system cannot be asked.
    system: Option<System>,
    hostname: Option<String>,
    sampled: bool,
}

impl Default for HostSampler {
    fn default() -> Self {
        HostSampler::new()
    }
}

impl HostSampler {
    /// Looks once, so that the first sample has something to compare with.
    pub fn new() -> HostSampler {
        let kinds = RefreshKind::nothing()
            .with_cpu(CpuRefreshKind::nothing().with_usage())
            .with_memory(MemoryRefreshKind::everything());
        HostSampler {
            system: System::new_with_specifics(kinds).ok(),
            hostname: System::host_name().ok(),
            sampled: false,
        }
    }

    /// The host now, and the file system that `path` lies on.
    pub fn sample(&mut self, path: &Path) -> HostSample {
        // The first difference is to the moment of making, which may be this one.
        let compared = std::mem::replace(&mut self.sampled, true);
        if let Some(system) = &mut self.system {
            system.refresh_cpu_usage();
            system.refresh_memory();
        }
        // A machine without memory is one that could not be read; one without swap is common.
        let system = self.system.as_ref().filter(|system| system.total_memory() > 0);
        let cpu = system
            .map(System::global_cpu_usage)
            .filter(|percent| compared && percent.is_finite());
        HostSample {
            hostname: self.hostname.clone(),
            cpu_percent: cpu.map(Percent),
            cpu_count: system.map(|system| system.cpus().len() as u32),
            memory_used: system.map(|system| Bytes(system.total_memory().saturating_sub(system.available_memory()))),
            memory_total: system.map(|system| Bytes(system.total_memory())),
            swap_used: system.map(|system| Bytes(system.used_swap())),
            swap_total: system.map(|system| Bytes(system.total_swap())),
            disk: disk(path),
            load: System::load_average()
                .ok()
                .map(|load| [load.one, load.five, load.fifteen]),
        }
    }
}

/// One `statvfs`, rather than sysinfo's list of all disks: that would ask dead network mounts too, and hang with them.
fn disk(path: &Path) -> Option<DiskUse> {
    let found = statvfs(path).ok()?;
    let block = found.fragment_size();
    let bytes = |blocks: u64| Bytes(blocks.saturating_mul(block));
    Some(DiskUse {
        used: bytes(found.blocks().saturating_sub(found.blocks_free())),
        free: bytes(found.blocks_available()),
        total: bytes(found.blocks()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_host_is_described() {
        let mut sampler = HostSampler::new();
        let first = sampler.sample(Path::new("/"));
        assert_eq!(first.cpu_percent, None);
        let second = sampler.sample(Path::new("/"));
        assert!((0.0..=100.0).contains(&second.cpu_percent.unwrap().0));
        assert!(second.cpu_count.unwrap() > 0 && second.hostname.is_some() && second.load.is_some());
        assert!(second.memory_used > Some(Bytes(0)) && second.memory_used <= second.memory_total);
        let disk = second.disk.unwrap();
        assert!(disk.total > Bytes(0) && disk.used <= disk.total);
        assert_eq!(sampler.sample(Path::new("/nowhere/at/all")).disk, None);
    }
}
