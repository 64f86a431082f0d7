//! Places: one holder at a time, known by name, free with its death.
use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
};

use gpuyard_exec::{
    identity,
    place::{Place, PlaceError},
};

use crate::yard::{Yard, wait_until};

#[test]
fn a_place_is_held_once_and_says_by_whom() {
    let yard = Yard::new();
    let root = yard.dir.path();
    assert_eq!(Place::holder(&yard.host, root, "daemon").unwrap(), None);
    let place = Place::take(&yard.host, root, "daemon").unwrap();
    let own = identity::identity(std::process::id() as i32).unwrap();
    assert_eq!(Place::holder(&yard.host, root, "daemon").unwrap().unwrap().process, own);
    let PlaceError::Held { holder, name, .. } = Place::take(&yard.host, root, "daemon").unwrap_err() else {
        panic!()
    };
    assert_eq!((holder, name.as_str()), (own, "daemon"));
    // Another place, and the same one of another root.
    Place::take(&yard.host, root, "single_0").unwrap();
    Place::take(&yard.host, yard.host.path(), "daemon").unwrap();
    drop(place);
    assert_eq!(Place::holder(&yard.host, root, "daemon").unwrap(), None);
    Place::take(&yard.host, root, "daemon").unwrap();
}

#[test]
fn a_root_is_the_same_by_every_path() {
    let yard = Yard::new();
    let (root, link) = (yard.file("root"), yard.file("link"));
    std::fs::create_dir(&root).unwrap();
    std::os::unix::fs::symlink(&root, &link).unwrap();
    let _place = Place::take(&yard.host, &root, "single_0").unwrap();
    assert!(Place::take(&yard.host, &link, "single_0").is_err());
    let sockets = [&root, &link].map(|path| yard.host.socket_path(path, "single_0").unwrap());
    assert_eq!(sockets[0], sockets[1]);
}

#[test]
fn what_its_holder_starts_does_not_keep_a_place() {
    let mut yard = Yard::new();
    let place = Place::take(&yard.host, yard.dir.path(), "single_0").unwrap();
    let id = yard.start(&["until [[ -e go ]]; do read -t 0.02 < <(:); done"]);
    let mut cat = Command::new("cat")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // It has come as far as running its program.
    cat.stdin.as_mut().unwrap().write_all(b"there\n").unwrap();
    BufReader::new(cat.stdout.as_mut().unwrap())
        .read_line(&mut String::new())
        .unwrap();
    yard.started(&id);
    drop(place);
    Place::take(&yard.host, yard.dir.path(), "single_0").unwrap();
    std::fs::write(yard.file("go"), "").unwrap();
    yard.ended(&id);
    drop(cat.stdin.take());
    cat.wait().unwrap();
}

#[test]
fn many_at_once_get_one_place() {
    let yard = Yard::new();
    for round in 0..20 {
        let name = format!("single_{round}");
        let places: Vec<_> = std::thread::scope(|scope| {
            let take = || scope.spawn(|| Place::take(&yard.host, yard.dir.path(), &name));
            let threads: Vec<_> = (0..6).map(|_| take()).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(places.iter().filter(|p| p.is_ok()).count(), 1, "{places:?}");
        assert!(
            places.iter().all(|p| matches!(p, Ok(_) | Err(PlaceError::Held { .. }))),
            "{places:?}"
        );
    }
}

#[test]
fn who_has_a_place_briefly_is_waited_for() {
    let yard = Yard::new();
    let (host, root) = (&yard.host, yard.dir.path());
    let brief = Place::take_briefly(host, root, "single_0").unwrap();
    assert!(Place::holder(host, root, "single_0").unwrap().unwrap().leaving);
    let place = std::thread::scope(|scope| {
        let wish = scope.spawn(|| Place::take(host, root, "single_0"));
        wait_until("it waits, or is refused", || {
            wish.is_finished() || opened(&yard, "single_0") == 2
        });
        drop(brief);
        wish.join().unwrap().unwrap()
    });
    assert!(!Place::holder(host, root, "single_0").unwrap().unwrap().leaving);
    drop(place);
}

/// How often this process has the place's file open.
fn opened(yard: &Yard, name: &str) -> usize {
    let name = format!("-{name}.place");
    let files = std::fs::read_dir("/proc/self/fd").unwrap();
    let paths = files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok());
    paths
        .filter(|path| path.starts_with(yard.host.user_folder()) && path.to_string_lossy().ends_with(&name))
        .count()
}

#[test]
fn what_a_dead_holder_wrote_is_not_believed() {
    let yard = Yard::new();
    drop(Place::take(&yard.host, yard.dir.path(), "daemon").unwrap());
    // Longer than what is written next, and torn.
    let file = std::fs::read_dir(yard.host.user_folder())
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    std::fs::write(&file, vec![b'x'; 4096]).unwrap();
    let _place = Place::take(&yard.host, yard.dir.path(), "daemon").unwrap();
    wait_until("it is ours", || {
        Place::holder(&yard.host, yard.dir.path(), "daemon").unwrap().is_some()
    });
}
