//! Search over the whole of a log, however large, in a few MiB of memory and at the speed of the disk.
//!
//! A hit is a line. Blocks of whole lines are searched at once; a match is then looked at again within its line alone, since a
//! pattern may reach over a newline. A line that is longer than a block is searched in pieces that overlap.
use std::ops::ControlFlow;

use memchr::{memchr, memchr_iter, memrchr};

use super::{Encoding, Log, redraw};
use crate::StoreError;

/// Read at once, and the length from which a line is searched in pieces.
const PIECE: usize = 1 << 20;
/// Pieces of a line share so many bytes: a match of up to that length is not torn.
const OVERLAP: usize = 4 << 10;
/// Bytes of a line that a hit shows before and behind its first match.
const BEFORE: usize = 512;
const BEHIND: usize = 1536;
/// Matches that are marked in one hit.
const MOST_RANGES: usize = 64;
/// Memory that a compiled pattern may take; a pattern that needs more is refused, not tried.
const PATTERN_BYTES: usize = 2 << 20;
/// Letters of a pattern.
pub const PATTERN_LETTERS: usize = 1000;
/// Bytes between two words of how far it has come.
const REPORT: u64 = 64 << 20;

/// What is searched for.
#[derive(Clone, Debug)]
pub struct Pattern {
    encoding: Encoding,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    /// UTF-8, and what is none in between: the bytes themselves.
    Bytes(regex::bytes::Regex),
    /// Other encodings: each line as text.
    Text(regex::Regex),
}

/// Why a pattern is none, in the words of the library.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadPattern(String);

/// A line that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its number, from 0; `None` where the search began at an unknown one.
    pub line: Option<u64>,
    /// Where it begins.
    pub offset: u64,
    /// Where the next one begins; `None` in a line so long that its end was not seen yet.
    pub end: Option<u64>,
    /// Where its first match begins.
    pub at: u64,
    /// The line, or what surrounds the first match.
    pub text: String,
    /// Matches in `text`, in UTF-16 units.
    pub ranges: Vec<[u32; 2]>,
    /// `text` is not the whole line.
    pub cut: bool,
}

/// What a search tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// A line matches.
    Hit(Found),
    /// So many bytes have been looked through.
    Progress(u64),
}

impl Pattern {
    /// A text, or a regular expression (of the `regex` crate: no look-around, no bad case).
    pub fn new(text: &str, is_regex: bool, case: bool, encoding: Encoding) -> Result<Pattern, BadPattern> {
        if text.is_empty() {
            return Err(BadPattern("it is empty".into()));
        }
        if text.chars().count() > PATTERN_LETTERS {
            return Err(BadPattern(format!("it is longer than {PATTERN_LETTERS} letters")));
        }
        let pattern = if is_regex { text.to_owned() } else { regex::escape(text) };
        let bad = |error: regex::Error| match error {
            regex::Error::CompiledTooBig(_) => BadPattern("it needs too much memory".into()),
            error => BadPattern(last_words(&error.to_string())),
        };
        // `.` and `$` stop at a carriage return too: what is between two of them is what was drawn.
        let matcher = if encoding.is_utf8() {
            let mut builder = regex::bytes::RegexBuilder::new(&pattern);
            builder.multi_line(true).crlf(true).case_insensitive(!case);
            builder.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
            Matcher::Bytes(builder.build().map_err(bad)?)
        } else {
            let mut builder = regex::RegexBuilder::new(&pattern);
            builder.multi_line(true).crlf(true).case_insensitive(!case);
            builder.size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
            Matcher::Text(builder.build().map_err(bad)?)
        };
        Ok(Pattern { encoding, matcher })
    }

    /// The first match at `from` or behind it, in a block of lines; where it begins.
    fn find(&self, block: &[u8], from: usize) -> Option<usize> {
        match &self.matcher {
            Matcher::Bytes(regex) => regex.find_at(block, from).map(|found| found.start()),
            Matcher::Text(regex) => {
                let mut at = from;
                while at < block.len() {
                    let end = memchr(b'\n', &block[at..]).map_or(block.len(), |end| at + end);
                    if regex.is_match(&self.encoding.decode(&block[at..end]).text) {
                        return Some(at);
                    }
                    at = end + 1;
                }
                None
            }
        }
    }

