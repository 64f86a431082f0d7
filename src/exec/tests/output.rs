//! The log: output byte for byte, between header and footer.
use gpuyard_core::model::{Bytes, Outcome};
use gpuyard_exec::attempt;

use crate::yard::{Yard, code, python};

#[test]
fn output_is_there_byte_for_byte_in_order_between_header_and_footer() {
    let Some(python) = python() else { return };
    let mut yard = Yard::new();
    // All byte values, both streams in turn, no newline at the end.
    let script = "import os
for i in range(256): os.write(1 + i % 2, bytes([i]))
os.write(1, b'end')";
    let (id, record) = yard.run(&[&format!("{python} -c \"{script}\"")]);
    assert_eq!(code(&record), 0);
    let log = yard.log(&id);
    let mut expected: Vec<u8> = (0..=255).collect();
    expected.extend_from_slice(b"end");
    let at = log
        .windows(expected.len())
        .position(|w| w == expected)
        .expect("the output, whole");
    let header = String::from_utf8(log[..at].to_vec()).unwrap();
    for name in [
        "time: 20",
        "host: ",
        "GPUs: 0 (GPU-0)",
        "PATH: /",
        "python: ",
        "command 1/1: ",
    ] {
        assert!(
            header.contains(&format!("\n[gpuyard] {name}")) || header.starts_with(&format!("[gpuyard] {name}")),
            "{name} in {header}"
        );
    }
    assert!(header.lines().all(|line| line.starts_with("[gpuyard] ")), "{header}");
    let footer = String::from_utf8(log[at + expected.len()..].to_vec()).unwrap();
    assert!(
        footer.starts_with("\n[gpuyard] exit code: 0\n[gpuyard] duration: "),
        "{footer}"
    );
    assert!(footer.contains("[gpuyard] peak RSS: "), "{footer}");
}

#[test]
fn megabytes_lose_nothing() {
    let mut yard = Yard::new();
    let (id, record) = yard.run(&["seq 1 300000"]);
    assert_eq!(code(&record), 0);
    let expected: String = (1..=300_000).map(|n| format!("{n}\n")).collect();
    assert!(yard.output(&id) == expected);
}

#[test]
fn each_command_has_its_line_and_the_last_one_its_footer() {
    let mut yard = Yard::new();
    let (id, record) = yard.run(&["echo one", "echo two \\\n  three", "printf four"]);
    assert_eq!((code(&record), record.command_index), (0, 2));
    let log = String::from_utf8(yard.log(&id)).unwrap();
    let rest = &log[log.find("[gpuyard] command 1/3").unwrap()..log.find("[gpuyard] exit code").unwrap()];
    assert_eq!(
        rest,
        "[gpuyard] command 1/3: echo one\none\n\
         [gpuyard] command 2/3: echo two \\\n[gpuyard]     three\ntwo three\n\
         [gpuyard] command 3/3: printf four\nfour\n"
    );
}

#[test]
fn the_footer_tells_the_peak_that_the_scheduler_saw() {
    let mut yard = Yard::new();
    let fifo = yard.file("go");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let id = yard.start(&["read < go"]);
    attempt::tell_peak(&yard.folder(&id), Bytes::GIB).unwrap();
    attempt::tell_peak(&yard.folder(&id), Bytes(3 << 29)).unwrap();
    std::fs::write(&fifo, "\n").unwrap();
    yard.ended(&id);
    assert!(
        String::from_utf8(yard.log(&id))
            .unwrap()
            .contains("[gpuyard] peak GPU memory: 1.5 GiB\n")
    );
}

#[test]
fn the_log_is_kept_from_others() {
    use std::os::unix::fs::PermissionsExt;
    let mut yard = Yard::new();
    let (id, _) = yard.run(&["true"]);
    let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(yard.log_path(&id)), 0o600);
    assert_eq!(mode(yard.folder(&id).join("exit.json")), 0o600);
    assert_eq!(mode(yard.folder(&id)), 0o700);
}

#[test]
fn a_log_that_is_no_file_starts_nothing() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["touch ran"]);
    spec.log_path = yard.file("fifo");
    nix::unistd::mkfifo(&spec.log_path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    assert!(matches!(record.outcome, Outcome::NotStarted { .. }), "{record:?}");
    assert_eq!(record.recorded_by, "scheduler");
    assert!(!yard.file("ran").exists());
}
