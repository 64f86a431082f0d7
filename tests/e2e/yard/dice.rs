//! Numbers that look random, and can be had again.

/// A splitmix64 generator.
pub(crate) struct Dice(u64);

impl Dice {
    /// Seeded by a variable of the environment, or else by the clock; the seed is told, and shown where a test fails.
    pub(crate) fn new(variable: &str) -> Dice {
        let told = std::env::var(variable).ok().and_then(|text| text.parse().ok());
        let clock = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        let seed = told.unwrap_or(clock.as_nanos() as u64);
        eprintln!("{variable}={seed}");
        Dice(seed)
    }

    /// From 0 to one less than `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }
}