    /// Where the first match in one line begins; in other encodings than UTF-8, where the part of it begins that holds it.
    fn first_in(&self, line: &[u8]) -> Option<usize> {
        match &self.matcher {
            Matcher::Bytes(regex) => regex.find(line).map(|found| found.start()),
            Matcher::Text(regex) => {
                let text = self.encoding.decode(line).text;
                let before = &text[..regex.find(&text)?.start()];
                Some(
                    self.encoding
                        .encode(before)
                        .map_or(0, |bytes| bytes.len())
                        .min(line.len()),
                )
            }
        }
    }

    /// The part of a line that is shown, and where the matches are in it.
    fn show(&self, part: &[u8]) -> (String, Vec<[u32; 2]>) {
        let units = |text: &str| text.encode_utf16().count() as u32;
        match &self.matcher {
            Matcher::Bytes(regex) => {
                let text = |bytes: &[u8]| self.encoding.decode(bytes).text.into_owned();
                let ranges = regex.find_iter(part).take(MOST_RANGES).map(|found| {
                    let begin = units(&text(&part[..found.start()]));
                    [begin, begin + units(&text(found.as_bytes()))]
                });
                (text(part), ranges.collect())
            }
            Matcher::Text(regex) => {
                let text = self.encoding.decode(part).text.into_owned();
                let ranges = regex.find_iter(&text).take(MOST_RANGES).map(|found| {
                    let begin = units(&text[..found.start()]);
                    [begin, begin + units(found.as_str())]
                });
                let ranges = ranges.collect();
                (text, ranges)
            }
        }
    }
}

/// The line of a parser's error that says what is wrong.
fn last_words(error: &str) -> String {
    let last = error.lines().rev().find(|line| !line.trim().is_empty());
    last.unwrap_or_default().trim().trim_start_matches("error: ").to_owned()
}

/// Searches `from..until`. `line` is the number of the line that begins at `from`, from 0, where it is known. Ends early when
/// `tell` says so. Returns where it ended.
pub fn search(
    log: &Log,
    pattern: &Pattern,
    (from, until): (u64, u64),
    line: Option<u64>,
    tell: &mut dyn FnMut(Told) -> ControlFlow<()>,
) -> Result<u64, StoreError> {
    let mut scan = Scan {
        pattern,
        tell,
        base: from,
        line_start: from,
        line,
        told: false,
    };
    let mut buffer: Vec<u8> = Vec::with_capacity(2 * PIECE);
    let (mut position, mut reported) = (from, from);
    while position < until {
        let data = log.data_from(position, until)?;
        if data > position {
            // There is no newline in a hole, and nothing to be found: the line goes on behind it.
            if scan.piece(&buffer).is_break() {
                return Ok(position);
            }
            buffer.clear();
            (position, scan.base) = (data, data);
            continue;
        }
        let bytes = log.read(position, PIECE.min((until - position) as usize))?;
        if bytes.is_empty() {
            break;
        }
        position += bytes.len() as u64;
        buffer.extend_from_slice(&bytes);
        let flow = match memrchr(b'\n', &buffer) {
            Some(last) => {
                let flow = scan.lines(&buffer[..=last]);
                buffer.drain(..=last);
                flow
            }
            None if buffer.len() >= PIECE => {
                let flow = scan.piece(&buffer);
                let done = buffer.len() - OVERLAP;
                buffer.drain(..done);
                scan.base += done as u64;
                flow
            }
            None => ControlFlow::Continue(()),
        };
        if flow.is_break() {
            return Ok(position);
        }
        if position - reported >= REPORT {
            reported = position;
            if (scan.tell)(Told::Progress(position - from)).is_break() {
                return Ok(position);
            }
        }
    }
    // A last line without its newline.
    let _ = scan.piece(&buffer);
    Ok(position)
}

struct Scan<'a> {
    pattern: &'a Pattern,
    tell: &'a mut dyn FnMut(Told) -> ControlFlow<()>,
    /// Where the next block begins.
    base: u64,
    /// Where the line begins that it begins with.
    line_start: u64,
    line: Option<u64>,
    /// That line was told already, for an earlier piece of it.
    told: bool,
}

