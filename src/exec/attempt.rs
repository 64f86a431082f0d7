//! The files of an attempt's folder: what was to run, what was started, how it ended.
use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use gpuyard_core::model::{AttemptSpec, Bytes, ExitRecord, Outcome, StartRecord};
use gpuyard_fault as fault;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::ExecError;

/// What was to run ([`AttemptSpec`]); written by the scheduler before it launches.
pub const ATTEMPT_FILE: &str = "attempt.json";
/// The command at work ([`StartRecord`]); written by the runner, not synced.
pub const START_FILE: &str = "start.json";
/// How it ended ([`ExitRecord`]); durable before anyone is told.
pub const EXIT_FILE: &str = "exit.json";
/// The most GPU memory seen so far, bytes in digits; written by the scheduler, read for the log's footer.
pub const PEAK_FILE: &str = "gpu_peak";

/// Where the exit record is written to, see [`Room`].
const ROOM_FILE: &str = ".exit.json.room";

/// How the last command ended ([`EndNote`]); written by the runner before it reaps it, so that its being killed before the
/// exit record stands does not lose the exit code.
pub(crate) const END_FILE: &str = "ended.json";

/// See [`END_FILE`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndNote {
    pub(crate) outcome: Outcome,
    pub(crate) command_index: u32,
}

/// No file of an attempt's folder is larger than this, but for the log.
const LARGEST: u64 = 16 << 20;

/// Reads `attempt.json`.
pub fn read_spec(folder: &Path) -> Result<Option<AttemptSpec>, ExecError> {
    read(&folder.join(ATTEMPT_FILE), "attempt")
}

/// Reads `start.json`; one that is torn ([`ExecError::Malformed`]) is as good as none.
pub fn read_start(folder: &Path) -> Result<Option<StartRecord>, ExecError> {
    read(&folder.join(START_FILE), "start record")
}

/// Reads `exit.json`; `Ok(None)` when there is none.
pub fn read_exit(folder: &Path) -> Result<Option<ExitRecord>, ExecError> {
    read(&folder.join(EXIT_FILE), "exit record")
}

/// [`read_exit`] where the runner is gone. A record that it could not give its name any more, as it was killed or the
/// power was cut, gets it now.
pub(crate) fn claim_exit(folder: &Path) -> Result<Option<ExitRecord>, ExecError> {
    if let Some(record) = read_exit(folder)? {
        return Ok(Some(record));
    }
    let room = folder.join(ROOM_FILE);
    // Blank, or cut off in the middle of being written, it is as good as none.
    let record: Option<ExitRecord> = read(&room, "exit record").ok().flatten();
    if record.is_some() {
        // Should it fail, the record is found here again.
        let _ = fs::rename(&room, folder.join(EXIT_FILE));
    }
    Ok(record)
}

/// Tells the attempt's log how much GPU memory was seen in use at most; call it when the peak has risen.
pub fn tell_peak(folder: &Path, peak: Bytes) -> Result<(), ExecError> {
    replace(folder, PEAK_FILE, peak.0.to_string().as_bytes()).map_err(ExecError::io(
        "write",
        "peak memory",
        folder.join(PEAK_FILE),
    ))
}

/// What [`tell_peak`] told last.
pub fn read_peak(folder: &Path) -> Option<Bytes> {
    fs::read_to_string(folder.join(PEAK_FILE))
        .ok()?
        .trim()
        .parse()
        .ok()
        .map(Bytes)
}

/// Writes `attempt.json`, and makes its folder where it is not there yet. Not synced: what it says can be told again.
pub(crate) fn write_spec(folder: &Path, spec: &AttemptSpec) -> Result<(), ExecError> {
    let path = folder.join(ATTEMPT_FILE);
    let bytes = to_bytes(spec);
    let mut done = fault::step_at("spec-write").and_then(|()| put(folder, ATTEMPT_FILE, &bytes));
    if matches!(&done, Err(e) if e.kind() == io::ErrorKind::NotFound) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(ExecError::io("make", "attempt folder", folder))?;
        done = put(folder, ATTEMPT_FILE, &bytes);
    }
    done.map_err(ExecError::io("write", "attempt", path))
}

