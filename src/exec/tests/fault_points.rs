//! Dying at every fault point: whatever dies where, a command runs once, and its end is told.
use std::{fs, process::Command};

use gpuyard_core::model::Outcome;
use gpuyard_exec::executor::{AttemptEvent, Executor, Recovered};
use gpuyard_fault::{Kind, POINTS};

use crate::yard::{Yard, program, wait_for, wait_until};

/// Launched by a process that dies at this point, or whose runner does.
fn launch_and_die(yard: &mut Yard, point: &str) -> gpuyard_core::model::UniId {
    let spec = yard.spec(&["echo run >> runs; exit 5"]);
    let (lease, attempt) = (yard.file("lease.json"), yard.file("spec.json"));
    fs::write(&lease, serde_json::to_vec(&yard.lease(&spec, true)).unwrap()).unwrap();
    fs::write(&attempt, serde_json::to_vec(&spec).unwrap()).unwrap();
    let folder = yard.folder(&spec.uni_id);
    let fuse = yard.file("fuse");
    fs::write(&fuse, "").unwrap();
    let mut command = Command::new(program());
    command
        .arg("launch")
        .arg(yard.host.path())
        .args([lease, attempt, folder])
        .env("GPUYARD_FAULT", format!("{point}:abort:{}", fuse.display()));
    command.status().unwrap();
    spec.uni_id
}

/// Fault C6 (P3).
#[test]
fn a_command_runs_at_most_once_wherever_somebody_dies() {
    // Those that a launch without a scheduler comes by.
    let first = POINTS.iter().position(|point| point.name == "spec-write").unwrap();
    for point in &POINTS[first..] {
        assert!(point.kinds.contains(&Kind::Abort));
        let point = point.name;
        let mut yard = Yard::new();
        let id = launch_and_die(&mut yard, point);
        let folder = yard.folder(&id);
        // The next scheduler, at once; and once more, as it may have met the runner just before its death.
        let outcome = wait_for(point, || {
            yard.new_executor();
            match yard.executor.recover(&id, &folder).unwrap() {
                Recovered::Ended(record) => Some(Some(record.outcome)),
                Recovered::Lost => Some(Some(Outcome::Lost)),
                Recovered::NeverStarted => Some(None),
                Recovered::Running { .. } | Recovered::Orphaned { .. } => {
                    let ended = |e: &AttemptEvent| matches!(e, AttemptEvent::Ended { .. });
                    match yard.event(point, ended) {
                        AttemptEvent::Ended { record, .. } => Some(Some(record.outcome)),
                        _ => None,
                    }
                }
            }
        });
        // An exit record may have been read before the runner that had just written it came to the point.
        wait_until(&format!("{point} is come by"), || !yard.file("fuse").exists());
        let runs = yard.lines("runs");
        let never_ran = [
            "spec-write",
            "attempt-written",
            "set-up",
            "forked",
            "start-write",
            "start-recorded",
        ]
        .contains(&point);
        assert_eq!(runs, usize::from(!never_ran), "{point}: {outcome:?}");
        match outcome {
            // Known for certain, and only then.
            None => assert!(never_ran, "{point}"),
            Some(Outcome::NotStarted { .. }) => assert!(never_ran, "{point}"),
            Some(Outcome::Exited { code: 5 }) => assert!(!never_ran, "{point}"),
            // It went before it was let go; or its code was reaped by the one who died.
            Some(Outcome::Lost | Outcome::Exited { code: 127 }) => {}
            other => panic!("{point}: {other:?}"),
        }
        // The same: a runner that is about to die has it until then, and the next scheduler clears it away.
        wait_until(&format!("{point}: its lease is cleared away"), || {
            if yard.has_lease(&id) {
                yard.new_executor();
                yard.executor.recover(&id, &folder).unwrap();
            }
            !yard.has_lease(&id)
        });
    }
}
