//! A `CUDA_VISIBLE_DEVICES` that this program was started with limits the GPUs that there are.
//!
//! CUDA's own meaning: a list of indices (in PCI order here), UUIDs or unique beginnings of one; it ends at the first
//! entry that names no GPU; a GPU named twice makes the whole list empty; an empty list hides all. An entry is pinned
//! to the UUID that it named when it was first resolved, so that a GPU which is lost later does not cut the list short,
//! nor a new order change it.
use gpuyard_core::model::{Gpu, GpuUuid, Health};

/// Where a GPU has no UUID yet because it never answered, its UUID is this and its index.
pub(crate) const UNKNOWN_UUID: &str = "unknown-";

/// The list.
pub(crate) struct Visible {
    /// `None`: no limit.
    entries: Option<Vec<Entry>>,
}

struct Entry {
    text: String,
    pinned: Option<GpuUuid>,
}

impl Entry {
    /// A part of a GPU: `MIG-<uuid>`, or `MIG-GPU-<uuid>/<instance>/<instance>` of older drivers.
    fn is_mig(&self) -> bool {
        self.text.starts_with("MIG-")
    }

    /// Which of `gpus` it names.
    fn find(&self, gpus: &[Gpu], mig_parent: &dyn Fn(&str) -> Option<GpuUuid>) -> Option<GpuUuid> {
        if let Ok(index) = self.text.parse::<u32>() {
            return gpus.iter().find(|gpu| gpu.index == index).map(|gpu| gpu.uuid.clone());
        }
        if let Some(rest) = self.text.strip_prefix("MIG-GPU-") {
            let parent = format!("GPU-{}", rest.split('/').next().unwrap_or(rest));
            return gpus
                .iter()
                .find(|gpu| gpu.uuid.as_str().eq_ignore_ascii_case(&parent))
                .map(|gpu| gpu.uuid.clone());
        }
        if self.is_mig() {
            return mig_parent(&self.text);
        }
        let starts = |gpu: &&Gpu| {
            gpu.uuid
                .as_str()
                .get(..self.text.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(&self.text))
        };
        let mut matching = gpus.iter().filter(starts);
        match (matching.next(), matching.next()) {
            (Some(gpu), None) if self.text.len() > 4 => Some(gpu.uuid.clone()),
            _ => None,
        }
    }
}

impl Visible {
    /// Reads the variable's value; `None` where it is not set.
    pub(crate) fn new(value: Option<&str>) -> Visible {
        let entry = |text: &str| Entry {
            text: text.trim().to_owned(),
            pinned: None,
        };
        Visible {
            entries: value.map(|list| list.split(',').map(entry).collect()),
        }
    }

    /// Takes out of `gpus` what the list does not name; indices stay as they are. `mig_parent` finds the GPU that a MIG
    /// instance belongs to. Such a GPU stays in the list, to be seen, and is marked unreadable: an index cannot say
    /// "this part of it", so nothing may be placed there.
    pub(crate) fn limit(&mut self, gpus: &mut Vec<Gpu>, mig_parent: &dyn Fn(&str) -> Option<GpuUuid>) {
        let Some(entries) = &mut self.entries else { return };
        let mut named: Vec<(GpuUuid, bool)> = Vec::new();
        for entry in entries {
            let Some(uuid) = entry.pinned.clone().or_else(|| entry.find(gpus, mig_parent)) else {
                break;
            };
            if named
                .iter()
                .any(|(other, mig)| *other == uuid && !(*mig && entry.is_mig()))
            {
                named.clear();
                break;
            }
            if !uuid.as_str().starts_with(UNKNOWN_UUID) {
                entry.pinned = Some(uuid.clone());
            }
            named.push((uuid, entry.is_mig()));
        }
        gpus.retain_mut(|gpu| match named.iter().find(|(uuid, _)| *uuid == gpu.uuid) {
            None => false,
            Some((_, mig)) => {
                if *mig && gpu.health == Health::Ok {
                    gpu.health = Health::Unreadable {
                        message: "only a MIG instance of it is visible (CUDA_VISIBLE_DEVICES); nothing is placed on MIG instances".into(),
                    };
                }
                true
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use gpuyard_core::model::Vendor;

    use super::*;

    fn gpus() -> Vec<Gpu> {
        ["GPU-aaaa-1", "GPU-aabb-2", "GPU-cccc-3"]
            .iter()
            .enumerate()
            .map(|(index, uuid)| Gpu::new(index as u32, *uuid, Vendor::Nvidia))
            .collect()
    }

    fn shown(value: Option<&str>) -> Vec<u32> {
        let mut all = gpus();
        Visible::new(value).limit(&mut all, &|_| None);
        all.iter().map(|gpu| gpu.index).collect()
    }

    #[test]
    fn the_list_means_what_it_means_to_cuda() {
        for (value, indices) in [
            (None, vec![0, 1, 2]),
            (Some(""), vec![]),
            (Some("-1"), vec![]),
            (Some("NoDevFiles"), vec![]),
            (Some("2"), vec![2]),
            (Some("2, 0"), vec![0, 2]),
            (Some("0,7,1"), vec![0]),
            (Some("0,-1,1"), vec![0]),
            (Some("0,x"), vec![0]),
            (Some("1,1"), vec![]),
            (Some("0,GPU-aaaa"), vec![]),
            (Some("GPU-cccc-3,0"), vec![0, 2]),
            (Some("gpu-CC"), vec![2]),
            (Some("GPU-aa"), vec![]),
            (Some("GPU-aab"), vec![1]),
            (Some("GPU-"), vec![]),
        ] {
            assert_eq!(shown(value), indices, "{value:?}");
        }
    }

    #[test]
    fn entries_stay_with_the_gpus_that_they_first_named() {
        let mut visible = Visible::new(Some("0,2"));
        visible.limit(&mut gpus(), &|_| None);
        let mut turned = gpus();
        for gpu in &mut turned {
            gpu.index = 2 - gpu.index;
        }
        turned[0].health = Health::Lost { message: String::new() };
        turned.remove(1);
        visible.limit(&mut turned, &|_| None);
        assert_eq!(
            turned
                .iter()
                .map(|gpu| (gpu.index, gpu.uuid.as_str()))
                .collect::<Vec<_>>(),
            [(2, "GPU-aaaa-1"), (0, "GPU-cccc-3")]
        );
    }

    #[test]
    fn a_gpu_of_which_only_a_mig_instance_is_visible_is_shown_and_not_used() {
        let mut all = gpus();
        Visible::new(Some("MIG-1234,MIG-GPU-aaaa-1/3/0")).limit(&mut all, &|mig| {
            (mig == "MIG-1234").then(|| GpuUuid("GPU-cccc-3".into()))
        });
        assert_eq!(all.iter().map(|gpu| gpu.index).collect::<Vec<_>>(), [0, 2]);
        assert!(all.iter().all(|gpu| matches!(gpu.health, Health::Unreadable { .. })));
    }
}
