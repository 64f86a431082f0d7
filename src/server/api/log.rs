//! `/api/log/content`: a part of a task's own log.
use std::{path::PathBuf, sync::Arc};

use axum::{Extension, Json, extract::State};
use gpuyard_core::{
    model::{ConfigKey, Lang, Mode, QueueId, RunId},
    queue::Task,
    wire::LogContent,
};
use gpuyard_store::logs::{Log, Part};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{app::App, error::ApiError, extract::Ask, limits};

/// Lines that are shown where nothing else is asked for.
const TAIL_LINES: u64 = 100;

/// Which log, and which part of it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `single` or `multi`.
    mode: Mode,
    /// Index of the command file, from 0.
    #[serde(default)]
    config_index: u32,
    /// The queue.
    queue_id: u64,
    /// The task's place in its queue, from 0.
    #[serde(default)]
    process_index: u32,
    /// Another run than the newest of the command file.
    run_id: Option<String>,
    /// Another attempt than the last.
    attempt: Option<u32>,
    /// The last lines, so many (100 where nothing is asked for).
    tail_lines: Option<u64>,
    /// From this line on.
    line: Option<u64>,
    /// So many lines.
    count: Option<u64>,
    /// From this byte on.
    offset: Option<u64>,
    /// So many bytes.
    limit: Option<u64>,
}

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(content))
}

/// A part of a task's log.
#[utoipa::path(
    get, path = "/api/log/content", params(Wanted),
    responses((status = 200, body = LogContent), (status = 404, description = "The task has no log yet.")),
)]
async fn content(
    State(app): State<Arc<App>>,
    Extension(lang): Extension<Lang>,
    Ask(wanted): Ask<Wanted>,
) -> Result<Json<LogContent>, ApiError> {
    let read = move |app: &Arc<App>| {
        app.runs.refresh()?;
        let path = path(app, &wanted)?;
        let part = match Log::open(&path).and_then(|log| part(&log, &wanted)) {
            Err(error) if error.is_not_found() => return Err(not_there()),
            part => part?,
        };
        let bytes = whole_letters(&part);
        Ok(Json(LogContent {
            success: true,
            message: match (part.cut, lang) {
                (true, _) => lang
                    .pick(
                        "more was asked for than one answer holds",
                        "请求的内容超过单次上限，已截断",
                    )
                    .into(),
                _ => String::new(),
            },
            content: String::from_utf8_lossy(bytes).into_owned(),
            log_path: path.display().to_string(),
            size: part.size,
            offset: part.offset,
            next_offset: part.offset + bytes.len() as u64,
            total_lines: part.total_lines,
        }))
    };
    app.blocking(read).await
}

/// The log's file. Its name comes from the run's own records, never from the caller.
fn path(app: &App, wanted: &Wanted) -> Result<PathBuf, ApiError> {
    let key = ConfigKey {
        mode: wanted.mode,
        index: wanted.config_index,
    };
    let run_id = wanted.run_id.clone().map(RunId).or_else(|| app.runs.newest_of(key));
    let run_id = run_id.ok_or_else(|| ApiError::not_found("no_such_run", "it has not run yet", "尚未运行过"))?;
    let (queue, place) = (QueueId(wanted.queue_id), wanted.process_index as usize);
    let task: Option<Task> = app.runs.find_task(&run_id, |machine| {
        machine.run().queues.get(&queue)?.processes.get(place)
    })?;
    let task = task.ok_or_else(|| ApiError::not_found("no_such_task", "there is no such task", "没有这个任务"))?;
    let last = app.root.resolve(task.log_path.as_deref().ok_or_else(not_there)?);
    let path = match wanted.attempt {
        None => last,
        // Attempts lie side by side, each in a folder that is its number.
        Some(number) => {
            let beside = last.parent().and_then(|folder| folder.parent()).zip(last.file_name());
            beside
                .map(|(folder, name)| folder.join(number.to_string()).join(name))
                .ok_or_else(not_there)?
        }
    };
    let plain = path
        .components()
        .all(|part| !matches!(part, std::path::Component::ParentDir));
    if plain && path.starts_with(app.root.tasks_dir()) {
        Ok(path)
    } else {
        Err(not_there())
    }
}

fn part(log: &Log, wanted: &Wanted) -> Result<Part, gpuyard_store::StoreError> {
    if let Some(offset) = wanted.offset {
        return log.range(offset, wanted.limit.unwrap_or(limits::LOG_BYTES).min(limits::LOG_BYTES));
    }
    let lines = |asked: Option<u64>| asked.unwrap_or(TAIL_LINES).min(limits::LOG_LINES);
    match wanted.line {
        Some(line) => log.lines(line, lines(wanted.count)),
        None => log.tail(lines(wanted.tail_lines) as usize),
    }
}

/// What was read, less the first bytes of a letter whose rest was not: the next read begins with it.
fn whole_letters(part: &Part) -> &[u8] {
    let from = part.bytes.len().saturating_sub(3);
    let begun = part.bytes[from..]
        .iter()
        .rposition(|byte| *byte >= 0xc0)
        .map(|at| from + at);
    match begun.map(|at| (at, std::str::from_utf8(&part.bytes[at..]))) {
        Some((at, Err(error))) if error.error_len().is_none() && at > 0 => &part.bytes[..at],
        _ => &part.bytes,
    }
}

fn not_there() -> ApiError {
    ApiError::not_found(
        "no_log",
        "there is no such log: the task has not run yet",
        "没有这个日志：任务尚未运行",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_letter_is_torn_in_two() {
        let whole = |bytes: &[u8]| {
            let part = Part {
                bytes: bytes.to_vec(),
                offset: 0,
                size: 9,
                total_lines: None,
                cut: false,
            };
            whole_letters(&part).len()
        };
        assert_eq!(whole("ab中".as_bytes()), 5);
        assert_eq!(whole(&"ab中".as_bytes()[..4]), 2);
        assert_eq!(whole(&"ab中".as_bytes()[..3]), 2);
        assert_eq!(whole(b"ab"), 2);
        assert_eq!(whole(b"a\xff"), 2, "what is no letter at all is shown as such");
        assert_eq!(whole(b""), 0);
    }
}
