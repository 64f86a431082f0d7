//! The door under attack: whatever is thrown at it, a proper client is answered, and nobody comes in.
use std::{
    io::{Read, Write},
    net::TcpStream,
    os::unix::process::CommandExt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::SIGTERM;
use serde_json::json;

use crate::yard::{Daemon, Program, SECRET, SINGLE, Yard, free_port, skip, task, wait_for, wait_until};

pub(crate) fn dial(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", daemon.port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// A whole conversation: what came until the other end closed.
fn converse(mut stream: TcpStream, request: &[u8]) -> String {
    // The other end may close before it has heard all.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A proper client is answered. It comes anew each time: a connection that was kept open may have made room for others,
/// as with any server.
#[track_caller]
fn is_well(daemon: &Daemon) {
    let secret = format!("Authorization: Bearer {SECRET}\r\n");
    for (path, credential, status) in [
        ("/api/gpu", &*secret, 200),
        ("/api/health", "", 200),
        ("/api/gpu", "", 401),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{credential}\r\n");
        let answer = converse(dial(daemon), request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{path}: {answer}");
    }
}

/// Resident memory in KiB.
fn memory(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.program.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Fault S2 (P1): slow-loris. Heads that never end, more of them than there is room for.
#[test]
fn heads_that_never_end_keep_nobody_out() {
    let yard = Yard::new("2x24GiB");
    let daemon = yard.serve();
    is_well(&daemon);
    let mut slow: Vec<TcpStream> = (0..600).map(|_| dial(&daemon)).collect();
    for round in 0..3 {
        for stream in &mut slow {
            let _ = stream.write_all(if round == 0 { b"GET / HTTP/1.1\r\nX: " } else { b"x" });
        }
        is_well(&daemon);
    }
    // Bodies that never come are no better.
    for stream in &mut slow {
        *stream = dial(&daemon);
        let _ = stream.write_all(b"POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n{");
    }
    is_well(&daemon);
}

/// Fault S2 (P1): clients that ask for much and read nothing.
#[test]
fn answers_that_nobody_reads_keep_nobody_out() {
    let yard = Yard::new("8x24GiB");
    let daemon = yard.serve();
    is_well(&daemon);
    let before = memory(&daemon);
    let asks =
        format!("GET /api/gpu HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n\r\n").repeat(100);
    let deaf: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = dial(&daemon);
            stream.set_nonblocking(true).unwrap();
            let _ = stream.write(asks.as_bytes());
            stream
        })
        .collect();
    is_well(&daemon);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB for {} who do not read", deaf.len());
}

/// Fault S4 (P1): a flood of wrong logins. They are slowed; the right secret and open sessions still work.
#[test]
fn a_flood_of_wrong_logins_shuts_nobody_out() {
    let yard = Yard::new("2x24GiB");
    let daemon = Arc::new(yard.serve());
    let login = daemon.post_as(None, "/api/auth/login", &json!({ "password": SECRET }));
    let token = login.body["token"].as_str().unwrap().to_owned();
    let (stop, refused, slowed) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let flood: Vec<_> = (0..4)
        .map(|_| {
            let (daemon, stop, refused, slowed) = (daemon.clone(), stop.clone(), refused.clone(), slowed.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    match daemon
                        .post_as(None, "/api/auth/login", &json!({"password": "guess"}))
                        .status
                    {
                        401 => &refused,
                        429 => &slowed,
                        other => panic!("{other}"),
                    }
                    .fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    wait_until("a thousand wrong tries", || slowed.load(Ordering::Relaxed) > 1000);
    is_well(&daemon);
    assert_eq!(
        daemon.get_as(Some(&token), "/api/gpu").status,
        200,
        "an open session goes on"
    );
    let again = daemon.post_as(None, "/api/auth/login", &json!({ "password": SECRET }));
    assert_eq!(again.status, 200, "the right secret is let in");
    stop.store(true, Ordering::Relaxed);
    flood.into_iter().for_each(|thread| thread.join().unwrap());
    let (refused, slowed) = (refused.load(Ordering::Relaxed), slowed.load(Ordering::Relaxed));
    assert!(
        refused * 20 < slowed,
        "{refused} tries were looked at, {slowed} were not"
    );
    let audit = std::fs::read_to_string(yard.root.join("logs/audit.log")).unwrap_or_default();
    assert!(
        audit.lines().count() < 10,
        "wrong tries do not fill the disk: {}",
        audit.len()
    );
}

/// Bodies of 100 MB, JSON as deep as the sea: refused while they come, and nothing grows.
#[test]
fn bodies_beyond_all_measure_are_refused_as_they_come() {
    let yard = Yard::new("2x24GiB");
    let daemon = yard.serve();
    is_well(&daemon);
    let before = memory(&daemon);
    let head = |length: &str| {
        format!(
            "POST /api/scheduler/single/start HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\n{length}\r\nConnection: close\r\n\r\n"
        )
    };
    let mut said = dial(&daemon);
    said.write_all(head("Content-Length: 104857600").as_bytes()).unwrap();
    let megabyte = vec![b' '; 1 << 20];
    let sent = (0..100).take_while(|_| said.write_all(&megabyte).is_ok()).count();
    assert!(sent < 100, "100 MB were taken in");
    let mut chunked = dial(&daemon);
    chunked
        .write_all(head("Transfer-Encoding: chunked").as_bytes())
        .unwrap();
    let chunk = [b"100000\r\n".as_slice(), &megabyte, b"\r\n"].concat();
    let sent = (0..100).take_while(|_| chunked.write_all(&chunk).is_ok()).count();
    assert!(sent < 100, "100 MB were taken in");
    let deep = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let length = format!("Content-Length: {}", deep.len());
    let answer = converse(dial(&daemon), (head(&length) + &deep).as_bytes());
    assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    is_well(&daemon);
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB");
}

/// YAML that would unfold to 10³⁰ nodes.
fn bomb() -> String {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    bomb
}

/// Fault F1 (P5).
/// A rules file that would unfold to gigabytes is an error of that file, and nothing more.
#[test]
fn a_bomb_of_aliases_is_an_error_of_its_file() {
    let yard = Yard::new("2x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let daemon = yard.serve();
    let deep = format!("check_time: {}1{}\n", "[".repeat(100_000), "]".repeat(100_000));
    for text in [bomb(), deep] {
        std::fs::write(yard.rules_file(), text).unwrap();
        let start = daemon.post("/api/scheduler/single/start?config_index=0", &json!({}));
        assert!((400..=503).contains(&start.status), "{start:?}");
        is_well(&daemon);
    }
    let grown = memory(&daemon);
    assert!(grown < 200 << 10, "{grown} KiB");
}

/// Fault S2, S4, F1 (P1): all of it at once, while a proper client asks. It is answered each time; how soon is printed.
#[test]
fn all_at_once_keep_a_proper_client_waiting_for_moments_only() {
    const ASKED: usize = 400;
    let yard = Yard::new("8x24GiB");
    yard.commands(SINGLE, &[task(1, "run a")]);
    let daemon = Arc::new(yard.serve());
    is_well(&daemon);
    let before = memory(&daemon);
    let (stop, rounds, wrong, large, deep, bombs) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
        Arc::new(AtomicU64::new(0)),
    );
    let attack = |count: &Arc<AtomicU64>, mut once: Box<dyn FnMut() + Send>| {
        let (stop, count) = (stop.clone(), count.clone());
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                once();
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    let post = |path: &str, secret: &str, length: usize| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
        )
    };
    let mut slow: Vec<TcpStream> = (0..400).map(|_| dial(&daemon)).collect();
    let drip = {
        let stop = stop.clone();
        let pace = daemon.clone();
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                for stream in &mut slow {
                    if stream.write_all(b"GET / HTTP/1.1\r\nX: ").is_err() {
                        // It had to make room: it comes again.
                        *stream = dial(&pace);
                    }
                }
            }
        })
    };
    let login = json!({"password": "guess"}).to_string();
    let mut threads = vec![drip];
    // Many down one connection, as fast as they are taken.
    let one = format!(
        "POST /api/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{login}",
        login.len()
    );
    let many = one.repeat(99) + &post("/api/auth/login", "guess", login.len()) + &login;
    for _ in 0..2 {
        let (daemon, wrong, many) = (daemon.clone(), wrong.clone(), many.clone());
        let try_in = move || {
            let answers = converse(dial(&daemon), many.as_bytes());
            assert!(!answers.contains("HTTP/1.1 200"), "{answers}");
            wrong.fetch_add(answers.matches("HTTP/1.1 4").count() as u64, Ordering::Relaxed);
        };
        threads.push(attack(&rounds, Box::new(try_in)));
    }
    let megabyte = vec![b' '; 1 << 20];
    let (to, head) = (daemon.clone(), post("/api/tasks", SECRET, 100 << 20));
    let send_much = move || {
        let mut stream = dial(&to);
        let _ = stream.write_all(head.as_bytes());
        let sent = (0..100).take_while(|_| stream.write_all(&megabyte).is_ok()).count();
        assert!(sent < 100, "100 MB were taken in");
    };
    threads.push(attack(&large, Box::new(send_much)));
    let nested = format!("{}{}", "[".repeat(400_000), "]".repeat(400_000));
    let (to, request) = (daemon.clone(), post("/api/tasks", SECRET, nested.len()) + &nested);
    let send_deep = move || assert!(!converse(dial(&to), request.as_bytes()).starts_with("HTTP/1.1 2"));
    threads.push(attack(&deep, Box::new(send_deep)));
    let (rules, to) = (yard.rules_file(), daemon.clone());
    let texts = [
        bomb(),
        format!("check_time: {}1{}\n", "[".repeat(100_000), "]".repeat(100_000)),
    ];
    let mut turn = 0;
    let lay_bomb = move || {
        turn += 1;
        std::fs::write(&rules, &texts[turn % 2]).unwrap();
        let read = to.get("/api/config");
        assert!((400..=503).contains(&read.status), "{read:?}");
    };
    threads.push(attack(&bombs, Box::new(lay_bomb)));

    let began = Instant::now();
    let mut took = Vec::new();
    while took.len() < ASKED || wrong.load(Ordering::Relaxed) < 5000 {
        let asked = Instant::now();
        // A minute, by the socket's own limit, is the longest it may take here.
        is_well(&daemon);
        took.push(asked.elapsed() / 3);
    }
    let seconds = began.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    is_well(&daemon);
    took.sort();
    let count = |count: &Arc<AtomicU64>| count.load(Ordering::Relaxed);
    eprintln!(
        "{seconds:.1} s: {} wrong logins ({:.0} a second), {} bodies of 100 MB, {} of deep JSON, {} YAML bombs, 400 who never finish; a proper client asked {} times: median {:?}, 99 % {:?}, longest {:?}; {} MiB more",
        count(&wrong),
        count(&wrong) as f64 / seconds,
        count(&large),
        count(&deep),
        count(&bombs),
        took.len() * 3,
        took[took.len() / 2],
        took[took.len() * 99 / 100],
        took[took.len() - 1],
        memory(&daemon).saturating_sub(before) >> 10,
    );
    let grown = memory(&daemon).saturating_sub(before);
    assert!(grown < 96 << 10, "{grown} KiB");
}

/// Fault D2, S2 (P1): 64 descriptors and 200 connections.
#[test]
fn few_descriptors_and_many_connections_keep_nobody_out() {
    let yard = Yard::new("2x24GiB");
    yard.settings(free_port());
    let mut command = yard.command("bash");
    let line = r#"ulimit -n 64; exec "$0" --root "$1" serve"#;
    command.args(["-c", line, crate::yard::GPUYARD]).arg(&yard.root);
    let daemon = yard.serve_as(Program::start(command, yard.base(), "narrow"));
    let idle: Vec<TcpStream> = (0..200).map(|_| dial(&daemon)).collect();
    for _ in 0..5 {
        is_well(&daemon);
    }
    drop(idle);
    is_well(&daemon);
}

/// Without a secret a daemon serves its own user: another one of the machine is turned away by the kernel's word.
#[test]
fn without_a_secret_other_users_are_turned_away() {
    if !nix::unistd::geteuid().is_root() {
        return skip("only root can run programs as other users");
    }
    let yard = Yard::new("2x24GiB");
    let (theirs, port) = (12_345, free_port());
    std::fs::write(
        yard.root.join("config/control_setting.yaml"),
        format!("target-yaml-path: gpu_manage.yaml\nlog-dir: logs\nport: {port}\nallow-lan: true\nsecret: \"\"\n"),
    )
    .unwrap();
    let owned = std::process::Command::new("chown")
        .args(["-R", "12345:12345"])
        .arg(yard.base())
        .status();
    assert!(owned.unwrap().success());
    let mut command = yard.gpuyard(&["serve"]);
    command.uid(theirs).gid(theirs);
    let program = Program::start(command, yard.base(), "theirs");
    let mut daemon = yard.serve_as(program);
    let request = "GET /api/scheduler/state HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n";
    let asks_as = |uid: u32| {
        let line = format!(
            "exec 3<>/dev/tcp/127.0.0.1/{} && printf '{request}' >&3 && cat <&3",
            daemon.port
        );
        let mut bash = std::process::Command::new("bash");
        let out = bash.args(["-c", &line]).uid(uid).gid(uid).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    let own = asks_as(theirs);
    assert!(own.starts_with("HTTP/1.1 200"), "{own}");
    for other in [0, theirs + 1] {
        let answer = asks_as(other);
        assert!(
            answer.starts_with("HTTP/1.1 403") && answer.contains("not_your_daemon"),
            "{other}: {answer}"
        );
    }
    daemon.program.signal(SIGTERM);
    assert_eq!(daemon.program.wait(), 0);
}

/// Fault C7 (P1): what is in flight when the daemon is told to end is answered, and was done.
#[test]
fn a_request_in_flight_is_answered_when_the_daemon_ends() {
    let yard = Yard::new("1x24GiB");
    yard.commands(SINGLE, &[task(1, "tick a")]);
    let mut daemon = yard.serve();
    // A head that is whole, and a body that comes when the daemon has been told to end.
    let mut stream = dial(&daemon);
    let head = format!(
        "POST /api/scheduler/single/start?config_index=0 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {SECRET}\r\nContent-Length: 2\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    is_well(&daemon);
    daemon.program.signal(SIGTERM);
    wait_until("nobody new is taken", || {
        TcpStream::connect(("127.0.0.1", daemon.port)).is_err()
    });
    let answer = converse(stream, b"{}");
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"success\":true"),
        "{answer}"
    );
    assert_eq!(daemon.program.wait(), 0);
    yard.started("a");
    let pid = wait_for("its scheduler lives", || yard.try_run(SINGLE)?["pid"].as_i64());
    assert!(crate::yard::alive(pid as i32), "and goes on without the daemon");
    assert!(yard.ask(&["stop", "single", "0"]).status.success());
}
