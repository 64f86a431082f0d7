//! Each reason that the decision gives, and which of several it gives.
use super::*;

const TAKEN: Reason = Reason::NotEnoughGpus { free: 0, needed: 1 };

#[test]
fn no_gpu_matches() {
    assert_eq!(Scene::new(&[]).head("a", 1, 1.0).reason(), Reason::NoGpuMatches);
    assert_eq!(Scene::new(&[24.0]).head("a", 2, 1.0).reason(), Reason::NoGpuMatches);
    assert_eq!(
        Scene::new(&[24.0, 8.0]).head("a", 2, 20.0).reason(),
        Reason::NoGpuMatches
    );
    let others = Scene::new(&[24.0, 8.0]).rules(|r| (r.use_all_gpus, r.compete_gpus) = (false, vec![1]));
    assert_eq!(others.head("a", 1, 20.0).reason(), Reason::NoGpuMatches);
}

#[test]
fn gpus_unreadable() {
    let lost = Scene::new(&[24.0]).lost(0).head("a", 1, 20.0);
    assert_eq!(lost.reason(), Reason::GpusUnreadable);
    // It might be large enough, for all that is known.
    assert_eq!(lost.gpu(0, |gpu| gpu.memory = None).reason(), Reason::GpusUnreadable);
    let unreadable = Scene::new(&[8.0, 24.0]).gpu(1, |gpu| gpu.health = Health::Unreadable { message: "?".into() });
    assert_eq!(unreadable.head("a", 1, 20.0).reason(), Reason::GpusUnreadable);
}

#[test]
fn reserved_for_others() {
    let scene = Scene::new(&[24.0; 3])
        .rules(|r| r.max_gpu = 2)
        .lease("x", ME, &[0], whole(1.0))
        .head("a", 2, 1.0);
    assert_eq!(scene.reason(), Reason::ReservedForOthers { allowed: 2, held: 1 });
    // What is on GPUs that cannot be shared does not raise what is allowed.
    let own = Scene::new(&[24.0; 3])
        .rules(|r| r.max_gpu = 1)
        .process(0, ME, 1.0)
        .process(1, ME, 1.0);
    assert_eq!(
        own.clone().head("a", 2, 1.0).reason(),
        Reason::ReservedForOthers { allowed: 1, held: 2 }
    );
    assert_eq!(own.packing().head("a", 2, 1.0).placed(), "a:0,1");
    // More than the rules could ever allow.
    let never = Scene::new(&[24.0; 3])
        .rules(|r| r.gpu_left = 1)
        .process(0, OTHER, 24.0)
        .head("a", 3, 1.0);
    assert_eq!(never.reason(), Reason::ReservedForOthers { allowed: 1, held: 0 });
}

#[test]
fn not_enough_gpus() {
    let scene = Scene::new(&[24.0; 3])
        .lease("x", ME, &[0], whole(1.0))
        .head("a", 3, 1.0);
    assert_eq!(scene.reason(), Reason::NotEnoughGpus { free: 2, needed: 3 });
}

#[test]
fn not_enough_memory_tells_the_best_in_tenths() {
    let scene = Scene::new(&[24.0, 24.0]).used(0, 10.0).used(1, 8.08).head("a", 1, 20.0);
    let reason = scene.reason();
    assert_eq!(reason, Reason::NotEnoughMemory { best_free: gib(15.9) });
    assert_eq!(
        reason,
        scene.used(1, 0.01).reason(),
        "does not change with every sample"
    );
    // The most that is to be had, though on a GPU that is too small for this task; not where another task is.
    let small = Scene::new(&[24.0, 10.0, 24.0])
        .used(0, 20.0)
        .lease("x", OTHER, &[2], whole(1.0))
        .head("a", 1, 20.0);
    assert_eq!(small.reason(), Reason::NotEnoughMemory { best_free: gib(10.0) });
}

#[test]
fn the_gpu_that_came_furthest_decides() {
    use crate::model::Seconds;
    let rules = |r: &mut Rules| {
        (r.avoid_other_users, r.max_gpu_utilization, r.idle_seconds) = (true, 50.0, Seconds(10.0));
    };
    // Each GPU gets one check further than the one before it.
    let mut scene = Scene::new(&[24.0; 8])
        .rules(rules)
        .head("a", 1, 20.0)
        .lost(0)
        .lease("own", ME, &[1], whole(1.0));
    scene = scene
        .process(2, ME, 1.0)
        .lease("other", OTHER, &[3], whole(1.0))
        .process(4, OTHER, 1.0);
    scene = scene
        .used(5, 10.0)
        .busy(6, 90.0)
        .gpu(7, |gpu| gpu.idle_since = Some(Mono(NOW - 1)));
    let expected = [
        Reason::GpusUnreadable,
        Reason::GpuHeldByOwnTask,
        Reason::GpuHasOwnProcess,
        TAKEN,
        TAKEN,
        Reason::NotEnoughMemory { best_free: gib(14.0) },
        Reason::TooBusy,
        Reason::NotIdleLongEnough,
    ];
    for (last, reason) in expected.into_iter().enumerate() {
        scene = scene.rules(|r| (r.use_all_gpus, r.compete_gpus) = (false, (0..=last as u32).collect()));
        assert_eq!(scene.reason(), reason, "up to GPU {last}");
    }
}

#[test]
fn gpus_that_are_too_small_do_not_decide() {
    let scene = Scene::new(&[24.0, 8.0])
        .lease("x", ME, &[0], whole(1.0))
        .head("a", 1, 20.0);
    assert_eq!(scene.reason(), Reason::GpuHeldByOwnTask);
}

#[test]
fn reasons_are_those_of_the_end() {
    // One GPU would do for the larger task until the smaller one takes it.
    let scene = Scene::new(&[24.0; 2]).largest_first().lease("x", ME, &[0], whole(1.0));
    let scene = scene.head("large", 2, 1.0).head("small", 1, 1.0);
    assert_eq!(scene.placed(), "small:1");
    assert_eq!(scene.reason(), Reason::GpuHeldByOwnTask);
}

#[test]
fn warnings_are_told_in_both_languages() {
    use crate::model::Lang;
    let warning = Warning::NoSuchGpu { index: 7 };
    assert_eq!(warning.text(Lang::En), "compete_gpus names GPU 7, which is not there");
    assert!(warning.text(Lang::Zh).contains("GPU 7"));
}
