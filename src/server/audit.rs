//! Every call that may change something is one line: when, who, from where, what, result; one that does several things has
//! a line for each besides.
use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};
use gpuyard_exec::clock;
use serde_json::{Value, json};

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
    let caller = Caller::known(who, peer).await;
    let line = json!({
        "method": method.as_str(),
        "what": what,
        "status": response.status().as_u16(),
        "code": response.extensions().get::<ApiError>().map(|error| error.code),
    });
    caller.note(&app, line);
    response
}

/// Who makes a call, as the audit log names it. Handlers that do several things in one call note each.
pub(crate) struct Caller {
    who: Principal,
    from: Option<String>,
    uid: Option<u32>,
}

impl Caller {
    async fn known(who: Principal, peer: Option<Peer>) -> Caller {
        // On this machine all addresses are one; there the user says more.
        let uid = match &peer {
            Some(peer) => peer.uid().await,
            None => None,
        };
        Caller {
            who,
            from: peer.map(|peer| peer.ip().to_string()),
            uid,
        }
    }

    /// Writes one line: when, who and from where, and what else is in `line`.
    pub(crate) fn note(&self, app: &App, line: Value) {
        let mut whole = json!({
            "at": clock::now().wall,
            "who": self.who.name,
            "how": self.who.how(),
            "from": self.from,
            "uid": self.uid,
        });
        if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), line) {
            whole.extend(more);
        }
        // A short append; a disk that is full does not keep the call from being answered.
        if let Err(error) = app.audit.append(&whole.to_string()) {
            tracing::error!(%error, "a call is missing in the audit log: {whole}");
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let who = parts.extensions.get::<Principal>().cloned();
        let who = who.ok_or_else(|| ApiError::internal("a call came past the guard"))?;
        Ok(Caller::known(who, parts.extensions.get::<Peer>().cloned()).await)
    }
}
