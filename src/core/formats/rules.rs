//! Checks rules: from a JSON value (the file's tree, or what a caller sent) to [`Rules`], or what is wrong by field.
use serde_json::{Map, Value};

use super::fields::{Fields, Limit, check_keys, unless};
use crate::model::{FieldError, OnFailure, RetryConfig, Rules};

/// More GPUs than any host has; keeps figures sane.
const MOST_GPUS: u32 = 1024;

/// The keys that a rules file must have, with an example for whoever forgot one. They are those of the table in every
/// seed file: a file that lacks one was cut off more likely than meant so, and a missing `max_gpu` must not become a
/// generous default. (`compete_gpus` matters only without `use_all_gpus`; no `work_dir` is null.)
const REQUIRED: &[(&str, &str)] = &[
    ("check_time", "3"),
    ("maximize_resource_utilization", "false"),
    ("memory_save_mode", "true"),
    ("use_all_gpus", "true"),
    ("gpu_left", "1"),
    ("min_gpu", "0"),
    ("max_gpu", "4"),
    ("gpu_command_file", "command_gpu.txt"),
    ("gpus_command_file", "command_gpus.txt"),
];

/// Checks a whole rules file. Optional keys may be absent, unknown ones are tolerated.
pub fn check(value: &Value) -> Result<Rules, Vec<FieldError>> {
    let mut fields = Fields::new(value, "")?;
    fields.require(REQUIRED);
    match fields.get("retry_config") {
        None => fields.require(&[("retry_config", "{max_retry_before_backoff: 3, backoff_duration: 600}")]),
        Some(Value::Object(_)) => {
            let retry = &value["retry_config"];
            let mut inner = Fields::new(retry, "retry_config.")?;
            inner.require(&[("max_retry_before_backoff", "3"), ("backoff_duration", "600")]);
            fields.errors.append(&mut inner.errors);
        }
        // Its type is checked with the rest.
        Some(_) => {}
    }
    let rules = read(&mut fields, Rules::default());
    if !rules.use_all_gpus && fields.get("compete_gpus").is_none() {
        fields.require(&[("compete_gpus", "[0, 1]")]);
    }
    finish(rules, fields)
}

/// Checks some keys against the rules that they change, and returns the rules as they would be.
pub fn check_partial(value: &Value, current: &Rules) -> Result<Rules, Vec<FieldError>> {
    let mut fields = Fields::new(value, "")?;
    let rules = read(&mut fields, current.clone());
    finish(rules, fields)
}

/// Checks what a caller wants changed, key by key, and returns the rules as they would be. It is stricter than a file: a
/// key that nobody knows would change nothing, silently.
pub fn check_change(change: &Map<String, Value>, current: &Rules) -> Result<Rules, Vec<FieldError>> {
    let known = serde_json::to_value(Rules::default()).unwrap_or_default();
    let mut errors = check_keys(change, &known, "");
    if let Some(Value::Object(retry)) = change.get("retry_config") {
        errors.extend(check_keys(retry, &known["retry_config"], "retry_config."));
    }
    if let Some(Value::Object(environment)) = change.get("environment") {
        let not_text = environment.iter().filter(|(_, value)| !value.is_string());
        errors.extend(not_text.map(|(name, _)| {
            let field = format!("environment.{name}");
            FieldError::new(
                field,
                "type",
                "must be a text (put it in quotes)",
                "应为文本（请加引号）",
            )
        }));
    }
    unless(errors, check_partial(&Value::Object(change.clone()), current))
}

fn finish(rules: Rules, mut fields: Fields) -> Result<Rules, Vec<FieldError>> {
    if rules.min_gpu > rules.max_gpu {
        let (min, max) = (rules.min_gpu, rules.max_gpu);
        // Named is the one that was sent, so that a form marks what was typed.
        let (key, en, zh) = if fields.get("min_gpu").is_some() {
            let en = format!("must not be above max_gpu ({max}): {min} is; lower it, or raise max_gpu");
            (
                "min_gpu",
                en,
                format!("不能大于 max_gpu（{max}），而现为 {min}；请减小它，或增大 max_gpu"),
            )
        } else {
            let en = format!("must not be below min_gpu ({min}): {max} is; raise it, or lower min_gpu");
            (
                "max_gpu",
                en,
                format!("不能小于 min_gpu（{min}），而现为 {max}；请增大它，或减小 min_gpu"),
            )
        };
        fields.fail(key, "min_above_max", en, zh);
    }
    if fields.errors.is_empty() {
        Ok(rules)
    } else {
        Err(fields.errors)
    }
}

