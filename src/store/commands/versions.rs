//! Older versions of command files: each text that a save, a reset or a deletion put aside, the newest ones of each file.
//!
//! They lie in `.versions/` beside the command file, a folder a file, a file a version. A version's name says when its text
//! had been written, and what it was; the same text of the same moment is kept once.
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::MOST_BYTES;
use crate::{
    StoreError,
    file::{self, Version},
};

/// Versions of one file that are kept.
pub const MOST: usize = 30;
/// Hexadecimal digits of a text's version in a name: enough to tell texts of one millisecond apart.
const DIGITS: usize = 12;

/// An older version of a command file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Older {
    /// Its name. Names sort by time.
    pub id: String,
    /// When its text had been written.
    pub written_at: Timestamp,
    /// Bytes.
    pub size: u64,
}

/// Where the versions of a command file are.
fn folder(path: &Path) -> PathBuf {
    path.with_file_name(".versions")
        .join(path.file_name().unwrap_or_default())
}

fn id(written_at: Timestamp, text: &[u8]) -> String {
    format!("{:013}-{}", written_at.as_millisecond(), &Version::of(text).0[..DIGITS])
}

/// The moment that a name tells; `None` where it is no name of ours, and so no path to anywhere else.
fn moment(id: &str) -> Option<Timestamp> {
    let (millis, hash) = id.split_once('-')?;
    let digits = |text: &str, count, kind: fn(&u8) -> bool| text.len() == count && text.as_bytes().iter().all(kind);
    let ours = digits(millis, 13, u8::is_ascii_digit)
        && digits(hash, DIGITS, |byte| {
            byte.is_ascii_digit() || (b'a'..=b'f').contains(byte)
        });
    ours.then(|| millis.parse().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()))
        .flatten()
}

/// Keeps a text that is about to be replaced or removed, with the time of its file, and lets the oldest ones go.
pub(super) fn keep(path: &Path, text: &[u8]) -> Result<(), StoreError> {
    let written = std::fs::metadata(path)
        .and_then(|meta| meta.modified())
        .map_err(StoreError::io("look at", path))?;
    // A clock before 1970, or far in the future, is none.
    let written = Timestamp::try_from(written)
        .ok()
        .filter(|at| (0..10_000_000_000_000).contains(&at.as_millisecond()))
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let folder = folder(path);
    file::create_folder(&folder)?;
    let kept = folder.join(id(written, text));
    if !kept.exists() {
        file::write_atomic(&kept, text)?;
    }
    for old in list(path)?.iter().skip(MOST) {
        let old = folder.join(&old.id);
        // Another save may have been faster.
        if let Err(error) = std::fs::remove_file(&old)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %old.display(), %error, "cannot remove an old version");
        }
    }
    file::clear_temporaries(&folder)
}

/// The versions of a command file, newest first.
pub fn list(path: &Path) -> Result<Vec<Older>, StoreError> {
    let folder = folder(path);
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list folder", folder)(error)),
    };
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list folder", &folder))?;
        let name = entry.file_name();
        let (Some(id), Ok(meta)) = (name.to_str(), entry.metadata()) else {
            continue;
        };
        if let Some(written_at) = moment(id).filter(|_| meta.is_file()) {
            listed.push(Older {
                id: id.to_owned(),
                written_at,
                size: meta.len(),
            });
        }
    }
    listed.sort_unstable_by(|a, b| b.id.cmp(&a.id));
    Ok(listed)
}

/// The text of a version; `None` where there is none of that name.
pub fn load(path: &Path, id: &str) -> Result<Option<(Older, String)>, StoreError> {
    let Some(older) = list(path)?.into_iter().find(|older| older.id == id) else {
        return Ok(None);
    };
    match file::read_text(&folder(path).join(&older.id), MOST_BYTES) {
        Ok(text) => Ok(Some((older, text))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_not_ours_lead_nowhere() {
        assert!(moment(&id(Timestamp::from_millisecond(1_767_225_600_123).unwrap(), b"x")).is_some());
        for wrong in [
            "",
            "..",
            "1767225600123",
            "1767225600123-",
            "1767225600123-00000000000g",
            "1767225600123-0000000000000",
            "../../config/control_setting.yaml",
            "176722560012a-000000000000",
        ] {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("command_gpu.txt");
        assert_eq!(load(&path, "../command_gpu.txt").unwrap(), None);
        assert!(list(&path).unwrap().is_empty());
    }

    #[test]
    fn a_bounded_number_is_kept_the_newest_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("command_gpu.txt");
        for round in 0..MOST + 5 {
            let text = format!("1\nrun {round}\n1\n");
            std::fs::write(&path, &text).unwrap();
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_000 + round as u64);
            std::fs::File::options()
                .append(true)
                .open(&path)
                .unwrap()
                .set_modified(at)
                .unwrap();
            keep(&path, text.as_bytes()).unwrap();
            keep(&path, text.as_bytes()).unwrap();
        }
        let listed = list(&path).unwrap();
        assert_eq!(listed.len(), MOST);
        let (newest, text) = load(&path, &listed[0].id).unwrap().unwrap();
        assert_eq!(text, format!("1\nrun {}\n1\n", MOST + 4));
        assert_eq!(newest.written_at.as_second(), 1_700_000_000 + MOST as i64 + 4);
        assert_eq!(newest.size, text.len() as u64);
        assert!(listed.is_sorted_by(|a, b| a.written_at > b.written_at));
    }
}
