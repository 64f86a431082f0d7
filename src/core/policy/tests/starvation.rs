//! With `hold_after`, a task of several GPUs starts within a bounded number of steps, however many small ones arrive.
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::model::Seconds;

/// One GPU of the simulated host, whole GiB.
#[derive(Clone, Copy, Debug)]
struct Spec {
    total: u64,
    /// Used by somebody else, for ever.
    stranger: u64,
    /// Used by another process of the user, for ever.
    own: u64,
}

#[derive(Clone, Debug)]
struct Story {
    gpus: Vec<Spec>,
    rules: Rules,
    large: (u32, u64),
    small: u64,
    /// Which of the running tasks ends at a step.
    ends: Vec<usize>,
    /// Whether tasks take the memory that they asked for, or none of it.
    take: bool,
}

/// A small task at work.
#[derive(Clone, Debug)]
struct Running {
    id: String,
    gpu: u32,
}

fn story() -> impl Strategy<Value = Story> {
    let spec = (
        select(vec![8u64, 24, 24, 24]),
        select(vec![0u64, 0, 0, 6]),
        select(vec![0u64, 0, 0, 0, 2]),
    );
    let spec = spec.prop_map(|(total, stranger, own)| Spec { total, stranger, own });
    let rules = (
        any::<bool>(),
        any::<bool>(),
        0..2u32,
        prop_oneof![Just(64u32), 2..5u32],
        select(vec![0.0, 1.0]),
    );
    let rules = rules.prop_map(|(packing, save, left, max, headroom)| Rules {
        maximize_resource_utilization: packing,
        memory_save_mode: save,
        gpu_left: left,
        max_gpu: max,
        memory_headroom: headroom,
        hold_after: Some(Seconds(5.0)),
        ..Rules::default()
    });
    let tasks = (
        (2..4u32, select(vec![4u64, 12, 17, 20])),
        1..7u64,
        vec(0..100usize, 40),
        any::<bool>(),
    );
    (vec(spec, 2..7), rules, tasks).prop_map(|(gpus, rules, (large, small, ends, take))| Story {
        gpus,
        rules,
        large,
        small,
        ends,
        take,
    })
}

impl Story {
    /// Whether the large task could run if no small one did.
    fn possible(&self) -> bool {
        let scene = self.scene(&[], 0).head("large", self.large.0, self.large.1 as f64);
        scene
            .plan()
            .place
            .iter()
            .any(|placement| placement.task.as_str() == "large")
    }

    fn scene(&self, running: &[Running], step: u64) -> Scene {
        let sizes: Vec<_> = self.gpus.iter().map(|gpu| gpu.total as f64).collect();
        let mut scene = Scene::new(&sizes);
        scene.rules = self.rules.clone();
        for (index, gpu) in self.gpus.iter().enumerate() {
            if gpu.stranger > 0 {
                scene = scene.process(index, OTHER, gpu.stranger as f64);
            }
            if gpu.own > 0 {
                scene = scene.process(index, ME, gpu.own as f64);
            }
        }
        let amount = if self.rules.maximize_resource_utilization {
            part
        } else {
            whole
        };
        for task in running {
            scene = scene.lease(&task.id, ME, &[task.gpu], amount(self.small as f64));
            let taken = if self.take { self.small as f64 } else { 0.0 };
            scene = scene.process_of(&task.id, task.gpu as usize, ME, taken);
        }
        // Small heads without end. All are younger than the large one, and those of `LargestFirst` come after it.
        for number in 0..20 {
            scene = scene.head(&format!("small-{step:04}-{number:02}"), 1, self.small as f64);
        }
        scene.heads.iter_mut().for_each(|head| head.waiting_since = Mono(NOW));
        scene.largest_first()
    }

    /// The step at which the large task starts, counted from when GPUs are held for it; `None`: not at all.
    fn starts(&self) -> Option<u64> {
        let mut running: Vec<Running> = Vec::new();
        for step in 0..self.ends.len() as u64 {
            let mut scene = self.scene(&running, step);
            // The host is full of small tasks before the large one comes, and it waits five more steps.
            if step > 2 {
                scene = scene.head("large", self.large.0, self.large.1 as f64);
                let large = scene.heads.last_mut().unwrap();
                large.waiting_since = Mono(NOW - (step - 3) * 1000);
            }
            for placement in scene.plan().place {
                if placement.task.as_str() == "large" {
                    return Some(step.saturating_sub(8));
                }
                running.push(Running {
                    id: placement.task.0,
                    gpu: placement.gpus[0].index,
                });
            }
            if !running.is_empty() {
                // Every task ends some day: at every other step the oldest does.
                let end = if step % 2 == 0 {
                    0
                } else {
                    self.ends[step as usize] % running.len()
                };
                running.remove(end);
            }
        }
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, max_global_rejects: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_large_task_starts_in_the_end(mut story in story()) {
        prop_assume!(story.possible());
        // One task ends at a step. What runs when holding begins has to end, and what is let in beside it.
        story.ends = story.ends.iter().copied().cycle().take(400).collect();
        prop_assert!(story.starts().is_some_and(|steps| steps < 390), "{:?}", story.starts());
    }
}

#[test]
fn without_hold_after_it_starves() {
    let story = Story {
        gpus: vec![
            Spec {
                total: 24,
                stranger: 0,
                own: 0
            };
            2
        ],
        rules: Rules {
            hold_after: None,
            ..Rules::default()
        },
        large: (2, 20),
        small: 2,
        ends: (0..400).collect(),
        take: true,
    };
    assert_eq!(story.starts(), None);
    let held = Story {
        rules: Rules {
            hold_after: Some(Seconds(5.0)),
            ..Rules::default()
        },
        ..story
    };
    assert_eq!(
        held.starts(),
        Some(1),
        "the second of the two GPUs falls free a step after the first"
    );
}
