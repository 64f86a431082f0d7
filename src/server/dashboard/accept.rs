//! Which compressed forms a caller takes.
use axum::http::{HeaderMap, header};

/// Whether `Accept-Encoding` takes this encoding: by name, or by `*` where it is not named; `q=0` refuses.
pub(crate) fn takes(headers: &HeaderMap, encoding: &str) -> bool {
    let mut any = false;
    for value in headers.get_all(header::ACCEPT_ENCODING) {
        for one in value.to_str().unwrap_or_default().split(',') {
            let mut parts = one.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let wanted = parts
                .find_map(|part| part.strip_prefix("q="))
                .is_none_or(|q| q.parse::<f32>().is_ok_and(|q| q > 0.0));
            if name.eq_ignore_ascii_case(encoding) {
                return wanted;
            }
            any |= name == "*" && wanted;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stars_and_refusals() {
        for (accepted, taken) in [
            ("gzip, deflate, br, zstd", true),
            ("BR", true),
            ("br;q=0.5", true),
            ("*", true),
            ("gzip", false),
            ("br;q=0, *", false),
            ("*;q=0", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, accepted.parse().unwrap())]);
            assert_eq!(takes(&headers, "br"), taken, "{accepted}");
        }
        assert!(!takes(&HeaderMap::new(), "br"));
    }
}
