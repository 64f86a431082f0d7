//! The settings file: loaded, edited in place, and made at the first start with a random secret.
use std::path::Path;

use gpuyard_core::{
    formats::settings,
    model::{Mode, Rules, Settings},
};
use serde_json::{Map, Value};

use crate::{
    Root, StoreError, commands,
    file::{self, Version},
    rules::{self, edit_yaml},
    yaml,
};

/// A complete settings file with every key commented; what a first start writes, with a secret of its own.
pub const EXAMPLE: &str = include_str!("../../config/control_setting.example.yaml");
/// Where the example has its secret.
const SECRET_LINE: &str = "secret: \"\"";

/// Settings that were read, with what an editor needs.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedSettings {
    /// The settings.
    pub settings: Settings,
    /// Every key of the file, unknown ones too. It holds the secret.
    pub tree: Value,
    /// What the file was.
    pub version: Version,
}

/// What a start found or made.
#[derive(Debug)]
pub struct Ensured {
    /// The settings in force.
    pub settings: Settings,
    /// The secret, where this start made it: to be shown once, on a terminal only.
    pub new_secret: Option<String>,
}

/// Reads the settings.
pub fn load(path: &Path) -> Result<Settings, StoreError> {
    load_versioned(path).map(|loaded| loaded.settings)
}

/// Reads the settings with their version.
pub fn load_versioned(path: &Path) -> Result<LoadedSettings, StoreError> {
    let (text, tree) = yaml::load(path)?;
    let settings = settings::check(&tree).map_err(|errors| StoreError::Fields {
        path: path.into(),
        problems: yaml::located(&text, errors),
    })?;
    Ok(LoadedSettings {
        settings,
        tree,
        version: Version::of(text.as_bytes()),
    })
}

/// Changes some keys and saves, as [`rules::edit`] does.
pub fn edit(
    path: &Path,
    changes: &Map<String, Value>,
    expected: Option<&Version>,
) -> Result<LoadedSettings, StoreError> {
    let check = |tree: &Value, text: &str| {
        settings::check(tree).map(|_| ()).map_err(|errors| StoreError::Fields {
            path: path.into(),
            problems: yaml::located(text, errors),
        })
    };
    edit_yaml(path, changes, expected, check)?;
    load_versioned(path)
}

/// Makes what is missing: folders, settings with a random secret, rules, and the two command files of index 0. What is
/// there is never touched, readable or not.
pub fn ensure(root: &Root) -> Result<Ensured, StoreError> {
    root.prepare()?;
    for folder in [root.config_dir(), root.command_dir(), root.logs(), root.state_dir()] {
        file::clear_temporaries(&folder)?;
    }
    let path = root.settings_path();
    let mut new_secret = None;
    if !is_there(&path) {
        let secret = random_secret(&path)?;
        let text = EXAMPLE.replacen(SECRET_LINE, &format!("secret: \"{secret}\""), 1);
        // Another daemon may have been faster: then its secret is the one.
        if create(&path, &text)? {
            new_secret = Some(secret);
        }
    }
    let settings = load(&path)?;
    let rules_path = root.rules_path(&settings);
    if !is_there(&rules_path) {
        file::create_folder(file::folder_of(&rules_path))?;
        create(&rules_path, rules::EXAMPLE)?;
    }
    // Rules that cannot be read are shown where they belong; the command files then get their usual names.
    let rules = rules::load(&rules_path).unwrap_or_else(|_| Rules::default());
    for (mode, text) in [
        (Mode::Single, commands::EXAMPLE_SINGLE),
        (Mode::Multi, commands::EXAMPLE_MULTI),
    ] {
        let path = root.first_command_path(&rules, mode);
        if !is_there(&path) && file::folder_of(&path).is_dir() {
            create(&path, text)?;
        }
    }
    Ok(Ensured { settings, new_secret })
}

/// Anything at all of this name, a dangling link too.
fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

