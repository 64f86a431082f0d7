//! Which head is served first, and which GPU it gets.
use super::*;

fn recent(gpu: &mut Gpu, used: f64, percent: Option<f32>) {
    gpu.recent = Some(RecentMean {
        used: gib(used),
        utilization: percent.map(Percent),
        samples: 6,
    });
}

#[test]
fn the_longest_wait_comes_first() {
    let mut scene = Scene::new(&[24.0]).head("a", 1, 1.0).head("b", 1, 1.0);
    scene.heads[1].waiting_since = Mono(1);
    assert_eq!(scene.placed(), "b:0");
}

#[test]
fn of_equal_waits_the_smaller_queue_comes_first_then_the_smaller_task() {
    let mut scene = Scene::new(&[24.0])
        .head("b", 1, 1.0)
        .head("a", 1, 1.0)
        .head("c", 1, 1.0);
    scene.heads.iter_mut().for_each(|head| head.waiting_since = Mono(1));
    scene.heads[2].queue = QueueId(0);
    assert_eq!(scene.placed(), "c:0");
    scene.heads.iter_mut().for_each(|head| head.queue = QueueId(5));
    assert_eq!(scene.placed(), "a:0");
}

#[test]
fn larger_tasks_come_first_then_the_smaller_queue() {
    let mut scene = Scene::new(&[24.0; 4])
        .largest_first()
        .head("a", 1, 1.0)
        .head("b", 2, 1.0)
        .head("c", 2, 1.0);
    scene.heads[1].queue = QueueId(9);
    assert_eq!(scene.placed(), "c:0,1 b:2,3");
}

#[test]
fn a_smaller_task_goes_on_where_a_larger_one_does_not_fit() {
    let scene = Scene::new(&[24.0; 3])
        .largest_first()
        .head("a", 2, 1.0)
        .head("b", 2, 1.0)
        .head("c", 1, 1.0);
    assert_eq!(scene.placed(), "a:0,1 c:2");
    assert_eq!(scene.reason(), Reason::GpuHeldByOwnTask);
}

#[test]
fn spread_takes_the_least_used_then_the_least_busy() {
    let scene = Scene::new(&[24.0; 3])
        .used(0, 4.0)
        .used(1, 2.0)
        .used(2, 2.0)
        .busy(1, 30.0)
        .busy(2, 10.0);
    assert_eq!(scene.clone().head("a", 3, 1.0).placed(), "a:2,1,0");
    // The share counts too: 4 of 80 GiB is better than 3 of 24.
    assert_eq!(
        Scene::new(&[24.0, 80.0])
            .used(0, 3.0)
            .used(1, 4.0)
            .head("a", 1, 1.0)
            .placed(),
        "a:1"
    );
    // What cannot be told comes after what is known to be busy.
    assert_eq!(
        scene.gpu(2, |gpu| gpu.utilization = None).head("a", 1, 1.0).placed(),
        "a:1"
    );
}

#[test]
fn spread_counts_what_is_promised() {
    let scene = Scene::new(&[24.0; 2])
        .packing()
        .head("a", 1, 4.0)
        .head("b", 1, 3.0)
        .head("c", 1, 1.0);
    assert_eq!(scene.placed(), "a:0 b:1 c:1");
}

#[test]
fn memory_save_mode_leaves_empty_gpus_empty() {
    let scene = Scene::new(&[24.0; 3])
        .packing()
        .rules(|r| r.memory_save_mode = true)
        .used(1, 4.0)
        .used(2, 16.0);
    assert_eq!(scene.clone().head("a", 1, 10.0).placed(), "a:1");
    assert_eq!(
        scene.head("a", 1, 10.0).head("b", 1, 10.0).head("c", 1, 4.0).placed(),
        "a:1 b:1 c:2"
    );
}

#[test]
fn best_fit_looks_at_what_is_left_not_at_what_is_used() {
    let scene = Scene::new(&[80.0, 24.0])
        .rules(|r| r.memory_save_mode = true)
        .used(0, 8.0);
    assert_eq!(scene.head("a", 1, 10.0).placed(), "a:1");
}

#[test]
fn ranking_goes_by_the_mean_of_the_last_samples() {
    let scene = Scene::new(&[24.0; 2]).used(0, 6.0).gpu(0, |gpu| recent(gpu, 1.0, None));
    let scene = scene
        .used(1, 2.0)
        .gpu(1, |gpu| recent(gpu, 3.0, None))
        .head("a", 1, 1.0);
    assert_eq!(scene.placed(), "a:0");
    assert_eq!(scene.rules(|r| r.memory_save_mode = true).placed(), "a:1");
}

#[test]
fn prefer_gpus_orders_equals() {
    let scene = Scene::new(&[24.0; 4])
        .rules(|r| r.prefer_gpus = vec![3, 1, 9])
        .head("a", 4, 1.0);
    assert_eq!(scene.placed(), "a:3,1,0,2");
    assert_eq!(scene.clone().rules(|r| r.memory_save_mode = true).placed(), "a:3,1,0,2");
    // A driver's own few MiB do not make two idle GPUs unequal.
    assert_eq!(scene.used(3, 0.01).placed(), "a:3,1,0,2");
}

#[test]
fn a_task_of_two_never_gets_one_gpu_twice() {
    let scene = Scene::new(&[24.0]).packing().head("a", 2, 1.0);
    assert_eq!(scene.reason(), Reason::NoGpuMatches);
}

#[test]
fn a_task_of_two_packs_on_held_gpus_when_no_new_one_is_allowed() {
    let scene = Scene::new(&[24.0; 4])
        .packing()
        .rules(|r| r.max_gpu = 3)
        .lease("x", ME, &[2, 3], part(4.0));
    assert_eq!(scene.head("a", 3, 1.0).placed(), "a:0,2,3");
}

#[test]
fn ten_thousand_equal_heads_get_one_verdict() {
    let names: Vec<_> = (0..10_000).map(|number| format!("{number:05}")).collect();
    let scene = names
        .iter()
        .fold(Scene::new(&[24.0; 2]), |scene, name| scene.head(name, 1, 1.0));
    let plan = scene.plan();
    assert_eq!((plan.place.len(), plan.wait.len()), (2, 9998));
    assert!(plan.wait.iter().all(|(_, reason)| *reason == Reason::GpuHeldByOwnTask));
}
