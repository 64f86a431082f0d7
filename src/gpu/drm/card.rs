//! The cards of one maker, as `/sys/class/drm` has them, and what every PCI card tells.
use std::{
    io,
    path::{Path, PathBuf},
};

use gpuyard_core::model::Gpu;

use crate::sysfs;

/// AMD's number on the PCI bus.
pub(crate) const AMD: u16 = 0x1002;
/// Intel's.
pub(crate) const INTEL: u16 = 0x8086;

/// One card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Card {
    /// `…/class/drm/card0`.
    pub(crate) folder: PathBuf,
    /// `…/class/drm/card0/device`: the PCI device.
    pub(crate) device: PathBuf,
    /// Where it is plugged in: `0000:03:00.0`.
    pub(crate) pci: String,
    /// Its model's number on the PCI bus.
    pub(crate) model: u16,
    /// `amdgpu`, `i915`, `xe`.
    pub(crate) driver: String,
}

/// What a PCI device's `uevent` says.
#[derive(Debug, PartialEq, Eq)]
struct Uevent {
    driver: String,
    vendor: u16,
    model: u16,
    pci: String,
}

fn parse_uevent(text: &str) -> Option<Uevent> {
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let (vendor, model) = value("PCI_ID")?.split_once(':')?;
    let pci = value("PCI_SLOT_NAME")?;
    // 0000:03:00.0, or a longer domain: what is shorter is torn.
    (pci.len() >= 12).then_some(Uevent {
        driver: value("DRIVER")?.to_owned(),
        vendor: u16::from_str_radix(vendor, 16).ok()?,
        model: u16::from_str_radix(model, 16).ok().filter(|_| model.len() == 4)?,
        pci: pci.to_ascii_lowercase(),
    })
}

/// The cards of a maker that one of `drivers` runs, by PCI address. No `/sys/class/drm`, no cards.
pub(crate) fn cards(sys_root: &Path, vendor: u16, drivers: &[&str]) -> io::Result<Vec<Card>> {
    let class = sys_root.join("class/drm");
    match std::fs::metadata(&class) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let mut cards: Vec<Card> = Vec::new();
    for folder in sysfs::entries(&class, |name| sysfs::is_numbered(name, "card")) {
        let device = folder.join("device");
        let found = sysfs::text(&device.join("uevent")).and_then(|text| parse_uevent(&text));
        let Some(found) = found.filter(|found| found.vendor == vendor && drivers.contains(&found.driver.as_str()))
        else {
            continue;
        };
        cards.push(Card {
            folder,
            device,
            pci: found.pci,
            model: found.model,
            driver: found.driver,
        });
    }
    cards.sort_by(|a, b| a.pci.cmp(&b.pci));
    // A card that is split up has a node for each part: the first stands for it.
    cards.dedup_by(|later, first| later.pci == first.pci);
    Ok(cards)
}

/// What the slot tells: generation and lanes now.
pub(crate) fn fill_pcie(card: &Card, gpu: &mut Gpu) {
    gpu.pcie_generation =
        sysfs::text(&card.device.join("current_link_speed")).and_then(|speed| pcie_generation(&speed));
    gpu.pcie_width = sysfs::number(&card.device.join("current_link_width"))
        .and_then(|width| u32::try_from(width).ok())
        // 0 and 255 are what a sleeping link says.
        .filter(|width| (1..=32).contains(width));
}

/// `16.0 GT/s PCIe` → 4.
fn pcie_generation(speed: &str) -> Option<u32> {
    let rate: f32 = speed.split_whitespace().next()?.parse().ok()?;
    let rates = [2.5, 5.0, 8.0, 16.0, 32.0, 64.0];
    rates
        .iter()
        .position(|known| (rate - known).abs() < 0.1)
        .map(|at| at as u32 + 1)
}

/// The version of a driver: its own, where it is built apart from the kernel, else the kernel's.
pub(crate) fn driver_version(card: &Card, sys_root: &Path, proc_root: &Path) -> Option<String> {
    let own = sysfs::text(&sys_root.join("module").join(&card.driver).join("version"));
    let kernel = || sysfs::text(&proc_root.join("sys/kernel/osrelease")).map(|release| format!("Linux {release}"));
    Some(format!("{} {}", card.driver, own.or_else(kernel)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_known_by_its_uevent() {
        let text = "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_ID=1002:744C\nPCI_SUBSYS_ID=1EAE:7901\nPCI_SLOT_NAME=0000:0C:00.0\nMODALIAS=pci:v1\n";
        let found = parse_uevent(text);
        let expected = Uevent {
            driver: "amdgpu".into(),
            vendor: 0x1002,
            model: 0x744c,
            pci: "0000:0c:00.0".into(),
        };
        assert_eq!(found, Some(expected));
        for torn in [
            "",
            "DRIVER=amdgpu\nPCI_ID=1002:74",
            "DRIVER=xe\nPCI_ID=8086:56A0\nPCI_SLOT_NAME=0000:03",
            "OF_NAME=gpu",
        ] {
            assert_eq!(parse_uevent(torn), None, "{torn:?}");
        }
    }

    #[test]
    fn links_have_generations() {
        for (speed, generation) in [
            ("2.5 GT/s PCIe", Some(1)),
            ("8 GT/s", Some(3)),
            ("16.0 GT/s PCIe", Some(4)),
            ("32.0 GT/s PCIe", Some(5)),
            ("Unknown", None),
            ("", None),
        ] {
            assert_eq!(pcie_generation(speed), generation, "{speed}");
        }
    }
}
