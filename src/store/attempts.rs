//! The folders of attempts, with their logs: put away at once, and removed when there is time.
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use gpuyard_core::model::{RunId, TaskId};

use crate::{Root, StoreError, file};

/// Begins the name of what was put away. No run's name begins with a dot.
const PUT_AWAY: &str = ".removed-";

/// Puts a run's folders out of sight, but for those of some tasks. What cannot be put away stays, and is the error.
pub fn put_away(root: &Root, run: &RunId, kept: &BTreeSet<TaskId>) -> Result<(), StoreError> {
    let folder = root.run_tasks_dir(run);
    if folder.symlink_metadata().is_err() {
        return Ok(());
    }
    if kept.is_empty() {
        rename(&folder, &free_place(root, run.as_str()))?;
        return file::sync_folder(&root.tasks_dir());
    }
    let to = free_place(root, run.as_str());
    file::create_folder(&to)?;
    for entry in fs::read_dir(&folder).map_err(StoreError::io("list folder", &folder))? {
        let entry = entry.map_err(StoreError::io("list folder", &folder))?;
        let name = entry.file_name();
        if !kept.iter().any(|task| name.to_str() == Some(task.as_str())) {
            rename(&entry.path(), &to.join(name))?;
        }
    }
    file::sync_folder(&folder)
}

/// Puts one task's folder out of sight, and that of its run where it was the last one there.
pub fn put_away_task(root: &Root, run: &RunId, task: &TaskId) -> Result<(), StoreError> {
    let folder = root.run_tasks_dir(run);
    rename(&folder.join(task.as_str()), &free_place(root, task.as_str()))?;
    match fs::remove_dir(&folder) {
        Err(error) if error.kind() != io::ErrorKind::DirectoryNotEmpty => Err(StoreError::io("remove", &folder)(error)),
        _ => file::sync_folder(&root.tasks_dir()),
    }
}

/// The runs in whose folders there is one of this task.
pub fn runs_of(root: &Root, task: &TaskId) -> Result<Vec<RunId>, StoreError> {
    let mut runs: Vec<RunId> = names(&root.tasks_dir())?
        .into_iter()
        .filter(|name| !name.starts_with('.'))
        .map(RunId)
        .filter(|run| root.run_tasks_dir(run).join(task.as_str()).is_dir())
        .collect();
    runs.sort();
    Ok(runs)
}

/// Removes what was put away, also by a daemon that ended before it was done.
pub fn clear(root: &Root) -> Result<(), StoreError> {
    let folder = root.tasks_dir();
    for name in names(&folder)? {
        if name.starts_with(PUT_AWAY) {
            let path = folder.join(name);
            match fs::remove_dir_all(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("remove", path)(error));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::io("list folder", folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::io("list folder", folder))?;
        names.extend(entry.file_name().into_string().ok());
    }
    Ok(names)
}

fn free_place(root: &Root, name: &str) -> PathBuf {
    let folder = root.tasks_dir();
    let mut place = folder.join(format!("{PUT_AWAY}{name}"));
    let mut number = 2_u32;
    while place.symlink_metadata().is_ok() {
        place = folder.join(format!("{PUT_AWAY}{name}-{number}"));
        number += 1;
    }
    place
}

fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(StoreError::io("remove", from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::temporary;

    fn root() -> (tempfile::TempDir, Root) {
        let (folder, root) = temporary();
        root.prepare().unwrap();
        for (run, task) in [("a", "t-1"), ("a", "t-2"), ("b", "u-1")] {
            let folder = root.task_folder(&RunId(run.into()), &TaskId(task.into()), 1);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("output.log"), "x").unwrap();
        }
        (folder, root)
    }

    fn all(root: &Root) -> Vec<String> {
        let mut names = names(&root.tasks_dir()).unwrap();
        names.sort();
        names
    }

    #[test]
    fn a_runs_folders_go_and_no_others() {
        let (_folder, root) = root();
        let run = RunId("a".into());
        put_away(&root, &run, &BTreeSet::new()).unwrap();
        assert_eq!(all(&root), [".removed-a", "b"]);
        // One that another daemon left is no hindrance.
        put_away(&root, &RunId("b".into()), &BTreeSet::new()).unwrap();
        fs::create_dir(root.run_tasks_dir(&run)).unwrap();
        put_away(&root, &run, &BTreeSet::new()).unwrap();
        assert_eq!(all(&root), [".removed-a", ".removed-a-2", ".removed-b"]);
        clear(&root).unwrap();
        assert_eq!(all(&root), [""; 0]);
        put_away(&root, &run, &BTreeSet::new()).unwrap();
    }

    #[test]
    fn what_another_run_shows_is_kept_until_that_one_goes() {
        let (_folder, root) = root();
        let (run, task) = (RunId("a".into()), TaskId("t-2".into()));
        put_away(&root, &run, &BTreeSet::from([task.clone()])).unwrap();
        clear(&root).unwrap();
        assert_eq!(names(&root.run_tasks_dir(&run)).unwrap(), ["t-2"]);
        assert_eq!(runs_of(&root, &task).unwrap(), std::slice::from_ref(&run));
        put_away_task(&root, &run, &task).unwrap();
        clear(&root).unwrap();
        assert_eq!(all(&root), ["b"]);
        assert_eq!(runs_of(&root, &task).unwrap(), []);
    }
}
