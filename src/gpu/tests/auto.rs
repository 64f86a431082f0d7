//! All makers in one host: `auto` joins them, keeps their places, and goes on where one of them fails.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod machine;
mod tree;

use fake_nvml::{Answer, State};
use gpuyard_core::model::{Gpu, Health, Vendor};
use gpuyard_gpu::{GpuSource, SourceContext, SourceSpec, open};
use machine::Machine;
use tree::{Tree, at};

/// Two of NVIDIA's, one of AMD's, and graphics of Intel's and AMD's inside the processor.
fn host() -> (Machine, Tree) {
    let machine = Machine::new(State::of(2));
    let tree = Tree::new();
    tree.plug(0, "i915", "8086:A780", "0000:00:02.0");
    tree.plug(1, "amdgpu", "1002:744C", "0000:0c:00.0");
    tree.card(
        1,
        &[
            ("device/mem_info_vram_total", "25753026560"),
            ("device/mem_info_vram_used", "1"),
            ("device/unique_id", "a1b2c3d4e5f60718"),
        ],
    );
    tree.plug(2, "amdgpu", "1002:164E", "0000:10:00.0");
    tree.card(
        2,
        &[
            ("device/mem_info_vram_total", "536870912"),
            ("device/mem_info_vram_used", "1"),
        ],
    );
    (machine, tree)
}

fn auto(machine: &Machine, tree: &Tree) -> Box<dyn GpuSource> {
    let context = SourceContext {
        nvml_path: Some(machine.library()),
        ..tree.context()
    };
    open(&SourceSpec::Auto, context).unwrap()
}

fn places(gpus: &[Gpu]) -> Vec<(u32, Vendor, String)> {
    gpus.iter()
        .map(|gpu| (gpu.index, gpu.vendor, gpu.visible_as()))
        .collect()
}

#[test]
fn all_makers_stand_side_by_side_and_screens_are_left_out() {
    let (machine, tree) = host();
    let mut source = auto(&machine, &tree);
    let snapshot = source.snapshot(at(1000)).unwrap();
    assert_eq!(snapshot.source, "nvml+amd");
    assert_eq!(
        places(&snapshot.gpus),
        [
            (0, Vendor::Nvidia, "0".to_owned()),
            (1, Vendor::Nvidia, "1".to_owned()),
            (2, Vendor::Amd, "0".to_owned())
        ]
    );
    // Named, its maker's are all there.
    assert_eq!(tree.source("amd").snapshot(at(1000)).unwrap().gpus.len(), 2);
    assert_eq!(tree.source("intel").snapshot(at(1000)).unwrap().gpus.len(), 1);
}

#[test]
fn indices_stay_with_their_gpus_whatever_happens_to_others() {
    let (mut machine, tree) = host();
    let mut source = auto(&machine, &tree);
    source.snapshot(at(1000)).unwrap();
    // The driver counts another way, and one more card is there.
    machine.change(|state| {
        state.gpus.reverse();
        state.gpus.push(fake_nvml::Gpu::new(7));
    });
    let gpus = source.snapshot(at(2000)).unwrap().gpus;
    assert_eq!(
        places(&gpus),
        [
            (0, Vendor::Nvidia, "1".to_owned()),
            (1, Vendor::Nvidia, "0".to_owned()),
            (2, Vendor::Amd, "0".to_owned()),
            (3, Vendor::Nvidia, "2".to_owned())
        ],
        "CUDA's variable follows the driver"
    );
    // AMD's card goes, and NVIDIA's list grows shorter.
    tree.remove("sys/class/drm/card1");
    machine.change(|state| drop(state.gpus.remove(0)));
    let gpus = source.snapshot(at(3000)).unwrap().gpus;
    assert_eq!(gpus.iter().map(|gpu| gpu.index).collect::<Vec<_>>(), [0, 1, 2, 3]);
    let lost: Vec<u32> = gpus
        .iter()
        .filter(|gpu| matches!(gpu.health, Health::Lost { .. }))
        .map(|gpu| gpu.index)
        .collect();
    assert_eq!(lost, [1, 2]);
}

#[test]
fn one_maker_that_fails_is_a_state_and_the_others_go_on() {
    let (mut machine, tree) = host();
    let mut source = auto(&machine, &tree);
    source.snapshot(at(1000)).unwrap();
    machine.change(|state| {
        state
            .errors
            .insert("nvmlDeviceGetCount_v2".into(), Answer::NoPermission);
    });
    let gpus = source.snapshot(at(2000)).unwrap().gpus;
    assert_eq!(gpus.len(), 3);
    assert!(
        gpus[..2]
            .iter()
            .all(|gpu| matches!(gpu.health, Health::Unreadable { .. }) && gpu.memory.is_none())
    );
    assert_eq!((gpus[2].vendor, gpus[2].health.clone()), (Vendor::Amd, Health::Ok));
    // With nobody left that can be read, it is an error, and the last good look stays shown.
    tree.remove("proc");
    assert!(source.snapshot(at(3000)).is_err());
    machine.change(|state| state.errors.clear());
    let gpus = source.snapshot(at(4000)).unwrap().gpus;
    assert_eq!(gpus[0].health, Health::Ok);
    assert!(matches!(gpus[2].health, Health::Unreadable { .. }));
}

#[test]
fn a_driver_that_hangs_holds_up_nobody_else() {
    let (mut machine, tree) = host();
    let mut source = auto(&machine, &tree);
    source.snapshot(at(1000)).unwrap();
    machine.change(|state| _ = state.hang.insert("nvmlDeviceGetCount_v2".into()));
    let gpus = source.snapshot(at(2000)).unwrap().gpus;
    assert!(matches!(gpus[0].health, Health::Unreadable { .. }));
    assert_eq!(gpus[2].health, Health::Ok);
    machine.change(|state| state.hang.clear());
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while source.snapshot(at(3000)).unwrap().gpus[0].health != Health::Ok {
        assert!(std::time::Instant::now() < deadline);
    }
}

#[test]
fn a_host_without_a_gpu_has_none_and_a_card_that_comes_later_is_found() {
    let tree = Tree::new();
    let mut source = tree.source("auto");
    let snapshot = source.snapshot(at(1000)).unwrap();
    assert_eq!((snapshot.source.as_str(), snapshot.gpus.len()), ("none", 0));
    tree.plug(0, "xe", "8086:56A0", "0000:03:00.0");
    tree.card(0, &[("device/tile0/physical_vram_size_bytes", "17179869184")]);
    assert_eq!(source.snapshot(at(20_000)).unwrap().gpus[0].vendor, Vendor::Intel);
}
