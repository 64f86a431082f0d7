//! A log as server-sent events: what is there, what is appended, and what becomes of the file.
use std::{path::PathBuf, sync::Arc};

use axum::body::Bytes;
use gpuyard_core::{
    model::Lang,
    wire::{LogBreak, LogHead, LogStreamEvent},
};
use gpuyard_store::logs::{Encoding, Window};
use serde::Deserialize;
use tokio::{sync::mpsc::Sender, time::Instant};
use utoipa::IntoParams;

use super::{Asked, Next, Standing, Which, part, watch::LogWatch, which::refusal};
use crate::{app::App, error::ApiError, guard::Principal, limits};

/// From where a log is followed.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct From {
    /// The last lines first, so many (10 where nothing is said).
    tail_lines: Option<u64>,
    /// From this byte on.
    offset: Option<u64>,
    /// How its bytes are read: `utf-8`, `gbk`, …
    encoding: Option<String>,
}

/// Lines that come first where nothing is said.
const TAIL_LINES: u64 = 10;

impl From {
    /// The last lines first, so many.
    pub(crate) fn tail(lines: u64) -> From {
        From {
            tail_lines: Some(lines),
            ..From::default()
        }
    }
}

/// A place in a log, as `id:` tells it and `Last-Event-ID` brings it back.
struct Place {
    /// Of an ad-hoc task.
    attempt: Option<u32>,
    generation: u64,
    offset: u64,
}

