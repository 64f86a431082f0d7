//! Checks of what people write: settings, rules, command files.
use std::{collections::BTreeSet, os::unix::fs::PermissionsExt, path::Path};

use gpuyard_core::{
    formats::command::{Block, CommandFile, Severity},
    model::{Lang, Mode, Rules, Settings},
};
use gpuyard_store::{Root, StoreError, commands, rules, settings};

use super::{Findings, Level, lone};

/// What later checks go by: what was read, or defaults where it could not be.
pub(super) struct Files {
    pub(super) settings: Settings,
    pub(super) rules: Rules,
    /// Where the rules are, as people write it.
    pub(super) rules_place: String,
    /// Every task of every command file, with its place.
    pub(super) tasks: Vec<Task>,
}

/// A task and where it stands.
pub(super) struct Task {
    pub(super) place: String,
    pub(super) block: Block,
}

/// Reads everything, and says what is wrong with it.
pub(super) fn check(root: &Root, lang: Lang, findings: &mut Findings) -> Files {
    let settings = read_settings(root, lang, findings);
    let rules_path = root.rules_path(&settings);
    let rules_place = root.relative(&rules_path);
    let rules = match rules::load(&rules_path) {
        Ok(rules) => {
            findings.fine("rules", &rules_place, lang.pick("can be used", "可用"));
            rules
        }
        Err(error) => {
            unreadable("rules", root, &error, lang, findings);
            Rules::default()
        }
    };
    let work_dir = root.work_dir(&rules);
    if !work_dir.is_dir() {
        findings.wrong(
            "rules",
            &rules_place,
            say!(
                lang,
                "work_dir: {dir} is not a folder",
                "work_dir：{dir} 不是目录",
                dir = work_dir.display()
            ),
            lang.pick(
                "make that folder, or name another one; no scheduler starts without it",
                "创建该目录或改为其他目录；否则调度器无法启动",
            ),
        );
    }
    let mut tasks = Vec::new();
    for mode in [Mode::Single, Mode::Multi] {
        match commands::list(root, &rules, mode) {
            Ok(files) => {
                for file in files.iter().filter(|file| file.exists) {
                    command_file(root, &file.path, mode, lang, findings, &mut tasks);
                }
            }
            Err(error) => unreadable("commands", root, &error, lang, findings),
        }
    }
    Files {
        settings,
        rules,
        rules_place,
        tasks,
    }
}

fn read_settings(root: &Root, lang: Lang, findings: &mut Findings) -> Settings {
    let path = root.settings_path();
    let place = root.relative(&path);
    let settings = match settings::load(&path) {
        Ok(settings) => settings,
        Err(error) => {
            unreadable("settings", root, &error, lang, findings);
            return Settings::default();
        }
    };
    findings.fine("settings", &place, lang.pick("can be used", "可用"));
    let mode = std::fs::metadata(&path).map_or(0, |meta| meta.permissions().mode() & 0o777);
    if settings.requires_secret() && mode & 0o077 != 0 {
        findings.odd(
            "permissions",
            &place,
            say!(
                lang,
                "others on this machine can read the secret (mode {mode:o})",
                "本机其他用户可以读到密钥（权限 {mode:o}）"
            ),
            format!("chmod 600 {}", path.display()),
        );
    }
    if !settings.requires_secret() {
        findings.odd(
            "settings",
            &place,
            lang.pick(
                "there is no secret: the daemon serves only this user, on loopback",
                "没有密钥：守护进程仅在本机回环地址上为当前用户服务",
            ),
            lang.pick("set `secret`", "设置 `secret`"),
        );
    }
    settings
}

/// A file that cannot be used: each of its problems with its line.
fn unreadable(about: &'static str, root: &Root, error: &StoreError, lang: Lang, findings: &mut Findings) {
    match error {
        StoreError::Fields { path, problems } => {
            for problem in problems {
                let place = at_line(&root.relative(path), problem.line);
                findings.add(Level::Error, about, place, problem.error.text(lang), None);
            }
        }
        StoreError::Parse { path, line, expected } => {
            findings.add(
                Level::Error,
                about,
                at_line(&root.relative(path), Some(*line)),
                expected.clone(),
                None,
            );
        }
        error if error.is_not_found() => {
            let mend = lang.pick(
                "`gpuyard serve` makes it at its first start",
                "首次运行 `gpuyard serve` 时会创建",
            );
            findings.wrong(about, "", error, mend);
        }
        error => findings.add(Level::Error, about, String::new(), error.to_string(), None),
    }
}

