//! What `gpus` shows: a line a GPU, with who holds it and what runs on it.
use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use gpuyard_core::{
    model::{GpuUuid, Lang, Lease, Memory},
    wire::{GpuEntry, GpuReport, ProcessEntry},
};
use serde::Serialize;

use crate::output::{
    Screen, format,
    style::Tone,
    table::{Cell, Column, Table, clean},
    words,
};

/// Cells of a memory bar.
const BAR: usize = 10;
/// Processes named on a line before the rest becomes a count.
const NAMED: usize = 3;

/// The GPUs as a source saw them, and every lease on this host.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct GpusView {
    /// As `/api/gpu` has it.
    #[serde(flatten)]
    pub(crate) report: GpuReport,
    /// Leases that hold, of all users of this host.
    pub(crate) leases: Vec<Lease>,
}

impl GpusView {
    /// Prints it for people.
    pub(crate) fn print(&self, out: &mut dyn Write, screen: Screen) -> io::Result<()> {
        let lang = screen.lang;
        let report = &self.report;
        if let Some(message) = &report.message {
            writeln!(out, "{}", screen.style.paint(&clean(message), Tone::Warn))?;
        } else if report.gpus.is_empty() {
            writeln!(
                out,
                "{}",
                lang.pick("no GPU was found on this host", "本机没有发现显卡")
            )?;
        }
        if report.gpus.is_empty() {
            return Ok(());
        }
        let mut holders: BTreeMap<&GpuUuid, Vec<String>> = BTreeMap::new();
        for lease in &self.leases {
            for claim in &lease.claims {
                holders.entry(&claim.gpu).or_default().push(holder(
                    lease,
                    claim.amount.is_whole(),
                    claim.amount.memory().to_string(),
                ));
            }
        }
        let mut table = Table::new([
            (Column::Right, "GPU"),
            (Column::Shrink, lang.pick("NAME", "型号")),
            (Column::Left, lang.pick("MEMORY", "显存")),
            (Column::Right, lang.pick("UTIL", "利用率")),
            (Column::Right, lang.pick("TEMP", "温度")),
            (Column::Right, lang.pick("POWER", "功率")),
            (Column::Shrink, lang.pick("HELD BY", "租约")),
            (Column::Shrink, lang.pick("PROCESSES", "GPU 进程")),
        ]);
        for gpu in &report.gpus {
            let held = holders.get(&gpu.uuid).map(|list| list.join(", ")).unwrap_or_default();
            table.row([
                gpu.index.to_string().into(),
                gpu.name.clone().unwrap_or_else(|| "-".into()).into(),
                memory(gpu, lang),
                format::or_dash(gpu.utilization.gpu.map(|share| format!("{:.0}%", share.0))).into(),
                format::or_dash(gpu.temperature.map(|degrees| format!("{degrees:.0}°C"))).into(),
                power(gpu).into(),
                Cell::new(held, Tone::Good),
                processes(gpu.processes.as_deref(), lang).into(),
            ]);
        }
        table.print(out, screen, 0)
    }
}

fn memory(gpu: &GpuEntry, lang: Lang) -> Cell {
    if let Some(trouble) = words::health(&gpu.health, lang) {
        return Cell::new(trouble, Tone::Bad);
    }
    let Some(usage) = &gpu.memory else { return "-".into() };
    let memory = Memory {
        used: usage.used,
        free: usage.free,
        total: usage.total,
    };
    let share = usage.used.0 as f64 / usage.total.0.max(1) as f64;
    let tone = match share {
        0.9.. => Tone::Bad,
        0.1..0.9 => Tone::Warn,
        _ => Tone::Good,
    };
    Cell::new(format::memory_bar(memory, BAR), tone)
}

fn power(gpu: &GpuEntry) -> String {
    match (gpu.power.draw, gpu.power.limit) {
        (None, None) => "-".into(),
        (draw, limit) => {
            let draw = format::or_dash(draw.map(|watts| format!("{watts:.0}")));
            limit.map_or_else(|| format!("{draw}W"), |limit| format!("{draw}/{limit:.0}W"))
        }
    }
}

/// `lilei single_0 f3-17`, with the amount where others may claim the rest.
fn holder(lease: &Lease, whole: bool, memory: String) -> String {
    let mut parts = vec![lease.owner.name.clone()];
    parts.extend(lease.config.map(|config| config.to_string()));
    parts.push(lease.task_id.to_string());
    if !whole {
        parts.push(memory);
    }
    parts.join(" ")
}

