//! Command files over the API: what is answered, what is kept, what is refused.
use axum::http::{StatusCode, header};
use gpuyard_core::model::{ConfigKey, Mode};
use gpuyard_exec::place::Place;
use serde_json::{Value, json};

use crate::yard::{Yard, known, sent, yard};

const TEXT: &str = "\
# cars and birds
1 # queue id
# the big one
conda activate cls && python train.py --dataset car
20 # memory

2
\"bash {work_dir}/prepare.sh\"
\"bash {work_dir}/train.sh --id {uni_id}\"
8

oops
no memory here

1
python eval.py
1.5
";

fn with_text(text: &str) -> Yard {
    let yard = yard();
    std::fs::write(yard.app.root.command_dir().join("command_gpu.txt"), text).unwrap();
    yard
}

fn file(yard: &Yard) -> String {
    std::fs::read_to_string(yard.app.root.command_dir().join("command_gpu.txt")).unwrap()
}

/// Status, `ETag` and answer.
async fn ask(
    yard: &Yard,
    method: &str,
    path: &str,
    if_match: Option<&str>,
    body: &Value,
) -> (u16, Option<String>, Value) {
    let mut request = sent(method, path, body);
    if let Some(tag) = if_match {
        request
            .headers_mut()
            .insert(header::IF_MATCH, format!("\"{tag}\"").parse().unwrap());
    }
    let (status, headers, body) = yard.ask_whole(request).await;
    let tag = headers
        .get(header::ETAG)
        .map(|tag| tag.to_str().unwrap().trim_matches('"').to_owned());
    (status.as_u16(), tag, serde_json::from_slice(&body).unwrap_or_default())
}

async fn get(yard: &Yard, path: &str) -> (u16, Option<String>, Value) {
    ask(yard, "GET", path, None, &Value::Null).await
}

#[tokio::test]
async fn the_seeds_answers_are_given_field_by_field() {
    let yard = with_text(TEXT);
    std::fs::write(yard.app.root.command_dir().join("command_gpu_1.txt"), "").unwrap();
    let mut request = known("GET", "/api/commands/single/list", "");
    request
        .headers_mut()
        .insert(header::ACCEPT_LANGUAGE, "zh-CN".parse().unwrap());
    let (status, answer) = yard.ask(request).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        answer,
        json!({
            "configs": [
                {"index": 0, "name": "配置 1", "file_name": "command_gpu.txt", "exists": true},
                {"index": 1, "name": "配置 2", "file_name": "command_gpu_1.txt", "exists": true}
            ],
            "mode": "single"
        })
    );
    let (status, etag, answer) = get(&yard, "/api/commands/single?config_index=0").await;
    assert_eq!((status, &etag), (200, &answer["etag"].as_str().map(str::to_owned)));
    assert_eq!(
        answer["queues"],
        json!([
            {"id": 1, "processes": [
                {"id": 1, "commands": ["conda activate cls && python train.py --dataset car"], "gpu_count": 1, "memory": 20.0},
                {"id": 2, "commands": ["python eval.py"], "gpu_count": 1, "memory": 1.5}
            ]},
            {"id": 2, "processes": [
                {"id": 1, "commands": ["bash {work_dir}/prepare.sh", "bash {work_dir}/train.sh --id {uni_id}"], "gpu_count": 1, "memory": 8.0}
            ]}
        ])
    );
    assert_eq!(
        (&answer["mode"], &answer["config_name"]),
        (&json!("single"), &json!("config 1"))
    );
    let finding = &answer["findings"][0];
    assert_eq!((&finding["line"], &finding["skipped"]), (&json!(12), &json!(true)));
    let (_, _, all) = get(&yard, "/api/commands/single/all").await;
    assert_eq!(
        (&all["configs"][0]["queues"], &all["configs"][1]["queues"]),
        (&answer["queues"], &json!([]))
    );
    // What is not there: index 0 always may be, others are not.
    let (status, etag, answer) = get(&yard, "/api/commands/multi").await;
    assert_eq!(
        (status, etag, &answer["queues"], &answer["exists"]),
        (200, None, &json!([]), &json!(false))
    );
    let (status, _, answer) = get(&yard, "/api/commands/multi?config_index=3").await;
    assert_eq!((status, &answer["code"]), (404, &json!("no_such_config")));
}

