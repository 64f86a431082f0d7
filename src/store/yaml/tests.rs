//! Tests of the YAML reader's limits, and of the editor over tables and random edits.
use std::time::{Duration, Instant};

use proptest::prelude::*;
use serde_json::json;

use super::*;

const SAMPLE: &str = include_str!("../../../tests/fixtures/samples/config/gpu_manage.yaml");
const RULES: &str = include_str!("../../../config/gpu_manage.example.yaml");
const SETTINGS: &str = include_str!("../../../config/control_setting.example.yaml");

fn changed(text: &str, changes: Value) -> String {
    edit(text, changes.as_object().unwrap()).unwrap()
}

#[test]
fn bombs_are_refused_before_they_go_off() {
    let laughs: String = (0..20)
        .map(|i| {
            let inner = if i == 0 {
                "lol".to_owned()
            } else {
                format!("*a{}", i - 1)
            };
            format!("a{i}: &a{i} [{}]\n", vec![inner; 9].join(","))
        })
        .collect();
    let wide = format!(
        "a: &a [{}]\nb: [{}]\n",
        vec!["1"; 9_000].join(","),
        vec!["*a"; 9_000].join(",")
    );
    let bombs = [
        laughs,
        wide,
        "[".repeat(500_000),
        "{a: ".repeat(200_000),
        "- ".repeat(500_000),
        (0..5_000).map(|i| format!("{}k:\n", " ".repeat(i.min(200)))).collect(),
        "? ".repeat(300_000),
        format!("a: {}", "!!str ".repeat(100_000)),
        "a: &a [*a]\n".into(),
    ];
    for bomb in bombs {
        let start = Instant::now();
        let shown: String = bomb.chars().take(30).collect();
        assert!(parse(&bomb).is_err(), "{shown}");
        // Far above what it takes, far below what a bomb that goes off would.
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{shown}: {:?}",
            start.elapsed()
        );
    }
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    for (text, line) in [
        ("a: 1\nb: [1, 2\nc: 3\n", 2..=4),
        ("a: 1\n\tb: 2\n", 2..=2),
        ("a: 1\na: 2\n", 1..=2),
        ("a: 1\nb: \"x\n", 2..=3),
        ("a: *nothing\n", 1..=1),
        ("a: 1\n---\nb: 2\n", 1..=3),
    ] {
        let wrong = parse(text).unwrap_err();
        assert!(
            line.contains(&wrong.line) && wrong.expected.contains("expected"),
            "{text:?}: {wrong:?}"
        );
    }
    let problems = located(
        SAMPLE,
        vec![FieldError::new("retry_config.backoff_duration", "x", "", "")],
    );
    assert_eq!(problems[0].line, Some(21));
    assert_eq!(
        located(SAMPLE, vec![FieldError::new("compete_gpus[3]", "x", "", "")])[0].line,
        Some(11)
    );
    assert_eq!(
        located(SAMPLE, vec![FieldError::new("task_timeout", "x", "", "")])[0].line,
        None
    );
}

#[test]
fn an_empty_file_has_no_keys() {
    for text in ["", "\n", "# only a comment\n", "---\n", "\u{feff}"] {
        match parse(text) {
            Ok(tree) => assert_eq!(tree, Value::Null),
            Err(wrong) => assert_eq!(wrong.line, 1),
        }
    }
}

#[test]
fn what_is_in_quotes_is_a_text_and_environment_keeps_its_spelling() {
    let tree =
        parse("environment:\n  A: 010\n  B: 1e3\n  C: yes\n  D: \"5\"\n  E: true\n  F: 1.50\nn: 1.50\n").unwrap();
    assert_eq!(
        tree["environment"],
        json!({"A": "010", "B": "1e3", "C": "yes", "D": "5", "E": "true", "F": "1.50"})
    );
    assert_eq!(tree["n"], json!(1.5));
}

#[test]
fn an_edit_touches_only_the_lines_of_its_keys() {
    let one = changed(
        SAMPLE,
        json!({"compete_gpus": [2, 3], "work_dir": null, "use_all_gpus": false}),
    );
    let differing: Vec<(&str, &str)> = SAMPLE.lines().zip(one.lines()).filter(|(a, b)| a != b).collect();
    assert_eq!(SAMPLE.lines().count(), one.lines().count());
    assert_eq!(
        differing.iter().map(|(_, new)| *new).collect::<Vec<_>>(),
        [
            "compete_gpus: [2, 3]  # 手动指定的 GPU 列表",
            "use_all_gpus: false  # 是否自动探测所有 GPU",
            "work_dir: null  # 默认：脚本父目录",
        ]
    );
    assert_eq!(changed(SAMPLE, json!({"max_gpu": 9.0})), SAMPLE);
}

#[test]
fn maps_and_lists_come_and_go() {
    let with = changed(
        RULES,
        json!({"environment": {"A": "1", "B": "x: y"}, "prefer_gpus": [3, 1], "retry_config": {"max_retries": 5}}),
    );
    assert_eq!(parse(&with).unwrap()["environment"], json!({"A": "1", "B": "x: y"}));
    let less = changed(&with, json!({"environment": {"B": "z"}, "prefer_gpus": []}));
    let tree = parse(&less).unwrap();
    assert_eq!(
        (&tree["environment"], &tree["prefer_gpus"]),
        (&json!({"B": "z"}), &json!([]))
    );
    assert_eq!(
        parse(&changed(&less, json!({"environment": {}}))).unwrap()["environment"],
        json!({})
    );
    for line in RULES.lines() {
        assert!(less.contains(line), "{line}");
    }
}

