//! Parts of log files, in milliseconds and in bounded memory whatever the file's size.
mod encoding;
mod index;
mod kept;
mod open;
mod redraw;
mod rows;
mod search;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    os::unix::fs::{FileExt, MetadataExt},
    path::Path,
};

use rustix::{fs::SeekFrom, io::Errno};

pub use encoding::{Encoding, Text};
pub use index::{Broken, Count, Index};
pub use kept::Kept;
pub use open::{Allowed, Refused};
pub use rows::{Row, Rows, Window};
pub use search::{BadPattern, Found, PATTERN_LETTERS, Pattern, Told, search};

use crate::{StoreError, file};

/// Read at once, from the end backwards or from a place on.
const CHUNK: usize = 64 << 10;
/// Most that one answer holds: a line of a gigabyte is cut.
pub const MOST_BYTES: u64 = 4 << 20;
/// Lines of a file up to this size are counted; beyond, that takes longer than people wait.
const COUNT_BYTES: u64 = 4 << 20;

/// A part of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its bytes; text is whatever they say in UTF-8, bad sequences replaced.
    pub bytes: Vec<u8>,
    /// Where it begins in the file.
    pub offset: u64,
    /// The file's size when it was read.
    pub size: u64,
    /// Lines in the whole file, where they were counted on the way.
    pub total_lines: Option<u64>,
    /// More was asked for than one answer holds.
    pub cut: bool,
}

impl Part {
    /// As text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// Where the next read goes on.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// A log that is open for reading: a plain file, and it stays that one whatever its name comes to stand for.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: std::path::PathBuf,
}

impl Log {
    /// Opens a log of our own, which is never a link.
    pub fn open(path: &Path) -> Result<Log, StoreError> {
        Ok(Log {
            file: file::open_own(path)?,
            path: path.into(),
        })
    }

    /// Takes a file that was opened with care elsewhere; it must be a plain one.
    pub fn from_file(file: File, path: &Path) -> Log {
        Log {
            file,
            path: path.into(),
        }
    }

    /// Its size now.
    pub fn size(&self) -> Result<u64, StoreError> {
        self.file
            .metadata()
            .map(|meta| meta.len())
            .map_err(StoreError::io("read", &self.path))
    }

    /// Which file it is, on its file system.
    pub fn inode(&self) -> Result<u64, StoreError> {
        self.file
            .metadata()
            .map(|meta| meta.ino())
            .map_err(StoreError::io("read", &self.path))
    }

    /// Where there are bytes again from `offset` on: there itself, or where a hole ends; `size` where nothing follows.
    pub(crate) fn data_from(&self, offset: u64, size: u64) -> Result<u64, StoreError> {
        match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(at) => Ok(at.min(size)),
            Err(Errno::NXIO) => Ok(size),
            // A file system that knows no holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(offset),
            Err(errno) => Err(StoreError::io("read", &self.path)(errno.into())),
        }
    }

    /// Up to `length` bytes from `offset` on; fewer only where the file ends.
    pub(crate) fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                // Shorter than its size said: it was truncated meanwhile.
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io("read", &self.path)(error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The last `lines` lines. A last line without its newline counts as one.
    pub fn tail(&self, lines: usize) -> Result<Part, StoreError> {
        let size = self.size()?;
        let mut start = size;
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        // The newline that ends the file ends its last line; every other one begins a further line.
        let mut wanted = lines;
        let mut cut = false;
        'reading: while start > 0 && wanted > 0 {
            if size - start >= MOST_BYTES {
                cut = true;
                break;
            }
            let length = CHUNK.min(start as usize);
            let from = start - length as u64;
            let mut chunk = self.read(from, length)?;
            for at in (0..chunk.len()).rev() {
                if chunk[at] == b'\n' && from + at as u64 + 1 != size {
                    wanted -= 1;
                    if wanted == 0 {
                        start = from + at as u64 + 1;
                        chunk.drain(..=at);
                        chunks.push(chunk);
                        break 'reading;
                    }
                }
            }
            start = from;
            chunks.push(chunk);
        }
        let bytes: Vec<u8> = chunks.into_iter().rev().flatten().collect();
        let total_lines = if start == 0 && !cut {
            Some(count_lines(&bytes))
        } else {
            self.count(size)?
        };
        Ok(Part {
            bytes,
            offset: start,
            size,
            total_lines,
            cut,
        })
    }

    /// `limit` bytes from `offset` on.
    pub fn range(&self, offset: u64, limit: u64) -> Result<Part, StoreError> {
        let size = self.size()?;
        let offset = offset.min(size);
        let length = limit.min(MOST_BYTES).min(size - offset);
        let bytes = self.read(offset, length as usize)?;
        Ok(Part {
            bytes,
            offset,
            size,
            total_lines: None,
            cut: limit > MOST_BYTES && size - offset > MOST_BYTES,
        })
    }

    /// `count` lines from line `line` (from 1) on. Looks through the file up to there, 64 KiB at a time.
    pub fn lines(&self, line: u64, count: u64) -> Result<Part, StoreError> {
        let size = self.size()?;
        let mut skip = line.saturating_sub(1);
        let mut left = count;
        let mut offset = 0;
        let mut start = if skip == 0 { Some(0) } else { None };
        let mut bytes = Vec::new();
        let mut cut = false;
        'reading: while offset < size && left > 0 {
            let chunk = self.read(offset, CHUNK.min((size - offset) as usize))?;
            if chunk.is_empty() {
                break;
            }
            let mut from = 0;
            for (at, _) in chunk.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
                if skip > 0 {
                    skip -= 1;
                    if skip == 0 {
                        start = Some(offset + at as u64 + 1);
                        from = at + 1;
                    }
                } else {
                    left -= 1;
                    if left == 0 {
                        bytes.extend_from_slice(&chunk[from..=at]);
                        break 'reading;
                    }
                }
            }
            if start.is_some() {
                bytes.extend_from_slice(&chunk[from..]);
            }
            offset += chunk.len() as u64;
            if bytes.len() as u64 >= MOST_BYTES {
                bytes.truncate(MOST_BYTES as usize);
                cut = true;
                break;
            }
        }
        Ok(Part {
            bytes,
            offset: start.unwrap_or(size),
            size,
            total_lines: self.count(size)?,
            cut,
        })
    }

    fn count(&self, size: u64) -> Result<Option<u64>, StoreError> {
        if size > COUNT_BYTES {
            return Ok(None);
        }
        self.read(0, size as usize).map(|bytes| Some(count_lines(&bytes)))
    }
}

