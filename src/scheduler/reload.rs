//! Following the files: an edit of rules or command file takes effect in a running scheduler.
use std::path::Path;

use gpuyard_core::{
    formats::command::{CommandFile, Severity},
    model::Lang,
    queue::{Event, QueuePlan, RunState, TaskPlan},
};
use gpuyard_exec::clock;

use crate::{conda, work::Scheduler};

/// At the end of a run, an edit that is under way is waited for so long, milliseconds: more than a file that became empty,
/// on a network file system that is looked at once a second, takes to be told.
const LINGER: u64 = 5000;

impl Scheduler {
    /// A file has changed and stood still. What cannot be read changes nothing but what is shown.
    pub(crate) fn file_changed(&mut self, path: &Path) {
        if path == self.rules_path {
            self.read_rules();
        } else if path == self.command_path {
            self.read_command_file();
        }
        self.stirred = true;
    }

    fn read_rules(&mut self) {
        let rules = match gpuyard_store::rules::load(&self.rules_path) {
            Ok(rules) => rules,
            Err(error) => return self.trouble("rules", Some(format!("the last good rules stay in force: {error}"))),
        };
        self.trouble("rules", None);
        if rules == self.rules {
            return;
        }
        tracing::info!("the rules have changed");
        let (retry, on_failure) = (rules.retry_config.clone(), rules.on_failure);
        self.work_dir = self.root.work_dir(&rules);
        if rules.conda_base != self.rules.conda_base {
            self.conda_sh = conda::script(
                rules.conda_base.as_deref(),
                self.conda_exe.as_deref(),
                self.home.as_deref(),
            );
        }
        self.rules = rules;
        let run = self.journal.machine().run();
        if (&run.retry, run.on_failure) != (&retry, on_failure) {
            self.record(Event::RulesRead { retry, on_failure });
        }
    }

    fn read_command_file(&mut self) {
        let Some(config) = self.config else { return };
        match gpuyard_store::commands::load(&self.command_path, config.mode) {
            Ok(loaded) => {
                self.command_seen = Some(loaded.version.clone());
                self.trouble("command file", None);
                self.warn("command_file", findings(&self.command_path, &loaded.file));
                let queues = plans(&loaded.file);
                tracing::info!(queues = queues.len(), "the command file has changed");
                self.record(Event::FileRead { queues });
            }
            Err(error) => {
                self.command_seen = gpuyard_store::commands::version(&self.command_path);
                self.trouble("command file", Some(format!("the queues stay as they were: {error}")));
            }
        }
    }

    /// Whether the command file is another one than was read, and will be told of once it has stood still: a run that
    /// has nothing else to do waits for it, within bounds, for it may be about more work.
    pub(crate) fn is_being_edited(&mut self) -> bool {
        let goes_on =
            self.config.is_some() && !self.detached && matches!(self.journal.machine().run().state, RunState::Running);
        let edited = goes_on && gpuyard_store::commands::version(&self.command_path) != self.command_seen;
        let now = clock::now().mono;
        self.lingers = edited.then(|| self.lingers.unwrap_or_else(|| now.plus_millis(LINGER)));
        self.lingers.is_some_and(|until| now < until)
    }
}

/// What a command file asks for.
pub(crate) fn plans(file: &CommandFile) -> Vec<QueuePlan> {
    let task = |block: gpuyard_core::formats::command::Block| TaskPlan {
        commands: block.commands,
        gpu_count: block.gpu_count,
        memory_gb: block.memory_gb,
    };
    let queue = |queue: gpuyard_core::formats::command::QueueBlocks| QueuePlan {
        id: queue.id,
        tasks: queue.tasks.into_iter().map(task).collect(),
    };
    file.queues().into_iter().map(queue).collect()
}

/// What is wrong with a command file, in words that name file and line.
pub(crate) fn findings(path: &Path, file: &CommandFile) -> Vec<String> {
    file.findings()
        .iter()
        .map(|finding| {
            let kind = if finding.severity == Severity::Error {
                "error"
            } else {
                "warning"
            };
            let left_out = if finding.skipped {
                " (this block is not run)"
            } else {
                ""
            };
            format!(
                "{}:{}: {kind}: {}{left_out}",
                path.display(),
                finding.line,
                finding.message.get(Lang::En)
            )
        })
        .collect()
}
