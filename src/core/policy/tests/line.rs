//! The line of ad-hoc tasks: priority, first come first served, GPU models, empty GPUs, and who may pass whom.
use super::*;

fn named(scene: Scene, index: usize, name: &str) -> Scene {
    scene.gpu(index, |gpu| gpu.name = Some(name.into()))
}

fn reasons(scene: &Scene) -> Vec<(String, Reason)> {
    scene
        .plan()
        .wait
        .into_iter()
        .map(|(task, reason)| (task.0, reason))
        .collect()
}

#[test]
fn higher_priorities_come_first_then_who_came_first() {
    let scene = Scene::new(&[24.0; 3])
        .in_line()
        .asks("a", 1, Some(1.0), 0, None)
        .asks("b", 1, Some(1.0), 2, None)
        .asks("c", 1, Some(1.0), 0, None)
        .asks("d", 1, Some(1.0), 2, None);
    assert_eq!(scene.placed(), "b:0 d:1 a:2");
    assert_eq!(scene.reason(), Reason::GpuHeldByOwnTask);
}

#[test]
fn nobody_overtakes_a_head_that_needs_the_same_gpus() {
    let scene = Scene::new(&[24.0; 2])
        .lease("x", ME, &[0], whole(1.0))
        .in_line()
        .asks("wide", 2, Some(1.0), 0, None)
        .asks("small", 1, Some(1.0), 0, None);
    assert_eq!(scene.placed(), "");
    let expected = [
        ("wide".into(), Reason::NotEnoughGpus { free: 1, needed: 2 }),
        ("small".into(), Reason::BehindEarlierTask),
    ];
    assert_eq!(reasons(&scene), expected);
    let passing = scene.rules(|rules| rules.backfill = true);
    assert_eq!(passing.placed(), "small:1");
}

#[test]
fn another_kind_of_gpu_is_not_kept_for_it() {
    let scene = Scene::new(&[24.0; 3]).lease("x", ME, &[0], whole(1.0)).in_line();
    let scene = named(named(named(scene, 0, "A"), 1, "A"), 2, "B");
    let scene = scene
        .asks("wide", 2, Some(1.0), 0, Some("A"))
        .asks("other", 1, Some(1.0), 0, Some("B"))
        .asks("same", 1, Some(1.0), 0, Some("A"))
        .asks("any", 1, Some(1.0), 0, None);
    assert_eq!(scene.placed(), "other:2");
    assert_eq!(reasons(&scene)[1].1, Reason::BehindEarlierTask);
}

#[test]
fn one_that_can_never_run_stands_in_nobodys_way() {
    let scene = Scene::new(&[24.0; 2])
        .in_line()
        .asks("huge", 1, Some(80.0), 9, None)
        .asks("wide", 3, Some(1.0), 8, None)
        .asks("elsewhere", 1, Some(1.0), 7, Some("H100"))
        .asks("small", 1, Some(1.0), 0, None);
    assert_eq!(scene.placed(), "small:0");
    assert!(
        reasons(&scene)
            .iter()
            .all(|(_, reason)| *reason == Reason::NoGpuMatches)
    );
}

#[test]
fn one_that_names_no_memory_gets_empty_gpus_and_has_them_alone() {
    let packed = |scene: Scene| scene.packing().in_line();
    let scene = packed(Scene::new(&[24.0; 3]))
        .process(0, OTHER, 0.5)
        .lease("x", ME, &[1], part(1.0))
        .asks("empty", 1, None, 0, None);
    assert_eq!(scene.placed(), "empty:2");
    assert!(scene.plan().place[0].amount.is_whole(), "nobody is packed beside it");
    let busy = packed(Scene::new(&[24.0]))
        .process(0, OTHER, 0.5)
        .asks("empty", 1, None, 0, None);
    assert_eq!(busy.placed(), "");
    assert_eq!(busy.reason(), Reason::NotEnoughGpus { free: 0, needed: 1 });
    let ignored = busy.rules(|rules| rules.ignore_processes_below = 600.0);
    assert_eq!(ignored.placed(), "empty:0");
    let unseen = packed(Scene::new(&[24.0]))
        .gpu(0, |gpu| gpu.processes = None)
        .asks("empty", 1, None, 0, None);
    assert_eq!(
        unseen.reason(),
        Reason::GpusUnreadable,
        "what cannot be listed is not known to be empty"
    );
}

#[test]
fn with_backfill_one_that_waited_long_is_held_for() {
    let held = |after: f64| {
        Scene::new(&[24.0; 2])
            .lease("x", ME, &[0], whole(1.0))
            .rules(|rules| {
                rules.backfill = true;
                rules.hold_after = Some(crate::model::Seconds(after));
            })
            .in_line()
            .asks("wide", 2, Some(1.0), 0, None)
            .asks("small", 1, Some(1.0), 5, None)
    };
    assert_eq!(held(10_000.0).placed(), "small:1");
    assert_eq!(held(10.0).placed(), "", "the head has waited longer than that");
    assert_eq!(reasons(&held(10.0))[1].1, Reason::HeldForLargerTask);
}
