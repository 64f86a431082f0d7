//! The layer that denies by default: whatever is not open by name wants the secret, whether there is such a path or not.
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};
use gpuyard_core::model::{Now, Settings};
use gpuyard_store::logins::KeptLogins;
use tokio::sync::{Notify, watch};

use super::{
    Principal, Via,
    host::Hosts,
    kept::Kept,
    peer::Peer,
    secret::{Secret, is_well_known},
    session::{Fresh, Sessions, is_token},
    throttle::{Source, Throttle},
    ticket::{Granted, Tickets},
};
use crate::error::ApiError;

/// Paths that nobody needs a secret for. `/ui` stands for what is below it too.
const OPEN: [&str; 4] = ["/", "/api/auth/check", "/api/auth/login", "/api/health"];

/// A browser cannot send a header with a WebSocket: its first message carries the token, which [`Guard::enter`] looks at.
/// What it is opened by is looked at here: a page of ours, or a program.
const SHOWS_LATER: &str = "/api/ws";

/// What a browser saves to a file it fetches without a header: a ticket in the query, good once, stands for one.
const BY_TICKET: &str = "/api/log/download";

/// Who is let in.
pub(crate) struct Guard {
    /// The daemon's own user.
    uid: u32,
    own_names: Vec<String>,
    rules: RwLock<Arc<DoorRules>>,
    sessions: Mutex<Sessions>,
    /// Where they are kept, if anywhere.
    kept: Option<Kept>,
    /// Somebody should write them there.
    unsaved: Notify,
    throttle: Mutex<Throttle>,
    /// Counts the times that somebody who was in is no longer.
    departures: watch::Sender<u64>,
    tickets: Mutex<Tickets>,
    clock: fn() -> Now,
}

/// What the settings say about who is let in.
struct DoorRules {
    secret: Option<Secret>,
    /// Counts the secrets that there have been: whoever came in by an earlier one is out.
    epoch: u64,
    /// Without a secret: the only user who is served, or anyone.
    only_uid: Option<u32>,
    /// Everyone knows the secret, so only this machine is served, whatever address is listened on.
    only_here: bool,
    hosts: Hosts,
}

impl DoorRules {
    fn new(settings: &Settings, uid: u32, own_names: &[String], epoch: u64) -> DoorRules {
        let secret = settings.requires_secret().then(|| Secret::new(&settings.secret));
        DoorRules {
            only_uid: (secret.is_none() && !settings.allow_anonymous).then_some(uid),
            only_here: secret.is_some() && is_well_known(&settings.secret),
            secret,
            epoch,
            hosts: Hosts::new(own_names.iter().cloned(), &settings.trusted_hosts),
        }
    }
}

impl Guard {
    /// As the settings have it. `uid` is the daemon's own user.
    pub(crate) fn new(settings: &Settings, uid: u32, own_names: Vec<String>, clock: fn() -> Now) -> Guard {
        Guard {
            rules: RwLock::new(Arc::new(DoorRules::new(settings, uid, &own_names, 0))),
            uid,
            own_names,
            sessions: Mutex::new(Sessions::new(settings.session_hours)),
            kept: None,
            unsaved: Notify::new(),
            throttle: Mutex::default(),
            departures: watch::Sender::new(0),
            tickets: Mutex::default(),
            clock,
        }
    }

    /// Goes on with the logins that are kept there, and keeps them there from now on.
    pub(crate) fn keeping(mut self, kept: Kept) -> Guard {
        kept.restore(&mut lock(&self.sessions), self.rules().secret.as_ref(), (self.clock)());
        self.kept = Some(kept);
        self.tell_unsaved();
        self
    }

    /// Puts the logins on disk, if they are another than there; at the daemon's `end` also how they were used last. Returns whether
    /// that is done: what fails is to be tried again.
    pub(crate) fn save_logins(&self, end: bool) -> bool {
        let Some(kept) = &self.kept else { return true };
        let mut salt = [0; 16];
        // Without randomness no token was made either.
        if getrandom::fill(&mut salt).is_err() {
            return false;
        }
        let saved = kept.save(|boot_id| {
            let mut sessions = lock(&self.sessions);
            let due = if end {
                sessions.is_newer()
            } else {
                sessions.is_unsaved()
            };
            if !due {
                return None;
            }
            let now = (self.clock)();
            // Read while no login can come, go or be ended by another secret.
            let secret = self.rules().secret.as_ref().map(|secret| secret.mark(&salt));
            Some(KeptLogins {
                written: now,
                boot_id,
                secret,
                logins: sessions.keep(now),
            })
        });
        if !saved {
            lock(&self.sessions).not_kept();
        }
        saved
    }

