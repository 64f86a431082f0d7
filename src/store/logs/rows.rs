//! Windows of a log by lines: the last ones, those from a place on, those before a place. Bounded in time and memory, however
//! long a line is and however often it was drawn anew.
use std::borrow::Cow;

use memchr::{memchr, memrchr};

use super::{CHUNK, Index, Log, redraw};
use crate::StoreError;

/// Bytes of one line that are shown; the rest is there by its range.
const SHOWN: usize = 16 << 10;
/// Bytes at the end of a long line among which its final state is looked for.
const STATE: u64 = 64 << 10;
/// Bytes that one window reads at most to find where lines begin and end, where no index helps.
const FAR: u64 = 16 << 20;

/// Which lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// From this byte on; it should be where a line begins.
    From(u64),
    /// Those that end at this byte or before it.
    Before(u64),
}

/// A line, as a terminal shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Where it begins.
    pub offset: u64,
    /// Where the next one begins.
    pub end: u64,
    /// Its final state, without its newline.
    pub bytes: Vec<u8>,
    /// How often it was drawn anew; as far as it was looked through where there is no index yet.
    pub redraws: u64,
    /// It is longer than what is shown.
    pub cut: bool,
    /// Its newline is not there yet.
    pub open: bool,
}

/// Lines that follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// In the file's order.
    pub rows: Vec<Row>,
    /// More lines were asked for, and are there, than fit.
    pub cut: bool,
    /// The first one is not shown from where it begins: that is too far away.
    pub torn: bool,
}

impl Log {
    /// A window of at most `count` lines whose text is at most about `limit` bytes.
    pub fn rows(&self, index: &Index, window: Window, count: usize, limit: usize) -> Result<Rows, StoreError> {
        let mut reader = Reader {
            log: self,
            index,
            size: self.size()?,
            budget: FAR,
        };
        match window {
            Window::From(offset) => reader.forward(offset, count, limit),
            Window::Before(end) => reader.backward(end, count, limit),
        }
    }
}

struct Reader<'a> {
    log: &'a Log,
    index: &'a Index,
    size: u64,
    /// What is left of [`FAR`].
    budget: u64,
}

