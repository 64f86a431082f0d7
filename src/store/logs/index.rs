//! A sparse index of a log's lines: how many newlines and carriage returns stand before every so many bytes.
//!
//! A mark each MiB makes any line of a log of 10 GB a matter of reading one MiB. Marks are figures about bytes that do not
//! change any more, so a log that is appended to only gets further marks. Whether the bytes did change is told by a print:
//! the file's inode, its first bytes, and the last ones that were counted.
use memchr::memchr_iter;

use super::Log;
use crate::StoreError;

/// Bytes between two marks, as long as there are not too many of them.
const STRIDE: u64 = 1 << 20;
/// Marks kept at most, 16 bytes each; beyond, every other one goes: 64 GiB have a mark each MiB, 128 GiB one each 2 MiB.
const MOST_MARKS: usize = 1 << 16;
/// Bytes of a print's beginning and of its end.
const PRINT: usize = 256;

/// Newlines and carriage returns before a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Newlines.
    pub lines: u64,
    /// Carriage returns.
    pub returns: u64,
}

/// What a file's content was, as far as it was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Print {
    pub(super) inode: u64,
    pub(super) first: Vec<u8>,
    pub(super) last: Vec<u8>,
}

/// Why an index no longer fits its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Another file has its name.
    Rotated,
    /// It is shorter than what was counted.
    Truncated,
    /// What was counted is no longer what stands there.
    Rewritten,
}

/// The index of one log, as far as it has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub(super) stride: u64,
    /// The counts before 0, `stride`, 2 × `stride`, …; never empty.
    pub(super) marks: Vec<Count>,
    /// All before this is counted.
    pub(super) position: u64,
    /// The counts before `position`.
    pub(super) count: Count,
    pub(super) print: Print,
}

impl Default for Index {
    fn default() -> Self {
        Index {
            stride: STRIDE,
            marks: vec![Count::default()],
            position: 0,
            count: Count::default(),
            print: Print::default(),
        }
    }
}

impl Index {
    /// All before this is counted.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Lines of a file of this size, a last one without its newline counted; `None` where it is not counted to its end.
    pub fn total_lines(&self, size: u64) -> Option<u64> {
        let open = u64::from(self.position > 0 && self.print.last.last() != Some(&b'\n'));
        (self.position == size).then_some(self.count.lines + open)
    }

    /// Whether the file still begins with what was counted.
    pub fn check(&self, log: &Log) -> Result<Result<(), Broken>, StoreError> {
        if self.position == 0 {
            return Ok(Ok(()));
        }
        if log.inode()? != self.print.inode {
            return Ok(Err(Broken::Rotated));
        }
        if log.size()? < self.position {
            return Ok(Err(Broken::Truncated));
        }
        let first = log.read(0, self.print.first.len())?;
        let last = log.read(self.position - self.print.last.len() as u64, self.print.last.len())?;
        Ok(if first == self.print.first && last == self.print.last {
            Ok(())
        } else {
            Err(Broken::Rewritten)
        })
    }

    /// Counts on, until the file's end or until `budget` bytes have been read. Holes are passed over. Returns whether it is
    /// at the end.
    pub fn extend(&mut self, log: &Log, budget: u64) -> Result<bool, StoreError> {
        let size = log.size()?;
        let mut read = 0;
        while self.position < size && read < budget {
            let data = log.data_from(self.position, size)?;
            self.pass(data);
            let to_mark = self.stride - self.position % self.stride;
            let length = to_mark.min(size - self.position).min(STRIDE);
            if length == 0 {
                break;
            }
            let bytes = log.read(self.position, length as usize)?;
            if bytes.is_empty() {
                break;
            }
            read += bytes.len() as u64;
            self.take(&bytes);
        }
        self.print.inode = log.inode()?;
        if self.print.first.len() < PRINT && self.print.first.len() as u64 != self.position {
            self.print.first = log.read(0, PRINT.min(self.position as usize))?;
        }
        let last = PRINT.min(self.position as usize);
        self.print.last = log.read(self.position - last as u64, last)?;
        Ok(self.position >= size)
    }

