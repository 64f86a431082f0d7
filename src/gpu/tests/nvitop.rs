//! Our figures equal nvitop's on the same library: another program, written by others, that reads NVML for a living.
//!
//! nvitop comes from PyPI into a virtual environment in the target folder, once. Where it cannot be installed the test
//! says so and passes.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod machine;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use fake_nvml::{Clocks, Process, State, Utilization};
use gpuyard_core::model::Gpu;
use gpuyard_gpu::{SourceContext, SourceSpec, open};
use serde_json::{Value, json};

use crate::machine::{Machine, at};

const VERSION: &str = "nvitop==1.7.2";

/// Prints one JSON object a GPU, in the words of this test.
const SCRIPT: &str = r#"
import json, nvitop
def known(value):
    return None if isinstance(value, nvitop.NaType) else value
out = []
for device in nvitop.Device.all():
    with device.oneshot():
        memory, clocks, maximum = device.memory_info(), device.clock_infos(), device.max_clock_infos()
        processes = [{"pid": pid, "memory": known(process.gpu_memory()), "sm": known(process.gpu_sm_utilization()), "type": process.type}
                     for pid, process in device.processes().items()]
        out.append({
            "index": device.index, "uuid": device.uuid(), "name": device.name(), "bus": device.bus_id(),
            "used": known(memory.used), "free": known(memory.free), "total": known(memory.total),
            "utilization": known(device.gpu_utilization()), "memory_utilization": known(device.memory_utilization()),
            "temperature": known(device.temperature()), "fan": known(device.fan_speed()),
            "power": known(device.power_usage()), "limit": known(device.power_limit()),
            "clocks": [known(clocks.graphics), known(clocks.memory), known(maximum.graphics), known(maximum.memory)],
            "driver": nvitop.Device.driver_version(),
            "processes": sorted(processes, key=lambda process: process["pid"]),
        })
print(json.dumps(out))
"#;

fn runs(command: &mut Command) -> bool {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .stdin(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Python with nvitop, installed at most once for a target folder.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(VERSION.replace("==", "-"));
    let python = folder.join("bin/python3");
    let works = || runs(Command::new(&python).args(["-c", "import nvitop"]));
    if works() {
        return Some(python);
    }
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        VERSION,
    ];
    let made =
        runs(Command::new("python3").args(["-m", "venv"]).arg(&folder)) && runs(Command::new(&python).args(install));
    if made && works() {
        return Some(python);
    }
    // Half an installation must not stand in the way of the next try.
    _ = fs::remove_dir_all(&folder);
    None
}

/// The same as nvitop's, in the words of the script.
fn ours(gpu: &Gpu) -> Value {
    let whole = |value: Option<f32>| value.map(|value| value.round() as u64);
    let memory = gpu.memory.unwrap();
    let processes: Vec<Value> = gpu
        .processes
        .as_ref()
        .unwrap()
        .iter()
        .map(|process| {
            let kind = match process.work {
                gpuyard_core::model::Work::Compute => "C",
                gpuyard_core::model::Work::Graphics => "G",
                gpuyard_core::model::Work::Both => "C+G",
            };
            let sm = whole(process.sm_utilization.map(|share| share.0));
            json!({ "pid": process.pid, "memory": process.memory.map(|memory| memory.0), "sm": sm, "type": kind })
        })
        .collect();
    json!({
        "index": gpu.index,
        "uuid": gpu.uuid.0,
        "name": gpu.name,
        "bus": gpu.pci_bus_id,
        "used": memory.used.0,
        "free": memory.free.0,
        "total": memory.total.0,
        "utilization": whole(gpu.utilization.map(|share| share.0)),
        "memory_utilization": whole(gpu.memory_utilization.map(|share| share.0)),
        "temperature": whole(gpu.temperature),
        "fan": whole(gpu.fan_speed.map(|share| share.0)),
        "power": whole(gpu.power_draw.map(|watts| watts * 1000.0)),
        "limit": whole(gpu.power_limit.map(|watts| watts * 1000.0)),
        "clocks": [gpu.clock_graphics, gpu.clock_memory, gpu.clock_graphics_max, gpu.clock_memory_max],
        "driver": gpu.driver_version,
        "processes": processes,
    })
}

#[test]
fn our_figures_equal_nvitops_on_the_same_library() {
    let Some(python) = python() else {
        println!("SKIPPED: {VERSION} cannot be installed here (python3 with venv and PyPI are needed)");
        return;
    };
    let mut state = State::of(3);
    // nvitop drops what is not in /proc, as we do: real processes, one of them listed twice.
    let mut children: Vec<_> = (0..3)
        .map(|_| Command::new("sleep").arg("600").spawn().unwrap())
        .collect();
    state.gpus[0].processes = vec![
        Process {
            sm: Some(61),
            ..Process::compute(children[0].id(), 2 << 30)
        },
        Process {
            sm: Some(7),
            graphics: true,
            ..Process::compute(children[1].id(), 300 << 20)
        },
    ];
    state.gpus[1].processes = vec![Process {
        sm: Some(100),
        ..Process::compute(children[2].id(), 20 << 30)
    }];
    state.gpus[0].memory.used = 2500 << 20;
    state.gpus[0].utilization = Utilization { gpu: 68, memory: 31 };
    state.gpus[1].clocks = Clocks {
        graphics: 1980,
        sm: 1980,
        memory: 9501,
        video: 1700,
    };
    state.gpus[1].power_usage = 298_765;
    state.gpus[2].fans = vec![];
    for function in [
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetPowerUsage",
    ] {
        state.gpus[2]
            .errors
            .insert(function.into(), fake_nvml::Answer::NotSupported);
    }
    let machine = Machine::new(state);

    let answer = Command::new(python)
        .args(["-c", SCRIPT])
        .env("LD_LIBRARY_PATH", machine.folder())
        .env_remove("CUDA_VISIBLE_DEVICES")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    let theirs: Value = serde_json::from_slice(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {said}"));
    let context = SourceContext {
        proc_root: "/proc".into(),
        ..machine.context()
    };
    let snapshot = open(&SourceSpec::Nvml, context).unwrap().snapshot(at(1)).unwrap();
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let ours: Value = snapshot.gpus.iter().map(ours).collect();
    assert_eq!(ours, theirs);
}
