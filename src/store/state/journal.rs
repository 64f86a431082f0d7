//! The journal's lines: `{crc32 of the rest, 8 hex digits} {event as JSON}`, each ended by a newline.
use std::path::{Path, PathBuf};

use gpuyard_core::model::RunId;

use super::Record;

/// The snapshot's file.
pub(super) fn snapshot_path(dir: &Path, run: &RunId) -> PathBuf {
    dir.join(format!("{run}.json"))
}

/// A journal's file.
pub(super) fn journal_path(dir: &Path, run: &RunId, generation: u64) -> PathBuf {
    dir.join(format!("{run}.{generation}.journal"))
}

/// The run and generation that a file name stands for.
pub(super) fn journal_name(name: &str) -> Option<(RunId, u64)> {
    let (run, generation) = name.strip_suffix(".journal")?.rsplit_once('.')?;
    Some((RunId(run.into()), generation.parse().ok()?))
}

/// One event as a line.
pub(super) fn line<E: Record>(event: &E) -> Result<Vec<u8>, serde_json::Error> {
    let mut line = vec![b' '; 9];
    // Compact JSON has no newline in it.
    serde_json::to_writer(&mut line, event)?;
    let sum = format!("{:08x}", crc32(&line[9..]));
    line[..8].copy_from_slice(sum.as_bytes());
    line.push(b'\n');
    Ok(line)
}

/// What a journal's bytes say.
pub(super) struct Read<E> {
    /// The events, in order.
    pub(super) events: Vec<E>,
    /// Bytes up to the end of the last whole line.
    pub(super) whole: usize,
    /// Lines, from 1, that are whole and say nothing that can be trusted, and why.
    pub(super) broken: Vec<(usize, String)>,
}

/// Reads the whole lines of a journal. A line without its newline was torn by a crash in the middle of its write: it was
/// never acknowledged, and does not count.
pub(super) fn read<E: Record>(bytes: &[u8]) -> Read<E> {
    let mut read = Read {
        events: Vec::new(),
        whole: 0,
        broken: Vec::new(),
    };
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let Some(line) = line.strip_suffix(b"\n") else { break };
        read.whole += line.len() + 1;
        match parse(line) {
            Ok(event) => read.events.push(event),
            Err(reason) => read.broken.push((number + 1, reason)),
        }
    }
    read
}

fn parse<E: Record>(line: &[u8]) -> Result<E, String> {
    let sum = line
        .get(..8)
        .and_then(|hex| std::str::from_utf8(hex).ok())
        .and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let (Some(sum), Some(b' ')) = (sum, line.get(8)) else {
        return Err("it has no checksum".into());
    };
    let json = &line[9..];
    if crc32(json) != sum {
        return Err("its checksum is wrong".into());
    }
    serde_json::from_slice(json).map_err(|error| format!("it is not an event of this version: {error}"))
}

/// CRC-32 as in zlib (polynomial 0xEDB88320): enough to tell a torn or rotten line from a good one.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 {
                    value >> 1 ^ 0xedb8_8320
                } else {
                    value >> 1
                };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes
        .iter()
        .fold(!0, |sum, byte| TABLE[usize::from(sum as u8 ^ byte)] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn names_are_read_back() {
        let run = RunId("0198-a.b".into());
        let path = journal_path(Path::new("/s"), &run, 12);
        assert_eq!(
            journal_name(path.file_name().unwrap().to_str().unwrap()),
            Some((run, 12))
        );
        assert_eq!(journal_name("x.journal"), None);
        assert_eq!(journal_name("x.1.journal.broken-1"), None);
    }
}