/// Writes what a shell is to read, not synced; answers where.
pub(crate) fn write_script(folder: &Path, name: &str, text: &str) -> Result<PathBuf, ExecError> {
    let path = folder.join(name);
    put(folder, name, text.as_bytes()).map_err(ExecError::io("write", "script", path.clone()))?;
    Ok(path)
}

/// Writes `start.json`, not synced. Torn, it says that the command was not let go, which is true.
pub(crate) fn write_start(folder: &Path, record: &StartRecord) -> Result<(), ExecError> {
    fault::step_at("start-write")
        .and_then(|()| put(folder, START_FILE, &to_bytes(record)))
        .map_err(ExecError::io("write", "start record", folder.join(START_FILE)))
}

/// Room on the disk for the exit record, taken and synced while the command runs: a file of spaces, which JSON allows
/// after a record. What fills the disk meanwhile cannot keep the record from being written, and at the end, while the next
/// task waits, one sync makes it durable: the file's name is on the disk already, and [`claim_exit`] knows it.
#[derive(Debug)]
pub(crate) struct Room {
    file: File,
}

impl Room {
    /// Of a record: a few hundred bytes and a message; one that is longer does without.
    const BYTES: usize = 4096;

    pub(crate) fn take(folder: &Path) -> io::Result<Room> {
        let mut options = OpenOptions::new();
        // What a runner before us left blank is ours.
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.custom_flags(libc::O_NONBLOCK).open(folder.join(ROOM_FILE))?;
        file.write_all(&[b' '; Room::BYTES])?;
        file.sync_all()?;
        File::open(folder)?.sync_all()?;
        Ok(Room { file })
    }

    /// `false`: it does not fit, or cannot be written here.
    fn fill(mut self, folder: &Path, record: &[u8]) -> bool {
        let mut write = || {
            self.file.rewind()?;
            fault::step_at("exit-write")?;
            self.file.write_all(record)?;
            self.file.sync_data()?;
            fault::point("exit-written");
            fs::rename(folder.join(ROOM_FILE), folder.join(EXIT_FILE))?;
            fault::point("exit-renamed");
            io::Result::Ok(())
        };
        record.len() <= Room::BYTES && write().is_ok()
    }
}

/// Writes `exit.json`, in the room that was taken for it, if any; when this returns, it is durable.
pub(crate) fn write_exit(folder: &Path, record: &ExitRecord, room: Option<Room>) -> Result<(), ExecError> {
    let bytes = to_bytes(record);
    if room.is_some_and(|room| room.fill(folder, &bytes)) {
        return Ok(());
    }
    let write = || {
        let (temporary, mut file) = create_temporary(folder, EXIT_FILE)?;
        in_place_of(folder, EXIT_FILE, &temporary, || {
            fault::step_at("exit-write")?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fault::point("exit-written");
            Ok(())
        })?;
        fault::point("exit-renamed");
        File::open(folder)?.sync_all()
    };
    write().map_err(ExecError::io("write", "exit record", folder.join(EXIT_FILE)))
}

/// Writes `ended.json`, not synced.
pub(crate) fn write_end_note(folder: &Path, note: &EndNote) -> Result<(), ExecError> {
    put(folder, END_FILE, &to_bytes(note)).map_err(ExecError::io("write", "end note", folder.join(END_FILE)))
}

/// Reads `ended.json`; one that is torn is as good as none.
pub(crate) fn read_end_note(folder: &Path) -> Result<Option<EndNote>, ExecError> {
    read(&folder.join(END_FILE), "end note")
}

