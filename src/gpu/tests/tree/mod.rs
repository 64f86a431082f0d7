//! `/sys` and `/proc` trees for tests, with the files that AMD's and Intel's drivers have there.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    dead_code,
    reason = "every test file uses its own part of this"
)]
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

use gpuyard_core::model::{Gpu, Mono, Now};
use gpuyard_gpu::{GpuSource, SourceContext, SourceSpec, open};
use jiff::Timestamp;
use tempfile::TempDir;

pub(crate) struct Tree {
    folder: TempDir,
}

/// Some time after boot.
pub(crate) fn at(ms: u64) -> Now {
    Now {
        wall: Timestamp::UNIX_EPOCH,
        mono: Mono(ms),
    }
}

impl Tree {
    pub(crate) fn new() -> Tree {
        let tree = Tree {
            folder: TempDir::new().unwrap(),
        };
        // Another user looks too.
        fs::set_permissions(tree.folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        tree.write("proc/sys/kernel/pid_max", "4194304");
        tree.write("proc/sys/kernel/osrelease", "6.8.0-45-generic");
        tree.write("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB");
        fs::create_dir_all(tree.path("sys/class/drm/card0-DP-1")).unwrap();
        tree
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file with a newline at its end, as the kernel does.
    pub(crate) fn write(&self, name: &str, text: &str) {
        self.tear(name, &format!("{text}\n"));
    }

    /// Writes a file as it is given.
    pub(crate) fn tear(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        let path = self.path(name);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }

    /// Files below `/sys/class/drm/cardN`.
    pub(crate) fn card(&self, number: u32, files: &[(&str, &str)]) {
        for (name, text) in files {
            self.write(&format!("sys/class/drm/card{number}/{name}"), text);
        }
    }

    /// A PCI card that a driver runs.
    pub(crate) fn plug(&self, number: u32, driver: &str, id: &str, pci: &str) {
        let uevent = format!("DRIVER={driver}\nPCI_CLASS=30000\nPCI_ID={id}\nPCI_SLOT_NAME={pci}");
        self.card(number, &[("device/uevent", &uevent)]);
    }

    /// A GPU of KFD's.
    pub(crate) fn node(&self, number: u32, gpu_id: u64, location: u32) {
        let folder = format!("sys/class/kfd/kfd/topology/nodes/{number}");
        self.write(&format!("{folder}/gpu_id"), &gpu_id.to_string());
        let properties = format!("cpu_cores_count 0\nsimd_count 240\nsimd_per_cu 4\nlocation_id {location}\ndomain 0");
        self.write(&format!("{folder}/properties"), &properties);
    }

    /// A process, without any card.
    pub(crate) fn process(&self, pid: u32, uid: u32, start_ticks: u64) {
        let folder = format!("proc/{pid}");
        self.write(
            &format!("{folder}/stat"),
            &format!("{pid} (python) S 1 1 1 0 -1 0 0 0 0 0 5 5 0 0 20 0 1 0 {start_ticks} 0 256 0 0"),
        );
        self.write(
            &format!("{folder}/status"),
            &format!("Name:\tpython\nUid:\t{uid}\t0\t0\t0"),
        );
        self.tear(&format!("{folder}/environ"), "GPUYARD_UNI_ID=key\0");
        fs::create_dir_all(self.path(&format!("{folder}/fd"))).unwrap();
    }

    /// Opens a card in a process: a descriptor, and what its fdinfo says.
    pub(crate) fn open(&self, pid: u32, descriptor: u32, fdinfo: &str) {
        let link = self.path(&format!("proc/{pid}/fd/{descriptor}"));
        if !link.is_symlink() {
            symlink("/dev/dri/renderD128", link).unwrap();
        }
        self.write(
            &format!("proc/{pid}/fdinfo/{descriptor}"),
            &format!("pos:\t0\n{fdinfo}"),
        );
    }

    pub(crate) fn context(&self) -> SourceContext {
        SourceContext {
            proc_root: self.path("proc"),
            sys_root: self.path("sys"),
            nvml_path: Some(self.path("no-nvml.so")),
            ..SourceContext::default()
        }
    }

    pub(crate) fn source(&self, spec: &str) -> Box<dyn GpuSource> {
        open(&SourceSpec::parse(spec).unwrap(), self.context()).unwrap()
    }
}

/// One GPU of a look.
pub(crate) fn look(source: &mut dyn GpuSource, ms: u64) -> Vec<Gpu> {
    source.snapshot(at(ms)).unwrap().gpus
}

/// Runs something as a user without rights. Only the calling thread becomes that user, so each gets one of its own.
pub(crate) fn as_nobody<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: only root can look as another user");
        return None;
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // SAFETY: a system call with three numbers. Called raw, it changes this thread's user alone; the thread ends
            // with this closure.
            let done = unsafe { nix::libc::syscall(nix::libc::SYS_setresuid, -1, 65534, -1) };
            assert_eq!(done, 0);
            work()
        });
        Some(thread.join().unwrap())
    })
}
