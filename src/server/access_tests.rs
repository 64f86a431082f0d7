//! Who is let in: by the secret, by nothing where there is none, and after how many wrong tries.
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use gpuyard_core::model::Settings;
use serde_json::{Value, json};

use crate::{
    guard::{access::Guard, peer::Peer},
    limits,
    yard::{SECRET, UID, Yard, call, kept, yard},
};

fn from(mut request: Request<Body>, address: &str, uid: Option<u32>) -> Request<Body> {
    request
        .extensions_mut()
        .insert(Peer::known(address.parse().unwrap(), uid));
    request
}

fn login(password: &str) -> Request<Body> {
    call(
        "POST",
        "/api/auth/login",
        None,
        &json!({ "password": password }).to_string(),
    )
}

fn with(secret: &str) -> Yard {
    Yard::with(Settings {
        secret: secret.into(),
        ..Settings::default()
    })
}

fn code(answer: (StatusCode, Value)) -> (u16, String) {
    (
        answer.0.as_u16(),
        answer.1["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn programs_may_send_the_secret_itself() {
    let yard = yard();
    assert_eq!(
        yard.ask(call("GET", "/api/gpu/state", Some(SECRET), "")).await.0,
        StatusCode::OK
    );
    for (shown, said) in [(None, "no_secret"), (Some("guess"), "wrong_secret")] {
        let answer = yard.ask(call("GET", "/api/gpu/state", shown, "")).await;
        assert_eq!(code(answer), (401, said.into()), "{shown:?}");
    }
}

#[tokio::test]
async fn an_unauthorized_answer_says_how_to_show_the_secret() {
    let yard = yard();
    let (status, headers, _) = yard.ask_whole(call("GET", "/api/gpu", None, "")).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer realm=\"gpuyard\"");
    assert!(!headers.contains_key(header::SET_COOKIE));
    assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
}

/// Fault S4 (P1).
#[tokio::test]
async fn nobodys_wrong_tries_keep_out_who_knows_a_good_secret() {
    let yard = yard();
    let (_, body) = yard.ask(login(SECRET)).await;
    let token = body["token"].as_str().unwrap().to_owned();
    let mut last = (0, String::new());
    for _ in 0..1000 {
        last = code(yard.ask(login("guess")).await);
    }
    assert_eq!(last, (429, "slow_down".into()));
    assert_eq!(yard.ask(login(SECRET)).await.0, StatusCode::OK, "the right secret");
    assert_eq!(
        yard.ask(call("GET", "/api/gpu/state", Some(SECRET), "")).await.0,
        StatusCode::OK
    );
    assert_eq!(
        yard.ask(call("GET", "/api/gpu/state", Some(&token), "")).await.0,
        StatusCode::OK,
        "an open session"
    );
}

#[tokio::test]
async fn a_secret_that_can_be_guessed_is_not_looked_at_without_end() {
    let yard = with("letmein");
    let (_, body) = yard.ask(login("letmein")).await;
    let token = body["token"].as_str().unwrap().to_owned();
    for _ in 0..limits::WRONG_TRIES {
        assert_eq!(code(yard.ask(login("guess")).await), (401, "wrong_secret".into()));
    }
    let (status, headers, _) = yard.ask_whole(login("letmein")).await;
    assert_eq!(
        status,
        StatusCode::TOO_MANY_REQUESTS,
        "or guessing would only be a matter of speed"
    );
    assert!(headers.contains_key(header::RETRY_AFTER));
    let elsewhere = from(login("letmein"), "192.0.2.7:1", None);
    assert_eq!(
        yard.ask(elsewhere).await.0,
        StatusCode::OK,
        "other addresses have tries of their own"
    );
    let other_user = from(login("letmein"), "127.0.0.1:1", Some(UID + 1));
    assert_eq!(
        yard.ask(other_user).await.0,
        StatusCode::OK,
        "and so have other users of this machine"
    );
    assert_eq!(
        yard.ask(call("GET", "/api/gpu/state", Some(&token), "")).await.0,
        StatusCode::OK,
        "an open session"
    );
}

#[tokio::test]
async fn a_page_with_an_ended_token_uses_up_no_tries() {
    let yard = with("letmein");
    let old = format!("gy1_{}", "0".repeat(64));
    for _ in 0..limits::WRONG_TRIES * 2 {
        let answer = yard.ask(call("GET", "/api/gpu/state", Some(&old), "")).await;
        assert_eq!(code(answer), (401, "session_ended".into()));
    }
    assert_eq!(yard.ask(login("letmein")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn without_a_secret_only_the_daemons_own_user_is_served() {
    let yard = with("none");
    let check = yard.ask(call("GET", "/api/auth/check", None, "")).await;
    assert_eq!(check.1, json!({"requires_auth": false}));
    let gpus = || call("GET", "/api/gpu/state", None, "");
    assert_eq!(yard.ask(from(gpus(), "127.0.0.1:1", Some(UID))).await.0, StatusCode::OK);
    for uid in [None, Some(0), Some(UID + 1)] {
        let answer = yard.ask(from(gpus(), "127.0.0.1:1", uid)).await;
        assert_eq!(code(answer), (403, "not_your_daemon".into()), "{uid:?}");
    }
    let (status, body) = yard.ask(login("whatever")).await;
    assert_eq!((status, &body["token"]), (StatusCode::OK, &json!(null)));
}

#[tokio::test]
async fn allow_anonymous_lifts_that() {
    let yard = Yard::with(Settings {
        allow_anonymous: true,
        ..Settings::default()
    });
    let answer = yard
        .ask(from(call("GET", "/api/gpu/state", None, ""), "192.0.2.7:1", None))
        .await;
    assert_eq!(answer.0, StatusCode::OK);
}

#[tokio::test]
async fn without_a_secret_no_page_of_another_origin_changes_anything() {
    let yard = with("");
    let stop = |name: &'static str, value: &'static str| {
        let mut request = call("POST", "/api/scheduler/single/stop", None, "");
        request.headers_mut().insert(name, value.parse().unwrap());
        request
    };
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("origin", "http://localhost:8080"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        assert_eq!(
            code(yard.ask(stop(name, value)).await),
            (403, "cross_site".into()),
            "{name}: {value}"
        );
    }
    for (name, value) in [
        ("origin", "http://localhost:29214"),
        ("sec-fetch-site", "same-origin"),
        ("accept", "*/*"),
    ] {
        assert_eq!(
            code(yard.ask(stop(name, value)).await),
            (409, "not_running".into()),
            "{name}: {value}"
        );
    }
}

#[tokio::test]
async fn two_hosts_or_another_one_in_the_request_line_are_misdirected() {
    let yard = yard();
    let two = Request::get("/api/health")
        .header(header::HOST, "localhost")
        .header(header::HOST, "evil.example");
    let line = Request::get("http://evil.example/api/health").header(header::HOST, "localhost");
    for request in [two, line, Request::get("/api/health")] {
        let answer = yard.ask(request.body(Body::empty()).unwrap()).await;
        assert_eq!(code(answer), (421, "wrong_host".into()));
    }
}

#[tokio::test]
async fn a_changed_secret_ends_every_login_and_stream() {
    let yard = yard();
    let (_, body) = yard.ask(login(SECRET)).await;
    let token = body["token"].as_str().unwrap().to_owned();
    let peer = Peer::known("127.0.0.1:1".parse().unwrap(), Some(UID));
    let by_token = yard.app.guard.enter(Some(&token), &peer).await.unwrap();
    let by_secret = yard.app.guard.enter(Some(SECRET), &peer).await.unwrap();
    let settings = |secret: &str| Settings {
        secret: secret.into(),
        ..Settings::default()
    };
    assert!(!yard.app.guard.follow(&settings(SECRET)), "nothing changed");
    assert!(yard.app.guard.is_in(&by_token) && yard.app.guard.is_in(&by_secret));

    let other = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c";
    assert!(yard.app.guard.follow(&settings(other)));
    assert!(!yard.app.guard.is_in(&by_token) && !yard.app.guard.is_in(&by_secret));
    for (shown, said) in [(&*token, "session_ended"), (SECRET, "wrong_secret")] {
        let answer = yard.ask(call("GET", "/api/gpu/state", Some(shown), "")).await;
        assert_eq!(code(answer), (401, said.into()));
    }
    assert_eq!(yard.ask(login(other)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_logout_ends_a_stream_of_its_login() {
    let yard = yard();
    let (_, body) = yard.ask(login(SECRET)).await;
    let peer = Peer::known("127.0.0.1:1".parse().unwrap(), Some(UID));
    let principal = yard.app.guard.enter(body["token"].as_str(), &peer).await.unwrap();
    assert!(yard.app.guard.is_in(&principal));
    yard.app.guard.logout(&principal);
    assert!(!yard.app.guard.is_in(&principal));
}

/// The door of a daemon that starts in a root where another one was.
fn restarted(yard: &Yard, secret: &str) -> Guard {
    let settings = Settings {
        secret: secret.into(),
        ..Settings::default()
    };
    Guard::new(&settings, UID, Vec::new(), gpuyard_exec::clock::now).keeping(kept(&yard.app.root))
}

async fn is_let_in(guard: &Guard, token: &str) -> bool {
    let peer = Peer::known("127.0.0.1:1".parse().unwrap(), Some(UID));
    guard.enter(Some(token), &peer).await.is_ok()
}

/// Fault C1 (P1).
#[tokio::test]
async fn a_login_that_was_answered_outlives_the_daemon_and_a_logout_too() {
    let yard = yard();
    let mut tokens = Vec::new();
    for _ in 0..2 {
        tokens.push(yard.ask(login(SECRET)).await.1["token"].as_str().unwrap().to_owned());
    }
    let logout = call("POST", "/api/auth/logout", Some(&tokens[1]), "");
    assert_eq!(yard.ask(logout).await.0, StatusCode::OK);
    // Nothing of the daemon's end: it was killed.
    let guard = restarted(&yard, SECRET);
    assert!(is_let_in(&guard, &tokens[0]).await);
    assert!(!is_let_in(&guard, &tokens[1]).await);
    let text = std::fs::read_to_string(yard.app.root.logins_path("yard")).unwrap();
    assert!(!tokens.iter().any(|token| text.contains(&token[4..])), "{text}");
    assert!(!text.contains(SECRET), "{text}");
}

#[tokio::test]
async fn a_secret_that_was_changed_while_no_daemon_ran_ends_every_login_for_good() {
    let yard = yard();
    let token = yard.ask(login(SECRET)).await.1["token"].as_str().unwrap().to_owned();
    for other in ["0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c", "none"] {
        std::fs::copy(yard.app.root.logins_path("yard"), yard.folder().join("copy")).unwrap();
        let guard = restarted(&yard, other);
        assert!(other == "none" || !is_let_in(&guard, &token).await);
        assert!(guard.save_logins(false));
        assert!(
            !is_let_in(&restarted(&yard, SECRET), &token).await,
            "back again, after {other}"
        );
        std::fs::copy(yard.folder().join("copy"), yard.app.root.logins_path("yard")).unwrap();
    }
    assert!(is_let_in(&restarted(&yard, SECRET), &token).await);
}

/// Fault W1 (P5).
#[tokio::test]
async fn logins_that_cannot_be_read_are_kept_aside_and_nobody_is_logged_in() {
    let yard = yard();
    let token = yard.ask(login(SECRET)).await.1["token"].as_str().unwrap().to_owned();
    let path = yard.app.root.logins_path("yard");
    std::fs::write(&path, "{\"version\": 1, \"kept\"").unwrap();
    let guard = restarted(&yard, SECRET);
    assert!(!is_let_in(&guard, &token).await);
    assert!(is_let_in(&guard, SECRET).await);
    let aside = path.with_extension("json.broken-1");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{\"version\": 1, \"kept\"");
    // A folder that cannot be written in: the login counts, as long as this daemon lives.
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path.parent().unwrap(), "").unwrap();
    let (status, body) = yard.ask(login(SECRET)).await;
    assert_eq!(status, StatusCode::OK);
    let token = body["token"].as_str().unwrap().to_owned();
    assert!(is_let_in(&yard.app.guard, &token).await);
    assert!(!yard.app.guard.save_logins(false));
    std::fs::remove_file(path.parent().unwrap()).unwrap();
    assert!(yard.app.guard.save_logins(false), "it heals");
    assert!(is_let_in(&restarted(&yard, SECRET), &token).await);
}

#[tokio::test]
async fn a_secret_that_becomes_one_that_everyone_knows_is_held_to_this_machine() {
    let yard = yard();
    yard.app.guard.follow(&Settings {
        secret: "admin".into(),
        ..Settings::default()
    });
    let lan = |request| from(request, "192.0.2.7:1", None);
    let asked = yard.ask(lan(call("GET", "/api/gpu/state", Some("admin"), ""))).await;
    assert_eq!(code(asked), (403, "well_known_secret".into()));
    assert_eq!(
        code(yard.ask(lan(login("admin"))).await),
        (403, "well_known_secret".into())
    );
    assert_eq!(yard.ask(login("admin")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_secret_that_is_taken_away_leaves_the_daemons_own_user() {
    let yard = yard();
    yard.app.guard.follow(&Settings::default());
    let gpus = || call("GET", "/api/gpu/state", None, "");
    assert_eq!(yard.ask(gpus()).await.0, StatusCode::OK);
    let lan = yard.ask(from(gpus(), "192.0.2.7:1", None)).await;
    assert_eq!(code(lan), (403, "not_your_daemon".into()));
}

#[tokio::test]
async fn a_daemon_of_root_keeps_its_secret() {
    let settings = Settings {
        secret: SECRET.into(),
        ..Settings::default()
    };
    let guard = Guard::new(&settings, 0, Vec::new(), gpuyard_exec::clock::now);
    assert!(!guard.follow(&Settings::default()));
    assert!(guard.requires_secret());
    assert!(guard.follow(&Settings {
        allow_anonymous: true,
        ..Settings::default()
    }));
}

#[tokio::test]
async fn trusted_hosts_are_followed() {
    let yard = yard();
    let asked = || {
        let request = Request::get("/api/health").header(header::HOST, "gpu.lab.example");
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(yard.ask(asked()).await.0, StatusCode::MISDIRECTED_REQUEST);
    yard.app.guard.follow(&Settings {
        secret: SECRET.into(),
        trusted_hosts: vec!["gpu.lab.example".into()],
        ..Settings::default()
    });
    assert_eq!(yard.ask(asked()).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_socket_is_opened_by_our_own_page_or_a_program_only() {
    for yard in [yard(), with("")] {
        for (name, value, refused) in [
            ("origin", "http://evil.example", true),
            ("origin", "null", true),
            ("origin", "http://localhost:8080", true),
            ("sec-fetch-site", "same-site", true),
            ("origin", "http://localhost:29214", false),
            ("accept", "*/*", false),
        ] {
            let mut request = call("GET", "/api/ws", None, "");
            request.headers_mut().insert(name, value.parse().unwrap());
            request
                .headers_mut()
                .insert(header::UPGRADE, "websocket".parse().unwrap());
            let answer = code(yard.ask(request).await);
            assert_eq!(
                answer == (403, "cross_site".into()),
                refused,
                "{name}: {value}: {answer:?}"
            );
        }
    }
}
