//! What holds of every plan, attacked by random scenes. The oracle here restates the rules GPU by GPU, in the words of
//! the specification and without the decision's own code.
use std::collections::BTreeSet;

use proptest::{collection::vec, option::weighted, prelude::*, sample::select};

use super::*;
use crate::model::Seconds;

/// A GPU, processes included. Memory is whole GiB.
fn gpu() -> impl Strategy<Value = Gpu> {
    let process = (
        select(vec![Some(ME), Some(ME), Some(OTHER), Some(1002), None]),
        weighted(0.8, 0..6u64),
        weighted(0.5, 0..6u32),
    );
    let health = prop_oneof![
        8 => Just(Health::Ok),
        1 => Just(Health::Lost { message: String::new() }),
        1 => Just(Health::Unreadable { message: String::new() }),
    ];
    let memory = (weighted(0.9, select(vec![8u64, 24, 80])), 0..8u64);
    let figures = (
        weighted(0.7, 0..100u32),
        weighted(0.5, (0..24u64, weighted(0.7, 0..100u32))),
        weighted(0.7, 0..NOW),
    );
    (health, memory, weighted(0.9, vec(process, 0..3)), figures).prop_map(|(health, (total, more), listed, figures)| {
        let mut gpu = Gpu::new(0, "", Vendor::Simulated);
        let seen: u64 = listed.iter().flatten().filter_map(|(_, memory, _)| *memory).sum();
        gpu.health = health;
        gpu.memory = total.map(|total| {
            let used = total.min(seen + more);
            Memory {
                used: gib(used as f64),
                free: gib((total - used) as f64),
                total: gib(total as f64),
            }
        });
        gpu.utilization = figures.0.map(|percent| Percent(percent as f32));
        gpu.recent = figures.1.map(|(used, percent)| RecentMean {
            used: gib(used as f64),
            utilization: percent.map(|percent| Percent(percent as f32)),
            samples: 3,
        });
        gpu.idle_since = figures.2.map(Mono);
        gpu.processes = listed.map(|listed| {
            let process = |(uid, memory, lease): (Option<u32>, Option<u64>, Option<u32>)| GpuProcess {
                pid: 100,
                start_ticks: 1,
                uid,
                work: Work::Compute,
                memory: memory.map(|memory| gib(memory as f64)),
                sm_utilization: None,
                uni_id: lease.map(|number| UniId(format!("lease-{number}"))),
            };
            listed.into_iter().map(process).collect()
        });
        gpu
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    let flags = (
        any::<bool>(),
        any::<bool>(),
        weighted(0.3, vec(0..8u32, 0..5)),
        weighted(0.2, Just(())),
    );
    let counts = (0..3u32, 0..3u32, prop_oneof![Just(64u32), 0..5u32]);
    let filters = (
        select(vec![0.0, 0.0, 2000.0]),
        select(vec![100.0, 100.0, 50.0]),
        select(vec![0.0, 0.0, 500.0]),
        select(vec![0.0, 1.0, 2.5]),
        vec(0..6u32, 0..3),
        select(vec![None, Some(0.0), Some(990.0)]),
    );
    (flags, counts, filters).prop_map(|(flags, counts, filters)| Rules {
        maximize_resource_utilization: flags.0,
        memory_save_mode: flags.1,
        use_all_gpus: flags.2.is_none(),
        compete_gpus: flags.2.unwrap_or_default(),
        avoid_other_users: flags.3.is_some(),
        gpu_left: counts.0,
        min_gpu: counts.1.min(counts.2),
        max_gpu: counts.2,
        ignore_processes_below: filters.0,
        max_gpu_utilization: filters.1,
        idle_seconds: Seconds(filters.2),
        memory_headroom: filters.3,
        prefer_gpus: filters.4,
        hold_after: filters.5.map(Seconds),
        ..Rules::default()
    })
}

fn scene() -> impl Strategy<Value = Scene> {
    let amount = (any::<bool>(), 1..12u64).prop_map(|(is_whole, memory)| match is_whole {
        true => whole(memory as f64),
        false => part(memory as f64),
    });
    let lease = (select(vec![ME, ME, OTHER, 1002]), vec(0..7u32, 1..3), amount);
    let head = (1..4u32, 1..26u64, 0..6u64, 0..20u64);
    let heads = vec(head, 0..9);
    (vec(gpu(), 0..7), rules(), vec(lease, 0..5), heads, any::<bool>()).prop_map(
        |(gpus, rules, leases, heads, longest)| {
            let mut scene = Scene::new(&[]);
            scene.snapshot.gpus = gpus;
            for (index, gpu) in scene.snapshot.gpus.iter_mut().enumerate() {
                (gpu.index, gpu.uuid) = (index as u32, uuid(index as u32));
            }
            for (number, (uid, gpus, amount)) in leases.into_iter().enumerate() {
                let distinct: Vec<_> = gpus.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
                scene = scene.lease(&format!("lease-{number}"), uid, &distinct, amount);
            }
            for (number, (count, memory, queue, since)) in heads.into_iter().enumerate() {
                scene = scene.head(&format!("task-{number}"), count, memory as f64);
                let head = &mut scene.heads[number];
                (head.queue, head.waiting_since) = (QueueId(queue), Mono(since * 1000));
            }
            scene.order = if longest {
                Order::LongestWaiting
            } else {
                Order::LargestFirst
            };
            Scene { rules, ..scene }
        },
    )
}

// The oracle.

fn competed(scene: &Scene) -> impl Iterator<Item = &Gpu> {
    let rules = &scene.rules;
    scene
        .snapshot
        .gpus
        .iter()
        .filter(|gpu| rules.use_all_gpus || rules.compete_gpus.contains(&gpu.index))
}

fn claims<'a>(scene: &'a Scene, gpu: &'a Gpu) -> impl Iterator<Item = (&'a LeaseView, Amount)> {
    let on = |lease: &'a LeaseView| {
        lease
            .claims
            .iter()
            .filter(|c| c.gpu == gpu.uuid)
            .map(move |c| (lease, c.amount))
    };
    scene.leases.iter().flat_map(on)
}

