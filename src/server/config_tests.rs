//! Rules and settings over the API: key by key, comments kept, followed at once; and what rules would do.
use axum::http::{StatusCode, header};
use gpuyard_core::model::Settings;
use gpuyard_store::{rules, settings};
use serde_json::{Value, json};

use crate::yard::{SECRET, UID, Yard, call, known, sent};

const RULES: &str = include_str!("../../tests/fixtures/samples/config/gpu_manage.yaml");

/// A yard whose files are there, with the tests' secret.
fn yard() -> Yard {
    let yard = crate::yard::yard();
    let text = settings::EXAMPLE.replacen("secret: \"\"", &format!("secret: \"{SECRET}\""), 1);
    std::fs::write(yard.app.root.settings_path(), text).unwrap();
    std::fs::write(yard.app.rules_path(), RULES).unwrap();
    yard
}

async fn ask(
    yard: &Yard,
    method: &str,
    path: &str,
    if_match: Option<&str>,
    body: &Value,
) -> (u16, Option<String>, Value) {
    let mut request = sent(method, path, body);
    if let Some(tag) = if_match {
        request.headers_mut().insert(header::IF_MATCH, tag.parse().unwrap());
    }
    let (status, headers, body) = yard.ask_whole(request).await;
    let tag = headers.get(header::ETAG).map(|tag| tag.to_str().unwrap().to_owned());
    (status.as_u16(), tag, serde_json::from_slice(&body).unwrap_or_default())
}

fn rules_text(yard: &Yard) -> String {
    std::fs::read_to_string(yard.app.rules_path()).unwrap()
}

#[tokio::test]
async fn rules_are_answered_with_the_seeds_fields() {
    let yard = yard();
    let (status, etag, answer) = ask(&yard, "GET", "/api/config", None, &Value::Null).await;
    assert_eq!((status, etag.is_some()), (200, true));
    let seed = json!({
        "check_time": 3.0, "maximize_resource_utilization": false, "memory_save_mode": true, "compete_gpus": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "use_all_gpus": true, "gpu_left": 1, "min_gpu": 2, "max_gpu": 9, "work_dir": "/home/hdl/project/fgvr_test_new",
        "gpu_command_file": "command_gpu.txt", "gpus_command_file": "command_gpus.txt",
    });
    for (key, value) in seed.as_object().unwrap() {
        assert_eq!(&answer[key], value, "{key}");
    }
    assert_eq!(answer["retry_config"]["max_retry_before_backoff"], json!(3));
    assert_eq!(answer["retry_config"]["backoff_duration"], json!(600.0));
    assert_eq!(
        (&answer["task_timeout"], &answer["on_failure"]),
        (&Value::Null, &json!("stop"))
    );
}

#[tokio::test]
async fn a_rule_is_changed_alone_and_its_comment_stays() {
    let yard = yard();
    let (_, etag, _) = ask(&yard, "GET", "/api/config", None, &Value::Null).await;
    let change = json!({"max_gpu": 5, "retry_config": {"backoff_duration": 60}});
    let (status, new, answer) = ask(&yard, "PUT", "/api/config", etag.as_deref(), &change).await;
    assert_eq!(
        (status, &answer["status"], &answer["data"]["max_gpu"]),
        (200, &json!("success"), &json!(5))
    );
    assert_eq!(answer["requires_restart"], json!([]));
    // This machine has no such folder.
    assert!(answer["warnings"][0].as_str().unwrap().contains("work_dir"), "{answer}");
    let text = rules_text(&yard);
    let differing = text.lines().zip(RULES.lines()).filter(|(new, old)| new != old).count();
    assert_eq!((differing, text.lines().count()), (2, RULES.lines().count()));
    assert!(text.contains("max_gpu: 5  # 用户最多用几张卡"));
    // From what was read before: refused, with what stands there.
    let (status, now, answer) = ask(&yard, "PUT", "/api/config", etag.as_deref(), &json!({"max_gpu": 7})).await;
    assert_eq!((status, now, &answer["current"]["max_gpu"]), (409, new, &json!(5)));
    // An editor's change counts as one.
    std::fs::write(yard.app.rules_path(), text.replace("gpu_left: 1", "gpu_left: 0")).unwrap();
    let (status, now, answer) = ask(
        &yard,
        "PUT",
        "/api/config",
        now_of(&yard).await.as_deref(),
        &json!({"max_gpu": 6}),
    )
    .await;
    assert_eq!((status, &answer["data"]["gpu_left"]), (200, &json!(0)));
    assert_eq!(now, now_of(&yard).await);
    let (status, _, answer) = ask(
        &yard,
        "PUT",
        "/api/config",
        None,
        &json!({"gpu_command_file": "other.txt"}),
    )
    .await;
    assert_eq!(
        (status, &answer["requires_restart"]),
        (200, &json!(["gpu_command_file"]))
    );
}

