//! The writer: how a command, and a block, stand in a file. Whatever it writes, the parser has read back as the same.
use std::ops::Range;

use super::{CommandFile, TaskDraft, align, line, parse, parse::Paragraph};
use crate::model::{FieldError, Mode, QueueId};

/// Why something cannot be written: code, English, Chinese.
pub(super) type Refusal = (&'static str, &'static str, &'static str);

/// The end of lines in a file: that of its first line.
pub(super) fn line_end(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// The lines of a command, joined by `\n`, bare or in quotes, whichever reads back as the same.
pub(super) fn command(command: &str) -> Result<String, Refusal> {
    if let Some(refusal) = unwritable(command) {
        return Err(refusal);
    }
    [command.to_owned(), format!("\"{command}\"")].into_iter().find(|text| reads_back(text, command)).ok_or((
        "quotes",
        "cannot be written so that it reads back the same: its quotes, outer spaces or last backslash would be lost",
        "无法写成读回后仍相同的形式：其引号、首尾空格或末尾反斜杠会丢失",
    ))
}

fn unwritable(command: &str) -> Option<Refusal> {
    let mut before: Option<&str> = None;
    for part in command.split('\n') {
        if before.is_some_and(|before| !line::continues(before)) {
            return Some((
                "newline",
                "has a newline in it; only one after a backslash is possible",
                "含有换行；只有反斜杠之后才能换行",
            ));
        }
        if before.is_some() && line::is_blank(part) {
            return Some(("blank_line", "has a blank line in it", "含有空行"));
        }
        before = Some(part);
    }
    if line::is_blank(command) {
        Some(("empty", "is empty", "为空"))
    } else if command.contains('\0') {
        Some(("nul", "has a NUL byte in it", "含有 NUL 字节"))
    } else if command.contains('\r') {
        Some(("carriage_return", "has a carriage return in it", "含有回车符"))
    } else if line::is_comment(command) {
        Some((
            "comment",
            "begins with `#`, which makes it a comment",
            "以 `#` 开头，会被当作注释",
        ))
    } else if line::is_bare_number(command) {
        Some((
            "number",
            "is a number, and would be read as GPU count or memory",
            "是数字，会被当作 GPU 数量或显存",
        ))
    } else {
        None
    }
}

/// Asks the parser, so that there is no second opinion on how a line reads.
fn reads_back(text: &str, command: &str) -> bool {
    let file = parse(&format!("1\n{text}\n1\n1\n"), Mode::Multi);
    let mut blocks = file.blocks();
    blocks.next().is_some_and(|block| block.commands == [command])
        && blocks.next().is_none()
        && file.paragraphs.len() == 1
}

/// The errors of a task at `path`, if it has any: what must hold of figures, whoever writes them.
pub(super) fn check_figures(mode: Mode, task: &TaskDraft, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if !(task.memory > 0.0 && task.memory.is_finite()) {
        errors.push(FieldError::new(
            format!("{path}.memory"),
            "range",
            "must be above 0, in GiB",
            "应大于 0（GiB）",
        ));
    }
    if task.gpu_count < 1 || (mode == Mode::Single && task.gpu_count != 1) {
        let (en, zh) = match mode {
            Mode::Single => (
                "must be 1: a single-GPU task uses one GPU",
                "应为 1：单卡任务只使用一张卡",
            ),
            Mode::Multi => ("must be a whole number from 1", "应为从 1 开始的整数"),
        };
        errors.push(FieldError::new(format!("{path}.gpu_count"), "range", en, zh));
    }
    if task.commands.is_empty() {
        errors.push(FieldError::new(
            format!("{path}.commands"),
            "empty",
            "must have at least one command",
            "至少要有一条命令",
        ));
    }
    errors
}

/// The lines of each command, in file form; `keep(i)` gives the lines of a command that already stands in the file.
fn command_lines(
    task: &TaskDraft,
    path: &str,
    keep: impl Fn(usize) -> Option<String>,
) -> Result<Vec<String>, Vec<FieldError>> {
    let mut errors = Vec::new();
    let mut lines = Vec::new();
    for (i, text) in task.commands.iter().enumerate() {
        match keep(i).map_or_else(|| command(text), Ok) {
            Ok(text) => lines.push(text),
            Err((code, en, zh)) => errors.push(FieldError::new(format!("{path}.commands[{i}]"), code, en, zh)),
        }
    }
    if errors.is_empty() { Ok(lines) } else { Err(errors) }
}

/// A new block.
pub(super) fn block(
    mode: Mode,
    eol: &str,
    queue: QueueId,
    task: &TaskDraft,
    path: &str,
) -> Result<String, Vec<FieldError>> {
    let mut errors = check_figures(mode, task, path);
    let lines = command_lines(task, path, |_| None)
        .map_err(|mut more| errors.append(&mut more))
        .unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut out = format!("{queue}\n{}\n", lines.join("\n"));
    if mode == Mode::Multi {
        out.push_str(&format!("{}\n", task.gpu_count));
    }
    out.push_str(&format!("{}\n", task.memory));
    Ok(out.replace('\n', eol))
}

/// A block of the file with other figures or commands: lines that need no change stay as they are, byte for byte.
pub(super) fn change(
    file: &CommandFile,
    paragraph: &Paragraph,
    queue: QueueId,
    task: &TaskDraft,
    path: &str,
) -> Result<String, Vec<FieldError>> {
    let Some((old, layout)) = paragraph.task() else {
        return block(file.mode, line_end(&file.text), queue, task, path);
    };
    let mut errors = check_figures(file.mode, task, path);
    // The commands that stay, and where they stand in the old block.
    let stay = align::common(&old.commands, &task.commands);
    let new = command_lines(task, path, |i| stay.iter().any(|(_, new)| *new == i).then(String::new))
        .map_err(|mut more| errors.append(&mut more))
        .unwrap_or_default();
    if !errors.is_empty() {
        return Err(errors);
    }
    let eol = line_end(&file.text);
    let mut out = Lines::new(file, paragraph);
    if queue != old.queue {
        out.set_number(layout.id, &queue.to_string());
    }
    if let Some(line) = layout.count.filter(|_| task.gpu_count != old.gpu_count) {
        out.set_number(line, &task.gpu_count.to_string());
    }
    if task.memory != old.memory_gb {
        out.set_number(layout.memory, &task.memory.to_string());
    }
    let with_ends = |text: &str| format!("{}\n", text).replace('\n', eol);
    // Walk both lists between the commands that stay: what pairs up is changed in its place, the rest goes or comes.
    let (mut from_old, mut from_new) = (0_usize, 0_usize);
    for (next_old, next_new) in stay.iter().copied().chain([(old.commands.len(), task.commands.len())]) {
        let mut after = from_old
            .checked_sub(1)
            .map_or(layout.id, |i| layout.commands[i].end - 1);
        while from_old < next_old || from_new < next_new {
            match (from_old < next_old, from_new < next_new) {
                (true, true) => out.replace(layout.commands[from_old].clone(), with_ends(&new[from_new])),
                (true, false) => out.replace(layout.commands[from_old].clone(), String::new()),
                _ => out.insert_after(after, &with_ends(&new[from_new])),
            }
            if from_old < next_old {
                after = layout.commands[from_old].end - 1;
                from_old += 1;
            }
            if from_new < next_new {
                from_new += 1;
            }
        }
        (from_old, from_new) = (next_old + 1, next_new + 1);
    }
    Ok(out.join())
}

/// The lines of a paragraph, each with its end, while some are changed.
struct Lines {
    first: usize,
    texts: Vec<String>,
    /// What comes after each of them.
    inserted: Vec<String>,
}

impl Lines {
    fn new(file: &CommandFile, paragraph: &Paragraph) -> Lines {
        let body = &file.text[paragraph.body.clone()];
        let texts: Vec<String> = body.split_inclusive('\n').map(str::to_owned).collect();
        Lines {
            first: paragraph.lines.start,
            inserted: vec![String::new(); texts.len()],
            texts,
        }
    }

    fn set_number(&mut self, line: usize, number: &str) {
        let text = &mut self.texts[line - self.first];
        if let Some(old) = line::number(text) {
            text.replace_range(old.start..old.end, number);
        }
    }

    fn replace(&mut self, lines: Range<usize>, text: String) {
        for line in lines.clone() {
            self.texts[line - self.first].clear();
        }
        self.texts[lines.start - self.first] = text;
    }

    fn insert_after(&mut self, line: usize, text: &str) {
        self.inserted[line - self.first].push_str(text);
    }

    fn join(&self) -> String {
        self.texts
            .iter()
            .zip(&self.inserted)
            .flat_map(|(text, more)| [text.as_str(), more])
            .collect()
    }
}
