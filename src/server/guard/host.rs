//! Which names a request may call this machine by: a page that was lured here by DNS rebinding calls it by another.
use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header, uri::Authority};

/// The names that are taken besides IP addresses and `localhost`, in lower case.
pub(crate) struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// The machine's own names and those of the setting `trusted-hosts`.
    pub(crate) fn new(own: impl IntoIterator<Item = String>, trusted: &[String]) -> Hosts {
        let names = own.into_iter().chain(trusted.iter().cloned());
        Hosts {
            names: names
                .map(|name| name.trim().trim_end_matches('.').to_ascii_lowercase())
                .collect(),
        }
    }

    /// Whether a request to this address is for us; otherwise the name that it called.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), String> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (first, second) = (hosts.next(), hosts.next());
        let called = first.and_then(|value| value.to_str().ok()).unwrap_or_default();
        if second.is_some() {
            return Err(format!("{called}, …"));
        }
        // `GET http://name/ HTTP/1.1`: the name in the request line counts, and so does the header.
        let authority = uri.authority().map(|authority| authority.as_str().to_owned());
        for name in authority.iter().map(String::as_str).chain([called]) {
            if !self.takes(name) {
                return Err(name.to_owned());
            }
        }
        Ok(())
    }

    fn takes(&self, called: &str) -> bool {
        // A user part (`user@host`) never belongs here.
        let Some(authority) = called.parse::<Authority>().ok().filter(|a| !a.as_str().contains('@')) else {
            return false;
        };
        let host = authority.host();
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if bare.parse::<IpAddr>().is_ok() {
            return true;
        }
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        host == "localhost" || self.names.contains(&host)
    }
}

/// The names that a machine calls itself: its host name, the first part of it, and what `/etc/hosts` has beside it.
pub(crate) fn own_names(hostname: &str, etc_hosts: &str) -> Vec<String> {
    let short = hostname.split('.').next().unwrap_or_default();
    let mut names = vec![hostname.to_owned(), short.to_owned()];
    for line in etc_hosts.lines() {
        let line = line.split('#').next().unwrap_or_default();
        let beside: Vec<&str> = line.split_whitespace().skip(1).collect();
        if beside.iter().any(|name| name.eq_ignore_ascii_case(hostname)) {
            names.extend(beside.into_iter().map(str::to_owned));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(host: &str, uri: &str) -> bool {
        let hosts = Hosts::new(
            own_names("gpu01", "127.0.1.1 gpu01.lab.example gpu01\n"),
            &["yard.example".into()],
        );
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        hosts.check(&uri.parse().unwrap(), &headers).is_ok()
    }

    #[test]
    fn addresses_and_own_names_are_taken() {
        for host in [
            "127.0.0.1:29214",
            "[::1]:29214",
            "10.1.2.3",
            "localhost",
            "LOCALHOST:1",
            "gpu01:29214",
            "GPU01.lab.example",
            "yard.example",
            "yard.example.:29214",
        ] {
            assert!(check(host, "/api/health"), "{host}");
        }
    }

    #[test]
    fn other_names_are_not() {
        for host in [
            "evil.example",
            "evil.example:29214",
            "gpu01.evil.example",
            "localhost.evil.example",
            "yard.example@evil.example",
            "127.0.0.1.evil.example",
            "",
        ] {
            assert!(!check(host, "/api/health"), "{host}");
        }
        assert!(
            !check("localhost", "http://evil.example/api/health"),
            "the request line counts too"
        );
        assert!(check("localhost", "http://localhost/api/health"));
    }
}