async fn now_of(yard: &Yard) -> Option<String> {
    ask(yard, "GET", "/api/config", None, &Value::Null).await.1
}

#[tokio::test]
async fn each_key_is_checked_in_both_languages_and_nothing_is_written() {
    let yard = yard();
    let cases = [
        (json!({"min_gpu": 10}), "min_gpu"),
        (json!({"max_gpu": 1}), "max_gpu"),
        (json!({"check_time": 0}), "check_time"),
        (
            json!({"retry_config": {"max_retry_before_backoff": 0}}),
            "retry_config.max_retry_before_backoff",
        ),
        (json!({"compete_gpus": [0, -1]}), "compete_gpus[1]"),
        (
            json!({"environment": {"CUDA_VISIBLE_DEVICES": "0"}}),
            "environment.CUDA_VISIBLE_DEVICES",
        ),
        (json!({"max_gpuu": 1}), "max_gpuu"),
        (json!({"work_dir": ""}), "work_dir"),
    ];
    for (change, field) in cases {
        for lang in ["en", "zh"] {
            let mut request = known("PUT", "/api/config", &change.to_string());
            request
                .headers_mut()
                .insert(header::ACCEPT_LANGUAGE, lang.parse().unwrap());
            let (status, answer) = yard.ask(request).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{change}");
            assert_eq!(answer["errors"][0]["field"], json!(field));
            let chinese = answer["errors"][0]["message"]
                .as_str()
                .unwrap()
                .chars()
                .any(|c| c > '\u{2e7f}');
            assert_eq!(chinese, lang == "zh", "{answer}");
        }
        assert_eq!(rules_text(&yard), RULES);
    }
    for body in ["[1]", "7", "\"x\""] {
        let (status, _) = yard.ask(known("PUT", "/api/config", body)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
}

#[tokio::test]
async fn a_rules_file_that_cannot_be_read_is_shown_with_its_line_and_never_written() {
    let yard = yard();
    for (broken, line) in [
        ("check_time: 3\nmax_gpu: [\n", "line"),
        ("max_gpu: x\n", "max_gpu"),
        ("a: \0", "line 1"),
    ] {
        std::fs::write(yard.app.rules_path(), broken).unwrap();
        let calls = [
            ("GET", "/api/config", Value::Null),
            ("PUT", "/api/config", json!({"max_gpu": 3})),
            ("POST", "/api/config/preview", json!({"max_gpu": 3})),
        ];
        for (method, path, body) in calls {
            let (status, _, answer) = ask(&yard, method, path, None, &body).await;
            assert_eq!(
                (status, &answer["code"]),
                (409, &json!("unreadable_file")),
                "{method} {answer}"
            );
            assert!(answer["message"].as_str().unwrap().contains(line), "{answer}");
        }
        assert_eq!(rules_text(&yard), broken);
    }
}

#[tokio::test]
async fn a_preview_says_what_would_start_and_what_would_wait() {
    let yard = yard();
    // Two GPUs of 24 GiB; nothing runs.
    let text = "1\na\n20\n\n2\nb\n30\n\n3\nc\n1\n\n4\nd\n1\n";
    std::fs::write(yard.app.root.command_dir().join("command_gpu.txt"), text).unwrap();
    std::fs::write(yard.app.root.command_dir().join("command_gpus.txt"), "7\ne\n2\n4\n").unwrap();
    let before = rules_text(&yard);
    let preview = |change: Value| {
        let yard = &yard;
        async move { ask(yard, "POST", "/api/config/preview", None, &change).await }
    };
    let (status, _, answer) = preview(json!({"gpu_left": 0, "min_gpu": 0, "max_gpu": 8})).await;
    assert_eq!((status, &answer["message"]), (200, &Value::Null), "{answer}");
    assert_eq!(
        (&answer["available"], &answer["allowed"], &answer["held"]),
        (&json!(2), &json!(2), &json!(0))
    );
    assert_eq!(answer["would_take"].as_array().unwrap().len(), 2);
    let single = &answer["configs"][0];
    assert_eq!((&single["mode"], &single["running"]), (&json!("single"), &json!(false)));
    let started: Vec<u64> = single["start"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["queue_id"].as_u64().unwrap())
        .collect();
    assert_eq!(started, [1, 3]);
    let waits: Vec<(u64, &str)> = single["wait"]
        .as_array()
        .unwrap()
        .iter()
        .map(|w| (w["queue_id"].as_u64().unwrap(), w["reason"]["code"].as_str().unwrap()))
        .collect();
    assert_eq!(waits, [(2, "NoGpuMatches"), (4, "GpuHeldByOwnTask")]);
    // Each of those that do not run is looked at for itself.
    assert_eq!(answer["configs"][1]["start"][0]["gpus"].as_array().unwrap().len(), 2);
    let (_, _, answer) = preview(json!({"min_gpu": 0, "max_gpu": 1})).await;
    assert_eq!(
        (answer["would_take"].as_array().unwrap().len(), &answer["allowed"]),
        (1, &json!(1))
    );
    assert_eq!(
        answer["configs"][1]["wait"][0]["reason"]["code"],
        json!("ReservedForOthers")
    );
    let (_, _, answer) =
        preview(json!({"use_all_gpus": false, "compete_gpus": [1, 9], "min_gpu": 0, "gpu_left": 0})).await;
    assert_eq!(
        (&answer["competed"], &answer["would_take"][0]["index"]),
        (&json!([1]), &json!(1))
    );
    assert!(
        answer["warnings"]
            .as_array()
            .unwrap()
            .iter()
            .any(|w| w.as_str().unwrap().contains("GPU 9"))
    );
    let (status, _, answer) = preview(json!({"min_gpu": 99})).await;
    assert_eq!((status, &answer["errors"][0]["field"]), (422, &json!("min_gpu")));
    assert_eq!(rules_text(&yard), before);
}

#[tokio::test]
async fn settings_are_answered_key_by_key_without_the_secret() {
    let yard = yard();
    let mut request = known("GET", "/api/settings", "");
    request
        .headers_mut()
        .insert(header::ACCEPT_LANGUAGE, "zh".parse().unwrap());
    let (status, _, body) = yard.ask_whole(request).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!String::from_utf8_lossy(&body).contains(SECRET));
    let answer: Value = serde_json::from_slice(&body).unwrap();
    let seed = json!({
        "value": 29214, "requires_restart": true, "warning": "修改端口后，下次启动可能使用新端口", "description": "当前任务运行端口",
    });
    for (key, value) in seed.as_object().unwrap() {
        assert_eq!(&answer["port"][key], value);
    }
    assert_eq!(
        answer["target-yaml-path"]["description"],
        json!("要操作的 YAML 文件路径")
    );
    assert_eq!(
        (
            &answer["target-yaml-path"]["requires_restart"],
            &answer["target-yaml-path"]["warning"]
        ),
        (&json!(false), &Value::Null)
    );
    assert_eq!(answer["secret"]["value"], Value::Null);
    let every = serde_json::to_value(Settings::default()).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&answer), keys(&every));
}

