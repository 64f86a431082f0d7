//! The document and the router say the same, and what the document says is kept as a snapshot.
use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

use crate::{
    document, router,
    yard::{SECRET, call, yard},
};

fn document() -> Value {
    document::complete(router::paths().into_openapi()).unwrap()
}

/// Every path of the router, as axum itself knows them.
pub(crate) fn routed() -> BTreeSet<String> {
    let shown = format!(
        "{:?}",
        axum::Router::<std::sync::Arc<crate::app::App>>::from(router::paths())
    );
    let from = shown.find("paths: {").unwrap();
    let listed = shown[from..].split('}');
    // `paths: {RouteId(0): "/", RouteId(1): "/api/{mode}/x", …}`; a path may have braces of its own.
    let list: String = listed.collect::<Vec<_>>().join("}");
    let paths = list.split("RouteId(").filter_map(|entry| {
        let (number, rest) = entry.split_once("): \"")?;
        number.parse::<u32>().ok()?;
        Some(rest.split('"').next()?.to_owned())
    });
    paths.collect()
}

/// Every method and path of the document.
pub(crate) fn documented() -> Vec<(String, String)> {
    let document = document();
    let items = document["paths"].as_object().unwrap().clone();
    let each = items.into_iter().flat_map(|(path, item)| {
        let methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods
            .into_iter()
            .map(move |method| (method.to_uppercase(), path.clone()))
    });
    each.collect()
}

#[test]
fn every_route_is_in_the_document_and_the_other_way_round() {
    let routed = routed();
    assert!(routed.len() > 15, "the router is no longer shown as it was: {routed:?}");
    // Pages for people, and the figures for Prometheus, have a form of their own.
    let api: BTreeSet<String> = routed.into_iter().filter(|path| path.starts_with("/api")).collect();
    let documented: BTreeSet<String> = documented().into_iter().map(|(_, path)| path).collect();
    assert_eq!(api, documented);
}

#[tokio::test]
async fn the_methods_of_a_path_are_those_of_the_document() {
    let yard = yard();
    let documented = documented();
    for path in routed().into_iter().filter(|path| path.starts_with("/api")) {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            let listed = documented.contains(&(method.to_owned(), path.clone()));
            // A body that no handler takes, so that none acts.
            let asked = call(method, &filled(&path), Some(SECRET), "nonsense");
            let (_, body) = yard.ask(asked).await;
            assert_eq!(body["code"] == "method_not_allowed", !listed, "{method} {path}: {body}");
        }
    }
}

/// A path with something in the place of its parameters.
pub(crate) fn filled(path: &str) -> String {
    let mut filled = String::new();
    for part in path.split('/').skip(1) {
        filled.push('/');
        filled.push_str(match part {
            "{mode}" => "single",
            parameter if parameter.starts_with('{') => "1",
            fixed => fixed,
        });
    }
    filled
}

#[test]
fn every_call_has_a_name_of_its_own_and_says_what_it_is_for() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} stands for two calls");
            let summary = operation["summary"].as_str().unwrap_or_default();
            assert!(!summary.is_empty(), "{method} {path} does not say what it is for");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let said = parameter["description"].as_str().unwrap_or_default();
                assert!(!said.is_empty(), "{method} {path}: {}", parameter["name"]);
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(Value::String(to)) = map.get("$ref") {
                    let there = document.pointer(to.trim_start_matches('#'));
                    assert!(there.is_some(), "{to}");
                }
                map.values().for_each(|inner| walk(inner, document));
            }
            Value::Array(items) => items.iter().for_each(|inner| walk(inner, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

/// The dashboard's client is made from the snapshot, so it is as new as the code. `UPDATE_SNAPSHOTS=1` writes it anew.
#[test]
fn the_snapshot_is_the_document() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/snapshots/openapi.json");
    let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &now).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == now,
        "tests/snapshots/openapi.json is stale; write it anew with: \
         UPDATE_SNAPSHOTS=1 cargo nextest run -p gpuyard-server the_snapshot_is_the_document"
    );
}

#[tokio::test]
async fn the_document_is_served_to_those_who_have_the_secret() {
    let yard = yard();
    let (status, served) = yard.ask(call("GET", "/api/openapi.json", Some(SECRET), "")).await;
    assert_eq!((status.as_u16(), &served), (200, &document()));
    assert_eq!(served["openapi"], "3.1.0");
    assert_eq!(yard.ask(call("GET", "/api/openapi.json", None, "")).await.0, 401);
}

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere_and_no_inline_script() {
    let yard = yard();
    let mut asked = vec!["/ui/api".to_owned()];
    while let Some(path) = asked.pop() {
        let (status, headers, body) = yard.ask_whole(call("GET", &path, None, "")).await;
        let text = String::from_utf8(body).unwrap();
        assert_eq!(status, 200, "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(
            policy.contains("default-src 'self'") && !policy.contains("unsafe"),
            "{policy}"
        );
        for (marker, says) in [
            ("style=", "inline style"),
            ("innerHTML", "text as HTML"),
            ("http://", "elsewhere"),
            ("https://", "elsewhere"),
        ] {
            assert!(!text.contains(marker), "{path}: {says}");
        }
        if path == "/ui/api" {
            assert!(!text.contains("<script>") && !text.contains("onclick"));
            let linked = text.split(['"', '\'']).filter(|part| part.starts_with("/ui/api/"));
            asked.extend(linked.map(str::to_owned));
            assert_eq!(asked.len(), 2, "{asked:?}");
        }
    }
}
