//! The lists of processes, as our raw calls read them: every stride, old functions, more processes than drivers were made
//! for, and pids that cannot be. `./test.sh` runs all of it once more under Valgrind.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod machine;

use std::fs;

use fake_nvml::{Answer, Process, State};
use gpuyard_core::model::{Bytes, Gpu, Health, Percent, UniId, Work};

use crate::machine::{Machine, at};

fn pids(gpu: &Gpu) -> Vec<i32> {
    gpu.processes
        .as_ref()
        .unwrap()
        .iter()
        .map(|process| process.pid)
        .collect()
}

#[test]
fn processes_come_with_what_placement_needs() {
    let mut state = State::of(1);
    state.gpus[0].processes = vec![
        Process {
            sm: Some(55),
            ..Process::compute(100, 2 << 30)
        },
        Process {
            pid: 200,
            memory: None,
            compute: true,
            graphics: true,
            sm: None,
        },
        Process {
            pid: 300,
            memory: Some(5 << 20),
            compute: false,
            graphics: true,
            sm: Some(250),
        },
    ];
    let machine = Machine::new(state);
    machine.process(100, 1001, 777, "HOME=/h GPUYARD_UNI_ID=abc GPUYARD_UNI_ID_NOT=x");
    machine.process(200, 1002, 778, "HOME=/h");
    machine.process(300, 0, 5, "");
    fs::remove_file(machine.proc_root().join("300/environ")).unwrap();
    let mut source = machine.source();
    let snapshot = source.snapshot(at(1)).unwrap();
    let list = snapshot.gpus[0].processes.clone().unwrap();
    let seen: Vec<_> = list
        .iter()
        .map(|one| (one.pid, one.start_ticks, one.uid, one.work, one.memory))
        .collect();
    assert_eq!(
        seen,
        [
            (100, 777, Some(1001), Work::Compute, Some(Bytes(2 << 30))),
            (200, 778, Some(1002), Work::Both, None),
            (300, 5, Some(0), Work::Graphics, Some(Bytes(5 << 20))),
        ]
    );
    assert_eq!(list[0].uni_id, Some(UniId("abc".into())));
    assert_eq!((&list[1].uni_id, &list[2].uni_id), (&None, &None));
    let shares: Vec<_> = list.iter().map(|process| process.sm_utilization).collect();
    assert_eq!(
        shares,
        [Some(Percent(55.0)), Some(Percent(0.0)), Some(Percent(0.0))],
        "no sample: idle; 250 %: garbage"
    );

    // The pid comes back as somebody else's.
    machine.process(100, 1009, 900, "GPUYARD_UNI_ID=other");
    let snapshot = source.snapshot(at(2)).unwrap();
    let process = &snapshot.gpus[0].processes.as_ref().unwrap()[0];
    assert_eq!(
        (process.start_ticks, process.uid, process.uni_id.clone()),
        (900, Some(1009), Some(UniId("other".into())))
    );
}

#[test]
fn utilisation_of_processes_is_null_where_it_is_not_supported_and_0_where_nothing_ran() {
    let mut state = State::of(2);
    for gpu in &mut state.gpus {
        gpu.processes = vec![Process::compute(100, 1 << 30)];
    }
    state.gpus[0]
        .errors
        .insert("nvmlDeviceGetProcessUtilization".into(), Answer::NotSupported);
    let machine = Machine::new(state);
    machine.process(100, 0, 1, "");
    let snapshot = machine.source().snapshot(at(1)).unwrap();
    let share = |gpu: &Gpu| gpu.processes.as_ref().unwrap()[0].sm_utilization;
    assert_eq!(
        (share(&snapshot.gpus[0]), share(&snapshot.gpus[1])),
        (None, Some(Percent(0.0)))
    );
}

/// Fault G3 (P4).
#[test]
fn pids_that_cannot_be_are_not_believed() {
    let mut state = State::of(1);
    let listed = [0, 1, 4_294_967_295, 2_147_483_648, 4_194_305, 500, 100];
    state.gpus[0].processes = listed.iter().map(|pid| Process::compute(*pid, 1)).collect();
    let machine = Machine::new(state);
    for pid in [0, 1, 100, 4_194_305, 2_147_483_648] {
        machine.process(pid, 0, 1, "");
    }
    let snapshot = machine.source().snapshot(at(1)).unwrap();
    assert_eq!(pids(&snapshot.gpus[0]), [100], "500 has no entry in /proc");
}

/// Fault G3 (P4).
#[test]
fn both_strides_and_any_number_of_processes_are_read_right() {
    for stride in [24, 32] {
        for count in [1, 2, 15, 16, 20, 64, 65, 300] {
            let mut state = State {
                process_stride: stride,
                ..State::of(1)
            };
            let expected: Vec<i32> = (1000..1000 + count).collect();
            state.gpus[0].processes = expected
                .iter()
                .map(|pid| Process::compute(*pid as u32, *pid as u64 * 1024))
                .collect();
            let machine = Machine::new(state);
            for pid in &expected {
                machine.process(*pid as u32, 0, 1, "");
            }
            let snapshot = machine.source().snapshot(at(1)).unwrap();
            assert_eq!(pids(&snapshot.gpus[0]), expected, "stride {stride}, {count} processes");
            let list = snapshot.gpus[0].processes.as_ref().unwrap();
            assert!(
                list.iter()
                    .all(|process| process.memory == Some(Bytes(process.pid as u64 * 1024)))
            );
        }
    }
}

const V3: [&str; 2] = [
    "nvmlDeviceGetComputeRunningProcesses_v3",
    "nvmlDeviceGetGraphicsRunningProcesses_v3",
];
const V2: [&str; 2] = [
    "nvmlDeviceGetComputeRunningProcesses_v2",
    "nvmlDeviceGetGraphicsRunningProcesses_v2",
];
const V1: [&str; 2] = [
    "nvmlDeviceGetComputeRunningProcesses",
    "nvmlDeviceGetGraphicsRunningProcesses",
];

/// Fault G3 (P4).
#[test]
fn older_drivers_are_asked_by_the_functions_that_they_have() {
    for missing in [&[][..], &V3, &[V3, V2].concat()] {
        let mut state = State::of(1);
        state.gpus[0].processes = vec![
            Process::compute(100, 2 << 30),
            Process {
                pid: 200,
                compute: false,
                graphics: true,
                ..Process::default()
            },
            Process::compute(300, 3 << 30),
        ];
        let machine = Machine::without(state, missing);
        for pid in [100, 200, 300] {
            machine.process(pid, 0, 1, "");
        }
        let snapshot = machine.source().snapshot(at(1)).unwrap();
        assert_eq!(pids(&snapshot.gpus[0]), [100, 200, 300], "without {missing:?}");
        assert_eq!(
            snapshot.gpus[0].processes.as_ref().unwrap()[2].memory,
            Some(Bytes(3 << 30))
        );
    }
}

#[test]
fn a_driver_without_any_list_of_processes_has_an_unknown_one() {
    let machine = Machine::without(State::of(1), &[V3, V2, V1].concat());
    let snapshot = machine.source().snapshot(at(1)).unwrap();
    assert_eq!(
        (&snapshot.gpus[0].processes, &snapshot.gpus[0].health),
        (&None, &Health::Ok)
    );
}
