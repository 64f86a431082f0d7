//! Intel's cards on trees as i915 and xe have them: memory from clients, power from energy, and what is hidden.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
mod tree;

use std::{fs, os::unix::fs::PermissionsExt};

use gpuyard_core::model::{Bytes, Health, Percent, Work};
use tree::{Tree, as_nobody, look};

/// Graphics in the processor at 00:02.0, an Arc (i915) at 03, a Max of two tiles (xe) at 4d.
fn three_cards() -> Tree {
    let tree = Tree::new();
    tree.plug(0, "i915", "8086:A780", "0000:00:02.0");
    tree.plug(1, "i915", "8086:56A0", "0000:03:00.0");
    tree.plug(2, "xe", "8086:0BD5", "0000:4d:00.0");
    tree.card(
        0,
        &[(
            "device/resource",
            "0x0000006000000000 0x0000006000ffffff 0x0000000000140204\n0 0 0\n0x0000004000000000 0x000000400fffffff 0x000000000014220c",
        )],
    );
    tree.card(
        1,
        &[
            (
                "device/resource",
                "0x0000000081000000 0x0000000081ffffff 0x0000000000140204\n0x0 0x0 0x0\n0x0000004000000000 0x00000043ffffffff 0x000000000014220c",
            ),
            ("gt/gt0/rps_act_freq_mhz", "2100"),
            ("gt_max_freq_mhz", "2400"),
            ("device/hwmon/hwmon3/energy1_input", "1000000"),
            ("device/hwmon/hwmon3/power1_max", "190000000"),
            ("device/hwmon/hwmon3/fan1_input", "900"),
        ],
    );
    tree.card(
        2,
        &[
            ("device/tile0/physical_vram_size_bytes", "68719476736"),
            ("device/tile1/physical_vram_size_bytes", "68719476736"),
            ("device/tile0/gt0/freq0/act_freq", "1600"),
            ("device/tile0/gt0/freq0/max_freq", "1600"),
            ("device/hwmon/hwmon6/energy1_input", "5"),
            ("device/hwmon/hwmon6/energy2_input", "7"),
            ("device/hwmon/hwmon6/energy1_label", "pkg"),
            ("device/hwmon/hwmon6/energy2_label", "card"),
            ("device/hwmon/hwmon6/temp2_input", "43000"),
            ("device/hwmon/hwmon6/temp2_label", "pkg"),
        ],
    );
    tree
}

fn arc(id: u32, mib: u64, render_ms: u64) -> String {
    format!(
        "drm-driver:\ti915\ndrm-client-id:\t{id}\ndrm-pdev:\t0000:03:00.0\ndrm-total-local0:\t{total} MiB\ndrm-resident-local0:\t{mib} MiB\n\
         drm-resident-system0:\t3 MiB\ndrm-engine-render:\t{ns} ns\ndrm-engine-compute:\t0 ns\ndrm-engine-capacity-compute:\t4",
        total = mib * 2,
        ns = render_ms * 1_000_000
    )
}

fn max(id: u32, mib: u64, cycles: u64, total: u64) -> String {
    format!(
        "drm-driver:\txe\ndrm-client-id:\t{id}\ndrm-pdev:\t0000:4d:00.0\ndrm-resident-vram0:\t{mib} MiB\ndrm-resident-vram1:\t{mib} MiB\n\
         drm-cycles-ccs:\t{cycles}\ndrm-total-cycles-ccs:\t{total}\ndrm-engine-capacity-ccs:\t2"
    )
}