/// `lilei python 11.9GiB (4711), … +2`, the largest first.
fn processes(list: Option<&[ProcessEntry]>, lang: Lang) -> String {
    let Some(list) = list else {
        return lang.pick("cannot be listed", "无法列出").to_owned();
    };
    let mut list: Vec<&ProcessEntry> = list.iter().collect();
    list.sort_by_key(|process| (std::cmp::Reverse(process.gpu_memory), process.pid));
    let mut names: Vec<String> = list
        .iter()
        .take(NAMED)
        .map(|process| {
            let user = process.username.as_deref().unwrap_or("?");
            let name = process.name.as_deref().unwrap_or("?");
            let memory = process
                .gpu_memory
                .map(|memory| format!(" {memory}"))
                .unwrap_or_default();
            format!("{user} {name}{memory} ({})", process.pid)
        })
        .collect();
    if list.len() > NAMED {
        names.push(format!("+{}", list.len() - NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};
    use unicode_width::UnicodeWidthStr;

    use super::*;

    fn usage(used: u64, total: u64) -> Value {
        json!({"used": used, "free": total - used, "total": total, "percent": null, "used_human": "", "free_human": "", "total_human": ""})
    }

    fn gpu(index: u32, health: Value, processes: Value) -> Value {
        json!({
            "index": index, "uuid": format!("GPU-{index}"), "name": "NVIDIA GeForce RTX 4090", "vendor": "nvidia", "health": health,
            "temperature": 61.0, "utilization": {"gpu": 97.0, "memory": null}, "memory": usage(12 << 30, 24 << 30),
            "power": {"draw": 301.4, "limit": 450.0, "draw_human": null, "limit_human": null}, "fan_speed": null,
            "clocks": {"graphics": null, "graphics_max": null, "memory": null, "memory_max": null},
            "pcie": {"bus_id": null, "generation": null, "width": null}, "driver_version": null, "processes": processes,
            "hidden_processes": 0, "unseen_processes": 0,
        })
    }

    fn process(pid: i32, memory: u64) -> Value {
        json!({
            "pid": pid, "start_time": "1", "gpu_index": 0, "vendor": "nvidia", "username": "李雷", "name": "python", "command": null,
            "gpu_memory": memory, "gpu_memory_human": null, "gpu_sm_utilization": null, "cpu_percent": null, "host_memory": null, "running_time": null,
            "work": "compute", "container": null, "terminal": null, "task": null,
        })
    }

    fn view(gpus: Value) -> GpusView {
        let report = json!({
            "available": true, "message": null, "timestamp": "2026-11-23T14:00:00Z", "age": 0.1, "stale": false, "gpu_count": 2, "total_processes": 0,
            "memory_percent": null, "active_user_count": 0, "active_users": [],
            "host": {"hostname": "box", "cpu": {"percent": null, "count": 2}, "memory": usage(1, 2), "swap": usage(0, 0), "disk": null, "load": [0.0, 0.0, 0.0]},
            "gpus": gpus,
        });
        let lease = json!({
            "version": 1, "uni_id": "u", "run_id": "r", "task_id": "f3-1", "config": {"mode": "single", "index": 0}, "root": "/r",
            "node": {"machine_id": "m", "hostname": "box"}, "owner": {"uid": 1, "name": "lilei"}, "space": {"machine_id": "m", "boot_id": "b", "pid_ns": 1},
            "claims": [{"gpu": "GPU-0", "index": 0, "amount": {"kind": "memory", "memory": 5u64 << 30}}], "taken_at": "2026-11-23T14:00:00Z",
        });
        GpusView {
            report: serde_json::from_value(report).unwrap(),
            leases: vec![serde_json::from_value(lease).unwrap()],
        }
    }

    fn shown(view: &GpusView, width: Option<usize>) -> String {
        let mut out = Vec::new();
        view.print(
            &mut out,
            Screen {
                width,
                ..Screen::plain()
            },
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_a_gpu() {
        let ok = json!({"state": "ok"});
        let lost = json!({"state": "lost", "message": "fell off the bus"});
        let view = view(json!([
            gpu(
                0,
                ok,
                json!([process(7, 1 << 30), process(9, 3 << 30), process(8, 0), process(6, 0)])
            ),
            gpu(1, lost, Value::Null)
        ]));
        assert_eq!(shown(&view, None), TABLE);
        let narrow = shown(&view, Some(100));
        assert!(narrow.lines().all(|line| line.width() <= 100), "{narrow}");
    }

    const TABLE: &str = "\
GPU  NAME                     MEMORY                  UTIL  TEMP     POWER  HELD BY                    PROCESSES
  0  NVIDIA GeForce RTX 4090  █████░░░░░ 12/24 GiB     97%  61°C  301/450W  lilei single_0 f3-1 5 GiB  李雷 python 3 GiB (9), 李雷 python 1 GiB (7), 李雷 python 0 B (6), +1
  1  NVIDIA GeForce RTX 4090  lost: fell off the bus   97%  61°C  301/450W                             cannot be listed
";

    #[test]
    fn no_gpu_is_said_kindly() {
        assert_eq!(shown(&view(json!([])), None), "no GPU was found on this host\n");
    }
}
