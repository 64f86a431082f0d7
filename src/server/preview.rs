//! What rules would do, asked of the scheduler's own policy: on the last snapshot, with the leases of the host and the heads
//! of the command files. Nothing is taken and nothing is written.
use std::{collections::HashMap, sync::Arc};

use gpuyard_core::{
    formats::command::QueueBlocks,
    model::{
        Amount, Bytes, Claim, ConfigKey, GpuRef, Lang, Mode, Mono, Now, QueueId, Reason, Rules, Snapshot, TaskId, UniId,
    },
    policy::{Head, LeaseView, Order, Plan, Request, decide},
    queue::ShownReason,
    wire::{ConfigPreview, HeadStart, HeadWait, RulesAnswer, RulesPreview},
};
use gpuyard_exec::{clock, identity};
use gpuyard_store::commands;

use crate::{app::App, error::ApiError, limits};

/// A head, and what is told of it.
struct Asked {
    head: Head,
    process_index: u32,
    task_id: Option<TaskId>,
    memory_gb: f64,
    /// It waits for this, whatever the GPUs.
    gate: Option<Reason>,
}

/// One command file's heads.
pub(crate) struct Heads {
    pub(crate) key: ConfigKey,
    order: Order,
    running: bool,
    heads: Vec<Asked>,
}

/// What a decision goes by, whoever's heads it is about.
struct World<'a> {
    snapshot: &'a Snapshot,
    rules: &'a Rules,
    owner_uid: u32,
    now: Now,
}

impl World<'_> {
    fn decide(&self, heads: &[Head], order: Order, leases: &[LeaseView]) -> Plan {
        decide(&Request {
            snapshot: self.snapshot,
            rules: self.rules,
            leases,
            heads,
            order,
            owner_uid: self.owner_uid,
            now: self.now.mono,
        })
    }
}

/// What these rules would do now.
pub(crate) fn preview(app: &App, rules: &Rules, lang: Lang) -> Result<RulesPreview, ApiError> {
    let now = clock::now();
    let (snapshot, trouble) = app.gpus.latest();
    let message = trouble.map(|error| match lang {
        Lang::En => format!("the GPUs cannot be read: {error}"),
        Lang::Zh => format!("无法读取显卡：{error}"),
    });
    let none = || {
        Arc::new(Snapshot {
            taken_at: now.wall,
            mono: now.mono,
            source: String::new(),
            gpus: Vec::new(),
        })
    };
    let snapshot = snapshot.filter(|_| message.is_none()).unwrap_or_else(none);
    let message = message.or_else(|| {
        let no_gpu = lang.pick("no GPU was found on this machine", "未在此机器上找到显卡");
        snapshot.gpus.is_empty().then(|| no_gpu.to_owned())
    });
    let world = World {
        snapshot: &snapshot,
        rules,
        owner_uid: identity::owner().uid,
        now,
    };
    let held = app.host.leases()?;
    let mut leases: Vec<LeaseView> = held
        .iter()
        .filter(|held| held.is_live())
        .map(|held| LeaseView::from(&held.lease))
        .collect();

    app.runs.refresh()?;
    let running = app.runs.waiting_heads(now);
    // Whoever would come first takes what there is: a task of one GPU that needs next to nothing.
    let mut before = world.decide(&[], Order::LongestWaiting, &leases).figures;
    let would_take = room(&world, &leases);
    let mut configs = Vec::new();
    for heads in &running {
        let (shown, taken) = ask(&world, heads, &leases, lang);
        leases.extend(taken);
        configs.push(shown);
    }
    for heads in idle(app, rules, now, &running) {
        configs.push(ask(&world, &heads, &leases, lang).0);
    }
    before.competed.sort_unstable();
    Ok(RulesPreview {
        data: RulesAnswer(rules.clone()),
        message,
        warnings: Vec::new(),
        competed: before.competed,
        available: before.available,
        allowed: before.allowed,
        held: before.held,
        would_take,
        configs,
    })
}

/// The GPUs that one small task after another would take, each for itself.
fn room(world: &World<'_>, leases: &[LeaseView]) -> Vec<GpuRef> {
    let head = Head {
        task: TaskId(String::new()),
        queue: QueueId(0),
        gpu_count: 1,
        memory: Bytes::GIB,
        waiting_since: Mono(0),
        priority: 0,
        gpu_type: None,
        empty: false,
    };
    let mut leases = leases.to_vec();
    let mut gpus: Vec<GpuRef> = Vec::new();
    while let Some(gpu) = world
        .decide(std::slice::from_ref(&head), Order::LongestWaiting, &leases)
        .place
        .pop()
        && let Some(gpu) = gpu.gpus.into_iter().next()
        && gpus.len() < world.snapshot.gpus.len()
    {
        leases.push(LeaseView {
            uni_id: UniId(format!("preview-{}", gpu.index)),
            owner_uid: world.owner_uid,
            claims: vec![Claim {
                gpu: gpu.uuid.clone(),
                index: gpu.index,
                amount: Amount::Whole { memory: Bytes::GIB },
            }],
        });
        gpus.push(gpu);
    }
    gpus
}

