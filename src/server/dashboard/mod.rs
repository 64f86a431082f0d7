//! The dashboard's files, which `dashboard/` builds and compresses: which of them answers a path, and in which form.
mod accept;

use std::borrow::Cow;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_embed::{Embed, EmbeddedFile};

/// What `vite build` wrote: inside a release binary; a debug binary reads the folder. It may be empty.
#[derive(Embed)]
#[folder = "../../dashboard/dist"]
#[allow_missing = true]
struct Dist;

/// The page that every path which is not a file answers with; its script reads the path.
const INDEX: &str = "index.html";

/// Names of files under these hold a hash of what is in them, so they never change; or a picture.
const FILES: [&str; 2] = ["assets/", "images/"];

/// What is at a path below `/ui/`; `None` when the dashboard was not built into this binary.
pub(crate) fn answer(path: &str, headers: &HeaderMap) -> Option<Response> {
    answer_from(&Dist::get, path, headers)
}

type Files<'a> = &'a dyn Fn(&str) -> Option<EmbeddedFile>;

fn answer_from(files: Files<'_>, path: &str, headers: &HeaderMap) -> Option<Response> {
    files(INDEX)?;
    let is_file = FILES.iter().any(|folder| path.starts_with(folder));
    let wanted = if is_file { path } else { INDEX };
    let Some(plain) = files(wanted).filter(|_| kind(wanted).is_some()) else {
        return Some(StatusCode::NOT_FOUND.into_response());
    };
    Some(write(files, wanted, plain, headers))
}

/// One file, in the smallest form that the caller takes; or word that the caller has it already.
fn write(files: Files<'_>, path: &str, plain: EmbeddedFile, headers: &HeaderMap) -> Response {
    let forms = [("br", "br"), ("gzip", "gz")];
    let form = forms
        .into_iter()
        .filter(|(name, _)| accept::takes(headers, name))
        .find_map(|(name, ending)| files(&format!("{path}.{ending}")).map(|file| (name, file)));
    let (encoding, file) = match form {
        Some((name, file)) => (Some(name), file),
        None => (None, plain),
    };
    let etag = etag(&file.metadata.sha256_hash());
    let known = headers
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|one| one.trim().trim_start_matches("W/") == etag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(match file.data {
            Cow::Borrowed(bytes) => axum::body::Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        })
        .into_response()
    };
    let out = response.headers_mut();
    let caching = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        out.insert(header::ETAG, etag);
    }
    if let Some(kind) = kind(path).filter(|_| !known) {
        out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if let Some(encoding) = encoding {
            out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
    }
    response
}

/// The media type by the name's ending. What has none here is not ours to hand out.
fn kind(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => return None,
    })
}

/// Half of the hash tells any two files of ours apart.
fn etag(hash: &[u8; 32]) -> String {
    let hex: String = hash[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

#[cfg(test)]
mod tests;
