//! Edits of a command file under a run: what is done stays done.
use super::*;

#[test]
fn an_insertion_above_does_not_rerun_what_is_done() {
    let mut story = Story::new(&[plan(1, &["a", "b", "c"])]);
    let before = story.ids(1);
    story.run_head(OK);
    story.start(&before[1]);
    story.file(&[plan(1, &["new", "a", "b", "c", "d"])]);
    let after = story.ids(1);
    assert_eq!(after[1..4], before[..]);
    assert_eq!(story.state(&before[0]), TaskState::Completed);
    assert_eq!(story.state(&before[1]), TaskState::Running);
    story.end(&before[1], OK);
    assert_eq!(story.heads(), [after[0].clone()]);
}

#[test]
fn reordering_keeps_ids_and_states() {
    let mut story = Story::new(&[plan(1, &["a", "b", "c"])]);
    let [a, b, c] = <[TaskId; 3]>::try_from(story.ids(1)).unwrap();
    story.run_head(OK);
    story.file(&[plan(1, &["c", "b", "a"])]);
    assert_eq!(story.ids(1), [c.clone(), b, a.clone()]);
    assert_eq!(story.state(&a), TaskState::Completed);
    assert_eq!(story.heads(), [c]);
}

#[test]
fn among_equal_tasks_the_pending_one_stays() {
    let mut story = Story::new(&[plan(1, &["a", "a"])]);
    let [done, pending] = <[TaskId; 2]>::try_from(story.ids(1)).unwrap();
    story.run_head(OK);
    story.file(&[plan(1, &["a"])]);
    assert_eq!(story.heads(), std::slice::from_ref(&pending));
    assert!(story.machine.task(&done).unwrap().removed);
    assert!(!story.machine.task(&pending).unwrap().removed);
}

#[test]
fn a_task_that_waits_for_its_second_attempt_leaves_with_its_block_and_comes_back_with_it() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let [a, b] = <[TaskId; 2]>::try_from(story.ids(1)).unwrap();
    story.run_head(Outcome::Stopped);
    story.happens(Event::RetryAsked { task_id: a.clone() });
    assert_eq!(story.state(&a), TaskState::Pending);
    story.file(&[plan(1, &["b"])]);
    assert_eq!(story.state(&a), TaskState::Stopped);
    assert_eq!(story.machine.run().pending_tasks, 1);
    assert_eq!(story.heads(), [b]);
    story.file(&[plan(1, &["a", "b"])]);
    assert_eq!(story.state(&a), TaskState::Pending);
    assert_eq!(story.heads(), [a]);
}

#[test]
fn a_running_task_whose_block_goes_runs_on_marked() {
    let mut story = Story::new(&[plan(1, &["a", "b"])]);
    let [a, b] = <[TaskId; 2]>::try_from(story.ids(1)).unwrap();
    story.start(&a);
    story.file(&[plan(1, &["b"])]);
    assert!(story.machine.task(&a).unwrap().removed);
    assert_eq!(story.state(&a), TaskState::Running);
    assert!(story.heads().is_empty(), "the queue is busy with it");
    story.end(&a, BAD);
    assert_eq!(story.state(&a), TaskState::Failed, "no retry without a block");
    assert_eq!(story.heads(), [b], "and it does not fail the queue");
    story.run_head(OK);
    assert_eq!(story.machine.verdict(), Some(RunState::Completed));
}

#[test]
fn a_deleted_queue_leaves_and_comes_back_without_a_rerun() {
    let mut story = Story::new(&[plan(1, &["a"]), plan(2, &["b"])]);
    story.run_head(OK);
    story.file(&[plan(2, &["b"])]);
    story.file(&[plan(1, &["a"]), plan(2, &["b"])]);
    assert_eq!(story.heads(), story.ids(2));
}

#[test]
fn changed_figures_are_the_same_task() {
    let mut story = Story::new(&[plan(1, &["a"])]);
    let id = story.ids(1)[0].clone();
    let mut changed = plan(1, &["a"]);
    changed.tasks[0].memory_gb = 7.5;
    changed.tasks[0].gpu_count = 2;
    story.file(&[changed]);
    let head = story.machine.heads(now(0), 9).remove(0);
    assert_eq!((head.task, head.gpu_count, head.memory), (id, 2, Bytes::from_gib(7.5)));
}
