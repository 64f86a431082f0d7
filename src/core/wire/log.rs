//! `/api/log/*`: what is answered about logs.
use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::model::{Bytes, ExitRecord, Mode, Outcome, QueueId, RunId, Seconds, TaskId};

/// Answer of `GET /api/log/content` and `GET /api/log/read`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogContent {
    /// True; a failed reading is an error answer.
    pub success: bool,
    /// In words; empty where there is nothing to say.
    pub message: String,
    /// What was asked for, as text; empty where `lines` holds it.
    pub content: String,
    /// The same by lines, where `form=lines` asked for that.
    pub lines: Option<Vec<LogLine>>,
    /// Where the part begins in the file, bytes.
    pub offset: u64,
    /// Where it ends: to be asked from next.
    pub end: u64,
    /// Number of its first line, from 1; `None` until the index got there, or where the part begins inside a line.
    pub first_line: Option<u64>,
    /// More was asked for than one answer holds.
    pub cut: bool,
    /// How its bytes were read: `utf-8`, `gbk`, `utf-16le`, …
    pub encoding: String,
    /// Bytes of this part that are no text in that encoding, and stand as U+FFFD.
    pub bad_bytes: u64,
    /// There are NUL bytes in this part: it may be no text at all.
    pub binary: bool,
    /// The file.
    #[serde(flatten)]
    pub head: LogHead,
    /// The task whose log it is.
    pub task: Option<LogTask>,
}

/// What is known of a log file as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogHead {
    /// Which file.
    pub log_path: String,
    /// Whether it is there, and a plain file that may be read.
    pub exists: bool,
    /// Why it cannot be read, in words, where something else than a log stands in its place.
    pub trouble: Option<String>,
    /// Its size, bytes.
    pub size: u64,
    /// Lines in it, a last one without its newline counted; `None` until they have been counted.
    pub total_lines: Option<u64>,
    /// Bytes whose lines have been counted.
    pub indexed: u64,
    /// Another number than before: the file was rotated, cut, or written anew, and offsets mean something else.
    pub generation: u64,
    /// How the attempt ended whose own log it is.
    pub exit: Option<LogExit>,
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogLine {
    /// Where it begins in the file, bytes.
    pub offset: u64,
    /// Where the next one begins.
    pub end: u64,
    /// What a terminal would show of it, without its newline; colours and other escapes stand in it as they are.
    pub text: String,
    /// How often it was drawn anew (`\r`): `text` is its final state.
    pub redraws: u64,
    /// `text` is not the whole of it: too long. `offset` and `end` fetch the rest.
    pub cut: bool,
    /// Its newline is not there yet.
    pub open: bool,
}

/// The task whose log is shown: of a command file, or an ad-hoc one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogTask {
    /// Its id; an ad-hoc task's number.
    pub task_id: TaskId,
    /// Its run; `tasks` for an ad-hoc task.
    pub run_id: RunId,
    /// Single or multi; `None` for an ad-hoc task.
    pub mode: Option<Mode>,
    /// Index of its command file; `None` for an ad-hoc task.
    pub config_index: Option<u32>,
    /// Its queue; `None` for an ad-hoc task.
    pub queue_id: Option<QueueId>,
    /// Its place in the queue, from 0; `None` for an ad-hoc task.
    pub process_index: Option<u32>,
    /// The attempt whose log it is; `None` for a log that the task writes itself.
    pub attempt: Option<u32>,
    /// Attempts so far.
    pub attempts: u32,
    /// When the attempt started.
    pub started_at: Option<Timestamp>,
    /// Whether this is the log that was bound to the task.
    pub bound: bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LogExit {
    /// `exited`, `signaled`, `timed_out`, `stopped`, `not_started`, `lost`.
    pub kind: LogExitKind,
    /// Exit code, where it exited.
    pub exit_code: Option<i32>,
    /// Signal, where one killed it.
    pub signal: Option<i32>,
    /// The kernel killed it for want of memory.
    pub out_of_memory: bool,
    /// What the system said, where it could not be started.
    pub message: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When its last process was gone.
    pub finished_at: Timestamp,
    /// Seconds between the two.
    pub duration: Seconds,
    /// CPU time in user mode, seconds.
    pub user_cpu: Option<Seconds>,
    /// CPU time in the kernel, seconds.
    pub system_cpu: Option<Seconds>,
    /// Largest resident size of any one process, bytes.
    pub peak_rss: Option<Bytes>,
    /// Most GPU memory that it was seen to use on one GPU, bytes.
    pub peak_gpu_memory: Option<Bytes>,
}

/// The kinds of end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogExitKind {
    /// A command exited: the last one, or the first that failed.
    Exited,
    /// A signal killed it.
    Signaled,
    /// It ran longer than `task_timeout`.
    TimedOut,
    /// It was told to stop.
    Stopped,
    /// It could not be started.
    NotStarted,
    /// Nobody saw how it ended.
    Lost,
}

