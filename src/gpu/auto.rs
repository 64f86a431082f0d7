//! Every maker's GPUs side by side: `auto`.
//!
//! Each maker's source is read on a thread of its own, so that a driver that hangs or fails holds up nobody else: its
//! GPUs are then unreadable, and keep their places. A GPU's index is given to its UUID when it is first seen, in the
//! order NVIDIA, AMD, Intel, and never to another.
use std::{collections::BTreeMap, time::Duration};

use gpuyard_core::model::{Bytes, Gpu, GpuUuid, Health, Mono, Now, Snapshot, Vendor};

use crate::{
    AmdSource, GpuReader, GpuSource, IntelSource, NvmlSource, SourceContext, SourceError,
    drm::card::{self, AMD, INTEL},
    visible::UNKNOWN_UUID,
};

/// For one maker's driver to answer. Less than the sampler's own patience; a first NVML without persistence mode takes 1.5 s.
const PATIENCE: Duration = Duration::from_secs(4);
/// A maker without a card is looked for again after so long.
const LOOK_AGAIN_MS: u64 = 10_000;
/// A GPU of AMD's or Intel's with less memory of its own drives a screen; it is there when its maker is named.
const SMALLEST: Bytes = Bytes(1 << 30);

/// One maker.
struct Part {
    vendor: Vendor,
    /// `None` until a card was seen.
    reader: Option<GpuReader>,
    next_look: Mono,
    /// As they last were.
    known: Vec<Gpu>,
    /// Why the last reading failed.
    error: Option<SourceError>,
}

/// All makers that are there.
pub struct AutoSource {
    context: SourceContext,
    parts: Vec<Part>,
    /// Who has which index.
    places: BTreeMap<u32, GpuUuid>,
}

impl AutoSource {
    /// Reads nothing yet.
    pub fn new(context: SourceContext) -> AutoSource {
        let part = |vendor| Part {
            vendor,
            reader: None,
            next_look: Mono(0),
            known: Vec::new(),
            error: None,
        };
        AutoSource {
            parts: [Vendor::Nvidia, Vendor::Amd, Vendor::Intel].map(part).into(),
            context,
            places: BTreeMap::new(),
        }
    }

    /// Gives each GPU its index: the one that its UUID has, else NVIDIA's own number where that is free, else the next
    /// behind all others.
    fn number(&mut self, gpus: &mut [Gpu]) {
        let nvidia = gpus.iter().filter(|gpu| gpu.vendor == Vendor::Nvidia);
        let mut next = nvidia.map(|gpu| gpu.index + 1).max().unwrap_or(0);
        for gpu in gpus.iter_mut() {
            let own = gpu.index;
            let known = self
                .places
                .iter()
                .find(|(_, uuid)| **uuid == gpu.uuid)
                .map(|(place, _)| *place);
            gpu.index = known.unwrap_or_else(|| {
                // A GPU that never answered stood there under no name of its own.
                let holder = self.places.get(&own);
                let is_free = holder.is_none_or(|uuid| uuid.as_str().starts_with(UNKNOWN_UUID));
                let last = self.places.keys().next_back().map_or(0, |last| last + 1);
                next = next.max(last);
                let place = if gpu.vendor == Vendor::Nvidia && is_free {
                    own
                } else {
                    next
                };
                self.places.insert(place, gpu.uuid.clone());
                place
            });
            if gpu.selector.is_none() && own != gpu.index {
                gpu.selector = Some(own.to_string());
            }
        }
        gpus.sort_by_key(|gpu| gpu.index);
    }
}

impl Part {
    /// This maker's GPUs now. Nothing where there are none.
    fn read(&mut self, context: &SourceContext, now: Now) -> Result<Vec<Gpu>, SourceError> {
        if self.reader.is_none() && now.mono >= self.next_look {
            self.next_look = now.mono.plus_millis(LOOK_AGAIN_MS);
            self.reader = self.source(context).map(GpuReader::spawn);
        }
        let Some(reader) = &self.reader else {
            return Ok(Vec::new());
        };
        let snapshot = reader.read(now, PATIENCE)?;
        let mut gpus = snapshot.gpus.clone();
        gpus.retain(|gpu| self.vendor == Vendor::Nvidia || is_wanted(gpu, &self.known));
        self.known.clone_from(&gpus);
        Ok(gpus)
    }