fn processes<'a>(scene: &'a Scene, gpu: &'a Gpu) -> impl Iterator<Item = &'a GpuProcess> {
    let below = Bytes::from_gib(scene.rules.ignore_processes_below / 1024.0);
    let there = !matches!(gpu.health, Health::Lost { .. });
    let listed = gpu.processes.iter().flatten();
    listed.filter(move |process| there && process.memory.is_none_or(|memory| memory >= below))
}

fn held(scene: &Scene, gpu: &Gpu) -> bool {
    let leased = claims(scene, gpu).any(|(lease, _)| lease.owner_uid == ME);
    leased || processes(scene, gpu).any(|process| process.uid == Some(ME))
}

fn allowed(scene: &Scene) -> u32 {
    let free = |gpu: &Gpu| gpu.memory.is_some_and(|memory| memory.free >= Bytes::GIB);
    let lost = |gpu: &Gpu| matches!(gpu.health, Health::Lost { .. });
    let available = competed(scene)
        .filter(|gpu| held(scene, gpu) || (free(gpu) && !lost(gpu)))
        .count() as u32;
    let rules = &scene.rules;
    rules
        .max_gpu
        .min(rules.min_gpu.max(available.saturating_sub(rules.gpu_left)))
}

/// What leases asked for on a GPU and have not taken.
fn outstanding(scene: &Scene, gpu: &Gpu) -> u64 {
    let listed = || gpu.processes.iter().flatten();
    let taken_by = |lease: &LeaseView| -> u64 {
        let its = listed().filter(|process| process.uni_id.as_ref() == Some(&lease.uni_id));
        its.filter_map(|process| process.memory).map(|memory| memory.0).sum()
    };
    let named = |lease: &LeaseView| listed().any(|process| process.uni_id.as_ref() == Some(&lease.uni_id));
    let by_name = |lease: &LeaseView| lease.owner_uid == ME || named(lease);
    let mut sum = 0;
    for (lease, amount) in claims(scene, gpu).filter(|(lease, _)| by_name(lease)) {
        sum += amount.memory().0.saturating_sub(taken_by(lease));
    }
    for uid in [OTHER, 1002] {
        let asked = claims(scene, gpu).filter(|(lease, _)| lease.owner_uid == uid && !by_name(lease));
        let taken = listed().filter(|process| process.uid == Some(uid) && process.uni_id.is_none());
        let taken: u64 = taken.filter_map(|process| process.memory).map(|memory| memory.0).sum();
        sum += asked
            .map(|(_, amount)| amount.memory().0)
            .sum::<u64>()
            .saturating_sub(taken);
    }
    sum
}

