//! A part of a log, as it is asked for and answered.
use gpuyard_core::{
    model::Lang,
    wire::{LogContent, LogLine},
};
use gpuyard_store::logs::{Encoding, Index, Log, Row, Rows, Window};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::{Asked, Standing};
use crate::{app::App, error::ApiError, limits};

/// Lines that are shown where nothing else is asked for.
const TAIL_LINES: u64 = 100;

/// Which part of a log, and how.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Part {
    /// The last lines, so many (100 where nothing is asked for).
    tail_lines: Option<u64>,
    /// From this line on, from 1.
    line: Option<u64>,
    /// So many lines: from `line`, from `offset`, or before `before`.
    count: Option<u64>,
    /// From this byte on.
    offset: Option<u64>,
    /// Lines that end at this byte or before: the page above.
    before: Option<u64>,
    /// So many bytes at most.
    limit: Option<u64>,
    /// `text` (the bytes as text, in `content`) or `lines` (each line as a terminal shows it, in `lines`).
    #[serde(default)]
    #[param(inline)]
    form: Form,
    /// How its bytes are read: `utf-8`, `gbk`, … Without it: UTF-8, or GBK where they are none and look like that.
    encoding: Option<String>,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Form {
    /// One text.
    #[default]
    Text,
    /// Line by line.
    Lines,
}

/// The encoding of a query.
pub(crate) fn encoding(label: Option<&str>) -> Result<Option<Encoding>, ApiError> {
    let unknown = |label: &str| {
        ApiError::field(
            "encoding",
            "unknown",
            format!("`{label}` is no encoding that a log can be read in; `utf-8`, `gbk`, `gb18030`, `big5`, … are"),
            format!("`{label}` 不是可用的编码；可用 `utf-8`、`gbk`、`gb18030`、`big5` 等"),
        )
    };
    match label {
        None | Some("auto") => Ok(None),
        Some(label) => label.parse().map(Some).map_err(|()| unknown(label)),
    }
}

/// Where a part lies.
#[derive(Clone, Copy)]
enum Span {
    Lines(Window, usize),
    Bytes(u64, u64),
}

impl Part {
    /// Reads it.
    pub(crate) fn read(&self, app: &App, asked: &Asked, lang: Lang) -> Result<LogContent, ApiError> {
        let wished = encoding(self.encoding.as_deref())?;
        let (log, standing) = app.logs.open(&asked.path);
        let log = log.map_err(|refused| super::which::refusal(&refused))?;
        let read = app
            .logs
            .with_index(&asked.path, |index| self.cut_out(&log, index, &standing, wished));
        let mut answer = read?;
        answer.head = standing.head(asked, None, lang);
        answer.task = asked.task.clone();
        if answer.cut {
            answer.message = lang
                .pick(
                    "more was asked for than one answer holds",
                    "请求的内容超过单次上限，已截断",
                )
                .into();
        }
        Ok(answer)
    }

    fn cut_out(
        &self,
        log: &Log,
        index: &Index,
        standing: &Standing,
        wished: Option<Encoding>,
    ) -> Result<LogContent, ApiError> {
        let span = self.span(log, index, standing)?;
        let limit = self.limit.unwrap_or(limits::LOG_BYTES).min(limits::LOG_BYTES);
        let mut answer = match (self.form, span) {
            (Form::Lines, Span::Lines(window, count)) => {
                let rows = log.rows(index, window, count, limit as usize)?;
                lines(rows, window, standing, wished)
            }
            (Form::Lines, Span::Bytes(offset, limit)) => {
                let rows = log.rows(index, Window::From(offset), limits::LOG_LINES as usize, limit as usize)?;
                lines(rows, Window::From(offset), standing, wished)
            }
            (Form::Text, span) => {
                let (offset, length, cut) = match span {
                    Span::Bytes(offset, limit) => (offset, limit, self.limit.is_none_or(|asked| asked > limit)),
                    Span::Lines(window, count) => text_span(log, index, window, count, limit)?,
                };
                let part = log.range(offset, length)?;
                let cut = cut && part.end() < part.size && part.bytes.len() as u64 == length;
                text(&part.bytes, part.offset, cut, wished)
            }
        };
        answer.first_line = first_line(log, index, answer.offset)?;
        Ok(answer)
    }

    /// What is asked for: bytes, or lines from or before a place.
    fn span(&self, log: &Log, index: &Index, standing: &Standing) -> Result<Span, ApiError> {
        let at_most = |asked: Option<u64>| asked.unwrap_or(TAIL_LINES).min(limits::LOG_LINES) as usize;
        if let Some(end) = self.before {
            return Ok(Span::Lines(Window::Before(end), at_most(self.count)));
        }
        if let Some(offset) = self.offset {
            return Ok(match self.count {
                Some(_) => Span::Lines(Window::From(offset), at_most(self.count)),
                None => Span::Bytes(offset, self.limit.unwrap_or(limits::LOG_BYTES).min(limits::LOG_BYTES)),
            });
        }
        let Some(line) = self.line else {
            let count = at_most(self.tail_lines);
            return Ok(Span::Lines(Window::Before(standing.size), count));
        };
        let start = match index.start_of(log, line.saturating_sub(1))? {
            Some(start) => start,
            // Beyond the end.
            None if index.position() >= standing.size => standing.size,
            None => return Err(not_counted(line, standing)),
        };
        Ok(Span::Lines(Window::From(start), at_most(self.count)))
    }
}

