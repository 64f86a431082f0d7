//! GPUs under names of our own, in base units.
use gpuyard_core::model::{Gpu, Health, Percent, Vendor};

use super::{
    Known,
    text::{Kind, Text},
};

type Figure = fn(&Gpu) -> Option<f64>;

fn ratio(percent: Option<Percent>) -> Option<f64> {
    // To a thousandth: a float's tail says nothing.
    percent.map(|percent| f64::from((percent.0 * 10.0).round()) / 1000.0)
}

/// A figure that was read as f32, without the digits that f64 would make up.
pub(super) fn plain(value: Option<f32>) -> Option<f64> {
    value.and_then(|value| value.to_string().parse().ok())
}

fn hertz(megahertz: Option<u32>) -> Option<f64> {
    megahertz.map(|mhz| f64::from(mhz) * 1e6)
}

/// Every figure of a GPU: name, help, and where it is.
const FIGURES: [(&str, &str, Figure); 13] = [
    (
        "gpuyard_gpu_up",
        "Whether the GPU answers: 0 where it is lost or unreadable.",
        |gpu| Some(f64::from(u8::from(gpu.health == Health::Ok))),
    ),
    (
        "gpuyard_gpu_utilization_ratio",
        "Share of time that a kernel ran.",
        |gpu| ratio(gpu.utilization),
    ),
    (
        "gpuyard_gpu_memory_utilization_ratio",
        "Share of time that memory was read or written.",
        |gpu| ratio(gpu.memory_utilization),
    ),
    ("gpuyard_gpu_memory_used_bytes", "Device memory in use.", |gpu| {
        gpu.memory.map(|memory| memory.used.0 as f64)
    }),
    ("gpuyard_gpu_memory_free_bytes", "Device memory free.", |gpu| {
        gpu.memory.map(|memory| memory.free.0 as f64)
    }),
    ("gpuyard_gpu_memory_size_bytes", "Device memory built in.", |gpu| {
        gpu.memory.map(|memory| memory.total.0 as f64)
    }),
    ("gpuyard_gpu_temperature_celsius", "Temperature.", |gpu| {
        plain(gpu.temperature)
    }),
    ("gpuyard_gpu_power_draw_watts", "Power drawn.", |gpu| {
        plain(gpu.power_draw)
    }),
    ("gpuyard_gpu_power_limit_watts", "Power allowed.", |gpu| {
        plain(gpu.power_limit)
    }),
    ("gpuyard_gpu_fan_speed_ratio", "Fan speed, of the full one.", |gpu| {
        ratio(gpu.fan_speed)
    }),
    ("gpuyard_gpu_clock_graphics_hertz", "Graphics clock.", |gpu| {
        hertz(gpu.clock_graphics)
    }),
    ("gpuyard_gpu_clock_memory_hertz", "Memory clock.", |gpu| {
        hertz(gpu.clock_memory)
    }),
    ("gpuyard_gpu_processes", "Processes on the GPU.", |gpu| {
        gpu.processes.as_ref().map(|all| all.len() as f64)
    }),
];

pub(super) fn write(text: &mut Text, known: &Known) {
    let state = &known.state;
    text.family(
        "gpuyard_gpu_read_success",
        Kind::Gauge,
        "Whether the last reading of the GPUs succeeded; where not, their figures are of the last that did.",
    )
    .put(
        &[],
        (state.readings > 0).then(|| f64::from(u8::from(state.last_error.is_none()))),
    );
    text.family(
        "gpuyard_gpu_readings_total",
        Kind::Counter,
        "Readings of the GPUs, failed ones included.",
    )
    .put(&[], Some(state.readings as f64));
    let Some(snapshot) = &state.latest else { return };
    text.family(
        "gpuyard_gpu_last_read_timestamp_seconds",
        Kind::Gauge,
        "When the GPUs were last read with success.",
    )
    .put(&[], Some(snapshot.taken_at.as_millisecond() as f64 / 1000.0));
    let gpus = &snapshot.gpus;
    let mut info = text.family("gpuyard_gpu_info", Kind::Gauge, "What a GPU is; always 1.");
    for gpu in gpus {
        let index = gpu.index.to_string();
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        info.put(
            &[
                ("gpu", &index),
                ("uuid", &gpu.uuid.0),
                ("name", &optional(&gpu.name)),
                ("vendor", maker(gpu.vendor)),
                ("bus_id", &optional(&gpu.pci_bus_id)),
                ("driver_version", &optional(&gpu.driver_version)),
            ],
            Some(1.0),
        );
    }
    for (name, help, figure) in FIGURES {
        each(text, name, Kind::Gauge, help, gpus, figure);
    }
    each(
        text,
        "gpuyard_gpu_xid_errors_total",
        Kind::Counter,
        "Xid errors that the driver told of since the daemon began.",
        gpus,
        |gpu| gpu.xids.as_ref().map(|xids| xids.count as f64),
    );
    each(
        text,
        "gpuyard_gpu_xid_last_code",
        Kind::Gauge,
        "Number of the last Xid error.",
        gpus,
        |gpu| gpu.xids.as_ref()?.last_code.map(|code| code as f64),
    );
    each(
        text,
        "gpuyard_gpu_xid_last_seen_timestamp_seconds",
        Kind::Gauge,
        "When the last Xid error was seen.",
        gpus,
        |gpu| gpu.xids.as_ref()?.last_at.map(|at| at.as_millisecond() as f64 / 1000.0),
    );
    processes(text, known);
}

fn each(text: &mut Text, name: &'static str, kind: Kind, help: &'static str, gpus: &[Gpu], figure: Figure) {
    let mut family = text.family(name, kind, help);
    for gpu in gpus {
        family.put(&[("gpu", &gpu.index.to_string()), ("uuid", &gpu.uuid.0)], figure(gpu));
    }
}

fn processes(text: &mut Text, known: &Known) {
    let mut family = text.family(
        "gpuyard_gpu_process_memory_bytes",
        Kind::Gauge,
        "Device memory of one process.",
    );
    for process in known.processes.iter().flatten() {
        let (gpu, pid) = (process.gpu_index.to_string(), process.pid.to_string());
        let (user, name) = (
            process.username.clone().unwrap_or_default(),
            process.name.clone().unwrap_or_default(),
        );
        let labels = [
            ("gpu", &*gpu),
            ("pid", &pid),
            ("start_time", &process.start_time),
            ("user", &user),
            ("name", &name),
        ];
        family.put(&labels, process.gpu_memory.map(|memory| memory.0 as f64));
    }
}

fn maker(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Nvidia => "nvidia",
        Vendor::Amd => "amd",
        Vendor::Intel => "intel",
        Vendor::Simulated => "simulated",
    }
}
