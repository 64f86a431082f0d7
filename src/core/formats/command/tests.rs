//! Tests of parser and writer: samples, tables, and properties over arbitrary strings.
#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;

const SINGLE: &str = include_str!("../../../../tests/fixtures/samples/command/command_gpu.txt");
const SINGLE_1: &str = include_str!("../../../../tests/fixtures/samples/command/command_gpu_1.txt");
const MULTI: &str = include_str!("../../../../tests/fixtures/samples/command/command_gpus.txt");

fn short(file: &CommandFile) -> Vec<(u64, Vec<&str>, u32, f64, usize)> {
    file.blocks()
        .map(|b| {
            (
                b.queue.0,
                b.commands.iter().map(String::as_str).collect(),
                b.gpu_count,
                b.memory_gb,
                b.line,
            )
        })
        .collect()
}

fn codes(text: &str, mode: Mode) -> Vec<(usize, String)> {
    parse(text, mode)
        .findings()
        .iter()
        .map(|f| (f.line, f.code.clone()))
        .collect()
}

fn task(commands: &[&str], gpu_count: u32, memory: f64) -> TaskDraft {
    TaskDraft {
        commands: commands.iter().map(|c| c.to_string()).collect(),
        gpu_count,
        memory,
    }
}

fn queue(id: u64, processes: Vec<TaskDraft>) -> QueueDraft {
    QueueDraft {
        id: QueueId(id),
        processes,
    }
}

fn fields(result: Result<String, Vec<crate::model::FieldError>>) -> Vec<(String, String)> {
    result.unwrap_err().into_iter().map(|e| (e.field, e.code)).collect()
}

#[test]
fn the_samples_mean_what_they_meant() {
    let command = "conda activate finer_dynamic && python /home/hdl/project/fgvr_test_new/scripts/compete_gpu_retry/test_gpu_memory.py 60 500";
    for (text, mode, lines) in [
        (SINGLE, Mode::Single, [19, 23, 27, 31, 35]),
        (MULTI, Mode::Multi, [21, 26, 31, 36, 41]),
    ] {
        let file = parse(text, mode);
        assert_eq!(file.findings(), []);
        let expected: Vec<_> = [1, 1, 2, 2, 3]
            .into_iter()
            .zip(lines)
            .map(|(q, l)| (q, vec![command], 1, 1.0, l))
            .collect();
        assert_eq!(short(&file), expected);
        let queues: Vec<_> = file.queues().iter().map(|q| (q.id.0, q.tasks.len())).collect();
        assert_eq!(queues, [(1, 2), (2, 2), (3, 1)]);
        assert_eq!(file.to_string(), text);
    }
    let empty = parse(SINGLE_1, Mode::Single);
    assert_eq!((empty.blocks().count(), empty.findings()), (0, &[][..]));
}

#[test]
fn blocks_read_as_the_specification_says() {
    let text = "# comment\n1 #queue id\nconda activate cls && python train.py --dataset car\n20 #memory, GiB\n\n\
        2\n\"bash {work_dir}/scripts/prepare.sh\"\n# between\n\"a\" && \"b\"\n  echo ${HOME} '{\"x\": 1}'  \n1.5#half\n";
    let file = parse(text, Mode::Single);
    assert_eq!(file.findings(), []);
    assert_eq!(
        short(&file),
        [
            (
                1,
                vec!["conda activate cls && python train.py --dataset car"],
                1,
                20.0,
                2
            ),
            (
                2,
                vec![
                    "bash {work_dir}/scripts/prepare.sh",
                    "\"a\" && \"b\"",
                    "echo ${HOME} '{\"x\": 1}'"
                ],
                1,
                1.5,
                6
            ),
        ]
    );
    let multi = parse("7\ntorchrun a.py\n3 #gpu count (multi only)\n20\n", Mode::Multi);
    assert_eq!(short(&multi), [(7, vec!["torchrun a.py"], 3, 20.0, 1)]);
}