impl Place {
    fn parse(id: &str) -> Option<Place> {
        let (log, offset) = id.split_once('-')?;
        let (attempt, generation) = match log.split_once('.') {
            Some((attempt, generation)) => (Some(attempt.parse().ok()?), generation),
            None => (None, log),
        };
        Some(Place {
            attempt,
            generation: generation.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

/// One client that follows one log.
pub(crate) struct Following {
    app: Arc<App>,
    which: Which,
    lang: Lang,
    principal: Principal,
    wished: Option<Encoding>,
    encoding: Option<Encoding>,
    out: Sender<Bytes>,
    at: u64,
    generation: u64,
    /// The attempt that it has come to, of an ad-hoc task.
    attempt: Option<u32>,
    /// Another attempt's log begins, which has not been told yet.
    turns: bool,
    told: Option<LogHead>,
    beat: Instant,
}

/// What one look at the log brought.
struct Look {
    head: LogHead,
    broke: LogBreak,
    data: Vec<u8>,
    /// Where `data` begins; behind `at` where bytes were passed over.
    from: u64,
    /// The attempt will write no more.
    over: bool,
    next: Next,
}

impl Following {
    /// Begins at the place that is asked for; `resume` is the `Last-Event-ID` of a client that was here before.
    pub(crate) async fn begin(
        app: &Arc<App>,
        (principal, lang): (Principal, Lang),
        (which, from): (Which, From),
        resume: Option<String>,
        out: Sender<Bytes>,
    ) -> Result<Following, ApiError> {
        let wished = part::encoding(from.encoding.as_deref())?;
        let resume = resume.as_deref().and_then(Place::parse);
        let place = which.clone();
        let (standing, at, attempt) = app
            .blocking(move |app| {
                // Who was here before goes on with the attempt that it was at.
                let asked = place.find_at(app, resume.as_ref().and_then(|resume| resume.attempt))?;
                let attempt = asked.course.as_ref().map(|course| course.attempt);
                let (log, standing) = app.logs.open(&asked.path);
                let at = match (log, resume, from.offset) {
                    (Ok(_), Some(resume), _)
                        if (resume.attempt, resume.generation) == (attempt, standing.generation) =>
                    {
                        resume.offset
                    }
                    (Ok(_), None, Some(offset)) => offset.min(standing.size),
                    (Ok(log), None, None) => {
                        let count = from.tail_lines.unwrap_or(TAIL_LINES).min(limits::LOG_LINES) as usize;
                        let window = Window::Before(standing.size);
                        let rows = app.logs.with_index(&asked.path, |index| {
                            log.rows(index, window, count, limits::LOG_BYTES as usize)
                        })?;
                        rows.rows.first().map_or(standing.size, |row| row.offset)
                    }
                    // What is not there yet is waited for; what is no log never becomes one.
                    (Err(gpuyard_store::logs::Refused::Absent(_)), ..) | (Ok(_), Some(_), _) => 0,
                    (Err(refused), ..) => return Err(refusal(&refused)),
                };
                Ok((standing, at, attempt))
            })
            .await?;
        Ok(Following {
            app: Arc::clone(app),
            which,
            lang,
            principal,
            wished,
            encoding: wished,
            out,
            at,
            generation: standing.generation,
            attempt,
            turns: false,
            told: None,
            beat: Instant::now() + limits::HEARTBEAT,
        })
    }

    /// Sends until nobody takes it, the attempt is over, or the daemon ends.
    pub(crate) async fn work(mut self) {
        let mut watch: Option<(PathBuf, LogWatch)> = None;
        loop {
            let Ok((asked, look)) = self.look().await else { return };
            if watch.as_ref().is_none_or(|(of, _)| *of != asked.path) {
                watch = Some((asked.path.clone(), LogWatch::new(&asked.path, asked.told_in())));
            }
            let Some((_, eyes)) = &mut watch else { return };
            match self.tell(look).await {
                None => return,
                Some(Told::More) => continue,
                Some(Told::News) => eyes.found_news(),
                Some(Told::Nothing) => {}
            }
            let app = Arc::clone(&self.app);
            let mut out_of_it = self.app.guard.departures();
            let mut changed = std::pin::pin!(eyes.changed());
            loop {
                tokio::select! {
                    () = &mut changed => break,
                    () = tokio::time::sleep_until(self.beat) => if !self.beat().await { return },
                    Ok(()) = out_of_it.changed() => if !self.app.guard.is_in(&self.principal) { return },
                    () = self.out.closed() => return,
                    () = app.live.ending() => return,
                }
            }
        }
    }

    /// Looks at the log, off the thread that serves.
    async fn look(&self) -> Result<(Asked, Look), ApiError> {
        let (which, attempt, lang) = (self.which.clone(), self.attempt, self.lang);
        let (at, generation, turns) = (self.at, self.generation, self.turns);
        self.app
            .blocking(move |app| {
                let asked = which.find_at(app, attempt)?;
                // First how the attempt ended, then the log: all that was written before the end is there by then.
                let exit = asked.exit();
                let (log, standing) = app.logs.open(&asked.path);
                let refused = log.as_ref().err().map(refusal);
                let mut head = standing.head(&asked, refused.as_ref(), lang);
                head.exit = exit;
                let stays = !turns && standing.generation == generation;
                let begun = if stays { at } else { 0 };
                let from = passed_over(app, &asked, &log, &standing, begun)?;
                let data = match &log {
                    Ok(log) => log.range(from, limits::LOG_EVENT)?.bytes,
                    Err(_) => Vec::new(),
                };
                let course = asked.course.as_ref();
                let look = Look {
                    over: head.exit.is_some() || course.is_some_and(|course| course.over),
                    next: course.map_or(Next::End, |course| course.next.clone()),
                    head,
                    broke: standing.broke.unwrap_or(LogBreak::Rewritten),
                    data,
                    from,
                };
                Ok((asked, look))
            })
            .await
    }

    /// Sends what a look brought; `None` where it is over.
    async fn tell(&mut self, look: Look) -> Option<Told> {
        let mut told = Told::Nothing;
        let turns = std::mem::take(&mut self.turns);
        if turns || look.head.generation != self.generation {
            (self.generation, self.at) = (look.head.generation, 0);
            self.encoding = self.wished;
            let divider = LogStreamEvent::Divider {
                why: if turns { LogBreak::Attempt } else { look.broke },
                generation: self.generation,
            };
            self.send("divider", &divider).await?;
            told = Told::News;
        }
        if self.told.as_ref().is_none_or(|told| tells_more(told, &look.head)) {
            self.send("head", &LogStreamEvent::Head(look.head.clone())).await?;
            self.told = Some(look.head.clone());
        }
        if look.from > self.at {
            let skipped = LogStreamEvent::Skipped {
                from: self.at,
                to: look.from,
            };
            self.at = look.from;
            self.send("skipped", &skipped).await?;
        }
        if !look.data.is_empty() {
            told = Told::News;
            let end = look.from + look.data.len() as u64;
            let encoding = *self.encoding.get_or_insert_with(|| Encoding::guess(&look.data));
            // A guess from plain letters is none.
            if self.wished.is_none() && look.data.is_ascii() {
                self.encoding = None;
            }
            let torn = encoding.torn(&look.data);
            let whole = &look.data[..look.data.len() - torn];
            if !whole.is_empty() {
                let data = LogStreamEvent::Data {
                    offset: look.from,
                    end: end - torn as u64,
                    content: encoding.decode(whole).text.into_owned(),
                };
                self.at = end - torn as u64;
                self.send("data", &data).await?;
            } else if end == look.head.size {
                // A letter whose rest is not written yet.
                told = Told::Nothing;
            }
            if end < look.head.size {
                return Some(Told::More);
            }
        }
        if !look.over || self.at + 4 <= look.head.size {
            return Some(told);
        }
        match look.next {
            Next::End => {
                let _ = self.send("end", &LogStreamEvent::End(look.head)).await;
                None
            }
            Next::Attempt => {
                self.attempt = self.attempt.map(|attempt| attempt + 1);
                (self.at, self.turns) = (0, true);
                Some(Told::More)
            }
            Next::Perhaps(_) => Some(told),
        }
    }

    async fn send(&mut self, event: &'static str, data: &LogStreamEvent) -> Option<()> {
        let data = serde_json::to_string(data).ok()?;
        let attempt = self.attempt.map_or(String::new(), |attempt| format!("{attempt}."));
        let id = format!("{attempt}{}-{}", self.generation, self.at);
        let text = format!("event: {event}\nid: {id}\ndata: {data}\n\n");
        self.beat = Instant::now() + limits::HEARTBEAT;
        // Waits for a slow reader; what it misses meanwhile is passed over at the next look.
        self.out.send(text.into()).await.ok()
    }

    /// A sign of life; false where its client is no longer let in.
    async fn beat(&mut self) -> bool {
        self.beat = Instant::now() + limits::HEARTBEAT;
        self.app.guard.is_in(&self.principal) && self.out.send(Bytes::from_static(b": beat\n\n")).await.is_ok()
    }
}

/// What telling came to.
enum Told {
    /// There is more to be read at once.
    More,
    /// Something was new.
    News,
    /// Nothing was.
    Nothing,
}

/// Where to read on: what lies too far behind is passed over, to where a line begins.
fn passed_over(
    app: &App,
    asked: &Asked,
    log: &Result<gpuyard_store::logs::Log, gpuyard_store::logs::Refused>,
    standing: &Standing,
    at: u64,
) -> Result<u64, ApiError> {
    let Ok(log) = log else { return Ok(at) };
    if standing.size.saturating_sub(at) <= limits::LOG_BEHIND {
        return Ok(at);
    }
    let rows = app.logs.with_index(&asked.path, |index| {
        let window = Window::Before(standing.size - limits::LOG_EVENT);
        log.rows(index, window, 1, limits::LOG_CHUNK)
    })?;
    Ok(rows.rows.first().map_or(at, |row| row.end.max(at)))
}

/// Whether a head says something that data does not.
fn tells_more(told: &LogHead, now: &LogHead) -> bool {
    let but = |head: &LogHead| LogHead {
        size: 0,
        indexed: 0,
        total_lines: None,
        ..head.clone()
    };
    but(told) != but(now)
}