fn create(path: &Path, text: &str) -> Result<bool, StoreError> {
    match file::create_new(path, text.as_bytes()) {
        Ok(()) => Ok(true),
        Err(StoreError::Exists { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// 32 random bytes in hex: 256 bits, and nothing that YAML, a header or a shell could read otherwise.
fn random_secret(path: &Path) -> Result<String, StoreError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| StoreError::io("make a secret for", path)(std::io::Error::other(error.to_string())))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;
    use crate::root::temporary;

    #[test]
    fn a_first_start_makes_everything_and_a_second_one_nothing() {
        let (_folder, root) = temporary();
        let first = ensure(&root).unwrap();
        let secret = first.new_secret.unwrap();
        assert_eq!((secret.len(), &first.settings.secret), (64, &secret));
        assert_eq!(
            root.settings_path().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            root.config_dir().metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        let rules = rules::load(&root.rules_path(&first.settings)).unwrap();
        for mode in [Mode::Single, Mode::Multi] {
            let loaded = commands::load(&root.first_command_path(&rules, mode), mode).unwrap();
            assert_eq!((loaded.file.findings(), loaded.file.blocks().count()), (&[][..], 0));
        }
        let second = ensure(&root).unwrap();
        assert_eq!((second.new_secret, second.settings.secret), (None, secret));
    }

    #[test]
    fn what_is_there_is_never_touched_even_if_it_cannot_be_read() {
        let (_folder, root) = temporary();
        root.prepare().unwrap();
        std::fs::write(root.settings_path(), "secret: [").unwrap();
        assert!(ensure(&root).is_err());
        assert_eq!(std::fs::read_to_string(root.settings_path()).unwrap(), "secret: [");
        std::fs::write(root.settings_path(), "secret: x\n").unwrap();
        let rules = root.config_dir().join("gpu_manage.yaml");
        std::fs::write(&rules, "").unwrap();
        ensure(&root).unwrap();
        assert_eq!(std::fs::read_to_string(&rules).unwrap(), "");
    }

    #[test]
    fn the_example_has_every_key_and_the_defaults() {
        let Value::Object(keys) = serde_json::to_value(Settings::default()).unwrap() else {
            panic!()
        };
        for key in keys.keys() {
            assert!(EXAMPLE.contains(&format!("{key}:")), "{key}");
        }
        assert_eq!(EXAMPLE.matches(SECRET_LINE).count(), 1);
        let tree = yaml::parse(EXAMPLE).unwrap();
        let settings = settings::check(&tree).unwrap();
        assert!(settings == Settings::default());
    }

    #[test]
    fn a_secret_is_taken_as_it_is_written() {
        let (_folder, root) = temporary();
        root.prepare().unwrap();
        for (written, meant) in [
            ("007", "007"),
            ("1e5", "1e5"),
            ("0x1F", "0x1F"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("\"5\"", "5"),
            ("true", "true"),
            ("1_000", "1_000"),
            ("omniai315fgvr_gpu_config", "omniai315fgvr_gpu_config"),
            ("1.50", "1.50"),
            ("~", ""),
            ("", ""),
            ("null", ""),
            ("none", "none"),
            ("0o17", "0o17"),
            ("+5", "+5"),
        ] {
            std::fs::write(root.settings_path(), format!("port: 1\nsecret: {written}\n")).unwrap();
            assert_eq!(load(&root.settings_path()).unwrap().secret, meant, "{written}");
        }
    }

    #[test]
    fn an_edit_keeps_comments_and_the_secret() {
        let (_folder, root) = temporary();
        let secret = ensure(&root).unwrap().new_secret.unwrap();
        let before = std::fs::read_to_string(root.settings_path()).unwrap();
        let changes = json!({"port": 29300, "allow-lan": false, "log-roots": ["/data"]});
        let loaded = edit(&root.settings_path(), changes.as_object().unwrap(), None).unwrap();
        assert_eq!(
            (loaded.settings.port, loaded.settings.allow_lan, loaded.settings.secret),
            (29300, false, secret)
        );
        let after = std::fs::read_to_string(root.settings_path()).unwrap();
        for comment in before.lines().filter(|line| line.starts_with('#')) {
            assert!(after.contains(comment));
        }
        assert_eq!(
            root.settings_path().metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}