impl Scan<'_> {
    /// A block that ends with a newline.
    fn lines(&mut self, block: &[u8]) -> ControlFlow<()> {
        let (mut at, mut counted, mut number) = (0, 0, self.line);
        while let Some(found) = self.pattern.find(block, at).filter(|found| *found < block.len()) {
            let begin = memrchr(b'\n', &block[..found]).map_or(0, |end| end + 1);
            let end = memchr(b'\n', &block[found..]).map_or(block.len(), |end| found + end);
            at = end + 1;
            if begin == 0 && self.told {
                continue;
            }
            if let Some(number) = &mut number {
                *number += memchr_iter(b'\n', &block[counted..begin]).count() as u64;
                counted = begin;
            }
            let start = if begin == 0 {
                self.line_start
            } else {
                self.base + begin as u64
            };
            let whole_end = Some(self.base + at as u64);
            self.hit(&block[begin..end], self.base + begin as u64, start, whole_end, number)?;
            if at > block.len() {
                break;
            }
        }
        if let Some(line) = &mut self.line {
            *line += memchr_iter(b'\n', block).count() as u64;
        }
        self.base += block.len() as u64;
        (self.line_start, self.told) = (self.base, false);
        ControlFlow::Continue(())
    }

    /// A part of one line whose end was not seen yet.
    fn piece(&mut self, piece: &[u8]) -> ControlFlow<()> {
        if !piece.is_empty() && !self.told && self.pattern.find(piece, 0).is_some() {
            self.told = true;
            return self.hit(piece, self.base, self.line_start, None, self.line);
        }
        ControlFlow::Continue(())
    }

    /// Tells a line, if it matches by itself. `at` is where `line` begins in the file.
    fn hit(&mut self, line: &[u8], at: u64, offset: u64, end: Option<u64>, number: Option<u64>) -> ControlFlow<()> {
        let line = redraw::trim_returns(line);
        let Some(first) = self.pattern.first_in(line) else {
            return ControlFlow::Continue(());
        };
        // What was drawn at once.
        let begin = memrchr(b'\r', &line[..first]).map_or(0, |at| at + 1);
        let until = memchr(b'\r', &line[first..]).map_or(line.len(), |at| first + at);
        let begin = letter_at(line, begin.max(first.saturating_sub(BEFORE)));
        let until = letter_at(line, until.min(first + BEHIND));
        let (text, ranges) = self.pattern.show(&line[begin..until]);
        (self.tell)(Told::Hit(Found {
            line: number,
            offset,
            end,
            at: at + first as u64,
            text,
            ranges,
            cut: begin > 0 || until < line.len() || offset != at || end.is_none(),
        }))
    }
}

