//! The NVML source against a `libnvidia-ml.so` of our own: what it reads, and what it makes of a driver that
//! misbehaves.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod machine;

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use fake_nvml::{Answer, Process, State};
use gpuyard_core::model::{Bytes, Gpu, Health, Mono, Percent, Snapshot};
use gpuyard_gpu::{GpuReader, GpuSource, SourceContext, SourceError, SourceSpec, open};

use crate::machine::{Machine, at};

fn health(snapshot: &Snapshot) -> Vec<&'static str> {
    let word = |gpu: &Gpu| match gpu.health {
        Health::Ok => "ok",
        Health::Lost { .. } => "lost",
        Health::Unreadable { .. } => "unreadable",
    };
    snapshot.gpus.iter().map(word).collect()
}

fn places(snapshot: &Snapshot) -> Vec<(u32, &str)> {
    // The fake's UUIDs begin with the GPU's number.
    snapshot
        .gpus
        .iter()
        .map(|gpu| (gpu.index, gpu.uuid.as_str().get(11..12).unwrap_or("?")))
        .collect()
}

#[test]
fn two_gpus_are_read_with_all_that_they_report() {
    let mut state = State::of(2);
    state.gpus[1].memory.used = 3 << 30;
    state.gpus[1].utilization.gpu = 97;
    state.gpus[1].utilization.memory = 40;
    let machine = Machine::new(state);
    let snapshot = machine.source().snapshot(at(7)).unwrap();
    assert_eq!(
        (snapshot.source.as_str(), snapshot.mono, snapshot.gpus.len()),
        ("nvml", Mono(7), 2)
    );
    let gpu = &snapshot.gpus[1];
    assert_eq!(
        (gpu.index, gpu.uuid.as_str()),
        (1, "GPU-00000001-1111-2222-3333-444444444444")
    );
    assert_eq!(gpu.health, Health::Ok);
    let memory = gpu.memory.unwrap();
    // As nvidia-smi shows it: the driver's reserve is neither used nor free.
    assert_eq!((memory.used, memory.total), (Bytes(3 << 30), Bytes(24 << 30)));
    assert_eq!(memory.free, Bytes((21 << 30) - (512 << 20)));
    assert_eq!(
        (gpu.utilization, gpu.memory_utilization),
        (Some(Percent(97.0)), Some(Percent(40.0)))
    );
    assert_eq!(
        (gpu.temperature, gpu.power_draw, gpu.power_limit),
        (Some(34.0), Some(25.5), Some(300.0))
    );
    assert_eq!(gpu.fan_speed, Some(Percent(30.0)));
    assert_eq!((gpu.clock_graphics, gpu.clock_graphics_max), (Some(210), Some(2100)));
    assert_eq!((gpu.clock_memory, gpu.clock_memory_max), (Some(405), Some(9751)));
    assert_eq!((gpu.pcie_generation, gpu.pcie_width), (Some(4), Some(16)));
    assert_eq!(gpu.pci_bus_id.as_deref(), Some("00000000:11:00.0"));
    assert_eq!(
        (gpu.name.as_deref(), gpu.driver_version.as_deref()),
        (Some("NVIDIA Fake 24GB"), Some("550.54.14"))
    );
    assert_eq!(gpu.processes, Some(Vec::new()));
}

#[test]
fn memory_falls_back_to_the_first_version_of_its_call() {
    let mut state = State::of(1);
    state.gpus[0].memory.used = 1 << 30;
    for (missing, error) in [
        (&["nvmlDeviceGetMemoryInfo_v2"][..], None),
        (&[], Some(Answer::ArgumentVersionMismatch)),
        (&[], Some(Answer::FunctionNotFound)),
    ] {
        let mut state = state.clone();
        state.gpus[0]
            .errors
            .extend(error.map(|error| ("nvmlDeviceGetMemoryInfo_v2".to_owned(), error)));
        let machine = Machine::without(state, missing);
        let memory = machine.source().snapshot(at(1)).unwrap().gpus[0].memory.unwrap();
        assert_eq!(
            (memory.used, memory.total),
            (Bytes((1 << 30) + (512 << 20)), Bytes(24 << 30)),
            "{error:?}"
        );
        assert_eq!(memory.free.saturating_add(memory.used), memory.total);
    }
    let machine = Machine::without(state, &["nvmlDeviceGetMemoryInfo_v2", "nvmlDeviceGetMemoryInfo"]);
    let snapshot = machine.source().snapshot(at(1)).unwrap();
    assert_eq!((snapshot.gpus[0].memory, health(&snapshot)), (None, vec!["unreadable"]));
}