/// Whether a task that asks for so much may go on a GPU, allowance and holds left aside.
fn would_do(scene: &Scene, gpu: &Gpu, memory: Bytes) -> bool {
    let rules = &scene.rules;
    let packing = rules.maximize_resource_utilization;
    if gpu.health != Health::Ok || gpu.memory.is_none() {
        return false;
    }
    if gpu.processes.is_none() && (!packing || rules.avoid_other_users) {
        return false;
    }
    if claims(scene, gpu).any(|(_, amount)| !packing || amount.is_whole()) {
        return false;
    }
    if !packing && processes(scene, gpu).any(|process| process.uid == Some(ME)) {
        return false;
    }
    if rules.avoid_other_users && processes(scene, gpu).any(|process| process.uid != Some(ME)) {
        return false;
    }
    let busy = gpu.recent.and_then(|recent| recent.utilization).or(gpu.utilization);
    if busy.is_some_and(|percent| f64::from(percent.0) > rules.max_gpu_utilization) {
        return false;
    }
    if rules.idle_seconds.0 > 0.0 {
        let idle = gpu
            .idle_since
            .is_some_and(|since| Mono(NOW).since(since) >= rules.idle_seconds.millis());
        if !idle || claims(scene, gpu).next().is_some() {
            return false;
        }
    }
    let needed = memory.0 + outstanding(scene, gpu) + Bytes::from_gib(rules.memory_headroom).0;
    gpu.memory.is_some_and(|free| free.free.0 >= needed)
}

/// The scene after a plan: placements have become leases, and what was placed waits no more.
fn applied(scene: &Scene, plan: &Plan) -> Scene {
    let mut next = scene.clone();
    for placement in &plan.place {
        let indices: Vec<_> = placement.gpus.iter().map(|gpu| gpu.index).collect();
        next = next.lease(&format!("new-{}", placement.task), ME, &indices, placement.amount);
        next.heads.retain(|head| head.task != placement.task);
    }
    next
}