#[test]
fn continuation_lines_stay_inside_one_command() {
    let text = "1\npython a.py \\\r\n  --lr 1 \\\r\n  --name x\r\necho \\\\\r\n\"q \\\r\n  r\"\r\n2\r\n";
    let file = parse(text, Mode::Single);
    assert_eq!(
        short(&file),
        [(
            1,
            vec!["python a.py \\\n  --lr 1 \\\n  --name x", "echo \\\\", "q \\\n  r"],
            1,
            2.0,
            1
        )]
    );
    assert_eq!(file.findings(), []);
    assert_eq!(codes("1\na \\\n20\n", Mode::Single), [(3, "memory".into())]);
    assert_eq!(
        codes("1\na \\ \n20\n", Mode::Single),
        [(2, "space_after_backslash".into())]
    );
}

#[test]
fn byte_order_mark_crlf_and_a_missing_last_newline_are_fine() {
    let file = parse("\u{feff}1\r\na\r\n2\r\n\u{3000}\r\n1\r\nb\r\n3", Mode::Single);
    assert_eq!(short(&file), [(1, vec!["a"], 1, 2.0, 1), (1, vec!["b"], 1, 3.0, 5)]);
    assert_eq!(file.queues().len(), 1);
    assert_eq!(edit(&file, &file.drafts()).unwrap(), file.to_string());
}

#[test]
fn what_cannot_be_read_is_named_by_line_and_the_rest_runs() {
    let cases = [
        ("x\na\n1\n", Mode::Single, 1, "queue_id", Severity::Error),
        ("1.5\na\n1\n", Mode::Single, 1, "queue_id", Severity::Error),
        ("-1\na\n1\n", Mode::Single, 1, "queue_id", Severity::Error),
        (
            "99999999999999999999\na\n1\n",
            Mode::Single,
            1,
            "queue_id",
            Severity::Error,
        ),
        ("1\na\nb\n", Mode::Single, 3, "memory", Severity::Error),
        ("1\na\n20GB\n", Mode::Single, 3, "memory", Severity::Error),
        ("1\n", Mode::Single, 1, "memory", Severity::Error),
        ("1\n2\n", Mode::Single, 1, "no_command", Severity::Error),
        ("1\na\n0\n", Mode::Single, 3, "memory_not_positive", Severity::Warning),
        ("1\na\n-3\n", Mode::Single, 3, "memory_not_positive", Severity::Warning),
        (
            "1\na\n0\n20\n",
            Mode::Multi,
            3,
            "gpu_count_not_positive",
            Severity::Warning,
        ),
        ("1\na\n1.5\n20\n", Mode::Multi, 3, "gpu_count", Severity::Error),
        ("1\na\n20\n", Mode::Multi, 2, "gpu_count", Severity::Error),
        ("1\n20\n", Mode::Multi, 1, "gpu_count", Severity::Error),
        ("1\n2\n20\n", Mode::Multi, 1, "no_command", Severity::Error),
        ("1\na\n2\n20\n", Mode::Single, 3, "number_command", Severity::Error),
        ("1\n\"\"\n20\n", Mode::Single, 2, "empty_command", Severity::Error),
        ("1\na\0b\n20\n", Mode::Single, 2, "nul", Severity::Error),
    ];
    for (text, mode, line, code, severity) in cases {
        let tail = if mode == Mode::Multi { "1\n" } else { "" };
        let file = parse(&format!("{text}\n9\nok\n{tail}4\n"), mode);
        let finding = &file.findings()[0];
        assert_eq!(
            (finding.line, finding.code.as_str(), finding.severity),
            (line, code, severity),
            "{text:?}"
        );
        assert!(finding.skipped && !finding.message.zh.is_empty());
        assert_eq!(file.findings().len(), 1, "{text:?}");
        assert_eq!(file.blocks().map(|b| b.queue.0).collect::<Vec<_>>(), [9]);
    }
    // Text behind a number ran in the seed's system: it runs here, and is said.
    let file = parse("1 first\na\n20 GiB\n", Mode::Single);
    assert_eq!(file.blocks().count(), 1);
    assert_eq!(
        codes("1 first\na\n20 GiB\n", Mode::Single),
        [(3, "text_after_number".into()), (1, "text_after_number".into())]
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
    );
}