#[test]
fn what_is_not_supported_is_null_and_nothing_else_changes() {
    let mut state = State::of(2);
    for function in [
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetPowerUsage",
        "nvmlDeviceGetEnforcedPowerLimit",
        "nvmlDeviceGetNumFans",
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetMaxClockInfo",
        "nvmlDeviceGetPciInfo_v3",
        "nvmlDeviceGetCurrPcieLinkGeneration",
        "nvmlDeviceGetCurrPcieLinkWidth",
        "nvmlDeviceGetName",
        "nvmlDeviceGetComputeRunningProcesses_v3",
    ] {
        state.gpus[0].errors.insert(function.into(), Answer::NotSupported);
    }
    let machine = Machine::new(state);
    let snapshot = machine.source().snapshot(at(1)).unwrap();
    let mut bare = Gpu::new(0, snapshot.gpus[0].uuid.as_str(), snapshot.gpus[0].vendor);
    bare.memory = snapshot.gpus[0].memory;
    bare.driver_version.clone_from(&snapshot.gpus[0].driver_version);
    // Errors are told by events, which need none of these.
    bare.xids.clone_from(&snapshot.gpus[0].xids);
    assert_eq!(snapshot.gpus[0], bare);
    assert!(bare.memory.is_some() && snapshot.gpus[1].temperature.is_some());
}

#[test]
fn a_gpu_without_memory_of_its_own_has_the_hosts() {
    let mut state = State::of(2);
    for function in ["nvmlDeviceGetMemoryInfo", "nvmlDeviceGetMemoryInfo_v2"] {
        state.gpus[0].errors.insert(function.into(), Answer::NotSupported);
    }
    state.gpus[1].memory = fake_nvml::Memory {
        total: 0,
        reserved: 0,
        used: 0,
    };
    let machine = Machine::new(state);
    let snapshot = machine.source().snapshot(at(1)).unwrap();
    for gpu in &snapshot.gpus {
        let memory = gpu.memory.unwrap();
        assert_eq!(
            (memory.used, memory.free, memory.total),
            (Bytes(600 << 10), Bytes(400 << 10), Bytes(1000 << 10))
        );
    }
}

/// Fault G1 (P4).
#[test]
fn a_lost_gpu_keeps_its_place_and_the_others_go_on() {
    let mut machine = Machine::new(State::of(3));
    let mut source = machine.source();
    source.snapshot(at(1)).unwrap();
    machine.change(|state| state.gpus[1].lost = true);
    let snapshot = source.snapshot(at(2)).unwrap();
    assert_eq!(health(&snapshot), ["ok", "lost", "ok"]);
    assert_eq!(places(&snapshot), [(0, "0"), (1, "1"), (2, "2")]);
    let lost = &snapshot.gpus[1];
    assert_eq!(
        (lost.memory, lost.processes.as_ref(), lost.name.as_deref()),
        (None, None, Some("NVIDIA Fake 24GB"))
    );
    machine.change(|state| state.gpus[1].lost = false);
    assert_eq!(
        health(&source.snapshot(at(3)).unwrap()),
        ["ok", "ok", "ok"],
        "after a reset"
    );
}

#[test]
fn a_gpu_may_fall_off_the_bus_at_any_call() {
    let mut fell = 0;
    for after in 2..25 {
        let mut state = State::of(2);
        state.gpus[0].fall_off_after = Some(after);
        let machine = Machine::new(state);
        let mut source = machine.source();
        let first = source.snapshot(at(1)).unwrap();
        assert_eq!(first.gpus[1].health, Health::Ok);
        assert_eq!(places(&first), [(0, "0"), (1, "1")]);
        if first.gpus[0].health != Health::Ok {
            fell += 1;
            assert_eq!(
                (health(&first)[0], first.gpus[0].memory),
                ("lost", None),
                "after {after} calls"
            );
            assert_eq!(health(&source.snapshot(at(2)).unwrap()), ["lost", "ok"]);
        }
    }
    assert!(fell > 10);
}