fn turned<T: Clone>(items: &[T], by: usize) -> Vec<T> {
    let mut items: Vec<T> = items.iter().rev().cloned().collect();
    if !items.is_empty() {
        let by = by % items.len();
        items.rotate_left(by);
    }
    items
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_head_is_placed_or_explained_exactly_once(scene in scene()) {
        let plan = scene.plan();
        let mut seen: Vec<_> = plan.place.iter().map(|placement| &placement.task).collect();
        seen.extend(plan.wait.iter().map(|(task, _)| task));
        seen.sort();
        let mut all: Vec<_> = scene.heads.iter().map(|head| &head.task).collect();
        all.sort();
        prop_assert_eq!(seen, all);
    }

    /// One placement after the other, each on distinct GPUs that the rules allow at that point. This covers: never two
    /// whole leases on a GPU, never an amount beside a whole one, never more promised than is free, only competed
    /// and readable GPUs.
    #[test]
    fn every_placement_keeps_the_rules(scene in scene()) {
        let mut at = scene.clone();
        for placement in scene.plan().place {
            let head = scene.heads.iter().find(|head| head.task == placement.task).unwrap();
            let indices: BTreeSet<_> = placement.gpus.iter().map(|gpu| gpu.index).collect();
            prop_assert_eq!(indices.len(), placement.gpus.len());
            prop_assert_eq!(indices.len() as u32, head.gpu_count);
            prop_assert_eq!(placement.amount.memory(), head.memory);
            prop_assert_eq!(placement.amount.is_whole(), !scene.rules.maximize_resource_utilization);
            let mut expected = BTreeSet::new();
            for gpu in &placement.gpus {
                let gpu = competed(&at).find(|other| other.uuid == gpu.uuid && other.index == gpu.index);
                prop_assert!(gpu.is_some_and(|gpu| would_do(&at, gpu, head.memory)));
                expected.extend(claims(&scene, gpu.unwrap()).map(|(lease, _)| lease.uni_id.clone()));
            }
            prop_assert_eq!(placement.expected, expected.into_iter().collect::<Vec<_>>());
            let list: Vec<_> = indices.into_iter().collect();
            at = at.lease(&format!("new-{}", head.task), ME, &list, placement.amount);
        }
    }

    #[test]
    fn never_above_the_allowance(scene in scene()) {
        let plan = scene.plan();
        let before: BTreeSet<_> = competed(&scene).filter(|gpu| held(&scene, gpu)).map(|gpu| gpu.index).collect();
        let mut after = before.clone();
        after.extend(plan.place.iter().flat_map(|placement| placement.gpus.iter().map(|gpu| gpu.index)));
        prop_assert!(after == before || after.len() as u32 <= allowed(&scene), "{plan:?}");
        prop_assert_eq!((plan.figures.allowed, plan.figures.held), (allowed(&scene), after.len() as u32));
    }

    /// Without holds, whoever waits could not have been placed beside those that were.
    #[test]
    fn nobody_waits_who_could_run(mut scene in scene()) {
        scene.rules.hold_after = None;
        let plan = scene.plan();
        let end = applied(&scene, &plan);
        for head in &end.heads {
            let able: Vec<_> = competed(&end).filter(|gpu| would_do(&end, gpu, head.memory)).collect();
            let (on, new): (Vec<_>, Vec<_>) = able.into_iter().partition(|gpu| held(&end, gpu));
            let budget = allowed(&scene).saturating_sub(plan.figures.held) as usize;
            prop_assert!(on.len() + new.len().min(budget) < head.gpu_count as usize, "{} in {plan:?}", head.task);
        }
    }

    /// Without holds, the next decision on the same GPUs places nothing more and says the same of those who wait.
    #[test]
    fn reasons_stay_once_the_plan_is_applied(mut scene in scene()) {
        scene.rules.hold_after = None;
        let plan = scene.plan();
        let next = applied(&scene, &plan).plan();
        prop_assert_eq!(next.place, vec![]);
        prop_assert_eq!(next.wait, plan.wait);
        prop_assert_eq!(next.figures, plan.figures);
    }

    /// A head that is not there changes nothing for those that come before it.
    #[test]
    fn the_last_head_takes_nothing_from_those_before_it(mut scene in scene()) {
        scene.rules.hold_after = None;
        scene.order = Order::LongestWaiting;
        let with = scene.plan();
        if let Some(last) = scene.heads.iter().max_by_key(|head| (head.waiting_since, head.queue, head.task.clone())) {
            let last = last.task.clone();
            scene.heads.retain(|head| head.task != last);
            let mut place = with.place;
            place.retain(|placement| placement.task != last);
            prop_assert_eq!(scene.plan().place, place);
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(scene in scene(), by in 0..7usize) {
        let mut other = scene.clone();
        other.heads = turned(&scene.heads, by);
        other.leases = turned(&scene.leases, by);
        other.snapshot.gpus = turned(&scene.snapshot.gpus, by);
        for gpu in &mut other.snapshot.gpus {
            gpu.processes = gpu.processes.as_ref().map(|processes| turned(processes, by));
        }
        other.rules.compete_gpus = turned(&scene.rules.compete_gpus, by);
        prop_assert_eq!(scene.plan(), other.plan());
    }

    /// Whoever is told that a GPU is kept for a larger task waits beside one that has waited long enough.
    #[test]
    fn gpus_are_held_only_for_large_tasks_that_waited_long(scene in scene()) {
        let plan = scene.plan();
        let due = |head: &Head| {
            let after = scene.rules.hold_after.map(|after| after.millis());
            head.gpu_count > 1 && after.is_some_and(|after| Mono(NOW).since(head.waiting_since) >= after)
        };
        let waits = |head: &Head| plan.wait.iter().any(|(task, _)| *task == head.task);
        if plan.wait.iter().any(|(_, reason)| *reason == Reason::HeldForLargerTask) {
            prop_assert!(scene.heads.iter().any(|head| due(head) && waits(head)));
        }
    }
}
