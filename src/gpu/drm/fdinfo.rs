//! `/proc/PID/fdinfo/N` of a DRM file: whose client it is, what it holds, and how long it has worked.
//!
//! The format is the kernel's "DRM client usage stats". Kernels and drivers differ: `drm-memory-vram` (older amdgpu),
//! `drm-resident-vram` (newer), `drm-resident-local0` (i915), `drm-resident-vram0` (xe); engines in nanoseconds, or (xe)
//! in cycles of a clock whose own count stands beside.
use std::collections::BTreeMap;

/// What an engine of the card did for a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Engine {
    /// Nanoseconds, or cycles where `of` is known.
    pub(crate) busy: u64,
    /// The clock's own count at the same instant; `None`: `busy` is in nanoseconds.
    pub(crate) of: Option<u64>,
    /// How many engines of the kind there are, 1 where it is not said.
    pub(crate) capacity: u64,
}

/// A client: one opening of a card, which descriptors and processes may share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Client {
    /// The card: `0000:03:00.0`.
    pub(crate) pci: String,
    /// Unique among the card's clients.
    pub(crate) id: u64,
    /// Bytes of the card's own memory; `None` where it has none, or does not say.
    pub(crate) local: Option<u64>,
    /// Bytes of the host's memory that the card uses.
    pub(crate) system: Option<u64>,
    /// By kind: `gfx`, `compute`, `render`, `rcs`, `ccs`, …
    pub(crate) engines: BTreeMap<String, Engine>,
}

impl Client {
    /// Whether it has memory on the card or has ever worked there. Runtimes open every card of a host; that alone is no use.
    pub(crate) fn is_use(&self) -> bool {
        self.local.or(self.system).unwrap_or(0) > 0 || self.engines.values().any(|engine| engine.busy > 0)
    }

    /// Whether it has computed, or drawn.
    pub(crate) fn has_worked(&self, kinds: &[&str]) -> bool {
        kinds
            .iter()
            .any(|kind| self.engines.get(*kind).is_some_and(|engine| engine.busy > 0))
    }
}

/// Sizes of one memory region, by how they were counted: the first known is the best.
#[derive(Clone, Copy, Default)]
struct Region {
    resident: Option<u64>,
    memory: Option<u64>,
    total: Option<u64>,
}

/// Reads a whole file. `None` for a file that is no client of a PCI card, or too old to number its clients.
pub(crate) fn parse(text: &str) -> Option<Client> {
    let mut client = Client::default();
    let mut id = None;
    let mut regions: BTreeMap<&str, Region> = BTreeMap::new();
    // A last line without its end is torn: half a number would be a wrong one.
    let whole = &text[..text.rfind('\n')? + 1];
    for line in whole.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let value = value.trim();
        match key {
            "drm-pdev" => client.pci = value.to_ascii_lowercase(),
            "drm-client-id" => id = value.parse().ok(),
            _ => {
                if let Some(name) = key.strip_prefix("drm-resident-") {
                    regions.entry(name).or_default().resident = size(value);
                } else if let Some(name) = key.strip_prefix("drm-memory-") {
                    regions.entry(name).or_default().memory = size(value);
                } else if let Some(name) = key.strip_prefix("drm-total-cycles-") {
                    engine(&mut client, name).of = value.parse().ok();
                } else if let Some(name) = key.strip_prefix("drm-total-") {
                    regions.entry(name).or_default().total = size(value);
                } else if let Some(name) = key.strip_prefix("drm-cycles-") {
                    engine(&mut client, name).busy = value.parse().unwrap_or(0);
                } else if let Some(name) = key.strip_prefix("drm-engine-capacity-") {
                    engine(&mut client, name).capacity = value.parse().unwrap_or(1).max(1);
                } else if let Some(name) = key.strip_prefix("drm-engine-") {
                    let time = value.strip_suffix("ns").map(str::trim_end);
                    engine(&mut client, name).busy = time.and_then(|time| time.parse().ok()).unwrap_or(0);
                }
            }
        }
    }
    for (name, region) in regions {
        let Some(bytes) = region.resident.or(region.memory).or(region.total) else {
            continue;
        };
        let sum = if name.starts_with("vram") || name.starts_with("local") {
            &mut client.local
        } else if name.starts_with("gtt") || name.starts_with("system") {
            &mut client.system
        } else {
            continue;
        };
        *sum = Some(sum.unwrap_or(0).saturating_add(bytes));
    }
    client.id = id.filter(|_| !client.pci.is_empty())?;
    Some(client)
}

fn engine<'a>(client: &'a mut Client, name: &str) -> &'a mut Engine {
    client.engines.entry(name.to_owned()).or_insert(Engine {
        capacity: 1,
        ..Engine::default()
    })
}

