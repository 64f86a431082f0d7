//! Tells when a file has changed and stood still, whoever changed it and however: renamed over, truncated, byte by byte.
//!
//! inotify (through `notify`) only says that it is time to look; what counts is how the file looks. Where inotify gives
//! out, or says nothing because the folder lies on a network, looking from time to time takes its place.
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use crate::{StoreError, network};

/// A file is acted on once it has stood unchanged for so long…
const STILL: Duration = Duration::from_millis(200);
/// … or for so long if it became empty or went away: an editor may be about to fill it.
const STILL_EMPTY: Duration = Duration::from_secs(2);
/// How often is looked where nothing tells of changes.
const POLL: Duration = Duration::from_secs(1);
/// How often is looked all the same: a folder may have been replaced under its watch.
const SAFETY: Duration = Duration::from_secs(30);

/// Watches files until it is dropped.
pub struct FileWatch {
    /// `None` where inotify gave out, or would say nothing.
    watcher: Option<RecommendedWatcher>,
    wake: Sender<Wake>,
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
    /// files look now is where it begins; they need not be there.
    ///
    /// # Errors
    /// Where no thread can be had. Too few inotify watches are no error: then the files are looked at once a second.
    pub fn new(
        paths: impl IntoIterator<Item = PathBuf>,
        tell: impl FnMut(&Path) + Send + 'static,
    ) -> Result<FileWatch, StoreError> {
        let (wake, wakes) = mpsc::channel();
        // Watching begins before the first look, so that no change falls between.
        let paths: Vec<PathBuf> = paths.into_iter().collect();
        let watcher = watch_folders(&paths, wake.clone());
        let often = if watcher.is_some() { SAFETY } else { POLL };
        let first = paths.first().cloned().unwrap_or_default();
        let files = paths
            .into_iter()
            .map(|path| Watched {
                told: stamp(&path),
                moved: None,
                path,
            })
            .collect();
        thread::Builder::new()
            .name("file-watch".into())
            .spawn(move || work(files, &wakes, often, tell))
            .map_err(StoreError::io("watch", first))?;
        Ok(FileWatch { watcher, wake })
    }

    /// Whether the files are looked at once a second, because nothing tells of changes.
    pub fn polls(&self) -> bool {
        self.watcher.is_none()
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        // A thread that has ended already needs no telling.
        let _ = self.wake.send(Wake::End);
    }
}

/// Watches the folders of all files, and those that links lead to: a file that is renamed over is another file.
fn watch_folders(paths: &[PathBuf], wake: Sender<Wake>) -> Option<RecommendedWatcher> {
    let folders: BTreeSet<PathBuf> = paths
        .iter()
        .flat_map(|path| [Some(path.clone()), fs::canonicalize(path).ok()])
        .flatten()
        .filter_map(|path| path.parent().map(Path::to_owned))
        .collect();
    if let Some(kind) = folders.iter().find_map(|folder| network::file_system(folder)) {
        tracing::info!("the files lie on {kind}, which tells of no changes by other machines: looking once a second");
        return None;
    }
    let watch = || -> notify::Result<RecommendedWatcher> {
        // Errors (an overflow, say) are a reason to look as well.
        let mut watcher = notify::recommended_watcher(move |_| drop(wake.send(Wake::Look)))?;
        for folder in &folders {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
        }
        Ok(watcher)
    };
    watch()
        .inspect_err(|error| tracing::warn!(%error, "cannot watch for changes: looking once a second"))
        .ok()
}

fn work(mut files: Vec<Watched>, wakes: &Receiver<Wake>, often: Duration, mut tell: impl FnMut(&Path)) {
    loop {
        let now = Instant::now();
        let mut wait = often;
        for file in &mut files {
            match file.look(now) {
                Looked::Still => {}
                Looked::Moving(left) => wait = wait.min(left),
                Looked::Settled => tell(&file.path),
            }
        }
        match wakes.recv_timeout(wait) {
            Ok(Wake::Look) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Wake::End) | Err(RecvTimeoutError::Disconnected) => return,
        }
        // Many events are one reason to look.
        while let Ok(wake) = wakes.try_recv() {
            if matches!(wake, Wake::End) {
                return;
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
        // What `new` does where no watcher can be had.
        let (wake, wakes) = channel();
        let (sender, told) = channel();
        let files = vec![Watched {
            told: stamp(&path),
            moved: None,
            path: path.clone(),
        }];
        let thread =
            thread::spawn(move || work(files, &wakes, Duration::from_millis(20), move |_| drop(sender.send(()))));
        fs::write(&path, "newer").unwrap();
        told.recv_timeout(DEADLINE).unwrap();
        drop(wake);
        thread.join().unwrap();
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