#[tokio::test]
async fn a_put_changes_its_lines_and_keeps_every_comment() {
    let yard = with_text(TEXT);
    let (_, etag, answer) = get(&yard, "/api/commands/single").await;
    let mut queues = answer["queues"].clone();
    // What was read may be sent as it is: nothing changes.
    let (status, same, _) = ask(
        &yard,
        "PUT",
        "/api/commands/single",
        etag.as_deref(),
        &json!({"queues": queues}),
    )
    .await;
    assert_eq!((status, &same, file(&yard).as_str()), (200, &etag, TEXT));
    queues[0]["processes"][0]["memory"] = json!(22);
    let body = json!({"queues": queues});
    let (status, new, answer) = ask(&yard, "PUT", "/api/commands/single", etag.as_deref(), &body).await;
    assert_eq!(
        (status, &answer["queues_count"], &answer["mode"]),
        (200, &json!(2), &json!("single"))
    );
    assert_eq!(file(&yard), TEXT.replace("20 # memory", "22 # memory"));
    // The same again, from what was read before: somebody else's save stands, and is shown.
    queues[0]["processes"][0]["memory"] = json!(24);
    let (status, now, answer) = ask(
        &yard,
        "PUT",
        "/api/commands/single",
        etag.as_deref(),
        &json!({"queues": queues}),
    )
    .await;
    assert_eq!((status, &answer["code"], &now), (409, &json!("stale"), &new));
    assert_eq!(answer["current"]["queues"][0]["processes"][0]["memory"], json!(22.0));
    assert_eq!(file(&yard), TEXT.replace("20 # memory", "22 # memory"));
    // Without saying what was read, the last one wins.
    let (status, ..) = ask(&yard, "PUT", "/api/commands/single", None, &json!({"queues": queues})).await;
    assert_eq!(status, 200);
    assert_eq!(file(&yard), TEXT.replace("20 # memory", "24 # memory"));
}

#[tokio::test]
async fn what_would_be_misread_is_refused_by_field_and_nothing_is_written() {
    let yard = with_text(TEXT);
    let task = |commands: Value| json!({"queues": [{"id": 1, "processes": [{"commands": commands, "gpu_count": 1, "memory": 1}]}]});
    let cases = [
        (json!({}), "queues"),
        (json!({"queues": {}}), "queues"),
        (json!({"queues": [], "queue": []}), "queue"),
        (json!({"queues": [{"id": 1, "processes": []}]}), "queues[0].processes"),
        (
            json!({"queues": [{"id": 1, "processes": [{"commands": ["a"], "memory": 1}]}, {"id": 1, "processes": [{"commands": ["b"], "memory": 1}]}]}),
            "queues[1].id",
        ),
        (task(json!(["20"])), "queues[0].processes[0].commands[0]"),
        (task(json!(["a", "# b"])), "queues[0].processes[0].commands[1]"),
        (task(json!(["a\n\nb"])), "queues[0].processes[0].commands[0]"),
        (task(json!(["a\u{0}b"])), "queues[0].processes[0].commands[0]"),
        (task(json!(["a\rb"])), "queues[0].processes[0].commands[0]"),
        (task(json!(["  "])), "queues[0].processes[0].commands[0]"),
        (task(json!([])), "queues[0].processes[0].commands"),
        (task(json!([7])), "queues[0].processes[0].commands"),
        (
            json!({"queues": [{"id": 1, "processes": [{"commands": ["a"], "gpu_count": 2, "memory": 1}]}]}),
            "queues[0].processes[0].gpu_count",
        ),
        (
            json!({"queues": [{"id": 1, "processes": [{"commands": ["a"], "memory": 0}]}]}),
            "queues[0].processes[0].memory",
        ),
        (
            json!({"queues": [{"id": -1, "processes": [{"commands": ["a"], "memory": 1, "gpus": 1}]}]}),
            "queues[0].processes[0].gpus",
        ),
    ];
    for (body, field) in cases {
        let (status, _, answer) = ask(&yard, "PUT", "/api/commands/single", None, &body).await;
        assert_eq!(
            (status, &answer["errors"][0]["field"]),
            (422, &json!(field)),
            "{body} {answer}"
        );
        assert_eq!(file(&yard), TEXT, "{body}");
    }
    // What looks odd and can be written is written, and read back as it was sent.
    let odd = json!([
        "echo '\u{2028}' \"a\" && \"b\"",
        "echo {\"a\": 1} ${HOME} \\\n  --more",
        "2 fast 2 furious"
    ]);
    let (status, ..) = ask(&yard, "PUT", "/api/commands/single", None, &task(odd.clone())).await;
    assert_eq!(status, 200);
    let (_, _, answer) = get(&yard, "/api/commands/single").await;
    assert_eq!(answer["queues"][0]["processes"][0]["commands"], odd);
    assert!(
        file(&yard).contains("oops\nno memory here"),
        "a block that cannot be read stays"
    );
}

