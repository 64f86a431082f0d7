//! A daemon of a yard, and its API as a program uses it.
use std::{fs, net::TcpListener, time::Duration};

use serde_json::{Value, json};
use ureq::{Agent, http::Response};

use super::{Config, Program, Yard, wait_for};

/// The daemon's secret in every yard.
pub(crate) const SECRET: &str = "a-secret-for-tests-that-nobody-guesses";

/// What a call came to.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// `Null` where it was no JSON.
    pub(crate) body: Value,
}

/// A daemon that answers.
pub(crate) struct Daemon {
    pub(crate) program: Program,
    pub(crate) port: u16,
    agent: Agent,
}

/// A port that is free just now.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

impl Yard {
    /// Writes settings with this port and the tests' secret, unless they are there.
    pub(crate) fn settings(&self, port: u16) {
        let path = self.root.join("config/control_setting.yaml");
        if !path.exists() {
            let text = format!(
                "target-yaml-path: gpu_manage.yaml\nlog-dir: logs\nport: {port}\nallow-lan: false\nbind-address: 127.0.0.1\nlog-level: info\nsecret: \"{SECRET}\"\n"
            );
            fs::write(path, text).unwrap();
        }
    }

    /// Starts the daemon and waits until it answers.
    #[track_caller]
    pub(crate) fn serve(&self) -> Daemon {
        self.settings(free_port());
        self.serve_as(self.start(&["serve"]))
    }

    /// Waits until a daemon that was started in another way answers; the settings are there.
    #[track_caller]
    pub(crate) fn serve_as(&self, mut program: Program) -> Daemon {
        let agent = agent();
        let pid = program.pid();
        let port = wait_for("the daemon answers", || {
            assert!(program.runs(), "the daemon ended: {}", program.output());
            let port = self.instance(pid)?["port"].as_u64()? as u16;
            agent
                .get(format!("http://127.0.0.1:{port}/api/health"))
                .call()
                .ok()
                .map(|_| port)
        });
        Daemon { program, port, agent }
    }

    /// The entry of a daemon in `logs/pid.json`.
    pub(crate) fn instance(&self, pid: i32) -> Option<Value> {
        let text = fs::read(self.root.join("logs/pid.json")).ok()?;
        let file: Value = serde_json::from_slice(&text).unwrap();
        file["instances"]
            .as_array()?
            .iter()
            .find(|instance| instance["pid"] == json!(pid))
            .cloned()
    }
}

fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

impl Daemon {
    /// Ends the connections that are kept for the next call.
    pub(crate) fn hang_up(&mut self) {
        self.agent = agent();
    }

    /// Connections that the daemon has not closed.
    pub(crate) fn connections(&self) -> usize {
        let table = fs::read_to_string(format!("/proc/{}/net/tcp", self.program.pid())).unwrap();
        let own = format!(":{:04X}", self.port);
        let is_open = |line: &&str| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // Local address, remote address, state (0A listens), …, inode (0 once nobody holds it).
            fields[1].ends_with(&own) && fields[3] != "0A" && fields[9] != "0"
        };
        table.lines().skip(1).filter(is_open).count()
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// GET with the secret.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.get_as(Some(SECRET), path)
    }

    /// GET with another secret, or none.
    #[track_caller]
    pub(crate) fn get_as(&self, secret: Option<&str>, path: &str) -> Answer {
        let mut request = self.agent.get(self.url(path));
        if let Some(secret) = secret {
            request = request.header("Authorization", format!("Bearer {secret}"));
        }
        answer(path, request.call())
    }

    /// PUT with the secret, over the version that was read.
    #[track_caller]
    pub(crate) fn put(&self, path: &str, body: &Value, over: Option<&str>) -> Answer {
        let mut request = self
            .agent
            .put(self.url(path))
            .header("Authorization", format!("Bearer {SECRET}"));
        if let Some(version) = over {
            request = request.header("If-Match", format!("\"{version}\""));
        }
        answer(path, request.send_json(body))
    }

    /// PATCH with the secret.
    #[track_caller]
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.patch(self.url(path));
        let response = request
            .header("Authorization", format!("Bearer {SECRET}"))
            .send_json(body);
        answer(path, response)
    }

    /// DELETE with the secret.
    #[track_caller]
    pub(crate) fn delete(&self, path: &str) -> Answer {
        let request = self.agent.delete(self.url(path));
        answer(path, request.header("Authorization", format!("Bearer {SECRET}")).call())
    }

    /// POST with the secret.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_as(Some(SECRET), path, body)
    }

    /// POST with the secret; `None` where the daemon dies over it.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Option<Answer> {
        let request = self.agent.post(self.url(path));
        let response = request
            .header("Authorization", format!("Bearer {SECRET}"))
            .send_json(body);
        response.is_ok().then(|| answer(path, response))
    }

    /// POST with another secret, or none.
    #[track_caller]
    pub(crate) fn post_as(&self, secret: Option<&str>, path: &str, body: &Value) -> Answer {
        let mut request = self.agent.post(self.url(path));
        if let Some(secret) = secret {
            request = request.header("Authorization", format!("Bearer {secret}"));
        }
        answer(path, request.send_json(body))
    }

    /// Starts a scheduler over the API: its pid.
    #[track_caller]
    pub(crate) fn begin(&self, Config(mode, index): Config) -> i32 {
        let answer = self.post(&format!("/api/scheduler/{mode}/start?config_index={index}"), &json!({}));
        assert_eq!(
            (answer.status, &answer.body["success"]),
            (200, &json!(true)),
            "{answer:?}"
        );
        answer.body["pid"].as_i64().unwrap() as i32
    }

    /// The pid of a scheduler that runs, over the API.
    #[track_caller]
    pub(crate) fn scheduler(&self, Config(mode, index): Config) -> Option<i32> {
        let answer = self.get(&format!("/api/scheduler/{mode}/state?config_index={index}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        let pid = answer.body["pid"].as_i64().map(|pid| pid as i32);
        if answer.body["running"] == json!(true) {
            pid
        } else {
            None
        }
    }
}

#[track_caller]
fn answer(path: &str, response: Result<Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.unwrap_or_else(|error| panic!("{path}: {error}"));
    let status = response.status().as_u16();
    let text = response.body_mut().read_to_string().unwrap_or_default();
    Answer {
        status,
        body: serde_json::from_str(&text).unwrap_or(Value::Null),
    }
}