#[test]
fn only_the_two_placeholders_are_replaced() {
    let text = "a {work_dir}/{uni_id} ${HOME} {\"k\": {}} {{work_dir}} {uni_id";
    assert_eq!(
        substitute(text, "/w/{uni_id}", "u1"),
        "a /w/{uni_id}/u1 ${HOME} {\"k\": {}} {/w/{uni_id}} {uni_id"
    );
}

#[test]
fn changing_one_block_changes_only_its_lines() {
    let text = "# head\n\n# about one\n1 #q\n  \"first\"  \n# why\nsecond\n20 #mem\n\n\n# about two\n\n2\nother\n5\n\nbad block\n\n1\nthird\n7";
    let file = parse(text, Mode::Single);
    let mut queues = file.drafts();
    queues[0].processes[0].memory = 24.5;
    assert_eq!(edit(&file, &queues).unwrap(), text.replace("20 #mem", "24.5 #mem"));
    queues[0].processes[0].commands[1] = "changed".into();
    assert_eq!(
        edit(&file, &queues).unwrap(),
        text.replace("20 #mem", "24.5 #mem").replace("second", "changed")
    );
    queues[0].processes[0].commands.insert(1, "put in".into());
    let expected = text
        .replace("20 #mem", "24.5 #mem")
        .replace("second", "changed")
        .replace("\"first\"  \n", "\"first\"  \nput in\n");
    assert_eq!(parse(&edit(&file, &queues).unwrap(), Mode::Single).drafts(), queues);
    // The comment may stand on either side of the new line; everything else is as it was.
    assert_eq!(
        edit(&file, &queues)
            .unwrap()
            .replace("# why\nput in\n", "put in\n# why\n"),
        expected
    );
}

#[test]
fn tasks_come_and_go_and_move_with_their_comments() {
    let text = "# head\n\n# A\n1\na\n1\n\n# B\n1\nb\n2\n\n# C\n2\nc\n3\n";
    let file = parse(text, Mode::Single);
    let a = || task(&["a"], 1, 1.0);
    let b = || task(&["b"], 1, 2.0);
    let c = || task(&["c"], 1, 3.0);
    let go = |queues: &[QueueDraft]| edit(&file, queues).unwrap();
    assert_eq!(
        go(&[queue(1, vec![a()]), queue(2, vec![c()])]),
        "# head\n\n# A\n1\na\n1\n\n# C\n2\nc\n3\n"
    );
    assert_eq!(
        go(&[queue(1, vec![a(), b()])]),
        "# head\n\n# A\n1\na\n1\n\n# B\n1\nb\n2\n"
    );
    assert_eq!(
        go(&[queue(1, vec![b(), a()]), queue(2, vec![c()])]),
        "# head\n\n# B\n1\nb\n2\n\n# A\n1\na\n1\n\n# C\n2\nc\n3\n"
    );
    assert_eq!(
        go(&[queue(1, vec![a(), task(&["new"], 1, 9.0), b()]), queue(2, vec![c()])]),
        "# head\n\n# A\n1\na\n1\n\n1\nnew\n9\n\n# B\n1\nb\n2\n\n# C\n2\nc\n3\n"
    );
    assert_eq!(
        go(&[queue(1, vec![a()]), queue(2, vec![c(), b()])]),
        "# head\n\n# A\n1\na\n1\n\n# C\n2\nc\n3\n\n# B\n2\nb\n2\n"
    );
    assert_eq!(
        go(&[queue(2, vec![c()]), queue(1, vec![a(), b()])]),
        "# head\n\n# C\n2\nc\n3\n\n# A\n1\na\n1\n\n# B\n1\nb\n2\n"
    );
    assert_eq!(go(&[]), "# head\n");
    let empty = parse("", Mode::Multi);
    assert_eq!(
        edit(&empty, &[queue(3, vec![task(&["x"], 2, 1.5)])]).unwrap(),
        "3\nx\n2\n1.5\n"
    );
}

