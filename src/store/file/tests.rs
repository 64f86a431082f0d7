//! Tests of reading with limits and writing without tearing: the faults F1, F2, W1, W4 and D1 as far as files go.
use std::{
    os::unix::fs::symlink,
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
};

use nix::sys::stat::Mode;

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    (folder, path)
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().mode() & 0o7777
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Fault F1 (P5).
#[test]
fn every_odd_file_is_a_clear_error_and_none_hangs() {
    let (folder, path) = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("a folder")).unwrap();
    nix::unistd::mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
    symlink(at("fifo"), at("link to fifo")).unwrap();
    symlink(at("loop"), at("loop")).unwrap();
    symlink("/dev/zero", at("zero")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
    fs::write(at("nul"), "a\nb\0c").unwrap();
    fs::write(at("latin1"), b"a\nb\nna\xefve").unwrap();
    fs::write(at("large"), vec![b'x'; 101]).unwrap();
    File::create(at("100MB")).unwrap().set_len(100 << 20).unwrap();
    for (name, words) in [
        ("a folder", "a folder"),
        ("fifo", "a named pipe"),
        ("link to fifo", "a named pipe"),
        ("zero", "a device"),
        ("socket", "a socket"),
        ("loop", "symbolic links"),
        ("nul", "line 2: expected text, found a NUL byte"),
        ("latin1", "line 3: expected UTF-8"),
        ("large", "larger than the 100 bytes"),
        ("100MB", "larger than the 100 bytes"),
        ("absent", "No such file"),
    ] {
        let error = read_text(&at(name), 100).unwrap_err().to_string();
        assert!(error.contains(words) && error.contains(name), "{name}: {error}");
    }
    fs::write(&path, "\u{feff}a\r\n\tb").unwrap();
    assert_eq!(read_text(&path, 100).unwrap(), "\u{feff}a\r\n\tb");
    fs::write(&path, [b'x'; 100]).unwrap();
    assert_eq!(read_bounded(&path, 100).unwrap().len(), 100);
    if !nix::unistd::geteuid().is_root() {
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        assert!(read_text(&path, 100).unwrap_err().to_string().contains("ermission"));
    }
    // What is read is never written over by reading; what is written to such a place is refused.
    assert!(write_atomic(&at("a folder"), b"x").is_err());
    assert!(write_atomic(&at("loop"), b"x").is_err());
    assert!(
        write_atomic(&at("fifo"), b"x")
            .unwrap_err()
            .to_string()
            .contains("a named pipe")
    );
    assert!(
        write_atomic(&at("absent/file"), b"x")
            .unwrap_err()
            .to_string()
            .contains("absent/file")
    );
}

#[test]
fn our_own_files_are_never_links() {
    let (folder, path) = folder();
    fs::write(&path, "secret of another").unwrap();
    let link = folder.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(open_own(&link).unwrap_err().to_string().contains("a link"));
    open_own(&path).unwrap();
    open_plain(&link).unwrap();
}

#[test]
fn a_write_keeps_mode_and_links_and_new_files_are_private() {
    let (folder, path) = folder();
    write_atomic(&path, b"new").unwrap();
    assert_eq!(mode(&path), 0o600);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
    let link = folder.path().join("link");
    symlink("file", &link).unwrap();
    let chain = folder.path().join("chain");
    symlink(&link, &chain).unwrap();
    write_atomic(&chain, b"through links").unwrap();
    assert_eq!(
        (fs::read(&path).unwrap().as_slice(), mode(&path)),
        (&b"through links"[..], 0o664)
    );
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink() && fs::symlink_metadata(&chain).unwrap().is_symlink());
    let dangling = folder.path().join("dangling");
    symlink("made", &dangling).unwrap();
    write_atomic(&dangling, b"x").unwrap();
    assert_eq!(fs::read(folder.path().join("made")).unwrap(), b"x");
    assert_eq!(names(folder.path()), ["chain", "dangling", "file", "link", "made"]);
}

#[test]
fn owner_and_group_are_kept_or_the_write_is_refused() {
    let (_folder, path) = folder();
    if !nix::unistd::geteuid().is_root() {
        eprintln!("SKIPPED: owner and group can be changed by root only");
        return;
    }
    write_atomic(&path, b"x").unwrap();
    nix::unistd::chown(&path, Some(Uid::from_raw(1234)), Some(Gid::from_raw(4321))).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    write_atomic(&path, b"y").unwrap();
    let meta = path.metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid(), mode(&path)), (1234, 4321, 0o640));
    let version = Version::of(b"y");
    replace(&path, b"z", &version, None).unwrap();
    let meta = path.metadata().unwrap();
    assert_eq!((meta.uid(), meta.gid(), mode(&path)), (1234, 4321, 0o640));
}

/// Fault W4 (P1).
#[test]
fn stale_temporaries_are_never_in_the_way() {
    let (folder, path) = folder();
    fs::write(folder.path().join(format!("{TEMPORARY}abc")), "").unwrap();
    fs::create_dir(folder.path().join(format!("{TEMPORARY}def"))).unwrap();
    for name in ["file.tmp", ".file.tmp", "file~"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let read_only = folder.path().join(format!("{TEMPORARY}ghi"));
    fs::write(&read_only, "old").unwrap();
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o400)).unwrap();
    let before = names(folder.path()).len();
    for round in 0..3 {
        write_atomic(&path, format!("{round}").as_bytes()).unwrap();
    }
    assert_eq!(fs::read(&path).unwrap(), b"2");
    assert_eq!(names(folder.path()).len(), before + 1);
}

