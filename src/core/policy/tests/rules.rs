//! One test or more for each key of the rules that the decision goes by.
use super::*;

#[test]
fn a_free_gpu_is_taken_whole() {
    let plan = Scene::new(&[24.0]).head("a", 1, 20.0).plan();
    assert_eq!(
        plan.place[0].gpus,
        [GpuRef {
            index: 0,
            uuid: uuid(0)
        }]
    );
    assert_eq!(plan.place[0].amount, whole(20.0));
    assert!(plan.wait.is_empty() && plan.place[0].expected.is_empty());
}

#[test]
fn without_packing_a_gpu_takes_one_task() {
    let scene = Scene::new(&[24.0]).head("a", 1, 2.0).head("b", 1, 2.0);
    assert_eq!(scene.placed(), "a:0");
    assert_eq!(scene.reason(), Reason::GpuHeldByOwnTask);
}

#[test]
fn with_packing_tasks_share_until_what_is_promised_fills_the_gpu() {
    let scene = Scene::new(&[24.0])
        .packing()
        .head("a", 1, 10.0)
        .head("b", 1, 10.0)
        .head("c", 1, 10.0);
    assert_eq!(scene.placed(), "a:0 b:0");
    assert_eq!(scene.reason(), Reason::NotEnoughMemory { best_free: gib(4.0) });
    assert!(
        scene
            .plan()
            .place
            .iter()
            .all(|placement| placement.amount == part(10.0))
    );
}

#[test]
fn a_whole_lease_is_left_alone_when_packing() {
    let scene = |uid| {
        Scene::new(&[24.0])
            .packing()
            .lease("x", uid, &[0], whole(1.0))
            .head("a", 1, 1.0)
    };
    assert_eq!(scene(ME).reason(), Reason::GpuHeldByOwnTask);
    assert_eq!(scene(OTHER).reason(), Reason::NotEnoughGpus { free: 0, needed: 1 });
}

#[test]
fn a_lease_of_others_is_left_alone_without_packing() {
    let scene = Scene::new(&[24.0]).lease("x", OTHER, &[0], part(1.0)).head("a", 1, 1.0);
    assert_eq!(scene.reason(), Reason::NotEnoughGpus { free: 0, needed: 1 });
}

#[test]
fn own_processes_matter_only_without_packing() {
    let scene = Scene::new(&[24.0]).process(0, ME, 1.0).head("a", 1, 20.0);
    assert_eq!(scene.reason(), Reason::GpuHasOwnProcess);
    assert_eq!(scene.packing().placed(), "a:0");
}

#[test]
fn an_own_process_of_unknown_memory_counts() {
    let scene = Scene::new(&[24.0])
        .listed(0, Some(ME), None, None)
        .rules(|r| r.ignore_processes_below = 4096.0);
    assert_eq!(scene.head("a", 1, 20.0).reason(), Reason::GpuHasOwnProcess);
}

#[test]
fn processes_of_a_stranger_are_borne_while_memory_suffices() {
    let scene = Scene::new(&[24.0]).process(0, OTHER, 4.0).listed(0, None, None, None);
    assert_eq!(scene.clone().head("a", 1, 20.0).placed(), "a:0");
    assert_eq!(
        scene.head("a", 1, 21.0).reason(),
        Reason::NotEnoughMemory { best_free: gib(20.0) }
    );
}

#[test]
fn avoid_other_users() {
    let avoid = |scene: Scene| scene.rules(|r| r.avoid_other_users = true).head("a", 1, 1.0);
    let taken = Reason::NotEnoughGpus { free: 0, needed: 1 };
    assert_eq!(avoid(Scene::new(&[24.0]).process(0, OTHER, 4.0)).reason(), taken);
    // Whose process it is cannot be told: not ours.
    assert_eq!(avoid(Scene::new(&[24.0]).listed(0, None, None, None)).reason(), taken);
    assert_eq!(avoid(Scene::new(&[24.0, 24.0]).process(0, OTHER, 4.0)).placed(), "a:1");
    let unlisted = Scene::new(&[24.0]).packing().gpu(0, |gpu| gpu.processes = None);
    assert_eq!(avoid(unlisted).reason(), Reason::GpusUnreadable);
}

#[test]
fn ignore_processes_below() {
    let small = |scene: Scene| scene.rules(|r| r.ignore_processes_below = 600.0).head("a", 1, 20.0);
    assert_eq!(small(Scene::new(&[24.0]).process(0, ME, 0.5)).placed(), "a:0");
    assert_eq!(
        small(Scene::new(&[24.0]).process(0, ME, 0.6)).reason(),
        Reason::GpuHasOwnProcess
    );
    let others = small(Scene::new(&[24.0]).process(0, OTHER, 0.5)).rules(|r| r.avoid_other_users = true);
    assert_eq!(others.placed(), "a:0");
    assert_eq!(
        small(Scene::new(&[24.0]).process(0, ME, 0.5)).plan().figures.held,
        1,
        "by the placement alone"
    );
}