#[tokio::test]
async fn a_change_of_settings_says_what_waits_for_a_restart() {
    let yard = yard();
    let before = std::fs::read_to_string(yard.app.root.settings_path()).unwrap();
    let (_, etag, _) = ask(&yard, "GET", "/api/settings", None, &Value::Null).await;
    let change = json!({"port": 29215, "allow-lan": false, "log-level": "debug"});
    let mut request = known("PUT", "/api/settings", &change.to_string());
    request
        .headers_mut()
        .insert(header::ACCEPT_LANGUAGE, "zh".parse().unwrap());
    let (status, answer) = yard.ask(request).await;
    assert_eq!((status, &answer["message"]), (StatusCode::OK, &json!("设置保存成功")));
    assert_eq!(answer["requires_restart"], json!(["allow-lan", "port"]));
    assert!(
        answer["warnings"]
            .as_array()
            .unwrap()
            .contains(&json!("修改端口后，下次启动可能使用新端口"))
    );
    let after = std::fs::read_to_string(yard.app.root.settings_path()).unwrap();
    assert_eq!(before.matches('#').count(), after.matches('#').count());
    let (_, _, answer) = ask(&yard, "GET", "/api/settings", None, &Value::Null).await;
    assert_eq!(
        (&answer["port"]["value"], &answer["port"]["pending"]),
        (&json!(29215), &json!(true))
    );
    assert_eq!(
        (&answer["log-level"]["value"], &answer["log-level"]["pending"]),
        (&json!("debug"), &json!(false))
    );
    assert_eq!(yard.app.settings().log_level, "debug");
    let (status, _, answer) = ask(&yard, "PUT", "/api/settings", etag.as_deref(), &json!({"port": 1})).await;
    assert_eq!((status, &answer["current"]["port"]["value"]), (409, &json!(29215)));
    assert!(!answer.to_string().contains(SECRET));
    for (change, field) in [
        (json!({"port": 70000}), "port"),
        (json!({"prot": 1}), "prot"),
        (json!({"secret": null}), "secret"),
        (json!({"secret": false}), "secret"),
        (json!({"log-level": "loud"}), "log-level"),
        (json!({"tls-cert": "/x"}), "tls-key"),
    ] {
        let (status, _, answer) = ask(&yard, "PUT", "/api/settings", None, &change).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!(field)),
            "{change}"
        );
    }
    assert_eq!(std::fs::read_to_string(yard.app.root.settings_path()).unwrap(), after);
}

