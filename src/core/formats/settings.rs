//! Checks settings: from a JSON value (the file's tree, or what a caller sent) to [`Settings`], or what is wrong by field.
use std::{net::IpAddr, path::PathBuf};

use serde_json::{Map, Value};

use super::fields::{Fields, Limit, check_keys, unless};
use crate::model::{FieldError, Settings};

/// Log levels, from chatty to silent.
pub const LOG_LEVELS: &[&str] = &["debug", "info", "warning", "error", "critical"];

/// Checks a whole settings file. Only `secret` must be there: without it a file that was cut off would open the door.
pub fn check(value: &Value) -> Result<Settings, Vec<FieldError>> {
    let mut fields = Fields::new(value, "")?;
    if fields.get("secret").is_none() {
        fields.fail(
            "secret",
            "missing",
            "is missing; add `secret: \"…\"`, or `secret: \"\"` to do without one",
            "缺少此项；请添加 `secret: \"…\"`，或用 `secret: \"\"` 表示无需密钥",
        );
    }
    let settings = read(&mut fields, Settings::default());
    finish(settings, fields)
}

/// Checks some keys against the settings that they change, and returns the settings as they would be.
pub fn check_partial(value: &Value, current: &Settings) -> Result<Settings, Vec<FieldError>> {
    let mut fields = Fields::new(value, "")?;
    let settings = read(&mut fields, current.clone());
    finish(settings, fields)
}

/// Checks what a caller wants changed, key by key, and returns the settings as they would be. It is stricter than a file:
/// a key that nobody knows would change nothing, silently, and a secret is a text, never a gap.
pub fn check_change(change: &Map<String, Value>, current: &Settings) -> Result<Settings, Vec<FieldError>> {
    let known = serde_json::to_value(Settings::default()).unwrap_or_default();
    let mut errors = check_keys(change, &known, "");
    if change
        .get("secret")
        .is_some_and(|secret| !secret.is_string() && !secret.is_null())
    {
        errors.push(FieldError::new(
            "secret",
            "type",
            "must be a text (put it in quotes)",
            "应为文本（请加引号）",
        ));
    }
    unless(errors, check_partial(&Value::Object(change.clone()), current))
}

fn finish(settings: Settings, mut fields: Fields) -> Result<Settings, Vec<FieldError>> {
    if settings.tls_cert.is_some() != settings.tls_key.is_some() {
        let key = if settings.tls_cert.is_some() {
            "tls-key"
        } else {
            "tls-cert"
        };
        fields.fail(
            key,
            "missing",
            "is missing: tls-cert and tls-key come together",
            "缺少此项：tls-cert 与 tls-key 必须同时设置",
        );
    }
    if fields.errors.is_empty() {
        Ok(settings)
    } else {
        Err(fields.errors)
    }
}

fn read(f: &mut Fields, mut settings: Settings) -> Settings {
    let s = &mut settings;
    f.path("target-yaml-path", &mut s.target_yaml_path);
    f.path("log-dir", &mut s.log_dir);
    let mut port = u32::from(s.port);
    f.whole("port", 0, u32::from(u16::MAX), &mut port);
    s.port = port as u16;
    f.bool("allow-lan", &mut s.allow_lan);
    bind_address(f, &mut s.bind_address);
    if let Some(level) = f.choice("log-level", LOG_LEVELS) {
        s.log_level = level.into();
    }
    secret(f, &mut s.secret);
    gpu_source(f, &mut s.gpu_source);
    f.seconds("gpu-interval", Limit::Between(0.1, 3600.0), &mut s.gpu_interval);
    match f.get("language") {
        None => {}
        Some(Value::Null) => s.language = None,
        Some(_) => {
            if let Some(language) = f.choice("language", &["en", "zh"]) {
                s.language = Some(language.into());
            }
        }
    }
    f.number("session-hours", Limit::Positive, &mut s.session_hours);
    log_roots(f, &mut s.log_roots);
    f.optional_path("tls-cert", &mut s.tls_cert);
    f.optional_path("tls-key", &mut s.tls_key);
    f.text_list("trusted-hosts", &mut s.trusted_hosts);
    f.bool("allow-anonymous", &mut s.allow_anonymous);
    f.optional_path("data-dir", &mut s.data_dir);
    f.whole("keep-runs", 1, 1_000_000, &mut s.keep_runs);
    f.optional_number("keep-logs-days", Limit::Positive, &mut s.keep_logs_days);
    settings
}

fn bind_address(f: &mut Fields, target: &mut String) {
    let before = std::mem::take(target);
    f.text("bind-address", target);
    if target.is_empty() {
        *target = before;
    } else if target != "localhost" && target.parse::<IpAddr>().is_err() {
        let wrong = std::mem::replace(target, before);
        f.fail(
            "bind-address",
            "address",
            format!("must be an IP address (0.0.0.0, 127.0.0.1, ::) or localhost; `{wrong}` is not"),
            format!("应为 IP 地址（0.0.0.0、127.0.0.1、::）或 localhost，而不是 `{wrong}`"),
        );
    }
}

