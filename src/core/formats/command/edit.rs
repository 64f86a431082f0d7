//! Changes a command file: what is unchanged keeps its bytes, comments and layout stay with their block.
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_json::Value;

use super::{CommandFile, QueueDraft, TaskDraft, align, line, parse, write};
use crate::model::{FieldError, Mode, QueueId};

/// Rewrites a file so that it holds these queues, in this order. The result has been parsed again and compared.
/// Errors name the field: `queues[0].processes[1].commands[0]`.
pub fn edit(file: &CommandFile, queues: &[QueueDraft]) -> Result<String, Vec<FieldError>> {
    let mut errors = check_queues(queues);
    let mut sheet = Sheet::new(file);
    let places = place(file, queues);
    let mut news = Vec::new();
    for (q, queue) in queues.iter().enumerate() {
        for (t, task) in queue.processes.iter().enumerate() {
            let path = format!("queues[{q}].processes[{t}]");
            match sheet.text_of(queue.id, task, places[q][t], &path) {
                Ok(body) => news.push(Placed {
                    queue: q,
                    place: places[q][t],
                    body,
                }),
                Err(mut more) => errors.append(&mut more),
            }
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    sheet.arrange(news);
    // In place, so that blocks of different queues may stay interleaved; if that gives the queues another order than
    // was asked for, queue after queue.
    for text in [sheet.compose(), sheet.regrouped()] {
        if parse(&text, file.mode).drafts() == queues {
            return Ok(text);
        }
    }
    Err(vec![FieldError::new(
        "queues",
        "not_reproducible",
        "cannot be written so that they read back the same; nothing was changed",
        "无法写成读回后仍相同的形式；文件未作改动",
    )])
}

/// Reads the queues out of what a caller sent: `[{id, processes: [{commands, gpu_count, memory}]}]`.
pub fn drafts(queues: &Value, mode: Mode) -> Result<Vec<QueueDraft>, Vec<FieldError>> {
    let mut errors = unknown_keys(queues);
    let mut wrong = |field: String, en: &str, zh: &str| errors.push(FieldError::new(field, "type", en, zh));
    let mut drafts = Vec::new();
    let list = queues.as_array().map(Vec::as_slice).unwrap_or_else(|| {
        wrong("queues".into(), "must be a list", "应为列表");
        &[]
    });
    for (q, queue) in list.iter().enumerate() {
        let path = format!("queues[{q}]");
        let id = queue["id"].as_u64().unwrap_or_else(|| {
            wrong(
                format!("{path}.id"),
                "must be a whole number from 0",
                "应为从 0 开始的整数",
            );
            0
        });
        let tasks = queue["processes"].as_array().map(Vec::as_slice).unwrap_or_else(|| {
            wrong(format!("{path}.processes"), "must be a list", "应为列表");
            &[]
        });
        let mut processes = Vec::new();
        for (t, task) in tasks.iter().enumerate() {
            let path = format!("{path}.processes[{t}]");
            let texts = task["commands"].as_array();
            let commands: Option<Vec<String>> =
                texts.and_then(|list| list.iter().map(|text| text.as_str().map(str::to_owned)).collect());
            if commands.is_none() {
                wrong(format!("{path}.commands"), "must be a list of texts", "应为文本列表");
            }
            let count = match &task["gpu_count"] {
                Value::Null if mode == Mode::Single => Some(1),
                value => value.as_i64().map(|n| u32::try_from(n).unwrap_or(0)),
            };
            if count.is_none() {
                wrong(
                    format!("{path}.gpu_count"),
                    "must be a whole number from 1",
                    "应为从 1 开始的整数",
                );
            }
            let memory = task["memory"].as_f64();
            if memory.is_none() {
                wrong(
                    format!("{path}.memory"),
                    "must be a number above 0, in GiB",
                    "应为大于 0 的数字（GiB）",
                );
            }
            if let (Some(commands), Some(gpu_count), Some(memory)) = (commands, count, memory) {
                processes.push(TaskDraft {
                    commands,
                    gpu_count,
                    memory,
                });
            }
        }
        drafts.push(QueueDraft {
            id: QueueId(id),
            processes,
        });
    }
    if errors.is_empty() { Ok(drafts) } else { Err(errors) }
}

/// Keys that no queue and no task has: whoever sent them meant something that would be lost.
fn unknown_keys(queues: &Value) -> Vec<FieldError> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut errors = Vec::new();
    let mut look = |path: String, value: &Value, known: &[&str]| {
        let keys = value.as_object().into_iter().flat_map(|object| object.keys());
        errors.extend(keys.filter(|key| !known.contains(&key.as_str())).map(|key| {
            FieldError::new(
                format!("{path}.{key}"),
                "unknown_key",
                format!("is not known here: there is {}", known.join(", ")),
                format!("没有这个字段；可用的有 {}", known.join("、")),
            )
        }));
    };
    for (q, queue) in list(queues).iter().enumerate() {
        look(format!("queues[{q}]"), queue, &["id", "processes"]);
        for (t, task) in list(&queue["processes"]).iter().enumerate() {
            let path = format!("queues[{q}].processes[{t}]");
            look(path, task, &["id", "commands", "gpu_count", "memory"]);
        }
    }
    errors
}

fn check_queues(queues: &[QueueDraft]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut seen = HashSet::new();
    for (q, queue) in queues.iter().enumerate() {
        if !seen.insert(queue.id) {
            let id = queue.id;
            errors.push(FieldError::new(
                format!("queues[{q}].id"),
                "duplicate",
                format!("another queue has the id {id} already"),
                format!("已有其他队列使用 ID {id}"),
            ));
        }
        if queue.processes.is_empty() {
            errors.push(FieldError::new(
                format!("queues[{q}].processes"),
                "empty",
                "must have at least one task; leave the queue out to remove it",
                "至少要有一个任务；若要删除队列请将其整个去掉",
            ));
        }
    }
    errors
}

/// Where a task of the drafts comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// From this paragraph, which stays where it is.
    Stays(usize),
    /// From this paragraph, which moves.
    Moves(usize),
    /// It is new.
    New,
}