#[test]
fn a_number_becomes_a_text_where_texts_are_wanted() {
    let out = changed(
        "secret: x\n",
        json!({"secret": 5, "environment": {"A": 1.5, "B": true, "C": null}}),
    );
    assert_eq!(
        parse(&out).unwrap(),
        json!({"secret": "5", "environment": {"A": "1.5", "B": "true", "C": null}})
    );
}

#[test]
fn line_ends_byte_order_mark_and_a_missing_last_newline_stay() {
    let text = "\u{feff}a: 1\r\n# c\r\nsecret: x";
    assert_eq!(changed(text, json!({"a": 2})), "\u{feff}a: 2\r\n# c\r\nsecret: x");
    let more = changed(text, json!({"b": true}));
    assert!(
        more.starts_with("\u{feff}a: 1\r\n# c\r\nsecret: x\r\nb: true"),
        "{more:?}"
    );
}

/// Documents in the styles that people write, with a comment wherever one may stand.
fn document() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just("1"),
        Just("true"),
        Just("\"quoted\""),
        Just("'single'"),
        Just("plain text"),
        Just("null"),
        Just(""),
        Just("[1, 2]"),
        Just("[]"),
        Just("{}"),
        Just("{x: 1, y: [a]}"),
        Just("\n  - 1\n  - 2"),
        Just("\n- a\n- b"),
        Just("\n  x: 1\n  # in\n  y: 2"),
        Just("|\n  text\n  more"),
        Just("&anchor 5"),
    ];
    let entry = (0usize..6, value, prop::bool::ANY, prop::bool::ANY, 0usize..3).prop_map(
        |(key, value, before, after, blank)| {
            let comment = if before { "# before\n" } else { "" };
            let tail = if after && !value.contains('\n') {
                "  # after"
            } else {
                ""
            };
            (
                key,
                format!(
                    "{comment}{}: {value}{tail}\n{}",
                    ["a", "b", "c", "environment", "secret", "\"q\""][key],
                    "\n".repeat(blank)
                ),
            )
        },
    );
    prop::collection::vec(entry, 0..7).prop_map(|entries| {
        let mut seen = std::collections::HashSet::new();
        let kept: String = entries
            .into_iter()
            .filter(|(key, _)| seen.insert(*key))
            .map(|(_, text)| text)
            .collect();
        format!("# head\n{kept}")
    })
}

fn change() -> impl Strategy<Value = Map<String, Value>> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (-5i64..100).prop_map(Value::from),
        Just(json!(1.5)),
        Just(Value::Null),
        "[ -~]{0,8}".prop_map(Value::from),
        Just(json!("显存: x # y")),
    ];
    let value = prop_oneof![
        4 => scalar.clone(), 1 => prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::from),
        1 => prop::collection::btree_map("[A-C]", scalar, 0..3).prop_map(|map| Value::Object(map.into_iter().collect())),
    ];
    let key = prop_oneof![
        Just("a"),
        Just("b"),
        Just("c"),
        Just("environment"),
        Just("new_key"),
        Just("q")
    ];
    prop::collection::btree_map(key, value, 1..4)
        .prop_map(|map| map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// An edit reads back as what was asked for, or is refused; it never writes anything else.
    #[test]
    fn an_edit_is_right_or_refused(text in document(), change in change()) {
        let Ok(before) = parse(&text) else { return Ok(()) };
        if let Ok(out) = edit(&text, &change) {
            let after = parse(&out).unwrap();
            for (key, value) in &change {
                if !value.is_object() && key != "environment" {
                    prop_assert!(same(&after[key], value), "{out}");
                }
            }
            for (key, value) in before.as_object().into_iter().flatten().filter(|(key, _)| !change.contains_key(*key)) {
                prop_assert!(same(&after[key], value));
            }
        }
    }

    /// What the dashboard does with files of ours and the seed's always works, and loses no comment.
    #[test]
    fn plain_files_can_always_be_edited(
        which in 0usize..3,
        max in 0u32..20,
        list in prop::collection::vec(0u32..9, 0..4),
        path in prop::option::of("[ -~&&[^\"\\\\]]{1,20}|/数据/实验 #1: x"),
        timeout in prop::option::of(0.5f64..1e6),
        packing: bool,
        secret in "[ -~]{0,20}",
    ) {
        let text = [SAMPLE, RULES, SETTINGS][which];
        let changes = json!({
            "max_gpu": max, "compete_gpus": list, "work_dir": path, "task_timeout": timeout, "use_all_gpus": packing,
            "retry_config": {"backoff_duration": max, "max_retries": 7}, "secret": secret, "environment": {"A": secret, "B": max.to_string()},
        });
        let out = edit(text, changes.as_object().unwrap()).map_err(TestCaseError::fail)?;
        for line in text.lines().filter(|line| line.trim_start().starts_with('#')) {
            prop_assert!(out.contains(line));
        }
        // And once more, on top of itself.
        let again = json!({"max_gpu": max + 1, "environment": {"C": path}, "compete_gpus": [0]});
        edit(&out, again.as_object().unwrap()).map_err(TestCaseError::fail)?;
    }
}

/// Found by fuzz/fuzz_targets/yaml_edit.rs: nothing was changed, and all was said to be well.
#[test]
fn a_text_without_keys_takes_none() {
    for text in ["just words\n", "- a\n- b\n", "7\n", "true\n"] {
        let changes = Map::from_iter([("work_dir".to_owned(), Value::from("/data"))]);
        assert_eq!(edit(text, &changes), Err(NO_KEYS.to_owned()), "{text:?}");
    }
}
