//! Every call that may change something is one line: when, who, from where, what, result.
use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use gpuyard_exec::clock;
use serde_json::json;

use crate::{
    app::App,
    error::ApiError,
    guard::{Principal, peer::Peer},
};

/// Lets a request through, and notes it if it may change something. Bodies are not noted: a login's holds the secret.
pub(crate) async fn note(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let principal = request.extensions().get::<Principal>().cloned();
    let peer = request.extensions().get::<Peer>().cloned();
    let method = request.method().clone();
    let what = request.uri().path_and_query().map(|path| path.as_str().to_owned());
    let response = next.run(request).await;
    // A login tells in its answer who came in. A wrong try changes nothing: the daemon's own log tells of it, and it must
    // not be a way to fill the disk.
    let Some(who) = principal.or_else(|| response.extensions().get::<Principal>().cloned()) else {
        return response;
    };
    // On this machine all addresses are one; there the user says more.
    let uid = match &peer {
        Some(peer) => peer.uid().await,
        None => None,
    };
    let line = json!({
        "at": clock::now().wall,
        "who": who.name,
        "how": who.how(),
        "from": peer.map(|peer| peer.ip().to_string()),
        "uid": uid,
        "method": method.as_str(),
        "what": what,
        "status": response.status().as_u16(),
        "code": response.extensions().get::<ApiError>().map(|error| error.code),
    });
    // A short append; a disk that is full does not keep the call from being answered.
    if let Err(error) = app.audit.append(&line.to_string()) {
        tracing::error!(%error, "a call is missing in the audit log: {line}");
    }
    response
}
