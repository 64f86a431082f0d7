//! Command files: whether their schedulers live, and how the tasks of their newest runs stand.
use std::collections::BTreeMap;

use super::text::{Kind, Text};
use crate::runs::Head;

pub(super) fn write(text: &mut Text, heads: &[Head]) {
    let keys: Vec<(String, String)> = heads
        .iter()
        .map(|head| (head.key.mode.to_string(), head.key.index.to_string()))
        .collect();
    let each = || {
        heads
            .iter()
            .zip(&keys)
            .map(|(head, key)| (key, &head.running, &head.run))
    };
    let mut family = text.family(
        "gpuyard_scheduler_running",
        Kind::Gauge,
        "Whether a command file's scheduler lives.",
    );
    for ((mode, index), running, _) in each() {
        family.put(
            &[("mode", mode), ("config_index", index)],
            Some(f64::from(u8::from(*running))),
        );
    }
    let mut family = text.family(
        "gpuyard_tasks",
        Kind::Gauge,
        "Tasks of a command file's newest run, by where they stand.",
    );
    for ((mode, index), _, run) in each() {
        let by_state = [
            ("waiting", run.pending_tasks),
            ("running", run.running_tasks),
            ("completed", run.completed_tasks),
            ("failed", run.failed_tasks),
        ];
        for (state, count) in BTreeMap::from(by_state) {
            let labels = [("mode", &**mode), ("config_index", index), ("state", state)];
            family.put(&labels, Some(f64::from(count)));
        }
    }
    let mut family = text.family(
        "gpuyard_run_gpus_held",
        Kind::Gauge,
        "GPUs that a command file's tasks hold.",
    );
    for ((mode, index), _, run) in each() {
        family.put(
            &[("mode", mode), ("config_index", index)],
            Some(run.gpus_used.len() as f64),
        );
    }
    let mut family = text.family(
        "gpuyard_run_started_timestamp_seconds",
        Kind::Gauge,
        "When a command file's newest run began.",
    );
    for ((mode, index), _, run) in each() {
        let began = run.started_at.as_millisecond() as f64 / 1000.0;
        family.put(&[("mode", mode), ("config_index", index)], Some(began));
    }
}
