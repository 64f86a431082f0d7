//! `hold_after`: what is kept for a task of several GPUs that has waited long, and from whom.
use super::*;
use crate::model::Seconds;

/// A larger task that has waited long enough, and small ones after it; GPU 0 is held by an own task.
fn scene(sizes: &[f64]) -> Scene {
    let scene = Scene::new(sizes)
        .rules(|r| r.hold_after = Some(Seconds(600.0)))
        .largest_first();
    scene.lease("x", ME, &[0], whole(1.0))
}

#[test]
fn free_gpus_are_kept_for_it() {
    let plan = scene(&[24.0; 2]).head("large", 2, 1.0).head("small", 1, 1.0).plan();
    assert!(plan.place.is_empty());
    assert_eq!(
        plan.wait[0],
        (TaskId("large".into()), Reason::NotEnoughGpus { free: 1, needed: 2 })
    );
    assert_eq!(plan.wait[1], (TaskId("small".into()), Reason::HeldForLargerTask));
}

#[test]
fn nothing_is_kept_before_its_time() {
    let mut scene = scene(&[24.0; 2]).head("large", 2, 1.0).head("small", 1, 1.0);
    scene.heads[0].waiting_since = Mono(NOW - 599_999);
    assert_eq!(scene.placed(), "small:1");
    scene.heads[0].waiting_since = Mono(NOW - 600_000);
    assert_eq!(scene.placed(), "");
    assert_eq!(scene.rules(|r| r.hold_after = None).placed(), "small:1");
}

#[test]
fn no_more_is_kept_than_it_needs() {
    let scene = scene(&[24.0; 4])
        .lease("y", ME, &[1], whole(1.0))
        .head("large", 3, 1.0)
        .head("small", 1, 1.0);
    assert_eq!(scene.placed(), "");
    let scene = scene.rules(|r| r.hold_after = Some(Seconds(0.0)));
    assert_eq!(
        Scene {
            heads: scene.heads[1..].to_vec(),
            ..scene
        }
        .placed(),
        "small:2"
    );
}

#[test]
fn it_comes_first_whatever_the_order() {
    let mut scene = scene(&[24.0; 3])
        .head("huge", 9, 1.0)
        .head("a", 2, 1.0)
        .head("b", 2, 1.0);
    scene.heads[2].waiting_since = Mono(1);
    assert_eq!(scene.placed(), "b:1,2");
}

#[test]
fn the_allowance_is_kept_for_it_too() {
    // Two are allowed, one is held: the other is the larger task's, though three GPUs are free.
    let scene = scene(&[24.0; 4])
        .rules(|r| r.max_gpu = 2)
        .head("large", 2, 1.0)
        .head("small", 1, 1.0);
    let plan = scene.plan();
    assert!(plan.place.is_empty());
    assert_eq!(plan.wait[0].1, Reason::ReservedForOthers { allowed: 2, held: 1 });
    assert_eq!(plan.wait[1].1, Reason::HeldForLargerTask);
    // With one more allowed there is one to spare.
    assert_eq!(scene.rules(|r| r.max_gpu = 3).placed(), "large:1,2");
}

#[test]
fn what_can_never_run_keeps_nothing() {
    for (count, memory) in [(3, 1.0), (2, 30.0)] {
        assert_eq!(
            scene(&[24.0; 2])
                .head("large", count, memory)
                .head("small", 1, 1.0)
                .placed(),
            "small:1"
        );
    }
    assert_eq!(
        scene(&[8.0, 24.0])
            .head("large", 2, 20.0)
            .head("small", 1, 1.0)
            .placed(),
        "small:1"
    );
    let never_allowed = scene(&[24.0; 3])
        .rules(|r| r.gpu_left = 1)
        .head("large", 3, 1.0)
        .head("small", 1, 1.0);
    assert_eq!(never_allowed.placed(), "small:1");
    let lost = scene(&[24.0; 3]).lost(2).head("large", 3, 1.0).head("small", 1, 1.0);
    assert_eq!(lost.placed(), "small:1");
}

#[test]
fn gpus_too_small_for_it_are_not_kept() {
    let scene = scene(&[24.0, 24.0, 8.0])
        .head("large", 2, 20.0)
        .head("small", 1, 1.0)
        .head("small2", 1, 1.0);
    assert_eq!(scene.placed(), "small:2");
}

