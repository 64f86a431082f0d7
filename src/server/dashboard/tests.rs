//! What is handed out of a dashboard of four files.
use axum::body::to_bytes;
use rust_embed::Metadata;

use super::*;

fn four(path: &str) -> Option<EmbeddedFile> {
    let text: &'static [u8] = match path {
        "index.html" => b"<!doctype html>",
        "assets/app-1a2b.js" => b"plain",
        "assets/app-1a2b.js.br" => b"brotli",
        "images/icon.svg" => b"<svg/>",
        _ => return None,
    };
    Some(EmbeddedFile {
        data: text.into(),
        metadata: Metadata::__rust_embed_new([text.len() as u8; 32], None, None),
    })
}

async fn ask(path: &str, headers: &[(header::HeaderName, &str)]) -> (StatusCode, HeaderMap, Vec<u8>) {
    let headers = HeaderMap::from_iter(
        headers
            .iter()
            .map(|(name, value)| (name.clone(), value.parse().unwrap())),
    );
    let (parts, body) = answer_from(&four, path, &headers).unwrap().into_parts();
    (
        parts.status,
        parts.headers,
        to_bytes(body, 1 << 10).await.unwrap().to_vec(),
    )
}

#[tokio::test]
async fn pages_are_the_index_and_files_are_there_or_not() {
    for path in ["", "gpu", "logs/single/0/1/0", "assets", "index.html"] {
        let (status, headers, body) = ask(path, &[]).await;
        assert_eq!((status, &*body), (StatusCode::OK, &b"<!doctype html>"[..]), "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
    }
    for path in ["assets/gone.js", "images/", "assets/app-1a2b.js.br"] {
        assert_eq!(ask(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
    assert_eq!(
        ask("images/icon.svg", &[]).await.1[header::CONTENT_TYPE],
        "image/svg+xml"
    );
}

#[tokio::test]
async fn the_smallest_form_that_the_caller_takes() {
    let path = "assets/app-1a2b.js";
    let (_, headers, body) = ask(path, &[(header::ACCEPT_ENCODING, "gzip, br")]).await;
    assert_eq!(
        (&headers[header::CONTENT_ENCODING], &*body),
        (&"br".parse().unwrap(), &b"brotli"[..])
    );
    assert_eq!(headers[header::CONTENT_TYPE], "text/javascript; charset=utf-8");
    assert!(headers[header::CACHE_CONTROL].to_str().unwrap().ends_with("immutable"));
    let (_, headers, body) = ask(path, &[(header::ACCEPT_ENCODING, "gzip")]).await;
    assert_eq!(&*body, b"plain", "there is no gzip of it");
    assert!(!headers.contains_key(header::CONTENT_ENCODING));
    assert_eq!(headers[header::VARY], "accept-encoding");
}

#[tokio::test]
async fn what_the_caller_has_is_not_sent_again() {
    let (_, headers, _) = ask("", &[]).await;
    let etag = headers[header::ETAG].to_str().unwrap().to_owned();
    let (status, headers, body) = ask("", &[(header::IF_NONE_MATCH, &format!("\"x\", W/{etag}"))]).await;
    assert_eq!((status, body.len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(headers[header::ETAG], *etag);
}

#[test]
fn without_a_build_there_is_nothing() {
    assert!(answer_from(&|_| None, "", &HeaderMap::new()).is_none());
}
