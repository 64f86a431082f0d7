//! The door, walked path by path: what every answer carries, what is noted of every call, and what a look must not change.
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::{
    document_tests::{documented, filled, routed},
    yard::{SECRET, Yard, call, yard},
};

/// What never ends by itself, or ends the login that asks.
const ENDLESS: [&str; 4] = ["/api/events", "/api/ws", "/api/log/stream", "/api/auth/logout"];

fn is_careful(headers: &HeaderMap, what: &str) {
    let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
    for part in [
        "default-src 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{what}: {policy}");
    }
    for never in ["unsafe", "script-src", "style-src", "http:", "https:", "*"] {
        assert!(!policy.contains(never), "{what}: {policy}");
    }
    assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{what}");
    assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{what}");
    for never in [header::SET_COOKIE, header::ACCESS_CONTROL_ALLOW_ORIGIN] {
        assert!(!headers.contains_key(&never), "{what}: {never}");
    }
    if what.contains(" /api") || what.contains(" /metrics") {
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{what}");
    }
}

#[tokio::test]
async fn every_answer_keeps_browsers_careful_and_sets_no_cookie() {
    let yard = yard();
    let unknown = ["/api/nothing", "/nothing", "/ui/assets/nothing.js"].map(str::to_owned);
    let paths = routed().into_iter().map(|path| filled(&path)).chain(unknown);
    for path in paths.filter(|path| !ENDLESS.contains(&path.as_str())) {
        for (method, secret, host) in [
            ("GET", Some(SECRET), "localhost"),
            ("POST", Some(SECRET), "localhost"),
            ("GET", None, "localhost"),
            ("OPTIONS", None, "localhost"),
            ("DELETE", Some("guess"), "localhost"),
            ("GET", Some(SECRET), "evil.example"),
        ] {
            let mut request = call(method, &path, secret, "nonsense");
            let headers = request.headers_mut();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.insert(header::ORIGIN, "http://evil.example".parse().unwrap());
            let response = yard.respond(request).await;
            is_careful(response.headers(), &format!("{method} {path}"));
        }
    }
}

/// Every file below a folder, with what it holds.
fn held(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            all.extend(held(&path));
        } else {
            all.insert(path.display().to_string(), fs::read(&path).unwrap_or_default());
        }
    }
    all
}

/// A root with something in every place that a call may change.
fn lived_in() -> Yard {
    let yard = yard();
    for name in ["command_gpu.txt", "command_gpu_1.txt", "command_gpus.txt"] {
        yard.lay(name);
    }
    yard
}

fn audit(yard: &Yard) -> Vec<Value> {
    let text = fs::read_to_string(yard.app.root.audit_log(&yard.app.settings())).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_get_changes_nothing() {
    let yard = lived_in();
    // What is made when it is first needed.
    yard.ask(call("GET", "/api/tasks", Some(SECRET), "")).await;
    let ours = |held: BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        let cache = |path: &String| path.contains("gpuyard.db") || path.contains("/index/") || path.contains(".seen.");
        held.into_iter().filter(|(path, _)| !cache(path)).collect()
    };
    let before = ours(held(yard.app.root.path()));
    for path in routed().iter().map(|path| filled(path)) {
        if ENDLESS.contains(&path.as_str()) {
            continue;
        }
        for query in [
            "",
            "?config_index=0",
            "?mode=single&config_index=0&queue_id=1&process_index=0&log_path=/tmp/x",
        ] {
            for method in ["GET", "HEAD"] {
                let request = call(method, &format!("{path}{query}"), Some(SECRET), "");
                let _ = tokio::time::timeout(Duration::from_secs(60), yard.respond(request))
                    .await
                    .unwrap();
            }
        }
    }
    let after = ours(held(yard.app.root.path()));
    let names = before.keys().chain(after.keys());
    let changed: BTreeSet<&String> = names.filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty(), "{changed:?}");
    assert_eq!(audit(&yard), Vec::<Value>::new(), "and nothing is noted");
}

#[tokio::test]
async fn each_call_that_may_change_something_is_a_line_of_the_audit_log() {
    let yard = lived_in();
    let mut walked = 0;
    for (method, path) in documented() {
        if method == "GET" || path == "/api/auth/login" || ENDLESS.contains(&path.as_str()) {
            continue;
        }
        let before = audit(&yard).len();
        let path = filled(&path);
        let (status, _) = yard
            .ask(call(&method, &format!("{path}?config_index=0"), Some(SECRET), "{}"))
            .await;
        let lines = audit(&yard);
        let line = lines.last().unwrap_or(&Value::Null);
        assert!(lines.len() > before, "{method} {path} is not noted");
        assert_eq!(
            (
                &line["method"],
                &line["status"],
                &line["who"],
                &line["from"],
                line["at"].is_string()
            ),
            (
                &json!(method),
                &json!(status.as_u16()),
                &json!("owner"),
                &json!("127.0.0.1"),
                true
            ),
            "{path}: {line}"
        );
        assert!(line["what"].as_str().unwrap().starts_with(&path), "{line}");
        walked += 1;
    }
    assert!(walked > 20, "{walked}");
    // Who is not let in changes nothing, and does not fill the disk.
    let before = audit(&yard).len();
    for _ in 0..5 {
        let (status, _) = yard.ask(call("PUT", "/api/config", Some("guess"), "{}")).await;
        assert!(matches!(
            status,
            StatusCode::UNAUTHORIZED | StatusCode::TOO_MANY_REQUESTS
        ));
    }
    assert_eq!(audit(&yard).len(), before);
    let text = fs::read_to_string(yard.app.root.audit_log(&yard.app.settings())).unwrap();
    assert!(!text.contains(SECRET));
}
