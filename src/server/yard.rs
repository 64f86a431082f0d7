//! A daemon in a temporary folder, asked without a socket; and what stands in for its schedulers.
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use gpuyard_core::model::{Bytes, Lang, Seconds, Settings};
use gpuyard_exec::{clock, host::HostFolder};
use gpuyard_gpu::{GpuReader, SourceContext, SourceSpec};
use gpuyard_store::{Root, audit::AuditLog, bindings::Bindings, logins::LoginFile};
use serde_json::Value;
use tokio::sync::{
    mpsc::{self, UnboundedReceiver},
    watch,
};
use tower::ServiceExt;

use crate::{
    adhoc::Desk,
    app::{Answers, App},
    gpus::Gpus,
    guard::{access::Guard, kept::Kept, peer::Peer},
    live::Hub,
    logs::Shelf,
    router::router,
    runs::Book,
    settings::InForce,
    supervise::News,
};

/// One that nobody guesses.
pub(crate) const SECRET: &str = "5f4dcc3b5aa765d61d8327deb882cf99a3c1";

/// The daemon's user, and that of callers where a test does not say otherwise.
pub(crate) const UID: u32 = 1000;

pub(crate) struct Yard {
    folder: tempfile::TempDir,
    pub(crate) app: Arc<App>,
    /// What the supervisor would hear.
    pub(crate) heard: Option<UnboundedReceiver<News>>,
    /// Ends the daemon's streams.
    pub(crate) end: watch::Sender<bool>,
}

pub(crate) fn yard() -> Yard {
    Yard::with(Settings {
        secret: SECRET.into(),
        ..Settings::default()
    })
}

impl Yard {
    pub(crate) fn with(settings: Settings) -> Yard {
        // No scheduler comes up from this.
        Yard::starting(settings, |_| "/bin/false".into())
    }

    /// A daemon of another user.
    pub(crate) fn of_user(uid: u32, settings: Settings) -> Yard {
        Yard::made(uid, settings, |_| "/bin/false".into())
    }

    /// `program` makes what is started as schedulers, in a folder of its own.
    pub(crate) fn starting(settings: Settings, program: impl FnOnce(&Path) -> PathBuf) -> Yard {
        Yard::made(UID, settings, program)
    }

    fn made(uid: u32, settings: Settings, program: impl FnOnce(&Path) -> PathBuf) -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let root = Root::open(&root).unwrap();
        root.prepare().unwrap();
        let host = HostFolder::open(Some(folder.path().join("host"))).unwrap();
        let spec = SourceSpec::Simulated {
            count: 2,
            memory: Bytes(24 << 30),
        };
        let source = gpuyard_gpu::open(&spec, SourceContext::default()).unwrap();
        let reader = Arc::new(GpuReader::spawn(source));
        let (news, heard) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(false);
        let app = App {
            guard: Arc::new(Guard::new(&settings, uid, vec!["yard".into()], clock::now).keeping(kept(&root))),
            gpus: Gpus::start(reader, Seconds(3600.0), root.path().to_owned()).unwrap(),
            runs: Book::new(root.state_dir()),
            desk: Desk::default(),
            tmux: None,
            audit: AuditLog::open(&root.audit_log(&settings)).unwrap(),
            logs: Shelf::new(&root, &settings),
            bindings: Bindings::new(root.bindings_path()),
            host,
            settings: InForce::new(settings, Box::new(|_| {})),
            last_rules: Mutex::default(),
            exe: program(folder.path()),
            lang: Lang::En,
            news,
            root,
            live: Hub::new(ended),
            held: Answers::default(),
        };
        Yard {
            folder,
            app: Arc::new(app),
            heard: Some(heard),
            end,
        }
    }

    /// Lays a command file, of this name, into the root.
    pub(crate) fn lay(&self, name: &str) {
        std::fs::write(self.app.root.path().join("command").join(name), "1\ntrue\n1\n").unwrap();
    }

    /// A folder beside the root.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> (StatusCode, Value) {
        let (status, _, body) = self.ask_whole(request).await;
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(crate) async fn ask_whole(&self, request: Request<Body>) -> (StatusCode, axum::http::HeaderMap, Vec<u8>) {
        let (parts, body) = self.respond(request).await.into_parts();
        (
            parts.status,
            parts.headers,
            axum::body::to_bytes(body, 1 << 24).await.unwrap().to_vec(),
        )
    }

    /// The answer, its body not read yet.
    pub(crate) async fn respond(&self, mut request: Request<Body>) -> axum::response::Response {
        // In a daemon the supervisor does this, as soon as the state folder changes.
        self.app.runs.refresh().unwrap();
        let here: SocketAddr = "127.0.0.1:5000".parse().unwrap();
        if request.extensions().get::<Peer>().is_none() {
            request.extensions_mut().insert(Peer::known(here, Some(UID)));
        }
        router(&self.app).oneshot(request).await.unwrap()
    }
}

/// Where a daemon of a root keeps its logins.
pub(crate) fn kept(root: &Root) -> Kept {
    Kept::new(LoginFile::new(root.logins_path("yard")), "boot".into())
}

pub(crate) fn call(method: &str, path: &str, secret: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost:29214");
    if let Some(secret) = secret {
        request = request.header(header::AUTHORIZATION, format!("Bearer {secret}"));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// The same with the secret, for tests of other things.
pub(crate) fn known(method: &str, path: &str, body: &str) -> Request<Body> {
    call(method, path, Some(SECRET), body)
}

/// The same with a body of JSON; `null` stands for none.
pub(crate) fn sent(method: &str, path: &str, body: &Value) -> Request<Body> {
    let text = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    known(method, path, &text)
}