/// Decides for one command file; answers also what its heads would take.
fn ask(world: &World<'_>, heads: &Heads, leases: &[LeaseView], lang: Lang) -> (ConfigPreview, Vec<LeaseView>) {
    let ready: Vec<Head> = heads
        .heads
        .iter()
        .filter(|asked| asked.gate.is_none())
        .map(|a| a.head.clone())
        .collect();
    let plan = world.decide(&ready, heads.order, leases);
    let by_task: HashMap<&TaskId, &Asked> = heads.heads.iter().map(|asked| (&asked.head.task, asked)).collect();
    let find = |task: &TaskId| by_task.get(task).copied();
    let mut start = Vec::new();
    let mut taken = Vec::new();
    for placement in plan.place {
        let Some(asked) = find(&placement.task) else { continue };
        let claim = |gpu: &GpuRef| Claim {
            gpu: gpu.uuid.clone(),
            index: gpu.index,
            amount: placement.amount,
        };
        taken.push(LeaseView {
            uni_id: UniId(format!("preview-{}-{}", heads.key, placement.task)),
            owner_uid: world.owner_uid,
            claims: placement.gpus.iter().map(claim).collect(),
        });
        start.push(HeadStart {
            queue_id: asked.head.queue,
            process_index: asked.process_index,
            task_id: asked.task_id.clone(),
            memory_gb: asked.memory_gb,
            gpus: placement.gpus,
        });
    }
    let gated = heads
        .heads
        .iter()
        .filter_map(|asked| Some((asked, asked.gate.clone()?)));
    let decided = plan
        .wait
        .into_iter()
        .filter_map(|(task, reason)| Some((find(&task)?, reason)));
    let mut wait: Vec<HeadWait> = decided
        .chain(gated)
        .map(|(asked, reason)| HeadWait {
            queue_id: asked.head.queue,
            process_index: asked.process_index,
            task_id: asked.task_id.clone(),
            memory_gb: asked.memory_gb,
            gpu_count: asked.head.gpu_count,
            reason: ShownReason::new(reason, lang),
        })
        .collect();
    let more_waiting = wait.len().saturating_sub(limits::PREVIEWED_HEADS);
    wait.truncate(limits::PREVIEWED_HEADS);
    let shown = ConfigPreview {
        mode: heads.key.mode,
        config_index: heads.key.index,
        running: heads.running,
        start,
        wait,
        more_waiting: more_waiting as u32,
    };
    (shown, taken)
}

impl Heads {
    /// Those of a run whose scheduler lives.
    pub(crate) fn of_run(machine: &gpuyard_core::queue::Machine, now: Now) -> Heads {
        let heads = machine.run().queues.values().filter_map(|queue| {
            let task = machine.head(queue.id)?;
            let reason = machine.reason(&task.task_id, now);
            Some(Asked {
                head: Head {
                    task: task.task_id.clone(),
                    queue: queue.id,
                    gpu_count: task.gpu_count,
                    memory: Bytes::from_gib(task.memory_gb),
                    waiting_since: task.waiting_since.unwrap_or(now.mono),
                    priority: 0,
                    gpu_type: None,
                    empty: false,
                },
                process_index: task.index,
                task_id: Some(task.task_id.clone()),
                memory_gb: task.memory_gb,
                gate: reason.filter(|reason| matches!(reason, Reason::BackingOff { .. } | Reason::RetryDelay { .. })),
            })
        });
        Heads {
            key: machine.config(),
            order: machine.order(),
            running: true,
            heads: heads.collect(),
        }
    }
}

/// The heads of command files that do not run, as if each were started now.
fn idle(app: &App, rules: &Rules, now: Now, running: &[Heads]) -> Vec<Heads> {
    let mut idle = Vec::new();
    for mode in [Mode::Single, Mode::Multi] {
        // A folder or file that cannot be read is shown where it belongs; here there is nothing to tell of it.
        for listed in commands::list(&app.root, rules, mode).unwrap_or_default() {
            if running.iter().any(|heads| heads.key == listed.key) {
                continue;
            }
            let Ok(loaded) = commands::load(&listed.path, mode) else {
                continue;
            };
            let heads: Vec<Asked> = loaded
                .file
                .queues()
                .iter()
                .filter_map(|queue| first(queue, now))
                .collect();
            if !heads.is_empty() {
                idle.push(Heads {
                    key: listed.key,
                    order: Order::of(mode),
                    running: false,
                    heads,
                });
            }
        }
    }
    idle
}

fn first(queue: &QueueBlocks, now: Now) -> Option<Asked> {
    let block = queue.tasks.first()?;
    Some(Asked {
        head: Head {
            task: TaskId(format!("{:020}", queue.id.0)),
            queue: queue.id,
            gpu_count: block.gpu_count,
            memory: Bytes::from_gib(block.memory_gb),
            waiting_since: now.mono,
            priority: 0,
            gpu_type: None,
            empty: false,
        },
        process_index: 0,
        task_id: None,
        memory_gb: block.memory_gb,
        gate: None,
    })
}