/// `123`, `123 KiB`, `123 MiB`.
fn size(value: &str) -> Option<u64> {
    let (number, unit) = value.split_once(' ').unwrap_or((value, ""));
    let unit = match unit.trim() {
        "" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const AMDGPU_OLD: &str = "pos:\t0\nflags:\t02100002\nmnt_id:\t26\nino:\t1077\ndrm-driver:\tamdgpu\ndrm-client-id:\t35\ndrm-pdev:\t0000:0c:00.0\n\
        pasid:\t32776\ndrm-memory-vram:\t184320 KiB\ndrm-memory-gtt:\t7680 KiB\ndrm-memory-cpu:\t0 KiB\namd-memory-visible-vram:\t1024 KiB\n\
        drm-engine-gfx:\t46464671 ns\ndrm-engine-compute:\t0 ns\ndrm-engine-capacity-compute:\t4\n";
    const AMDGPU_NEW: &str = "drm-driver:\tamdgpu\ndrm-client-id:\t9\ndrm-pdev:\t0000:03:00.0\ndrm-total-vram:\t400 MiB\ndrm-shared-vram:\t0\n\
        drm-resident-vram:\t300 MiB\ndrm-purgeable-vram:\t0\ndrm-memory-vram:\t307200 KiB\n";
    const I915: &str = "drm-driver:\ti915\ndrm-client-id:\t18\ndrm-pdev:\t0000:03:00.0\ndrm-total-system0:\t125 MiB\ndrm-resident-system0:\t125 MiB\n\
        drm-total-local0:\t512 MiB\ndrm-resident-local0:\t500 MiB\ndrm-engine-render:\t25662044495 ns\ndrm-engine-copy:\t0 ns\ndrm-engine-compute:\t100 ns\ndrm-engine-capacity-compute:\t4\n";
    const XE: &str = "drm-driver:\txe\ndrm-client-id:\t7\ndrm-pdev:\t0000:4D:00.0\ndrm-total-vram0:\t16 MiB\ndrm-resident-vram0:\t16 MiB\ndrm-resident-vram1:\t4 MiB\n\
        drm-cycles-ccs:\t4000\ndrm-total-cycles-ccs:\t10000\ndrm-engine-capacity-ccs:\t2\ndrm-cycles-rcs:\t0\ndrm-total-cycles-rcs:\t10000\n";

    #[test]
    fn every_kind_of_driver_is_read() {
        let old = parse(AMDGPU_OLD).unwrap();
        assert_eq!((old.pci.as_str(), old.id), ("0000:0c:00.0", 35));
        assert_eq!((old.local, old.system), (Some(180 << 20), Some(7680 << 10)));
        assert_eq!(
            old.engines["gfx"],
            Engine {
                busy: 46_464_671,
                of: None,
                capacity: 1
            }
        );
        assert_eq!(old.engines["compute"].capacity, 4);
        assert!(old.has_worked(&["gfx"]) && !old.has_worked(&["compute"]));
        assert_eq!(
            parse(AMDGPU_NEW).unwrap().local,
            Some(300 << 20),
            "resident counts, not what was asked for"
        );
        let i915 = parse(I915).unwrap();
        assert_eq!((i915.local, i915.system), (Some(500 << 20), Some(125 << 20)));
        let xe = parse(XE).unwrap();
        assert_eq!(
            (xe.pci.as_str(), xe.local),
            ("0000:4d:00.0", Some(20 << 20)),
            "tiles are added up"
        );
        assert_eq!(
            xe.engines["ccs"],
            Engine {
                busy: 4000,
                of: Some(10000),
                capacity: 2
            }
        );
    }

    #[test]
    fn what_is_torn_or_no_client_is_not_believed() {
        // Cut off anywhere, it never gives more than the whole, and never another card or client.
        let whole = parse(XE).unwrap();
        for end in 0..XE.len() {
            if let Some(torn) = parse(&XE[..end]) {
                assert_eq!((&torn.pci, torn.id), (&whole.pci, whole.id), "at {end}");
                assert!(torn.local <= whole.local, "at {end}");
            }
        }
        for text in [
            "",
            "pos:\t0\nflags:\t02\n",
            "drm-driver:\ti915\ndrm-pdev:\t0000:00:02.0\n",
            "drm-client-id:\t3\n",
        ] {
            assert_eq!(parse(text), None, "{text:?}");
        }
        let strange = parse(
            "drm-pdev:\t0000:03:00.0\ndrm-client-id:\t1\ndrm-resident-vram:\tmany KiB\ndrm-engine-gfx:\t-5 ns\nodd\n",
        )
        .unwrap();
        assert_eq!((strange.local, strange.is_use()), (None, false));
    }
}
