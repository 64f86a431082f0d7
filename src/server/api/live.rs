//! `/api/ws` and `/api/events`: live changes, for pages and for scripts.
use std::sync::Arc;

use axum::{
    Extension,
    body::Bytes,
    extract::{
        State,
        ws::{self, CloseFrame, Utf8Bytes, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use gpuyard_core::model::Lang;
use serde::Deserialize;
use tokio::{sync::mpsc, time::timeout};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    connection::Attendance,
    error::ApiError,
    extract::Ask,
    guard::{Principal, peer::Peer},
    limits,
    live::{Feed, Message, Stop, error_message},
    stream::Pieces,
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new().routes(routes!(socket)).routes(routes!(events))
}

/// Closing codes of the WebSocket. 1001 is the protocol's own: whoever closes is going away.
mod code {
    pub(super) const END: u16 = 1001;
    pub(super) const TOO_SLOW: u16 = 1008;
    pub(super) const NO_HELLO: u16 = 4400;
    pub(super) const NOT_IN: u16 = 4401;
    pub(super) const NOT_SERVED: u16 = 4403;
    pub(super) const TOO_MANY: u16 = 4429;
}

/// What a client says.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum Request {
    Hello { token: Option<String>, lang: Option<Lang> },
    Subscribe { topic: String, rate: Option<f64> },
    Unsubscribe { topic: String },
}

/// Live changes over one WebSocket; its first message carries the token.
#[utoipa::path(
    get, path = "/api/ws",
    responses(
        (status = 101, description = "A WebSocket; its messages are in docs/API-LIVE.md."),
        (status = 400, description = "This is no WebSocket handshake."),
    ),
)]
async fn socket(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    Extension(lang): Extension<Lang>,
    attendance: Option<Extension<Attendance>>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|_| no_handshake())?;
    let upgrade = upgrade
        .max_message_size(limits::LIVE_REQUEST)
        .max_frame_size(limits::LIVE_REQUEST)
        // Messages are few and whole: nothing is gained by holding them back, and there are many connections.
        .read_buffer_size(4 << 10)
        .write_buffer_size(0);
    Ok(upgrade.on_upgrade(move |mut socket| async move {
        let attendance = attendance.map(|Extension(attendance)| attendance);
        let (code, why) = tokio::select! {
            end = talk(&app, &peer, lang, attendance.as_ref(), &mut socket) => end,
            () = evicted(attendance.as_ref()) => (code::TOO_MANY, "too many connections"),
        };
        part(socket, code, why).await;
    }))
}

fn no_handshake() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "no_websocket",
        "this is for WebSockets; scripts take /api/events",
        "此接口仅用于 WebSocket；脚本请使用 /api/events",
    )
}

/// Waits until a connection has to make room; for ever where it is none.
pub(crate) async fn evicted(attendance: Option<&Attendance>) {
    match attendance {
        Some(attendance) => attendance.evicted().await,
        None => std::future::pending().await,
    }
}

/// The whole conversation; says with which code it ends.
async fn talk(
    app: &Arc<App>,
    peer: &Peer,
    lang: Lang,
    attendance: Option<&Attendance>,
    socket: &mut WebSocket,
) -> (u16, &'static str) {
    let first = tokio::select! {
        first = timeout(limits::HELLO_TIME, heard(socket)) => first,
        () = app.live.ending() => return (code::END, "the daemon ends"),
    };
    let Ok(Some(first)) = first else {
        return (code::NO_HELLO, "no hello");
    };
    let Ok(Request::Hello { token, lang: wished }) = serde_json::from_str(&first) else {
        return (code::NO_HELLO, "no hello");
    };
    let lang = wished.unwrap_or(lang);
    let principal = match app.guard.enter(token.as_deref(), peer).await {
        Ok(principal) => principal,
        Err(error) => {
            send(socket, error_message(None, &error, lang)).await;
            return match error.status {
                StatusCode::UNAUTHORIZED => (code::NOT_IN, "not let in"),
                StatusCode::TOO_MANY_REQUESTS => (code::TOO_MANY, "too many wrong tries"),
                _ => (code::NOT_SERVED, "not served"),
            };
        }
    };
    let Some(_seat) = app.live.seat() else {
        return (code::TOO_MANY, "too many live connections");
    };
    let _stay = attendance.map(Attendance::stay);
    let mut feed = Feed::new(app, principal, lang);
    let hello = feed.hello();
    if !send(socket, hello).await {
        return (code::TOO_SLOW, "too slow");
    }
    converse(socket, &mut feed).await
}

