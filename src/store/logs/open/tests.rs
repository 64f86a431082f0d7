//! What is opened as a log, and what is not.
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    sync::atomic::{AtomicBool, Ordering},
};

use super::*;

struct Yard {
    folder: tempfile::TempDir,
    allowed: Allowed,
}

fn yard() -> Yard {
    let folder = tempfile::tempdir().unwrap();
    for name in ["mine", "root", "config"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    let allowed = Allowed {
        roots: vec![folder.path().join("root")],
        never: vec![folder.path().join("config")],
        uid: nix::unistd::geteuid().as_raw(),
    };
    Yard { folder, allowed }
}

impl Yard {
    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> Result<String, Refused> {
        let log = self.allowed.open(&self.at(name))?;
        Ok(String::from_utf8(log.read(0, 100).unwrap()).unwrap())
    }
}

/// Fault L2 (P5).
#[test]
fn plain_files_of_ours_are_opened_and_nothing_else_is() {
    let yard = yard();
    yard.write("mine/a.log", "hello");
    assert_eq!(yard.read("mine/a.log").unwrap(), "hello");
    assert!(matches!(yard.read("mine"), Err(Refused::Kind { what: "a folder", .. })));
    nix::unistd::mkfifo(&yard.at("mine/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(
        yard.read("mine/fifo"),
        Err(Refused::Kind {
            what: "a named pipe",
            ..
        })
    ));
    let _socket = std::os::unix::net::UnixListener::bind(yard.at("mine/socket")).unwrap();
    assert!(matches!(
        yard.read("mine/socket"),
        Err(Refused::Kind { what: "a socket", .. })
    ));
    assert!(matches!(yard.read("mine/absent"), Err(Refused::Absent(_))));
    assert!(matches!(yard.read("mine/a.log/below"), Err(Refused::Absent(_))));
    for path in ["relative", "/a/../b", "/a/b/", "/", "", "/a/.."] {
        assert!(
            matches!(yard.allowed.open(Path::new(path)), Err(Refused::Path(_))),
            "{path}"
        );
    }
}

#[test]
fn what_is_the_systems_or_our_configuration_is_never_shown() {
    let yard = yard();
    for path in [
        "/etc/hostname",
        "/proc/self/environ",
        "/sys/kernel/notes",
        "/dev/zero",
        "/dev/null",
    ] {
        assert!(
            matches!(yard.allowed.open(Path::new(path)), Err(Refused::Never(_))),
            "{path}"
        );
    }
    yard.write("config/control_setting.yaml", "secret: x");
    assert!(matches!(
        yard.read("config/control_setting.yaml"),
        Err(Refused::Never(_))
    ));
    // By way of a link of our own, which is followed.
    for (name, to) in [("mine/conf", yard.at("config")), ("mine/proc", "/proc/self".into())] {
        symlink(to, yard.at(name)).unwrap();
    }
    assert!(matches!(
        yard.read("mine/conf/control_setting.yaml"),
        Err(Refused::Never(_))
    ));
    assert!(matches!(yard.read("mine/proc/environ"), Err(Refused::Never(_))));
    let inside = Allowed {
        roots: vec![yard.folder.path().into()],
        ..yard.allowed.clone()
    };
    assert!(matches!(
        inside.open(&yard.at("config/control_setting.yaml")),
        Err(Refused::Never(_))
    ));
}

#[test]
fn a_link_is_never_what_is_read_and_on_the_way_only_one_of_ours_is_followed() {
    let yard = yard();
    yard.write("mine/real/a.log", "target");
    symlink(yard.at("mine/real/a.log"), yard.at("mine/link.log")).unwrap();
    assert!(matches!(yard.read("mine/link.log"), Err(Refused::Link(_))));
    // `latest -> run-7` and the like.
    symlink("real", yard.at("mine/latest")).unwrap();
    assert_eq!(yard.read("mine/latest/a.log").unwrap(), "target");
    symlink("loop", yard.at("mine/loop")).unwrap();
    assert!(matches!(yard.read("mine/loop/a.log"), Err(Refused::Link(_))));
    symlink("..", yard.at("mine/real/up")).unwrap();
    assert_eq!(yard.read("mine/real/up/real/a.log").unwrap(), "target");
    // Below log-roots none is.
    yard.write("root/real/a.log", "root");
    symlink("real", yard.at("root/latest")).unwrap();
    assert_eq!(yard.read("root/real/a.log").unwrap(), "root");
    assert!(matches!(yard.read("root/latest/a.log"), Err(Refused::Link(_))));
    let walked = walk_from(
        File::open(yard.at("root")).unwrap().into(),
        OsStr::new("latest/a.log"),
        Links::None,
        &yard.at("root/latest/a.log"),
    );
    assert!(matches!(walked, Err(Refused::Link(_))), "as on kernels without openat2");
}

#[test]
fn another_users_files_and_links_are_theirs() {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED: only root can make files of another user");
        return;
    }
    let yard = yard();
    let other = nix::unistd::Uid::from_raw(4242);
    let give = |path: &Path| {
        let flags = nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW;
        nix::unistd::fchownat(nix::fcntl::AT_FDCWD, path, Some(other), None, flags).unwrap();
    };
    let theirs = yard.write("mine/theirs.log", "x");
    give(&theirs);
    assert!(matches!(yard.read("mine/theirs.log"), Err(Refused::Owner(_))));
    give(&yard.write("root/theirs.log", "shared"));
    assert_eq!(yard.read("root/theirs.log").unwrap(), "shared");
    yard.write("mine/real/a.log", "ours");
    symlink("real", yard.at("mine/planted")).unwrap();
    give(&yard.at("mine/planted"));
    assert!(matches!(yard.read("mine/planted/a.log"), Err(Refused::Link(_))));
    let as_other = Allowed {
        uid: 4242,
        ..yard.allowed.clone()
    };
    assert!(matches!(
        as_other.open(&yard.at("mine/real/a.log")),
        Err(Refused::Owner(_))
    ));
}

#[test]
fn a_component_that_is_exchanged_in_this_very_moment_leads_nowhere_else() {
    let yard = yard();
    yard.write("mine/dir/a.log", "right");
    yard.write("secret/a.log", "WRONG");
    let (real, link) = (yard.at("mine/dir"), yard.at("mine/other"));
    symlink(yard.at("secret"), &link).unwrap();
    let allowed = Allowed {
        roots: vec![yard.at("mine")],
        ..yard.allowed.clone()
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let cwd = nix::fcntl::AT_FDCWD;
            while !done.load(Ordering::Relaxed) {
                let flags = nix::fcntl::RenameFlags::RENAME_EXCHANGE;
                nix::fcntl::renameat2(cwd, &real, cwd, &link, flags).unwrap();
            }
        });
        let (mut opened, mut refused) = (0, 0);
        for _ in 0..200_000 {
            match allowed.open(&real.join("a.log")) {
                Ok(log) => {
                    assert_eq!(log.read(0, 10).unwrap(), b"right");
                    opened += 1;
                }
                Err(Refused::Link(_) | Refused::Absent(_)) => refused += 1,
                Err(error) => panic!("{error}"),
            }
            if opened > 200 && refused > 200 {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
        assert!(opened > 0 && refused > 0, "{opened} {refused}");
    });
}

#[test]
fn a_file_that_we_may_not_read_says_so() {
    let yard = yard();
    let path = yard.write("mine/closed.log", "x");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
    if nix::unistd::geteuid().is_root() {
        assert_eq!(yard.read("mine/closed.log").unwrap(), "x");
    } else {
        assert!(matches!(yard.read("mine/closed.log"), Err(Refused::Store(_))));
    }
}
