//! `/api/commands/*`: command files, as queues and as text.
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    formats::command::{Finding, QueueBlocks, Severity},
    model::{Lang, Mode, QueueId},
};

/// A command file by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandFileName {
    /// From 0.
    pub index: u32,
    /// For people: `config 1`, `配置 1`.
    pub name: String,
    /// Its file's name.
    pub file_name: String,
    /// Whether the file is there.
    pub exists: bool,
}

/// Answer of `GET /api/commands/{mode}/list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandFileList {
    /// Single or multi.
    pub mode: Mode,
    /// By index; index 0 is always among them.
    pub configs: Vec<CommandFileName>,
}

/// Answer of `GET /api/commands/{mode}/all`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandFiles {
    /// Single or multi.
    pub mode: Mode,
    /// By index; index 0 is always among them.
    pub configs: Vec<CommandFileContent>,
}

/// One command file of [`CommandFiles`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandFileContent {
    /// From 0.
    pub index: u32,
    /// For people: `config 1`, `配置 1`.
    pub name: String,
    /// Its file's name.
    pub file_name: String,
    /// Whether the file is there.
    pub exists: bool,
    /// Its version, for `If-Match`; `None` where there is no file, or it cannot be read.
    pub etag: Option<String>,
    /// Its queues.
    pub queues: Vec<CommandQueue>,
    /// What is wrong with it, by line. Blocks with errors are not among the queues, and stay in the file.
    pub findings: Vec<FindingAnswer>,
    /// Why the file cannot be read at all.
    pub error: Option<String>,
}

/// Answer of `GET /api/commands/{mode}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandConfig {
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// For people: `config 1`, `配置 1`.
    pub config_name: String,
    /// Its file's name.
    pub file_name: String,
    /// Whether the file is there.
    pub exists: bool,
    /// Its version, for `If-Match`; `None` where there is no file.
    pub etag: Option<String>,
    /// Its queues.
    pub queues: Vec<CommandQueue>,
    /// What is wrong with it, by line. Blocks with errors are not among the queues, and stay in the file.
    pub findings: Vec<FindingAnswer>,
}

/// A queue of a command file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandQueue {
    /// Its id.
    pub id: QueueId,
    /// Its tasks, in order.
    pub processes: Vec<CommandProcess>,
}

/// A task of a command file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandProcess {
    /// Its place in the queue, from 1.
    pub id: u32,
    /// Its commands, in order, placeholders not replaced.
    pub commands: Vec<String>,
    /// GPUs it asks for; 1 in `single`.
    pub gpu_count: u32,
    /// GiB on each GPU.
    pub memory: f64,
}

/// What the parser found in a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FindingAnswer {
    /// From 1.
    pub line: u32,
    /// How much it matters.
    pub severity: Severity,
    /// For programs.
    pub code: String,
    /// For people.
    pub message: String,
    /// The block that the line belongs to is not run.
    pub skipped: bool,
}

/// Body of `PUT /api/commands/{mode}`: all queues of the file, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfigUpdate {
    /// The queues. One that is not among them goes.
    pub queues: Vec<CommandQueueUpdate>,
}

/// A queue as it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandQueueUpdate {
    /// Its id, no other queue's.
    pub id: QueueId,
    /// Its tasks, in order, at least one.
    #[schema(min_items = 1)]
    pub processes: Vec<CommandProcessUpdate>,
}

/// A task as it is to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandProcessUpdate {
    /// As it was read; its place in the list is what counts.
    #[serde(default)]
    pub id: Option<u64>,
    /// Its commands, in order, at least one.
    #[schema(min_items = 1)]
    pub commands: Vec<String>,
    /// GPUs it asks for; may be left out in `single`.
    #[serde(default)]
    #[schema(minimum = 1)]
    pub gpu_count: Option<u32>,
    /// GiB on each GPU, above 0.
    #[schema(exclusive_minimum = 0)]
    pub memory: f64,
}

/// Answer of a save of queues, and of a reset.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandSaved {
    /// In words.
    pub message: String,
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// Queues that the file has now.
    pub queues_count: u32,
    /// Its new version.
    pub etag: String,
    /// What is wrong with it, by line.
    pub findings: Vec<FindingAnswer>,
}

/// Answer of `GET /api/commands/{mode}/text`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandText {
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// For people: `config 1`, `配置 1`.
    pub config_name: String,
    /// Its file's name.
    pub file_name: String,
    /// Whether the file is there.
    pub exists: bool,
    /// Its version, for `If-Match`; `None` where there is no file.
    pub etag: Option<String>,
    /// The file, byte for byte.
    pub text: String,
    /// What the parser found, by line.
    pub findings: Vec<FindingAnswer>,
}

/// Body of `PUT /api/commands/{mode}/text`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandTextUpdate {
    /// The whole file.
    pub text: String,
    /// Only check it.
    #[serde(default)]
    pub dry_run: bool,
}

/// Answer of `PUT /api/commands/{mode}/text`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CommandTextSaved {
    /// In words.
    pub message: String,
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// Whether the text is in the file now; false for a dry run.
    pub saved: bool,
    /// The version that the text has, or would have.
    pub etag: String,
    /// What the parser found, by line. They do not keep a text from being saved; blocks with errors are not run.
    pub findings: Vec<FindingAnswer>,
    /// What the text says.
    pub queues: Vec<CommandQueue>,
    /// How many queues that are.
    pub queues_count: u32,
}

/// Answer of `POST /api/commands/{mode}/new`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandCreated {
    /// In words.
    pub message: String,
    /// The new command file.
    pub config: CommandFileName,
}

/// Answer of `DELETE /api/commands/{mode}/{config_index}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandDeleted {
    /// In words.
    pub message: String,
    /// What is gone. Its text is kept among its versions.
    pub config: CommandFileName,
}

/// Answer of `GET /api/commands/{mode}/versions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandVersions {
    /// Single or multi.
    pub mode: Mode,
    /// From 0.
    pub config_index: u32,
    /// Newest first. A reset brings back what stood there before the last save, the first of them.
    pub versions: Vec<CommandVersion>,
}

/// An older version of a command file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandVersion {
    /// Its id.
    pub id: String,
    /// When that text had been written.
    pub written_at: Timestamp,
    /// Bytes.
    pub size: u64,
}

/// Answer of `GET /api/commands/{mode}/versions/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CommandVersionText {
    /// Its id.
    pub id: String,
    /// When that text had been written.
    pub written_at: Timestamp,
    /// The text.
    pub text: String,
    /// What the parser finds in it, by line.
    pub findings: Vec<FindingAnswer>,
}

impl FindingAnswer {
    /// A finding in one language.
    pub fn new(finding: &Finding, lang: Lang) -> FindingAnswer {
        FindingAnswer {
            line: u32::try_from(finding.line).unwrap_or(u32::MAX),
            severity: finding.severity,
            code: finding.code.clone(),
            message: finding.message.get(lang).to_owned(),
            skipped: finding.skipped,
        }
    }
}

impl From<QueueBlocks> for CommandQueue {
    fn from(queue: QueueBlocks) -> CommandQueue {
        let process = |(id, block): (u32, crate::formats::command::Block)| CommandProcess {
            id,
            commands: block.commands,
            gpu_count: block.gpu_count,
            memory: block.memory_gb,
        };
        CommandQueue {
            id: queue.id,
            processes: (1..).zip(queue.tasks).map(process).collect(),
        }
    }
}
