//! `gpuyard serve`: the daemon in the foreground.
use std::io::{self, IsTerminal, Write};

use gpuyard_core::model::Lang;
use gpuyard_exec::place::Place;
use gpuyard_server::{Address, Options, StartError};
use gpuyard_store::settings;

use crate::{
    client::{Context, Daemon},
    failure::{Exit, Failure},
    logging, schedule, wiring,
};

/// Runs the daemon until it is told to end. Its first start makes what is missing in the root.
pub(crate) fn serve(context: &Context) -> Result<i32, Failure> {
    let root = context.root()?;
    let host = wiring::host_folder()?;
    // Asked before anything is touched; the place itself is taken, and refused, in the server.
    if let Some(holder) = Place::holder(&host, root.path(), Daemon::PLACE).map_err(Failure::failed)? {
        let (lang, pid) = (context.lang, holder.process.pid);
        let url = Daemon::address(&root, &holder.process).unwrap_or_default();
        return Err(Failure::new(
            Exit::Held,
            say!(
                lang,
                "a daemon serves this root already (pid {pid}) {url}",
                "此目录已有守护进程在运行（pid {pid}）{url}"
            ),
        ));
    }
    let made = settings::ensure(&root).map_err(Failure::unusable)?;
    let settings = made.settings;
    let lang = settings.language.as_deref().map_or(context.lang, Lang::parse);
    let set_log_level = logging::daemon(&root.daemon_log(&settings), &settings.log_level)?;
    let source = wiring::source(&settings, &host)?;
    let exe = schedule::own_program(context.lang)?;
    let greeting = Greeting {
        lang: context.lang,
        // Shown once, where a person looks on, and never where it would be kept.
        new_secret: made.new_secret.filter(|_| io::stdout().is_terminal()),
        secret_place: settings
            .requires_secret()
            .then(|| root.settings_path().display().to_string()),
    };
    let on_ready = Box::new(move |address: &Address| {
        // Where nobody listens, the log and pid.json say where it answers.
        let _ = greeting.write(&mut io::stdout(), address);
    });
    gpuyard_server::serve(Options {
        root,
        host,
        settings,
        source,
        exe,
        lang,
        set_log_level,
        on_ready,
    })
    .map_err(refused)?;
    Ok(0)
}

/// What is said once it answers.
struct Greeting {
    lang: Lang,
    new_secret: Option<String>,
    secret_place: Option<String>,
}

impl Greeting {
    fn write(&self, out: &mut dyn Write, address: &Address) -> io::Result<()> {
        let (lang, url) = (self.lang, &address.url);
        writeln!(
            out,
            "{}",
            say!(lang, "gpuyard answers at {url}", "gpuyard 访问地址：{url}")
        )?;
        if let Some(wished) = address.wished {
            let port = address.port;
            writeln!(
                out,
                "{}",
                say!(
                    lang,
                    "port {wished} is taken, so it is {port}",
                    "端口 {wished} 已被占用，改用 {port}"
                )
            )?;
        }
        match (&self.new_secret, &self.secret_place) {
            (Some(secret), Some(place)) => {
                writeln!(
                    out,
                    "{}",
                    say!(
                        lang,
                        "secret: {secret}   (shown once; it stands in {place})",
                        "密钥：{secret}   （仅显示一次；保存在 {place}）"
                    )
                )?;
            }
            (None, Some(place)) => {
                writeln!(out, "{}", say!(lang, "the secret stands in {place}", "密钥见 {place}"))?;
            }
            _ => {}
        }
        if io::stdin().is_terminal() {
            let said = lang.pick(
                "Ctrl-C ends the daemon; schedulers and tasks go on",
                "按 Ctrl-C 结束守护进程；调度器和任务会继续运行",
            );
            writeln!(out, "{said}")?;
        }
        out.flush()
    }
}

fn refused(error: StartError) -> Failure {
    let exit = match error {
        StartError::Held(_) => Exit::Held,
        StartError::BindAddress(_) | StartError::RootWithoutSecret | StartError::Tls(_) | StartError::Store(_) => {
            Exit::Unusable
        }
        StartError::Listen { .. } | StartError::Exec(_) | StartError::System { .. } => Exit::Failed,
    };
    Failure::new(exit, error)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn said(new_secret: Option<&str>) -> String {
        let greeting = Greeting {
            lang: Lang::En,
            new_secret: new_secret.map(str::to_owned),
            secret_place: Some("/r/s.yaml".into()),
        };
        let address = Address {
            port: 29215,
            wished: Some(29214),
            url: "http://10.0.0.7:29215".into(),
            held: None,
        };
        let mut out = Vec::new();
        greeting.write(&mut out, &address).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_new_secret_is_shown_and_a_known_one_only_named() {
        let first = said(Some("f00d"));
        assert!(first.contains("secret: f00d") && first.contains("/r/s.yaml"), "{first}");
        assert!(first.contains("port 29214 is taken, so it is 29215"), "{first}");
        let later = said(None);
        assert!(
            later.contains("the secret stands in /r/s.yaml") && !later.contains("f00d"),
            "{later}"
        );
    }
}