fn not_counted(line: u64, standing: &Standing) -> ApiError {
    let Standing { indexed, size, .. } = standing;
    ApiError {
        retry_after: Some(1),
        ..ApiError::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "indexing",
            format!(
                "line {line} lies beyond the {indexed} of {size} bytes whose lines have been counted; ask again in a moment"
            ),
            format!("第 {line} 行尚在统计范围之外（已统计 {indexed}/{size} 字节），请稍后重试"),
        )
    }
}

/// Bytes of a window of lines: from where, how many, and whether there would be more.
fn text_span(log: &Log, index: &Index, window: Window, count: usize, limit: u64) -> Result<(u64, u64, bool), ApiError> {
    let rows = log.rows(index, window, count, limit as usize)?;
    let begin = rows.rows.first().map(|row| row.offset);
    let end = rows.rows.last().map(|row| row.end);
    let (Some(begin), Some(end)) = (begin, end) else {
        let at = match window {
            Window::From(at) | Window::Before(at) => at,
        };
        return Ok((at, 0, false));
    };
    if end - begin <= limit {
        return Ok((begin, end - begin, rows.cut));
    }
    Ok(match window {
        Window::From(_) => (begin, limit, true),
        Window::Before(_) => (end - limit, limit, true),
    })
}

/// Number of the line that begins at a place, from 1.
fn first_line(log: &Log, index: &Index, offset: u64) -> Result<Option<u64>, ApiError> {
    let begins = offset == 0 || log.range(offset - 1, 1)?.bytes == b"\n";
    if !begins {
        return Ok(None);
    }
    Ok(index.before(log, offset)?.map(|count| count.lines + 1))
}

fn empty() -> LogContent {
    LogContent {
        success: true,
        message: String::new(),
        content: String::new(),
        lines: None,
        offset: 0,
        end: 0,
        first_line: None,
        cut: false,
        encoding: Encoding::UTF_8.name(),
        bad_bytes: 0,
        binary: false,
        head: gpuyard_core::wire::LogHead::default(),
        task: None,
    }
}

fn text(bytes: &[u8], offset: u64, cut: bool, wished: Option<Encoding>) -> LogContent {
    let encoding = wished.unwrap_or_else(|| Encoding::guess(bytes));
    // Not the first bytes of a letter whose rest was not read: the next part begins with it.
    let torn = encoding.torn(bytes);
    let bytes = if torn < bytes.len() {
        &bytes[..bytes.len() - torn]
    } else {
        bytes
    };
    let text = encoding.decode(bytes);
    LogContent {
        content: text.text.into_owned(),
        offset,
        end: offset + bytes.len() as u64,
        cut,
        encoding: encoding.name(),
        bad_bytes: text.bad,
        binary: bytes.contains(&0),
        ..empty()
    }
}

fn lines(rows: Rows, window: Window, standing: &Standing, wished: Option<Encoding>) -> LogContent {
    let at = match window {
        Window::From(at) | Window::Before(at) => at.min(standing.size),
    };
    let encoding = wished.unwrap_or_else(|| guess(&rows.rows));
    let mut answer = LogContent {
        offset: rows.rows.first().map_or(at, |row| row.offset),
        end: rows.rows.last().map_or(at, |row| row.end),
        cut: rows.cut,
        encoding: encoding.name(),
        ..empty()
    };
    let mut shown = Vec::with_capacity(rows.rows.len());
    for row in rows.rows {
        answer.binary |= row.bytes.contains(&0);
        let (line, bad) = line(row, encoding);
        answer.bad_bytes += bad;
        shown.push(line);
    }
    answer.lines = Some(shown);
    answer
}

/// The encoding of the first line that is no UTF-8.
pub(crate) fn guess(rows: &[Row]) -> Encoding {
    rows.iter()
        .map(|row| Encoding::guess(&row.bytes))
        .find(|encoding| !encoding.is_utf8())
        .unwrap_or(Encoding::UTF_8)
}

/// A line as it is sent, and how many of its bytes are no text.
pub(crate) fn line(row: Row, encoding: Encoding) -> (LogLine, u64) {
    let torn = if row.cut { encoding.torn(&row.bytes) } else { 0 };
    let text = encoding.decode(&row.bytes[..row.bytes.len() - torn]);
    let bad = text.bad;
    let line = LogLine {
        offset: row.offset,
        end: row.end,
        text: text.text.into_owned(),
        redraws: row.redraws,
        cut: row.cut,
        open: row.open,
    };
    (line, bad)
}
