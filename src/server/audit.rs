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
    let principal = request.extensions().get::<Principal>();
    let (who, how) = principal.map_or(("nobody", "none"), |principal| (principal.name, principal.how()));
    let from = request.extensions().get::<Peer>().map(|peer| peer.ip().to_string());
    let mut line = json!({
        "who": who,
        "how": how,
        "from": from,
        "method": request.method().as_str(),
        "what": request.uri().path_and_query().map(|path| path.as_str()),
    });
    let response = next.run(request).await;
    line["at"] = json!(clock::now().wall);
    line["status"] = json!(response.status().as_u16());
    line["code"] = json!(response.extensions().get::<ApiError>().map(|error| error.code));
    // A short append; a disk that is full does not keep the call from being answered.
    if let Err(error) = app.audit.append(&line.to_string()) {
        tracing::error!(%error, "a call is missing in the audit log: {line}");
    }
    response
}
