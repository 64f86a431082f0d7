//! AMD's cards on trees as amdgpu and KFD have them: several cards and kernels, missing and torn files, lost cards.
#![allow(clippy::unwrap_used)]
mod tree;

use gpuyard_core::model::{Bytes, Health, Percent, Vendor, Work};
use gpuyard_gpu::SourceError;
use tree::{Tree, look};

/// A Radeon at 0000:0c:00.0 and an Instinct at 0000:41:00.0, which KFD counts the other way round.
fn two_cards() -> Tree {
    let tree = Tree::new();
    tree.plug(1, "amdgpu", "1002:740F", "0000:41:00.0");
    tree.plug(0, "amdgpu", "1002:744C", "0000:0C:00.0");
    tree.card(
        0,
        &[
            ("device/mem_info_vram_total", "25753026560"),
            ("device/mem_info_vram_used", "1073741824"),
            ("device/gpu_busy_percent", "37"),
            ("device/mem_busy_percent", "12"),
            ("device/unique_id", "a1b2c3d4e5f60718"),
            ("device/current_link_speed", "16.0 GT/s PCIe"),
            ("device/current_link_width", "16"),
            ("device/pp_dpm_sclk", "0: 500Mhz \n1: 1350Mhz *\n2: 2482Mhz "),
            ("device/hwmon/hwmon4/temp1_input", "54000"),
            ("device/hwmon/hwmon4/temp1_label", "edge"),
            ("device/hwmon/hwmon4/power1_average", "71000000"),
            ("device/hwmon/hwmon4/power1_cap", "303000000"),
            ("device/hwmon/hwmon4/fan1_input", "600"),
            ("device/hwmon/hwmon4/fan1_max", "3000"),
            ("device/hwmon/hwmon4/freq1_input", "1350000000"),
        ],
    );
    tree.card(
        1,
        &[
            ("device/mem_info_vram_total", "68702699520"),
            ("device/mem_info_vram_used", "34351349760"),
            ("device/product_name", "AMD Instinct MI210"),
            ("device/unique_id", "00ff00ff00ff00ff"),
            ("device/hwmon/hwmon5/temp2_input", "61000"),
            ("device/hwmon/hwmon5/temp2_label", "junction"),
            ("device/hwmon/hwmon5/power1_input", "90500000"),
        ],
    );
    tree.write("sys/class/kfd/kfd/topology/nodes/0/gpu_id", "0");
    tree.node(1, 51, 0x41 << 8);
    tree.node(2, 12, 0x0c << 8);
    tree.write("sys/module/amdgpu/version", "6.8.5");
    tree
}

#[test]
fn each_card_shows_what_its_driver_tells_and_null_for_the_rest() {
    let tree = two_cards();
    let gpus = look(&mut *tree.source("amd"), 1000);
    let [radeon, instinct] = &gpus[..] else {
        panic!("{gpus:#?}")
    };
    assert_eq!((radeon.index, radeon.vendor), (0, Vendor::Amd));
    assert_eq!(radeon.uuid.as_str(), "GPU-a1b2c3d4e5f60718");
    assert_eq!(radeon.name.as_deref(), Some("AMD GPU 744c"));
    assert_eq!(radeon.memory.unwrap().free, Bytes(25_753_026_560 - (1 << 30)));
    assert_eq!(
        (radeon.utilization, radeon.memory_utilization),
        (Some(Percent(37.0)), Some(Percent(12.0)))
    );
    assert_eq!(
        (radeon.temperature, radeon.power_draw, radeon.power_limit),
        (Some(54.0), Some(71.0), Some(303.0))
    );
    assert_eq!(
        (radeon.fan_speed, radeon.clock_graphics, radeon.clock_graphics_max),
        (Some(Percent(20.0)), Some(1350), Some(2482))
    );
    assert_eq!((radeon.pcie_generation, radeon.pcie_width), (Some(4), Some(16)));
    assert_eq!(radeon.driver_version.as_deref(), Some("amdgpu 6.8.5"));
    assert_eq!(instinct.name.as_deref(), Some("AMD Instinct MI210"));
    assert_eq!((instinct.temperature, instinct.power_draw), (Some(61.0), Some(90.5)));
    assert_eq!(
        (
            instinct.power_limit,
            instinct.fan_speed,
            instinct.utilization,
            instinct.clock_memory_max
        ),
        (None, None, None, None)
    );
    assert_eq!(
        [radeon, instinct].map(|gpu| gpu.health.clone()),
        [Health::Ok, Health::Ok]
    );
    // ROCm counts as KFD does.
    assert_eq!((radeon.visible_as(), instinct.visible_as()), ("1".into(), "0".into()));
}

