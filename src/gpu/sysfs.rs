//! Small reads below `/sys` (or a recorded tree): one value a file, and nothing believed that is torn.
use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// No attribute of sysfs is larger than a page; what is, is none.
const LARGEST: u64 = 64 << 10;

/// The text of a file, without blanks around it; `None` where it is not there, not for us, or empty.
pub(crate) fn text(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(LARGEST).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The number in a file, decimal or with `0x` in front.
pub(crate) fn number(path: &Path) -> Option<u64> {
    parse_number(&text(path)?)
}

/// A whole number and nothing else: half a number is a wrong one.
pub(crate) fn parse_number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// What lies in a folder and has such a name, sorted; empty where the folder is not there.
pub(crate) fn entries(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(listed) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found: Vec<PathBuf> = listed
        .flatten()
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

/// `prefix` and a number behind it: `card0`, `hwmon12`.
pub(crate) fn is_numbered(name: &str, prefix: &str) -> bool {
    let rest = name.strip_prefix(prefix);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_numbers_are_none() {
        assert_eq!(parse_number("17163091968"), Some(17_163_091_968));
        assert_eq!(parse_number("0x1002"), Some(0x1002));
        for torn in ["", "12 MiB", "-1", "0x", "1e9", "12\n13"] {
            assert_eq!(parse_number(torn), None, "{torn:?}");
        }
    }

    #[test]
    fn connectors_are_no_cards() {
        assert!(is_numbered("card0", "card") && is_numbered("card12", "card"));
        for other in ["card", "card0-DP-1", "renderD128", "cardx"] {
            assert!(!is_numbered(other, "card"), "{other}");
        }
    }
}