    /// Passes over a hole up to `to`: there is no newline in it.
    fn pass(&mut self, to: u64) {
        while self.position < to {
            self.position = to.min((self.position / self.stride + 1) * self.stride);
            self.mark();
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.count.add(bytes);
        self.position += bytes.len() as u64;
        self.mark();
    }

    fn mark(&mut self) {
        if self.position.is_multiple_of(self.stride) {
            self.marks.push(self.count);
            if self.marks.len() > MOST_MARKS {
                let mut place = 0;
                self.marks.retain(|_| {
                    place += 1;
                    place % 2 == 1
                });
                // Their number was odd, so the last one stays: it is a mark of the doubled stride too.
                self.stride *= 2;
            }
        }
    }

    /// The counts before a place; `None` beyond what is counted.
    pub fn before(&self, log: &Log, offset: u64) -> Result<Option<Count>, StoreError> {
        if offset > self.position {
            return Ok(None);
        }
        if offset == self.position {
            return Ok(Some(self.count));
        }
        let place = (offset / self.stride) as usize;
        let mut count = self.marks[place];
        let mut at = place as u64 * self.stride;
        while at < offset {
            let bytes = log.read(at, (offset - at).min(STRIDE) as usize)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            count.add(&bytes);
            at += bytes.len() as u64;
        }
        Ok(Some(count))
    }

    /// Where line `line` (from 0) begins; `None` where that is beyond what is counted.
    pub fn start_of(&self, log: &Log, line: u64) -> Result<Option<u64>, StoreError> {
        if line > self.count.lines {
            return Ok(None);
        }
        if line == 0 {
            return Ok(Some(0));
        }
        // The last mark with fewer newlines before it: the one that ends the line before lies behind it.
        let place = self.marks.partition_point(|mark| mark.lines < line) - 1;
        let mut left = line - self.marks[place].lines;
        let mut at = place as u64 * self.stride;
        while at < self.position {
            let bytes = log.read(at, (self.position - at).min(STRIDE) as usize)?;
            if bytes.is_empty() {
                break;
            }
            for end in memchr_iter(b'\n', &bytes) {
                left -= 1;
                if left == 0 {
                    return Ok(Some(at + end as u64 + 1));
                }
            }
            at += bytes.len() as u64;
        }
        Ok(None)
    }

    /// Skips forward over what is known to hold no newline: the begin of the part that holds the next one behind `from`, or
    /// where the index ends.
    pub(super) fn skip_forward(&self, from: u64) -> u64 {
        let place = (from / self.stride) as usize + 1;
        let Some(here) = self.marks.get(place) else {
            return from;
        };
        // The first mark that has seen more newlines than the one behind `from`: between it and its neighbour one lies.
        let next = place + self.marks[place..].partition_point(|mark| mark.lines == here.lines);
        if self.marks[place].lines != self.marks[place - 1].lines {
            // One may lie in the very part that `from` is in.
            return from;
        }
        from.max((next as u64 - 1) * self.stride)
    }

    /// Skips backward over what is known to hold no newline: the end of the part that holds the last one before `to`.
    pub(super) fn skip_backward(&self, to: u64) -> u64 {
        let place = (to / self.stride) as usize;
        let Some(here) = self.marks.get(place) else {
            return to;
        };
        if place as u64 * self.stride != to {
            // Only from a mark on is it known without reading.
            return to;
        }
        let first = self.marks.partition_point(|mark| mark.lines < here.lines);
        to.min(first as u64 * self.stride)
    }
}

impl Count {
    fn add(&mut self, bytes: &[u8]) {
        self.lines += memchr_iter(b'\n', bytes).count() as u64;
        self.returns += memchr_iter(b'\r', bytes).count() as u64;
    }
}
