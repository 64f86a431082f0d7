//! The host folder: open to all, closed where it has to be.
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use gpuyard_exec::host::HostFolder;
use tempfile::TempDir;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn it_is_made_for_all_and_the_users_part_for_one() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("host");
    for _ in 0..2 {
        let host = HostFolder::open(Some(path.clone())).unwrap();
        assert_eq!((host.path(), host.warning()), (path.as_path(), None));
        assert_eq!((mode(&path), mode(host.user_folder())), (0o1777, 0o700));
        assert!(host.user_folder().starts_with(&path));
    }
    // Ours, and closed by accident: opened again.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    HostFolder::open(Some(path.clone())).unwrap();
    assert_eq!(mode(&path), 0o1777);
}

#[test]
fn one_that_cannot_be_trusted_is_refused_in_words() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(dir.path(), &link).unwrap();
    for path in [file, link, dir.path().join("not/there")] {
        let error = HostFolder::open(Some(path.clone())).unwrap_err().to_string();
        assert!(error.contains(path.to_str().unwrap()), "{error}");
    }
    // The user's part is another's, or open to others.
    let path = dir.path().join("host");
    let user = HostFolder::open(Some(path.clone())).unwrap().user_folder().to_owned();
    fs::set_permissions(&user, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(
        HostFolder::open(Some(path.clone()))
            .unwrap_err()
            .to_string()
            .contains("others may enter")
    );
    fs::set_permissions(&user, fs::Permissions::from_mode(0o700)).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&user, Some(65534), None).unwrap();
        assert!(
            HostFolder::open(Some(path))
                .unwrap_err()
                .to_string()
                .contains("somebody else")
        );
    } else {
        eprintln!("SKIPPED: only root can give a folder away");
    }
}