    fn source(&self, context: &SourceContext) -> Option<Box<dyn GpuSource>> {
        let there = |vendor, drivers: &[&str]| {
            card::cards(&context.sys_root, vendor, drivers).is_ok_and(|cards| !cards.is_empty())
        };
        Some(match self.vendor {
            Vendor::Nvidia => Box::new(NvmlSource::new(context.clone(), true)),
            Vendor::Amd if there(AMD, &crate::amd::DRIVERS) => Box::new(AmdSource::new(context)),
            Vendor::Intel if there(INTEL, &crate::intel::DRIVERS) => Box::new(IntelSource::new(context)),
            Vendor::Amd | Vendor::Intel | Vendor::Simulated => return None,
        })
    }

    /// As they last were, and unreadable now.
    fn failed(&self, error: &SourceError) -> Vec<Gpu> {
        let unreadable = |gpu: &Gpu| {
            let mut blank = Gpu::new(gpu.index, gpu.uuid.0.clone(), gpu.vendor);
            blank.selector.clone_from(&gpu.selector);
            blank.name.clone_from(&gpu.name);
            blank.pci_bus_id.clone_from(&gpu.pci_bus_id);
            blank.health = match &gpu.health {
                Health::Lost { message } => Health::Lost {
                    message: message.clone(),
                },
                _ => Health::Unreadable {
                    message: error.to_string(),
                },
            };
            blank
        };
        self.known.iter().map(unreadable).collect()
    }
}

/// Whether a GPU of AMD's or Intel's is one to work on. Who was, stays, whatever becomes of it; who never was, and shows
/// nothing now, was small.
fn is_wanted(gpu: &Gpu, known: &[Gpu]) -> bool {
    let is_small = gpu.shares_host_memory || gpu.memory.is_some_and(|memory| memory.total < SMALLEST);
    let is_lost = matches!(gpu.health, Health::Lost { .. });
    known.iter().any(|known| known.uuid == gpu.uuid) || !(is_small || is_lost)
}

impl GpuSource for AutoSource {
    fn name(&self) -> &str {
        "auto"
    }

    fn snapshot(&mut self, now: Now) -> Result<Snapshot, SourceError> {
        let mut gpus = Vec::new();
        let mut sources: Vec<&str> = Vec::new();
        let mut first_error = None;
        for part in &mut self.parts {
            let found = match part.read(&self.context, now) {
                Ok(found) => {
                    part.error = None;
                    found
                }
                Err(error) => {
                    let known = part.failed(&error);
                    first_error.get_or_insert_with(|| error.clone());
                    if part.error.as_ref() != Some(&error) {
                        tracing::warn!(maker = ?part.vendor, %error, "GPUs of one maker cannot be read");
                    }
                    part.error = Some(error);
                    known
                }
            };
            if !found.is_empty() {
                sources.push(match part.vendor {
                    Vendor::Nvidia => "nvml",
                    Vendor::Amd => "amd",
                    _ => "intel",
                });
            }
            gpus.extend(found);
        }
        // A whole machine that cannot be read is an error, as it is with one maker alone: the last good look stays shown.
        let readable = gpus.iter().any(|gpu| !matches!(gpu.health, Health::Unreadable { .. }));
        if let Some(error) = first_error.filter(|_| !readable) {
            return Err(error);
        }
        self.number(&mut gpus);
        let source = if sources.is_empty() {
            "none".to_owned()
        } else {
            sources.join("+")
        };
        Ok(Snapshot {
            taken_at: now.wall,
            mono: now.mono,
            source,
            gpus,
        })
    }
}