fn read(f: &mut Fields, mut rules: Rules) -> Rules {
    let r = &mut rules;
    f.seconds("check_time", Limit::Positive, &mut r.check_time);
    f.bool("maximize_resource_utilization", &mut r.maximize_resource_utilization);
    f.bool("memory_save_mode", &mut r.memory_save_mode);
    f.bool("use_all_gpus", &mut r.use_all_gpus);
    f.whole_list("compete_gpus", &mut r.compete_gpus);
    f.whole("gpu_left", 0, MOST_GPUS, &mut r.gpu_left);
    f.whole("min_gpu", 0, MOST_GPUS, &mut r.min_gpu);
    f.whole("max_gpu", 0, MOST_GPUS, &mut r.max_gpu);
    f.optional_path("work_dir", &mut r.work_dir);
    f.path("gpu_command_file", &mut r.gpu_command_file);
    f.path("gpus_command_file", &mut r.gpus_command_file);
    retry(f, &mut r.retry_config);
    match f.choice("on_failure", &["stop", "continue"]) {
        Some("stop") => r.on_failure = OnFailure::Stop,
        Some(_) => r.on_failure = OnFailure::Continue,
        None => {}
    }
    f.bool("auto_resume", &mut r.auto_resume);
    f.optional_seconds("task_timeout", Limit::Positive, &mut r.task_timeout);
    f.seconds("stop_grace", Limit::NotNegative, &mut r.stop_grace);
    f.bool("avoid_other_users", &mut r.avoid_other_users);
    f.number(
        "ignore_processes_below",
        Limit::NotNegative,
        &mut r.ignore_processes_below,
    );
    f.number(
        "max_gpu_utilization",
        Limit::Between(0.0, 100.0),
        &mut r.max_gpu_utilization,
    );
    f.seconds("idle_seconds", Limit::NotNegative, &mut r.idle_seconds);
    f.number("memory_headroom", Limit::NotNegative, &mut r.memory_headroom);
    f.whole_list("prefer_gpus", &mut r.prefer_gpus);
    f.optional_seconds("hold_after", Limit::Positive, &mut r.hold_after);
    f.bool("backfill", &mut r.backfill);
    environment(f, r);
    f.optional_path("conda_base", &mut r.conda_base);
    rules
}

fn retry(f: &mut Fields, retry: &mut RetryConfig) {
    let Some(value) = f.get("retry_config") else { return };
    match Fields::new(value, "retry_config.") {
        Ok(mut inner) => {
            inner.whole(
                "max_retry_before_backoff",
                1,
                u32::MAX,
                &mut retry.max_retry_before_backoff,
            );
            inner.seconds("backoff_duration", Limit::NotNegative, &mut retry.backoff_duration);
            inner.whole("max_retries", 0, u32::MAX, &mut retry.max_retries);
            inner.seconds("retry_delay", Limit::NotNegative, &mut retry.retry_delay);
            f.errors.append(&mut inner.errors);
        }
        Err(mut errors) => f.errors.append(&mut errors),
    }
}

