//! State files: whatever stands in a snapshot, it is read or refused, and left as it is.
#![no_main]
use gpuyard_core::{
    model::RunId,
    queue::{Entry, Run},
};
use gpuyard_store::state;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let run = RunId("single_0-fuzz".into());
    let path = folder.path().join(format!("{run}.json"));
    std::fs::write(&path, bytes).expect("the state");
    let _ = state::load::<Run, Entry>(folder.path(), &run);
    let _ = state::list(folder.path());
    assert_eq!(std::fs::read(&path).expect("it is still there"), bytes);
});
