//! The settings: the daemon's port, bind address, secret, log level (`config/control_setting.yaml`).
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Seconds;

/// Every key of the settings, in the spelling of the file.
#[derive(Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, rename_all = "kebab-case")]
pub struct Settings {
    /// The rules file, relative to the settings file.
    #[schema(value_type = String)]
    pub target_yaml_path: PathBuf,
    /// Where the daemon's and schedulers' logs are, relative to the root.
    #[schema(value_type = String)]
    pub log_dir: PathBuf,
    /// Wished for; the next free one is taken when it is in use.
    pub port: u16,
    /// false: loopback, whatever `bind-address` says.
    pub allow_lan: bool,
    /// Address to listen on.
    pub bind_address: String,
    /// `debug`, `info`, `warning`, `error` or `critical`.
    pub log_level: String,
    /// The key to everything. Empty: no authentication.
    pub secret: String,
    /// (Optional) `auto`, `nvml`, `simulated:4x24GiB`, …
    pub gpu_source: String,
    /// (Optional) seconds between two samples of the daemon.
    pub gpu_interval: Seconds,
    /// (Optional) `en` or `zh`: the language of logs and of answers to callers who name none.
    pub language: Option<String>,
    /// (Optional) how long a login lasts.
    pub session_hours: f64,
    /// (Optional) folders whose logs may be read besides the owner's own.
    #[schema(value_type = Vec<String>)]
    pub log_roots: Vec<PathBuf>,
    /// (Optional) certificate chain, PEM.
    #[schema(value_type = Option<String>)]
    pub tls_cert: Option<PathBuf>,
    /// (Optional) private key, PEM.
    #[schema(value_type = Option<String>)]
    pub tls_key: Option<PathBuf>,
    /// (Optional) names that `Host` may carry besides the machine's own.
    pub trusted_hosts: Vec<String>,
    /// (Optional) without a secret, let others than this user in as well.
    pub allow_anonymous: bool,
    /// (Optional) where the database is when the root lies on a network file system.
    #[schema(value_type = Option<String>)]
    pub data_dir: Option<PathBuf>,
    /// (Optional) ended runs kept for each command file.
    pub keep_runs: u32,
    /// (Optional) task logs of ended runs are kept so long; `None`: as long as their run.
    pub keep_logs_days: Option<f64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            target_yaml_path: PathBuf::from("gpu_manage.yaml"),
            log_dir: PathBuf::from("logs"),
            port: 29214,
            allow_lan: true,
            bind_address: "0.0.0.0".into(),
            log_level: "info".into(),
            secret: String::new(),
            gpu_source: "auto".into(),
            gpu_interval: Seconds(1.0),
            language: None,
            session_hours: 24.0 * 7.0,
            log_roots: Vec::new(),
            tls_cert: None,
            tls_key: None,
            trusted_hosts: Vec::new(),
            allow_anonymous: false,
            data_dir: None,
            keep_runs: 50,
            keep_logs_days: None,
        }
    }
}

impl Settings {
    /// Whether callers must show the secret.
    pub fn requires_secret(&self) -> bool {
        !matches!(
            self.secret.trim().to_ascii_lowercase().as_str(),
            "" | "none" | "null" | "false"
        )
    }
}

impl std::fmt::Debug for Settings {
    /// All but the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("port", &self.port)
            .field("bind_address", &self.bind_address)
            .finish_non_exhaustive()
    }
}
