//! The parser. It never fails: what it cannot read becomes a finding, and the rest of the file is read.
use std::ops::Range;

use super::{Block, CommandFile, Finding, Severity, line};
use crate::model::{Mode, QueueId, Text};

/// Where the parts of a block stand: line numbers from 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Layout {
    /// Line of the queue id.
    pub(super) id: usize,
    /// Lines of each command.
    pub(super) commands: Vec<Range<usize>>,
    /// Line of the GPU count, in `multi`.
    pub(super) count: Option<usize>,
    /// Line of the memory.
    pub(super) memory: usize,
}

/// What a paragraph is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// Comments only.
    Comment,
    /// A block that can be run.
    Task(Block, Layout),
    /// A block that cannot.
    Broken,
}

/// Lines without a blank one among them, and the blank ones after them.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Paragraph {
    /// Its lines, numbered from 0.
    pub(super) lines: Range<usize>,
    /// Its bytes.
    pub(super) body: Range<usize>,
    /// Bytes of the blank lines that follow it.
    pub(super) gap: Range<usize>,
    /// What it is.
    pub(super) kind: Kind,
}

impl Paragraph {
    /// Its task, where it is one.
    pub(super) fn task(&self) -> Option<(&Block, &Layout)> {
        match &self.kind {
            Kind::Task(block, layout) => Some((block, layout)),
            _ => None,
        }
    }
}

/// Reads a command file.
pub fn parse(text: &str, mode: Mode) -> CommandFile {
    // A byte order mark belongs to the file, not to its first line.
    let from = if text.starts_with(line::BYTE_ORDER_MARK) {
        line::BYTE_ORDER_MARK.len_utf8()
    } else {
        0
    };
    let lines = line::lines(text, from);
    let at = |i: usize| &text[lines[i].start..lines[i].end];
    let mut paragraphs = Vec::new();
    let mut findings = Vec::new();
    let mut i = 0;
    while i < lines.len() {
        if line::is_blank(at(i)) {
            i += 1;
            continue;
        }
        let first = i;
        while i < lines.len() && !line::is_blank(at(i)) {
            i += 1;
        }
        let end = i;
        while i < lines.len() && line::is_blank(at(i)) {
            i += 1;
        }
        let body = lines[first].start..lines[end - 1].next;
        let gap = body.end..lines[i - 1].next;
        let texts: Vec<&str> = (first..end).map(at).collect();
        let kind = BlockReader {
            mode,
            first,
            texts: &texts,
            findings: &mut findings,
        }
        .read();
        paragraphs.push(Paragraph {
            lines: first..end,
            body,
            gap,
            kind,
        });
    }
    CommandFile {
        mode,
        text: text.to_owned(),
        paragraphs,
        findings,
    }
}

/// A block's content: one line, or a command that goes on over several.
struct Item {
    lines: Range<usize>,
    text: String,
}

struct BlockReader<'a> {
    mode: Mode,
    /// Number of the first line, from 0.
    first: usize,
    texts: &'a [&'a str],
    findings: &'a mut Vec<Finding>,
}

/// A block cannot be run; the finding that says why has been noted.
struct Unusable;

