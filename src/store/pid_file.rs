//! `logs/pid.json`: the daemons that run in this root, for `shut_down.sh` and whoever looks.
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{StoreError, file};

/// A list of daemons is never this large.
const MOST_BYTES: u64 = 1 << 20;

/// One running daemon.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// Its number, from 1.
    pub instance: u32,
    /// Its process.
    pub pid: i32,
    /// The port that it listens on.
    pub port: u16,
    /// The address that it listens on.
    pub host: String,
    /// An address of the machine, for people.
    pub ip: String,
    /// Where the dashboard is.
    pub url: String,
    /// When it started, for people.
    pub start_time: String,
    /// The same in seconds since 1970.
    pub start_timestamp: f64,
    /// Field 22 of `/proc/PID/stat`: with the three below, what tells it from a stranger that got its pid.
    #[serde(default)]
    pub start_ticks: u64,
    /// See [`gpuyard_core::model::PidSpace`].
    #[serde(default)]
    pub machine_id: String,
    /// See [`gpuyard_core::model::PidSpace`].
    #[serde(default)]
    pub boot_id: String,
    /// See [`gpuyard_core::model::PidSpace`].
    #[serde(default)]
    pub pid_ns: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct Instances {
    instances: Vec<Instance>,
}

/// The daemons that the file names, dead ones too. No file: none.
pub fn list(path: &Path) -> Result<Vec<Instance>, StoreError> {
    let bytes = match file::read_bounded(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    serde_json::from_slice::<Instances>(&bytes)
        .map(|file| file.instances)
        .map_err(|error| StoreError::Corrupt {
            path: path.into(),
            reason: error.to_string(),
        })
}

/// Adds a daemon, and drops those of which `alive` says that they are gone. Its `instance` is the first number that is
/// free; it is returned. A file that cannot be read is kept beside, as `.broken-N`.
pub fn register(path: &Path, mut new: Instance, alive: impl Fn(&Instance) -> bool) -> Result<Instance, StoreError> {
    change(path, |instances| {
        instances.retain(|old| alive(old) && old.pid != new.pid);
        let taken = |number| instances.iter().any(|old| old.instance == number);
        new.instance = (1..).find(|number| !taken(*number)).unwrap_or(1);
        instances.push(new.clone());
    })?;
    Ok(new)
}

/// Takes a daemon out, and those that are gone. The file goes with the last one.
pub fn unregister(path: &Path, pid: i32, alive: impl Fn(&Instance) -> bool) -> Result<(), StoreError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    change(path, |instances| instances.retain(|old| alive(old) && old.pid != pid))
}

fn change(path: &Path, edit: impl FnOnce(&mut Vec<Instance>)) -> Result<(), StoreError> {
    let folder = file::folder_of(path);
    file::create_folder(folder)?;
    let _lock = file::FolderLock::take(folder);
    let mut instances = match list(path) {
        Ok(instances) => instances,
        Err(StoreError::Corrupt { .. }) => {
            let to = crate::state::free_name(path);
            std::fs::rename(path, &to).map_err(StoreError::io("set aside", path))?;
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    edit(&mut instances);
    if instances.is_empty() {
        return match std::fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
            _ => file::sync_folder(folder),
        };
    }
    let mut text = serde_json::to_vec_pretty(&Instances { instances })
        .map_err(|error| StoreError::io("write", path)(error.into()))?;
    text.push(b'\n');
    file::write_atomic(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemon(pid: i32) -> Instance {
        Instance {
            instance: 0,
            pid,
            port: 29214,
            host: "0.0.0.0".into(),
            ip: "10.0.0.1".into(),
            url: "http://10.0.0.1:29214/ui/".into(),
            start_time: "2026-01-01T00:00:00+08:00".into(),
            start_timestamp: 1.0,
            start_ticks: 7,
            machine_id: "m".into(),
            boot_id: "b".into(),
            pid_ns: 1,
        }
    }

    #[test]
    fn daemons_come_and_go_and_the_dead_are_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("logs/pid.json");
        assert_eq!(list(&path).unwrap(), []);
        assert_eq!(register(&path, daemon(10), |_| true).unwrap().instance, 1);
        assert_eq!(register(&path, daemon(11), |_| true).unwrap().instance, 2);
        assert_eq!(register(&path, daemon(12), |old| old.pid != 10).unwrap().instance, 1);
        let pids: Vec<_> = list(&path).unwrap().iter().map(|i| i.pid).collect();
        assert_eq!(pids, [11, 12]);
        let text: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        for key in [
            "instance",
            "pid",
            "port",
            "host",
            "ip",
            "url",
            "start_time",
            "start_timestamp",
        ] {
            assert!(text["instances"][0].get(key).is_some(), "{key}");
        }
        unregister(&path, 11, |_| true).unwrap();
        unregister(&path, 12, |_| true).unwrap();
        unregister(&path, 12, |_| true).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_torn_file_is_kept_aside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pid.json");
        std::fs::write(&path, "{\"instances\":[{\"pi").unwrap();
        assert!(list(&path).unwrap_err().to_string().contains("pid.json"));
        register(&path, daemon(10), |_| true).unwrap();
        assert_eq!(list(&path).unwrap().len(), 1);
        assert_eq!(
            std::fs::read(folder.path().join("pid.json.broken-1")).unwrap(),
            b"{\"instances\":[{\"pi"
        );
    }
}
