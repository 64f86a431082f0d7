//! What a card of Intel's is made of: tiles, their memory, and their clocks, where i915 and xe have them.
use std::path::PathBuf;

use gpuyard_core::model::Gpu;

use crate::{drm::Card, sysfs};

/// The region of a PCI device that a card's own memory shows through.
const MEMORY_REGION: usize = 2;
/// Graphics inside a processor show a window of at most this size there, onto the host's memory.
const LARGEST_WINDOW: u64 = 512 << 20;

/// The tiles of a card that xe runs; i915 does not tell them.
fn tiles(card: &Card) -> Vec<PathBuf> {
    sysfs::entries(&card.device, |name| sysfs::is_numbered(name, "tile"))
}

/// How many there are, at least one.
pub(super) fn count(card: &Card) -> u32 {
    (tiles(card).len() as u32).max(1)
}

/// Bytes of the card's own memory; `None` for one that has none.
pub(super) fn memory(card: &Card) -> Option<u64> {
    let tiles = tiles(card);
    let of_tiles = tiles
        .iter()
        .filter_map(|tile| sysfs::number(&tile.join("physical_vram_size_bytes")))
        .fold(0, u64::saturating_add);
    let told = sysfs::number(&card.folder.join("lmem_total_bytes")).filter(|bytes| *bytes > 0);
    (of_tiles > 0).then_some(of_tiles).or(told).or_else(|| {
        let regions = sysfs::text(&card.device.join("resource"))?;
        region_size(&regions, MEMORY_REGION).filter(|size| *size > LARGEST_WINDOW)
    })
}

/// Bytes of it that nobody uses, where the driver says so.
pub(super) fn memory_available(card: &Card) -> Option<u64> {
    sysfs::number(&card.folder.join("lmem_avail_bytes"))
}

/// The size of a region in a PCI device's `resource`: a line each, with first byte, last byte and flags.
fn region_size(regions: &str, number: usize) -> Option<u64> {
    let mut words = regions.lines().nth(number)?.split_whitespace();
    let (first, last) = (sysfs::parse_number(words.next()?)?, sysfs::parse_number(words.next()?)?);
    words.next()?;
    last.checked_sub(first).filter(|span| *span > 0)?.checked_add(1)
}

/// Where the clocks of the first engine are, and what they are called: as xe has them, and newer and older i915.
fn clock(card: &Card, name: [&str; 3]) -> Option<u32> {
    let [xe, newer, older] = name;
    let places = [
        card.device.join("tile0/gt0/freq0").join(xe),
        card.folder.join("gt/gt0").join(newer),
        card.folder.join(older),
    ];
    let megahertz = places.iter().find_map(|path| sysfs::number(path))?;
    u32::try_from(megahertz).ok().filter(|clock| *clock > 0)
}

/// MHz at most.
pub(super) fn highest_clock(card: &Card) -> Option<u32> {
    clock(card, ["max_freq", "rps_max_freq_mhz", "gt_max_freq_mhz"])
}

/// MHz now.
pub(super) fn fill_clocks(card: &Card, gpu: &mut Gpu) {
    gpu.clock_graphics = clock(card, ["act_freq", "rps_act_freq_mhz", "gt_act_freq_mhz"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_sizes() {
        let regions = "0x0000000081000000 0x0000000081ffffff 0x0000000000140204\n0x0000000000000000 0x0000000000000000 0x0000000000000000\n\
                       0x0000004000000000 0x00000043ffffffff 0x000000000014220c\n0x00000000";
        assert_eq!(region_size(regions, 0), Some(16 << 20));
        assert_eq!(region_size(regions, 1), None, "there is none");
        assert_eq!(region_size(regions, 2), Some(16 << 30));
        assert_eq!(region_size(regions, 3), None, "torn");
        assert_eq!(region_size(regions, 9), None);
    }
}
