//! NVIDIA's GPUs through NVML, by a `libnvidia-ml.so.1` of our own that the real program loads.
use std::fs;

use fake_nvml::{STATE_FILE, State, install};
use serde_json::Value;

use crate::yard::{SINGLE, Yard, task, whole_leases_never_overlap};

/// A machine with NVIDIA's library in a folder of its own, and these GPUs.
fn machine(state: &State) -> Yard {
    let yard = Yard::new("");
    let folder = yard.base().join("driver");
    fs::create_dir(&folder).unwrap();
    install(&folder, &[]).unwrap();
    yard.set("GPUYARD_GPU_SOURCE", "nvml");
    yard.set("LD_LIBRARY_PATH", folder.to_str().unwrap());
    change(&yard, state);
    yard
}

fn change(yard: &Yard, state: &State) {
    let path = yard.base().join("driver").join(STATE_FILE);
    let new = path.with_extension("new");
    fs::write(&new, serde_json::to_vec(state).unwrap()).unwrap();
    fs::rename(new, path).unwrap();
}

/// Tasks are placed on what NVML reports, and told it in `CUDA_VISIBLE_DEVICES`.
#[test]
fn tasks_run_on_gpus_that_nvml_reports() {
    let yard = machine(&State::of(2));
    let shown = yard.json(&["gpus", "--json"]);
    assert_eq!(shown["gpus"].as_array().map(Vec::len), Some(2), "{shown:#}");
    assert_eq!(shown["gpus"][1]["uuid"], "GPU-00000001-1111-2222-3333-444444444444");
    yard.commands(SINGLE, &[task(1, "hold a"), task(2, "hold b"), task(3, "run c")]);
    let mut scheduler = yard.schedule(SINGLE);
    let mut gpus: Vec<u32> = ["a", "b"].iter().flat_map(|name| yard.started(name).gpus).collect();
    gpus.sort_unstable();
    assert_eq!(gpus, [0, 1]);
    yard.wait_task(SINGLE, (3, 0), "c waits", |task| {
        task["reason"]["code"] == "GpuHeldByOwnTask"
    });
    yard.go("a");
    yard.go("b");
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(whole_leases_never_overlap(&yard.marks()), 3);
}

/// A card whose memory others fill gets no task before they leave.
#[test]
fn a_full_gpu_is_waited_for() {
    let mut state = State::of(1);
    state.gpus[0].memory.used = 20 << 30;
    let yard = machine(&state);
    yard.commands(SINGLE, &[task(1, "run a").memory(10.0)]);
    let mut scheduler = yard.schedule(SINGLE);
    let waiting = yard.wait_task(SINGLE, (1, 0), "a waits", |task| task["reason"].is_object());
    assert_eq!(
        (&waiting["reason"]["code"], yard.starts("a")),
        (&Value::from("NotEnoughMemory"), 0)
    );
    state.gpus[0].memory.used = 0;
    change(&yard, &state);
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.starts("a"), 1);
}

/// A driver that is not there is said, and is no end: the scheduler waits for it.
#[test]
fn a_driver_that_comes_later_is_taken() {
    let yard = machine(&State::of(1));
    fs::remove_file(yard.base().join("driver").join(STATE_FILE)).unwrap();
    yard.commands(SINGLE, &[task(1, "run a")]);
    let mut scheduler = yard.schedule(SINGLE);
    let waiting = yard.wait_task(SINGLE, (1, 0), "a waits", |task| task["reason"].is_object());
    assert_eq!(
        (&waiting["reason"]["code"], scheduler.runs()),
        (&Value::from("GpusUnreadable"), true),
        "{waiting:#}"
    );
    change(&yard, &State::of(1));
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.starts("a"), 1);
}