#[test]
fn memory_and_load_are_the_sum_of_what_clients_hold_and_do() {
    let tree = three_cards();
    tree.process(10, 1000, 1);
    tree.process(20, 1001, 2);
    tree.open(10, 3, &arc(1, 512, 0));
    tree.open(20, 3, &arc(2, 256, 0));
    tree.open(20, 4, &max(3, 1024, 0, 1000));
    tree.open(20, 5, &max(3, 1024, 0, 1000));
    let mut source = tree.source("intel");
    let first = look(&mut *source, 1000);
    assert_eq!(
        first.iter().map(|gpu| gpu.visible_as()).collect::<Vec<_>>(),
        ["0", "1", "2,3"],
        "Level Zero counts tiles"
    );
    let [inside, arc_gpu, max_gpu] = &first[..] else {
        panic!()
    };
    assert_eq!(
        (inside.shares_host_memory, inside.memory.unwrap().total),
        (true, Bytes(1000 * 1024))
    );
    let memory = arc_gpu.memory.unwrap();
    assert_eq!((memory.total, memory.used), (Bytes(16 << 30), Bytes(768 << 20)));
    assert_eq!(max_gpu.memory.unwrap().total, Bytes(128 << 30));
    assert_eq!(
        max_gpu.memory.unwrap().used,
        Bytes(2 << 30),
        "two tiles, and the client of two descriptors once"
    );
    assert_eq!(
        (
            arc_gpu.clock_graphics,
            arc_gpu.clock_graphics_max,
            max_gpu.clock_graphics
        ),
        (Some(2100), Some(2400), Some(1600))
    );
    assert_eq!(
        (arc_gpu.power_draw, arc_gpu.power_limit, arc_gpu.fan_speed),
        (None, Some(190.0), None)
    );
    assert_eq!((max_gpu.temperature, arc_gpu.temperature), (Some(43.0), None));
    assert_eq!(arc_gpu.driver_version.as_deref(), Some("i915 Linux 6.8.0-45-generic"));

    tree.open(10, 3, &arc(1, 512, 250));
    tree.open(20, 3, &arc(2, 256, 500));
    for descriptor in [4, 5] {
        tree.open(20, descriptor, &max(3, 1024, 1500, 2000));
    }
    tree.write("sys/class/drm/card1/device/hwmon/hwmon3/energy1_input", "61000000");
    tree.write("sys/class/drm/card2/device/hwmon/hwmon6/energy2_input", "300000007");
    let second = look(&mut *source, 2000);
    assert_eq!(
        (second[1].utilization, second[2].utilization),
        (Some(Percent(75.0)), Some(Percent(75.0)))
    );
    assert_eq!((second[1].power_draw, second[2].power_draw), (Some(60.0), Some(300.0)));
    let processes = |index: usize| {
        let list = second[index].processes.as_ref().unwrap();
        list.iter()
            .map(|p| {
                (
                    p.pid,
                    p.uid,
                    p.work,
                    p.memory.unwrap().0 >> 20,
                    p.sm_utilization.unwrap().0,
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(processes(0), []);
    assert_eq!(
        processes(1),
        [
            (10, Some(1000), Work::Graphics, 512, 25.0),
            (20, Some(1001), Work::Graphics, 256, 50.0)
        ]
    );
    assert_eq!(processes(2), [(20, Some(1001), Work::Compute, 2048, 75.0)]);
}

#[test]
fn what_others_hide_is_counted_and_makes_the_card_unreadable() {
    let tree = three_cards();
    tree.process(10, 65534, 1);
    tree.open(10, 3, &arc(1, 512, 0));
    tree.process(20, 0, 2);
    tree.open(20, 3, &arc(2, 256, 0));
    // A thread of the kernel hides its folder as others do, and has no files.
    tree.process(2, 0, 3);
    tree.write(
        "proc/2/stat",
        "2 (kthreadd) S 0 0 0 0 -1 2129984 0 0 0 0 0 0 0 0 20 0 1 0 3 0 0 0 0",
    );
    for pid in [20, 2] {
        fs::set_permissions(tree.path(&format!("proc/{pid}/fd")), fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut source = tree.source("intel");
    let Some(gpus) = as_nobody(|| look(&mut *source, 1000)) else {
        return;
    };
    assert_eq!(gpus[1].unseen_processes, 1);
    let Health::Unreadable { message } = &gpus[1].health else {
        panic!("{:?}", gpus[1].health)
    };
    assert!(
        message.contains("1 processes of other users") && message.contains("CAP_SYS_PTRACE"),
        "{message}"
    );
    assert_eq!(
        (gpus[1].memory, gpus[1].utilization),
        (None, None),
        "a part is not the whole"
    );
    assert_eq!(
        gpus[1].processes.as_ref().unwrap().len(),
        1,
        "what can be seen is shown"
    );
    // Where the driver says how much is left, nothing need be seen.
    tree.write("sys/class/drm/card1/lmem_total_bytes", "17179869184");
    tree.write("sys/class/drm/card1/lmem_avail_bytes", "16106127360");
    let gpus = as_nobody(|| look(&mut *source, 2000)).unwrap();
    assert_eq!(
        (gpus[1].health.clone(), gpus[1].memory.unwrap().used),
        (Health::Ok, Bytes(1 << 30))
    );
}

#[test]
fn torn_descriptors_and_processes_that_end_meanwhile_are_left_out() {
    let tree = three_cards();
    tree.process(10, 1000, 1);
    tree.open(10, 3, &arc(1, 512, 0));
    tree.process(11, 1000, 1);
    tree.open(11, 3, &arc(9, 100, 0));
    let mut source = tree.source("intel");
    look(&mut *source, 1000);
    tree.tear(
        "proc/10/fdinfo/3",
        "pos:\t0\ndrm-driver:\ti915\ndrm-client-id:\t1\ndrm-pd",
    );
    tree.remove("proc/11/stat");
    let gpus = look(&mut *source, 1100);
    assert_eq!(gpus[1].processes, Some(vec![]));
    tree.remove("proc/10/fdinfo");
    tree.remove("proc/11");
    assert_eq!(look(&mut *source, 1200)[1].processes, Some(vec![]));
    tree.remove("proc");
    assert!(
        source.snapshot(tree::at(1300)).is_err(),
        "where nobody can be seen, nothing is free"
    );
}