#[test]
fn packing_goes_on_beside_it_but_not_on_its_targets() {
    let scene = Scene::new(&[24.0; 3])
        .packing()
        .rules(|r| r.hold_after = Some(Seconds(1.0)))
        .largest_first();
    let scene = scene.lease("x", ME, &[0], part(10.0)).lease("y", ME, &[1], part(8.0));
    let scene = scene
        .head("large", 2, 20.0)
        .head("small", 1, 8.0)
        .head("small2", 1, 8.0);
    // It will be on 2, which is free, and 1, which has the most to spare.
    assert_eq!(scene.placed(), "small:0");
    assert_eq!(
        scene.plan().wait[1],
        (TaskId("small2".into()), Reason::HeldForLargerTask)
    );
}

#[test]
fn gpus_that_only_tasks_stand_on_are_waited_for_rather_than_those_of_strangers() {
    let scene = Scene::new(&[24.0; 3])
        .packing()
        .rules(|r| r.hold_after = Some(Seconds(1.0)))
        .largest_first();
    let scene = scene
        .lease("x", ME, &[0], part(20.0))
        .process_of("x", 0, ME, 20.0)
        .process(1, OTHER, 6.0);
    assert_eq!(scene.head("large", 2, 22.0).head("small", 1, 2.0).placed(), "small:1");
}

#[test]
fn without_allowance_for_new_gpus_it_waits_for_those_that_are_held() {
    let scene = Scene::new(&[24.0; 4])
        .packing()
        .rules(|r| r.hold_after = Some(Seconds(1.0)))
        .largest_first();
    let scene = scene
        .rules(|r| r.max_gpu = 2)
        .lease("x", ME, &[0], part(8.0))
        .lease("y", ME, &[1], part(8.0));
    let scene = scene.head("large", 2, 20.0).head("small", 1, 2.0);
    assert_eq!(scene.placed(), "", "GPUs 0 and 1 have to fall free for it");
    assert_eq!(scene.plan().wait[1].1, Reason::HeldForLargerTask);
    // The same when those that are held are too small: they must be let go of.
    let mut small = scene;
    for index in [0, 1] {
        small = small.gpu(index, |gpu| {
            gpu.memory = Some(Memory {
                used: Bytes(0),
                free: gib(16.0),
                total: gib(16.0),
            });
        });
    }
    assert_eq!(small.placed(), "");
}

#[test]
fn two_of_them_each_keep_their_own() {
    let scene = scene(&[24.0; 5])
        .lease("y", ME, &[1], whole(1.0))
        .used(2, 20.0)
        .used(3, 20.0);
    let scene = scene
        .head("a", 2, 20.0)
        .head("b", 2, 20.0)
        .head("small", 1, 1.0)
        .head("small2", 1, 1.0);
    let plan = scene.plan();
    // `a` keeps 4 and 0, `b` keeps 1 and 2.
    assert_eq!(scene.placed(), "small:3");
    assert_eq!(plan.wait[0].1, Reason::NotEnoughGpus { free: 1, needed: 2 });
    assert_eq!(plan.wait[1].1, Reason::HeldForLargerTask);
    assert_eq!(plan.wait[2].1, Reason::HeldForLargerTask);
}

#[test]
fn a_gpu_with_another_process_of_the_user_is_not_waited_for() {
    // 1 is the other's to give back; 0 is in use by the user, who holds it for as long as they like. Were it counted
    // upon, less of the allowance would be set aside, and the small task would take it on 3.
    let scene = Scene::new(&[24.0, 24.0, 24.0, 8.0])
        .rules(|r| r.hold_after = Some(Seconds(1.0)))
        .largest_first();
    let scene = scene
        .rules(|r| r.max_gpu = 3)
        .process(0, ME, 1.0)
        .lease("x", OTHER, &[1], whole(4.0));
    assert_eq!(scene.head("large", 2, 20.0).head("small", 1, 2.0).placed(), "");
}

#[test]
fn no_more_falls_free_than_the_tasks_of_others_asked_for() {
    // The other user's process has far more than their lease: the rest is a stranger's, so 1 is the one to wait for.
    let scene = Scene::new(&[24.0; 3])
        .packing()
        .rules(|r| r.hold_after = Some(Seconds(1.0)))
        .largest_first();
    let scene = scene.lease("x", OTHER, &[0], part(1.0)).process(0, OTHER, 8.0);
    let scene = scene.lease("y", ME, &[1], part(12.0)).process_of("y", 1, ME, 12.0);
    assert_eq!(scene.head("large", 2, 20.0).head("small", 1, 2.0).placed(), "small:0");
}
