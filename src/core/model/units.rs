//! Units as types: bytes, percent, seconds, and the two clocks.
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount of memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Bytes {
    /// One GiB, the unit of rules and command files.
    pub const GIB: Bytes = Bytes(1 << 30);

    /// So many GiB, rounded to whole bytes. Negative and non-finite amounts become 0.
    pub fn from_gib(gib: f64) -> Bytes {
        // A float-to-int `as` saturates, and turns NaN into 0.
        Bytes((gib * Self::GIB.0 as f64).round() as u64)
    }

    /// The amount in GiB.
    pub fn gib(self) -> f64 {
        self.0 as f64 / Self::GIB.0 as f64
    }

    /// The sum, at most `u64::MAX`.
    pub fn saturating_add(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_add(other.0))
    }

    /// The difference, at least 0.
    pub fn saturating_sub(self, other: Bytes) -> Bytes {
        Bytes(self.0.saturating_sub(other.0))
    }

    /// Reads `24GiB`, `512MiB`, `2 GB`, `1073741824`. A bare number counts bytes; `GB` and `G` mean GiB, as everywhere
    /// in gpuyard. `None` for anything else.
    pub fn parse(text: &str) -> Option<Bytes> {
        let text = text.trim();
        let split = text
            .find(|c: char| !(c.is_ascii_digit() || c == '.'))
            .unwrap_or(text.len());
        let number: f64 = text[..split].parse().ok()?;
        let factor: u64 = match text[split..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            "t" | "tb" | "tib" => 1 << 40,
            _ => return None,
        };
        let bytes = number * factor as f64;
        (bytes.is_finite() && bytes < u64::MAX as f64).then_some(Bytes(bytes.round() as u64))
    }
}

/// What people read bytes in, each 1024 times the one before.
const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

/// A number with at most one decimal.
struct Tenths(u128);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 % 10 {
            0 => write!(f, "{}", self.0 / 10),
            tenth => write!(f, "{}.{tenth}", self.0 / 10),
        }
    }
}

impl Bytes {
    /// `11.9/24 GiB`: so much of a whole, both in the unit that the whole is written in.
    pub fn of(self, whole: Bytes) -> String {
        format!("{}/{whole}", self.tenths(whole.unit()))
    }

    /// Which of [`UNITS`] it is written in.
    fn unit(self) -> usize {
        let mut unit = 0;
        // 1023.95 would be written as 1024.0: it belongs to the next unit.
        while u128::from(self.0) * 100 >= 102_395 << (10 * unit) && unit + 1 < UNITS.len() {
            unit += 1;
        }
        unit
    }

    /// In whole numbers: hundreds of these stand in an answer, and decimals of a float are dear.
    fn tenths(self, unit: usize) -> Tenths {
        let (bytes, whole) = (u128::from(self.0) * 10, 1_u128 << (10 * unit));
        let (tenths, rest) = (bytes / whole, bytes % whole);
        // Half to even, as floats are written.
        let up = rest * 2 > whole || rest * 2 == whole && tenths % 2 == 1;
        Tenths(tenths + u128::from(up))
    }
}

impl fmt::Display for Bytes {
    /// For people: `20.5 GiB`, `512 MiB`, `0 B`; at most one decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit();
        write!(f, "{} {}", self.tenths(unit), UNITS[unit])
    }
}

/// A share of a whole, 0 to 100.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Percent(pub f32);

/// A length of time in seconds, as it stands in rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Seconds(pub f64);

impl Seconds {
    /// Whole milliseconds, at least 0.
    pub fn millis(self) -> u64 {
        (self.0 * 1000.0).round() as u64
    }
}

/// Milliseconds since the host booted, suspends included (`CLOCK_BOOTTIME`). Comparable only within one boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Mono(pub u64);

impl Mono {
    /// Milliseconds from `earlier` to `self`, at least 0.
    pub fn since(self, earlier: Mono) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment `ms` milliseconds later.
    pub fn plus_millis(self, ms: u64) -> Mono {
        Mono(self.0.saturating_add(ms))
    }
}

/// Both clocks at one moment, handed in by whoever owns a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Wall time, for people.
    pub wall: Timestamp,
    /// Monotonic time, for deadlines.
    pub mono: Mono,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_people_say_them() {
        for (bytes, text) in [
            (0, "0 B"),
            (512 << 20, "512 MiB"),
            (24 << 30, "24 GiB"),
            ((41 << 30) / 2, "20.5 GiB"),
            ((1 << 30) - 1, "1 GiB"),
        ] {
            assert_eq!(Bytes(bytes).to_string(), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn bytes_are_rounded_as_floats_are(bits in 0_u32..64, bytes in proptest::prelude::any::<u64>()) {
            let bytes = bytes >> bits;
            let (mut value, mut units) = (bytes as f64, ["B", "KiB", "MiB", "GiB", "TiB"].iter());
            while value >= 1023.95 && units.len() > 1 {
                value /= 1024.0;
                units.next();
            }
            // Above 2^53 a float has no room for every byte, nor a person an eye for it.
            if bytes < 1 << 53 {
                let text = format!("{value:.1}");
                let text = text.strip_suffix(".0").unwrap_or(&text);
                proptest::prop_assert_eq!(Bytes(bytes).to_string(), format!("{text} {}", units.next().unwrap_or(&"")));
            }
        }
    }

    #[test]
    fn amounts_are_parsed_or_refused() {
        assert_eq!(Bytes::parse("24GiB"), Some(Bytes(24 << 30)));
        assert_eq!(Bytes::parse("1.5 g"), Some(Bytes(3 << 29)));
        assert_eq!(Bytes::parse("77"), Some(Bytes(77)));
        for wrong in ["", "GiB", "-1GiB", "1.2.3", "5 apples", "99999999999999999999TiB"] {
            assert_eq!(Bytes::parse(wrong), None, "{wrong}");
        }
    }
}
