//! Command files on disk: loaded, saved with the version before kept, and listed. The one place that knows their names
//! besides [`Root`].
pub mod versions;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use gpuyard_core::{
    formats::command::{self, CommandFile},
    model::{ConfigKey, Mode, Rules},
};

use crate::{
    Root, StoreError,
    file::{self, Version},
};

/// A file of more is no command file: ten thousand long tasks take about a hundredth of it.
pub const MOST_BYTES: u64 = 16 << 20;
/// What an empty single-GPU command file says.
pub const EXAMPLE_SINGLE: &str = include_str!("../../command/command_gpu.example.txt");
/// What an empty multi-GPU command file says.
pub const EXAMPLE_MULTI: &str = include_str!("../../command/command_gpus.example.txt");

/// A command file that was read, and its version.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The file.
    pub file: CommandFile,
    /// What it was: to be handed to [`save`], so that nobody's change is lost.
    pub version: Version,
}

/// One command file of a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Mode and index.
    pub key: ConfigKey,
    /// Where it is, or would be.
    pub path: PathBuf,
    /// Whether it is there.
    pub exists: bool,
}

/// Reads a command file. What is wrong in it are findings, not errors; errors are files that cannot be read at all.
pub fn load(path: &Path, mode: Mode) -> Result<Loaded, StoreError> {
    let text = file::read_text(path, MOST_BYTES)?;
    Ok(Loaded {
        version: Version::of(text.as_bytes()),
        file: command::parse(&text, mode),
    })
}

/// What a command file is now; `None` where it cannot be read.
pub fn version(path: &Path) -> Option<Version> {
    let bytes = file::read_bounded(path, MOST_BYTES).ok()?;
    Some(Version::of(&bytes))
}

/// Saves a text. The version before it is kept as `.backup`, and among the [`versions`]. With `expected`, a file that was
/// changed since is a [`StoreError::Conflict`] that carries the newer text; a file that is not there can be saved only
/// without.
pub fn save(path: &Path, text: &str, expected: Option<&Version>) -> Result<Version, StoreError> {
    if text.len() as u64 > MOST_BYTES {
        return Err(StoreError::TooLarge {
            path: path.into(),
            limit: MOST_BYTES,
        });
    }
    let new = Version::of(text.as_bytes());
    let Some(current) = current(path, expected)? else {
        file::create_folder(file::folder_of(path))?;
        file::create_new(path, text.as_bytes())?;
        return Ok(new);
    };
    let version = Version::of(&current);
    // A save that changes nothing must not take the place of the version before it.
    if version != new {
        versions::keep(path, &current)?;
        file::replace(path, text.as_bytes(), &version, Some(&backup_path(path)))?;
    }
    Ok(new)
}

/// What a file holds now, if it is there; a [`StoreError::Conflict`] where it is not what was expected.
fn current(path: &Path, expected: Option<&Version>) -> Result<Option<Vec<u8>>, StoreError> {
    let bytes = match file::read_bounded(path, MOST_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error),
    };
    let found = bytes.as_deref().map(Version::of);
    if expected.is_some_and(|expected| found.as_ref() != Some(expected)) {
        return Err(StoreError::Conflict {
            path: path.into(),
            now: bytes.and_then(|bytes| String::from_utf8(bytes).ok()),
        });
    }
    Ok(bytes)
}

/// Brings back the version before the last save; what stood there takes its place, so that a second reset undoes the first.
pub fn reset(path: &Path, mode: Mode, expected: Option<&Version>) -> Result<Loaded, StoreError> {
    let text = file::read_text(&backup_path(path), MOST_BYTES)?;
    save(path, &text, expected)?;
    load(path, mode)
}

