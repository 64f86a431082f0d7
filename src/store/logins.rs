//! `logs/logins/{machine}.json`: who is logged in at this machine's daemon, so that a restart asks nobody for the key again.
//! No token stands in it, only the hash of each. Each machine that shares the root has a file of its own.
use std::{
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use gpuyard_core::model::Now;
use serde::{Deserialize, Serialize};

use crate::{StoreError, file, state::free_name};

/// A thousand logins take a fifth of it.
const MOST_BYTES: u64 = 1 << 20;
/// The version of the format that this program writes, and the only one that it reads.
const VERSION: u32 = 1;

/// The file of one machine.
pub struct LoginFile {
    path: PathBuf,
}

/// All logins, as they stood at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptLogins {
    /// When this was written: what is left of a login is counted from here.
    pub written: Now,
    /// The boot that the monotonic half of `written` belongs to.
    pub boot_id: String,
    /// Which secret they were made with; null where there was none, and so no login.
    pub secret: Option<SecretMark>,
    /// Each of them.
    pub logins: Vec<KeptLogin>,
}

/// What tells a secret from another one, and does not tell the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretMark {
    /// Random, in hexadecimal digits.
    pub salt: String,
    /// A hash of both, in hexadecimal digits.
    pub hash: String,
}

/// One login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptLogin {
    /// The SHA-256 of its token, in hexadecimal digits.
    pub token: String,
    /// Milliseconds after which it ends in any case.
    pub left_ms: u64,
    /// Milliseconds after which it ends if nobody uses it.
    pub idle_ms: u64,
}

#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Whole<T> {
    version: u32,
    kept: T,
}

impl LoginFile {
    /// The file at this path.
    pub fn new(path: PathBuf) -> LoginFile {
        LoginFile { path }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept; `None` where nothing was. A file that others can write is not believed: they could have added a login.
    pub fn load(&self) -> Result<Option<KeptLogins>, StoreError> {
        let corrupt = |reason: String| StoreError::Corrupt {
            path: self.path.clone(),
            reason,
        };
        let opened = match file::open_own(&self.path) {
            Ok(opened) => opened,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error),
        };
        let facts = opened.metadata().map_err(StoreError::io("read", &self.path))?;
        if facts.uid() != nix::unistd::geteuid().as_raw() || facts.mode() & 0o022 != 0 {
            return Err(corrupt("others can write it".into()));
        }
        let bytes = file::read_opened(opened, &self.path, MOST_BYTES)?;
        let wrong = |error: serde_json::Error| corrupt(error.to_string());
        let Versioned { version } = serde_json::from_slice(&bytes).map_err(wrong)?;
        if version != u64::from(VERSION) {
            return Err(StoreError::UnknownVersion {
                path: self.path.clone(),
                found: version,
                known: VERSION,
            });
        }
        serde_json::from_slice::<Whole<KeptLogins>>(&bytes)
            .map(|whole| Some(whole.kept))
            .map_err(wrong)
    }

    /// Keeps these and no others.
    pub fn save(&self, kept: &KeptLogins) -> Result<(), StoreError> {
        file::create_folder(file::folder_of(&self.path))?;
        let whole = Whole { version: VERSION, kept };
        let mut text =
            serde_json::to_vec_pretty(&whole).map_err(|error| StoreError::io("write", &self.path)(error.into()))?;
        text.push(b'\n');
        file::write_atomic(&self.path, &text)
    }

    /// Puts a file that could not be read out of the way, for a person to look at. Returns where it is.
    pub fn set_aside(&self) -> Result<PathBuf, StoreError> {
        let to = free_name(&self.path);
        std::fs::rename(&self.path, &to).map_err(StoreError::io("set aside", &self.path))?;
        file::sync_folder(file::folder_of(&self.path))?;
        Ok(to)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use gpuyard_core::model::Mono;
    use jiff::Timestamp;

    use super::*;

    fn some() -> KeptLogins {
        KeptLogins {
            written: Now {
                wall: Timestamp::UNIX_EPOCH,
                mono: Mono(7),
            },
            boot_id: "b".into(),
            secret: Some(SecretMark {
                salt: "0a".into(),
                hash: "0b".into(),
            }),
            logins: vec![KeptLogin {
                token: "0c".into(),
                left_ms: 3,
                idle_ms: 2,
            }],
        }
    }

    fn kept() -> (tempfile::TempDir, LoginFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = LoginFile::new(folder.path().join("logins/m.json"));
        file.save(&some()).unwrap();
        (folder, file)
    }

    #[test]
    fn what_is_kept_is_found_again_and_is_its_users_alone() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(LoginFile::new(folder.path().join("none")).load().unwrap(), None);
        let (_folder, file) = kept();
        assert_eq!(file.load().unwrap(), Some(some()));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(file.path().parent().unwrap()), 0o700);
    }

    /// Fault W1 (P5).
    #[test]
    fn logins_cut_off_at_any_byte_are_an_error_and_kept_aside() {
        let (_folder, file) = kept();
        let whole = std::fs::read(file.path()).unwrap();
        // All but the closing brace and newline: without the newline it is whole.
        for length in 0..whole.len() - 1 {
            std::fs::write(file.path(), &whole[..length]).unwrap();
            let error = file.load().unwrap_err().to_string();
            assert!(error.contains("m.json"), "{length}: {error}");
        }
        let aside = file.set_aside().unwrap();
        assert_eq!(file.load().unwrap(), None);
        assert_eq!(std::fs::read(aside).unwrap(), whole[..whole.len() - 2]);
    }

    #[test]
    fn a_file_of_another_version_or_that_others_can_write_or_a_link_is_not_believed() {
        let (folder, file) = kept();
        let text = std::fs::read_to_string(file.path()).unwrap();
        std::fs::write(file.path(), text.replace("\"version\": 1", "\"version\": 2")).unwrap();
        assert!(matches!(
            file.load(),
            Err(StoreError::UnknownVersion { found: 2, known: 1, .. })
        ));
        std::fs::write(file.path(), text.replace("\"left_ms\"", "\"forever\"")).unwrap();
        assert!(matches!(file.load(), Err(StoreError::Corrupt { .. })));
        std::fs::write(file.path(), &text).unwrap();
        assert!(file.load().unwrap().is_some());
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o620)).unwrap();
        assert!(file.load().unwrap_err().to_string().contains("others can write it"));

        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(file.path(), &elsewhere).unwrap();
        std::fs::set_permissions(&elsewhere, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&elsewhere, file.path()).unwrap();
        assert!(matches!(file.load(), Err(StoreError::NotAFile { what: "a link", .. })));
    }
}