/// Variables for every task. What gpuyard sets itself cannot be set here: a wrong `CUDA_VISIBLE_DEVICES` would put
/// every task on the same GPU.
fn environment(f: &mut Fields, rules: &mut Rules) {
    let map = match f.get("environment") {
        None => return,
        Some(Value::Null) => return rules.environment.clear(),
        Some(Value::Object(map)) => map,
        Some(_) => {
            return f.fail(
                "environment",
                "type",
                "must be names with values (`NAME: value`)",
                "应为“变量名: 值”的形式",
            );
        }
    };
    let mut environment = std::collections::BTreeMap::new();
    for (name, value) in map {
        let at = format!("environment.{name}");
        let mut letters = name.chars();
        let named = letters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_');
        let text = match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            Value::Null => Some(String::new()),
            _ => None,
        };
        if !named {
            f.fail(
                &at,
                "name",
                "is not a variable name (letters, digits, `_`)",
                "不是合法的变量名（字母、数字、下划线）",
            );
        } else if name.starts_with("GPUYARD_")
            || matches!(
                name.as_str(),
                "CUDA_VISIBLE_DEVICES" | "CUDA_DEVICE_ORDER" | "ROCR_VISIBLE_DEVICES" | "ZE_AFFINITY_MASK"
            )
        {
            f.fail(
                &at,
                "reserved",
                "is set by gpuyard for each attempt: remove it",
                "由 gpuyard 为每次尝试设置：请删除此项",
            );
        } else if let Some(text) = text.filter(|text| !text.contains('\0')) {
            environment.insert(name.clone(), text);
        } else {
            f.fail(&at, "type", "must be a text without NUL", "应为不含 NUL 的文本");
        }
    }
    rules.environment = environment;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn full() -> Value {
        json!({
            "check_time": 3, "maximize_resource_utilization": false, "memory_save_mode": true,
            "compete_gpus": [0, 1], "use_all_gpus": true, "gpu_left": 1, "min_gpu": 2, "max_gpu": 9,
            "retry_config": {"max_retry_before_backoff": 3, "backoff_duration": 600},
            "work_dir": "/w", "gpu_command_file": "command_gpu.txt", "gpus_command_file": "command_gpus.txt",
        })
    }

    #[test]
    fn a_seed_file_means_what_it_says_and_defaults_fill_the_optional_keys() {
        let rules = check(&full()).unwrap();
        assert_eq!((rules.min_gpu, rules.max_gpu, rules.gpu_left), (2, 9, 1));
        assert_eq!(rules.retry_config.max_retries, 100);
        assert_eq!(rules.task_timeout, None);
        assert_eq!(rules.stop_grace.0, 30.0);
    }

    #[test]
    fn every_wrong_field_is_named_with_what_to_do() {
        let cases = [
            ("check_time", json!(0), "range"),
            ("check_time", json!("3"), "type"),
            ("gpu_left", json!(-1), "range"),
            ("gpu_left", json!(1.5), "range"),
            ("min_gpu", json!(10), "min_above_max"),
            ("compete_gpus", json!("0,1"), "type"),
            ("use_all_gpus", json!("maybe"), "type"),
            ("work_dir", json!(""), "empty"),
            ("work_dir", json!("a\u{0}b"), "control"),
            ("on_failure", json!("explode"), "choice"),
            ("max_gpu_utilization", json!(101), "range"),
            ("environment", json!([1]), "type"),
            ("retry_config", json!(3), "type"),
        ];
        for (key, value, code) in cases {
            let mut tree = full();
            tree[key] = value;
            let errors = check(&tree).unwrap_err();
            assert_eq!((errors[0].field.as_str(), errors[0].code.as_str()), (key, code));
            assert!(!errors[0].message.en.is_empty() && !errors[0].message.zh.is_empty());
        }
        let nested = json!({"retry_config": {"max_retry_before_backoff": 0}, "compete_gpus": [0, "x"], "environment": {"1A": "", "CUDA_VISIBLE_DEVICES": 0}});
        let errors = check_partial(&nested, &Rules::default()).unwrap_err();
        let names: Vec<_> = errors.iter().map(|e| e.field.as_str()).collect();
        assert_eq!(
            names,
            [
                "compete_gpus[1]",
                "retry_config.max_retry_before_backoff",
                "environment.1A",
                "environment.CUDA_VISIBLE_DEVICES"
            ]
        );
    }

    #[test]
    fn a_missing_key_is_never_a_generous_default() {
        for (key, _) in REQUIRED.iter().chain(&[("retry_config", "")]) {
            let mut tree = full();
            tree.as_object_mut().unwrap().remove(*key);
            let errors = check(&tree).unwrap_err();
            assert_eq!(
                (errors.len(), errors[0].field.as_str(), errors[0].code.as_str()),
                (1, *key, "missing")
            );
        }
        let mut tree = full();
        tree.as_object_mut().unwrap().remove("work_dir");
        tree.as_object_mut().unwrap().remove("compete_gpus");
        assert!(check(&tree).is_ok());
        tree["use_all_gpus"] = json!(false);
        assert_eq!(check(&tree).unwrap_err()[0].field, "compete_gpus");
    }

    #[test]
    fn some_keys_are_checked_against_the_rest() {
        let current = check(&full()).unwrap();
        assert_eq!(
            check_partial(&json!({"max_gpu": 1}), &current).unwrap_err()[0].field,
            "max_gpu"
        );
        let rules = check_partial(&json!({"min_gpu": 1, "task_timeout": 60, "unknown": [1]}), &current).unwrap();
        assert_eq!(
            (rules.min_gpu, rules.task_timeout),
            (1, Some(crate::model::Seconds(60.0)))
        );
        assert_eq!(
            check_partial(&json!({"task_timeout": null}), &rules)
                .unwrap()
                .task_timeout,
            None
        );
    }

    #[test]
    fn a_change_is_looked_at_more_strictly_than_a_file() {
        let current = check(&full()).unwrap();
        let fields = |change: Value| -> Vec<(String, String)> {
            let errors = check_change(change.as_object().unwrap(), &current).unwrap_err();
            errors.into_iter().map(|e| (e.field, e.code)).collect()
        };
        let pair = |field: &str, code: &str| (field.to_owned(), code.to_owned());
        assert_eq!(
            fields(json!({"max_gpuu": 3, "retry_config": {"retries": 1}, "max_gpu": "x"})),
            [
                pair("max_gpuu", "unknown_key"),
                pair("retry_config.retries", "unknown_key"),
                pair("max_gpu", "type")
            ]
        );
        assert_eq!(
            fields(json!({"compete_gpus": null, "max_gpu": null, "environment": {"A": 1}})),
            [
                pair("compete_gpus", "type"),
                pair("max_gpu", "type"),
                pair("environment.A", "type")
            ]
        );
        let change = json!({"work_dir": null, "hold_after": null, "environment": {"A": "1"}, "max_gpu": 7});
        let rules = check_change(change.as_object().unwrap(), &current).unwrap();
        assert_eq!((rules.work_dir, rules.max_gpu, rules.min_gpu), (None, 7, 2));
    }

    #[test]
    fn the_spellings_of_yaml_1_1_and_of_floats_are_taken() {
        let mut tree = full();
        tree["use_all_gpus"] = json!("Yes");
        tree["max_gpu"] = json!(4.0);
        let rules = check(&tree).unwrap();
        assert!(rules.use_all_gpus && rules.max_gpu == 4);
    }
}
