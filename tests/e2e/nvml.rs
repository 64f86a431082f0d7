//! NVIDIA's GPUs through NVML, by a `libnvidia-ml.so.1` of our own that the real program loads.
use std::fs;

use fake_nvml::{Process, STATE_FILE, State, install};
use serde_json::Value;

use crate::yard::{SINGLE, Yard, alive, task, wait_until, whole_leases_never_overlap};

/// A machine with NVIDIA's library in a folder of its own, and these GPUs.
pub(crate) fn machine(state: &State) -> Yard {
    let yard = Yard::new("");
    let folder = yard.base().join("driver");
    fs::create_dir(&folder).unwrap();
    install(&folder, &[]).unwrap();
    yard.set("GPUYARD_GPU_SOURCE", "nvml");
    yard.set("LD_LIBRARY_PATH", folder.to_str().unwrap());
    change(&yard, state);
    yard
}

pub(crate) fn change(yard: &Yard, state: &State) {
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

/// Fault G1 (P4).
/// A card that falls off the bus is shown as lost and gets no task; the one beside it does the work, and what runs on the lost
/// one is not touched.
#[test]
fn nothing_is_placed_on_a_lost_gpu() {
    let mut state = State::of(2);
    let yard = machine(&state);
    yard.commands(
        SINGLE,
        &[
            task(1, "hold a"),
            task(1, "run after-a"),
            task(2, "hold b"),
            task(3, "hold c"),
            task(3, "run d"),
        ],
    );
    let mut scheduler = yard.schedule(SINGLE);
    let marks = ["a", "b"].map(|name| yard.started(name));
    let (lost, kept) = (marks[0].gpus[0], marks[1].gpus[0]);
    state.gpus[lost as usize].lost = true;
    change(&yard, &state);
    let shown = yard.json(&["gpus", "--json"]);
    let health = |gpu: u32| {
        shown["gpus"]
            .as_array()
            .unwrap()
            .iter()
            .find(|entry| entry["index"] == gpu)
            .map(|entry| &entry["health"]["state"])
    };
    assert_eq!(
        (health(lost), health(kept)),
        (Some(&"lost".into()), Some(&"ok".into())),
        "{shown:#}"
    );
    assert!(alive(marks[0].pid), "a running task is marked, not killed");
    yard.go("a");
    wait_until("a is over", || yard.ended("a") && yard.leases().len() == 1);
    yard.wait_task(SINGLE, (1, 1), "its successor waits", |task| {
        task["reason"]["code"] == "GpuHeldByOwnTask"
    });
    yard.go("b");
    yard.go("c");
    assert_eq!(scheduler.wait(), 0);
    for name in ["after-a", "c", "d"] {
        assert_eq!(yard.marks_of("start", name)[0].gpus, [kept], "{name}");
    }
    assert_eq!(whole_leases_never_overlap(&yard.marks()), 5);
}

/// Someone else's process, as NVML lists it, is in the JSON with its owner and memory, and counts as taken only as the rules say.
#[test]
fn other_peoples_processes_are_seen() {
    let mut state = State::of(1);
    let own = std::process::id();
    state.gpus[0].processes = vec![Process::compute(own, 3 << 30)];
    state.gpus[0].memory.used = 3 << 30;
    let yard = machine(&state);
    let shown = yard.json(&["gpus", "--json"]);
    let process = &shown["gpus"][0]["processes"][0];
    assert_eq!(
        (&process["pid"], &process["gpu_memory"]),
        (&own.into(), &(3u64 << 30).into()),
        "{shown:#}"
    );
    assert_eq!(
        process["name"].as_str().map(|name| name.starts_with("e2e")),
        Some(true),
        "{process:#}"
    );
    // It is this user's own, and not of any queue: by default its GPU is not taken; packing, it is.
    yard.commands(SINGLE, &[task(1, "run a").memory(10.0)]);
    let mut scheduler = yard.schedule(SINGLE);
    let waiting = yard.wait_task(SINGLE, (1, 0), "a waits", |task| task["reason"].is_object());
    assert_eq!(
        (&waiting["reason"]["code"], yard.starts("a")),
        (&Value::from("GpuHasOwnProcess"), 0)
    );
    yard.rules(&[("maximize_resource_utilization", "true")]);
    assert_eq!(scheduler.wait(), 0);
    assert_eq!(yard.starts("a"), 1);
}
