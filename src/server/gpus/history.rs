//! The last hour of every GPU, for charts: a few bytes a sample, bounded, never on disk.
use std::collections::{HashMap, VecDeque};

use gpuyard_core::{
    model::{Bytes, Gpu, GpuUuid, Mono, Percent, Seconds, Snapshot},
    wire::{GpuHistory, GpuSeries},
};
use jiff::Timestamp;

/// How far back it goes.
pub(crate) const MOST_MINUTES: f64 = 60.0;

/// Samples kept at most: one a second for an hour.
const KEPT: usize = 3600;

/// Two samples that are kept lie so many milliseconds apart at least; a tenth less than a second, since clocks jitter.
const APART: u64 = 900;

/// Points of one answer, for a chart that is not wider.
const POINTS: usize = 600;

/// Stands for what is not known.
const UNKNOWN: u16 = u16::MAX;

/// One GPU at one instant, in 12 bytes.
#[derive(Clone, Copy)]
struct Point {
    /// MiB.
    memory: u32,
    /// Tenths of a percent.
    utilization: u16,
    /// Tenths of a watt are noise.
    watts: u16,
    /// °C, rounded.
    celsius: u16,
}

const NOTHING: Point = Point {
    memory: u32::MAX,
    utilization: UNKNOWN,
    watts: UNKNOWN,
    celsius: UNKNOWN,
};

/// What is kept.
#[derive(Default)]
pub(crate) struct History {
    times: VecDeque<(Mono, Timestamp)>,
    /// As long as `times`, each.
    gpus: HashMap<GpuUuid, Series>,
}

struct Series {
    index: u32,
    name: Option<String>,
    total: Option<Bytes>,
    points: VecDeque<Point>,
}

impl History {
    /// Takes a snapshot in.
    pub(crate) fn push(&mut self, snapshot: &Snapshot) {
        let last = self.times.back().map(|(mono, _)| *mono);
        if last.is_some_and(|last| snapshot.mono.since(last) < APART) {
            return;
        }
        let before = self.times.len();
        self.times.push_back((snapshot.mono, snapshot.taken_at));
        for gpu in &snapshot.gpus {
            let series = self.gpus.entry(gpu.uuid.clone()).or_insert_with(|| Series {
                index: gpu.index,
                name: None,
                total: None,
                points: std::iter::repeat_n(NOTHING, before).collect(),
            });
            series.index = gpu.index;
            series.name.clone_from(&gpu.name);
            series.total = gpu.memory.map(|memory| memory.total).or(series.total);
            series.points.push_back(point(gpu));
        }
        let now = self.times.len();
        for series in self.gpus.values_mut() {
            series.points.resize(now, NOTHING);
        }
        while self.times.len() > KEPT {
            self.times.pop_front();
            for series in self.gpus.values_mut() {
                series.points.pop_front();
            }
        }
        // One that has not been seen for an hour is forgotten.
        self.gpus.retain(|_, series| {
            series
                .points
                .iter()
                .any(|point| point.memory != NOTHING.memory || point.utilization != UNKNOWN)
        });
    }

    /// The last minutes, thinned to so many points that a chart has a use for; each is the mean of its time.
    pub(crate) fn since(&self, minutes: f64, now: Mono) -> GpuHistory {
        let span = (minutes * 60_000.0) as u64;
        let from = self.times.partition_point(|(mono, _)| now.since(*mono) > span);
        let count = self.times.len() - from;
        let each = count.div_ceil(POINTS).max(1);
        let starts = || (from..self.times.len()).step_by(each);
        let mut gpus: Vec<GpuSeries> = self
            .gpus
            .iter()
            .map(|(uuid, series)| {
                let mean = |of: fn(&Point) -> Option<f64>| {
                    let means = starts().map(|start| {
                        let end = (start + each).min(series.points.len());
                        let known: Vec<f64> = series.points.range(start..end).filter_map(of).collect();
                        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
                    });
                    means.collect::<Vec<Option<f64>>>()
                };
                let tenths =
                    |mean: Vec<Option<f64>>| mean.into_iter().map(|m| m.map(|m| (m * 10.0).round() as f32 / 10.0));
                GpuSeries {
                    uuid: uuid.clone(),
                    index: series.index,
                    name: series.name.clone(),
                    memory_total: series.total,
                    memory_used: mean(|p| (p.memory != u32::MAX).then_some(f64::from(p.memory)))
                        .into_iter()
                        .map(|m| m.map(|m| Bytes((m * f64::from(1 << 20)) as u64)))
                        .collect(),
                    utilization: tenths(mean(|p| known(p.utilization).map(|u| u / 10.0)))
                        .map(|u| u.map(Percent))
                        .collect(),
                    temperature: tenths(mean(|p| known(p.celsius))).collect(),
                    power_draw: tenths(mean(|p| known(p.watts))).collect(),
                }
            })
            .collect();
        gpus.sort_by(|a, b| (a.index, &a.uuid.0).cmp(&(b.index, &b.uuid.0)));
        let times: Vec<Timestamp> = starts().map(|start| self.times[start].1).collect();
        let marks: Vec<usize> = starts().collect();
        let step = match marks[..] {
            [.., a, b] => Some(Seconds(self.times[b].0.since(self.times[a].0) as f64 / 1000.0)),
            _ => None,
        };
        GpuHistory { step, times, gpus }
    }
}