#[test]
fn a_byte_order_mark_inside_a_file_does_not_become_the_files_own() {
    let file = parse("1\na\n1\n2\n\n\u{feff}1\nb\n1\n2\n", Mode::Multi);
    assert_eq!(file.drafts().len(), 1);
    assert_eq!(edit(&file, &[]), Ok("\n\u{feff}1\nb\n1\n2\n".into()));
}

#[test]
fn line_ends_of_the_file_are_kept() {
    let file = parse("1\r\na\r\n1\r\n", Mode::Single);
    let mut queues = file.drafts();
    queues[0].processes.push(task(&["b \\\n c"], 1, 2.0));
    assert_eq!(
        edit(&file, &queues).unwrap(),
        "1\r\na\r\n1\r\n\r\n1\r\nb \\\r\n c\r\n2\r\n"
    );
}

#[test]
fn what_cannot_be_written_is_refused_by_field() {
    let empty = parse("", Mode::Multi);
    for (command, code) in [
        ("", "empty"),
        ("  ", "empty"),
        ("a\nb", "newline"),
        ("a\\\n\nb", "blank_line"),
        ("a \\\n \\\n b\\\n", "blank_line"),
        ("a\0", "nul"),
        ("a\rb", "carriage_return"),
        ("# a", "comment"),
        (" #a", "comment"),
        ("20", "number"),
        ("20 # x", "number"),
        ("\"a\"", "quotes"),
    ] {
        let queues = [queue(1, vec![task(&["ok"], 1, 1.0), task(&["ok", command], 1, 1.0)])];
        assert_eq!(
            fields(edit(&empty, &queues)),
            [("queues[0].processes[1].commands[1]".into(), code.into())],
            "{command:?}"
        );
    }
    let queues = [
        queue(1, vec![task(&["a"], 0, -1.0)]),
        queue(1, vec![task(&[], 1, f64::NAN)]),
        queue(2, vec![]),
    ];
    let expected = [
        ("queues[1].id", "duplicate"),
        ("queues[2].processes", "empty"),
        ("queues[0].processes[0].memory", "range"),
        ("queues[0].processes[0].gpu_count", "range"),
        ("queues[1].processes[0].memory", "range"),
        ("queues[1].processes[0].commands", "empty"),
    ];
    assert_eq!(
        fields(edit(&empty, &queues)),
        expected.map(|(a, b)| (a.into(), b.into()))
    );
    let single = parse("", Mode::Single);
    assert_eq!(
        fields(edit(&single, &[queue(1, vec![task(&["a"], 2, 1.0)])])),
        [("queues[0].processes[0].gpu_count".into(), "range".into())]
    );
}

#[test]
fn drafts_of_a_caller_are_read_by_field() {
    let value =
        serde_json::json!([{"id": 1, "processes": [{"id": 1, "commands": ["a"], "gpu_count": 2, "memory": 1.5}]}]);
    assert_eq!(
        drafts(&value, Mode::Multi).unwrap(),
        [queue(1, vec![task(&["a"], 2, 1.5)])]
    );
    let wrong = serde_json::json!([{"id": "1", "processes": [{"commands": "a", "memory": null}]}]);
    let names: Vec<_> = drafts(&wrong, Mode::Multi)
        .unwrap_err()
        .into_iter()
        .map(|e| e.field)
        .collect();
    let at = "queues[0].processes[0]";
    assert_eq!(
        names,
        [
            "queues[0].id".to_owned(),
            format!("{at}.commands"),
            format!("{at}.gpu_count"),
            format!("{at}.memory")
        ]
    );
}

#[test]
fn ten_thousand_tasks_are_read_and_edited_in_one_go() {
    let text: String = (0..10_000).map(|i| format!("{}\necho {i}\n1\n\n", i % 7)).collect();
    let file = parse(&text, Mode::Single);
    let mut queues = file.drafts();
    queues[3].processes.reverse();
    queues[5].processes.remove(17);
    queues[6].processes[3].memory = 2.0;
    let out = edit(&file, &queues).unwrap();
    assert_eq!(parse(&out, Mode::Single).drafts(), queues);
}

