//! What a task finds in its environment (SPEC 6).
use std::{collections::BTreeMap, path::PathBuf};

use gpuyard_core::model::{ConfigKey, GpuRef, QueueId, UniId, Vendor};

/// Variables that are never handed to a task: they could open the daemon's door.
pub(crate) const SECRET_VARIABLES: [&str; 2] = ["GPUYARD_SECRET", "GPUYARD_TOKEN"];

/// One attempt's place in the world, as its environment tells it.
pub(crate) struct Place<'a> {
    pub(crate) config: ConfigKey,
    pub(crate) queue: QueueId,
    pub(crate) process_index: u32,
    pub(crate) attempt: u32,
    pub(crate) uni_id: &'a UniId,
    pub(crate) gpus: &'a [(GpuRef, Vendor)],
    pub(crate) log_path: &'a std::path::Path,
}

/// The variables of an attempt, on top of the scheduler's own. The rules' `environment` may override the general ones,
/// never those that say which GPUs are its own or who it is.
pub(crate) fn variables(place: &Place<'_>, rules: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut set = BTreeMap::from([("PYTHONUNBUFFERED".to_owned(), "1".to_owned())]);
    set.extend(rules.clone());
    // Without this order CUDA counts its own way, and NVML's indices mean other cards.
    set.insert("CUDA_DEVICE_ORDER".into(), "PCI_BUS_ID".into());
    for (name, vendors) in [
        ("CUDA_VISIBLE_DEVICES", &[Vendor::Nvidia, Vendor::Simulated][..]),
        ("ROCR_VISIBLE_DEVICES", &[Vendor::Amd]),
        ("ZE_AFFINITY_MASK", &[Vendor::Intel]),
    ] {
        let own: Vec<String> = place
            .gpus
            .iter()
            .filter(|(_, vendor)| vendors.contains(vendor))
            .map(|(gpu, _)| gpu.index.to_string())
            .collect();
        if !own.is_empty() {
            set.insert(name.into(), own.join(","));
        }
    }
    let all: Vec<String> = place.gpus.iter().map(|(gpu, _)| gpu.index.to_string()).collect();
    for (name, value) in [
        ("GPUYARD_MODE", place.config.mode.to_string()),
        ("GPUYARD_CONFIG_INDEX", place.config.index.to_string()),
        ("GPUYARD_QUEUE", place.queue.to_string()),
        ("GPUYARD_PROCESS", place.process_index.to_string()),
        ("GPUYARD_ATTEMPT", place.attempt.to_string()),
        ("GPUYARD_GPUS", all.join(",")),
        ("GPUYARD_UNI_ID", place.uni_id.to_string()),
        ("GPUYARD_LOG", place.log_path.display().to_string()),
    ] {
        set.insert(name.into(), value);
    }
    set
}

/// Folders of our own that a task must not find on its `PATH`: its `python` is the user's.
pub(crate) fn hidden_from_path(root: &std::path::Path) -> Vec<PathBuf> {
    vec![root.join(".venv/bin")]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::{GpuUuid, Mode};

    use super::*;

    #[test]
    fn each_vendor_has_its_own_variable_and_rules_cannot_move_gpus() {
        let gpu = |index, vendor| {
            (
                GpuRef {
                    index,
                    uuid: GpuUuid(format!("u{index}")),
                },
                vendor,
            )
        };
        let gpus = [gpu(3, Vendor::Nvidia), gpu(1, Vendor::Nvidia), gpu(0, Vendor::Amd)];
        let uni_id = UniId("k".into());
        let place = Place {
            config: ConfigKey {
                mode: Mode::Multi,
                index: 2,
            },
            queue: QueueId(7),
            process_index: 1,
            attempt: 4,
            uni_id: &uni_id,
            gpus: &gpus,
            log_path: std::path::Path::new("/l"),
        };
        let rules = BTreeMap::from([
            ("CUDA_VISIBLE_DEVICES".to_owned(), "0,1,2,3".to_owned()),
            ("PYTHONUNBUFFERED".to_owned(), "0".to_owned()),
            ("WANDB_MODE".to_owned(), "offline".to_owned()),
        ]);
        let set = variables(&place, &rules);
        let get = |name: &str| set.get(name).unwrap().as_str();
        assert_eq!(get("CUDA_VISIBLE_DEVICES"), "3,1");
        assert_eq!(get("ROCR_VISIBLE_DEVICES"), "0");
        assert_eq!(get("CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
        assert_eq!(get("GPUYARD_GPUS"), "3,1,0");
        assert_eq!(get("PYTHONUNBUFFERED"), "0");
        assert_eq!(get("WANDB_MODE"), "offline");
        assert_eq!(get("GPUYARD_UNI_ID"), "k");
        assert!(!set.contains_key("ZE_AFFINITY_MASK"));
    }
}