#[test]
fn a_gpu_that_was_lost_before_we_came_has_a_place_and_no_name() {
    let mut state = State::of(2);
    state.gpus[0].lost = true;
    let mut machine = Machine::new(state);
    let mut source = machine.source();
    let snapshot = source.snapshot(at(1)).unwrap();
    assert_eq!(
        (health(&snapshot), snapshot.gpus[0].uuid.as_str()),
        (vec!["lost", "ok"], "unknown-0")
    );
    machine.change(|state| state.gpus[0].lost = false);
    assert_eq!(places(&source.snapshot(at(2)).unwrap()), [(0, "0"), (1, "1")]);
}

/// Fault G1 (P4).
#[test]
fn one_gpu_that_errs_is_unreadable_and_the_others_go_on() {
    let mut state = State::of(2);
    state.gpus[0]
        .errors
        .insert("nvmlDeviceGetMemoryInfo_v2".into(), Answer::NoPermission);
    let mut machine = Machine::new(state);
    let mut source = machine.source();
    let snapshot = source.snapshot(at(1)).unwrap();
    assert_eq!(
        (health(&snapshot), snapshot.gpus[0].memory),
        (vec!["unreadable", "ok"], None)
    );
    assert!(snapshot.gpus[0].temperature.is_some(), "what can be read is shown");
    machine.change(|state| {
        state.gpus[0]
            .errors
            .insert("nvmlDeviceGetHandleByIndex_v2".into(), Answer::Unknown);
    });
    let snapshot = source.snapshot(at(2)).unwrap();
    assert_eq!(
        (health(&snapshot), places(&snapshot)),
        (vec!["unreadable", "ok"], vec![(0, "0"), (1, "1")])
    );
}

/// Fault G1 (P4).
#[test]
fn gpus_are_followed_by_uuid_when_their_order_changes() {
    let mut machine = Machine::new(State::of(3));
    let mut source = machine.source();
    source.snapshot(at(1)).unwrap();
    machine.change(|state| {
        state.gpus.rotate_left(1);
        state.gpus[0].memory.used = 5 << 30;
    });
    let snapshot = source.snapshot(at(2)).unwrap();
    assert_eq!(places(&snapshot), [(0, "1"), (1, "2"), (2, "0")]);
    assert_eq!(snapshot.gpus[0].memory.unwrap().used, Bytes(5 << 30));
    assert_eq!(
        snapshot.gpus[0].pci_bus_id.as_deref(),
        Some("00000000:11:00.0"),
        "what is fixed goes with the UUID"
    );
}

/// Fault G1 (P4).
#[test]
fn of_eight_gpus_seven_are_left() {
    let mut machine = Machine::new(State::of(8));
    let mut source = machine.source();
    source.snapshot(at(1)).unwrap();
    machine.change(|state| drop(state.gpus.remove(3)));
    let snapshot = source.snapshot(at(2)).unwrap();
    let expected = [
        (0, "0"),
        (1, "1"),
        (2, "2"),
        (3, "4"),
        (4, "5"),
        (5, "6"),
        (6, "7"),
        (7, "3"),
    ];
    assert_eq!(
        places(&snapshot),
        expected,
        "CUDA's indices for those that are there, none twice"
    );
    assert_eq!(health(&snapshot)[7], "lost");
    assert_eq!(health(&snapshot)[..7], ["ok"; 7]);
}

#[test]
fn a_limit_of_visible_devices_holds_through_losses() {
    let mut machine = Machine::new(State::of(4));
    let context = SourceContext {
        visible_devices: Some("3,GPU-00000001,9,0".into()),
        ..machine.context()
    };
    let mut source = open(&SourceSpec::Nvml, context).unwrap();
    assert_eq!(places(&source.snapshot(at(1)).unwrap()), [(1, "1"), (3, "3")]);
    machine.change(|state| state.gpus[3].lost = true);
    let snapshot = source.snapshot(at(2)).unwrap();
    assert_eq!(
        (places(&snapshot), health(&snapshot)),
        (vec![(1, "1"), (3, "3")], vec!["ok", "lost"])
    );
}