fn at_line(path: &str, line: Option<usize>) -> String {
    line.map_or_else(|| path.to_owned(), |line| format!("{path}:{line}"))
}

fn command_file(root: &Root, path: &Path, mode: Mode, lang: Lang, findings: &mut Findings, tasks: &mut Vec<Task>) {
    let file = match commands::load(path, mode) {
        Ok(loaded) => loaded.file,
        Err(error) => return unreadable("commands", root, &error, lang, findings),
    };
    let place = root.relative(path);
    of_parser(&place, &file, lang, findings);
    lone_lines(&place, &file, lang, findings);
    let queues: BTreeSet<_> = file.blocks().map(|block| block.queue).collect();
    let count = file.blocks().count();
    let text = say!(
        lang,
        "{count} tasks in {queues} queues",
        "{count} 个任务，{queues} 个队列",
        queues = queues.len()
    );
    findings.fine("commands", &place, text);
    let placed = file.blocks().map(|block| Task {
        place: format!("{place}:{}", block.line),
        block: block.clone(),
    });
    tasks.extend(placed);
}

fn of_parser(place: &str, file: &CommandFile, lang: Lang, findings: &mut Findings) {
    for finding in file.findings() {
        let level = match finding.severity {
            Severity::Error => Level::Error,
            Severity::Warning => Level::Warning,
        };
        let text = finding.message.get(lang).to_owned();
        findings.add(level, "commands", at_line(place, Some(finding.line)), text, None);
    }
}

/// Lines that would have to last into the next command. Equal ones in one file are told once: files of thousands of
/// tasks are made by scripts.
fn lone_lines(place: &str, file: &CommandFile, lang: Lang, findings: &mut Findings) {
    let mut told = BTreeSet::new();
    for block in file.blocks() {
        for command in &block.commands {
            let Some(word) = lone::lone(command) else { continue };
            if !told.insert(command.clone()) {
                continue;
            }
            findings.odd(
                "commands",
                format!("{place}:{}", block.line),
                say!(
                    lang,
                    "`{command}` does not last into the next command: each has a shell of its own",
                    "`{command}` 对下一条命令无效：每条命令都在独立的 shell 中运行"
                ),
                say!(
                    lang,
                    "join them into one line: `{word} … && python …`",
                    "合并成一行：`{word} … && python …`"
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;

    fn with(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let root = Root::open(folder.path()).unwrap();
        let mut findings = Findings::default();
        check(&root, Lang::En, &mut findings);
        findings
            .list
            .iter()
            .filter(|f| f.level != Level::Ok)
            .map(|f| format!("{} {}", f.place, f.text))
            .collect()
    }

    #[test]
    fn a_fresh_root_is_well() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::open(folder.path()).unwrap();
        settings::ensure(&root).unwrap();
        let mut findings = Findings::default();
        check(&root, Lang::En, &mut findings);
        assert_eq!(findings.exit_code(), 0, "{findings:#?}");
    }

    #[test]
    fn what_is_wrong_is_told_with_file_and_line() {
        let found = with(&[
            ("config/control_setting.yaml", "secret: abc\nport: many\n"),
            ("config/gpu_manage.yaml", "check_time: 0\n"),
            (
                "command/command_gpu.txt",
                "1\ncd /data\npython a.py\n20\n\nx\npython\n1\n",
            ),
        ]);
        for part in [
            "config/control_setting.yaml:2",
            "config/gpu_manage.yaml:1",
            "command/command_gpu.txt:1 `cd /data` does not last",
        ] {
            assert!(
                found.iter().any(|line| line.contains(part)),
                "{part} is not in {found:#?}"
            );
        }
        assert!(
            found.iter().any(|line| line.starts_with("command/command_gpu.txt:6 ")),
            "{found:#?}"
        );
    }
}