/// Finds for each task of the drafts the paragraph that it was.
fn place(file: &CommandFile, queues: &[QueueDraft]) -> Vec<Vec<Place>> {
    let mut olds: HashMap<QueueId, Vec<usize>> = HashMap::new();
    for (i, paragraph) in file.paragraphs.iter().enumerate() {
        if let Some((block, _)) = paragraph.task() {
            olds.entry(block.queue).or_default().push(i);
        }
    }
    let mut used = HashSet::new();
    let mut places: Vec<Vec<Place>> = Vec::new();
    for queue in queues {
        // The second of two queues with one id gets nothing: it is refused anyway.
        let old = olds.remove(&queue.id).unwrap_or_default();
        let found = same_queue(file, &old, &queue.processes);
        used.extend(found.iter().flatten().copied());
        places.push(
            found
                .into_iter()
                .map(|at| at.map_or(Place::New, Place::Stays))
                .collect(),
        );
    }
    // What is left over on both sides and runs the same commands was moved, within its queue or to another one.
    let mut left: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (i, paragraph) in file.paragraphs.iter().enumerate().rev() {
        if let Some((block, _)) = paragraph.task().filter(|_| !used.contains(&i)) {
            left.entry(&block.commands).or_default().push(i);
        }
    }
    for (queue, places) in queues.iter().zip(&mut places) {
        for (task, place) in queue.processes.iter().zip(places) {
            if *place == Place::New
                && let Some(i) = left.get_mut(task.commands.as_slice()).and_then(Vec::pop)
            {
                *place = Place::Moves(i);
            }
        }
    }
    places
}