/// The place of a letter in UTF-8 at `at` or a few bytes behind it.
fn letter_at(line: &[u8], at: usize) -> usize {
    (at..line.len())
        .take(4)
        .find(|at| line[*at] & 0xc0 != 0x80)
        .unwrap_or(at.min(line.len()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    struct Yard {
        _folder: tempfile::TempDir,
        path: std::path::PathBuf,
    }

    fn yard(content: &[u8]) -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.log");
        std::fs::write(&path, content).unwrap();
        Yard { _folder: folder, path }
    }

    impl Yard {
        fn find(&self, pattern: &Pattern) -> Vec<Found> {
            let log = Log::open(&self.path).unwrap();
            let mut hits = Vec::new();
            let size = log.size().unwrap();
            search(&log, pattern, (0, size), Some(0), &mut |told| {
                if let Told::Hit(hit) = told {
                    hits.push(hit);
                }
                ControlFlow::Continue(())
            })
            .unwrap();
            hits
        }
    }

    fn regex(text: &str) -> Pattern {
        Pattern::new(text, true, true, Encoding::UTF_8).unwrap()
    }

    #[test]
    fn lines_that_match_are_those_that_a_plain_reading_finds() {
        let content: String = (0..60_000)
            .map(|i| {
                format!(
                    "step {i} loss {}{}\n",
                    i * 7 % 1000,
                    if i % 997 == 0 { " NaN" } else { "" }
                )
            })
            .collect();
        let yard = yard(content.as_bytes());
        for (pattern, matches) in [
            (regex("NaN$"), |line: &str| line.ends_with("NaN")),
            (regex(r"^step \d*99 "), |line: &str| {
                line.split(' ').nth(1).is_some_and(|step| step.ends_with("99"))
            }),
            (regex(r"loss\s+7\b"), |line: &str| line.split(' ').nth(3) == Some("7")),
        ] as [(Pattern, fn(&str) -> bool); 3]
        {
            let mut offset = 0;
            let mut expected = Vec::new();
            for (number, line) in content.split_inclusive('\n').enumerate() {
                if matches(line.trim_end()) {
                    expected.push((Some(number as u64), offset, Some(offset + line.len() as u64)));
                }
                offset += line.len() as u64;
            }
            let found: Vec<_> = yard
                .find(&pattern)
                .into_iter()
                .map(|hit| (hit.line, hit.offset, hit.end))
                .collect();
            assert!(!expected.is_empty());
            assert_eq!(found, expected, "{pattern:?}");
        }
    }

    #[test]
    fn a_match_never_reaches_over_a_newline() {
        let yard = yard(b"a\nb\na b\n\nb a\nlast a");
        let lines = |pattern: &Pattern| {
            yard.find(pattern)
                .into_iter()
                .filter_map(|hit| hit.line)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&regex(r"a\s+b")), [2]);
        assert_eq!(lines(&regex(r"a\s*b")), [2]);
        assert_eq!(lines(&regex("^$")), [3]);
        assert_eq!(lines(&regex("a$")), [0, 4, 5]);
        assert_eq!(lines(&regex("x*")), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_hit_shows_its_line_and_where_it_matches() {
        let yard = yard("0%\r50% 损失 NaN\r100%\nplain 😀NaN nan\n".as_bytes());
        let any_case = Pattern::new("nan", false, false, Encoding::UTF_8).unwrap();
        let hits = yard.find(&any_case);
        assert_eq!(
            (hits[0].text.as_str(), hits[0].cut, hits[0].at),
            ("50% 损失 NaN", true, 14)
        );
        assert_eq!(hits[0].ranges, [[7, 10]]);
        assert_eq!((hits[1].text.as_str(), hits[1].cut), ("plain 😀NaN nan", false));
        assert_eq!(hits[1].ranges, [[8, 11], [12, 15]]);
        let dot = Pattern::new("50%.", false, true, Encoding::UTF_8).unwrap();
        assert_eq!(yard.find(&dot), [], "a text is no expression");
    }

    #[test]
    fn a_line_without_end_is_searched_in_pieces_and_told_once() {
        let mut content = vec![b'x'; 3 * PIECE];
        let torn = PIECE - 3;
        content[torn..torn + 6].copy_from_slice(b"needle");
        content[2 * PIECE..2 * PIECE + 6].copy_from_slice(b"needle");
        content.extend_from_slice(b"\nneedle\n");
        let yard = yard(&content);
        let hits = yard.find(&regex("needle"));
        assert_eq!(hits.len(), 2);
        assert_eq!((hits[0].line, hits[0].offset, hits[0].at), (Some(0), 0, torn as u64));
        assert_eq!((hits[1].line, hits[1].offset), (Some(1), 3 * PIECE as u64 + 1));
        assert!(hits[0].text.len() <= BEFORE + BEHIND + 8 && hits[0].cut);
    }

    #[test]
    fn holes_are_passed_over() {
        let yard = yard(b"first needle\n");
        let file = std::fs::OpenOptions::new().write(true).open(&yard.path).unwrap();
        file.set_len(10 << 30).unwrap();
        file.write_at(b"\nlast needle\n", (10 << 30) - 13).unwrap();
        let hits = yard.find(&regex("needle"));
        let shown: Vec<_> = hits
            .iter()
            .map(|hit| (hit.line, hit.offset, hit.text.as_str()))
            .collect();
        assert_eq!(
            shown,
            [(Some(0), 0, "first needle"), (Some(2), (10 << 30) - 12, "last needle")]
        );
    }

    #[test]
    fn other_encodings_are_searched_as_text() {
        let encoding: Encoding = "gbk".parse().unwrap();
        let yard = yard(&encoding.encode("第一轮\n显存不足 (OOM)\n第二轮\n").unwrap());
        let pattern = Pattern::new("显存.*oom", true, false, encoding).unwrap();
        let hits = yard.find(&pattern);
        assert_eq!(
            (hits.len(), hits[0].line, hits[0].text.as_str()),
            (1, Some(1), "显存不足 (OOM)")
        );
        assert_eq!(hits[0].ranges, [[0, 9]]);
    }

    #[test]
    fn bad_patterns_are_refused_in_words() {
        let words = |text: &str| Pattern::new(text, true, true, Encoding::UTF_8).unwrap_err().to_string();
        assert_eq!(words("a("), "unclosed group");
        assert_eq!(words(""), "it is empty");
        assert_eq!(words(r"(\w{200}){200}"), "it needs too much memory");
        assert!(words(&"x".repeat(2000)).contains("longer"));
    }

    #[test]
    fn who_has_enough_ends_it() {
        let yard = yard("needle\n".repeat(1000).as_bytes());
        let log = Log::open(&yard.path).unwrap();
        let mut count = 0;
        search(&log, &regex("needle"), (0, 7000), None, &mut |_| {
            count += 1;
            if count == 3 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        assert_eq!(count, 3);
    }
}
