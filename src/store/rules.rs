//! The rules file: loaded, and edited in place.
use std::path::Path;

use gpuyard_core::{formats::rules, model::Rules};
use serde_json::{Map, Value};

use crate::{
    StoreError,
    file::{self, Version},
    yaml,
};

/// A complete rules file with every key commented; what a first start writes.
pub const EXAMPLE: &str = include_str!("../../config/gpu_manage.example.yaml");

/// Rules that were read, with what an editor needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedRules {
    /// The rules.
    pub rules: Rules,
    /// Every key of the file, unknown ones too.
    pub tree: Value,
    /// What the file was.
    pub version: Version,
}

/// Reads the rules.
pub fn load(path: &Path) -> Result<Rules, StoreError> {
    load_versioned(path).map(|loaded| loaded.rules)
}

/// Reads the rules with their version.
pub fn load_versioned(path: &Path) -> Result<LoadedRules, StoreError> {
    let (text, tree) = yaml::load(path)?;
    let rules = rules::check(&tree).map_err(|errors| StoreError::Fields {
        path: path.into(),
        problems: yaml::located(&text, errors),
    })?;
    Ok(LoadedRules {
        rules,
        tree,
        version: Version::of(text.as_bytes()),
    })
}

/// Changes some keys and saves. Comments, order, unknown keys and untouched lines stay. With `expected`, a file that
/// was changed since is a [`StoreError::Conflict`].
pub fn edit(path: &Path, changes: &Map<String, Value>, expected: Option<&Version>) -> Result<LoadedRules, StoreError> {
    let check = |tree: &Value, text: &str| {
        rules::check(tree).map(|_| ()).map_err(|errors| StoreError::Fields {
            path: path.into(),
            problems: yaml::located(text, errors),
        })
    };
    edit_yaml(path, changes, expected, check)?;
    load_versioned(path)
}

/// Edits a YAML file whose new tree passes a check.
pub(crate) fn edit_yaml(
    path: &Path,
    changes: &Map<String, Value>,
    expected: Option<&Version>,
    check: impl Fn(&Value, &str) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let (text, _) = yaml::load(path)?;
    let read = Version::of(text.as_bytes());
    if expected.is_some_and(|expected| *expected != read) {
        return Err(StoreError::Conflict {
            path: path.into(),
            now: Some(text),
        });
    }
    let new = yaml::edit(&text, changes).map_err(|reason| StoreError::NotEditable {
        path: path.into(),
        reason,
    })?;
    let tree = yaml::parse(&new).map_err(|wrong| wrong.at(path))?;
    check(&tree, &new)?;
    if new == text {
        return Ok(());
    }
    file::replace(path, new.as_bytes(), &read, None)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SAMPLE: &str = include_str!("../../tests/fixtures/samples/config/gpu_manage.yaml");

    #[test]
    fn the_sample_means_what_it_meant() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gpu_manage.yaml");
        std::fs::write(&path, SAMPLE).unwrap();
        let rules = load(&path).unwrap();
        let expected = Rules {
            check_time: gpuyard_core::model::Seconds(3.0),
            maximize_resource_utilization: false,
            memory_save_mode: true,
            compete_gpus: (0..10).collect(),
            use_all_gpus: true,
            gpu_left: 1,
            min_gpu: 2,
            max_gpu: 9,
            work_dir: Some("/home/hdl/project/fgvr_test_new".into()),
            gpu_command_file: "command_gpu.txt".into(),
            gpus_command_file: "command_gpus.txt".into(),
            ..Rules::default()
        };
        assert_eq!(rules, expected);
        assert_eq!(
            (
                rules.retry_config.max_retry_before_backoff,
                rules.retry_config.backoff_duration.0
            ),
            (3, 600.0)
        );
    }

    #[test]
    fn the_example_is_complete_and_every_key_is_commented() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gpu_manage.yaml");
        std::fs::write(&path, EXAMPLE).unwrap();
        let loaded = load_versioned(&path).unwrap();
        // Whatever the example leaves out as optional is said in a comment at least.
        let Value::Object(keys) = serde_json::to_value(Rules::default()).unwrap() else {
            panic!()
        };
        for key in keys.keys() {
            assert!(EXAMPLE.contains(&format!("{key}:")), "{key}");
        }
        assert_eq!(
            loaded.rules,
            Rules {
                min_gpu: loaded.rules.min_gpu,
                max_gpu: loaded.rules.max_gpu,
                gpu_left: loaded.rules.gpu_left,
                memory_save_mode: true,
                ..Rules::default()
            }
        );
    }

    #[test]
    fn an_edit_changes_its_lines_only_and_errors_name_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gpu_manage.yaml");
        std::fs::write(&path, SAMPLE).unwrap();
        let before = load_versioned(&path).unwrap();
        let changes = json!({"max_gpu": 5, "retry_config": {"backoff_duration": 60}, "task_timeout": 7200});
        let after = edit(&path, changes.as_object().unwrap(), Some(&before.version)).unwrap();
        assert_eq!(
            (after.rules.max_gpu, after.rules.retry_config.backoff_duration.0),
            (5, 60.0)
        );
        let text = std::fs::read_to_string(&path).unwrap();
        let changed: Vec<&str> = text
            .lines()
            .filter(|line| !SAMPLE.lines().any(|old| old == *line))
            .collect();
        assert_eq!(
            changed,
            [
                "max_gpu: 5  # 用户最多用几张卡",
                "  backoff_duration: 60  # 退避时间 10 分钟",
                "task_timeout: 7200"
            ]
        );
        let stale = edit(&path, changes.as_object().unwrap(), Some(&before.version)).unwrap_err();
        assert!(matches!(stale, StoreError::Conflict { now: Some(now), .. } if now == text));
        let wrong = edit(&path, json!({"min_gpu": 6}).as_object().unwrap(), None)
            .unwrap_err()
            .to_string();
        assert!(
            wrong.contains("line 14: min_gpu must not be above max_gpu (5): 6 is"),
            "{wrong}"
        );
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn a_file_cut_off_anywhere_is_an_error_or_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gpu_manage.yaml");
        std::fs::write(&path, SAMPLE).unwrap();
        let full = load(&path).unwrap();
        for cut in 0..SAMPLE.len() {
            std::fs::write(&path, &SAMPLE.as_bytes()[..cut]).unwrap();
            match load(&path) {
                // Only the very last value can be shortened without being missed.
                Ok(rules) => assert_eq!(
                    Rules {
                        gpus_command_file: full.gpus_command_file.clone(),
                        ..rules
                    },
                    full
                ),
                Err(error) => assert!(error.to_string().contains("gpu_manage.yaml"), "{error}"),
            }
        }
    }
}
