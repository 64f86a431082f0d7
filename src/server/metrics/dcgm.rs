//! GPUs under the names and labels of NVIDIA's DCGM exporter, for dashboards that were made for it; in its units, too.
use gpuyard_core::model::Gpu;

use super::{
    Known,
    gpus::plain,
    text::{Kind, Text},
};

const MIB: f64 = 1024.0 * 1024.0;

type Figure = fn(&Gpu) -> Option<f64>;

const FIGURES: [(&str, &str, Figure); 10] = [
    ("DCGM_FI_DEV_SM_CLOCK", "SM clock frequency (in MHz).", |gpu| {
        gpu.clock_graphics.map(f64::from)
    }),
    ("DCGM_FI_DEV_MEM_CLOCK", "Memory clock frequency (in MHz).", |gpu| {
        gpu.clock_memory.map(f64::from)
    }),
    ("DCGM_FI_DEV_GPU_TEMP", "GPU temperature (in C).", |gpu| {
        plain(gpu.temperature)
    }),
    ("DCGM_FI_DEV_POWER_USAGE", "Power draw (in W).", |gpu| {
        plain(gpu.power_draw)
    }),
    ("DCGM_FI_DEV_POWER_MGMT_LIMIT", "Power limit (in W).", |gpu| {
        plain(gpu.power_limit)
    }),
    ("DCGM_FI_DEV_GPU_UTIL", "GPU utilization (in %).", |gpu| {
        plain(gpu.utilization.map(|u| u.0))
    }),
    ("DCGM_FI_DEV_MEM_COPY_UTIL", "Memory utilization (in %).", |gpu| {
        plain(gpu.memory_utilization.map(|u| u.0))
    }),
    ("DCGM_FI_DEV_FB_FREE", "Framebuffer memory free (in MiB).", |gpu| {
        gpu.memory.map(|m| (m.free.0 as f64 / MIB).round())
    }),
    ("DCGM_FI_DEV_FB_USED", "Framebuffer memory used (in MiB).", |gpu| {
        gpu.memory.map(|m| (m.used.0 as f64 / MIB).round())
    }),
    (
        "DCGM_FI_DEV_XID_ERRORS",
        "Value of the last XID error encountered.",
        |gpu| gpu.xids.as_ref().map(|xids| xids.last_code.unwrap_or_default() as f64),
    ),
];

pub(super) fn write(text: &mut Text, known: &Known) {
    let gpus = known.state.latest.iter().flat_map(|snapshot| &snapshot.gpus);
    let gpus: Vec<&Gpu> = gpus.collect();
    for (name, help, figure) in FIGURES {
        let mut family = text.family(name, Kind::Gauge, help);
        for gpu in &gpus {
            let index = gpu.index.to_string();
            let device = format!("nvidia{index}");
            let labels = [
                ("gpu", &*index),
                ("UUID", &gpu.uuid.0),
                ("pci_bus_id", gpu.pci_bus_id.as_deref().unwrap_or_default()),
                ("device", &device),
                ("modelName", gpu.name.as_deref().unwrap_or_default()),
                ("Hostname", &known.hostname),
                (
                    "DCGM_FI_DRIVER_VERSION",
                    gpu.driver_version.as_deref().unwrap_or_default(),
                ),
            ];
            family.put(&labels, figure(gpu));
        }
    }
}
