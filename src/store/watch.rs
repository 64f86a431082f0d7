//! Tells when a file has changed and stood still, whoever changed it and however: renamed over, truncated, byte by byte.
//!
//! inotify (through `notify`) only says that it is time to look; what counts is how the file looks. Where inotify gives
//! out, or says nothing because the folder lies on a network, looking from time to time takes its place.
mod eyes;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread,
    time::{Duration, Instant},
};

use crate::StoreError;
use eyes::Eyes;

/// A file is acted on once it has stood unchanged for so long…
const STILL: Duration = Duration::from_millis(200);
/// … or for so long if it became empty or went away: an editor may be about to fill it.
const STILL_EMPTY: Duration = Duration::from_secs(2);
/// How often is looked where nothing tells of changes.
const POLL: Duration = Duration::from_secs(1);
/// How often is looked all the same: whatever inotify should miss is seen then.
const SAFETY: Duration = Duration::from_secs(30);

/// Watches files until it is dropped.
pub struct FileWatch {
    wake: Sender<Wake>,
    polls: Arc<AtomicBool>,
}

#[derive(Debug)]
enum Wake {
    Look,
    End,
}

/// How a file looks from outside (device, inode, size, times of change); `None` while it is not there.
type Stamp = Option<(u64, u64, u64, i64, i64, i64, i64)>;

struct Watched {
    path: PathBuf,
    /// How it looked when it was last told of.
    told: Stamp,
    /// How it looks now, and since when, where that has not been told.
    moved: Option<(Stamp, Instant)>,
}

impl FileWatch {
    /// Calls `tell` with a path, from a thread of its own, each time that file has changed and stood still. How the
    /// files look now is where it begins; they need not be there, and nor need their folders.
    ///
    /// # Errors
    /// Where no thread can be had. Too few inotify watches are no error: then the files are looked at once a second.
    pub fn new(
        paths: impl IntoIterator<Item = PathBuf>,
        tell: impl FnMut(&Path) + Send + 'static,
    ) -> Result<FileWatch, StoreError> {
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        let (wake, wakes) = mpsc::channel();
        // Watching begins before the first look, so that no change falls between.
        let mut eyes = Eyes::new(wake.clone());
        eyes.follow(&paths);
        let polls = Arc::new(AtomicBool::new(eyes.are_shut()));
        let first = paths.first().cloned().unwrap_or_default();
        let files = paths.into_iter().map(Watched::new).collect();
        let worker = Worker {
            files,
            wakes,
            eyes,
            polls: polls.clone(),
        };
        thread::Builder::new()
            .name("file-watch".into())
            .spawn(move || worker.work(tell))
            .map_err(StoreError::io("watch", first))?;
        Ok(FileWatch { wake, polls })
    }

    /// Whether the files are looked at once a second, because nothing tells of changes.
    pub fn polls(&self) -> bool {
        self.polls.load(Ordering::Relaxed)
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        // A thread that has ended already needs no telling.
        let _ = self.wake.send(Wake::End);
    }
}

struct Worker {
    files: Vec<Watched>,
    wakes: Receiver<Wake>,
    eyes: Eyes,
    polls: Arc<AtomicBool>,
}

impl Worker {
    fn work(mut self, mut tell: impl FnMut(&Path)) {
        loop {
            // Folders and links may have been exchanged since. First the watches, then the look: what changes after
            // the look is told.
            self.eyes.follow(self.files.iter().map(|file| &file.path));
            self.polls.store(self.eyes.are_shut(), Ordering::Relaxed);
            let now = Instant::now();
            let mut wait = if self.eyes.are_shut() { POLL } else { SAFETY };
            for file in &mut self.files {
                match file.look(now) {
                    Looked::Still => {}
                    Looked::Moving(left) => wait = wait.min(left),
                    Looked::Settled => tell(&file.path),
                }
            }
            match self.wakes.recv_timeout(wait) {
                Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
            // Many events are one reason to look.
            while let Ok(wake) = self.wakes.try_recv() {
                if matches!(wake, Wake::End) {
                    return;
                }
            }
        }
    }
}

enum Looked {
    /// As it was told.
    Still,
    /// It has changed; to be looked at again after so long.
    Moving(Duration),
    /// It has changed and stood still.
    Settled,
}

impl Watched {
    fn new(path: PathBuf) -> Watched {
        Watched {
            told: stamp(&path),
            moved: None,
            path,
        }
    }

    fn look(&mut self, now: Instant) -> Looked {
        let stamp = stamp(&self.path);
        if stamp == self.told {
            self.moved = None;
            return Looked::Still;
        }
        let since = match self.moved {
            Some((moved, since)) if moved == stamp => since,
            _ => now,
        };
        let still = if stamp.is_none_or(|stamp| stamp.2 == 0) {
            STILL_EMPTY
        } else {
            STILL
        };
        let left = still.saturating_sub(now.duration_since(since));
        if left.is_zero() {
            (self.told, self.moved) = (stamp, None);
            return Looked::Settled;
        }
        self.moved = Some((stamp, since));
        Looked::Moving(left)
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((
        meta.dev(),
        meta.ino(),
        meta.size(),
        meta.mtime(),
        meta.mtime_nsec(),
        meta.ctime(),
        meta.ctime_nsec(),
    ))
}

#[cfg(test)]
mod tests {
    use std::{io::Write, sync::mpsc::channel};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    fn watch(path: &Path) -> (FileWatch, Receiver<Option<String>>) {
        let (sender, told) = channel();
        let watch = FileWatch::new([path.to_owned()], move |path| {
            let _ = sender.send(fs::read_to_string(path).ok());
        });
        (watch.unwrap(), told)
    }

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        (folder, path)
    }

