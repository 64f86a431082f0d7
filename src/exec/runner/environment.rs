//! The environment of an attempt's commands, and the programs that are found by it.
use std::{
    collections::BTreeMap,
    env,
    ffi::{CString, OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use gpuyard_core::model::AttemptSpec;

use crate::proc::KEY;

/// What the commands of an attempt see.
#[derive(Debug)]
pub(crate) struct Environment {
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// The runner's own, less what the attempt takes out, with what it adds, and with what says which attempt it is.
    pub(super) fn new(spec: &AttemptSpec) -> Environment {
        let mut variables: BTreeMap<OsString, OsString> = env::vars_os().collect();
        for name in &spec.unset {
            variables.remove(OsStr::new(name));
        }
        if let Some(path) = variables.get_mut(OsStr::new("PATH")) {
            *path = without(path, &spec.hide_from_path);
        }
        for (name, value) in &spec.environment {
            variables.insert(name.into(), value.into());
        }
        let gpus: Vec<String> = spec.gpus.iter().map(|gpu| gpu.index.to_string()).collect();
        let own: [(&str, Option<OsString>); 8] = [
            (KEY, Some(spec.uni_id.as_str().into())),
            ("GPUYARD_LOG", Some(spec.log_path.clone().into())),
            ("GPUYARD_ATTEMPT", Some(spec.attempt.to_string().into())),
            ("GPUYARD_PROCESS", Some(spec.process_index.to_string().into())),
            ("GPUYARD_GPUS", Some(gpus.join(",").into())),
            ("GPUYARD_MODE", spec.config.map(|config| config.mode.to_string().into())),
            (
                "GPUYARD_CONFIG_INDEX",
                spec.config.map(|config| config.index.to_string().into()),
            ),
            ("GPUYARD_QUEUE", spec.queue.map(|queue| queue.to_string().into())),
        ];
        for (name, value) in own {
            match value {
                Some(value) => variables.insert(name.into(), value),
                // Whoever started us from inside another attempt has one of these.
                None => variables.remove(OsStr::new(name)),
            };
        }
        Environment { variables }
    }

    /// `PATH`, as the commands see it.
    pub(crate) fn path(&self) -> &OsStr {
        self.variables
            .get(OsStr::new("PATH"))
            .map_or(OsStr::new("/usr/local/bin:/usr/bin:/bin"), |path| path)
    }

    /// The first of these programs that `PATH` leads to.
    pub(crate) fn find(&self, programs: &[&str]) -> Option<PathBuf> {
        crate::program::find_in(self.path(), programs)
    }

    /// As `execve` wants it. Entries with NUL inside cannot have come from an environment, and are left out.
    pub(super) fn to_c(&self) -> Vec<CString> {
        let entry = |(name, value): (&OsString, &OsString)| {
            let mut bytes = Vec::with_capacity(name.len() + value.len() + 2);
            bytes.extend_from_slice(name.as_bytes());
            bytes.push(b'=');
            bytes.extend_from_slice(value.as_bytes());
            CString::new(bytes).ok()
        };
        self.variables.iter().filter_map(entry).collect()
    }
}

fn without(path: &OsStr, hidden: &[PathBuf]) -> OsString {
    if hidden.is_empty() {
        return path.to_owned();
    }
    let kept = env::split_paths(path).filter(|folder| !hidden.contains(folder));
    // Only a colon inside a folder's name could fail, and splitting has removed all colons.
    env::join_paths(kept).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn hidden_folders_leave_the_path() {
        let path = OsStr::new("/a/.venv/bin:/usr/bin::/a/.venv/bin/x");
        assert_eq!(without(path, &["/a/.venv/bin".into()]), "/usr/bin::/a/.venv/bin/x");
        assert_eq!(without(path, &[]), path);
    }
}
