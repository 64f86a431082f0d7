//! The cards of one maker, kept in their places: a card that is gone keeps its index and its identity.
use std::collections::HashMap;

use gpuyard_core::model::{Gpu, GpuUuid, Health, Vendor};

use super::Card;

/// One card's place.
struct Seat<T> {
    /// What is known of it for good: its index among its maker's, its name, its address.
    plate: Gpu,
    /// What its source keeps of it from look to look.
    own: T,
}

/// All places. Cards are sorted by PCI address when they are first seen; what is plugged in later goes behind them.
pub(crate) struct Fleet<T> {
    vendor: Vendor,
    seats: HashMap<GpuUuid, Seat<T>>,
}

impl<T: Default> Fleet<T> {
    pub(crate) fn new(vendor: Vendor) -> Fleet<T> {
        Fleet {
            vendor,
            seats: HashMap::new(),
        }
    }

    /// Whether any card was ever seen.
    pub(crate) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Every card in its place: `describe` says who it is and what of it never changes, `read` fills in what it shows
    /// now. Those that were there and are gone are lost.
    pub(crate) fn read(
        &mut self,
        cards: &[Card],
        describe: impl Fn(&Card, &mut Gpu) -> GpuUuid,
        mut read: impl FnMut(&Card, &mut Gpu, &mut T),
    ) -> Vec<Gpu> {
        let mut gpus: Vec<Gpu> = Vec::with_capacity(cards.len());
        for card in cards {
            let mut plate = Gpu::new(self.seats.len() as u32, "", self.vendor);
            plate.pci_bus_id = Some(card.pci.clone());
            plate.uuid = describe(card, &mut plate);
            // A card that calls itself as another does cannot be told from it: the first one stands.
            if gpus.iter().any(|gpu| gpu.uuid == plate.uuid) {
                continue;
            }
            let seat = self.seats.entry(plate.uuid.clone()).or_insert_with(|| Seat {
                plate,
                own: T::default(),
            });
            let mut gpu = seat.plate.clone();
            read(card, &mut gpu, &mut seat.own);
            gpus.push(gpu);
        }
        for Seat { plate, .. } in self.seats.values() {
            if gpus.iter().all(|gpu| gpu.uuid != plate.uuid) {
                let mut gpu = plate.clone();
                gpu.health = Health::Lost {
                    message: "its driver does not list it any more".into(),
                };
                gpus.push(gpu);
            }
        }
        gpus.sort_by_key(|gpu| gpu.index);
        gpus
    }
}
