//! Connections over real sockets. Where a test waits for a time limit, the clock is tokio's, and jumps.
use std::{future::Future, net::SocketAddr};

use axum::routing::get;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinHandle,
};

use tokio::sync::Notify;

use super::*;

/// Longer than anything here takes; a test that fails says so instead of hanging.
const LONG: Duration = Duration::from_secs(30);

struct Server {
    address: SocketAddr,
    end: watch::Sender<bool>,
    done: JoinHandle<()>,
}

async fn server(room: usize, router: Router) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = watch::channel(false);
    let done = tokio::spawn(serve_at_most(room, listener, Door { router, tls: None }, ended));
    Server { address, end, done }
}

fn hello() -> Router {
    Router::new().route("/", get(async || "hello"))
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Everything that comes until the other end closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    // A connection that is thrown out may be reset.
    let _ = stream.read_to_string(&mut text).await;
    text
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, what).await.unwrap()
}

#[test]
fn the_one_that_has_been_idle_longest_makes_room() {
    let crowd = Arc::new(Crowd::new(3));
    let members: Vec<Member> = (0..3).map(|_| crowd.enter()).collect();
    let there = |member: &Member| crowd.seats().iter().any(|seat| Arc::ptr_eq(seat, &member.seat));
    let busy = Busy::new(&members[0].seat);
    drop(Busy::new(&members[1].seat));
    let fourth = crowd.enter();
    assert!(there(&members[0]), "it is being answered");
    assert!(there(&members[1]), "it was answered just now");
    assert!(!there(&members[2]) && there(&fourth));
    drop(busy);
    let _fifth = crowd.enter();
    assert!(there(&members[0]) && !there(&members[1]));
    assert_eq!(crowd.seats().len(), 3);
    drop(members);
    drop(fourth);
    assert_eq!(*crowd.left.borrow(), 1);
}

#[tokio::test]
async fn a_proper_request_is_answered_among_many_idle_connections() {
    let server = server(8, hello()).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        let mut stream = server.connect().await;
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        idle.push(stream);
    }
    let mut proper = server.connect().await;
    proper
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(soon(rest(&mut proper)).await.ends_with("hello"));
    assert_eq!(soon(rest(&mut idle[0])).await, "", "the first one was shown the door");
}

#[tokio::test(start_paused = true)]
async fn who_never_finishes_a_request_is_let_go() {
    let server = server(8, hello()).await;
    let mut silent = server.connect().await;
    let mut slow = server.connect().await;
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    let mut kept = server.connect().await;
    kept.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    rest(&mut silent).await;
    rest(&mut slow).await;
    assert!(
        rest(&mut kept).await.ends_with("hello"),
        "answered, and let go when nothing more came"
    );
}

#[tokio::test]
async fn what_is_in_flight_is_answered_when_the_daemon_ends() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (theirs, wait) = (Arc::clone(&asked), Arc::clone(&go));
    let slow = async move || {
        theirs.notify_one();
        wait.notified().await;
        "done"
    };
    let server = server(8, Router::new().route("/", get(slow))).await;
    let mut idle = server.connect().await;
    let mut busy = server.connect().await;
    busy.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    soon(asked.notified()).await;
    server.end.send_replace(true);
    assert_eq!(soon(rest(&mut idle)).await, "", "nobody waits for an idle one");
    assert!(!server.done.is_finished());
    go.notify_one();
    assert!(soon(rest(&mut busy)).await.ends_with("done"));
    soon(server.done).await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}

#[tokio::test]
async fn heads_are_bounded() {
    let server = server(8, hello()).await;
    for head in [
        format!("X-Long: {}", "x".repeat(limits::HEAD)),
        "X-Many: 1\r\n".repeat(limits::HEADERS + 1),
    ] {
        let mut stream = server.connect().await;
        let request = format!("GET / HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n");
        // It may be refused while it is still being sent.
        let _ = stream.write_all(request.as_bytes()).await;
        let answer = soon(rest(&mut stream)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn memory_is_given_back_once_nobody_is_there_for_a_while() {
    let count = watch::Sender::new(0);
    let times = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&times);
    tokio::spawn(rest_when_alone(count.subscribe(), move || {
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let after = async |pause: Duration| {
        tokio::time::sleep(pause).await;
        times.load(Ordering::Relaxed)
    };
    let moment = Duration::from_secs(1);
    assert_eq!(after(limits::REST - moment).await, 0);
    assert_eq!(after(limits::REST).await, 1, "and once is enough");
    // Somebody comes, and goes; another one is there before the time is over.
    for there in [1, 2, 1, 0] {
        count.send_replace(there);
        assert_eq!(after(limits::REST - moment).await, 1, "{there}");
    }
    count.send_replace(1);
    assert_eq!(after(limits::REST * 3).await, 1, "not while somebody is there");
    count.send_replace(0);
    assert_eq!(after(limits::REST + moment).await, 2);
}