    /// Waits until there is something to put on disk.
    pub(crate) async fn has_unsaved(&self) {
        self.unsaved.notified().await;
    }

    fn tell_unsaved(&self) {
        if lock(&self.sessions).is_unsaved() {
            self.unsaved.notify_one();
        }
    }

    /// Follows the settings: secret, `allow-anonymous`, `trusted-hosts`, `session-hours` (for logins from now on). A changed
    /// secret ends every login, and every stream at its next [`Guard::is_in`]. Returns whether it changed.
    ///
    /// A daemon of root never goes without a secret: it keeps the one it had, and says so in its log.
    pub(crate) fn follow(&self, settings: &Settings) -> bool {
        if self.must_not_go_without(settings) {
            tracing::error!("a daemon of root does not go without a secret: the one before stays in force");
            return false;
        }
        let before = self.rules();
        let mut rules = DoorRules::new(settings, self.uid, &self.own_names, before.epoch);
        let changed = rules.secret != before.secret;
        rules.epoch += u64::from(changed);
        let mut sessions = lock(&self.sessions);
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
        sessions.last(settings.session_hours);
        if changed {
            sessions.close_all();
            self.unsaved.notify_one();
            self.departures.send_modify(|count| *count += 1);
        }
        changed
    }

    /// Tells when somebody who was in is perhaps no longer: a stream then asks [`Guard::is_in`] at once.
    pub(crate) fn departures(&self) -> watch::Receiver<u64> {
        self.departures.subscribe()
    }

    /// Whether these settings would let anyone run commands as root.
    pub(crate) fn must_not_go_without(&self, settings: &Settings) -> bool {
        self.uid == 0 && !settings.requires_secret() && !settings.allow_anonymous
    }

    fn rules(&self) -> Arc<DoorRules> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether callers must show the secret.
    pub(crate) fn requires_secret(&self) -> bool {
        self.rules().secret.is_some()
    }

    /// Whether whoever was let in would still be: what a stream asks at each heartbeat, which counts as use of its login.
    pub(crate) fn is_in(&self, principal: &Principal) -> bool {
        principal.epoch == self.rules().epoch
            && match &principal.via {
                Via::Session(hash) => {
                    let open = lock(&self.sessions).is_open(hash, (self.clock)());
                    self.tell_unsaved();
                    open
                }
                Via::Secret | Via::Nothing => true,
            }
    }

    /// Opens a session for whoever knows the secret; none where none is asked for.
    pub(crate) async fn login(&self, password: &str, peer: &Peer) -> Result<(Principal, Option<Fresh>), ApiError> {
        let rules = self.rules();
        let Some(secret) = &rules.secret else {
            return Ok((Principal::anyone(rules.epoch), None));
        };
        if rules.only_here && !peer.ip().is_loopback() {
            return Err(known_to_all());
        }
        self.try_secret(secret, password, peer).await?;
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(ApiError::internal)?;
        let mut sessions = lock(&self.sessions);
        // The secret may have changed meanwhile, and its logins ended.
        if self.rules().epoch != rules.epoch {
            return Err(wrong_secret());
        }
        let fresh = sessions.open(random, (self.clock)());
        Ok((Principal::owner(Via::Secret, rules.epoch), Some(fresh)))
    }

