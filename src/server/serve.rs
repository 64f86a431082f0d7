//! The daemon from its start to its end.
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    path::PathBuf,
    sync::{Arc, Mutex},
};

use gpuyard_core::model::{Lang, PidSpace, ProcessIdentity, Settings};
use gpuyard_exec::{clock, host::HostFolder, identity, place::Place};
use gpuyard_gpu::{GpuReader, GpuSource};
use gpuyard_store::{
    FolderWatch, Root,
    audit::AuditLog,
    bindings::Bindings,
    logins::LoginFile,
    pid_file::{self, Instance},
    watch::FileWatch,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc, watch},
};

use crate::{
    StartError,
    adhoc::{self, Desk},
    app::{Answers, App},
    connection::{self, Door},
    gpus::Gpus,
    guard::{access::Guard, host::own_names, kept::Kept},
    limits, listen,
    live::Hub,
    logs::{Shelf, keep_bindings},
    router::router,
    runs::{self, Book},
    settings::InForce,
    supervise::Supervisor,
    tls,
};

/// The name of the place that a daemon holds in its root.
pub const PLACE: &str = "daemon";

/// All that a daemon needs from the world around it.
pub struct Options {
    /// The root folder, with everything made that was missing.
    pub root: Root,
    /// Leases, places and sockets.
    pub host: HostFolder,
    /// The settings in force.
    pub settings: Settings,
    /// Where GPUs are read.
    pub source: Box<dyn GpuSource>,
    /// The program that is started as schedulers (`EXE schedule …`).
    pub exe: PathBuf,
    /// The language of logs, and of answers to callers who name none.
    pub lang: Lang,
    /// Tells the log how much is wanted, in the words of the setting `log-level`.
    pub set_log_level: Box<dyn Fn(&str) + Send + Sync>,
    /// Called once it answers.
    pub on_ready: Box<dyn FnOnce(&Address) + Send>,
}

/// Where a daemon answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The port that it listens on.
    pub port: u16,
    /// The one in the settings, where that was taken.
    pub wished: Option<u16>,
    /// For people: an address of this machine.
    pub url: String,
    /// Why it listens on loopback alone, where the settings say otherwise.
    pub held: Option<&'static str>,
}

/// Serves until a signal ends it. Schedulers and their tasks go on.
pub fn serve(options: Options) -> Result<(), StartError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(limits::BLOCKING_THREADS)
        .build()
        .map_err(system("make the daemon's loop"))?;
    let ended = runtime.block_on(live(options));
    // A scheduler that is coming up, or does not answer, is not waited for.
    runtime.shutdown_background();
    ended
}

fn system(verb: &'static str) -> impl FnOnce(io::Error) -> StartError {
    move |source| StartError::System { verb, source }
}

async fn live(options: Options) -> Result<(), StartError> {
    let Options {
        root,
        host,
        settings,
        source,
        exe,
        lang,
        set_log_level,
        on_ready,
    } = options;
    refuse_what_is_unsafe(&settings)?;
    let tls = tls::acceptor(&root, &settings)?;
    let place = Place::take(&host, root.path(), PLACE)?;
    if let Some(warning) = host.warning() {
        tracing::warn!("{warning}");
    }
    let (ip, held) = listen::address(&settings)?;
    let listener = listen::bind(ip, settings.port)?;
    let bound = listener.local_addr().map_err(system("tell the port"))?;
    let address = Address {
        port: bound.port(),
        wished: (settings.port != 0 && bound.port() != settings.port).then_some(settings.port),
        url: format!(
            "{}://{}",
            if tls.is_some() { "https" } else { "http" },
            SocketAddr::new(reachable(ip), bound.port())
        ),
        held: held.map(listen::Held::words),
    };
    // Signals are heard from before anyone is told that we are here.
    let mut signals = Vec::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        signals.push(signal(kind).map_err(system("listen for signals"))?);
    }
    let (news, heard) = mpsc::unbounded_channel();
    let uid = nix::unistd::geteuid().as_raw();
    let hostname = identity::node().hostname;
    let etc_hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let gpus = Gpus::start(
        Arc::new(GpuReader::spawn(source)),
        settings.gpu_interval,
        root.path().to_owned(),
    )
    .map_err(system("start the thread that samples GPUs"))?;
    let (end, ended) = watch::channel(false);
    let app = Arc::new(App {
        guard: Arc::new(
            Guard::new(&settings, uid, own_names(&hostname, &etc_hosts), clock::now).keeping(kept_logins(&root)),
        ),
        gpus,
        runs: Book::new(root.state_dir()),
        desk: Desk::default(),
        tmux: gpuyard_exec::program::find("tmux"),
        audit: AuditLog::open(&root.audit_log(&settings))?,
        logs: Shelf::new(&root, &settings),
        bindings: Bindings::new(root.bindings_path()),
        root,
        host,
        settings: InForce::new(settings, set_log_level),
        last_rules: Mutex::default(),
        exe,
        lang,
        news,
        live: Hub::new(ended.clone()),
        held: Answers::default(),
    });
    // Watched before the first look, so that no run falls between.
    let changed = Arc::new(Notify::new());
    let tell = Arc::clone(&changed);
    let _watch = FolderWatch::new(&app.root.state_dir(), move || tell.notify_one())?;
    let bindings = tokio::spawn(keep_bindings(Arc::clone(&app), ended.clone()));
    let theirs = Arc::clone(&app);
    let _settings = FileWatch::new([app.root.settings_path()], move |_| theirs.settings_changed())?;
    // What was changed between the reading and the watch.
    app.settings_changed();
    let logins = tokio::spawn(keep_logins(Arc::clone(&app), ended.clone()));
    let pruning = tokio::spawn(runs::keep(Arc::clone(&app), ended.clone()));
    let tasks = tokio::spawn(adhoc::keep(Arc::clone(&app), ended.clone()));
    let terminals = tokio::spawn(adhoc::show_terminals(Arc::clone(&app), ended.clone()));
    let supervisor = tokio::spawn(Supervisor::new(Arc::clone(&app), heard, changed).work(ended.clone()));
    let listener = tokio::net::TcpListener::from_std(listener).map_err(system("listen"))?;
    let serving = tokio::spawn(connection::serve(
        listener,
        Door {
            router: router(&app),
            tls,
        },
        ended,
    ));

    let me = std::process::id() as i32;
    pid_file::register(
        &app.root.pid_file(),
        instance(me, bound.port(), ip, &address.url),
        is_alive,
    )?;
    tracing::info!(pid = me, root = %app.root.path().display(), "gpuyard {} answers at {}", env!("CARGO_PKG_VERSION"), address.url);
    if let Some(wished) = address.wished {
        tracing::warn!("port {wished} is taken; this daemon listens on {}", address.port);
    }
    if let Some(why) = address.held {
        tracing::warn!("{why}");
    }
    let standing = app.settings();
    if standing.allow_anonymous && !standing.requires_secret() {
        tracing::warn!(
            "allow-anonymous: whoever reaches this port can run commands as {}, without a secret",
            identity::owner().name
        );
    }
    on_ready(&address);

    any(&mut signals).await;
    tracing::info!("the daemon ends; schedulers and their tasks go on");
    end.send_replace(true);
    for task in [serving, supervisor, bindings, tasks, terminals, logins, pruning] {
        if let Err(error) = task.await {
            tracing::error!(%error, "a part of the daemon failed");
        }
    }
    if let Err(error) = pid_file::unregister(&app.root.pid_file(), me, is_alive) {
        tracing::warn!("{error}");
    }
    drop(place);
    Ok(())
}