/// Text that is likely to hit a rule: the characters that mean something, in many mixtures.
fn spiky() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("\n"),
        Just("\r\n"),
        Just("\n\n"),
        Just(" "),
        Just("\\"),
        Just("\\\n"),
        Just("\""),
        Just("#"),
        Just("1"),
        Just("20"),
        Just("1\na\n1\n\n"),
        Just("1\na\n1\n2\n\n"),
        Just("2.5"),
        Just("-"),
        Just("\t"),
        Just("\u{3000}"),
        Just("\u{feff}"),
        Just("\u{2028}"),
        Just("\r"),
        Just("\0"),
        Just("{uni_id}"),
        Just("echo x"),
        Just("显存"),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![3 => spiky(), 1 => any::<String>()]
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Single), Just(Mode::Multi)]
}

fn any_queues() -> impl Strategy<Value = Vec<QueueDraft>> {
    let command = prop_oneof![4 => "[a-z]{1,3}", 2 => spiky(), 1 => any::<String>()];
    let memory = prop_oneof![Just(1.0), Just(20.0), 0.001f64..4000.0, Just(0.1 + 0.2)];
    let task =
        (prop::collection::vec(command, 1..4), 1u32..4, memory).prop_map(|(commands, gpu_count, memory)| TaskDraft {
            commands,
            gpu_count,
            memory,
        });
    prop::collection::vec((0u64..5, prop::collection::vec(task, 1..4)), 0..4).prop_map(|queues| {
        let mut seen = std::collections::HashSet::new();
        queues
            .into_iter()
            .filter(|(id, _)| seen.insert(*id))
            .map(|(id, processes)| QueueDraft {
                id: QueueId(id),
                processes,
            })
            .collect()
    })
}

fn fit(mode: Mode, mut queues: Vec<QueueDraft>) -> Vec<QueueDraft> {
    if mode == Mode::Single {
        queues
            .iter_mut()
            .flat_map(|q| &mut q.processes)
            .for_each(|t| t.gpu_count = 1);
    }
    queues
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// write(parse(f)) == f, byte for byte, whatever f is.
    #[test]
    fn writing_what_was_read_gives_the_same_bytes(text in any_text(), mode in any_mode()) {
        let file = parse(&text, mode);
        prop_assert_eq!(&file.to_string(), &text);
        prop_assert_eq!(edit(&file, &file.drafts()), Ok(text));
    }

    /// parse(write(x)) == x, or x is refused with the field that cannot be written; on top of any file.
    #[test]
    fn what_is_written_reads_back_the_same(text in any_text(), mode in any_mode(), queues in any_queues()) {
        let queues = fit(mode, queues);
        let file = parse(&text, mode);
        let broken = file.paragraphs.iter().filter(|p| p.kind == parse::Kind::Broken).count();
        match edit(&file, &queues) {
            Ok(out) => {
                let again = parse(&out, mode);
                prop_assert_eq!(again.drafts(), queues);
                // What could not be read is never thrown away.
                prop_assert_eq!(again.paragraphs.iter().filter(|p| p.kind == parse::Kind::Broken).count(), broken);
            }
            Err(errors) => for error in errors {
                prop_assert!(error.field.contains(".commands["), "{error:?}");
            },
        }
    }

    /// A single change of a figure touches one line.
    #[test]
    fn one_figure_is_one_line(queues in any_queues(), mode in any_mode(), comment in "[a-z# ]{0,5}") {
        let Ok(text) = edit(&parse(&format!("# {comment}\n\n"), mode), &fit(mode, queues)) else { return Ok(()) };
        let file = parse(&text, mode);
        let mut changed = file.drafts();
        let Some(task) = changed.iter_mut().flat_map(|q| &mut q.processes).last() else { return Ok(()) };
        task.memory += 1.0;
        let out = edit(&file, &changed).unwrap();
        let differing = text.lines().zip(out.lines()).filter(|(a, b)| a != b).count();
        prop_assert_eq!((differing, text.lines().count()), (1, out.lines().count()));
    }
}