#[test]
fn processes_of_every_user_come_from_kfd_and_drawing_from_fdinfo() {
    let tree = two_cards();
    tree.process(100, 1000, 7);
    tree.process(200, 1001, 8);
    tree.process(300, 1000, 9);
    tree.process(301, 1000, 10);
    for (pid, gpu, bytes) in [
        (100, 12, "2147483648"),
        (100, 51, "0"),
        (200, 12, "1048576"),
        (200, 51, "4096"),
        (999, 51, "5"),
    ] {
        tree.write(&format!("sys/class/kfd/kfd/proc/{pid}/vram_{gpu}"), bytes);
    }
    tree.write("sys/class/kfd/kfd/proc/100/stats_12/cu_occupancy", "30");
    let client = |pci: &str, id: u32, kib: u64, ns: u64| {
        format!(
            "drm-driver:\tamdgpu\ndrm-client-id:\t{id}\ndrm-pdev:\t{pci}\ndrm-memory-vram:\t{kib} KiB\ndrm-engine-gfx:\t{ns} ns"
        )
    };
    // The runtime has both cards open, and uses one; what it holds there stands in both places and is there once.
    tree.open(100, 5, &client("0000:0c:00.0", 1, 1024, 0));
    tree.open(100, 6, &client("0000:41:00.0", 2, 0, 0));
    // A desktop and its child share one client.
    tree.open(300, 9, &client("0000:0c:00.0", 3, 2048, 1_000_000_000));
    tree.open(301, 9, &client("0000:0c:00.0", 3, 2048, 1_000_000_000));
    let mut source = tree.source("amd");
    let gpus = look(&mut *source, 1000);
    let listed = |index: usize| {
        let list = gpus[index].processes.as_ref().unwrap();
        list.iter()
            .map(|p| (p.pid, p.uid, p.work, p.memory.unwrap().0))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        listed(0),
        [
            (100, Some(1000), Work::Compute, 2 << 30),
            (200, Some(1001), Work::Compute, 1 << 20),
            (300, Some(1000), Work::Graphics, 2 << 20),
        ]
    );
    assert_eq!(listed(1), [(200, Some(1001), Work::Compute, 4096)]);
    assert_eq!(
        (gpus[0].hidden_processes, gpus[1].hidden_processes),
        (0, 1),
        "999 is nowhere in /proc"
    );
    let first = &gpus[0].processes.as_ref().unwrap()[0];
    assert_eq!(first.sm_utilization, Some(Percent(50.0)), "30 of 60 compute units");
    assert_eq!(first.uni_id.as_ref().unwrap().as_str(), "key");
    // Half a second of drawing in one, by the counters; the younger holds the client once the elder is gone.
    for pid in [300, 301] {
        tree.open(pid, 9, &client("0000:0c:00.0", 3, 2048, 1_500_000_000));
    }
    let gpus = look(&mut *source, 2000);
    assert_eq!(
        gpus[0].processes.as_ref().unwrap()[2].sm_utilization,
        Some(Percent(50.0))
    );
    tree.remove("proc/300");
    let gpus = look(&mut *source, 3000);
    assert_eq!(gpus[0].processes.as_ref().unwrap()[2].pid, 301);
}

#[test]
fn a_new_process_is_found_at_once_and_one_that_opens_a_card_late_soon() {
    let tree = two_cards();
    tree.process(50, 1000, 5);
    let mut source = tree.source("amd");
    assert_eq!(look(&mut *source, 0)[0].processes, Some(vec![]));
    let client = "drm-client-id:\t1\ndrm-pdev:\t0000:0c:00.0\ndrm-resident-vram:\t64 MiB";
    tree.process(60, 1000, 6);
    tree.open(60, 4, client);
    assert_eq!(look(&mut *source, 100)[0].processes.as_ref().unwrap()[0].pid, 60);
    // 50 was looked into at its beginning, and is again after a second.
    tree.remove("proc/60");
    tree.open(50, 4, client);
    assert_eq!(look(&mut *source, 1000)[0].processes.as_ref().unwrap()[0].pid, 50);
}

