//! The root folder, and where each thing lies below it. No other file knows these names.
use std::path::{Path, PathBuf};

use gpuyard_core::model::{Charge, ConfigKey, Mode, Rules, RunId, Settings, TaskId};

use crate::{StoreError, file};

/// The root folder: `config/`, `command/`, `logs/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    path: PathBuf,
}

impl Root {
    /// The root at a folder that is there. Its path is made absolute and free of links, so that every process names it
    /// the same way.
    pub fn open(path: &Path) -> Result<Root, StoreError> {
        let path = std::fs::canonicalize(path).map_err(StoreError::io("open root folder", path))?;
        if !path.is_dir() {
            return Err(StoreError::io("open root folder", path)(
                std::io::ErrorKind::NotADirectory.into(),
            ));
        }
        Ok(Root { path })
    }

    /// Makes the folders of ours that are not there yet, 0700.
    pub fn prepare(&self) -> Result<(), StoreError> {
        for folder in [
            self.config_dir(),
            self.command_dir(),
            self.logs(),
            self.state_dir(),
            self.tasks_dir(),
        ] {
            file::create_folder(&folder)?;
        }
        Ok(())
    }

    /// The folder itself, absolute.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config/`.
    pub fn config_dir(&self) -> PathBuf {
        self.path.join("config")
    }

    /// `command/`.
    pub fn command_dir(&self) -> PathBuf {
        self.path.join("command")
    }

    /// `logs/`: state, attempts, `pid.json`; and the text logs too, unless the settings say otherwise.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// `config/control_setting.yaml`.
    pub fn settings_path(&self) -> PathBuf {
        self.config_dir().join("control_setting.yaml")
    }

    /// The rules file: `target-yaml-path`, which is relative to the settings file.
    pub fn rules_path(&self, settings: &Settings) -> PathBuf {
        tidy(&self.config_dir().join(&settings.target_yaml_path))
    }

    /// Where the daemon's and the schedulers' text logs are: `log-dir`, which is relative to the root.
    pub fn log_dir(&self, settings: &Settings) -> PathBuf {
        tidy(&self.path.join(&settings.log_dir))
    }

    /// The daemon's own log.
    pub fn daemon_log(&self, settings: &Settings) -> PathBuf {
        self.log_dir(settings).join("run.log")
    }

    /// The daemon's record of calls that may have changed something.
    pub fn audit_log(&self, settings: &Settings) -> PathBuf {
        self.log_dir(settings).join("audit.log")
    }

    /// A scheduler's own log: `scheduler_{mode}_{index}.log`, `scheduler_tasks.log`.
    pub fn scheduler_log(&self, settings: &Settings, charge: impl Into<Charge>) -> PathBuf {
        self.log_dir(settings).join(format!("scheduler_{}.log", charge.into()))
    }

    /// `logs/state/`.
    pub fn state_dir(&self) -> PathBuf {
        self.logs().join("state")
    }

    /// `logs/log_bindings.json`.
    pub fn bindings_path(&self) -> PathBuf {
        self.logs().join("log_bindings.json")
    }

    /// `logs/pid.json`.
    pub fn pid_file(&self) -> PathBuf {
        self.logs().join("pid.json")
    }

    /// `logs/logins/`: who is logged in, a file a machine.
    pub fn logins_dir(&self) -> PathBuf {
        self.logs().join("logins")
    }

    /// Who is logged in at the daemon of this machine.
    pub fn logins_path(&self, machine_id: &str) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let name: String = machine_id.chars().map(plain).collect();
        self.logins_dir().join(format!("{name}.json"))
    }

    /// `logs/index/`: what is known of the lines of large logs. It can be removed at any time.
    pub fn log_index_dir(&self) -> PathBuf {
        self.logs().join("index")
    }

    /// `logs/tasks/`.
    pub fn tasks_dir(&self) -> PathBuf {
        self.logs().join("tasks")
    }

    /// All attempts of a run.
    pub fn run_tasks_dir(&self, run: &RunId) -> PathBuf {
        self.tasks_dir().join(run.as_str())
    }

    /// One attempt's folder.
    pub fn task_folder(&self, run: &RunId, task: &TaskId, attempt: u32) -> PathBuf {
        self.run_tasks_dir(run).join(task.as_str()).join(attempt.to_string())
    }

    /// A path of ours as records keep it: below the root, so that the root may be moved.
    pub fn relative(&self, path: &Path) -> String {
        path.strip_prefix(&self.path)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned()
    }

    /// A path from a record, absolute again.
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Where commands run: `work_dir` of the rules; null is the parent of the root, and a relative path is relative to
    /// the root. Whether it is there is looked at when a scheduler starts.
    pub fn work_dir(&self, rules: &Rules) -> PathBuf {
        match &rules.work_dir {
            None => self.path.parent().unwrap_or(&self.path).to_path_buf(),
            Some(path) => tidy(&self.path.join(path)),
        }
    }

    /// The command file of index 0, as the rules name it. A bare name lies in the root if it is there and not in
    /// `command/`; else in `command/`.
    pub fn first_command_path(&self, rules: &Rules, mode: Mode) -> PathBuf {
        let name = match mode {
            Mode::Single => &rules.gpu_command_file,
            Mode::Multi => &rules.gpus_command_file,
        };
        let beside = tidy(&self.path.join(name));
        if name.components().count() > 1 {
            return beside;
        }
        let inside = self.command_dir().join(name);
        if beside.exists() && !inside.exists() {
            beside
        } else {
            inside
        }
    }

    /// A command file: index 0 as the rules name it, index N the same name with `_N` before its ending.
    pub fn command_path(&self, rules: &Rules, key: ConfigKey) -> PathBuf {
        let first = self.first_command_path(rules, key.mode);
        match key.index {
            0 => first,
            n => {
                let (stem, ending) = stem_and_ending(&first);
                first.with_file_name(format!("{stem}_{n}{ending}"))
            }
        }
    }

    /// The index that a file name stands for, beside a command file of index 0.
    pub(crate) fn command_index(first: &Path, name: &str) -> Option<u32> {
        let (stem, ending) = stem_and_ending(first);
        let middle = name.strip_prefix(&stem)?.strip_suffix(&ending)?;
        if middle.is_empty() {
            return Some(0);
        }
        let digits = middle.strip_prefix('_')?;
        // `_01` and `_0` would stand for a file that another name stands for already.
        let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
        plain.then(|| digits.parse().ok()).flatten()
    }
}

