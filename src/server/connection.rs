//! Connections: accepted, limited in number and time, served, and let go when the daemon ends.
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request, response::Response};
use gpuyard_exec::memory;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::{guard::peer::Peer, limits, tls};

/// After a failed accept (no descriptors left, say), so that the failure does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What is behind the door: all paths, and TLS where the settings have it.
#[derive(Clone)]
pub(crate) struct Door {
    pub(crate) router: Router,
    pub(crate) tls: Option<TlsAcceptor>,
}

/// Serves until `end` says so, then waits for the requests in flight, as long as [`limits::FAREWELL_TIME`].
pub(crate) async fn serve(listener: TcpListener, door: Door, end: watch::Receiver<bool>) {
    serve_at_most(room(), listener, door, end).await;
}

async fn serve_at_most(room: usize, listener: TcpListener, door: Door, mut end: watch::Receiver<bool>) {
    let crowd = Arc::new(Crowd::new(room));
    let resting = tokio::spawn(rest_when_alone(crowd.left.subscribe(), memory::let_go));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = ending(&mut end) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let member = crowd.enter();
                tokio::spawn(attend(stream, address, door.clone(), member, end.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                crowd.make_room();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    // From here on new connections are refused.
    drop(listener);
    resting.abort();
    let empty = async {
        let mut left = crowd.left.subscribe();
        let _ = left.wait_for(|&count| count == 0).await;
    };
    if tokio::time::timeout(limits::FAREWELL_TIME, empty).await.is_err() {
        tracing::warn!("some requests were not answered before the daemon ended");
    }
}

/// Once nobody has been there for a while, also at the start, what was only needed for them is given back.
async fn rest_when_alone(mut left: watch::Receiver<usize>, let_go: impl Fn()) {
    while left.wait_for(|&count| count == 0).await.is_ok() {
        let somebody = async { left.wait_for(|&count| count > 0).await.is_ok() };
        if tokio::time::timeout(limits::REST, somebody).await.is_ok() {
            continue;
        }
        let_go();
        if left.wait_for(|&count| count > 0).await.is_err() {
            return;
        }
    }
}

/// How many connections there is room for, by the number of files that this process may have open.
fn room() -> usize {
    let (soft, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let spare = usize::try_from(soft)
        .unwrap_or(usize::MAX)
        .saturating_sub(limits::OTHER_DESCRIPTORS);
    spare.clamp(limits::FEWEST_CONNECTIONS, limits::CONNECTIONS)
}

/// One connection, from its first byte to its end.
async fn attend(
    stream: TcpStream,
    address: SocketAddr,
    Door { router, tls }: Door,
    member: Member,
    mut end: watch::Receiver<bool>,
) {
    // Answers are written in one go; waiting for more to send only delays them.
    let _ = stream.set_nodelay(true);
    let Ok(local) = stream.local_addr() else { return };
    let peer = Peer::new(address, local);
    let Some(tls) = tls else {
        return converse(stream, peer, router, member, end).await;
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(limits::HEAD_TIME, tls::shake_hands(&tls, stream)) => shaken,
        () = member.seat.evicted() => return,
        () = ending(&mut end) => return,
    };
    if let Ok(Some(stream)) = shaken {
        converse(stream, peer, router, member, end).await;
    }
}

/// A connection's requests, one after the other.
async fn converse<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: Peer,
    router: Router,
    member: Member,
    mut end: watch::Receiver<bool>,
) {
    let seat = Arc::clone(&member.seat);
    let attendance = Attendance(Arc::new(member));
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, peer, busy) = (router.clone(), peer.clone(), Busy::new(&attendance.0.seat));
        let attendance = attendance.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(attendance);
            let response: Response = match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            // A body that is still being sent keeps its connection busy.
            Ok::<_, Infallible>(response.map(|body| Body::new(Sent { body, _busy: busy })))
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD)
        .max_headers(limits::HEADERS)
        .keep_alive(true);
    let connection = http.serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    let ends = tokio::select! {
        // A peer that breaks off is nothing to speak of; one that goes on as a WebSocket has its own end.
        _ = connection.as_mut() => false,
        () = seat.evicted() => false,
        () = ending(&mut end) => true,
    };
    if ends {
        connection.as_mut().graceful_shutdown();
        if seat.is_busy() {
            let _ = connection.await;
        }
    }
}