/// Makes a command file with the lowest index that is free, with nothing in it but what it says about itself.
pub fn create(root: &Root, rules: &Rules, mode: Mode) -> Result<Listed, StoreError> {
    let text = match mode {
        Mode::Single => EXAMPLE_SINGLE,
        Mode::Multi => EXAMPLE_MULTI,
    };
    for index in 0.. {
        let key = ConfigKey { mode, index };
        let path = root.command_path(rules, key);
        file::create_folder(file::folder_of(&path))?;
        match file::create_new(&path, text.as_bytes()) {
            Ok(()) => {
                // What an earlier file of this name left is no version before this one.
                remove_if_there(&backup_path(&path))?;
                return Ok(Listed {
                    key,
                    path,
                    exists: true,
                });
            }
            Err(StoreError::Exists { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Err(StoreError::Exists {
        path: root.first_command_path(rules, mode),
    })
}

/// Removes a command file; its text is kept among its [`versions`].
pub fn delete(path: &Path, expected: Option<&Version>) -> Result<(), StoreError> {
    let Some(bytes) = current(path, expected)? else {
        return Err(StoreError::io("remove", path)(std::io::ErrorKind::NotFound.into()));
    };
    versions::keep(path, &bytes)?;
    file::remove(path, &Version::of(&bytes))?;
    remove_if_there(&backup_path(path))
}

fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Where the version before the last save is kept.
pub fn backup_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.file_name().unwrap_or_default());
    name.push(".backup");
    path.with_file_name(name)
}

/// The command files of a mode, by index. Index 0 is always among them.
pub fn list(root: &Root, rules: &Rules, mode: Mode) -> Result<Vec<Listed>, StoreError> {
    let first = root.first_command_path(rules, mode);
    let folder = file::folder_of(&first);
    let mut indices = std::collections::BTreeSet::from([0]);
    match std::fs::read_dir(folder) {
        Ok(entries) => {
            for entry in entries {
                let entry = entry.map_err(StoreError::io("list folder", folder))?;
                indices.extend(
                    entry
                        .file_name()
                        .to_str()
                        .and_then(|name| Root::command_index(&first, name)),
                );
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io("list folder", folder)(error)),
    }
    let listed = |index| {
        let key = ConfigKey { mode, index };
        let path = root.command_path(rules, key);
        Listed {
            key,
            exists: path.exists(),
            path,
        }
    };
    Ok(indices.into_iter().map(listed).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::temporary;

    fn root() -> (tempfile::TempDir, Root) {
        let (folder, root) = temporary();
        root.prepare().unwrap();
        (folder, root)
    }

    #[test]
    fn a_save_keeps_the_version_before_and_refuses_a_stale_one() {
        let (_folder, root) = root();
        let path = root.command_dir().join("command_gpu.txt");
        let one = save(&path, "1\na\n1\n", None).unwrap();
        let two = save(&path, "1\nb\n1\n", Some(&one)).unwrap();
        assert_eq!(std::fs::read_to_string(backup_path(&path)).unwrap(), "1\na\n1\n");
        let stale = save(&path, "1\nc\n1\n", Some(&one)).unwrap_err();
        assert!(matches!(stale, StoreError::Conflict { now: Some(now), .. } if now == "1\nb\n1\n"));
        let loaded = load(&path, Mode::Single).unwrap();
        assert_eq!((loaded.version, loaded.file.to_string().as_str()), (two, "1\nb\n1\n"));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(
            save(&path, "x", Some(&one)),
            Err(StoreError::Conflict { now: None, .. })
        ));
    }

    #[test]
    fn a_reset_goes_back_and_forth_and_a_save_of_the_same_is_none() {
        let (_folder, root) = root();
        let path = root.command_dir().join("command_gpu.txt");
        let one = save(&path, "1\na\n1\n", None).unwrap();
        assert!(reset(&path, Mode::Single, None).unwrap_err().is_not_found());
        let two = save(&path, "1\nb\n1\n", Some(&one)).unwrap();
        assert_eq!(save(&path, "1\nb\n1\n", Some(&two)).unwrap(), two);
        let stale = reset(&path, Mode::Single, Some(&one)).unwrap_err();
        assert!(matches!(stale, StoreError::Conflict { .. }));
        assert_eq!(reset(&path, Mode::Single, Some(&two)).unwrap().version, one);
        assert_eq!(reset(&path, Mode::Single, None).unwrap().version, two);
        let texts: Vec<String> = versions::list(&path)
            .unwrap()
            .iter()
            .map(|older| versions::load(&path, &older.id).unwrap().unwrap().1)
            .collect();
        assert!(texts.iter().any(|text| text == "1\na\n1\n") && texts.iter().any(|text| text == "1\nb\n1\n"));
    }

    #[test]
    fn what_is_deleted_is_kept_and_its_index_is_free_again() {
        let (_folder, root) = root();
        let rules = Rules::default();
        let indices = || -> Vec<u32> {
            let made = || create(&root, &rules, Mode::Single).unwrap().key.index;
            vec![made(), made(), made()]
        };
        assert_eq!(indices(), [0, 1, 2]);
        let key = ConfigKey {
            mode: Mode::Single,
            index: 1,
        };
        let path = root.command_path(&rules, key);
        let before = load(&path, Mode::Single).unwrap().version;
        let now = save(&path, "1\nprecious\n1\n", Some(&before)).unwrap();
        assert!(matches!(
            delete(&path, Some(&before)).unwrap_err(),
            StoreError::Conflict { now: Some(now), .. } if now.contains("precious")
        ));
        delete(&path, Some(&now)).unwrap();
        assert!(!path.exists() && !backup_path(&path).exists());
        assert!(delete(&path, None).unwrap_err().is_not_found());
        let kept = versions::list(&path).unwrap();
        assert_eq!(
            versions::load(&path, &kept[0].id).unwrap().unwrap().1,
            "1\nprecious\n1\n"
        );
        assert_eq!(create(&root, &rules, Mode::Single).unwrap().key, key);
        assert!(reset(&path, Mode::Single, None).unwrap_err().is_not_found());
    }

    #[test]
    fn files_are_listed_by_index_and_nothing_else_is() {
        let (_folder, root) = root();
        for name in [
            "command_gpu_2.txt",
            "command_gpu_10.txt",
            "command_gpus.txt",
            "command_gpu.txt.backup",
            "notes.txt",
        ] {
            std::fs::write(root.command_dir().join(name), "").unwrap();
        }
        let rules = Rules::default();
        let indices = |mode| -> Vec<_> {
            list(&root, &rules, mode)
                .unwrap()
                .into_iter()
                .map(|l| (l.key.index, l.exists))
                .collect()
        };
        assert_eq!(indices(Mode::Single), [(0, false), (2, true), (10, true)]);
        assert_eq!(indices(Mode::Multi), [(0, true)]);
    }
}
