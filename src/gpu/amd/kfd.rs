//! KFD, the kernel's side of ROCm: which GPUs it counts, and what each of its processes holds on them.
use std::path::Path;

use crate::sysfs;

/// A GPU of KFD's topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    /// Its number in the names of files.
    pub(super) gpu_id: u64,
    /// Its card: `0000:03:00.0`.
    pub(super) pci: String,
    /// Compute units.
    pub(super) units: u64,
}

/// What a process holds on a GPU.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Held {
    /// Bytes of its memory.
    pub(super) memory: u64,
    /// Percent of its compute units; `None` where the kernel does not count.
    pub(super) occupancy: Option<f32>,
}

/// The GPUs, in ROCm's order. No KFD (no ROCm, or not for us), no nodes.
pub(super) fn nodes(sys_root: &Path) -> Vec<Node> {
    let folder = sys_root.join("class/kfd/kfd/topology/nodes");
    let mut folders = sysfs::entries(&folder, |name| sysfs::is_numbered(name, ""));
    folders.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    let node = |folder: &std::path::PathBuf| {
        // A CPU is a node too, with the number 0; a GPU that a container may not use does not tell its own.
        let gpu_id = sysfs::number(&folder.join("gpu_id")).filter(|id| *id > 0)?;
        parse_node(gpu_id, &sysfs::text(&folder.join("properties"))?)
    };
    folders.iter().filter_map(node).collect()
}

fn parse_node(gpu_id: u64, properties: &str) -> Option<Node> {
    let value = |name: &str| {
        properties.lines().find_map(|line| {
            let (key, value) = line.split_once(' ')?;
            (key == name).then(|| value.trim().parse::<u64>().ok())?
        })
    };
    let location = value("location_id")?;
    let (bus, device, function) = (location >> 8 & 0xff, location >> 3 & 0x1f, location & 7);
    let domain = value("domain").unwrap_or(0);
    let per_unit = value("simd_per_cu").filter(|count| *count > 0).unwrap_or(1);
    Some(Node {
        gpu_id,
        pci: format!("{domain:04x}:{bus:02x}:{device:02x}.{function:x}"),
        units: value("simd_count").unwrap_or(0) / per_unit,
    })
}

/// What every process of KFD, of every user, holds on each of these GPUs; holding nothing is not told.
pub(super) fn processes<'a>(sys_root: &Path, nodes: &'a [Node]) -> Vec<(u32, &'a Node, Held)> {
    let mut found = Vec::new();
    for folder in sysfs::entries(&sys_root.join("class/kfd/kfd/proc"), |name| {
        sysfs::is_numbered(name, "")
    }) {
        let Some(pid) = folder.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()) else {
            continue;
        };
        for node in nodes {
            let memory = sysfs::number(&folder.join(format!("vram_{}", node.gpu_id)));
            let busy = sysfs::number(&folder.join(format!("stats_{}/cu_occupancy", node.gpu_id)));
            let share = |units: u64| (units as f64 * 100.0 / node.units as f64).min(100.0) as f32;
            let held = Held {
                memory: memory.unwrap_or(0),
                occupancy: busy.filter(|_| node.units > 0).map(share),
            };
            if held.memory > 0 || held.occupancy.is_some_and(|busy| busy > 0.0) {
                found.push((pid, node, held));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_matched_to_its_card() {
        let properties =
            "cpu_cores_count 0\nsimd_count 384\nsimd_per_cu 4\nlocation_id 3072\ndomain 0\nunique_id 1234\n";
        let node = Node {
            gpu_id: 5,
            pci: "0000:0c:00.0".into(),
            units: 96,
        };
        assert_eq!(parse_node(5, properties), Some(node));
        let far = parse_node(6, "location_id 16794\ndomain 2\nsimd_count 0\n").map(|node| node.pci);
        assert_eq!(far.as_deref(), Some("0002:41:13.2"));
        assert_eq!(parse_node(7, "cpu_cores_count 0\nloca"), None);
    }
}
