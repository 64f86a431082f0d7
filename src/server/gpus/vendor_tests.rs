//! Processes on AMD's and Intel's cards, seen and ended: made-up `/sys` trees, real processes.
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Child, Command},
};

use gpuyard_core::{
    model::{Bytes, Lang, Vendor},
    wire::{KillRequest, KillSignal, KilledCode, NotKilledCode, ProcessName, Way},
};
use gpuyard_exec::host::HostFolder;
use gpuyard_gpu::{SourceContext, SourceSpec, open};
use gpuyard_store::Root;
use tempfile::TempDir;

use super::LocalGpus;

fn write(tree: &Path, name: &str, text: &str) {
    let path = tree.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, format!("{text}\n")).unwrap();
}

/// A card in a slot.
fn plug(tree: &Path, number: u32, driver: &str, id: &str, pci: &str) {
    let uevent = format!("DRIVER={driver}\nPCI_CLASS=30000\nPCI_ID={id}\nPCI_SLOT_NAME={pci}");
    write(tree, &format!("sys/class/drm/card{number}/device/uevent"), &uevent);
}

/// What KFD says of a process.
fn kfd(tree: &Path, pid: u32, bytes: u64) {
    write(
        tree,
        &format!("sys/class/kfd/kfd/proc/{pid}/vram_12"),
        &bytes.to_string(),
    );
}

fn amd(tree: &Path) {
    plug(tree, 0, "amdgpu", "1002:73BF", "0000:0c:00.0");
    write(tree, "sys/class/drm/card0/device/mem_info_vram_used", "3221225472");
    write(tree, "sys/class/drm/card0/device/mem_info_vram_total", "17179869184");
    write(tree, "sys/class/kfd/kfd/topology/nodes/1/gpu_id", "12");
    let properties = "simd_count 240\nsimd_per_cu 4\nlocation_id 3072\ndomain 0";
    write(tree, "sys/class/kfd/kfd/topology/nodes/1/properties", properties);
}

/// A process of this machine as Intel's driver shows it: in a tree of its own, with a card open.
fn opens(tree: &Path, pid: u32, mib: u64) {
    for name in ["stat", "status"] {
        let text = fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap();
        write(tree, &format!("proc/{pid}/{name}"), text.trim_end());
    }
    write(tree, &format!("proc/{pid}/environ"), "");
    fs::create_dir_all(tree.join(format!("proc/{pid}/fd"))).unwrap();
    symlink("/dev/dri/renderD128", tree.join(format!("proc/{pid}/fd/3"))).unwrap();
    let client = format!(
        "drm-driver:\txe\ndrm-client-id:\t{pid}\ndrm-pdev:\t0000:03:00.0\ndrm-total-vram0:\t{mib} MiB\ndrm-resident-vram0:\t{mib} MiB"
    );
    write(tree, &format!("proc/{pid}/fdinfo/3"), &client);
}

fn sleeping() -> Child {
    Command::new("sleep").arg("1000").spawn().unwrap()
}

fn look(folder: &TempDir, spec: &str, proc_root: &Path) -> LocalGpus {
    let context = SourceContext {
        sys_root: folder.path().join("sys"),
        proc_root: proc_root.to_owned(),
        ..SourceContext::default()
    };
    let source = open(&SourceSpec::parse(spec).unwrap(), context).unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(&root).unwrap();
    let host = HostFolder::open(Some(folder.path().join("host"))).unwrap();
    LocalGpus::read(source, host, Root::open(&root).unwrap())
}

/// The one that was listed ends, and the one beside it, which is on no GPU, is not touched.
fn sees_and_ends(mut gpus: LocalGpus, vendor: Vendor, mut process: Child, memory: u64) {
    let list = gpus.processes(Lang::En).unwrap();
    let seen = list
        .processes
        .iter()
        .find(|seen| seen.pid == process.id() as i32)
        .unwrap();
    assert_eq!(
        (seen.vendor, seen.gpu_memory),
        (vendor, Some(Bytes(memory))),
        "{list:?}"
    );
    assert_eq!(
        (seen.command.as_deref(), seen.ending.way),
        (Some("sleep 1000"), Way::Signal)
    );
    assert_eq!(seen.cpu_percent, None, "one look tells no share");
    let mut other = sleeping();
    let request = KillRequest {
        processes: vec![
            ProcessName {
                pid: seen.pid,
                start_time: seen.start_time.clone(),
            },
            LocalGpus::name(other.id() as i32),
        ],
        signal: KillSignal::Term,
        wait: 20.0,
    };
    let mut lines = Vec::new();
    let answer = gpus.end(&request, Lang::En, |line| lines.push(line)).unwrap();
    assert_eq!(answer.killed[0].code, KilledCode::Ended, "{answer:?}");
    assert_eq!(answer.failed[0].code, NotKilledCode::NotAGpuProcess, "{answer:?}");
    assert_eq!(lines.len(), 2);
    assert!(process.try_wait().unwrap().is_some() && other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_process_on_amds_card_is_seen_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let process = sleeping();
    amd(folder.path());
    kfd(folder.path(), process.id(), 3 << 30);
    let gpus = look(&folder, "amd", Path::new("/proc"));
    sees_and_ends(gpus, Vendor::Amd, process, 3 << 30);
}

#[test]
fn a_process_on_intels_card_is_seen_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let process = sleeping();
    plug(folder.path(), 1, "xe", "8086:56A0", "0000:03:00.0");
    let size = "sys/class/drm/card1/device/tile0/physical_vram_size_bytes";
    write(folder.path(), size, "68719476736");
    write(folder.path(), "proc/sys/kernel/pid_max", "4194304");
    opens(folder.path(), process.id(), 512);
    let gpus = look(&folder, "intel", &folder.path().join("proc"));
    sees_and_ends(gpus, Vendor::Intel, process, 512 << 20);
}

#[test]
fn what_may_not_be_seen_is_said_in_both_languages() {
    let folder = tempfile::tempdir().unwrap();
    amd(folder.path());
    let mut ended = Command::new("true").spawn().unwrap();
    ended.wait().unwrap();
    kfd(folder.path(), ended.id(), 1 << 30);
    let mut gpus = look(&folder, "amd", Path::new("/proc"));
    let mut hidden = |lang| gpus.processes(lang).unwrap().hidden;
    assert_eq!(hidden(Lang::En).count, 1);
    assert!(
        hidden(Lang::En)
            .message
            .unwrap()
            .starts_with("1 more, listed by the driver")
    );
    assert!(hidden(Lang::Zh).message.unwrap().starts_with("另有 1 个进程由驱动列出"));
}
