//! Journals: every whole line is an event or a finding; what was read up to a place does not depend on what comes after.
#![no_main]
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (events, whole, broken) = gpuyard_store::fuzz::journal(bytes);
    assert!(whole <= bytes.len());
    let lines = bytes[..whole].iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(events + broken, lines);
    assert_eq!(gpuyard_store::fuzz::journal(&bytes[..whole]), (events, whole, broken));
});