    /// A ticket that stands for a query, for whoever asks for it.
    pub(crate) fn ticket(&self, principal: &Principal, query: String) -> Result<(String, jiff::Timestamp), ApiError> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(ApiError::internal)?;
        let granted = Granted {
            principal: principal.clone(),
            query,
        };
        Ok(lock(&self.tickets).give(granted, random, (self.clock)()))
    }

    /// Takes a ticket; who got it must still be let in.
    fn redeem(&self, text: &str) -> Result<Granted, ApiError> {
        let granted = lock(&self.tickets).redeem(text, (self.clock)());
        granted
            .filter(|granted| self.is_in(&granted.principal))
            .ok_or_else(ticket_ended)
    }

    /// Ends the session that a caller came with; there is nothing to end for others.
    pub(crate) fn logout(&self, principal: &Principal) {
        if let Via::Session(hash) = &principal.via {
            lock(&self.sessions).close(hash);
            self.departures.send_modify(|count| *count += 1);
        }
    }

    async fn principal(&self, method: &Method, headers: &HeaderMap, peer: &Peer) -> Result<Principal, ApiError> {
        // Without a secret nothing that a page elsewhere does not know stands in its way, so it must not be such a page.
        if !self.requires_secret() && !method.is_safe() && is_from_elsewhere(headers) {
            return Err(from_elsewhere());
        }
        self.enter(bearer(headers), peer).await
    }

    /// Lets in whoever shows a token or the secret, or whom this daemon serves without.
    pub(crate) async fn enter(&self, shown: Option<&str>, peer: &Peer) -> Result<Principal, ApiError> {
        let rules = self.rules();
        let Some(secret) = &rules.secret else {
            if let Some(uid) = rules.only_uid
                && peer.uid().await != Some(uid)
            {
                return Err(not_yours());
            }
            return Ok(Principal::anyone(rules.epoch));
        };
        if rules.only_here && !peer.ip().is_loopback() {
            return Err(known_to_all());
        }
        let Some(shown) = shown else {
            return Err(no_secret());
        };
        let found = lock(&self.sessions).find(shown, (self.clock)());
        if let Some(hash) = found {
            self.tell_unsaved();
            return Ok(Principal::owner(Via::Session(hash), rules.epoch));
        }
        if is_token(shown) && !secret.is(shown) {
            return Err(session_ended());
        }
        self.try_secret(secret, shown, peer).await?;
        Ok(Principal::owner(Via::Secret, rules.epoch))
    }

    /// Looks at one try. A secret that can be guessed is not looked at more often than the throttle says; one that cannot
    /// be is always looked at, so that nobody's wrong tries keep its owner out.
    async fn try_secret(&self, secret: &Secret, tried: &str, peer: &Peer) -> Result<(), ApiError> {
        if secret.is_unguessable() && secret.is(tried) {
            return Ok(());
        }
        let source = Source::new(peer.ip(), peer.uid().await);
        let now = (self.clock)().mono;
        let mut throttle = lock(&self.throttle);
        throttle.check(source, now).map_err(slow_down)?;
        if secret.is(tried) {
            return Ok(());
        }
        throttle.wrong(source, now);
        tracing::warn!(address = %peer.ip(), "somebody tried a wrong secret");
        Err(wrong_secret())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing in here leaves its data half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets a request in, as somebody, or turns it away.
pub(crate) async fn check(
    State(guard): State<std::sync::Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    guard
        .rules()
        .hosts
        .check(request.uri(), request.headers())
        .map_err(|name| wrong_host(&name))?;
    let peer = request.extensions().get::<Peer>().cloned().unwrap_or_else(nobody);
    let path = request.uri().path();
    if path == SHOWS_LATER && asks_for_socket(&request) {
        if is_from_elsewhere(request.headers()) {
            return Err(from_elsewhere());
        }
    } else if let Some(text) = ticket_of(&request) {
        let granted = guard.redeem(text)?;
        request.extensions_mut().insert(granted.principal.clone());
        request.extensions_mut().insert(granted);
    } else if !is_open(path) {
        let principal = guard.principal(request.method(), request.headers(), &peer).await?;
        request.extensions_mut().insert(principal);
    }
    Ok(next.run(request).await)
}

/// Whether a request opens a WebSocket. Anything else at its path is a call like any other.
fn asks_for_socket(request: &Request) -> bool {
    let upgrade = request.headers().get(header::UPGRADE);
    request.method() == Method::GET && upgrade.is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// The ticket that a request shows.
fn ticket_of(request: &Request) -> Option<&str> {
    let fits = request.uri().path() == BY_TICKET && request.method() == Method::GET;
    let query = request.uri().query().filter(|_| fits)?;
    query.split('&').find_map(|pair| pair.strip_prefix("ticket="))
}

/// Whether nobody needs a secret for a path.
pub(crate) fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || path == "/ui" || path.starts_with("/ui/")
}

/// Stands for a peer that nobody named: from nowhere, and no user of ours.
fn nobody() -> Peer {
    let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    Peer::new(nowhere, nowhere)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    // Secrets may have letters beyond ASCII, which `to_str` would refuse.
    let value = std::str::from_utf8(headers.get(header::AUTHORIZATION)?.as_bytes()).ok()?;
    let (scheme, shown) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| shown.trim())
}

/// Whether a browser sent this for a page that is not ours. Programs send neither header.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name| {
        headers
            .get(name)
            .map(|value: &header::HeaderValue| value.to_str().unwrap_or("?"))
    };
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site")) {
        return !matches!(site, "same-origin" | "none");
    }
    let Some(origin) = text(header::ORIGIN) else {
        return false;
    };
    let host = text(header::HOST).unwrap_or_default();
    origin
        .split_once("://")
        .is_none_or(|(_, authority)| !authority.eq_ignore_ascii_case(host))
}

