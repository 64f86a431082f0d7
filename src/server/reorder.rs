//! A task that waits is moved in its queue: in the command file, which the scheduler follows.
use gpuyard_core::{
    formats::command::{self, Severity},
    model::{ConfigKey, QueueId, RunId, TaskId},
    queue::TaskState,
};
use gpuyard_store::{StoreError, commands};

use crate::{app::App, error::ApiError};

/// Tries while others save too.
const TRIES: usize = 5;

/// A task's queue, as its scheduler has it.
struct Standing {
    queue: QueueId,
    /// Where the task stands, among those that have a block.
    place: usize,
    /// Tasks from the front that have begun, or are over.
    begun: usize,
    waits: bool,
    commands: Vec<Vec<String>>,
}

/// Moves a task to another place of its queue. What has begun stays before it, and what others save meanwhile is kept.
pub(crate) fn reorder(app: &App, key: ConfigKey, run: &RunId, task: &TaskId, to: u32) -> Result<(), ApiError> {
    let standing = look(app, run, task)?.ok_or_else(crate::api::scheduler::no_such_task)?;
    if !standing.waits {
        return Err(ApiError::conflict(
            "refused",
            "only a task that has not begun can be moved",
            "只能移动尚未开始的任务",
        ));
    }
    let (first, last) = (standing.begun, standing.commands.len() - 1);
    let to = to as usize;
    if !(first..=last).contains(&to) {
        return Err(ApiError::field(
            "to",
            "range",
            format!("{first} to {last}: what has begun stays before it"),
            format!("应为 {first} 到 {last}：已开始的任务保持在前"),
        ));
    }
    let path = app.command_path(key);
    for _ in 0..TRIES {
        let loaded = commands::load(&path, key.mode).map_err(ApiError::of_file)?;
        if loaded
            .file
            .findings()
            .iter()
            .any(|finding| finding.severity == Severity::Error)
        {
            return Err(ApiError::conflict(
                "file_has_errors",
                "the command file has errors: mend them first",
                "配置中有错误：请先修正",
            ));
        }
        let mut drafts = loaded.file.drafts();
        let queue = drafts.iter_mut().find(|draft| draft.id == standing.queue);
        let processes = queue.map(|queue| &mut queue.processes);
        let same = |processes: &&mut Vec<command::TaskDraft>| {
            processes.iter().map(|draft| &draft.commands).eq(&standing.commands)
        };
        let Some(processes) = processes.filter(same) else {
            return Err(ApiError::conflict(
                "file_is_newer",
                "the command file has changed, and its scheduler has not followed it yet: look again",
                "配置已变更，调度器尚未跟上：请重新查看",
            ));
        };
        if to == standing.place {
            return Ok(());
        }
        let moved = processes.remove(standing.place);
        processes.insert(to, moved);
        let text = command::edit(&loaded.file, &drafts).map_err(ApiError::fields)?;
        match commands::save(&path, &text, Some(&loaded.version)) {
            Ok(_) => {
                app.follow_binding(key, &command::parse(&text, key.mode));
                return Ok(());
            }
            Err(StoreError::Conflict { .. }) => {}
            Err(error) => return Err(ApiError::of_file(error)),
        }
    }
    Err(ApiError::conflict(
        "busy",
        "others save this command file all the time: try again",
        "该配置正被频繁保存：请重试",
    ))
}

fn look(app: &App, run: &RunId, task: &TaskId) -> Result<Option<Standing>, ApiError> {
    let found = app.runs.with_machine(run, |machine| {
        let queue = machine.queue_of(task)?;
        let tasks = &machine.run().queues.get(&queue)?.processes;
        let blocks: Vec<_> = tasks.iter().filter(|task| !task.removed).collect();
        let place = blocks.iter().position(|other| other.task_id == *task)?;
        Some(Standing {
            queue,
            place,
            begun: blocks
                .iter()
                .rposition(|task| has_begun(task.state))
                .map_or(0, |last| last + 1),
            waits: blocks[place].state == TaskState::Pending,
            commands: blocks.iter().map(|task| task.commands.clone()).collect(),
        })
    })?;
    Ok(found.flatten())
}

fn has_begun(state: TaskState) -> bool {
    !matches!(state, TaskState::Pending | TaskState::Skipped)
}
