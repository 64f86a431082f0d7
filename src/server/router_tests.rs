//! The whole router, asked without a socket.
use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use serde_json::{Value, json};

use crate::{
    document_tests::{filled, routed},
    yard::{SECRET, call, yard},
};

/// What needs no secret.
const OPEN: [&str; 6] = ["/", "/ui", "/ui/", "/api/health", "/api/auth/check", "/api/auth/login"];

/// Every path that is served, and some that are not.
fn paths() -> Vec<String> {
    let unknown = [
        "/api",
        "/api/",
        "/api/nothing/here",
        "/metrics/x",
        "/nothing",
        "//",
        "/api/../ui",
    ]
    .map(str::to_owned);
    routed().iter().map(|path| filled(path)).chain(unknown).collect()
}

#[tokio::test]
async fn nothing_is_open_that_is_not_meant_to_be() {
    let yard = yard();
    let methods = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "TRACE", "CONNECT", "QUERY", "PROPFIND",
    ];
    for path in paths() {
        for method in methods {
            for secret in [None, Some("guess")] {
                let (status, _) = yard.ask(call(method, &path, secret, "{}")).await;
                let open = OPEN.contains(&path.as_str()) || path.starts_with("/ui/");
                let denied = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS);
                assert!(
                    // A login without a password is no login.
                    if open {
                        !denied || path == "/api/auth/login"
                    } else {
                        denied
                    },
                    "{method} {path}: {status}"
                );
            }
            let mut elsewhere = call(method, &path, Some(SECRET), "{}");
            elsewhere
                .headers_mut()
                .insert(header::HOST, "evil.example".parse().unwrap());
            let (status, _) = yard.ask(elsewhere).await;
            assert_eq!(status, StatusCode::MISDIRECTED_REQUEST, "{method} {path}");
        }
    }
    assert_eq!(yard.ask(call("GET", "/api/health", None, "")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_errors_in_words() {
    let yard = yard();
    for (method, path, code) in [
        ("GET", "/api/nothing/here", "not_found"),
        ("DELETE", "/api/nothing", "not_found"),
        ("PATCH", "/api/gpu", "method_not_allowed"),
        ("GET", "/api/auth/logout", "method_not_allowed"),
    ] {
        let (_, body) = yard.ask(call(method, path, Some(SECRET), "{}")).await;
        assert_eq!(body["code"], code, "{method} {path}: {body}");
    }
}

#[tokio::test]
async fn another_name_than_ours_is_misdirected() {
    let yard = yard();
    for (host, status) in [
        ("yard", 200),
        ("127.0.0.1:1", 200),
        ("[::1]:29214", 200),
        ("evil.example", 421),
        ("", 421),
    ] {
        let request = Request::get("/api/health")
            .header(header::HOST, host)
            .body(Body::empty())
            .unwrap();
        assert_eq!(yard.ask(request).await.0, status, "{host}");
    }
}

#[tokio::test]
async fn errors_speak_the_callers_language() {
    let yard = yard();
    for (accept, message) in [
        ("zh-CN,en;q=0.5", "没有这个路径"),
        ("en", "there is no such path"),
        ("*", "there is no such path"),
    ] {
        let mut request = call("GET", "/api/nothing", Some(SECRET), "");
        request
            .headers_mut()
            .insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        let (status, body) = yard.ask(request).await;
        assert_eq!(
            (status, &body["message"], &body["success"]),
            (StatusCode::NOT_FOUND, &json!(message), &json!(false))
        );
    }
}

#[tokio::test]
async fn a_login_gives_a_token_that_ends_with_a_logout() {
    let yard = yard();
    let (status, body) = yard
        .ask(call("POST", "/api/auth/login", None, r#"{"password":"wrong"}"#))
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::UNAUTHORIZED, &json!("wrong_secret"))
    );
    let right = json!({ "password": SECRET }).to_string();
    let (status, body) = yard.ask(call("POST", "/api/auth/login", None, &right)).await;
    assert_eq!(status, StatusCode::OK);
    let token = body["token"].as_str().unwrap();
    assert_eq!(
        yard.ask(call("GET", "/api/scheduler/state", Some(token), "")).await.0,
        StatusCode::OK
    );
    assert_eq!(
        yard.ask(call("POST", "/api/auth/logout", Some(token), "")).await.0,
        StatusCode::OK
    );
    let (status, body) = yard.ask(call("GET", "/api/scheduler/state", Some(token), "")).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::UNAUTHORIZED, &json!("session_ended"))
    );
    let settings = &yard.app.settings();
    let audit = std::fs::read_to_string(yard.app.root.audit_log(settings)).unwrap();
    // The wrong try changed nothing, and is in the daemon's own log.
    assert_eq!(audit.lines().count(), 2, "{audit}");
    assert!(audit.lines().all(|line| line.contains(r#""who":"owner""#)), "{audit}");
    assert!(!audit.contains(SECRET) && !audit.contains(token), "{audit}");
}

#[tokio::test]
async fn gpus_are_shown_and_headers_keep_browsers_careful() {
    let yard = yard();
    let (status, headers, body) = yard.ask_whole(call("GET", "/api/gpu", Some(SECRET), "")).await;
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (status, &body["available"], &body["gpu_count"]),
        (StatusCode::OK, &json!(true), &json!(2))
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    assert!(
        headers["content-security-policy"]
            .to_str()
            .unwrap()
            .starts_with("default-src 'self'")
    );
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_refused_by_field() {
    let yard = yard();
    for (body, status) in [("{", 400), (r#"{"resume":7}"#, 422), (r#"{"unknown":true}"#, 422)] {
        let (got, said) = yard
            .ask(call("POST", "/api/scheduler/single/start", Some(SECRET), body))
            .await;
        assert_eq!(got, status, "{body}: {said}");
    }
    let large = format!("\"{}\"", "x".repeat(2 << 20));
    assert_eq!(
        yard.ask(call("POST", "/api/auth/login", None, &large)).await.0,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    let (status, body) = yard
        .ask(call("POST", "/api/scheduler/triple/start", Some(SECRET), ""))
        .await;
    assert_eq!((status, &body["code"]), (StatusCode::NOT_FOUND, &json!("no_such_mode")));
}

#[tokio::test]
async fn what_does_not_run_is_not_stopped() {
    let yard = yard();
    let (status, body) = yard
        .ask(call(
            "POST",
            "/api/scheduler/multi/stop?config_index=3",
            Some(SECRET),
            "",
        ))
        .await;
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("not_running")));
    let (status, body) = yard.ask(call("POST", "/api/scheduler/stop/1", Some(SECRET), "")).await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::NOT_FOUND, &json!("not_a_scheduler"))
    );
    let (_, body) = yard
        .ask(call("GET", "/api/scheduler/single/state", Some(SECRET), ""))
        .await;
    assert_eq!(body, json!({"running": false, "pid": null}));
}

#[tokio::test]
async fn a_scheduler_that_does_not_come_up_is_an_error_in_words() {
    let yard = yard();
    yard.lay("command_gpu.txt");
    let (status, body) = yard
        .ask(call("POST", "/api/scheduler/single/start", Some(SECRET), ""))
        .await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        body["message"]
            .as_str()
            .unwrap()
            .contains("ended before it had started"),
        "{body}"
    );
}

#[tokio::test]
async fn a_command_file_that_is_not_there_is_not_started() {
    let yard = yard();
    let (status, body) = yard
        .ask(call(
            "POST",
            "/api/scheduler/single/start?config_index=7",
            Some(SECRET),
            "",
        ))
        .await;
    assert_eq!(
        (status, &body["code"]),
        (StatusCode::NOT_FOUND, &json!("no_such_config"))
    );
}

#[tokio::test]
async fn the_last_minutes_are_kept_for_charts() {
    let yard = yard();
    yard.app.gpus.first_reading().await;
    let (status, body) = yard
        .ask(call("GET", "/api/gpu/history?minutes=5", Some(SECRET), ""))
        .await;
    assert_eq!((status, body["times"].as_array().unwrap().len()), (StatusCode::OK, 1));
    assert_eq!(body["gpus"][1]["index"], 1);
    assert_eq!(body["gpus"][0]["memory_used"].as_array().unwrap().len(), 1);
    for wrong in ["61", "-1", "NaN", "x"] {
        let path = format!("/api/gpu/history?minutes={wrong}");
        assert_eq!(yard.ask(call("GET", &path, Some(SECRET), "")).await.0, 422, "{wrong}");
    }
}