#[test]
fn no_driver_is_an_error_for_nvml_and_an_empty_host_for_auto() {
    let machine = Machine::new(State::of(1));
    let library = machine.folder().join("not-there.so.1");
    let context = SourceContext {
        nvml_path: Some(library.clone()),
        ..machine.context()
    };
    let error = open(&SourceSpec::Nvml, context.clone())
        .unwrap()
        .snapshot(at(1))
        .unwrap_err();
    assert!(matches!(&error, SourceError::NoDriver { .. }), "{error}");
    assert!(
        error.to_string().starts_with("cannot find an NVIDIA driver: loading "),
        "{error}"
    );

    let mut auto = open(&SourceSpec::Auto, context).unwrap();
    let empty = auto.snapshot(at(1)).unwrap();
    assert_eq!((empty.source.as_str(), empty.gpus.len()), ("none", 0));
    // The driver is installed while we run. It is looked for again, though not at each snapshot.
    fs::rename(machine.library(), library).unwrap();
    assert_eq!(auto.snapshot(at(900)).unwrap().gpus.len(), 0);
    assert_eq!(auto.snapshot(at(1100)).unwrap().gpus.len(), 1);
}

#[test]
fn a_driver_that_is_not_loaded_is_no_driver_and_one_that_goes_away_is_an_error() {
    let mut machine = Machine::new(State::of(1));
    machine.change(|state| {
        state.errors.insert("nvmlInit_v2".into(), Answer::DriverNotLoaded);
    });
    let mut auto = open(&SourceSpec::Auto, machine.context()).unwrap();
    assert_eq!(auto.snapshot(at(1)).unwrap().gpus.len(), 0);
    machine.change(|state| state.errors.clear());
    assert_eq!(auto.snapshot(at(2000)).unwrap().gpus.len(), 1);
    fs::remove_file(machine.state_file()).unwrap();
    assert!(
        matches!(auto.snapshot(at(3000)), Err(SourceError::NoDriver { .. })),
        "GPUs that were there are not simply gone"
    );
    machine.write();
    assert_eq!(auto.snapshot(at(60_000)).unwrap().gpus.len(), 1);
}

#[test]
fn an_upgraded_driver_is_loaded_anew() {
    for upgraded in [Answer::LibRmVersionMismatch, Answer::Unknown, Answer::Uninitialized] {
        let mut machine = Machine::new(State {
            upgraded,
            ..State::of(2)
        });
        let mut source = machine.source();
        assert_eq!(
            source.snapshot(at(1)).unwrap().gpus[0].driver_version.as_deref(),
            Some("550.54.14")
        );
        machine.change(|state| state.driver_version = "565.57.01".into());
        let snapshot = source.snapshot(at(2)).unwrap();
        assert_eq!(
            snapshot.gpus[0].driver_version.as_deref(),
            Some("565.57.01"),
            "{upgraded:?}"
        );
        assert_eq!(
            (health(&snapshot), places(&snapshot)),
            (vec!["ok", "ok"], vec![(0, "0"), (1, "1")])
        );
    }
}

#[test]
fn a_driver_that_stays_broken_is_tried_again_with_growing_pauses() {
    let mut machine = Machine::new(State::of(1));
    let mut source = machine.source();
    source.snapshot(at(0)).unwrap();
    let broken = ("nvmlDeviceGetCount_v2".to_owned(), Answer::Unknown);
    machine.change(|state| state.errors.extend([broken.clone()]));
    let error = source.snapshot(at(1000)).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot count the GPUs through NVML: "),
        "{error}"
    );
    machine.change(|state| state.errors.clear());
    assert_eq!(
        source.snapshot(at(1001)),
        Err(error),
        "told again until the pause is over"
    );
    assert_eq!(health(&source.snapshot(at(10_000)).unwrap()), ["ok"]);

    machine.change(|state| state.errors.extend([broken]));
    for second in 20..1000 {
        assert!(source.snapshot(at(second * 1000)).is_err());
    }
    machine.change(|state| state.errors.clear());
    assert!(source.snapshot(at(1_000_000)).is_err(), "seldom by now");
    assert!(source.snapshot(at(1_061_000)).is_ok(), "and never given up");
}