/// Lines, a last one without its newline counted.
fn count_lines(bytes: &[u8]) -> u64 {
    let ends = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    ends + u64::from(!bytes.is_empty() && !bytes.ends_with(b"\n"))
}

/// The last lines of a log of our own. See [`Log::tail`].
pub fn tail(path: &Path, lines: usize) -> Result<Part, StoreError> {
    Log::open(path)?.tail(lines)
}

/// A range of bytes of a log of our own. See [`Log::range`].
pub fn range(path: &Path, offset: u64, limit: u64) -> Result<Part, StoreError> {
    Log::open(path)?.range(offset, limit)
}

/// Some lines of a log of our own. See [`Log::lines`].
pub fn lines(path: &Path, line: u64, count: u64) -> Result<Part, StoreError> {
    Log::open(path)?.lines(line, count)
}

#[cfg(test)]
mod plain_tests {
    use super::*;

    fn log(content: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output.log");
        std::fs::write(&path, content).unwrap();
        (folder, path)
    }

    #[test]
    fn the_last_lines_are_those_that_a_plain_reading_gives() {
        for content in ["", "\n", "a", "a\n", "a\nb", "a\nb\n", "\n\n\n", "one\ntwo\n\nthree"] {
            let (_folder, path) = log(content.as_bytes());
            let all: Vec<&str> = content.split_inclusive('\n').collect();
            for n in 0..6 {
                let part = tail(&path, n).unwrap();
                let expected = all[all.len().saturating_sub(n)..].concat();
                assert_eq!(
                    (part.text(), part.total_lines),
                    (expected, Some(all.len() as u64)),
                    "{content:?} {n}"
                );
                assert_eq!(part.end(), content.len() as u64);
            }
            for line in 0..5 {
                let part = lines(&path, line, 2).unwrap();
                let expected: String = all
                    .iter()
                    .skip((line as usize).saturating_sub(1))
                    .take(2)
                    .copied()
                    .collect();
                assert_eq!(part.text(), expected, "{content:?} from {line}");
            }
        }
    }

    #[test]
    fn chunks_meet_without_a_seam() {
        let content: String = (0..40_000).map(|i| format!("line {i}\n")).collect();
        let (_folder, path) = log(content.as_bytes());
        let all: Vec<&str> = content.split_inclusive('\n').collect();
        for n in [1, 100, 7_000, 15_000, 40_000, 50_000] {
            assert_eq!(
                tail(&path, n).unwrap().text(),
                all[all.len().saturating_sub(n)..].concat()
            );
        }
        assert_eq!(lines(&path, 20_000, 3).unwrap().text(), all[19_999..20_002].concat());
        assert_eq!(lines(&path, 10, 30_000).unwrap().text(), all[9..30_009].concat());
        let part = range(&path, 1000, 70_000).unwrap();
        assert_eq!(part.bytes, &content.as_bytes()[1000..71_000]);
        assert_eq!(range(&path, u64::MAX, 5).unwrap().bytes, b"");
    }

    #[test]
    fn a_sparse_file_of_ten_gigabytes_and_a_line_without_end_are_bounded() {
        let (_folder, path) = log(b"");
        let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(10 << 30).unwrap();
        file.write_at(b"\nlast line\n", (10 << 30) - 11).unwrap();
        let part = tail(&path, 1).unwrap();
        assert_eq!(
            (part.text().as_str(), part.total_lines, part.size),
            ("last line\n", None, 10 << 30)
        );
        let long = tail(&path, 2).unwrap();
        assert!(long.cut && long.bytes.len() as u64 <= MOST_BYTES);
        assert!(lines(&path, 1, 1).unwrap().cut);
        assert!(range(&path, 0, u64::MAX).unwrap().cut);
    }

    #[test]
    fn links_pipes_and_folders_are_refused_and_bad_utf8_is_shown() {
        let (folder, path) = log(b"ok \xff\xfe\n");
        assert_eq!(tail(&path, 1).unwrap().text(), "ok \u{fffd}\u{fffd}\n");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(tail(&link, 1).unwrap_err().to_string().contains("a link"));
        let fifo = folder.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(tail(&fifo, 1).unwrap_err().to_string().contains("a named pipe"));
        assert!(tail(folder.path(), 1).unwrap_err().to_string().contains("a folder"));
    }
}