impl BlockReader<'_> {
    fn read(mut self) -> Kind {
        let items = self.items();
        if items.is_empty() {
            return Kind::Comment;
        }
        match self.task(&items) {
            Ok((block, layout)) => Kind::Task(block, layout),
            Err(Unusable) => Kind::Broken,
        }
    }

    fn note(&mut self, line: usize, severity: Severity, code: &str, skipped: bool, message: (String, String)) {
        let message = Text::new(message.0, message.1);
        self.findings.push(Finding {
            line: line + 1,
            severity,
            code: code.into(),
            message,
            skipped,
        });
    }

    fn warn(&mut self, line: usize, code: &str, en: &str, zh: &str) {
        self.note(line, Severity::Warning, code, false, (en.into(), zh.into()));
    }

    fn refuse<T>(&mut self, line: usize, code: &str, en: String, zh: String) -> Result<T, Unusable> {
        let en = format!("{en}. This block is not run");
        let zh = format!("{zh}。此任务块不会运行");
        self.note(line, Severity::Error, code, true, (en, zh));
        Err(Unusable)
    }

    /// The lines that count, with continuation lines joined.
    fn items(&mut self) -> Vec<Item> {
        let mut items: Vec<Item> = Vec::new();
        let mut i = 0;
        while i < self.texts.len() {
            let text = self.texts[i];
            let start = i;
            i += 1;
            if line::is_comment(text) {
                continue;
            }
            let mut joined = text.to_owned();
            // The queue id and other numbers are never a command that goes on.
            if !items.is_empty() && !line::is_bare_number(text) {
                while line::continues(&joined) && i < self.texts.len() {
                    joined.push('\n');
                    joined.push_str(self.texts[i]);
                    i += 1;
                }
            }
            items.push(Item {
                lines: self.first + start..self.first + i,
                text: joined,
            });
        }
        items
    }

    fn task(&mut self, items: &[Item]) -> Result<(Block, Layout), Unusable> {
        let queue = self.queue_id(&items[0])?;
        let tail = match self.mode {
            Mode::Single => 1,
            Mode::Multi => 2,
        };
        let last = &items[items.len() - 1];
        if items.len() < 2 || line::number(&last.text).is_none() {
            return self.no_memory(items);
        }
        let memory_gb = self.memory(last)?;
        let mut count = None;
        let mut gpu_count = 1;
        if self.mode == Mode::Multi {
            let before = &items[items.len() - 2];
            gpu_count = self.gpu_count(items.len(), before)?;
            count = Some(before.lines.start);
        }
        if items.len() < 2 + tail {
            return self.refuse(
                items[0].lines.start,
                "no_command",
                "has no command: between queue id and the numbers at the end there must be at least one".into(),
                "没有命令：队列 ID 与末尾数字之间至少要有一条命令".into(),
            );
        }
        let middle = &items[1..items.len() - tail];
        let commands = middle
            .iter()
            .map(|item| self.command(item))
            .collect::<Result<Vec<_>, _>>()?;
        let layout = Layout {
            id: items[0].lines.start,
            commands: middle.iter().map(|item| item.lines.clone()).collect(),
            count,
            memory: last.lines.start,
        };
        Ok((
            Block {
                queue,
                commands,
                gpu_count,
                memory_gb,
                line: layout.id + 1,
            },
            layout,
        ))
    }

    fn trailing(&mut self, line: usize, number: &line::Number) {
        if number.trailing {
            self.warn(
                line,
                "text_after_number",
                "the text after the number is taken as a comment; put `#` before it",
                "数字后的文字被当作注释；请在其前面加 `#`",
            );
        }
    }

    fn queue_id(&mut self, item: &Item) -> Result<QueueId, Unusable> {
        let line = item.lines.start;
        let number = line::number(&item.text);
        let id = number
            .as_ref()
            .and_then(|n| item.text[n.start..n.end].parse::<u64>().ok());
        match (number, id) {
            (Some(number), Some(id)) => {
                self.trailing(line, &number);
                Ok(QueueId(id))
            }
            _ => self.refuse(
                line,
                "queue_id",
                "expected the queue id here, a whole number from 0: the first line of a block is its queue id (is a blank line in the wrong place, or a `#` missing?)".into(),
                "此处应为队列 ID（从 0 开始的整数）：任务块的第一行是队列 ID（是否多了空行，或漏了 `#`？）".into(),
            ),
        }
    }

    fn no_memory<T>(&mut self, items: &[Item]) -> Result<T, Unusable> {
        let last = &items[items.len() - 1];
        let line = last.lines.end - 1;
        if items.len() > 1 && last.lines.len() > 1 {
            let from = last.lines.start + 1;
            return self.refuse(
                line,
                "memory",
                format!("the memory is missing: the command in line {from} ends in a backslash, so that this line belongs to it"),
                format!("缺少显存：第 {from} 行的命令以反斜杠结尾，因此本行仍属于该命令"),
            );
        }
        self.refuse(
            line,
            "memory",
            "expected the memory here, GiB in digits such as 20 or 1.5: the last line of a block is its memory".into(),
            "此处应为显存（GiB，数字，例如 20 或 1.5）：任务块的最后一行是显存".into(),
        )
    }

    fn memory(&mut self, item: &Item) -> Result<f64, Unusable> {
        let line = item.lines.start;
        match line::number(&item.text) {
            Some(number) if number.value > 0.0 && number.value.is_finite() => {
                self.trailing(line, &number);
                Ok(number.value)
            }
            _ => self.not_positive(line, "memory_not_positive", "the memory", "显存"),
        }
    }

    /// Figures that make no sense are the writer's slip: a warning, while what cannot be read at all is an error.
    fn not_positive<T>(&mut self, line: usize, code: &str, en: &str, zh: &str) -> Result<T, Unusable> {
        let message = (
            format!("{en} must be above 0. This block is not run"),
            format!("{zh}必须大于 0。此任务块不会运行"),
        );
        self.note(line, Severity::Warning, code, true, message);
        Err(Unusable)
    }

    fn gpu_count(&mut self, items: usize, item: &Item) -> Result<u32, Unusable> {
        let line = item.lines.start;
        // In `1, 20` the line before the memory is the queue id: the count is missing.
        let number = line::number(&item.text).filter(|n| n.whole && items > 2);
        match number {
            Some(number) if number.value < 1.0 => self.not_positive(line, "gpu_count_not_positive", "the GPU count", "GPU 数量"),
            Some(number) if number.value <= f64::from(u32::MAX) => {
                self.trailing(line, &number);
                Ok(number.value as u32)
            }
            _ => self.refuse(
                line,
                "gpu_count",
                "expected the GPU count here, a whole number from 1: in a multi-GPU file the line before the memory is the GPU count".into(),
                "此处应为 GPU 数量（从 1 开始的整数）：多卡配置中显存的前一行是 GPU 数量".into(),
            ),
        }
    }

    fn command(&mut self, item: &Item) -> Result<String, Unusable> {
        let line = item.lines.start;
        if line::is_bare_number(&item.text) {
            return self.refuse(
                line,
                "number_command",
                "a number stands where a command is expected (is a blank line missing before it, or is this a file of the other mode?)".into(),
                "应为命令的位置出现了数字（是否漏了空行，或者这是另一种模式的文件？）".into(),
            );
        }
        let command = line::command(&item.text);
        if line::is_blank(command) {
            return self.refuse(line, "empty_command", "the command is empty".into(), "命令为空".into());
        }
        if command.contains('\0') {
            return self.refuse(
                line,
                "nul",
                "the command has a NUL byte in it".into(),
                "命令中含有 NUL 字节".into(),
            );
        }
        if command.contains('\r') {
            self.warn(
                line,
                "carriage_return",
                "the command has a carriage return in it, which the shell will see",
                "命令中含有回车符，shell 会看到它",
            );
        }
        if line::continues(item.text.trim_end()) && !line::continues(&item.text) {
            self.warn(
                item.lines.end - 1,
                "space_after_backslash",
                "white space follows the backslash, so that the command does not go on in the next line",
                "反斜杠后有空白字符，因此命令不会延续到下一行",
            );
        }
        Ok(command.to_owned())
    }
}