#[test]
fn an_unreadable_process_list_matters_only_where_a_rule_needs_it() {
    let scene = Scene::new(&[24.0]).gpu(0, |gpu| gpu.processes = None).head("a", 1, 1.0);
    assert_eq!(scene.reason(), Reason::GpusUnreadable);
    assert_eq!(scene.packing().placed(), "a:0");
}

#[test]
fn compete_gpus() {
    let scene = Scene::new(&[24.0; 3]).rules(|r| (r.use_all_gpus, r.compete_gpus) = (false, vec![9, 2, 7, 2]));
    let plan = scene.clone().head("a", 1, 1.0).head("b", 1, 1.0).plan();
    assert_eq!(plan.place[0].gpus[0].index, 2);
    assert_eq!(plan.wait[0].1, Reason::GpuHeldByOwnTask);
    assert_eq!(plan.figures.competed, [2]);
    assert_eq!(
        plan.figures.warnings,
        [Warning::NoSuchGpu { index: 7 }, Warning::NoSuchGpu { index: 9 }]
    );
    let all = scene.rules(|r| r.use_all_gpus = true).plan();
    assert_eq!((all.figures.competed, all.figures.warnings), (vec![0, 1, 2], vec![]));
}

#[test]
fn gpu_left() {
    let scene = Scene::new(&[24.0; 3])
        .rules(|r| r.gpu_left = 1)
        .head("a", 1, 1.0)
        .head("b", 1, 1.0)
        .head("c", 1, 1.0);
    assert_eq!(scene.placed(), "a:0 b:1");
    assert_eq!(scene.reason(), Reason::ReservedForOthers { allowed: 2, held: 2 });
}

#[test]
fn min_gpu_and_max_gpu() {
    let allowed = |min, max, left| {
        let scene = Scene::new(&[24.0; 4]).rules(|r| (r.min_gpu, r.max_gpu, r.gpu_left) = (min, max, left));
        scene.plan().figures.allowed
    };
    assert_eq!(allowed(0, 64, 0), 4);
    assert_eq!(allowed(2, 64, 3), 2);
    assert_eq!(allowed(0, 2, 1), 2);
    assert_eq!(allowed(0, 64, 9), 0);
    assert_eq!(allowed(1, 1, 9), 1);
}

#[test]
fn a_gpu_is_available_with_a_gib_free_or_when_held() {
    let full = Scene::new(&[24.0; 3]).process(0, OTHER, 23.5).process(1, ME, 23.5);
    let figures = full.clone().plan().figures;
    assert_eq!((figures.available, figures.allowed, figures.held), (2, 2, 1));
    // Held by a lease whose task has filled it, then by a lease of somebody else.
    let leased = |uid| full.clone().lease("x", uid, &[0], whole(20.0)).plan().figures;
    assert_eq!((leased(ME).available, leased(ME).held), (3, 2));
    assert_eq!((leased(OTHER).available, leased(OTHER).held), (2, 1));
}

#[test]
fn a_lost_gpu_counts_only_while_a_lease_holds_it() {
    let lost = Scene::new(&[24.0; 3]).process(0, ME, 1.0).lost(0);
    let figures = lost.plan().figures;
    assert_eq!((figures.available, figures.allowed, figures.held), (2, 2, 0));
    let leased = lost
        .lease("x", ME, &[0], whole(1.0))
        .head("a", 1, 1.0)
        .head("b", 1, 1.0);
    assert_eq!(leased.placed(), "a:1 b:2");
}

#[test]
fn gpus_held_by_other_processes_of_the_user_count() {
    let scene = Scene::new(&[24.0; 2])
        .rules(|r| r.max_gpu = 1)
        .process(0, ME, 1.0)
        .head("a", 1, 1.0);
    assert_eq!(scene.reason(), Reason::ReservedForOthers { allowed: 1, held: 1 });
}

#[test]
fn packing_on_a_held_gpu_needs_no_allowance() {
    let scene = Scene::new(&[24.0; 2])
        .packing()
        .rules(|r| r.max_gpu = 1)
        .lease("x", ME, &[1], part(4.0));
    let scene = scene.head("a", 1, 10.0).head("b", 1, 10.0).head("c", 1, 10.0);
    assert_eq!(scene.placed(), "a:1 b:1");
    assert_eq!(scene.reason(), Reason::ReservedForOthers { allowed: 1, held: 1 });
    assert_eq!(scene.plan().place[0].expected, [UniId("x".into())]);
}

