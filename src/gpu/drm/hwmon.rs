//! Sensors: temperature, power and fan, of whichever hwmon a card has.
use std::path::{Path, PathBuf};

use gpuyard_core::model::{Gpu, Mono, Percent};

use crate::sysfs;

/// Power is not worked out over less: a counter that moves every few milliseconds would make noise of it.
const SHORTEST_SPAN_MS: u64 = 100;
/// A mean over longer says nothing of now.
const LONGEST_SPAN_MS: u64 = 60_000;

/// The sensors of one card.
#[derive(Default)]
pub(crate) struct Hwmon {
    /// Energy used so far (µJ) and when that was read: the difference is power.
    energy: Option<(u64, Mono)>,
    power: Option<f32>,
}

impl Hwmon {
    /// Fills in what the sensors of the card in `device` say.
    pub(crate) fn fill(&mut self, device: &Path, gpu: &mut Gpu, now: Mono) {
        let folders = sysfs::entries(&device.join("hwmon"), |name| sysfs::is_numbered(name, "hwmon"));
        let Some(folder) = folders.first() else { return };
        let read = |name: &str| sysfs::number(&folder.join(name));
        let watts = |microwatts: u64| (microwatts as f64 / 1e6) as f32;
        gpu.temperature = temperature(folder).map(|millidegrees| millidegrees as f32 / 1000.0);
        // Older kernels have the mean, newer ones the moment, some chips only one of them; Intel's count energy.
        gpu.power_draw = ["power1_average", "power1_input"]
            .into_iter()
            .find_map(read)
            .map(watts)
            .or_else(|| self.power(energy(folder), now));
        gpu.power_limit = ["power1_cap", "power1_max"]
            .into_iter()
            .find_map(read)
            .filter(|limit| *limit > 0)
            .map(watts);
        gpu.fan_speed = fan(&read);
    }

    /// Watts since the last look.
    fn power(&mut self, energy: Option<u64>, now: Mono) -> Option<f32> {
        let Some(used) = energy else {
            (self.energy, self.power) = (None, None);
            return None;
        };
        if let Some((before, at)) = self.energy {
            let span = now.since(at);
            if span < SHORTEST_SPAN_MS {
                return self.power;
            }
            // A counter that went back was reset.
            self.power = used
                .checked_sub(before)
                .filter(|_| span <= LONGEST_SPAN_MS)
                .map(|microjoules| (microjoules as f64 / 1000.0 / span as f64) as f32);
        }
        self.energy = Some((used, now));
        self.power
    }
}

/// The sensor at the chip's edge where there are labels, else that of the package, else the first that answers.
fn temperature(folder: &Path) -> Option<u64> {
    let sensors: Vec<PathBuf> = sysfs::entries(folder, |name| name.starts_with("temp") && name.ends_with("_input"));
    let labelled = |wanted: &str| {
        sensors.iter().find(|sensor| {
            let label = sensor.to_str().map(|path| path.replace("_input", "_label"));
            label.and_then(|path| sysfs::text(Path::new(&path))).as_deref() == Some(wanted)
        })
    };
    let preferred = ["edge", "junction", "pkg"].into_iter().filter_map(labelled);
    preferred.chain(&sensors).find_map(|sensor| sysfs::number(sensor))
}

/// The counter of the whole card where there is one, else the first.
fn energy(folder: &Path) -> Option<u64> {
    let named = |index: u32| {
        let label = sysfs::text(&folder.join(format!("energy{index}_label")));
        label.as_deref() == Some("card")
    };
    let index = (1..=2).find(|index| named(*index)).unwrap_or(1);
    sysfs::number(&folder.join(format!("energy{index}_input"))).or_else(|| sysfs::number(&folder.join("energy2_input")))
}

fn fan(read: &dyn Fn(&str) -> Option<u64>) -> Option<Percent> {
    let share = |of: u64, most: u64| (most > 0).then(|| Percent((of as f64 * 100.0 / most as f64).min(100.0) as f32));
    let by_speed = || share(read("fan1_input")?, read("fan1_max")?);
    by_speed().or_else(|| share(read("pwm1")?, read("pwm1_max").unwrap_or(255)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_the_difference_of_energy() {
        let mut hwmon = Hwmon::default();
        assert_eq!(
            hwmon.power(Some(1_000_000), Mono(1000)),
            None,
            "there is nothing to compare with"
        );
        assert_eq!(hwmon.power(Some(1_000_001), Mono(1001)), None, "too soon");
        assert_eq!(hwmon.power(Some(51_000_000), Mono(2000)), Some(50.0));
        assert_eq!(
            hwmon.power(Some(52_000_000), Mono(2001)),
            Some(50.0),
            "too soon: as it was"
        );
        assert_eq!(hwmon.power(Some(7), Mono(3000)), None, "the counter began anew");
        assert_eq!(hwmon.power(Some(10_000_007), Mono(4000)), Some(10.0));
        assert_eq!(hwmon.power(Some(20_000_007), Mono(400_000)), None, "too long ago");
    }
}