/// Fault G1 (P4).
#[test]
fn a_driver_that_hangs_holds_up_nobody() {
    let mut machine = Machine::new(State::of(2));
    let reader = GpuReader::spawn(machine.source());
    let long = Duration::from_secs(60);
    reader.read(at(1), long).unwrap();
    machine.change(|state| _ = state.hang.insert("nvmlDeviceGetTemperature".into()));
    let since = Mono(2);
    assert_eq!(
        reader.read(at(2), Duration::from_millis(50)),
        Err(SourceError::Hung { since })
    );
    assert_eq!(reader.read(at(3), long), Err(SourceError::Hung { since }), "at once");
    let (last, taken) = reader.latest().unwrap();
    assert_eq!((health(&last), taken), (vec!["ok", "ok"], Mono(1)));
    machine.change(|state| state.hang.clear());
    let deadline = Instant::now() + long;
    while reader.latest().unwrap().1 < Mono(2) {
        assert!(Instant::now() < deadline);
        std::thread::yield_now();
    }
    assert_eq!(reader.read(at(4), long).unwrap().mono, Mono(4));
}

#[test]
fn a_source_can_be_given_to_another_thread() {
    let machine = Machine::new(State::of(1));
    let mut source: Box<dyn GpuSource> = machine.source();
    source.snapshot(at(1)).unwrap();
    let reader = Arc::new(GpuReader::spawn(source));
    assert_eq!(reader.read(at(2), Duration::from_secs(60)).unwrap().gpus.len(), 1);
}

/// `cargo nextest run -p gpuyard-gpu --run-ignored only --no-capture cost` prints what a snapshot costs.
#[test]
#[ignore = "prints a measurement"]
fn cost_of_a_snapshot_of_8_gpus_with_50_processes() {
    let mut state = State::of(8);
    let mut children = Vec::new();
    for index in 0..50 {
        let child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let process = Process {
            sm: Some(10),
            ..Process::compute(child.id(), 1 << 30)
        };
        state.gpus[index % 8].processes.push(process);
        children.push(child);
    }
    let machine = Machine::new(state);
    let context = SourceContext {
        proc_root: "/proc".into(),
        ..machine.context()
    };
    let mut source = open(&SourceSpec::Nvml, context).unwrap();
    let first = Instant::now();
    source.snapshot(at(0)).unwrap();
    let first = first.elapsed();
    let began = Instant::now();
    for round in 0..200 {
        let snapshot = source.snapshot(at(1 + round)).unwrap();
        let seen = snapshot.gpus.iter().filter_map(|gpu| gpu.processes.as_ref());
        assert_eq!(seen.map(Vec::len).sum::<usize>(), 50);
    }
    println!("first snapshot {first:?}, then {:?} each", began.elapsed() / 200);
    for mut child in children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}

#[test]
fn xid_errors_are_counted_once_each_and_outlive_the_library() {
    let mut machine = Machine::new(State::of(2));
    let mut source = machine.source();
    let counts = |snapshot: &Snapshot| -> Vec<Option<(u64, Option<u64>)>> {
        let each = snapshot.gpus.iter().map(|gpu| &gpu.xids);
        each.map(|xids| xids.as_ref().map(|xids| (xids.count, xids.last_code)))
            .collect()
    };
    assert_eq!(counts(&source.snapshot(at(0)).unwrap()), [Some((0, None)); 2]);
    machine.state.gpus[1].xids = vec![31, 79];
    machine.write();
    for now in [1, 2] {
        let snapshot = source.snapshot(at(now)).unwrap();
        assert_eq!(counts(&snapshot), [Some((0, None)), Some((2, Some(79)))]);
        assert!(snapshot.gpus[1].xids.as_ref().unwrap().last_at.is_some());
    }
    let old = Machine::without(State::of(1), &["nvmlEventSetCreate"]);
    assert_eq!(
        counts(&old.source().snapshot(at(0)).unwrap()),
        [None],
        "a driver that tells of none"
    );
}
