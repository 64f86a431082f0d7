//! A cgroup of its own for each attempt, where the system lets us make one (v2 only).
use std::{
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::OpenOptionsExt,
    },
    path::{Path, PathBuf},
};

use crate::proc;

/// The usual mount points; asking about these is quicker than reading all mounts.
const USUAL: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// From linux/magic.h.
const CGROUP2_SUPER_MAGIC: i128 = 0x6367_7270;

/// An attempt's own cgroup. Its commands are in it, its runner is not.
#[derive(Debug)]
pub(crate) struct Cgroup {
    folder: File,
    path: PathBuf,
    below_mount: PathBuf,
}

impl Cgroup {
    /// Makes it below the cgroup we were born in; `own` is our `/proc/self/cgroup`.
    pub(crate) fn make(uni_id: &str, own: &str) -> Option<Cgroup> {
        let born_in = proc::cgroup_of(own)?;
        let name = name(uni_id);
        let usual = || Some((usual_mount()?, born_in.trim_start_matches('/').to_owned()));
        let listed = || {
            let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
            let (mount, root) = listed_mount(&text)?;
            let below = Path::new(&born_in)
                .strip_prefix(&root)
                .ok()?
                .to_string_lossy()
                .into_owned();
            Some((mount, below))
        };
        let make = |(mount, below): (PathBuf, String)| {
            let below_mount = Path::new("/").join(below).join(&name);
            let path = at(&mount, &below_mount);
            match fs::create_dir(&path) {
                // Made by the runner before us.
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return None,
                _ => {}
            }
            let folder = OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_DIRECTORY)
                .open(&path)
                .ok()?;
            Some(Cgroup {
                folder,
                path,
                below_mount,
            })
        };
        usual().and_then(make).or_else(|| listed().and_then(make))
    }

    /// Its path below the mount of cgroup2.
    pub(crate) fn below_mount(&self) -> &Path {
        &self.below_mount
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it, once nothing is in it.
    pub(crate) fn remove(&self) {
        // An empty cgroup that stays behind is in nobody's way.
        let _ = fs::remove_dir(&self.path);
    }

    /// For `clone3`.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.folder.as_fd()
    }
}

/// The name of an attempt's own cgroup.
pub(crate) fn name(uni_id: &str) -> String {
    format!("gpuyard-{uni_id}")
}

/// Kills all that is in it at once, also what forks meanwhile (Linux 5.14; before, nothing happens).
pub(crate) fn kill_all(below_mount: &Path) {
    if let Some(mount) = mount() {
        // Not there, or an older kernel: what is to be killed is also found one by one.
        let _ = fs::write(at(&mount, below_mount).join("cgroup.kill"), "1");
    }
}

/// Whether a process is in it or below it. `false` where that cannot be told.
pub(crate) fn is_populated(below_mount: &Path) -> bool {
    let events = mount().and_then(|mount| fs::read_to_string(at(&mount, below_mount).join("cgroup.events")).ok());
    events.is_some_and(|text| text.lines().any(|line| line == "populated 1"))
}

/// Removes it, once nothing is in it.
pub(crate) fn remove(below_mount: &Path) {
    if let Some(mount) = mount() {
        // An empty cgroup that stays behind is in nobody's way.
        let _ = fs::remove_dir(at(&mount, below_mount));
    }
}

fn at(mount: &Path, below_mount: &Path) -> PathBuf {
    mount.join(below_mount.strip_prefix("/").unwrap_or(below_mount))
}

fn mount() -> Option<PathBuf> {
    usual_mount().or_else(|| Some(listed_mount(&fs::read_to_string("/proc/self/mountinfo").ok()?)?.0))
}

fn usual_mount() -> Option<PathBuf> {
    let is_cgroup2 = |path: &str| rustix::fs::statfs(path).is_ok_and(|s| i128::from(s.f_type) == CGROUP2_SUPER_MAGIC);
    USUAL.into_iter().find(|path| is_cgroup2(path)).map(PathBuf::from)
}

/// Mount point and root of the first cgroup2 mount.
fn listed_mount(mountinfo: &str) -> Option<(PathBuf, String)> {
    // `41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw`
    mountinfo.lines().find_map(|line| {
        let (fields, kind) = line.split_once(" - ")?;
        let mut fields = fields.split(' ').skip(3);
        let (root, mount) = (fields.next()?, fields.next()?);
        kind.starts_with("cgroup2 ")
            .then(|| (PathBuf::from(mount), root.to_owned()))
    })
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn the_mount_is_found_among_others() {
        let text = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
                    39 31 0:36 / /sys/fs/cgroup/pids rw shared:4 - cgroup cgroup rw,pids\n\
                    41 31 0:38 /docker/ab /cg2 rw,relatime - cgroup2 cgroup2 rw\n";
        assert_eq!(listed_mount(text), Some((PathBuf::from("/cg2"), "/docker/ab".into())));
        assert_eq!(listed_mount("31 23 0:28 / /sys rw - sysfs sysfs rw\n"), None);
    }
}
