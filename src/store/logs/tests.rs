//! The index and windows of lines, against a plain reading; what is kept, against what became of its log.
use std::{fs::OpenOptions, io::Write, os::unix::fs::FileExt, path::PathBuf};

use super::*;

struct Yard {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn yard(content: &[u8]) -> Yard {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.log");
    std::fs::write(&path, content).unwrap();
    Yard { folder, path }
}

impl Yard {
    fn log(&self) -> Log {
        Log::open(&self.path).unwrap()
    }

    fn index(&self) -> Index {
        let mut index = Index::default();
        assert!(index.extend(&self.log(), u64::MAX).unwrap());
        index
    }

    fn append(&self, bytes: &[u8]) {
        OpenOptions::new()
            .append(true)
            .open(&self.path)
            .unwrap()
            .write_all(bytes)
            .unwrap();
    }
}

fn numbered(count: usize) -> Vec<u8> {
    (0..count)
        .flat_map(|i| format!("line {i}{}\n", " padded".repeat(i % 9)).into_bytes())
        .collect()
}

/// Where each line begins, and the end.
fn starts(content: &[u8]) -> Vec<u64> {
    let mut starts = vec![0];
    for (at, byte) in content.iter().enumerate() {
        if *byte == b'\n' {
            starts.push(at as u64 + 1);
        }
    }
    starts
}

#[test]
fn any_line_is_where_a_plain_reading_finds_it() {
    let content = numbered(200_000);
    let yard = yard(&content);
    let (log, index, starts) = (yard.log(), yard.index(), starts(&content));
    assert_eq!(index.total_lines(content.len() as u64), Some(200_000));
    for line in (0..200_000).step_by(9_973).chain([1, 199_999, 200_000]) {
        assert_eq!(index.start_of(&log, line as u64).unwrap(), Some(starts[line]), "{line}");
        let count = index.before(&log, starts[line]).unwrap().unwrap();
        assert_eq!(count.lines, line as u64);
        assert_eq!(
            index.before(&log, starts[line] + 3).unwrap().map(|count| count.lines),
            if line == 200_000 { None } else { Some(line as u64) }
        );
    }
    assert_eq!(index.start_of(&log, 200_001).unwrap(), None);
}

#[test]
fn an_index_goes_on_where_a_log_was_appended_to() {
    let yard = yard(b"one\ntw");
    let mut index = yard.index();
    assert_eq!(index.total_lines(6), Some(2));
    yard.append(b"o\nthree\n");
    assert_eq!(index.check(&yard.log()).unwrap(), Ok(()));
    index.extend(&yard.log(), u64::MAX).unwrap();
    assert_eq!(index.total_lines(14), Some(3));
    assert_eq!(index, yard.index(), "as if it had been read at once");
    yard.append(&numbered(300_000));
    while !index.extend(&yard.log(), 700_000).unwrap() {}
    assert_eq!(index, yard.index());
}

#[test]
fn what_became_of_a_log_is_told() {
    let content = numbered(1000);
    let yard = yard(&content);
    let index = yard.index();
    let check = || index.check(&yard.log()).unwrap();
    // Rotated: another file of that name, whatever is in it.
    std::fs::rename(&yard.path, yard.folder.path().join("a.log.1")).unwrap();
    std::fs::write(&yard.path, &content).unwrap();
    assert_eq!(check(), Err(Broken::Rotated));
    std::fs::rename(yard.folder.path().join("a.log.1"), &yard.path).unwrap();
    assert_eq!(check(), Ok(()));
    // Copied away and cut, as logrotate's copytruncate does; then grown beyond what was counted.
    let file = OpenOptions::new().append(true).open(&yard.path).unwrap();
    file.set_len(0).unwrap();
    assert_eq!(check(), Err(Broken::Truncated));
    yard.append(&numbered(2000)[5..]);
    assert_eq!(check(), Err(Broken::Rewritten), "by its first bytes");
    file.set_len(0).unwrap();
    yard.append(&content[..500]);
    yard.append(&numbered(2000));
    assert_eq!(check(), Err(Broken::Rewritten), "by the last ones that were counted");
}

#[test]
fn windows_of_lines_are_those_of_a_plain_reading() {
    let content = numbered(5_000);
    let yard = yard(&content);
    let (log, index, starts) = (yard.log(), yard.index(), starts(&content));
    let text: Vec<&[u8]> = content.split_inclusive(|byte| *byte == b'\n').collect();
    for index in [&index, &Index::default()] {
        for line in [0, 1, 17, 2_500, 4_999, 5_000] {
            for count in [1, 3, 200, 5_000] {
                let from = log.rows(index, Window::From(starts[line]), count, usize::MAX).unwrap();
                let expected = &text[line..(line + count).min(5_000)];
                assert_eq!(shown(&from), plain(expected), "{count} from {line}");
                let before = log
                    .rows(index, Window::Before(starts[line]), count, usize::MAX)
                    .unwrap();
                assert_eq!(
                    shown(&before),
                    plain(&text[line.saturating_sub(count)..line]),
                    "{count} before {line}"
                );
                assert_eq!(before.rows.last().map_or(starts[line], |row| row.end), starts[line]);
            }
        }
    }
    let cut = log.rows(&index, Window::Before(starts[5_000]), 5_000, 1_000).unwrap();
    assert!(cut.cut && cut.rows.last().unwrap().end == starts[5_000]);
}

fn shown(rows: &Rows) -> Vec<Vec<u8>> {
    rows.rows.iter().map(|row| row.bytes.clone()).collect()
}

fn plain(lines: &[&[u8]]) -> Vec<Vec<u8>> {
    lines
        .iter()
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
        .collect()
}

#[test]
fn a_bar_that_was_drawn_a_million_times_is_one_row() {
    let mut content = b"begin\n".to_vec();
    for step in 0..1_000_000 {
        content.extend_from_slice(format!("\r{step:7}/1000000").as_bytes());
    }
    content.extend_from_slice(b"\nend\nopen\r 1%\r 2%");
    let yard = yard(&content);
    for index in [yard.index(), Index::default()] {
        let rows = yard
            .log()
            .rows(&index, Window::Before(content.len() as u64), 10, 1 << 20)
            .unwrap()
            .rows;
        let texts: Vec<&str> = rows
            .iter()
            .map(|row| std::str::from_utf8(&row.bytes).unwrap())
            .collect();
        assert_eq!(texts, ["begin", " 999999/1000000", "end", " 2%n"]);
        // What is not counted yet is counted as far as one answer may read.
        let counted = index != Index::default();
        assert!(rows[1].redraws == 1_000_000 || (!counted && rows[1].redraws > 10_000));
        let all = |redraws: u64| if redraws > 10_000 { 1_000_000 } else { redraws };
        let facts: Vec<_> = rows.iter().map(|row| (all(row.redraws), row.cut, row.open)).collect();
        assert_eq!(
            facts,
            [
                (0, false, false),
                (1_000_000, false, false),
                (0, false, false),
                (2, false, true)
            ]
        );
        let again = yard.log().rows(&index, Window::From(6), 1, 1 << 20).unwrap().rows;
        assert_eq!((again[0].end, &again[0].bytes), (rows[1].end, &rows[1].bytes));
    }
}

#[test]
fn a_line_of_a_gigabyte_is_cut_and_a_log_of_ten_is_reached_anywhere() {
    let yard = yard(b"first\n");
    let file = OpenOptions::new().write(true).open(&yard.path).unwrap();
    file.set_len(10 << 30).unwrap();
    let middle = 5 << 30;
    file.write_at(b"\nmiddle\n", middle).unwrap();
    file.write_at(b"\nlast", (10 << 30) - 5).unwrap();
    let (log, index) = (yard.log(), yard.index());
    assert_eq!(index.total_lines(10 << 30), Some(5));
    assert!(index.marks.len() <= 10_241, "one a MiB");
    let row = |window| {
        let row = log.rows(&index, window, 1, 1 << 20).unwrap().rows.remove(0);
        (row.offset, row.bytes.len(), row.cut)
    };
    assert_eq!(row(Window::Before(u64::MAX)), ((10 << 30) - 4, 4, false));
    assert_eq!(index.start_of(&log, 2).unwrap(), Some(middle + 1));
    assert_eq!(row(Window::From(middle + 1)), (middle + 1, 6, false));
    assert_eq!(row(Window::From(6)), (6, 16 << 10, true), "five GiB of one line");
    assert_eq!(row(Window::Before(middle + 1)), (6, 16 << 10, true));
    // Not counted yet: what is near is shown all the same.
    let near = log
        .rows(&Index::default(), Window::Before(middle + 1), 3, 1 << 20)
        .unwrap();
    assert!(near.torn && near.rows[0].cut && near.rows[0].end == middle + 1);
}

#[test]
fn a_kept_index_is_believed_whole_or_not_at_all() {
    let yard = yard(&numbered(400_000));
    let folder = yard.folder.path().join("index");
    let kept = Kept {
        index: yard.index(),
        generation: 3,
    };
    assert_eq!(Kept::load(&folder, &yard.path), None);
    kept.save(&folder, &yard.path).unwrap();
    assert_eq!(Kept::load(&folder, &yard.path), Some(kept.clone()));
    assert_eq!(Kept::load(&folder, &yard.folder.path().join("b.log")), None);
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    for length in (0..whole.len()).step_by(7) {
        std::fs::write(&file, &whole[..length]).unwrap();
        assert_eq!(Kept::load(&folder, &yard.path), None, "cut off at {length}");
    }
    for at in (0..whole.len()).step_by(11) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&file, &changed).unwrap();
        assert_eq!(Kept::load(&folder, &yard.path), None, "changed at {at}");
    }
}
