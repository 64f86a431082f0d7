//! The index of a log: it finds every line where a simple count does, however the log grew.
#![no_main]
use gpuyard_store::logs::{Index, Log};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], u16)| {
    let (bytes, cut) = input;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let cut = usize::from(cut).min(bytes.len());
    std::fs::write(&path, &bytes[..cut]).expect("the log");
    let mut index = Index::default();
    let log = Log::open(&path).expect("it opens");
    while !index.extend(&log, 1 << 20).expect("it is read") {}
    std::fs::write(&path, bytes).expect("more of it");
    let log = Log::open(&path).expect("it opens");
    while !index.extend(&log, 1 << 20).expect("it is read") {}
    let mut starts = vec![0_u64];
    starts.extend((1_u64..).zip(bytes).filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at));
    for (line, start) in starts.iter().enumerate() {
        let found = index.start_of(&log, line as u64).expect("it is read");
        // After the last newline there is a line only where there is a byte.
        if (*start as usize) < bytes.len() {
            assert_eq!(found, Some(*start), "line {line}");
        }
    }
});