fn stem_and_ending(path: &Path) -> (String, String) {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let ending = path
        .extension()
        .map(|ending| format!(".{}", ending.to_string_lossy()))
        .unwrap_or_default();
    (stem, ending)
}

/// A path without `.` and `name/..`, by its text alone, so that messages and logs show what people would write.
fn tidy(path: &Path) -> PathBuf {
    use std::path::Component;
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                // Only where the name is no link does `name/..` mean what is above it.
                if out.symlink_metadata().is_ok_and(|meta| meta.is_symlink()) {
                    out.push("..");
                } else {
                    out.pop();
                }
            }
            Component::ParentDir if out == Path::new("/") => {}
            other => out.push(other),
        }
    }
    out
}

/// An empty root folder, there for as long as the first of both.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) fn temporary() -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::open(folder.path()).unwrap();
    (folder, root)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_specification() {
        let (_folder, root) = temporary();
        let (settings, rules) = (Settings::default(), Rules::default());
        let below = |path: PathBuf| root.relative(&path);
        assert_eq!(below(root.settings_path()), "config/control_setting.yaml");
        assert_eq!(below(root.rules_path(&settings)), "config/gpu_manage.yaml");
        let seed = Settings {
            target_yaml_path: "../config/gpu_manage.yaml".into(),
            ..Settings::default()
        };
        assert_eq!(below(root.rules_path(&seed)), "config/gpu_manage.yaml");
        for (mode, index, name) in [
            (Mode::Single, 0, "command/command_gpu.txt"),
            (Mode::Single, 3, "command/command_gpu_3.txt"),
            (Mode::Multi, 0, "command/command_gpus.txt"),
            (Mode::Multi, 1, "command/command_gpus_1.txt"),
        ] {
            assert_eq!(below(root.command_path(&rules, ConfigKey { mode, index })), name);
        }
        let key = ConfigKey {
            mode: Mode::Multi,
            index: 2,
        };
        assert_eq!(below(root.scheduler_log(&settings, key)), "logs/scheduler_multi_2.log");
        let (run, task) = (RunId("r".into()), TaskId("t-1".into()));
        assert_eq!(below(root.task_folder(&run, &task, 2)), "logs/tasks/r/t-1/2");
        assert_eq!(root.resolve("logs/tasks"), root.tasks_dir());
        assert_eq!(below(root.logins_path("host-a/../b")), "logs/logins/host-a----b.json");
    }

    #[test]
    fn a_bare_name_is_found_in_both_places_and_a_path_only_in_its_own() {
        let (_folder, root) = temporary();
        let rules = Rules {
            gpus_command_file: "elsewhere/multi".into(),
            ..Rules::default()
        };
        let key = ConfigKey {
            mode: Mode::Multi,
            index: 4,
        };
        assert_eq!(root.relative(&root.command_path(&rules, key)), "elsewhere/multi_4");
        let key = ConfigKey {
            mode: Mode::Single,
            index: 1,
        };
        std::fs::write(root.path().join("command_gpu.txt"), "").unwrap();
        assert_eq!(root.relative(&root.command_path(&rules, key)), "command_gpu_1.txt");
        root.prepare().unwrap();
        std::fs::write(root.command_dir().join("command_gpu.txt"), "").unwrap();
        assert_eq!(
            root.relative(&root.command_path(&rules, key)),
            "command/command_gpu_1.txt"
        );
    }

    #[test]
    fn work_dir_is_relative_to_the_root_and_null_is_its_parent() {
        let (_folder, root) = temporary();
        let with = |dir: Option<&str>| {
            root.work_dir(&Rules {
                work_dir: dir.map(Into::into),
                ..Rules::default()
            })
        };
        assert_eq!(with(None), root.path().parent().unwrap());
        assert_eq!(with(Some("../")), root.path().parent().unwrap());
        assert_eq!(with(Some("a/./b")), root.path().join("a/b"));
        assert_eq!(with(Some("/x/y")), Path::new("/x/y"));
    }

    #[test]
    fn folders_are_private_and_an_absent_root_is_said() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, root) = temporary();
        root.prepare().unwrap();
        root.prepare().unwrap();
        let mode = root.state_dir().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let absent = Root::open(&folder.path().join("absent")).unwrap_err().to_string();
        assert!(absent.contains("absent") && absent.contains("root folder"), "{absent}");
    }

    #[test]
    fn indices_are_read_from_names_without_doubt() {
        let first = Path::new("/r/command/command_gpu.txt");
        let index = |name| Root::command_index(first, name);
        assert_eq!(index("command_gpu.txt"), Some(0));
        assert_eq!(index("command_gpu_12.txt"), Some(12));
        for other in [
            "command_gpus.txt",
            "command_gpu_0.txt",
            "command_gpu_01.txt",
            "command_gpu_.txt",
            "command_gpu_1.txt.backup",
            "command_gpu_x.txt",
            "command_gpu_99999999999.txt",
        ] {
            assert_eq!(index(other), None, "{other}");
        }
    }
}
