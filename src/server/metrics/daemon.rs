//! The daemon itself, under the names that all programs have.
use gpuyard_exec::usage::usage;

use super::text::{Kind, Text};

pub(super) fn write(text: &mut Text, feeds: usize) {
    text.family("gpuyard_build_info", Kind::Gauge, "The program; always 1.")
        .put(&[("version", env!("CARGO_PKG_VERSION"))], Some(1.0));
    text.family(
        "gpuyard_live_connections",
        Kind::Gauge,
        "WebSockets and event streams that are open.",
    )
    .put(&[], Some(feeds as f64));
    let usage = usage();
    for (name, kind, help, value) in [
        (
            "process_cpu_seconds_total",
            Kind::Counter,
            "Total user and system CPU time spent in seconds.",
            usage.cpu_seconds,
        ),
        (
            "process_resident_memory_bytes",
            Kind::Gauge,
            "Resident memory size in bytes.",
            usage.resident_bytes.map(|bytes| bytes as f64),
        ),
        (
            "process_open_fds",
            Kind::Gauge,
            "Number of open file descriptors.",
            usage.open_files.map(|count| count as f64),
        ),
        (
            "process_start_time_seconds",
            Kind::Gauge,
            "Start time of the process since unix epoch in seconds.",
            usage.started_at,
        ),
    ] {
        text.family(name, kind, help).put(&[], value);
    }
}