fn to_bytes(record: &impl Serialize) -> Vec<u8> {
    // The records are plain structs with text keys: nothing in them can fail to serialise.
    let mut bytes = serde_json::to_vec(record).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

fn read<T: DeserializeOwned>(path: &Path, object: &'static str) -> Result<Option<T>, ExecError> {
    // NONBLOCK: a fifo in the place of the file must not hang us.
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(ExecError::io("open", object, path)(e)),
    };
    let mut bytes = Vec::with_capacity(4096);
    file.take(LARGEST)
        .read_to_end(&mut bytes)
        .map_err(ExecError::io("read", object, path))?;
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|e| ExecError::Malformed {
            object,
            path: path.to_owned(),
            message: e.to_string(),
        })
}

/// Writes a file that nobody reads before we say so; where there is one already, the whole of it at once. The first of
/// its name is spared the rename: this lies between a task's end and the next one's start.
fn put(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join(name))
    {
        Ok(mut file) => file.write_all(bytes),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => replace(folder, name, bytes),
        Err(e) => Err(e),
    }
}

/// Puts a whole file in the place of what is there, in one step. Not synced.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (temporary, mut file) = create_temporary(folder, name)?;
    in_place_of(folder, name, &temporary, || file.write_all(bytes))
}

/// Renames a temporary file once it is filled; where that fails, it goes.
fn in_place_of(folder: &Path, name: &str, temporary: &Path, fill: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let done = fill().and_then(|()| fs::rename(temporary, folder.join(name)));
    if done.is_err() {
        let _ = fs::remove_file(temporary);
    }
    done
}

/// A new file under a name that nobody uses. Whatever a crash left behind under such a name (a file, even a folder)
/// is passed over.
fn create_temporary(folder: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    let pid = std::process::id();
    let mut number = 0;
    loop {
        let path = folder.join(format!(".{name}.{pid}.{number}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists && number < 1000 => number += 1,
            Err(e) => return Err(e),
        }
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    const RECORD: &str = r#"{"version":1,"uni_id":"01","outcome":{"kind":"exited","code":3},"command_index":0,
        "started_at":"2026-01-01T00:00:00Z","finished_at":"2026-01-01T00:00:01Z","duration":1.0,"user_cpu":null,
        "system_cpu":null,"peak_rss":null,"left_over":0,"recorded_by":"runner"}"#;

    #[test]
    fn a_record_in_its_room_counts_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let room = Room::take(dir.path()).unwrap();
        assert_eq!(claim_exit(dir.path()).unwrap(), None);
        // As after a power cut: written or half so, and not renamed.
        fs::write(dir.path().join(ROOM_FILE), &RECORD[..60]).unwrap();
        assert_eq!(claim_exit(dir.path()).unwrap(), None);
        fs::write(dir.path().join(ROOM_FILE), RECORD).unwrap();
        assert_eq!(read_exit(dir.path()).unwrap(), None);
        let record = claim_exit(dir.path()).unwrap().unwrap();
        assert_eq!(record.outcome, Outcome::Exited { code: 3 });
        assert_eq!(read_exit(dir.path()).unwrap().as_ref(), Some(&record));

        drop(room);
        let room = Room::take(dir.path()).unwrap();
        write_exit(dir.path(), &record, Some(room)).unwrap();
        assert!(!dir.path().join(ROOM_FILE).exists());
        assert_eq!(read_exit(dir.path()).unwrap().unwrap(), record);
    }

    #[test]
    fn a_record_too_long_for_its_room_finds_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut record: ExitRecord = serde_json::from_str(RECORD).unwrap();
        record.outcome = Outcome::NotStarted {
            message: "x".repeat(Room::BYTES),
            disk_full: false,
        };
        let room = Room::take(dir.path()).unwrap();
        write_exit(dir.path(), &record, Some(room)).unwrap();
        assert_eq!(read_exit(dir.path()).unwrap().unwrap(), record);
    }
}