#[test]
fn torn_and_missing_files_make_a_card_unreadable_and_not_free() {
    let tree = two_cards();
    let mut source = tree.source("amd");
    for (name, text) in [
        ("mem_info_vram_used", ""),
        ("mem_info_vram_used", "10 737\n"),
        ("mem_info_vram_total", "0\n"),
    ] {
        let path = format!("sys/class/drm/card0/device/{name}");
        let before = std::fs::read_to_string(tree.path(&path)).unwrap();
        tree.tear(&path, text);
        let gpus = look(&mut *source, 1000);
        assert!(matches!(gpus[0].health, Health::Unreadable { .. }), "{name} {text:?}");
        assert_eq!((gpus[0].memory, gpus[1].health.clone()), (None, Health::Ok));
        tree.tear(&path, &before);
    }
    tree.remove("sys/class/drm/card0/device/mem_info_vram_used");
    tree.tear("sys/class/drm/card0/device/gpu_busy_percent", "137\n");
    tree.tear("sys/class/drm/card0/device/hwmon/hwmon4/temp1_input", "54");
    tree.remove("sys/class/kfd");
    let gpus = look(&mut *source, 2000);
    assert!(matches!(gpus[0].health, Health::Unreadable { .. }));
    assert_eq!(
        (gpus[0].utilization, gpus[1].visible_as()),
        (None, "1".into()),
        "without KFD, our own place"
    );
}

#[test]
fn a_card_that_is_gone_keeps_its_place_and_takes_it_again() {
    let tree = two_cards();
    let mut source = tree.source("amd");
    let before = look(&mut *source, 1000);
    let uevent = std::fs::read_to_string(tree.path("sys/class/drm/card0/device/uevent")).unwrap();
    tree.tear("sys/class/drm/card0/device/uevent", &uevent[..20]);
    let gone = look(&mut *source, 2000);
    assert_eq!(
        gone.iter().map(|gpu| (gpu.index, &gpu.uuid)).collect::<Vec<_>>(),
        before.iter().map(|gpu| (gpu.index, &gpu.uuid)).collect::<Vec<_>>()
    );
    assert!(matches!(&gone[0].health, Health::Lost { message } if message.contains("does not list it")));
    assert_eq!(
        (gone[0].memory, gone[0].processes.clone(), gone[1].health.clone()),
        (None, None, Health::Ok)
    );
    // It comes back under another number of the kernel's.
    tree.remove("sys/class/drm/card0");
    assert!(matches!(look(&mut *source, 3000)[0].health, Health::Lost { .. }));
    tree.plug(7, "amdgpu", "1002:744C", "0000:0C:00.0");
    tree.card(
        7,
        &[
            ("device/unique_id", "a1b2c3d4e5f60718"),
            ("device/mem_info_vram_total", "100"),
            ("device/mem_info_vram_used", "200"),
        ],
    );
    let back = look(&mut *source, 4000);
    assert_eq!(
        (back[0].health.clone(), back[0].memory.unwrap().free),
        (Health::Ok, Bytes(0))
    );
    assert_eq!(back[0].uuid, before[0].uuid);
}

#[test]
fn two_cards_without_numbers_of_their_own_are_told_apart_by_their_slots() {
    let tree = Tree::new();
    for (number, pci) in [(0, "0000:03:00.0"), (1, "0000:04:00.0")] {
        tree.plug(number, "amdgpu", "1002:73BF", pci);
        tree.card(
            number,
            &[
                ("device/mem_info_vram_total", "100"),
                ("device/mem_info_vram_used", "1"),
                ("device/unique_id", "0000000000000000"),
            ],
        );
    }
    let gpus = look(&mut *tree.source("amd"), 0);
    let uuids: Vec<&str> = gpus.iter().map(|gpu| gpu.uuid.as_str()).collect();
    assert_eq!(uuids, ["PCI-0000:03:00.0", "PCI-0000:04:00.0"]);
}

#[test]
fn no_card_is_said() {
    let tree = Tree::new();
    tree.plug(0, "nvidia", "10DE:2684", "0000:01:00.0");
    tree.plug(1, "vfio-pci", "1002:744C", "0000:02:00.0");
    let error = tree.source("amd").snapshot(tree::at(0)).unwrap_err();
    assert!(matches!(error, SourceError::NoCard { maker: "AMD", .. }), "{error}");
    tree.remove("sys/class/drm");
    assert!(
        tree.source("intel")
            .snapshot(tree::at(0))
            .unwrap_err()
            .to_string()
            .contains("no Intel GPU")
    );
}