#[test]
fn what_a_lease_asked_for_and_has_not_taken_is_not_free() {
    let scene = Scene::new(&[24.0])
        .packing()
        .lease("x", ME, &[0], part(10.0))
        .head("a", 1, 14.5);
    assert_eq!(scene.reason(), Reason::NotEnoughMemory { best_free: gib(14.0) });
    // Half of it taken: as much is to be had. More than asked for taken: that much less.
    let best = |taken| scene.clone().process_of("x", 0, ME, taken).reason();
    assert_eq!(best(5.0), Reason::NotEnoughMemory { best_free: gib(14.0) });
    assert_eq!(best(12.0), Reason::NotEnoughMemory { best_free: gib(12.0) });
}

#[test]
fn an_own_process_without_a_key_takes_nothing_of_an_own_lease() {
    let scene = Scene::new(&[24.0])
        .packing()
        .lease("x", ME, &[0], part(10.0))
        .process(0, ME, 8.0);
    assert_eq!(
        scene.head("a", 1, 7.0).reason(),
        Reason::NotEnoughMemory { best_free: gib(6.0) }
    );
}

#[test]
fn leases_of_another_user_are_set_against_all_that_this_user_has() {
    let leases = Scene::new(&[24.0])
        .packing()
        .lease("x", OTHER, &[0], part(6.0))
        .lease("y", OTHER, &[0], part(6.0));
    let best = |scene: Scene| scene.head("a", 1, 24.0).reason();
    assert_eq!(
        best(leases.clone().process(0, OTHER, 7.0)),
        Reason::NotEnoughMemory { best_free: gib(12.0) }
    );
    assert_eq!(
        best(leases.clone().process(0, 1002, 7.0)),
        Reason::NotEnoughMemory { best_free: gib(5.0) }
    );
    // A process that names its attempt is set against that one alone.
    let named = leases.clone().process_of("x", 0, OTHER, 7.0);
    assert_eq!(best(named), Reason::NotEnoughMemory { best_free: gib(11.0) });
    // Memory that the driver does not tell counts as not taken.
    let untold = leases.used(0, 7.0).listed(0, Some(OTHER), None, None);
    assert_eq!(best(untold), Reason::NotEnoughMemory { best_free: gib(5.0) });
}

#[test]
fn memory_headroom() {
    let scene = |memory| {
        Scene::new(&[24.0])
            .used(0, 2.0)
            .rules(|r| r.memory_headroom = 1.0)
            .head("a", 1, memory)
    };
    assert_eq!(scene(21.0).placed(), "a:0");
    assert_eq!(scene(21.5).reason(), Reason::NotEnoughMemory { best_free: gib(21.0) });
    assert_eq!(scene(23.5).reason(), Reason::NoGpuMatches);
}

#[test]
fn max_gpu_utilization() {
    let scene = Scene::new(&[24.0])
        .busy(0, 60.0)
        .rules(|r| r.max_gpu_utilization = 50.0)
        .head("a", 1, 1.0);
    assert_eq!(scene.reason(), Reason::TooBusy);
    // The mean of the last samples comes before what was read last.
    let mean = |percent| RecentMean {
        used: Bytes(0),
        utilization: percent,
        samples: 3,
    };
    assert_eq!(
        scene
            .clone()
            .gpu(0, |gpu| gpu.recent = Some(mean(Some(Percent(40.0)))))
            .placed(),
        "a:0"
    );
    assert_eq!(
        scene.clone().gpu(0, |gpu| gpu.recent = Some(mean(None))).reason(),
        Reason::TooBusy
    );
    // What cannot be told does not stand in the way.
    assert_eq!(scene.gpu(0, |gpu| gpu.utilization = None).placed(), "a:0");
}

#[test]
fn idle_seconds() {
    use crate::model::Seconds;
    let since = |since: Option<u64>| {
        let scene = Scene::new(&[24.0]).gpu(0, |gpu| gpu.idle_since = since.map(Mono));
        scene.rules(|r| r.idle_seconds = Seconds(60.0)).head("a", 1, 1.0)
    };
    assert_eq!(since(None).reason(), Reason::NotIdleLongEnough);
    assert_eq!(since(Some(NOW - 59_999)).reason(), Reason::NotIdleLongEnough);
    assert_eq!(since(Some(NOW - 60_000)).placed(), "a:0");
    // Promised is not idle, be it a moment ago.
    assert_eq!(since(Some(0)).packing().head("b", 1, 1.0).placed(), "a:0");
}
