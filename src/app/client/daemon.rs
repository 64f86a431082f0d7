//! A daemon, of this root or elsewhere, asked over its API.
use std::{
    io::{BufRead, BufReader},
    net::IpAddr,
    time::Duration,
};

use gpuyard_core::model::{Lang, ProcessIdentity};
use gpuyard_exec::{host::HostFolder, place::Place};
use gpuyard_store::{Root, pid_file};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use ureq::tls::TlsConfig;

use super::Context;
use crate::failure::{Exit, Failure};

/// A start answers once a scheduler's first state is on disk.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than the largest answer.
const MOST_BYTES: u64 = 64 << 20;
/// A daemon gives a sign of life every 5 s; silence of twice that is a lost connection.
const SILENCE: Duration = Duration::from_secs(10);

/// A daemon that is talked to.
pub(crate) struct Daemon {
    agent: ureq::Agent,
    address: String,
    secret: Option<String>,
    settings_place: String,
    lang: Lang,
}

/// An error answer of the API.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    current: serde_json::Value,
}

/// What came of a save.
pub(crate) enum Put<T, C> {
    /// It is saved.
    Done(T),
    /// Somebody else has saved since; this is what stands there.
    Stale(C),
}

impl Daemon {
    /// The name of the place that a daemon holds.
    pub(crate) const PLACE: &str = gpuyard_server::PLACE;

    /// Finds the daemon of a root; `None` where none lives, or none that can be asked from here.
    pub(crate) fn find(context: &Context, root: &Root, host: &HostFolder) -> Result<Option<Daemon>, Failure> {
        let Some(holder) = Place::holder(host, root.path(), Daemon::PLACE).map_err(Failure::failed)? else {
            return Ok(None);
        };
        let Some(address) = Daemon::address(root, &holder.process) else {
            return Ok(None);
        };
        let settings = context.settings(root)?;
        // What is between us and loopback is nobody: a proxy of the environment must not see the secret.
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .proxy(None)
            .max_redirects(0)
            // A lab's certificate is often its own, and names no loopback address. Who answers at this address is known
            // otherwise: it is the process that holds this root's place, by pid and start time.
            .tls_config(TlsConfig::builder().disable_verification(true).build())
            .build()
            .into();
        Ok(Some(Daemon {
            agent,
            address,
            secret: settings.requires_secret().then_some(settings.secret),
            settings_place: root.relative(&root.settings_path()),
            lang: context.lang,
        }))
    }

