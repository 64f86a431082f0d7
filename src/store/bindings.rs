//! `logs/log_bindings.json`: which log a task writes itself, by the task's place; and how that follows the task when its command
//! file is edited.
//!
//! The file is the seed's: a map by `single_0_1_0`. What a place held when it was last looked at stands in a file of its own
//! beside it, so that edits are followed that were made while no daemon ran.
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use gpuyard_core::{
    formats::command::{CommandFile, follow},
    model::{ConfigKey, QueueId},
    wire::{LogBinding, LogBindings},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    StoreError,
    file::{self, FolderLock, Version},
    state::free_name,
};

/// A file of bindings is never larger: ten thousand tasks take two of it.
const MOST_BYTES: u64 = 16 << 20;
/// Bindings of tasks that went away are remembered, so many a command file: an undo brings them back.
const MOST_GONE: usize = 200;
/// In an entry, beside the seed's fields: what stands for its task's commands.
const PRINT: &str = "task";

/// The bindings of a root.
pub struct Bindings {
    path: PathBuf,
    /// What the command files held, see [`Seen`].
    seen: PathBuf,
    turn: Mutex<()>,
}

/// What a place holds, as short as it can be told apart.
type Print = String;

/// A command file when its bindings were last followed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seen {
    queues: BTreeMap<QueueId, Vec<Print>>,
    /// Bindings whose tasks went away.
    #[serde(default)]
    gone: Vec<Gone>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Gone {
    task: Print,
    entry: Value,
}

/// Entries as they stand in the file. What is no binding is kept as it is.
type Entries = BTreeMap<String, Value>;