#[test]
fn old_temporaries_are_cleared_and_nothing_else() {
    let (folder, path) = folder();
    fs::write(&path, "x").unwrap();
    let (old, young) = (
        folder.path().join(format!("{TEMPORARY}old")),
        folder.path().join(format!("{TEMPORARY}young")),
    );
    for path in [&old, &young] {
        fs::write(path, "").unwrap();
    }
    let long_ago = std::time::SystemTime::now() - STALE * 2;
    for path in [&path, &old] {
        File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
    }
    clear_temporaries(folder.path()).unwrap();
    assert!(path.exists() && young.exists() && !old.exists());
}

#[test]
fn what_is_there_is_not_created_again() {
    let (folder, path) = folder();
    create_new(&path, b"one").unwrap();
    assert!(matches!(create_new(&path, b"two"), Err(StoreError::Exists { .. })));
    let dangling = folder.path().join("dangling");
    symlink("nowhere", &dangling).unwrap();
    assert!(matches!(create_new(&dangling, b"x"), Err(StoreError::Exists { .. })));
    assert_eq!((fs::read(&path).unwrap().as_slice(), mode(&path)), (&b"one"[..], 0o600));
    assert_eq!(names(folder.path()), ["dangling", "file"]);
}

#[test]
fn of_many_writers_one_wins_and_readers_see_whole_files() {
    let (_folder, path) = folder();
    let text = |n: usize| format!("{n}").repeat(20_000);
    write_atomic(&path, text(0).as_bytes()).unwrap();
    let version = Version::of(text(0).as_bytes());
    let (won, start) = (AtomicUsize::new(0), Barrier::new(5));
    std::thread::scope(|scope| {
        for n in 1..5 {
            let (path, version, won, start) = (&path, &version, &won, &start);
            scope.spawn(move || {
                start.wait();
                match replace(path, text(n).as_bytes(), version, None) {
                    Ok(()) => {
                        won.fetch_add(1, Ordering::SeqCst);
                    }
                    Err(StoreError::Conflict { now: Some(now), .. }) => assert!((0..5).any(|n| now == text(n))),
                    Err(other) => panic!("{other}"),
                }
            });
        }
        start.wait();
        for _ in 0..50 {
            let now = fs::read_to_string(&path).unwrap();
            assert!((0..5).any(|n| now == text(n)));
        }
    });
    assert_eq!(won.load(Ordering::SeqCst), 1);
}

/// Fault F2 (P5).
#[test]
fn a_file_that_changed_is_not_replaced_and_its_backup_not_made() {
    let (folder, path) = folder();
    let backup = folder.path().join("file.backup");
    fs::write(&path, "by vim").unwrap();
    let stale = replace(&path, b"ours", &Version::of(b"older"), Some(&backup)).unwrap_err();
    assert!(matches!(stale, StoreError::Conflict { now: Some(now), .. } if now == "by vim"));
    assert_eq!(names(folder.path()), ["file"]);
    replace(&path, b"ours", &Version::of(b"by vim"), Some(&backup)).unwrap();
    assert_eq!(
        (fs::read(&path).unwrap(), fs::read(&backup).unwrap()),
        (b"ours".to_vec(), b"by vim".to_vec())
    );
    assert_eq!(names(folder.path()), ["file", "file.backup"]);
    let link = folder.path().join("link");
    symlink("file", &link).unwrap();
    replace(&link, b"through a link", &Version::of(b"ours"), None).unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read(&path).unwrap(), b"through a link");
}

/// Fault D1 (P1, P6).
/// D1: on a file system of 2 MiB of our own, where this process may mount one.
#[test]
fn a_full_disk_leaves_the_old_file_whole_and_heals() {
    let Some(disk) = SmallDisk::mount("size=2m,nr_inodes=40") else {
        return;
    };
    let path = disk.path().join("file");
    write_atomic(&path, b"old").unwrap();
    let ballast = disk.path().join("ballast");
    let error = write_atomic(&path, &vec![b'x'; 4 << 20]).unwrap_err();
    assert!(error.is_disk_trouble() && error.to_string().contains("file"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    // No inodes left: not even the temporary file can be made.
    let filled = (0..100)
        .map_while(|n| File::create(disk.path().join(format!("n{n}"))).ok().map(|_| n))
        .count();
    let error = write_atomic(&path, b"new").unwrap_err();
    assert!(error.is_disk_trouble(), "{error}");
    (0..filled).for_each(|n| fs::remove_file(disk.path().join(format!("n{n}"))).unwrap());
    fs::write(&ballast, "").unwrap();
    write_atomic(&path, b"new").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    disk.read_only();
    let error = write_atomic(&path, b"newer").unwrap_err();
    assert!(error.is_disk_trouble(), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

/// A tmpfs of our own.
pub(crate) struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None`, loudly, where mounting is not allowed.
    pub(crate) fn mount(options: &str) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let flags = nix::mount::MsFlags::empty();
        match nix::mount::mount(Some("tmpfs"), folder.path(), Some("tmpfs"), flags, Some(options)) {
            Ok(()) => Some(SmallDisk(folder)),
            Err(errno) => {
                eprintln!("SKIPPED: a small disk cannot be mounted here: {errno}");
                None
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    fn read_only(&self) {
        let flags = nix::mount::MsFlags::MS_REMOUNT | nix::mount::MsFlags::MS_RDONLY;
        nix::mount::mount(None::<&str>, self.path(), None::<&str>, flags, None::<&str>).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = nix::mount::umount2(self.path(), nix::mount::MntFlags::MNT_DETACH);
    }
}