/// Where the logins of this machine's daemon are kept.
fn kept_logins(root: &Root) -> Kept {
    let file = LoginFile::new(root.logins_path(&identity::node().machine_id));
    Kept::new(file, identity::boot_id())
}

/// Puts logins on disk as they come, go and are used, and once more at the end.
async fn keep_logins(app: Arc<App>, mut ended: watch::Receiver<bool>) {
    let mut saved = true;
    loop {
        let wait = async {
            match saved {
                true => app.guard.has_unsaved().await,
                false => tokio::time::sleep(limits::SESSION_RETRY).await,
            }
        };
        let end = tokio::select! {
            () = wait => false,
            _ = ended.wait_for(|ended| *ended) => true,
        };
        let saving = app.blocking(move |app| Ok(app.guard.save_logins(end)));
        saved = saving.await.unwrap_or(false);
        if end {
            return;
        }
    }
}

fn refuse_what_is_unsafe(settings: &Settings) -> Result<(), StartError> {
    if !settings.requires_secret() && !settings.allow_anonymous && nix::unistd::geteuid().is_root() {
        return Err(StartError::RootWithoutSecret);
    }
    Ok(())
}

/// Waits for the first of some signals.
async fn any(signals: &mut [tokio::signal::unix::Signal]) {
    std::future::poll_fn(|context| {
        if signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// Where people on other machines reach what listens at `ip`.
fn reachable(ip: IpAddr) -> IpAddr {
    if !ip.is_unspecified() {
        return ip;
    }
    // Nothing is sent: connecting a datagram socket only asks which way it would go. 192.0.2.1 is nobody's.
    let way = UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        socket.local_addr()
    });
    way.map_or(std::net::Ipv4Addr::LOCALHOST.into(), |address| address.ip())
}

fn instance(pid: i32, port: u16, host: IpAddr, url: &str) -> Instance {
    let now = clock::now().wall;
    let space = identity::pid_space();
    Instance {
        instance: 0,
        pid,
        port,
        host: host.to_string(),
        ip: reachable(host).to_string(),
        url: url.to_owned(),
        start_time: now
            .to_zoned(jiff::tz::TimeZone::system())
            .strftime("%Y-%m-%d %H:%M:%S")
            .to_string(),
        start_timestamp: now.as_millisecond() as f64 / 1000.0,
        start_ticks: identity::start_ticks(pid).unwrap_or_default(),
        machine_id: space.machine_id,
        boot_id: space.boot_id,
        pid_ns: space.pid_ns,
    }
}

/// Whether the daemon of an entry lives, or may live where we cannot look.
fn is_alive(instance: &Instance) -> bool {
    let Instance {
        pid,
        start_ticks,
        machine_id,
        boot_id,
        pid_ns,
        ..
    } = instance.clone();
    let here = identity::pid_space();
    let process = ProcessIdentity {
        space: PidSpace {
            machine_id,
            boot_id,
            pid_ns,
        },
        pid,
        start_ticks,
    };
    // Another machine that shares the root, or another container on this one.
    let other_machine = !process.space.machine_id.is_empty() && process.space.machine_id != here.machine_id;
    let other_container = process.space.boot_id == here.boot_id && process.space.pid_ns != here.pid_ns;
    other_machine || other_container || identity::is_alive(&process)
}
