//! What a process holds: descriptors, watches, threads, memory.
use std::{collections::BTreeMap, fs};

/// Of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vitals {
    /// What it holds by what must not grow: how many of each.
    pub(crate) held: BTreeMap<String, usize>,
    /// Memory of its own, that no file stands behind, in KiB.
    pub(crate) memory: u64,
}

impl Vitals {
    /// Of a process that lives.
    #[track_caller]
    pub(crate) fn of(pid: i32) -> Vitals {
        let mut held = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).unwrap().flatten() {
            // One that is closed meanwhile is none.
            let Ok(link) = fs::read_link(entry.path()) else {
                continue;
            };
            let link = link.to_string_lossy().into_owned();
            // `socket:[4711]` is a socket; what is not numbered is itself.
            let numbered =
                |(kind, rest): (&str, &str)| rest.starts_with(|c: char| c.is_ascii_digit()).then(|| kind.to_owned());
            let kind = link.split_once(":[").and_then(numbered).unwrap_or(link);
            // A new one follows an old one.
            let kind = if kind.ends_with(".journal") {
                "journal".to_owned()
            } else {
                kind
            };
            if kind == "anon_inode:inotify" {
                let info = format!("/proc/{pid}/fdinfo/{}", entry.file_name().to_string_lossy());
                let info = fs::read_to_string(info).unwrap_or_default();
                let watches = info.lines().filter(|line| line.starts_with("inotify wd:")).count();
                *held.entry("watches".to_owned()).or_default() += watches;
            }
            *held.entry(kind).or_default() += 1;
        }
        for entry in fs::read_dir(format!("/proc/{pid}/task")).unwrap().flatten() {
            let Ok(name) = fs::read_to_string(entry.path().join("comm")) else {
                continue;
            };
            *held.entry(format!("thread {}", name.trim())).or_default() += 1;
        }
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let anon = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
        let memory = anon.trim().trim_end_matches(" kB").parse().unwrap();
        Vitals { held, memory }
    }

    /// How many of a kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.held.get(kind).copied().unwrap_or_default()
    }
}
