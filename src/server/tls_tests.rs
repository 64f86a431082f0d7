//! TLS with certificates made for the test: answers, WebSockets over it, and errors that name the file.
use std::sync::Arc;

use futures_util::{SinkExt, StreamExt};
use gpuyard_core::model::Settings;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName},
};
use tokio_tungstenite::{client_async, tungstenite::Message};

use crate::{
    connection::{self, Door},
    router::router,
    tls::acceptor,
    yard::{SECRET, Yard, yard},
};

/// A certificate for `localhost` and its key, in `config/`; returns the certificate itself.
fn certify(yard: &Yard) -> rcgen::CertifiedKey<rcgen::KeyPair> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let config = yard.app.root.config_dir();
    std::fs::write(config.join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(config.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made
}

fn settings(cert: &str, key: &str) -> Settings {
    Settings {
        tls_cert: Some(cert.into()),
        tls_key: Some(key.into()),
        ..Settings::default()
    }
}

#[tokio::test]
async fn calls_and_sockets_go_over_tls_and_plain_ones_are_told() {
    let yard = yard();
    let made = certify(&yard);
    let tls = acceptor(&yard.app.root, &settings("cert.pem", "key.pem")).unwrap();
    assert!(tls.is_some());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let door = Door {
        router: router(&yard.app),
        tls,
    };
    tokio::spawn(connection::serve(listener, door, yard.end.subscribe()));

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(client));
    let connect = async || {
        let stream = TcpStream::connect(address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        connector.connect(name, stream).await.unwrap()
    };

    let mut stream = connect().await;
    let request = b"GET /api/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    // A peer that closes without TLS's own farewell has answered all the same.
    let _ = stream.read_to_string(&mut answer).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains("\"ok\""),
        "{answer}"
    );

    let (mut socket, _) = client_async("wss://localhost/api/ws", connect().await).await.unwrap();
    let hello = json!({"op": "hello", "token": SECRET}).to_string();
    socket.send(Message::text(hello)).await.unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert!(first.to_text().unwrap().contains("\"op\":\"hello\""));

    let mut plain = TcpStream::connect(address).await.unwrap();
    plain.write_all(request).await.unwrap();
    let mut answer = String::new();
    let _ = plain.read_to_string(&mut answer).await;
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("https://"),
        "{answer}"
    );
}

#[test]
fn what_cannot_be_served_names_its_file_and_what_to_do() {
    let yard = yard();
    certify(&yard);
    let config = yard.app.root.config_dir();
    std::fs::write(config.join("text.pem"), "hello").unwrap();
    std::fs::create_dir(config.join("folder")).unwrap();
    let other = rcgen::KeyPair::generate().unwrap();
    std::fs::write(config.join("other.pem"), other.serialize_pem()).unwrap();
    let path = |name: &str| config.join(name).display().to_string();
    for (cert, key, words) in [
        ("gone.pem", "key.pem", vec!["`tls-cert`".to_owned(), path("gone.pem")]),
        ("cert.pem", "gone.pem", vec!["`tls-key`".to_owned(), path("gone.pem")]),
        ("folder", "key.pem", vec!["`tls-cert`".to_owned(), path("folder")]),
        ("/dev/zero", "key.pem", vec!["/dev/zero".to_owned()]),
        (
            "text.pem",
            "key.pem",
            vec![path("text.pem"), "no certificate".to_owned()],
        ),
        (
            "cert.pem",
            "text.pem",
            vec![path("text.pem"), "no private key".to_owned()],
        ),
        ("key.pem", "key.pem", vec![path("key.pem"), "no certificate".to_owned()]),
        ("cert.pem", "cert.pem", vec!["no private key".to_owned()]),
        (
            "cert.pem",
            "other.pem",
            vec![
                path("cert.pem"),
                path("other.pem"),
                "the private key that it was made with".to_owned(),
            ],
        ),
    ] {
        let error = acceptor(&yard.app.root, &settings(cert, key))
            .err()
            .unwrap()
            .to_string();
        for word in words {
            assert!(error.contains(&word), "{cert} {key}: {error}");
        }
    }
    assert!(acceptor(&yard.app.root, &Settings::default()).unwrap().is_none());
}