/// Aligns the tasks of one queue: equal ones first, then those with equal commands between them. What is left between
/// two matches was changed in place, unless it can be found elsewhere (that is seen later, so equal counts only).
fn same_queue(file: &CommandFile, old: &[usize], new: &[TaskDraft]) -> Vec<Option<usize>> {
    let mut found = vec![None; new.len()];
    let commands: Vec<&[String]> = old
        .iter()
        .filter_map(|&i| file.paragraphs[i].task())
        .map(|(block, _)| block.commands.as_slice())
        .collect();
    let before: HashSet<&[String]> = commands.iter().copied().collect();
    let after: HashSet<&[String]> = new.iter().map(|task| task.commands.as_slice()).collect();
    let whole = |i: usize| {
        file.paragraphs[old[i]]
            .task()
            .map(|(b, _)| (&b.commands, b.gpu_count, b.memory_gb.to_bits()))
    };
    let old_whole: Vec<_> = (0..old.len()).filter_map(whole).collect();
    let new_whole: Vec<_> = new
        .iter()
        .map(|t| (&t.commands, t.gpu_count, t.memory.to_bits()))
        .collect();
    let exact = align::common(&old_whole, &new_whole);
    for (old_gap, new_gap) in gaps(&exact, old.len(), new.len()) {
        let wanted: Vec<&[String]> = new[new_gap.clone()].iter().map(|t| t.commands.as_slice()).collect();
        let alike = align::common(&commands[old_gap.clone()], &wanted);
        for (a, b) in &alike {
            found[new_gap.start + b] = Some(old[old_gap.start + a]);
        }
        for (old_rest, new_rest) in gaps(&alike, old_gap.len(), new_gap.len()) {
            let unknown = |b: &usize| !before.contains(new[new_gap.start + b].commands.as_slice());
            let gone = |a: &usize| !after.contains(commands[old_gap.start + a]);
            for (a, b) in old_rest.filter(gone).zip(new_rest.filter(unknown)) {
                found[new_gap.start + b] = Some(old[old_gap.start + a]);
            }
        }
    }
    for (a, b) in exact {
        found[b] = Some(old[a]);
    }
    found
}

/// The stretches between matched pairs.
fn gaps(pairs: &[(usize, usize)], old: usize, new: usize) -> Vec<(Range<usize>, Range<usize>)> {
    let mut gaps = Vec::new();
    let (mut a, mut b) = (0, 0);
    for &(next_a, next_b) in pairs.iter().chain([&(old, new)]) {
        if a < next_a || b < next_b {
            gaps.push((a..next_a, b..next_b));
        }
        (a, b) = (next_a + 1, next_b + 1);
    }
    gaps
}

/// A task of the drafts with its text.
struct Placed {
    queue: usize,
    place: Place,
    body: String,
}

/// A paragraph of the new file.
#[derive(Clone)]
struct Chunk {
    body: String,
    gap: String,
    /// Place in the drafts' order, for tasks.
    rank: Option<usize>,
    /// The paragraph that it was.
    was: Option<usize>,
}

/// The new file while it is put together.
struct Sheet<'a> {
    file: &'a CommandFile,
    eol: &'static str,
    chunks: Vec<Chunk>,
}