async fn converse(socket: &mut WebSocket, feed: &mut Feed) -> (u16, &'static str) {
    loop {
        let answer = tokio::select! {
            said = heard(socket) => match said {
                Some(said) => match obey(feed, &said) {
                    Some(error) => error,
                    None => continue,
                },
                None => return (code::END, "closed"),
            },
            next = feed.next() => match next {
                Ok(message) => message,
                Err(Stop::Out) => return (code::NOT_IN, "the login has ended"),
                Err(Stop::End) => return (code::END, "the daemon ends"),
            },
        };
        if !send(socket, answer).await {
            return (code::TOO_SLOW, "too slow");
        }
    }
}

/// Does what a client asks for; an error is told.
fn obey(feed: &mut Feed, said: &str) -> Option<Message> {
    let (topic, done) = match serde_json::from_str(said) {
        Ok(Request::Subscribe { topic, rate }) => {
            let done = feed.subscribe(&topic, rate);
            (Some(topic), done)
        }
        Ok(Request::Unsubscribe { topic }) => {
            feed.unsubscribe(&topic);
            return None;
        }
        Ok(Request::Hello { .. }) => (None, Err(not_understood("there has been a hello already"))),
        Err(error) => (None, Err(not_understood(&error.to_string()))),
    };
    done.err().map(|error| feed.error(topic.as_deref(), &error))
}

fn not_understood(why: &str) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "not_understood",
        format!("this message is not understood: {why}"),
        format!("无法理解此消息：{why}"),
    )
}

/// The next text of a client; `None` where it has gone.
async fn heard(socket: &mut WebSocket) -> Option<Utf8Bytes> {
    loop {
        match socket.recv().await? {
            Ok(ws::Message::Text(text)) => return Some(text),
            // What is not text is not understood, in the same words.
            Ok(ws::Message::Binary(_)) => return Some(Utf8Bytes::from_static("")),
            Ok(ws::Message::Ping(_) | ws::Message::Pong(_)) => {}
            Ok(ws::Message::Close(_)) | Err(_) => return None,
        }
    }
}

/// Sends one message; `false` where the client does not take it.
async fn send(socket: &mut WebSocket, message: Message) -> bool {
    let sent = timeout(limits::SEND_TIME, socket.send(ws::Message::Text(message.text.into()))).await;
    matches!(sent, Ok(Ok(())))
}

/// Says farewell, and waits a moment for the answer, so that the code arrives.
async fn part(mut socket: WebSocket, code: u16, why: &'static str) {
    let frame = CloseFrame {
        code,
        reason: why.into(),
    };
    let farewell = async {
        if socket.send(ws::Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = socket.recv().await {}
        }
    };
    // A client that does not answer is not waited for.
    let _ = timeout(limits::PARTING_TIME, farewell).await;
}

/// Which topics, and how often.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Names of topics, with commas between them: `gpu,schedulers`.
    topics: String,
    /// Least seconds between two messages of a topic, 0.5 to 60.
    rate: Option<f64>,
}

/// Live changes as server-sent events, for scripts.
#[utoipa::path(
    get, path = "/api/events", params(Wanted),
    responses(
        (status = 200, content_type = "text/event-stream", body = String, description = "Messages as in docs/API-LIVE.md: `event` is its `op`, `data` the message."),
        (status = 404, description = "There is no such topic."),
        (status = 429, description = "Too many live connections, or too many wrong tries."),
    ),
)]
async fn events(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Extension(lang): Extension<Lang>,
    attendance: Option<Extension<Attendance>>,
    Ask(Wanted { topics, rate }): Ask<Wanted>,
) -> Result<Response, ApiError> {
    let seat = app.live.seat().ok_or_else(crowded)?;
    let mut feed = Feed::new(&app, principal, lang);
    let names = topics.split(',').map(str::trim).filter(|name| !name.is_empty());
    for name in names {
        feed.subscribe(name, rate)?;
    }
    let (pieces, body) = mpsc::channel(1);
    tokio::spawn(async move {
        let attendance = attendance.map(|Extension(attendance)| attendance);
        let _held = (seat, attendance.as_ref().map(Attendance::stay));
        tokio::select! {
            () = tell(feed, pieces) => {}
            () = evicted(attendance.as_ref()) => {}
        }
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Pieces::body(body)).into_response())
}

/// Sends messages until the client has gone, the daemon ends, or the login has.
async fn tell(mut feed: Feed, pieces: mpsc::Sender<Bytes>) {
    let mut next = feed.hello();
    loop {
        let Message { op, text } = next;
        if pieces
            .send(format!("event: {op}\ndata: {text}\n\n").into())
            .await
            .is_err()
        {
            return;
        }
        next = tokio::select! {
            message = feed.next() => match message {
                Ok(message) => message,
                Err(_) => return,
            },
            () = pieces.closed() => return,
        };
    }
}

fn crowded() -> ApiError {
    ApiError::new(
        StatusCode::TOO_MANY_REQUESTS,
        "too_many_connections",
        "too many live connections; close some and try again",
        "实时连接过多；请关闭一些后重试",
    )
}
