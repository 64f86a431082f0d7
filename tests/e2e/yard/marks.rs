//! What tasks stamp about themselves, and what must be true of it.
use std::{collections::BTreeMap, fs};

use super::{Yard, wait_for};

/// A line of `marks`.
#[derive(Clone, Debug)]
pub(crate) struct Mark {
    /// `start`, `end`, `child`, `term`.
    pub(crate) event: String,
    /// The task.
    pub(crate) name: String,
    /// Its attempt.
    pub(crate) uni_id: String,
    /// The GPUs it was told.
    pub(crate) gpus: Vec<u32>,
    /// The memory it claims, GiB.
    pub(crate) memory: Option<f64>,
    /// The process.
    pub(crate) pid: i32,
    /// When, µs.
    pub(crate) at: u64,
}

fn parse(line: &str) -> Option<Mark> {
    let words: Vec<&str> = line.split(' ').collect();
    let [event, name, uni_id, gpus, memory, pid, at] = words[..] else {
        return None;
    };
    Some(Mark {
        event: event.to_owned(),
        name: name.to_owned(),
        uni_id: uni_id.to_owned(),
        gpus: gpus.split(',').filter_map(|gpu| gpu.parse().ok()).collect(),
        memory: memory.strip_suffix("GiB").and_then(|gib| gib.parse().ok()),
        pid: pid.parse().ok()?,
        at: at.parse().ok()?,
    })
}

impl Yard {
    /// All marks so far.
    pub(crate) fn marks(&self) -> Vec<Mark> {
        let text = fs::read_to_string(self.work.join("marks")).unwrap();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| parse(line).unwrap_or_else(|| panic!("not a mark: {line}")))
            .collect()
    }

    /// Marks of one event of one task.
    pub(crate) fn marks_of(&self, event: &str, name: &str) -> Vec<Mark> {
        self.marks()
            .into_iter()
            .filter(|mark| mark.event == event && mark.name == name)
            .collect()
    }

    /// How often a task was started, by its own marks.
    pub(crate) fn starts(&self, name: &str) -> usize {
        self.marks_of("start", name).len()
    }

    /// Whether a task came to its end.
    pub(crate) fn ended(&self, name: &str) -> bool {
        !self.marks_of("end", name).is_empty()
    }

    /// Waits until a task has begun, and returns its mark.
    #[track_caller]
    pub(crate) fn started(&self, name: &str) -> Mark {
        wait_for(&format!("task {name} starts"), || {
            self.marks_of("start", name).into_iter().next()
        })
    }

    /// Names of tasks in the order in which they began.
    pub(crate) fn order(&self) -> Vec<String> {
        self.marks()
            .into_iter()
            .filter(|mark| mark.event == "start")
            .map(|mark| mark.name)
            .collect()
    }

    /// Number of the last line that a ticking task has written.
    pub(crate) fn last_tick(&self, log: &std::path::Path) -> Option<u64> {
        let text = fs::read_to_string(log).ok()?;
        text.lines()
            .rev()
            .find_map(|line| line.split_once(" tick ")?.1.parse().ok())
    }
}

/// Fails unless a log has the ticks of a task from 0 on, each once and in order; returns how many.
#[track_caller]
pub(crate) fn ticks_without_gap(log: &str, name: &str) -> u64 {
    let mut next = 0;
    for line in log.lines() {
        if let Some(number) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(" tick ")) {
            assert_eq!(number, next.to_string(), "the ticks of {name} have a gap:\n{log}");
            next += 1;
        }
    }
    assert!(next > 0, "{name} never ticked:\n{log}");
    next
}

/// From start to end, as far as it got: `(from, until, mark)`, one an attempt.
pub(crate) fn spans(marks: &[Mark]) -> Vec<(u64, u64, Mark)> {
    let mut open: BTreeMap<(String, i32), Mark> = BTreeMap::new();
    let mut spans = Vec::new();
    for mark in marks {
        let key = (mark.uni_id.clone(), mark.pid);
        if mark.event == "start" {
            open.insert(key, mark.clone());
        } else if mark.event == "end"
            && let Some(start) = open.remove(&key)
        {
            spans.push((start.at, mark.at, start));
        }
    }
    spans.extend(open.into_values().map(|start| (start.at, u64::MAX, start)));
    spans
}

/// Fails if any GPU was had by two tasks at one time, by their own stamps; returns how many tasks were looked at.
#[track_caller]
pub(crate) fn whole_leases_never_overlap(marks: &[Mark]) -> usize {
    let spans = spans(marks);
    let mut by_gpu: BTreeMap<u32, Vec<&(u64, u64, Mark)>> = BTreeMap::new();
    for span in &spans {
        assert!(!span.2.gpus.is_empty(), "a task without a GPU: {:?}", span.2);
        for gpu in &span.2.gpus {
            by_gpu.entry(*gpu).or_default().push(span);
        }
    }
    for (gpu, mut list) in by_gpu {
        list.sort_by_key(|span| span.0);
        for pair in list.windows(2) {
            assert!(
                pair[0].1 <= pair[1].0,
                "GPU {gpu} was given twice: {:?} until {}, then {:?}",
                pair[0].2,
                pair[0].1,
                pair[1].2
            );
        }
    }
    spans.len()
}

/// Fails if more memory of a GPU was claimed at one time than it has.
#[track_caller]
pub(crate) fn packed_memory_fits(marks: &[Mark], gib: f64) -> usize {
    let spans = spans(marks);
    let mut most_at_once = 0;
    for (from, _, mark) in &spans {
        for gpu in &mark.gpus {
            // The sum can be too large only at a moment when something starts.
            let there = spans
                .iter()
                .filter(|(start, end, other)| other.gpus.contains(gpu) && start <= from && from < end);
            let claims: Vec<&Mark> = there.map(|(_, _, other)| other).collect();
            let sum: f64 = claims
                .iter()
                .map(|other| other.memory.expect("a packed task names its memory"))
                .sum();
            assert!(
                sum <= gib,
                "GPU {gpu} has {gib} GiB and {sum} were promised: {claims:#?}"
            );
            most_at_once = most_at_once.max(claims.len());
        }
    }
    most_at_once
}
