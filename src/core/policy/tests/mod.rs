//! Tests of the decision: a scene is built in a line or two, and the plan is looked at by task name and GPU index.
#![allow(clippy::unwrap_used)]
mod holding;
mod line;
mod ordering;
mod properties;
mod reasons;
mod rules;
mod starvation;

use jiff::Timestamp;

use super::*;
use crate::model::{
    Claim, Gpu, GpuProcess, GpuUuid, Health, Memory, Mono, Percent, QueueId, Reason, RecentMean, Rules, Snapshot,
    TaskId, UniId, Vendor, Work,
};

/// The user whose heads are decided on.
const ME: u32 = 1000;
/// Somebody else.
const OTHER: u32 = 1001;
/// When it is in every scene, milliseconds: heads have waited since the epoch.
const NOW: u64 = 1_000_000;

fn gib(amount: f64) -> Bytes {
    Bytes::from_gib(amount)
}

fn whole(amount: f64) -> Amount {
    Amount::Whole { memory: gib(amount) }
}

fn part(amount: f64) -> Amount {
    Amount::Memory { memory: gib(amount) }
}

fn uuid(index: u32) -> GpuUuid {
    GpuUuid(format!("GPU-{index}"))
}

/// Everything that a decision is asked, made step by step.
#[derive(Clone, Debug)]
struct Scene {
    snapshot: Snapshot,
    rules: Rules,
    leases: Vec<LeaseView>,
    heads: Vec<Head>,
    order: Order,
}

impl Scene {
    /// Idle GPUs of so many GiB each.
    fn new(sizes: &[f64]) -> Scene {
        let gpus = sizes.iter().enumerate().map(|(index, size)| Gpu {
            memory: Some(Memory {
                used: Bytes(0),
                free: gib(*size),
                total: gib(*size),
            }),
            processes: Some(Vec::new()),
            ..Gpu::new(index as u32, uuid(index as u32).0, Vendor::Simulated)
        });
        let snapshot = Snapshot {
            taken_at: Timestamp::UNIX_EPOCH,
            mono: Mono(NOW),
            source: "simulated".into(),
            gpus: gpus.collect(),
        };
        Scene {
            snapshot,
            rules: Rules::default(),
            leases: vec![],
            heads: vec![],
            order: Order::LongestWaiting,
        }
    }

    fn rules(mut self, change: impl FnOnce(&mut Rules)) -> Scene {
        change(&mut self.rules);
        self
    }

    fn packing(self) -> Scene {
        self.rules(|rules| rules.maximize_resource_utilization = true)
    }

    fn gpu(mut self, index: usize, change: impl FnOnce(&mut Gpu)) -> Scene {
        change(&mut self.snapshot.gpus[index]);
        self
    }

    fn lost(self, index: usize) -> Scene {
        self.gpu(index, |gpu| {
            gpu.health = Health::Lost {
                message: "fallen off the bus".into(),
            }
        })
    }

    fn busy(self, index: usize, percent: f32) -> Scene {
        self.gpu(index, |gpu| gpu.utilization = Some(Percent(percent)))
    }

    /// Memory in use by something that no list shows.
    fn used(self, index: usize, amount: f64) -> Scene {
        self.gpu(index, |gpu| {
            let memory = gpu.memory.as_mut().unwrap();
            memory.used = memory.used.saturating_add(gib(amount));
            memory.free = memory.free.saturating_sub(gib(amount));
        })
    }

    /// A process that uses so much memory.
    fn process(self, index: usize, uid: u32, amount: f64) -> Scene {
        self.used(index, amount)
            .listed(index, Some(uid), Some(gib(amount)), None)
    }

    /// A process of an attempt.
    fn process_of(self, lease: &str, index: usize, uid: u32, amount: f64) -> Scene {
        self.used(index, amount)
            .listed(index, Some(uid), Some(gib(amount)), Some(lease))
    }

    fn listed(self, index: usize, uid: Option<u32>, memory: Option<Bytes>, lease: Option<&str>) -> Scene {
        self.gpu(index, |gpu| {
            let processes = gpu.processes.as_mut().unwrap();
            processes.push(GpuProcess {
                pid: 100 + processes.len() as i32,
                start_ticks: 1,
                uid,
                work: Work::Compute,
                memory,
                sm_utilization: None,
                uni_id: lease.map(|id| UniId(id.into())),
            });
        })
    }

    fn lease(mut self, id: &str, uid: u32, gpus: &[u32], amount: Amount) -> Scene {
        let claims = gpus
            .iter()
            .map(|&index| Claim {
                gpu: uuid(index),
                index,
                amount,
            })
            .collect();
        self.leases.push(LeaseView {
            uni_id: UniId(id.into()),
            owner_uid: uid,
            claims,
        });
        self
    }

    /// The head of the next queue; each has waited a second less than the one before.
    fn head(mut self, task: &str, gpu_count: u32, memory: f64) -> Scene {
        let number = self.heads.len() as u64 + 1;
        self.heads.push(Head {
            task: TaskId(task.into()),
            queue: QueueId(number),
            gpu_count,
            memory: gib(memory),
            waiting_since: Mono(number * 1000),
            priority: 0,
            gpu_type: None,
            empty: false,
        });
        self
    }

    /// The same for a head that asks for more than others: by its priority, a model, and empty GPUs where it names no
    /// memory.
    fn asks(mut self, task: &str, gpu_count: u32, memory: Option<f64>, priority: i32, gpu_type: Option<&str>) -> Scene {
        self = self.head(task, gpu_count, memory.unwrap_or(0.0));
        if let Some(head) = self.heads.last_mut() {
            head.priority = priority;
            head.gpu_type = gpu_type.map(str::to_owned);
            head.empty = memory.is_none();
        }
        self
    }

    fn in_line(mut self) -> Scene {
        self.order = Order::Priority;
        self
    }

    fn largest_first(mut self) -> Scene {
        self.order = Order::LargestFirst;
        self
    }

    fn plan(&self) -> Plan {
        decide(&Request {
            snapshot: &self.snapshot,
            rules: &self.rules,
            leases: &self.leases,
            heads: &self.heads,
            order: self.order,
            owner_uid: ME,
            now: Mono(NOW),
        })
    }

    /// The reason of the only head that waits.
    fn reason(&self) -> Reason {
        let plan = self.plan();
        assert_eq!(plan.wait.len(), 1, "{plan:?}");
        plan.wait[0].1.clone()
    }

    /// `a:0 b:1,2`: who starts where, in the order of the plan.
    fn placed(&self) -> String {
        let plan = self.plan();
        let texts = plan.place.iter().map(|placement| {
            let gpus: Vec<_> = placement.gpus.iter().map(|gpu| gpu.index.to_string()).collect();
            format!("{}:{}", placement.task, gpus.join(","))
        });
        texts.collect::<Vec<_>>().join(" ")
    }
}