/// Waits until the daemon ends.
pub(crate) async fn ending(end: &mut watch::Receiver<bool>) {
    // What is read is a guard of the channel; it must not live on in whoever waits.
    let _ = end.wait_for(|&end| end).await;
}

/// A response's body, and with it the mark that its connection is busy.
struct Sent {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Sent {
    type Data = axum::body::Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// All connections at once.
struct Crowd {
    room: usize,
    seats: Mutex<Vec<Arc<Seat>>>,
    left: watch::Sender<usize>,
    order: Arc<AtomicU64>,
}

/// What is known of one connection from outside.
struct Seat {
    /// Requests that are being answered.
    busy: AtomicU32,
    /// Counts everything that happens to any connection.
    order: Arc<AtomicU64>,
    /// That count when this one was last busy, or came.
    used: AtomicU64,
    /// Streams of somebody who was let in.
    stays: AtomicU32,
    evicted: watch::Sender<bool>,
}

impl Seat {
    fn new(order: &Arc<AtomicU64>) -> Seat {
        let seat = Seat {
            busy: AtomicU32::new(0),
            order: Arc::clone(order),
            used: AtomicU64::new(0),
            stays: AtomicU32::new(0),
            evicted: watch::Sender::new(false),
        };
        seat.touch();
        seat
    }

    fn touch(&self) {
        self.used
            .store(self.order.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }

    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    /// Waits until it has to make room for another.
    async fn evicted(&self) {
        // The sender lives as long as this.
        let _ = self.evicted.subscribe().wait_for(|&evicted| evicted).await;
    }
}

/// A connection's membership; it ends with its task.
struct Member {
    crowd: Arc<Crowd>,
    seat: Arc<Seat>,
}

/// A connection, for streams that outlive the request that began them. It counts until the last of these is dropped.
#[derive(Clone)]
pub(crate) struct Attendance(Arc<Member>);

impl Attendance {
    /// Waits until it has to make room for another.
    pub(crate) async fn evicted(&self) {
        self.0.seat.evicted().await;
    }

    /// Marks it as one of somebody who was let in: those make room last.
    pub(crate) fn stay(&self) -> Stay {
        self.0.seat.stays.fetch_add(1, Ordering::Relaxed);
        Stay(Busy::new(&self.0.seat))
    }
}

/// Such a mark, until it is dropped.
pub(crate) struct Stay(Busy);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.0.stays.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Marks a connection busy while a request of it is answered.
struct Busy(Arc<Seat>);

impl Busy {
    fn new(seat: &Arc<Seat>) -> Busy {
        seat.busy.fetch_add(1, Ordering::Relaxed);
        Busy(Arc::clone(seat))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.touch();
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Crowd {
    fn new(room: usize) -> Crowd {
        Crowd {
            room,
            seats: Mutex::default(),
            left: watch::Sender::new(0),
            order: Arc::default(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, Vec<Arc<Seat>>> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in; when there is no room, the one that has been idle longest goes.
    fn enter(self: &Arc<Crowd>) -> Member {
        if self.seats().len() >= self.room {
            self.make_room();
        }
        let seat = Arc::new(Seat::new(&self.order));
        let mut seats = self.seats();
        seats.push(Arc::clone(&seat));
        self.left.send_replace(seats.len());
        Member {
            crowd: Arc::clone(self),
            seat,
        }
    }

    /// Ends the connection that has been idle longest; with all of them busy, the one that has been so longest, and streams
    /// of those who were let in last of all: memory is bounded, whatever comes.
    fn make_room(&self) {
        let mut seats = self.seats();
        let oldest = seats.iter().enumerate().min_by_key(|(_, seat)| {
            let stays = seat.stays.load(Ordering::Relaxed) > 0;
            (stays, seat.is_busy(), seat.used.load(Ordering::Relaxed))
        });
        if let Some((place, _)) = oldest {
            // It is no longer counted; its task removes nothing when it ends.
            seats.swap_remove(place).evicted.send_replace(true);
            self.left.send_replace(seats.len());
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut seats = self.crowd.seats();
        seats.retain(|seat| !Arc::ptr_eq(seat, &self.seat));
        self.crowd.left.send_replace(seats.len());
    }
}

#[cfg(test)]
mod tests;
