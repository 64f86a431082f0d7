//! Both clocks at once.
use gpuyard_core::model::{Mono, Now};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Wall time and monotonic time (`CLOCK_BOOTTIME`) of this moment.
pub fn now() -> Now {
    Now {
        wall: Timestamp::now(),
        mono: mono(),
    }
}

/// Monotonic time alone.
pub fn mono() -> Mono {
    let t = clock_gettime(ClockId::Boottime);
    Mono(t.tv_sec.unsigned_abs() * 1000 + t.tv_nsec.unsigned_abs() / 1_000_000)
}