fn no_secret() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "no_secret",
        "this needs the secret: log in, or send `Authorization: Bearer …` (it stands in control_setting.yaml)",
        "此接口需要密钥：请先登录，或发送 `Authorization: Bearer …`（密钥在 control_setting.yaml 中）",
    )
}

fn wrong_secret() -> ApiError {
    ApiError::new(StatusCode::UNAUTHORIZED, "wrong_secret", "wrong secret", "密码错误")
}

fn ticket_ended() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "ticket_ended",
        "this ticket was used already, or is too old; ask for another one",
        "下载凭证已使用或已过期，请重新获取",
    )
}

fn session_ended() -> ApiError {
    ApiError::new(
        StatusCode::UNAUTHORIZED,
        "session_ended",
        "this login has ended; log in again",
        "登录已失效，请重新登录",
    )
}

fn slow_down(seconds: u64) -> ApiError {
    let message = (
        format!("too many wrong tries from this address; try again in {seconds} s"),
        format!("此地址错误尝试过多，请在 {seconds} 秒后重试"),
    );
    ApiError {
        retry_after: Some(seconds),
        ..ApiError::new(StatusCode::TOO_MANY_REQUESTS, "slow_down", message.0, message.1)
    }
}

fn not_yours() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "not_your_daemon",
        "this daemon has no secret, so it serves only the user that it runs as; set `secret` in control_setting.yaml \
         (or `allow-anonymous: true`)",
        "此服务未设置密钥，只为运行它的用户服务；请在 control_setting.yaml 中设置 `secret`（或 `allow-anonymous: true`）",
    )
}

fn known_to_all() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "well_known_secret",
        "everyone knows this daemon's secret, so it serves this machine only; set another `secret` in control_setting.yaml",
        "此服务的密钥众所周知，因此只为本机服务；请在 control_setting.yaml 中更换 `secret`",
    )
}

fn from_elsewhere() -> ApiError {
    ApiError::new(
        StatusCode::FORBIDDEN,
        "cross_site",
        "this was sent by a page of another origin",
        "该请求来自其他来源的页面",
    )
}

fn wrong_host(name: &str) -> ApiError {
    // The name comes from outside: shown as a literal, cut short.
    let name: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    ApiError::new(
        StatusCode::MISDIRECTED_REQUEST,
        "wrong_host",
        format!(
            "this machine does not know itself as `{name}`; if that is right, add it to `trusted-hosts` in control_setting.yaml"
        ),
        format!("本机不认识主机名 `{name}`；如确认无误，请将其加入 control_setting.yaml 的 `trusted-hosts`"),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_what_is_named_is_open() {
        for open in [
            "/",
            "/ui",
            "/ui/",
            "/ui/x/y",
            "/api/health",
            "/api/auth/check",
            "/api/auth/login",
        ] {
            assert!(is_open(open), "{open}");
        }
        for closed in [
            "",
            "//",
            "/api",
            "/api/health/",
            "/api/auth/logout",
            "/uix",
            "/UI/",
            "/api/../ui",
            "/metrics",
            "/api/auth/login/x",
        ] {
            assert!(!is_open(closed), "{closed}");
        }
    }

    #[test]
    fn a_page_elsewhere_is_told_from_ours_and_from_programs() {
        let from = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            headers.insert("host", "127.0.0.1:29214".parse().unwrap());
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            is_from_elsewhere(&headers)
        };
        assert!(!from(&[]));
        assert!(!from(&[("origin", "http://127.0.0.1:29214")]));
        assert!(!from(&[
            ("sec-fetch-site", "same-origin"),
            ("origin", "http://127.0.0.1:29214")
        ]));
        assert!(from(&[("origin", "http://127.0.0.1:8080")]));
        assert!(from(&[("origin", "null")]));
        assert!(from(&[("sec-fetch-site", "cross-site")]));
        assert!(from(&[
            ("sec-fetch-site", "same-site"),
            ("origin", "http://127.0.0.1:29214")
        ]));
    }

    #[test]
    fn the_scheme_is_read_in_any_case() {
        let mut headers = HeaderMap::new();
        assert_eq!(bearer(&headers), None);
        headers.insert("authorization", "bEARER  a b".parse().unwrap());
        assert_eq!(bearer(&headers), Some("a b"));
        headers.insert("authorization", "Basic YTpi".parse().unwrap());
        assert_eq!(bearer(&headers), None);
        headers.insert(
            "authorization",
            header::HeaderValue::from_bytes("Bearer 密钥".as_bytes()).unwrap(),
        );
        assert_eq!(bearer(&headers), Some("密钥"));
    }
}
