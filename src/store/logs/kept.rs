//! Indices of large logs on disk, below `logs/index/`: a cache, of which nothing is believed that is torn or does not fit its log.
use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    Index,
    index::{Count, Print},
};
use crate::{
    StoreError,
    file::{self, Version},
};

/// The first line of such a file: another form of it is another version, and an unknown one is none.
const MAGIC: &[u8] = b"gpuyard log index 1\n";
/// No index is larger: its marks are bounded.
const MOST_BYTES: u64 = 4 << 20;
/// Indices kept; beyond, those that were written longest ago go.
const MOST_FILES: usize = 512;
/// Bytes of a hash.
const HASH: usize = 32;

/// An index as it is kept, with the generation of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The index.
    pub index: Index,
    /// How many files of that name there were before.
    pub generation: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    path: String,
    generation: u64,
    inode: u64,
    first: Vec<u8>,
    last: Vec<u8>,
    stride: u64,
    position: u64,
    lines: u64,
    returns: u64,
}

/// Where the index of a log is kept.
fn place(folder: &Path, log: &Path) -> PathBuf {
    folder.join(format!("{}.index", Version::of(log.as_os_str().as_bytes())))
}

impl Kept {
    /// Keeps it.
    pub fn save(&self, folder: &Path, log: &Path) -> Result<(), StoreError> {
        file::create_folder(folder)?;
        let path = place(folder, log);
        let Index {
            stride,
            marks,
            position,
            count,
            print,
        } = &self.index;
        let head = Head {
            path: log.to_string_lossy().into_owned(),
            generation: self.generation,
            inode: print.inode,
            first: print.first.clone(),
            last: print.last.clone(),
            stride: *stride,
            position: *position,
            lines: count.lines,
            returns: count.returns,
        };
        let mut bytes = MAGIC.to_vec();
        serde_json::to_writer(&mut bytes, &head).map_err(|error| StoreError::io("write", &path)(error.into()))?;
        bytes.push(b'\n');
        for mark in marks {
            bytes.extend_from_slice(&mark.lines.to_le_bytes());
            bytes.extend_from_slice(&mark.returns.to_le_bytes());
        }
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        file::write_atomic(&path, &bytes)?;
        prune(folder);
        Ok(())
    }

    /// What is kept of a log; `None` where nothing is that can be believed.
    pub fn load(folder: &Path, log: &Path) -> Option<Kept> {
        let bytes = file::read_bounded(&place(folder, log), MOST_BYTES).ok()?;
        let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        if Sha256::digest(body)[..] != *hash {
            return None;
        }
        let body = body.strip_prefix(MAGIC)?;
        let end = memchr::memchr(b'\n', body)?;
        let head: Head = serde_json::from_slice(&body[..end]).ok()?;
        let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_le_bytes);
        let marks: Option<Vec<Count>> = body[end + 1..]
            .chunks(16)
            .map(|mark| {
                Some(Count {
                    lines: number(mark.get(..8)?)?,
                    returns: number(mark.get(8..)?)?,
                })
            })
            .collect();
        let marks = marks.filter(|marks| !marks.is_empty())?;
        let whole = head.stride > 0 && (head.position / head.stride) as usize + 1 == marks.len();
        (whole && head.path == log.to_string_lossy()).then_some(Kept {
            generation: head.generation,
            index: Index {
                stride: head.stride,
                marks,
                position: head.position,
                count: Count {
                    lines: head.lines,
                    returns: head.returns,
                },
                print: Print {
                    inode: head.inode,
                    first: head.first,
                    last: head.last,
                },
            },
        })
    }
}

/// Removes what was written longest ago, where there is too much.
fn prune(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut indices: Vec<(SystemTime, PathBuf)> = entries
        .filter(|entry| entry.file_name().as_bytes().ends_with(b".index"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    indices.sort();
    let surplus = indices.len().saturating_sub(MOST_FILES);
    for (_, path) in &indices[..surplus] {
        if let Err(error) = fs::remove_file(path) {
            tracing::warn!(path = %path.display(), %error, "cannot remove an index of a log");
        }
    }
}