/// The secret is any text. A number or a truth value stands for its own spelling; who reads a file hands in the text as
/// it is written there (`007` is not `7`).
fn secret(f: &mut Fields, target: &mut String) {
    let Some(value) = f.get("secret") else { return };
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        _ => {
            return f.fail(
                "secret",
                "type",
                "must be a text (put it in quotes)",
                "应为文本（请加引号）",
            );
        }
    };
    // It travels in an HTTP header.
    if text.chars().any(char::is_control) {
        return f.fail(
            "secret",
            "control",
            "must be one line without control characters",
            "应为不含控制字符的单行文本",
        );
    }
    *target = text;
}

fn gpu_source(f: &mut Fields, target: &mut String) {
    let before = target.clone();
    f.text("gpu-source", target);
    let kind = target.split(':').next().unwrap_or_default();
    if !matches!(kind, "auto" | "nvml" | "amd" | "intel" | "simulated") {
        let wrong = std::mem::replace(target, before);
        f.fail(
            "gpu-source",
            "choice",
            format!("must be auto, nvml, amd, intel or simulated:4x24GiB; `{wrong}` is not"),
            format!("应为 auto、nvml、amd、intel 或 simulated:4x24GiB，而不是 `{wrong}`"),
        );
    }
}

fn log_roots(f: &mut Fields, target: &mut Vec<PathBuf>) {
    if f.get("log-roots").is_none() {
        return;
    }
    let mut texts = Vec::new();
    f.text_list("log-roots", &mut texts);
    for (i, text) in texts.iter().enumerate() {
        if !text.starts_with('/') {
            f.fail(
                &format!("log-roots[{i}]"),
                "absolute",
                format!("must be an absolute path; `{text}` is not"),
                format!("应为绝对路径，而不是 `{text}`"),
            );
        }
    }
    *target = texts.into_iter().map(PathBuf::from).collect();
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_seeds_settings_are_read() {
        let settings = check(&json!({
            "target-yaml-path": "../config/gpu_manage.yaml", "log-dir": "logs", "port": 29214, "allow-lan": true,
            "bind-address": "0.0.0.0", "log-level": "info", "secret": "omniai315fgvr_gpu_config",
        }))
        .unwrap();
        assert!(settings.requires_secret());
        assert_eq!(settings.keep_runs, 50);
    }

    #[test]
    fn no_secret_is_said_and_never_a_gap() {
        assert_eq!(check(&json!({"port": 1})).unwrap_err()[0].field, "secret");
        for open in [json!(""), json!(null), json!(false), json!("None"), json!("null")] {
            assert!(!check(&json!({"secret": open})).unwrap().requires_secret());
        }
        assert_eq!(check(&json!({"secret": 12345})).unwrap().secret, "12345");
    }

    #[test]
    fn every_wrong_field_is_named() {
        let cases = [
            ("port", json!(70000), "range"),
            ("port", json!("x"), "type"),
            ("bind-address", json!("nowhere.example"), "address"),
            ("log-level", json!("loud"), "choice"),
            ("secret", json!(["a"]), "type"),
            ("secret", json!("a\nb"), "control"),
            ("gpu-source", json!("tpu"), "choice"),
            ("language", json!("fr"), "choice"),
            ("log-roots", json!("/data"), "type"),
            ("log-roots[0]", json!(["data"]), "absolute"),
            ("session-hours", json!(0), "range"),
            ("gpu-interval", json!(0), "range"),
        ];
        for (field, value, code) in cases {
            let key = field.split('[').next().unwrap();
            let errors = check_partial(&json!({key: value}), &Settings::default()).unwrap_err();
            assert_eq!((errors[0].field.as_str(), errors[0].code.as_str()), (field, code));
        }
        let lonely = check_partial(&json!({"tls-cert": "/c.pem"}), &Settings::default()).unwrap_err();
        assert_eq!(lonely[0].field, "tls-key");
    }

    #[test]
    fn a_change_never_opens_the_door_by_a_gap() {
        let current = Settings {
            secret: "deep".into(),
            ..Settings::default()
        };
        for gap in [json!(null), json!(false), json!(0)] {
            let change = json!({"secret": gap, "prot": 1});
            let errors = check_change(change.as_object().unwrap(), &current).unwrap_err();
            let found: Vec<_> = errors.iter().map(|e| (e.field.as_str(), e.code.as_str())).collect();
            assert!(
                found.contains(&("secret", "type")) && found.contains(&("prot", "unknown_key")),
                "{found:?}"
            );
            assert_eq!(found.len(), 2, "{found:?}");
        }
        let change = json!({"secret": "", "language": null});
        assert_eq!(check_change(change.as_object().unwrap(), &current).unwrap().secret, "");
    }

    #[test]
    fn choices_are_taken_in_any_case() {
        let settings = check_partial(&json!({"log-level": "INFO", "language": "ZH"}), &Settings::default()).unwrap();
        assert_eq!(
            (settings.log_level.as_str(), settings.language.as_deref()),
            ("info", Some("zh"))
        );
    }
}