impl Reader<'_> {
    fn forward(&mut self, from: u64, count: usize, limit: usize) -> Result<Rows, StoreError> {
        let mut found = Rows::default();
        let (mut at, mut text) = (from.min(self.size), 0);
        let mut buffer = Vec::new();
        let mut begin = at;
        while at < self.size && found.rows.len() < count {
            if text >= limit {
                found.cut = true;
                break;
            }
            let rest = &buffer[(at - begin) as usize..];
            let row = match memchr(b'\n', rest) {
                Some(end) if end <= SHOWN => self.short(at, &rest[..=end]),
                _ if (rest.len() as u64) < (CHUNK as u64).min(self.size - at) => {
                    buffer = self.log.read(at, CHUNK)?;
                    begin = at;
                    if buffer.is_empty() {
                        break;
                    }
                    continue;
                }
                _ => {
                    let end = self.line_end(at)?;
                    self.long(at, end)?
                }
            };
            text += row.bytes.len();
            at = row.end;
            if at - begin > buffer.len() as u64 {
                (buffer, begin) = (Vec::new(), at);
            }
            found.rows.push(row);
        }
        Ok(found)
    }

    fn backward(&mut self, end: u64, count: usize, limit: usize) -> Result<Rows, StoreError> {
        let mut found = Rows::default();
        let (mut end, mut text) = (end.min(self.size), 0);
        while end > 0 && found.rows.len() < count {
            if text >= limit {
                found.cut = true;
                break;
            }
            let (starts, torn) = self.starts_before(end, count - found.rows.len())?;
            // From the last one on: those before it fit or do not.
            for start in starts.iter().rev() {
                if text >= limit {
                    found.cut = true;
                    break;
                }
                let row = self.whole(*start, end)?;
                (text, end) = (text + row.bytes.len(), *start);
                found.rows.push(row);
            }
            if torn || starts.is_empty() {
                found.torn = torn;
                break;
            }
            if found.cut {
                break;
            }
        }
        found.rows.reverse();
        Ok(found)
    }

    /// Where the last lines before `end` begin, the last one first found; some of them, at least one. And whether the first
    /// of these begins still further away.
    fn starts_before(&mut self, end: u64, count: usize) -> Result<(Vec<u64>, bool), StoreError> {
        let mut starts = Vec::new();
        // The newline right before `end` ends the last line.
        let mut at = end.saturating_sub(1);
        let mut first = at;
        while starts.len() < count {
            if at == 0 {
                starts.push(0);
                return Ok((sorted(starts), false));
            }
            let skipped = self.index.skip_backward(at);
            if skipped < at {
                at = skipped;
                continue;
            }
            if self.budget == 0 {
                starts.push(first.min(at));
                return Ok((sorted(starts), true));
            }
            // Not across a mark: from there on, the index may know better.
            let mark = (at - 1) / self.index.stride * self.index.stride;
            let length = (at - mark).min(CHUNK as u64).min(self.budget);
            let bytes = self.log.read(at - length, length as usize)?;
            self.budget -= length;
            if (bytes.len() as u64) < length {
                // It became shorter meanwhile.
                return Ok((sorted(starts), false));
            }
            let mut rest = &bytes[..];
            while let Some(newline) = memrchr(b'\n', rest) {
                starts.push(at - length + newline as u64 + 1);
                rest = &rest[..newline];
                if starts.len() == count {
                    break;
                }
            }
            at -= length;
            first = at;
        }
        Ok((sorted(starts), false))
    }

    /// The place behind the newline that ends the line at `from`, or the file's end.
    fn line_end(&mut self, from: u64) -> Result<u64, StoreError> {
        let mut at = from;
        while at < self.size {
            at = self.index.skip_forward(at).min(self.size);
            if self.budget == 0 {
                // Too far: the line goes on, and is shown as if it ended here.
                return Ok(at);
            }
            let length = (CHUNK as u64).min(self.size - at).min(self.budget);
            let bytes = self.log.read(at, length as usize)?;
            self.budget -= length;
            if bytes.is_empty() {
                break;
            }
            if let Some(newline) = memchr(b'\n', &bytes) {
                return Ok(at + newline as u64 + 1);
            }
            at += bytes.len() as u64;
        }
        Ok(at.min(self.size))
    }

    /// The line in `offset..end`.
    fn whole(&mut self, offset: u64, end: u64) -> Result<Row, StoreError> {
        if end - offset <= SHOWN as u64 + 1 {
            let bytes = self.log.read(offset, (end - offset) as usize)?;
            return Ok(self.short(offset, &bytes));
        }
        self.long(offset, end)
    }

    fn short(&self, offset: u64, line: &[u8]) -> Row {
        let open = !line.ends_with(b"\n") && offset + line.len() as u64 >= self.size;
        let (state, redraws) = redraw::last_state(line.strip_suffix(b"\n").unwrap_or(line));
        Row {
            offset,
            end: offset + line.len() as u64,
            bytes: state.into_owned(),
            redraws,
            cut: false,
            open,
        }
    }

    /// A line that is too long to be shown whole: its final state if it was drawn anew, else its beginning.
    fn long(&mut self, offset: u64, end: u64) -> Result<Row, StoreError> {
        let tail_from = offset.max(end.saturating_sub(STATE));
        let tail = self.log.read(tail_from, (end - tail_from) as usize)?;
        let open = !tail.ends_with(b"\n") && end >= self.size;
        let tail = redraw::trim_returns(tail.strip_suffix(b"\n").unwrap_or(&tail));
        let (state, in_tail) = redraw::last_state(tail);
        let mut cut = true;
        let mut bytes: Cow<'_, [u8]> = if in_tail > 0 {
            cut = false;
            state
        } else {
            Cow::Owned(self.log.read(offset, SHOWN.min((end - offset) as usize))?)
        };
        if bytes.len() > SHOWN {
            cut = true;
            bytes.to_mut().truncate(SHOWN);
        }
        if let Some(newline) = memchr(b'\n', &bytes) {
            bytes.to_mut().truncate(newline);
        }
        let before = self.returns(offset, tail_from)?;
        Ok(Row {
            offset,
            end,
            bytes: bytes.into_owned(),
            redraws: before + in_tail,
            cut,
            open,
        })
    }

    /// Carriage returns between two places: by the index, else as far as the budget goes.
    fn returns(&mut self, from: u64, to: u64) -> Result<u64, StoreError> {
        let known = self.index.before(self.log, from)?.zip(self.index.before(self.log, to)?);
        if let Some((from, to)) = known {
            return Ok(to.returns.saturating_sub(from.returns));
        }
        let (mut at, mut count) = (from, 0);
        while at < to && self.budget > 0 {
            let length = (CHUNK as u64).min(to - at).min(self.budget);
            let bytes = self.log.read(at, length as usize)?;
            self.budget -= length;
            if bytes.is_empty() {
                break;
            }
            count += memchr::memchr_iter(b'\r', &bytes).count() as u64;
            at += bytes.len() as u64;
        }
        Ok(count)
    }
}

fn sorted(mut starts: Vec<u64>) -> Vec<u64> {
    starts.reverse();
    starts
}