#[tokio::test]
async fn a_changed_secret_ends_every_login_whoever_changed_it() {
    let yard = yard();
    let login = |secret: &'static str| {
        let yard = &yard;
        async move {
            let body = json!({"password": secret}).to_string();
            let (status, answer) = yard.ask(call("POST", "/api/auth/login", None, &body)).await;
            assert_eq!(status, StatusCode::OK);
            answer["token"].as_str().unwrap().to_owned()
        }
    };
    let opens = |shown: String| {
        let yard = &yard;
        async move { yard.ask(call("GET", "/api/config", Some(&shown), "")).await.0 == StatusCode::OK }
    };
    const NEXT: &str = "another-secret-that-nobody-guesses-either";
    const LAST: &str = "a-third-secret-that-nobody-guesses-at-all";
    let token = login(SECRET).await;
    assert!(opens(token.clone()).await && opens(SECRET.into()).await);
    let change = json!({"secret": NEXT}).to_string();
    // The caller's own login ends too, and is answered still.
    let (status, answer) = yard.ask(call("PUT", "/api/settings", Some(&token), &change)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        answer["warnings"][0].as_str().unwrap().contains("every login ends"),
        "{answer}"
    );
    assert!(!opens(token).await && !opens(SECRET.into()).await && opens(NEXT.into()).await);
    let token = login(NEXT).await;
    let text = std::fs::read_to_string(yard.app.root.settings_path()).unwrap();
    std::fs::write(yard.app.root.settings_path(), text.replace(NEXT, LAST)).unwrap();
    yard.app.settings_changed();
    assert!(!opens(token).await && opens(LAST.into()).await);
    // What cannot be read leaves the door as it was.
    std::fs::write(yard.app.root.settings_path(), "secret: [").unwrap();
    yard.app.settings_changed();
    assert!(opens(LAST.into()).await);
}

#[tokio::test]
async fn a_daemon_of_root_does_not_give_its_secret_up() {
    let rooted = Yard::of_user(
        0,
        Settings {
            secret: SECRET.into(),
            ..Settings::default()
        },
    );
    std::fs::write(rooted.app.root.settings_path(), format!("secret: \"{SECRET}\"\n")).unwrap();
    let (status, answer) = rooted.ask(known("PUT", "/api/settings", "{\"secret\": \"\"}")).await;
    assert_eq!(
        (status, &answer["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("secret"))
    );
    let yard = yard();
    assert_ne!(UID, 0);
    let (status, _, answer) = ask(&yard, "PUT", "/api/settings", None, &json!({"secret": ""})).await;
    assert_eq!(status, 200);
    assert!(
        answer["warnings"].to_string().contains("no secret any more"),
        "{answer}"
    );
    let (_, _, answer) = ask(&yard, "GET", "/api/settings", None, &Value::Null).await;
    assert_eq!(answer["secret"]["value"], json!(""));
    assert!(rules::load(&yard.app.rules_path()).is_ok());
}