fn known(value: u16) -> Option<f64> {
    (value != UNKNOWN).then_some(f64::from(value))
}

fn point(gpu: &Gpu) -> Point {
    // What is more than fits is no figure of a GPU.
    let small =
        |value: Option<f32>, scale: f32| value.map_or(UNKNOWN, |v| (v * scale).round().clamp(0.0, 65_534.0) as u16);
    Point {
        memory: gpu.memory.map_or(u32::MAX, |memory| {
            (memory.used.0 >> 20).min(u64::from(u32::MAX - 1)) as u32
        }),
        utilization: small(gpu.utilization.map(|u| u.0), 10.0),
        watts: small(gpu.power_draw, 1.0),
        celsius: small(gpu.temperature, 1.0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use gpuyard_core::model::{Memory, Vendor};

    use super::*;

    fn snapshot(at: u64, gpus: &[(&str, u64, Option<f32>)]) -> Snapshot {
        let gpu = |(index, (uuid, used, utilization)): (usize, &(&str, u64, Option<f32>))| {
            let mut gpu = Gpu::new(index as u32, *uuid, Vendor::Simulated);
            gpu.memory = Some(Memory {
                used: Bytes(used << 20),
                free: Bytes(0),
                total: Bytes(1 << 30),
            });
            gpu.utilization = utilization.map(Percent);
            gpu
        };
        Snapshot {
            taken_at: Timestamp::from_millisecond(at as i64).unwrap(),
            mono: Mono(at),
            source: "x".into(),
            gpus: gpus.iter().enumerate().map(gpu).collect(),
        }
    }

    #[test]
    fn samples_stand_beside_their_times_and_what_is_unknown_is_null() {
        let mut history = History::default();
        history.push(&snapshot(1000, &[("a", 10, Some(50.0))]));
        history.push(&snapshot(1500, &[("a", 999, Some(99.0))]));
        history.push(&snapshot(2000, &[("a", 20, None), ("b", 5, Some(0.0))]));
        history.push(&snapshot(3000, &[("b", 6, Some(12.34))]));
        let shown = history.since(1.0, Mono(3000));
        assert_eq!(shown.times.len(), 3, "half a second after another is none of its own");
        assert_eq!(shown.step, Some(Seconds(1.0)));
        let uuids: Vec<&str> = shown.gpus.iter().map(|gpu| gpu.uuid.0.as_str()).collect();
        assert_eq!(uuids, ["a", "b"], "by index, then uuid");
        let (a, b) = (&shown.gpus[0], &shown.gpus[1]);
        assert_eq!(a.utilization, [Some(Percent(50.0)), None, None]);
        assert_eq!(a.memory_used, [Some(Bytes(10 << 20)), Some(Bytes(20 << 20)), None]);
        assert_eq!(b.utilization, [None, Some(Percent(0.0)), Some(Percent(12.3))]);
        assert_eq!(b.temperature, [None, None, None]);
        assert_eq!(history.since(1.0 / 60.0, Mono(3000)).times.len(), 2, "the last second");
    }

    #[test]
    fn memory_and_answers_are_bounded_and_what_is_gone_is_forgotten() {
        let mut history = History::default();
        history.push(&snapshot(0, &[("gone", 1, Some(1.0))]));
        for second in 1..=4000 {
            history.push(&snapshot(
                second * 1000,
                &[("a", second % 7, Some((second % 2) as f32 * 100.0))],
            ));
        }
        assert_eq!((history.times.len(), history.gpus.len()), (KEPT, 1));
        let hour = history.since(MOST_MINUTES, Mono(4_000_000));
        assert_eq!(hour.times.len(), POINTS);
        assert_eq!(hour.step, Some(Seconds(6.0)));
        assert!(hour.gpus[0].utilization.iter().all(|mean| *mean == Some(Percent(50.0))));
        assert_eq!(history.since(1.0, Mono(4_000_000)).times.len(), 61);
        assert!(History::default().since(60.0, Mono(1)).times.is_empty());
    }
}