#[tokio::test]
async fn text_is_checked_without_a_save_and_saved_with_its_findings() {
    let yard = with_text(TEXT);
    let (_, etag, answer) = get(&yard, "/api/commands/single/text?config_index=0").await;
    assert_eq!(answer["text"], json!(TEXT));
    let broken = "1\npython a.py\n";
    let path = "/api/commands/single/text";
    let body = json!({"text": broken, "dry_run": true});
    let (status, _, checked) = ask(&yard, "PUT", path, etag.as_deref(), &body).await;
    assert_eq!(
        (status, &checked["saved"], &checked["queues_count"]),
        (200, &json!(false), &json!(0))
    );
    assert_eq!(
        (&checked["findings"][0]["line"], &checked["findings"][0]["severity"]),
        (&json!(2), &json!("error"))
    );
    assert_eq!(file(&yard), TEXT);
    let (status, new, saved) = ask(&yard, "PUT", path, etag.as_deref(), &json!({"text": broken})).await;
    assert_eq!(
        (status, &saved["saved"], &saved["findings"]),
        (200, &json!(true), &checked["findings"])
    );
    assert_eq!(
        (file(&yard).as_str(), new.as_deref()),
        (broken, checked["etag"].as_str())
    );
    for dry_run in [true, false] {
        let body = json!({"text": TEXT, "dry_run": dry_run});
        let (status, now, answer) = ask(&yard, "PUT", path, etag.as_deref(), &body).await;
        assert_eq!(
            (status, now, &answer["current"]["text"]),
            (409, new.clone(), &json!(broken))
        );
    }
    let (status, _, answer) = ask(&yard, "PUT", path, None, &json!({"text": "1\na\n1\n\u{0}"})).await;
    assert_eq!((status, &answer["errors"][0]["code"]), (422, &json!("nul")));
    let (status, ..) = ask(
        &yard,
        "PUT",
        "/api/commands/multi/text?config_index=4",
        None,
        &json!({"text": ""}),
    )
    .await;
    assert_eq!(status, 404);
    // Index 0 is made where it is not there yet.
    let (status, ..) = ask(
        &yard,
        "PUT",
        "/api/commands/multi/text",
        None,
        &json!({"text": "1\na\n2\n1\n"}),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(
        get(&yard, "/api/commands/multi").await.2["queues"][0]["processes"][0]["gpu_count"],
        json!(2)
    );
}

#[tokio::test]
async fn a_reset_goes_back_and_older_versions_can_be_read() {
    let yard = with_text(TEXT);
    let reset = "/api/commands/single/reset?config_index=0";
    let (status, _, answer) = ask(&yard, "POST", reset, None, &Value::Null).await;
    assert_eq!((status, &answer["code"]), (404, &json!("no_backup")));
    let put = |text: &'static str| json!({"text": text});
    for text in ["1\na\n1\n", "1\nb\n1\n"] {
        assert_eq!(
            ask(&yard, "PUT", "/api/commands/single/text", None, &put(text)).await.0,
            200
        );
    }
    let (status, _, answer) = ask(&yard, "POST", reset, None, &Value::Null).await;
    assert_eq!(
        (status, &answer["queues_count"], file(&yard).as_str()),
        (200, &json!(1), "1\na\n1\n")
    );
    let (_, _, answer) = get(&yard, "/api/commands/single/versions?config_index=0").await;
    let mut texts = Vec::new();
    for version in answer["versions"].as_array().unwrap() {
        let id = version["id"].as_str().unwrap();
        let (status, _, answer) = get(&yard, &format!("/api/commands/single/versions/{id}?config_index=0")).await;
        assert_eq!((status, &answer["written_at"]), (200, &version["written_at"]));
        texts.push(answer["text"].as_str().unwrap().to_owned());
    }
    texts.sort();
    assert_eq!(texts, [TEXT, "1\na\n1\n", "1\nb\n1\n"]);
    for wrong in [
        "..%2f..%2fcommand_gpu.txt",
        "command_gpu.txt",
        "0000000000000-000000000000",
    ] {
        let (status, _, answer) = get(&yard, &format!("/api/commands/single/versions/{wrong}")).await;
        assert_eq!((status, &answer["code"]), (404, &json!("no_such_version")), "{wrong}");
    }
}

#[tokio::test]
async fn new_ones_take_the_lowest_index_and_those_that_run_stay() {
    let yard = with_text(TEXT);
    let new = "/api/commands/single/new";
    for index in [1, 2] {
        let (status, _, answer) = ask(&yard, "POST", new, None, &Value::Null).await;
        assert_eq!(
            (status, &answer["config"]["index"], &answer["config"]["exists"]),
            (200, &json!(index), &json!(true))
        );
    }
    let delete = |index: u32| format!("/api/commands/single/{index}");
    let (status, _, answer) = ask(&yard, "DELETE", &delete(0), None, &Value::Null).await;
    assert_eq!((status, &answer["code"]), (409, &json!("first_config")));
    let key = ConfigKey {
        mode: Mode::Single,
        index: 1,
    };
    {
        // Our own process stands for its scheduler.
        let _place = Place::take(&yard.app.host, yard.app.root.path(), &key.to_string()).unwrap();
        let (status, _, answer) = ask(&yard, "DELETE", &delete(1), None, &Value::Null).await;
        assert_eq!((status, &answer["code"]), (409, &json!("running")));
    }
    let (status, _, answer) = ask(&yard, "DELETE", &delete(1), Some(&"0".repeat(32)), &Value::Null).await;
    assert_eq!((status, &answer["code"]), (409, &json!("stale")));
    let (status, _, answer) = ask(&yard, "DELETE", &delete(1), None, &Value::Null).await;
    assert_eq!(
        (status, &answer["config"]["file_name"]),
        (200, &json!("command_gpu_1.txt"))
    );
    assert_eq!(ask(&yard, "DELETE", &delete(1), None, &Value::Null).await.0, 404);
    assert_eq!(get(&yard, "/api/commands/single?config_index=1").await.0, 404);
    let (_, _, answer) = ask(&yard, "POST", new, None, &Value::Null).await;
    assert_eq!(answer["config"]["index"], json!(1));
    for wrong in ["x", "-1", "99999999999"] {
        assert_eq!(
            ask(
                &yard,
                "DELETE",
                &format!("/api/commands/single/{wrong}"),
                None,
                &Value::Null
            )
            .await
            .0,
            404
        );
    }
}

/// Row F1 of the catalogue: such a file is never written over, never hangs, and is shown on its page.
#[tokio::test]
async fn files_that_are_no_text_are_shown_and_left_alone() {
    use std::os::unix::fs::symlink;
    let yard = with_text(TEXT);
    let path = yard.app.root.command_dir().join("command_gpu.txt");
    let remove = || {
        if path.is_dir() {
            std::fs::remove_dir(&path)
        } else {
            std::fs::remove_file(&path)
        }
        .unwrap()
    };
    type Make<'a> = Box<dyn Fn() + 'a>;
    let cases: Vec<(&str, Make)> = vec![
        ("NUL", Box::new(|| std::fs::write(&path, "1\na\0b\n1\n").unwrap())),
        (
            "latin-1",
            Box::new(|| std::fs::write(&path, b"1\ncaf\xe9\n1\n").unwrap()),
        ),
        (
            "100 MB",
            Box::new(|| std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap()),
        ),
        ("a folder", Box::new(|| std::fs::create_dir(&path).unwrap())),
        (
            "a fifo",
            Box::new(|| nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap()),
        ),
        ("/dev/zero", Box::new(|| symlink("/dev/zero", &path).unwrap())),
        (
            "a looping link",
            Box::new(|| symlink("command_gpu.txt", &path).unwrap()),
        ),
    ];
    for (what, make) in cases {
        remove();
        make();
        let (status, _, answer) = get(&yard, "/api/commands/single").await;
        assert_eq!(status, 409, "{what}: {answer}");
        assert!(
            answer["message"].as_str().unwrap().contains("command_gpu.txt"),
            "{what}: {answer}"
        );
        let (status, _, all) = get(&yard, "/api/commands/single/all").await;
        assert_eq!(
            (status, all["configs"][0]["error"].is_string()),
            (200, true),
            "{what}: {all}"
        );
        for (path, body) in [
            ("/api/commands/single", json!({"queues": []})),
            ("/api/commands/single/text", json!({"text": "1\na\n1\n"})),
        ] {
            let (status, _, answer) = ask(&yard, "PUT", path, None, &body).await;
            assert_eq!(status, 409, "{what}: {answer}");
        }
        let after = std::fs::symlink_metadata(&path).unwrap();
        assert!(!after.is_file() || after.len() != 6, "{what} was written over");
    }
    // Odd and readable: empty, CRLF, a byte order mark, tabs.
    for (what, text, queues) in [
        ("empty", "", 0),
        ("CRLF", "1\r\na\r\n1\r\n", 1),
        ("BOM", "\u{feff}1\na\n1\n", 1),
        ("tabs", "1\t#id\n\ta\t\n1\t\n", 1),
    ] {
        remove();
        std::fs::write(&path, text).unwrap();
        let (status, _, answer) = get(&yard, "/api/commands/single").await;
        assert_eq!(
            (status, answer["queues"].as_array().unwrap().len()),
            (200, queues),
            "{what}"
        );
        let body = json!({"queues": answer["queues"]});
        assert_eq!(
            ask(&yard, "PUT", "/api/commands/single", None, &body).await.0,
            200,
            "{what}"
        );
        assert_eq!(file(&yard), text, "{what}");
    }
}
