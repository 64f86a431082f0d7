//! TLS: the certificate and key of the settings, read at the start, and handshakes.
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use gpuyard_core::model::Settings;
use gpuyard_store::{Root, StoreError, file};
use tokio::{io::AsyncWriteExt, net::TcpStream};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
    server::TlsStream,
};

/// More than any chain of certificates has.
const MOST_BYTES: u64 = 1 << 20;

/// What is said to a browser that comes without TLS.
const SPEAKS_TLS: &str =
    "this daemon speaks HTTPS: put https:// before its address\n此服务使用 HTTPS：请在地址前加 https://\n";

/// Why TLS cannot be had. Each names the file and says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{key}` in control_setting.yaml: {source}")]
    File {
        /// The setting that names it.
        key: &'static str,
        /// Which file, and why.
        source: StoreError,
    },
    /// There is nothing of the kind in it.
    #[error("`{key}` in control_setting.yaml: {path} holds no {what} in PEM form (-----BEGIN …-----)")]
    Nothing {
        /// The setting that names it.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What should be there.
        what: &'static str,
    },
    /// They do not belong together, or the library does not take them.
    #[error(
        "the certificate {cert} and the key {key} cannot be served: {source}; `tls-cert` wants the server's own certificate \
         first, then those above it, and `tls-key` the private key that it was made with"
    )]
    Pair {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What the library said.
        source: rustls::Error,
    },
}

/// What the settings say of TLS; `None` where they say nothing.
pub(crate) fn acceptor(root: &Root, settings: &Settings) -> Result<Option<TlsAcceptor>, TlsError> {
    // That they come together is checked where settings are read.
    let (Some(cert), Some(key)) = (&settings.tls_cert, &settings.tls_key) else {
        return Ok(None);
    };
    let (cert, key) = (root.config_dir().join(cert), root.config_dir().join(key));
    let chain = read("tls-cert", &cert)?;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
        .collect::<Result<_, _>>()
        .unwrap_or_default();
    if chain.is_empty() {
        return Err(TlsError::Nothing {
            key: "tls-cert",
            path: cert,
            what: "certificate",
        });
    }
    let private = PrivateKeyDer::from_pem_slice(&read("tls-key", &key)?).map_err(|_| TlsError::Nothing {
        key: "tls-key",
        path: key.clone(),
        what: "private key",
    })?;
    if is_open_to_others(&key) {
        tracing::warn!(
            "others on this machine can read the private key {}: chmod 600 it",
            key.display()
        );
    }
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, private))
        .map_err(|source| TlsError::Pair { cert, key, source })?;
    Ok(Some(TlsAcceptor::from(Arc::new(config))))
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    file::read_bounded(path, MOST_BYTES).map_err(|source| TlsError::File { key, source })
}

fn is_open_to_others(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0)
}

/// Shakes hands; `None` where the other end does not. A browser that speaks without TLS is told in words.
pub(crate) async fn shake_hands(acceptor: &TlsAcceptor, mut stream: TcpStream) -> Option<TlsStream<TcpStream>> {
    let mut first = [0];
    // A handshake begins with 22, a request with the letters of its method.
    if stream.peek(&mut first).await.ok()? > 0 && first[0].is_ascii_uppercase() {
        let length = SPEAKS_TLS.len();
        let answer = format!(
            "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{SPEAKS_TLS}"
        );
        // Who does not wait for it does not need it.
        let _ = stream.write_all(answer.as_bytes()).await;
        let _ = stream.shutdown().await;
        return None;
    }
    acceptor.accept(stream).await.ok()
}
