//! Rules, settings and command files in a few lines.
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{Config, Yard};

/// A block of a command file.
pub(crate) struct Block {
    queue: u64,
    commands: Vec<String>,
    gpus: u32,
    memory: f64,
}

/// A block whose command is the yard's `task.sh` (or, with a `$` in front, any shell): one GPU, 1 GiB.
pub(crate) fn task(queue: u64, command: &str) -> Block {
    Block {
        queue,
        commands: Vec::new(),
        gpus: 1,
        memory: 1.0,
    }
    .then(command)
}

impl Block {
    /// One more command.
    pub(crate) fn then(mut self, command: &str) -> Block {
        self.commands.push(match command.strip_prefix("$ ") {
            Some(shell) => shell.to_owned(),
            None => format!("bash {{work_dir}}/task.sh {command}"),
        });
        self
    }

    /// So many GPUs.
    pub(crate) fn gpus(mut self, gpus: u32) -> Block {
        self.gpus = gpus;
        self
    }

    /// So many GiB.
    pub(crate) fn memory(mut self, gib: f64) -> Block {
        self.memory = gib;
        self
    }

    fn text(&self, mode: &str) -> String {
        let mut lines = vec![self.queue.to_string()];
        lines.extend(self.commands.clone());
        if mode == "multi" {
            lines.push(self.gpus.to_string());
        }
        lines.push(self.memory.to_string());
        lines.join("\n") + "\n"
    }
}

impl Yard {
    /// Has all records be of the boot before this one, but for those in the database.
    pub(crate) fn ages(&self) {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
        for folder in [&self.root.join("logs"), &self.host] {
            if folder.exists() {
                age(folder, boot.trim());
            }
        }
    }

    /// Where a command file is.
    pub(crate) fn command_file(&self, Config(mode, index): Config) -> PathBuf {
        let stem = if mode == "single" {
            "command_gpu"
        } else {
            "command_gpus"
        };
        let number = if index == 0 { String::new() } else { format!("_{index}") };
        self.root.join(format!("command/{stem}{number}.txt"))
    }

    /// The text of a command file of these blocks.
    pub(crate) fn text(Config(mode, _): Config, blocks: &[Block]) -> String {
        blocks
            .iter()
            .map(|block| block.text(mode))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Writes a command file, as an editor that truncates and writes.
    pub(crate) fn commands(&self, config: Config, blocks: &[Block]) {
        fs::write(self.command_file(config), Yard::text(config, blocks)).unwrap();
    }

    /// Where the rules are.
    pub(crate) fn rules_file(&self) -> PathBuf {
        self.root.join("config/gpu_manage.yaml")
    }

    /// The text of rules that hold nothing back and wait for nothing, but for these changes.
    pub(crate) fn rules_text(&self, changes: &[(&str, &str)]) -> String {
        let work = format!("\"{}\"", self.work.display());
        let mut keys = BTreeMap::from([
            ("check_time", "0.2"),
            ("maximize_resource_utilization", "false"),
            ("memory_save_mode", "true"),
            ("use_all_gpus", "true"),
            ("gpu_left", "0"),
            ("min_gpu", "0"),
            ("max_gpu", "64"),
            ("work_dir", &work),
            ("gpu_command_file", "command_gpu.txt"),
            ("gpus_command_file", "command_gpus.txt"),
            ("stop_grace", "20"),
            ("retry_config.max_retry_before_backoff", "3"),
            ("retry_config.backoff_duration", "3600"),
            ("retry_config.max_retries", "0"),
            ("retry_config.retry_delay", "0.05"),
        ]);
        keys.extend(changes.iter().copied());
        let (inner, outer): (Vec<_>, Vec<_>) = keys.iter().partition(|(key, _)| key.contains('.'));
        let mut text = "# Rules of a test.\n".to_owned();
        for (key, value) in outer {
            text += &format!("{key}: {value}\n");
        }
        text += "retry_config:\n";
        for (key, value) in inner {
            text += &format!("  {}: {value}\n", key.trim_start_matches("retry_config."));
        }
        text
    }

    /// Writes the rules.
    pub(crate) fn rules(&self, changes: &[(&str, &str)]) {
        fs::write(self.rules_file(), self.rules_text(changes)).unwrap();
    }

    /// Lets a task go on, with exit code 0.
    pub(crate) fn go(&self, name: &str) {
        self.go_with(name, 0);
    }

    /// Lets a task go on, with an exit code.
    pub(crate) fn go_with(&self, name: &str, code: i32) {
        let path = self.work.join("go").join(name);
        // In one step: a task must not read half of it.
        let new = self.work.join(format!("go.{name}"));
        fs::write(&new, code.to_string()).unwrap();
        fs::rename(new, path).unwrap();
    }
}

/// Writes another boot id into every record below a folder.
fn age(folder: &Path, boot: &str) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            age(&path, boot);
        } else if let Ok(text) = fs::read_to_string(&path)
            && text.contains(boot)
            // Its lines have checksums; what it says of this boot is in the snapshot too, once that is written.
            && path.extension().is_none_or(|extension| extension != "journal")
        {
            let other = "00000000-0000-4000-8000-000000000000";
            fs::write(&path, text.replace(boot, other)).unwrap();
        }
    }
}
