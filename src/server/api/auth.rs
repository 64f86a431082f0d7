//! `/api/auth/*`: logins.
use std::sync::Arc;

use axum::{Extension, Json, extract::State};
use gpuyard_core::{
    model::Lang,
    wire::{AuthCheck, LoginAnswer, LoginRequest, LogoutAnswer},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    error::ApiError,
    extract::Body,
    guard::{Principal, peer::Peer},
    limits,
};

/// The paths of this file.
pub(crate) fn paths() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(check))
        .routes(routes!(login))
        .routes(routes!(logout))
}

/// Whether callers must show the secret.
#[utoipa::path(get, path = "/api/auth/check", responses((status = 200, body = AuthCheck)))]
async fn check(State(app): State<Arc<App>>) -> Json<AuthCheck> {
    Json(AuthCheck {
        requires_auth: app.guard.requires_secret(),
    })
}

/// A token for the secret.
#[utoipa::path(
    post, path = "/api/auth/login", request_body = LoginRequest,
    responses(
        (status = 200, body = LoginAnswer),
        (status = 401, description = "The secret is wrong."),
        (status = 429, description = ""),
    ),
)]
async fn login(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    Extension(lang): Extension<Lang>,
    Body(request): Body<LoginRequest>,
) -> Result<(Extension<Principal>, Json<LoginAnswer>), ApiError> {
    let (who, fresh) = app.guard.login(&request.password, &peer).await?;
    let message = match &fresh {
        Some(_) => lang.pick("logged in", "登录成功"),
        None => lang.pick("this daemon asks for no secret", "此服务无需密钥"),
    };
    if fresh.is_some() {
        save_logins(&app).await;
    }
    let (token, expires_at) = fresh.map(|fresh| (fresh.token, fresh.expires_at)).unzip();
    let answer = LoginAnswer {
        success: true,
        message: message.into(),
        token,
        expires_at,
    };
    // Who it was is for the audit log, which sees the answer.
    Ok((Extension(who), Json(answer)))
}

/// Ends the token that the caller came with.
#[utoipa::path(post, path = "/api/auth/logout", responses((status = 200, body = LogoutAnswer)))]
async fn logout(
    State(app): State<Arc<App>>,
    Extension(principal): Extension<Principal>,
    Extension(lang): Extension<Lang>,
) -> Json<LogoutAnswer> {
    app.guard.logout(&principal);
    save_logins(&app).await;
    Json(LogoutAnswer {
        success: true,
        message: lang.pick("logged out", "已退出登录").into(),
    })
}

/// A login that was answered is there after a crash, and a logout too, but a disk that hangs holds up neither.
async fn save_logins(app: &Arc<App>) {
    let saving = app.blocking(|app| Ok(app.guard.save_logins(false)));
    if tokio::time::timeout(limits::SESSION_SAVED, saving).await.is_err() {
        tracing::warn!("the disk is slow: a login is answered before it is saved");
    }
}
