//! Tells file systems that other machines share: no change there is announced by inotify, and a database there is refused.
use std::path::Path;

use nix::sys::statfs::statfs;

/// `f_type` of file systems that several machines may write to (linux/magic.h and their own headers).
const NETWORK: &[(i64, &str)] = &[
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB2"),
    (0x6573_5546, "FUSE"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x4750_4653, "GPFS"),
    (0x1983_0326, "BeeGFS"),
    (0x5346_414f, "AFS"),
    (0x0102_1997, "9P"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x7375_7245, "Coda"),
    (0x786f_4256, "VirtualBox shared folder"),
];

/// The name of the network file system that a path lies on; `None` on a local one, or where it cannot be told.
pub fn file_system(path: &Path) -> Option<&'static str> {
    if gpuyard_fault::on_network(path) {
        return Some(NETWORK[0].1);
    }
    let kind = statfs(path).ok()?.filesystem_type().0 as i64;
    // f_type is a signed word of the platform, and some numbers have the highest bit set.
    NETWORK
        .iter()
        .find(|(number, _)| *number as u32 == kind as u32)
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_is_local_and_a_missing_path_is_unknown() {
        assert_eq!(file_system(Path::new("/proc")), None);
        assert_eq!(file_system(Path::new("/no/such/place")), None);
    }
}
