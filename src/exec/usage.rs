//! What this very process uses, for its own figures.
use std::fs;

use nix::{
    sys::resource::{UsageWho, getrusage},
    unistd::{SysconfVar, sysconf},
};

use crate::{clock, identity};

/// What a process uses; `None` is what cannot be told.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// User and system time.
    pub cpu_seconds: Option<f64>,
    /// Resident memory.
    pub resident_bytes: Option<u64>,
    /// Open descriptors.
    pub open_files: Option<usize>,
    /// Seconds since 1970.
    pub started_at: Option<f64>,
}

/// What this process uses now.
pub fn usage() -> Usage {
    let conf = |what| sysconf(what).ok().flatten().and_then(|value| u64::try_from(value).ok());
    let cpu = getrusage(UsageWho::RUSAGE_SELF).ok().map(|usage| {
        let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
        seconds(usage.user_time()) + seconds(usage.system_time())
    });
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    let start = identity::start_ticks(std::process::id() as i32);
    let now = clock::now();
    let started = start.zip(conf(SysconfVar::CLK_TCK)).map(|(ticks, hertz)| {
        let since_boot = ticks as f64 / hertz.max(1) as f64;
        let age = now.mono.0 as f64 / 1000.0 - since_boot;
        ((now.wall.as_millisecond() as f64 / 1000.0 - age) * 100.0).round() / 100.0
    });
    Usage {
        cpu_seconds: cpu,
        resident_bytes: pages.zip(conf(SysconfVar::PAGE_SIZE)).map(|(pages, size)| pages * size),
        // One of them is the folder that is being listed.
        open_files: fs::read_dir("/proc/self/fd")
            .ok()
            .map(|listed| listed.count().saturating_sub(1)),
        started_at: started,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_process_knows_what_it_uses() {
        let usage = usage();
        assert!(usage.cpu_seconds.unwrap() >= 0.0 && usage.resident_bytes.unwrap() > 100_000);
        assert!(usage.open_files.unwrap() >= 3);
        let now = clock::now().wall.as_millisecond() as f64 / 1000.0;
        let age = now - usage.started_at.unwrap();
        assert!((-1.0..3600.0).contains(&age), "{age}");
    }
}