impl<'a> Sheet<'a> {
    fn new(file: &'a CommandFile) -> Sheet<'a> {
        Sheet {
            file,
            eol: write::line_end(&file.text),
            chunks: Vec::new(),
        }
    }

    fn text_of(
        &mut self,
        queue: QueueId,
        task: &TaskDraft,
        place: Place,
        path: &str,
    ) -> Result<String, Vec<FieldError>> {
        match place {
            Place::New => write::block(self.file.mode, self.eol, queue, task, path),
            Place::Stays(i) | Place::Moves(i) => write::change(self.file, &self.file.paragraphs[i], queue, task, path),
        }
    }

    /// Puts the tasks among what stays: those that stay in their places, each other one after the one before it.
    fn arrange(&mut self, placed: Vec<Placed>) {
        let mut ranks: HashMap<usize, usize> = HashMap::new();
        // What comes in front of a paragraph, behind it, and at the end of the file.
        let mut before: Vec<Vec<usize>> = vec![Vec::new(); self.file.paragraphs.len()];
        let mut after = before.clone();
        let mut at_end = Vec::new();
        let mut cursor: Option<usize> = None;
        let mut start = 0;
        for queue in placed.chunk_by(|a, b| a.queue == b.queue) {
            // A queue's first tasks go in front of the next one of it that stays; where none does, the queue follows
            // the one before it.
            let stays = |task: &Placed| match task.place {
                Place::Stays(i) => Some(i),
                _ => None,
            };
            let first = queue.iter().find_map(stays);
            let mut seen = false;
            for (rank, task) in (start..).zip(queue) {
                match (stays(task), first, cursor) {
                    (Some(i), ..) => {
                        ranks.insert(i, rank);
                        cursor = Some(i);
                        seen = true;
                    }
                    (None, Some(first), _) if !seen => before[first].push(rank),
                    (None, _, Some(i)) => after[i].push(rank),
                    (None, _, None) => at_end.push(rank),
                }
            }
            start += queue.len();
        }
        let new_chunk = |rank: usize| {
            let was = match placed[rank].place {
                Place::Moves(i) => Some(i),
                _ => None,
            };
            let gap = was.map_or(self.eol, |i| &self.file.text[self.file.paragraphs[i].gap.clone()]);
            Chunk {
                body: placed[rank].body.clone(),
                gap: gap.into(),
                rank: Some(rank),
                was,
            }
        };
        let mut chunks = Vec::new();
        for (i, paragraph) in self.file.paragraphs.iter().enumerate() {
            chunks.extend(before[i].iter().copied().map(new_chunk));
            let body = match (paragraph.task(), ranks.get(&i)) {
                (None, _) => Some(self.file.text[paragraph.body.clone()].to_owned()),
                (Some(_), Some(&rank)) => Some(placed[rank].body.clone()),
                (Some(_), None) => None,
            };
            if let Some(body) = body {
                let gap = self.file.text[paragraph.gap.clone()].to_owned();
                chunks.push(Chunk {
                    body,
                    gap,
                    rank: ranks.get(&i).copied(),
                    was: Some(i),
                });
            }
            chunks.extend(after[i].iter().copied().map(new_chunk));
        }
        chunks.extend(at_end.into_iter().map(new_chunk));
        self.chunks = chunks;
    }

    fn compose(&self) -> String {
        self.join(&self.chunks)
    }

    /// The same with the tasks in the order of the drafts. What is no task stays behind the task that it follows.
    fn regrouped(&self) -> String {
        let mut riders: Vec<(Option<usize>, &Chunk)> = Vec::new();
        let mut behind = None;
        for chunk in &self.chunks {
            behind = chunk.rank.or(behind);
            riders.push((behind, chunk));
        }
        // Stable, and None (what stands above the first task) sorts first.
        riders.sort_by_key(|(rank, _)| *rank);
        let chunks: Vec<Chunk> = riders.into_iter().map(|(_, chunk)| chunk.clone()).collect();
        self.join(&chunks)
    }

    fn join(&self, chunks: &[Chunk]) -> String {
        let text = &self.file.text;
        let paragraphs = &self.file.paragraphs;
        let mut out = text[..paragraphs.first().map_or(text.len(), |p| p.body.start)].to_owned();
        if !out.is_empty()
            && paragraphs.is_empty()
            && !chunks.is_empty()
            && !out.ends_with(['\n', line::BYTE_ORDER_MARK])
        {
            out.push_str(self.eol);
        }
        // What stood below something else does not become the file's own mark when it comes to stand first.
        if out.is_empty()
            && chunks
                .first()
                .is_some_and(|first| first.body.starts_with(line::BYTE_ORDER_MARK))
        {
            out.push_str(self.eol);
        }
        let last = paragraphs.len().checked_sub(1);
        for (i, chunk) in chunks.iter().enumerate() {
            out.push_str(&chunk.body);
            if i + 1 < chunks.len() {
                // There is always a blank line between two paragraphs.
                if !chunk.body.ends_with('\n') {
                    out.push_str(self.eol);
                }
                out.push_str(&chunk.gap);
                if !chunk.gap.ends_with('\n') {
                    out.push_str(self.eol);
                }
            } else if last.is_some_and(|last| chunk.was != Some(last)) {
                self.end_as_before(&mut out);
            } else if last.is_some() {
                out.push_str(&chunk.gap);
            }
        }
        out
    }

    /// The file ends as it did: with or without a last newline, with the same blank lines.
    fn end_as_before(&self, out: &mut String) {
        let Some(last) = self.file.paragraphs.last() else {
            return;
        };
        if self.file.text[last.body.clone()].ends_with('\n') {
            if !out.ends_with('\n') {
                out.push_str(self.eol);
            }
            out.push_str(&self.file.text[last.gap.clone()]);
        } else {
            out.truncate(out.trim_end_matches(['\r', '\n']).len());
        }
    }
}