impl Bindings {
    /// Those in this file.
    pub fn new(path: PathBuf) -> Bindings {
        Bindings {
            seen: path.with_extension("seen.json"),
            path,
            turn: Mutex::default(),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The key of a place.
    pub fn key(config: ConfigKey, queue: QueueId, process_index: u32) -> String {
        format!("{config}_{queue}_{process_index}")
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of them.
    pub fn list(&self) -> Result<LogBindings, StoreError> {
        let _turn = self.turn();
        let entries = self.load()?;
        Ok(entries
            .into_iter()
            .filter_map(|(key, entry)| Some((key, read(&entry)?)))
            .collect())
    }

    /// One of them.
    pub fn get(&self, config: ConfigKey, queue: QueueId, process_index: u32) -> Result<Option<LogBinding>, StoreError> {
        let _turn = self.turn();
        Ok(self
            .load()?
            .get(&Self::key(config, queue, process_index))
            .and_then(read))
    }

    /// Binds, in place of what was bound there. `file` is the command file, where it can be read.
    pub fn bind(&self, binding: &LogBinding, file: Option<&CommandFile>) -> Result<String, StoreError> {
        let _turn = self.turn();
        let config = config_of(binding);
        let key = Self::key(config, binding.queue_id, binding.process_index);
        let mut entries = self.load()?;
        let mut entry =
            serde_json::to_value(binding).map_err(|error| StoreError::io("write", &self.path)(error.into()))?;
        let mut seen = self.load_seen();
        if let Some(file) = file {
            let now = prints(file);
            if let Some(print) = now
                .get(&binding.queue_id)
                .and_then(|queue| queue.get(binding.process_index as usize))
            {
                entry[PRINT] = print.clone().into();
            }
            seen.entry(config.to_string()).or_default().queues = now;
        }
        entries.insert(key.clone(), entry);
        self.save(&entries)?;
        self.save_seen(&seen)?;
        Ok(key)
    }

    /// Unbinds; `None` where nothing was bound.
    pub fn unbind(
        &self,
        config: ConfigKey,
        queue: QueueId,
        process_index: u32,
    ) -> Result<Option<LogBinding>, StoreError> {
        let _turn = self.turn();
        let mut entries = self.load()?;
        let removed = entries.remove(&Self::key(config, queue, process_index));
        if removed.is_some() {
            self.save(&entries)?;
        }
        Ok(removed.as_ref().and_then(read))
    }

    /// Removes all bindings of a command file that is no more. Returns how many there were.
    pub fn forget(&self, config: ConfigKey) -> Result<usize, StoreError> {
        let _turn = self.turn();
        let mut entries = self.load()?;
        let before = entries.len();
        entries.retain(|_, entry| read(entry).is_none_or(|binding| config_of(&binding) != config));
        let removed = before - entries.len();
        if removed > 0 {
            self.save(&entries)?;
        }
        let mut seen = self.load_seen();
        if seen.remove(&config.to_string()).is_some() {
            self.save_seen(&seen)?;
        }
        Ok(removed)
    }

    /// Command files that have bindings.
    pub fn configs(&self) -> Result<Vec<ConfigKey>, StoreError> {
        let mut configs: Vec<ConfigKey> = self.list()?.values().map(config_of).collect();
        configs.sort();
        configs.dedup();
        Ok(configs)
    }

    /// Moves a command file's bindings to where their tasks are now. Returns whether any moved, went or came back.
    pub fn follow(&self, config: ConfigKey, file: &CommandFile) -> Result<bool, StoreError> {
        let _turn = self.turn();
        let mut entries = self.load()?;
        let mut seen = self.load_seen();
        let mut known = seen.remove(&config.to_string()).unwrap_or_default();
        let bound: Vec<(String, LogBinding)> = entries
            .iter()
            .filter_map(|(key, entry)| Some((key.clone(), read(entry)?)))
            .filter(|(_, binding)| config_of(binding) == config)
            .collect();
        let now = prints(file);
        if known.queues == now || (bound.is_empty() && known.gone.is_empty()) {
            return Ok(false);
        }
        let moves = match known.queues.is_empty() {
            // Never looked at before: they are where they say.
            true => bound
                .iter()
                .map(|(_, binding)| (place(binding), place(binding)))
                .collect(),
            false => follow::follow(&known.queues, &now),
        };
        let mut moved = Vec::new();
        for (key, binding) in bound {
            let from = place(&binding);
            let was = print_at(&known.queues, from);
            // Moved already, and a crash kept the other file from telling so.
            let settled = was.is_some()
                && entries[&key]
                    .get(PRINT)
                    .is_some_and(|print| print.as_str() != was.map(String::as_str));
            let to = if settled { Some(from) } else { moves.get(&from).copied() };
            let Some(entry) = entries.remove(&key) else { continue };
            moved.push((was.cloned(), to, entry));
        }
        let kept: BTreeSet<follow::Place> = moves.into_values().collect();
        let changed = place_again(config, moved, (&now, &kept), &mut entries, &mut known.gone);
        known.queues = now;
        if changed {
            self.save(&entries)?;
        }
        seen.insert(config.to_string(), known);
        self.save_seen(&seen)?;
        Ok(changed)
    }

    /// A file that cannot be understood is kept under another name, and said; it is never written over.
    fn load(&self) -> Result<Entries, StoreError> {
        let bytes = match file::read_bounded(&self.path, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => return Ok(Entries::new()),
            Err(error) => return Err(error),
        };
        match serde_json::from_slice(&bytes) {
            Ok(entries) => Ok(entries),
            Err(error) => {
                let to = free_name(&self.path);
                std::fs::rename(&self.path, &to).map_err(StoreError::io("set aside", &self.path))?;
                file::sync_folder(file::folder_of(&self.path))?;
                let (path, to) = (self.path.display(), to.display());
                tracing::error!(
                    "{path}, line {}: {error}; it is kept as {to}, and the bindings begin anew",
                    error.line()
                );
                Ok(Entries::new())
            }
        }
    }

    /// Files of bindings that could not be understood, and where they are kept; a person removes them.
    pub fn set_aside(&self) -> Vec<PathBuf> {
        let folder = file::folder_of(&self.path);
        let begin = format!(
            "{}.broken-",
            self.path.file_name().unwrap_or_default().to_string_lossy()
        );
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut kept: Vec<PathBuf> = entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with(&begin))
            .map(|entry| entry.path())
            .collect();
        kept.sort();
        kept
    }

    /// What the file is now; `None` where there is none.
    pub fn version(&self) -> Option<Version> {
        file::read_bounded(&self.path, MOST_BYTES)
            .ok()
            .map(|bytes| Version::of(&bytes))
    }

    fn save(&self, entries: &Entries) -> Result<(), StoreError> {
        let _lock = FolderLock::take(file::folder_of(&self.path));
        write(&self.path, entries)
    }

    /// What is not known is looked at anew: this file can be lost without harm.
    fn load_seen(&self) -> BTreeMap<String, Seen> {
        let bytes = file::read_bounded(&self.seen, MOST_BYTES).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    fn save_seen(&self, seen: &BTreeMap<String, Seen>) -> Result<(), StoreError> {
        write(&self.seen, seen)
    }
}

/// A binding on its way: what its task was, where that is now, and its entry.
type Moved = (Option<Print>, Option<follow::Place>, Value);

/// Puts bindings where they belong now, and brings back those whose tasks came back (among those that nothing was before: `kept`
/// are the others). Returns whether anything changed.
fn place_again(
    config: ConfigKey,
    moved: Vec<Moved>,
    (now, kept): (&BTreeMap<QueueId, Vec<Print>>, &BTreeSet<follow::Place>),
    entries: &mut Entries,
    gone: &mut Vec<Gone>,
) -> bool {
    let mut changed = false;
    for (was, to, entry) in moved {
        match (to, was) {
            (Some(to), _) => changed |= put(config, entries, to, entry, now),
            (None, Some(task)) => {
                changed = true;
                tracing::info!(
                    "the task of a log binding is no longer in {config}: {}",
                    entry["log_path"]
                );
                gone.push(Gone { task, entry });
            }
            // It never was a task's: it waits where it was said to be.
            (None, None) => {
                if let Some(binding) = read(&entry) {
                    put(config, entries, place(&binding), entry, now);
                }
            }
        }
    }
    gone.retain(|gone| {
        let places = now.iter().flat_map(|(queue, tasks)| {
            let here = tasks.iter().enumerate().filter(|(_, task)| **task == gone.task);
            here.map(|(number, _)| (*queue, number as u32))
        });
        let free = places
            .filter(|place| !kept.contains(place))
            .find(|(queue, number)| !entries.contains_key(&Bindings::key(config, *queue, *number)));
        if let Some(to) = free {
            put(config, entries, to, gone.entry.clone(), now);
            changed = true;
        }
        free.is_none()
    });
    let surplus = gone.len().saturating_sub(MOST_GONE);
    gone.drain(..surplus);
    changed
}

/// Puts an entry at a place. Returns whether that is another one than before.
fn put(
    config: ConfigKey,
    entries: &mut Entries,
    to: follow::Place,
    mut entry: Value,
    now: &BTreeMap<QueueId, Vec<Print>>,
) -> bool {
    let before = read(&entry).map(|binding| place(&binding));
    entry["queue_id"] = to.0.0.into();
    entry["process_index"] = to.1.into();
    if let Some(print) = print_at(now, to) {
        entry[PRINT] = print.clone().into();
    }
    entries.insert(Bindings::key(config, to.0, to.1), entry);
    before != Some(to)
}

fn write(path: &Path, value: &impl Serialize) -> Result<(), StoreError> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| StoreError::io("write", path)(error.into()))?;
    text.push(b'\n');
    file::write_atomic(path, &text)
}

fn read(entry: &Value) -> Option<LogBinding> {
    LogBinding::deserialize(entry).ok()
}

fn config_of(binding: &LogBinding) -> ConfigKey {
    ConfigKey {
        mode: binding.mode,
        index: binding.config_index,
    }
}

fn place(binding: &LogBinding) -> follow::Place {
    (binding.queue_id, binding.process_index)
}

fn print_at(queues: &BTreeMap<QueueId, Vec<Print>>, (queue, number): follow::Place) -> Option<&Print> {
    queues.get(&queue)?.get(number as usize)
}

/// What stands for each task's commands.
fn prints(file: &CommandFile) -> BTreeMap<QueueId, Vec<Print>> {
    let print = |commands: &[String]| Version::of(commands.join("\n\0").as_bytes()).0[..16].to_owned();
    file.queues()
        .iter()
        .map(|queue| {
            (
                queue.id,
                queue.tasks.iter().map(|block| print(&block.commands)).collect(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