    #[test]
    fn a_file_that_is_renamed_over_is_told_once() {
        let (folder, path) = folder();
        fs::write(&path, "old").unwrap();
        let (_watch, told) = watch(&path);
        let new = folder.path().join("new");
        fs::write(&new, "new").unwrap();
        fs::rename(&new, &path).unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("new"));
        fs::write(folder.path().join("other"), "x").unwrap();
        fs::write(&path, "newer").unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("newer"));
    }

    #[test]
    fn a_file_is_whole_when_it_is_told() {
        let (_folder, path) = folder();
        fs::write(&path, "old").unwrap();
        let (_watch, told) = watch(&path);
        let mut file = fs::File::create(&path).unwrap();
        for byte in b"written byte by byte" {
            file.write_all(&[*byte]).unwrap();
        }
        drop(file);
        assert_eq!(
            told.recv_timeout(DEADLINE).unwrap().as_deref(),
            Some("written byte by byte")
        );
    }

    #[test]
    fn a_file_may_come_and_go() {
        let (_folder, path) = folder();
        let (_watch, told) = watch(&path);
        fs::write(&path, "there").unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("there"));
        fs::remove_file(&path).unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap(), None);
    }

    #[test]
    fn what_a_link_leads_to_is_watched() {
        let (folder, path) = folder();
        let elsewhere = tempfile::tempdir().unwrap();
        let target = elsewhere.path().join("target");
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &path).unwrap();
        let (_watch, told) = watch(&path);
        fs::write(&target, "new text").unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("new text"));
        drop(folder);
    }

    #[test]
    fn without_inotify_the_files_are_looked_at() {
        let (_folder, path) = folder();
        fs::write(&path, "old").unwrap();
        let (wake, wakes) = channel();
        let (sender, told) = channel();
        let polls = Arc::new(AtomicBool::new(false));
        let worker = Worker {
            files: vec![Watched::new(path.clone())],
            wakes,
            eyes: Eyes::shut(),
            polls: polls.clone(),
        };
        let thread = thread::spawn(move || {
            worker.work(move |_| {
                let _ = sender.send(());
            });
        });
        fs::write(&path, "newer").unwrap();
        told.recv_timeout(DEADLINE).unwrap();
        assert!(polls.load(Ordering::Relaxed));
        drop(wake);
        thread.join().unwrap();
    }

    #[test]
    fn a_folder_that_is_exchanged_is_followed() {
        let (folder, _) = folder();
        let (config, other) = (folder.path().join("config"), folder.path().join("other"));
        for (dir, text) in [(&config, "old"), (&other, "of the other folder")] {
            fs::create_dir(dir).unwrap();
            fs::write(dir.join("file"), text).unwrap();
        }
        let (watch, told) = watch(&config.join("file"));
        // Where this user has no inotify instance left, it has polled from the start.
        let polls = watch.polls();
        fs::rename(&config, folder.path().join("away")).unwrap();
        fs::rename(&other, &config).unwrap();
        assert_eq!(
            told.recv_timeout(DEADLINE).unwrap().as_deref(),
            Some("of the other folder")
        );
        fs::write(config.join("file"), "changed there").unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("changed there"));
        assert_eq!(watch.polls(), polls);
    }

    #[test]
    fn a_link_that_is_turned_elsewhere_is_followed() {
        let (folder, path) = folder();
        let at = |name: &str| folder.path().join(name);
        for name in ["one", "two"] {
            fs::create_dir(at(name)).unwrap();
            fs::write(at(name).join("target"), name).unwrap();
        }
        std::os::unix::fs::symlink("one/target", &path).unwrap();
        let (_watch, told) = watch(&path);
        std::os::unix::fs::symlink("two/target", at("new link")).unwrap();
        fs::rename(at("new link"), &path).unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("two"));
        fs::write(at("two").join("target"), "changed there").unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("changed there"));
    }

    #[test]
    fn folders_that_are_not_there_yet_are_waited_for() {
        let (folder, _) = folder();
        let path = folder.path().join("a/b/file");
        let (_watch, told) = watch(&path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "there").unwrap();
        assert_eq!(told.recv_timeout(DEADLINE).unwrap().as_deref(), Some("there"));
    }

    #[test]
    fn an_empty_file_is_given_time_to_be_filled() {
        let (_folder, path) = folder();
        fs::write(&path, "").unwrap();
        let mut file = Watched {
            told: None,
            moved: None,
            path: path.clone(),
        };
        let start = Instant::now();
        assert!(matches!(file.look(start), Looked::Moving(left) if left == STILL_EMPTY));
        assert!(matches!(file.look(start + STILL * 2), Looked::Moving(_)));
        assert!(matches!(file.look(start + STILL_EMPTY), Looked::Settled));
        fs::write(&path, "full").unwrap();
        assert!(matches!(file.look(start), Looked::Moving(left) if left == STILL));
        assert!(matches!(file.look(start + STILL), Looked::Settled));
        assert!(matches!(file.look(start + STILL), Looked::Still));
    }
}
