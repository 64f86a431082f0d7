//! A search through a log, sent line by line while it goes on.
use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Bytes;
use gpuyard_core::wire::{LogHit, LogLine, LogSearchEvent};
use gpuyard_store::logs::{Encoding, Found, Index, Log, Pattern, Told, Window, search};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc::Sender};
use utoipa::IntoParams;

use super::{Asked, Standing, counter::lower_priority, part};
use crate::{app::App, error::ApiError, limits};

/// Hits are sent together, but no later than this.
const TOGETHER: Duration = Duration::from_millis(50);
/// And no more bytes of them at once.
const PACKET: usize = 16 << 10;
/// Bytes at a log's beginning and end from which its encoding is guessed.
const SAMPLE: u64 = 64 << 10;

/// What is searched for.
#[derive(Clone, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// The text.
    #[param(min_length = 1, max_length = 1000)]
    q: String,
    /// It is a regular expression (Rust's: no look-around, no back-references).
    #[serde(default)]
    regex: bool,
    /// Upper and lower case are told apart.
    #[serde(default)]
    case: bool,
    /// Hits that are sent (1000); those beyond are counted only.
    limit: Option<u64>,
    /// So many lines before and after each hit, 20 at most.
    #[serde(default)]
    context: u64,
    /// From this byte on; it should be where a line begins.
    #[serde(default)]
    offset: u64,
    /// Up to this byte; without it, to the end as it is now.
    until: Option<u64>,
    /// How its bytes are read: `utf-8`, `gbk`, …
    encoding: Option<String>,
}

/// A search that is about to begin.
pub(crate) struct Search {
    log: Log,
    pattern: Pattern,
    encoding: Encoding,
    from: u64,
    until: u64,
    line: Option<u64>,
    limit: u64,
    context: usize,
    generation: u64,
}

impl Search {
    /// Opens the log and looks at the pattern.
    pub(crate) fn prepare(app: &App, asked: &Asked, query: &Query) -> Result<Search, ApiError> {
        let wished = part::encoding(query.encoding.as_deref())?;
        let (log, standing) = app.logs.open(&asked.path);
        let log = log.map_err(|refused| super::refusal(&refused))?;
        let encoding = match wished {
            Some(encoding) => encoding,
            None => guess(&log, &standing)?,
        };
        let pattern = Pattern::new(&query.q, query.regex, query.case, encoding).map_err(|bad| {
            ApiError::field(
                "q",
                "pattern",
                format!("cannot be searched for: {bad}"),
                format!("无法搜索：{bad}"),
            )
        })?;
        let until = query.until.unwrap_or(u64::MAX).min(standing.size);
        let from = query.offset.min(until);
        let line = app.logs.with_index(&asked.path, |index| index.before(&log, from))?;
        Ok(Search {
            line: line.map(|count| count.lines),
            log,
            pattern,
            encoding,
            from,
            until,
            limit: query.limit.unwrap_or(limits::HITS).min(limits::MOST_HITS),
            context: query.context.min(limits::HIT_CONTEXT) as usize,
            generation: standing.generation,
        })
    }

    /// Begins it, on a thread of its own; it ends when nobody takes what it sends.
    pub(crate) fn begin(self, out: Sender<Bytes>, turn: OwnedSemaphorePermit) -> Result<(), ApiError> {
        let thread = std::thread::Builder::new().name("log-search".into());
        let begun = thread.spawn(move || {
            lower_priority();
            self.run(&mut Post::new(out));
            drop(turn);
        });
        begun.map(|_| ()).map_err(ApiError::internal)
    }

    fn run(&self, post: &mut Post) {
        let (mut total, mut listed) = (0, 0);
        let size = self.until - self.from;
        let ended = search(
            &self.log,
            &self.pattern,
            (self.from, self.until),
            self.line,
            &mut |told| match told {
                Told::Hit(found) => {
                    total += 1;
                    if listed >= self.limit {
                        return post.check();
                    }
                    listed += 1;
                    post.put(&LogSearchEvent::Hit(self.hit(found)))
                }
                Told::Progress(scanned) => {
                    post.put(&LogSearchEvent::Progress { scanned, size, total })?;
                    post.flush()
                }
            },
        );
        let last = match ended {
            Ok(position) => LogSearchEvent::End {
                scanned: position - self.from,
                total,
                listed,
                complete: position >= self.until,
                generation: self.generation,
            },
            Err(error) => {
                tracing::warn!("a search ended: {error}");
                LogSearchEvent::Error {
                    code: "unreadable".into(),
                    message: error.to_string(),
                }
            }
        };
        // Who has gone misses nothing.
        let _ = post.put(&last);
        let _ = post.flush();
    }

    fn hit(&self, found: Found) -> LogHit {
        let lines = |window| self.lines(window);
        LogHit {
            before: lines(Window::Before(found.offset)),
            after: found.end.map(|end| lines(Window::From(end))).unwrap_or_default(),
            line: found.line.map(|line| line + 1),
            offset: found.offset,
            at: found.at,
            text: found.text,
            ranges: found.ranges,
            cut: found.cut,
        }
    }

    fn lines(&self, window: Window) -> Vec<LogLine> {
        if self.context == 0 {
            return Vec::new();
        }
        // What surrounds a hit is near it: no index is needed.
        let rows = self
            .log
            .rows(&Index::default(), window, self.context, limits::LOG_CHUNK);
        let rows = rows.map(|rows| rows.rows).unwrap_or_default();
        rows.into_iter().map(|row| part::line(row, self.encoding).0).collect()
    }
}

/// The encoding of a log by its beginning and its end.
fn guess(log: &Log, standing: &Standing) -> Result<Encoding, ApiError> {
    for from in [0, standing.size.saturating_sub(SAMPLE)] {
        // From a whole letter on: a line's begin, where one is near.
        let bytes = log.range(from, SAMPLE)?.bytes;
        let begin = match from {
            0 => 0,
            _ => bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1),
        };
        let encoding = Encoding::guess(&bytes[begin..]);
        if !encoding.is_utf8() {
            return Ok(encoding);
        }
    }
    Ok(Encoding::UTF_8)
}

/// Sends events a line each, several at once.
struct Post {
    out: Sender<Bytes>,
    waiting: Vec<u8>,
    sent: Option<Instant>,
}

impl Post {
    fn new(out: Sender<Bytes>) -> Post {
        Post {
            out,
            waiting: Vec::new(),
            sent: None,
        }
    }

    fn put(&mut self, event: &LogSearchEvent) -> ControlFlow<()> {
        // Plain structs with text keys: nothing in them can fail to serialise.
        if serde_json::to_writer(&mut self.waiting, event).is_ok() {
            self.waiting.push(b'\n');
        }
        if self.waiting.len() >= PACKET || self.sent.is_none_or(|sent| sent.elapsed() >= TOGETHER) {
            return self.flush();
        }
        ControlFlow::Continue(())
    }

    fn flush(&mut self) -> ControlFlow<()> {
        self.sent = Some(Instant::now());
        match self.out.blocking_send(std::mem::take(&mut self.waiting).into()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// Whether somebody still takes it.
    fn check(&self) -> ControlFlow<()> {
        match self.out.is_closed() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

/// A turn to search, once there is one.
pub(crate) async fn turn(app: &Arc<App>) -> Result<OwnedSemaphorePermit, ApiError> {
    app.logs.searches().acquire_owned().await.map_err(ApiError::internal)
}
