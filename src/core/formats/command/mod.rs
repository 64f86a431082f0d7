//! Command files: one parser and one writer, lossless, so that a file that was read is written back byte for byte.
//!
//! A file is paragraphs, separated by blank lines. A paragraph of comments only is layout. Any other one is a block:
//! one task, with comment lines anywhere in it (they are passed over, as the seed did). The first line is the queue id,
//! the last one the memory, in `multi` the one before it the GPU count, and between them stand the commands. Blocks of
//! one queue id are the tasks of that queue, in the order of the file. A block that cannot be read is a [`Finding`] and
//! is not run; the others run.
mod align;
mod edit;
pub mod follow;
mod line;
mod parse;
mod write;

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Mode, QueueId, Text};

pub use edit::{drafts, edit};
pub use parse::parse;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// A block cannot be read.
    Error,
    /// It can be read, and something about it is off.
    Warning,
}

/// What the parser found in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// From 1.
    pub line: usize,
    /// How much it matters.
    pub severity: Severity,
    /// For programs.
    pub code: String,
    /// For people.
    #[serde(flatten)]
    pub message: Text,
    /// The block that the line belongs to is not run.
    pub skipped: bool,
}

/// A block that can be run: one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Block {
    /// Its queue.
    pub queue: QueueId,
    /// Its commands, in order, placeholders not replaced. Continuation lines stand in them as backslash and newline.
    pub commands: Vec<String>,
    /// GPUs it asks for; 1 in `single`.
    pub gpu_count: u32,
    /// GiB on each GPU.
    pub memory_gb: f64,
    /// Line of its queue id, from 1.
    pub line: usize,
}

/// A queue as it stands in a file: its id and its tasks in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueBlocks {
    /// Its id.
    pub id: QueueId,
    /// At least one.
    pub tasks: Vec<Block>,
}

/// A task as somebody wants it written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskDraft {
    /// Its commands.
    pub commands: Vec<String>,
    /// GPUs it asks for.
    pub gpu_count: u32,
    /// GiB on each GPU.
    pub memory: f64,
}

/// A queue as somebody wants it written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QueueDraft {
    /// Its id.
    pub id: QueueId,
    /// Its tasks.
    pub processes: Vec<TaskDraft>,
}

/// A command file that was read: its text, what is in it, and what is wrong with it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandFile {
    mode: Mode,
    text: String,
    paragraphs: Vec<parse::Paragraph>,
    findings: Vec<Finding>,
}

impl CommandFile {
    /// The mode that it was read in.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// What is wrong with it, by line.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The blocks that can be run, in the order of the file.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.paragraphs
            .iter()
            .filter_map(|paragraph| paragraph.task().map(|(block, _)| block))
    }

    /// The queues in the order in which the file first names them, each with its tasks in the order of the file.
    pub fn queues(&self) -> Vec<QueueBlocks> {
        let mut queues: Vec<QueueBlocks> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for block in self.blocks() {
            let place = *places.entry(block.queue).or_insert_with(|| {
                queues.push(QueueBlocks {
                    id: block.queue,
                    tasks: Vec::new(),
                });
                queues.len() - 1
            });
            queues[place].tasks.push(block.clone());
        }
        queues
    }

    /// The queues in the form in which they are handed to [`edit`].
    pub fn drafts(&self) -> Vec<QueueDraft> {
        let draft = |block: Block| TaskDraft {
            commands: block.commands,
            gpu_count: block.gpu_count,
            memory: block.memory_gb,
        };
        self.queues()
            .into_iter()
            .map(|queue| QueueDraft {
                id: queue.id,
                processes: queue.tasks.into_iter().map(draft).collect(),
            })
            .collect()
    }
}

impl fmt::Display for CommandFile {
    /// The file, byte for byte as it was read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Replaces `{work_dir}` and `{uni_id}`, and leaves every other brace alone. What was put in is not looked at again.
pub fn substitute(command: &str, work_dir: &str, uni_id: &str) -> String {
    let mut out = String::with_capacity(command.len());
    let mut rest = command;
    while let Some(at) = rest.find('{') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("{work_dir}") {
            out.push_str(work_dir);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("{uni_id}") {
            out.push_str(uni_id);
            rest = after;
        } else {
            out.push('{');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests;