impl LogExit {
    /// From the record that its runner left.
    pub fn of(record: &ExitRecord, peak_gpu_memory: Option<Bytes>) -> LogExit {
        use LogExitKind::*;
        let (kind, exit_code, signal, out_of_memory, message) = match &record.outcome {
            Outcome::Exited { code } => (Exited, Some(*code), None, false, None),
            Outcome::Signaled { signal, out_of_memory } => (Signaled, None, Some(*signal), *out_of_memory, None),
            Outcome::TimedOut => (TimedOut, None, None, false, None),
            Outcome::Stopped => (Stopped, None, None, false, None),
            Outcome::NotStarted { message, .. } => (NotStarted, None, None, false, Some(message.clone())),
            Outcome::Lost => (Lost, None, None, false, None),
        };
        LogExit {
            kind,
            exit_code,
            signal,
            out_of_memory,
            message,
            started_at: record.started_at,
            finished_at: record.finished_at,
            duration: record.duration,
            user_cpu: record.user_cpu,
            system_cpu: record.system_cpu,
            peak_rss: record.peak_rss,
            peak_gpu_memory,
        }
    }
}

/// One log binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogBinding {
    /// Single or multi.
    pub mode: Mode,
    /// Index of the command file, from 0.
    pub config_index: u32,
    /// The queue.
    pub queue_id: QueueId,
    /// The task's place in its queue, from 0.
    pub process_index: u32,
    /// The log, absolute.
    pub log_path: String,
    /// When it was bound.
    pub bound_at: String,
}

/// Answer of `GET /api/log/bindings`: by keys such as `single_0_1_0` (mode, config index, queue, place in it).
pub type LogBindings = BTreeMap<String, LogBinding>;

/// Answer of `POST` and `DELETE /api/log/bind`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogBound {
    /// True; what failed is an error answer.
    pub success: bool,
    /// In words.
    pub message: String,
    /// The binding's key.
    pub key: String,
    /// The binding: the new one, or the one that was removed.
    pub binding: LogBinding,
}

/// Answer of `POST /api/log/download`: a ticket for one download by a browser, which cannot send a header with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogTicket {
    /// Good once.
    pub ticket: String,
    /// Where to go with it.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A line of the answer of `GET /api/log/search`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LogSearchEvent {
    /// A line that matches.
    Hit(LogHit),
    /// How far the search has come; also a sign of life.
    Progress {
        /// Bytes looked through.
        scanned: u64,
        /// Bytes to look through.
        size: u64,
        /// Lines that matched so far.
        total: u64,
    },
    /// The end.
    End {
        /// Bytes looked through.
        scanned: u64,
        /// Lines that matched.
        total: u64,
        /// Hits that were sent; the others are counted only.
        listed: u64,
        /// Whether all was looked through that was asked for.
        complete: bool,
        /// The log's generation: another one than its pages' means that the hits' offsets are not theirs.
        generation: u64,
    },
    /// It cannot go on.
    Error {
        /// For programs.
        code: String,
        /// For people.
        message: String,
    },
}

/// A line that matches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LogHit {
    /// Its number, from 1; `None` where the search began in the middle and the index has not got there.
    pub line: Option<u64>,
    /// Where the line begins, bytes.
    pub offset: u64,
    /// Where the first match begins, bytes.
    pub at: u64,
    /// The line, or what surrounds the first match in a long or redrawn one.
    pub text: String,
    /// Where matches stand in `text`: from and to, counted in UTF-16 units as JavaScript does.
    pub ranges: Vec<[u32; 2]>,
    /// `text` is not the whole line.
    pub cut: bool,
    /// Lines before it, where asked for.
    pub before: Vec<LogLine>,
    /// Lines after it, where asked for.
    pub after: Vec<LogLine>,
}

/// The data of an event of `GET /api/log/stream`; `event:` is its name, `id:` the place to go on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LogStreamEvent {
    /// The file as a whole: first of all, and whenever more than its size has changed.
    Head(LogHead),
    /// What was appended.
    Data {
        /// Where it begins, bytes.
        offset: u64,
        /// Where it ends.
        end: u64,
        /// As text.
        content: String,
    },
    /// The file was rotated, cut or written anew, or the task has another attempt: what follows begins at 0.
    Divider {
        /// `rotated`, `truncated`, `rewritten`, `attempt`.
        why: LogBreak,
        /// The generation that begins.
        generation: u64,
    },
    /// The reader was too slow, or began far behind: bytes were passed over.
    Skipped {
        /// From here, bytes.
        from: u64,
        /// To here.
        to: u64,
    },
    /// The attempt is over (of an ad-hoc task of which no attempt was named: the task) and all of its log has been sent.
    End(LogHead),
}

/// Why a log's offsets mean something else than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogBreak {
    /// Another file has its name.
    Rotated,
    /// It is shorter than it was.
    Truncated,
    /// What stood in it is no longer what it was.
    Rewritten,
    /// An ad-hoc task has begun another attempt, with a log of its own.
    Attempt,
}