    /// A daemon on some machine. Whose certificate is not good is not talked to.
    pub(crate) fn elsewhere(context: &Context, url: &str, token: Option<String>) -> Daemon {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0)
            .build()
            .into();
        Daemon {
            agent,
            address: url.to_owned(),
            secret: token,
            settings_place: String::new(),
            lang: context.lang,
        }
    }

    /// Where this very daemon listens, as it can be reached from this host. The secret is sent there, so a port of a
    /// daemon that is gone, which anyone may have taken since, is not answered.
    pub(crate) fn address(root: &Root, process: &ProcessIdentity) -> Option<String> {
        let instances = pid_file::list(&root.pid_file()).ok()?;
        let instance = instances.into_iter().find(|instance| {
            instance.pid == process.pid
                && instance.start_ticks == process.start_ticks
                && instance.boot_id == process.space.boot_id
                && instance.machine_id == process.space.machine_id
        })?;
        let scheme = instance.url.split_once("://").map_or("http", |(scheme, _)| scheme);
        Some(reachable(scheme, &instance.host, instance.port))
    }

    /// GET.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let request = self.agent.get(format!("{}{path}", self.address));
        self.answer(self.with_headers(request).call())
    }

    /// POST.
    pub(crate) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, Failure> {
        let request = self.agent.post(format!("{}{path}", self.address));
        self.answer(self.with_headers(request).send_json(body))
    }

    /// PUT over the version that was read; without one, over whatever stands there.
    pub(crate) fn put<T: DeserializeOwned, C: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        over: Option<&str>,
    ) -> Result<Put<T, C>, Failure> {
        let mut request = self.with_headers(self.agent.put(format!("{}{path}", self.address)));
        if let Some(version) = over {
            request = request.header("If-Match", format!("\"{version}\""));
        }
        let mut answer = request.send_json(body);
        if let Ok(answer) = &mut answer
            && answer.status().as_u16() == 409
        {
            let body = answer.body_mut().with_config().limit(MOST_BYTES).reader();
            let refusal: Refusal = serde_json::from_reader(body).map_err(Failure::failed)?;
            if refusal.code == "stale" {
                return serde_json::from_value(refusal.current)
                    .map(Put::Stale)
                    .map_err(Failure::failed);
            }
            return Err(Failure::new(Exit::Held, refusal.message));
        }
        self.answer(answer).map(Put::Done)
    }

    /// GET of an answer that comes bit by bit, for as long as it comes.
    pub(crate) fn stream(&self, path: &str) -> Result<impl BufRead + use<>, Failure> {
        let request = self.agent.get(format!("{}{path}", self.address));
        let request = self.with_headers(request).config();
        let request = request
            .timeout_global(None)
            .timeout_connect(Some(SILENCE))
            .timeout_per_read(Some(SILENCE))
            .build();
        let answer = self.accepted(request.call())?;
        Ok(BufReader::new(answer.into_body().into_reader()))
    }

    /// Where it answers.
    pub(crate) fn address_of(&self) -> &str {
        &self.address
    }

    fn with_headers<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let request = request.header("Accept-Language", self.lang.pick("en", "zh"));
        match &self.secret {
            Some(secret) => request.header("Authorization", format!("Bearer {secret}")),
            None => request,
        }
    }

    fn answer<T: DeserializeOwned>(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<T, Failure> {
        let (lang, address) = (self.lang, &self.address);
        let mut answer = self.accepted(answer)?;
        let body = answer.body_mut().with_config().limit(MOST_BYTES).reader();
        serde_json::from_reader(body).map_err(|error| {
            Failure::failed(say!(
                lang,
                "the daemon at {address} gave an answer that makes no sense: {error}",
                "守护进程 {address} 的应答无法理解：{error}"
            ))
        })
    }

    /// An answer that is no refusal.
    fn accepted(
        &self,
        answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<ureq::http::Response<ureq::Body>, Failure> {
        let (lang, address) = (self.lang, &self.address);
        let silent = |error: ureq::Error| {
            Failure::failed(say!(
                lang,
                "the daemon at {address} does not answer: {error}",
                "守护进程 {address} 没有应答：{error}"
            ))
        };
        let mut answer = answer.map_err(silent)?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let mut body = answer.body_mut().with_config().limit(MOST_BYTES).reader();
        if status == 401 && self.settings_place.is_empty() {
            let said =
                serde_json::from_reader::<_, Refusal>(&mut body).map_or(String::new(), |refusal| refusal.message);
            return Err(Failure::new(
                Exit::Unusable,
                say!(
                    lang,
                    "the daemon at {address} lets nobody in: {said} (`gpuyard login {address}`)",
                    "守护进程 {address} 拒绝访问：{said}（请运行 `gpuyard login {address}`）"
                ),
            ));
        }
        if status == 401 {
            let file = &self.settings_place;
            return Err(Failure::new(
                Exit::Unusable,
                say!(
                    lang,
                    "the daemon at {address} does not take the secret in {file}: restart it if that was changed",
                    "守护进程 {address} 不接受 {file} 中的密钥：如已修改密钥，请重启守护进程"
                ),
            ));
        }
        let exit = match status {
            404 => Exit::NotFound,
            409 => Exit::Held,
            400 | 422 => Exit::Unusable,
            _ => Exit::Failed,
        };
        let said = serde_json::from_reader::<_, Refusal>(&mut body)
            .map(|refusal| refusal.message)
            .unwrap_or_default();
        let message = if said.is_empty() {
            format!("HTTP {status}")
        } else {
            said
        };
        Err(Failure::new(exit, message))
    }
}

/// Text as a value in a query, or as a topic in a list of them.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// An address that listens everywhere is reached on loopback.
fn reachable(scheme: &str, host: &str, port: u16) -> String {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) if ip.is_unspecified() => format!("{scheme}://127.0.0.1:{port}"),
        Ok(IpAddr::V6(ip)) if ip.is_unspecified() => format!("{scheme}://[::1]:{port}"),
        Ok(IpAddr::V6(ip)) => format!("{scheme}://[{ip}]:{port}"),
        _ => format!("{scheme}://{host}:{port}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_encoded() {
        assert_eq!(encoded("log:path=/a b,c&d=é"), "log%3Apath%3D%2Fa%20b%2Cc%26d%3D%C3%A9");
        assert_eq!(encoded("f3a9-17_x.~"), "f3a9-17_x.~");
    }

    #[test]
    fn what_listens_everywhere_is_reached_on_loopback() {
        for (host, address) in [
            ("0.0.0.0", "http://127.0.0.1:29214"),
            ("::", "http://[::1]:29214"),
            ("::1", "http://[::1]:29214"),
            ("10.0.0.7", "http://10.0.0.7:29214"),
            ("localhost", "http://localhost:29214"),
        ] {
            assert_eq!(reachable("http", host, 29214), address);
        }
    }
}
