//! What a task finds in its environment (SPEC 6).
use std::{collections::BTreeMap, path::PathBuf};

use gpuyard_core::model::{AdhocId, ConfigKey, GpuRef, QueueId, UniId, Vendor};

/// Variables that are never handed to a task: they could open the daemon's door.
pub(crate) const SECRET_VARIABLES: [&str; 2] = ["GPUYARD_SECRET", "GPUYARD_TOKEN"];

/// Variables that hide GPUs of AMD's from what an attempt starts, whatever ROCm was told: HIP reads CUDA's as its own.
const HIP_FILTERS: [&str; 3] = ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"];

/// A GPU of an attempt, as its maker's programs name it.
pub(crate) struct Card {
    pub(crate) gpu: GpuRef,
    pub(crate) vendor: Vendor,
    /// Its name in its maker's visibility variable.
    pub(crate) visible_as: String,
}

/// One attempt's place in the world, as its environment tells it.
pub(crate) struct Place<'a> {
    /// Command file and queue; `None` for an ad-hoc task.
    pub(crate) config: Option<(ConfigKey, QueueId)>,
    /// The number of an ad-hoc task.
    pub(crate) adhoc: Option<AdhocId>,
    pub(crate) process_index: u32,
    pub(crate) attempt: u32,
    pub(crate) uni_id: &'a UniId,
    pub(crate) gpus: &'a [Card],
    pub(crate) log_path: &'a std::path::Path,
}

/// The variables of an attempt, on top of the scheduler's own. The rules' `environment` may override the general ones,
/// never those that say which GPUs are its own or who it is.
pub(crate) fn variables(place: &Place<'_>, rules: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut set = BTreeMap::from([("PYTHONUNBUFFERED".to_owned(), "1".to_owned())]);
    set.extend(rules.clone());
    for name in hip_filters(place.gpus) {
        set.remove(*name);
    }
    // Without this order CUDA counts its own way, and NVML's indices mean other cards.
    set.insert("CUDA_DEVICE_ORDER".into(), "PCI_BUS_ID".into());
    for (name, vendors) in [
        ("CUDA_VISIBLE_DEVICES", &[Vendor::Nvidia, Vendor::Simulated][..]),
        ("ROCR_VISIBLE_DEVICES", &[Vendor::Amd]),
        ("ZE_AFFINITY_MASK", &[Vendor::Intel]),
    ] {
        let own = place.gpus.iter().filter(|card| vendors.contains(&card.vendor));
        let own: Vec<&str> = own.map(|card| card.visible_as.as_str()).collect();
        if !own.is_empty() {
            set.insert(name.into(), own.join(","));
        }
    }
    if set.contains_key("ZE_AFFINITY_MASK") {
        // Level Zero has an order of its own too, and the same cure.
        set.insert("ZE_ENABLE_PCI_ID_DEVICE_ORDER".into(), "1".into());
    }
    let all: Vec<String> = place.gpus.iter().map(|card| card.gpu.index.to_string()).collect();
    for (name, value) in [
        ("GPUYARD_PROCESS", place.process_index.to_string()),
        ("GPUYARD_ATTEMPT", place.attempt.to_string()),
        ("GPUYARD_GPUS", all.join(",")),
        ("GPUYARD_UNI_ID", place.uni_id.to_string()),
        ("GPUYARD_LOG", place.log_path.display().to_string()),
    ] {
        set.insert(name.into(), value);
    }
    if let Some((config, queue)) = place.config {
        set.insert("GPUYARD_MODE".into(), config.mode.to_string());
        set.insert("GPUYARD_CONFIG_INDEX".into(), config.index.to_string());
        set.insert("GPUYARD_QUEUE".into(), queue.to_string());
    }
    if let Some(id) = place.adhoc {
        set.insert("GPUYARD_TASK".into(), id.to_string());
        set.entry("TERM".into()).or_insert_with(|| "xterm-256color".into());
    }
    set
}

/// What is taken out of an attempt's environment.
pub(crate) fn unset(gpus: &[Card]) -> Vec<String> {
    let names = SECRET_VARIABLES.iter().chain(hip_filters(gpus));
    names.map(|name| (*name).to_owned()).collect()
}

/// What must not reach a task that has GPUs of AMD's and none of NVIDIA's.
fn hip_filters(gpus: &[Card]) -> &'static [&'static str] {
    let has = |vendor| gpus.iter().any(|card| card.vendor == vendor);
    if has(Vendor::Amd) && !has(Vendor::Nvidia) {
        &HIP_FILTERS
    } else {
        &[]
    }
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

    fn card(index: u32, vendor: Vendor) -> Card {
        Card {
            gpu: GpuRef {
                index,
                uuid: GpuUuid(format!("u{index}")),
            },
            vendor,
            visible_as: index.to_string(),
        }
    }

    #[test]
    fn tasks_on_other_makers_cards_get_their_makers_names() {
        let uni_id = UniId("k".into());
        let set_for = |gpus: &[Card]| {
            let place = Place {
                config: Some((
                    ConfigKey {
                        mode: Mode::Single,
                        index: 0,
                    },
                    QueueId(7),
                )),
                adhoc: None,
                process_index: 0,
                attempt: 1,
                uni_id: &uni_id,
                gpus,
                log_path: std::path::Path::new("/l"),
            };
            let rules = BTreeMap::from([("CUDA_VISIBLE_DEVICES".to_owned(), "0".to_owned())]);
            (variables(&place, &rules), unset(gpus))
        };
        // The ninth GPU of the host is AMD's first.
        let mut amd = card(8, Vendor::Amd);
        amd.visible_as = "0".into();
        let (set, unset) = set_for(&[amd]);
        assert_eq!(
            (set["ROCR_VISIBLE_DEVICES"].as_str(), set["GPUYARD_GPUS"].as_str()),
            ("0", "8")
        );
        assert!(
            !set.contains_key("CUDA_VISIBLE_DEVICES"),
            "HIP would take it for its own"
        );
        for name in ["CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GPUYARD_SECRET"] {
            assert!(unset.iter().any(|known| known == name), "{name}");
        }
        let mut intel = card(2, Vendor::Intel);
        intel.visible_as = "2,3".into();
        let (set, unset) = set_for(&[intel]);
        assert_eq!(
            (
                set["ZE_AFFINITY_MASK"].as_str(),
                set["ZE_ENABLE_PCI_ID_DEVICE_ORDER"].as_str()
            ),
            ("2,3", "1")
        );
        assert_eq!(unset.len(), SECRET_VARIABLES.len());
    }

    #[test]
    fn each_vendor_has_its_own_variable_and_rules_cannot_move_gpus() {
        let gpus = [card(3, Vendor::Nvidia), card(1, Vendor::Nvidia), card(0, Vendor::Amd)];
        let uni_id = UniId("k".into());
        let place = Place {
            config: Some((
                ConfigKey {
                    mode: Mode::Multi,
                    index: 2,
                },
                QueueId(7),
            )),
            adhoc: None,
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
