//! `gpuyard check`: looks over files and machine, and says how to mend what is wrong. It changes nothing.
mod files;
mod lone;
mod machine;

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    cli::CheckArgs,
    client::Context,
    failure::Failure,
    output::{
        self, Screen,
        style::Tone,
        table::{clean, cut},
    },
    wiring,
};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// It was looked at, and is well.
    Ok,
    /// It works, and probably not as it was meant.
    Warning,
    /// Something will not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    /// How bad.
    pub(crate) level: Level,
    /// What was looked at: `settings`, `rules`, `commands`, `gpus`, …
    pub(crate) about: &'static str,
    /// Where: a file, with its line where there is one; empty where there is no place.
    pub(crate) place: String,
    /// What was found.
    pub(crate) text: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<String>,
}

/// What has been found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Finding>,
}

impl Findings {
    /// It is well.
    pub(crate) fn fine(&mut self, about: &'static str, place: impl ToString, text: impl ToString) {
        self.add(Level::Ok, about, place.to_string(), text.to_string(), None);
    }

    /// It is odd.
    pub(crate) fn odd(&mut self, about: &'static str, place: impl ToString, text: impl ToString, mend: impl ToString) {
        self.add(
            Level::Warning,
            about,
            place.to_string(),
            text.to_string(),
            Some(mend.to_string()),
        );
    }

    /// It is wrong.
    pub(crate) fn wrong(
        &mut self,
        about: &'static str,
        place: impl ToString,
        text: impl ToString,
        mend: impl ToString,
    ) {
        self.add(
            Level::Error,
            about,
            place.to_string(),
            text.to_string(),
            Some(mend.to_string()),
        );
    }

    pub(crate) fn add(&mut self, level: Level, about: &'static str, place: String, text: String, mend: Option<String>) {
        self.list.push(Finding {
            level,
            about,
            place,
            text,
            mend: mend.filter(|mend| !mend.is_empty()),
        });
    }

    fn count(&self, level: Level) -> usize {
        self.list.iter().filter(|finding| finding.level == level).count()
    }

    /// 0 all well, 1 warnings, 2 errors.
    fn exit_code(&self) -> i32 {
        match self.list.iter().map(|finding| finding.level).max() {
            Some(Level::Error) => 2,
            Some(Level::Warning) => 1,
            _ => 0,
        }
    }

    fn print(&self, out: &mut dyn Write, screen: Screen) -> io::Result<()> {
        let (lang, style) = (screen.lang, screen.style);
        for finding in &self.list {
            let (word, tone) = match finding.level {
                Level::Ok => (lang.pick("ok      ", "正常  "), Tone::Good),
                Level::Warning => (lang.pick("warning ", "警告  "), Tone::Warn),
                Level::Error => (lang.pick("error   ", "错误  "), Tone::Bad),
            };
            let place = if finding.place.is_empty() {
                String::new()
            } else {
                format!("{}: ", finding.place)
            };
            let mut line = clean(&format!("{place}{}", finding.text));
            // What is well need not be read to its end; what is not must.
            if let (Level::Ok, Some(width)) = (finding.level, screen.width) {
                line = cut(&line, width.saturating_sub(8));
            }
            writeln!(out, "{}{line}", style.paint(word, tone))?;
            if let Some(mend) = &finding.mend {
                writeln!(out, "        {} {}", style.paint("→", tone), clean(mend))?;
            }
        }
        let (errors, warnings) = (self.count(Level::Error), self.count(Level::Warning));
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (e, w) = (plural(errors), plural(warnings));
        writeln!(
            out,
            "{}",
            say!(
                lang,
                "{errors} error{e}, {warnings} warning{w}",
                "{errors} 个错误，{warnings} 个警告"
            )
        )
    }
}

/// Looks everything over.
pub(crate) fn check(context: &Context, args: &CheckArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let root = context.root()?;
    let mut findings = Findings::default();
    let files = files::check(&root, lang, &mut findings);
    machine::folders(&root, lang, &mut findings);
    machine::database(&root, &files.settings, lang, &mut findings);
    let host = match wiring::host_folder() {
        Ok(host) => {
            machine::host(&host, lang, &mut findings);
            Some(host)
        }
        Err(failure) => {
            let mend = lang.pick(
                "let root make /run/lock/gpuyard with mode 1777, or set GPUYARD_HOST_DIR to a folder of your own",
                "请 root 创建模式为 1777 的 /run/lock/gpuyard，或将 GPUYARD_HOST_DIR 设为您自己的目录",
            );
            findings.wrong("host", "", failure.message, mend);
            None
        }
    };
    if let Some(host) = &host {
        machine::port(&root, host, &files.settings, lang, &mut findings);
        machine::gpus(host, &files, lang, &mut findings);
    }
    machine::conda(&files, lang, &mut findings);
    if args.json {
        let answer = serde_json::json!({
            "findings": findings.list, "errors": findings.count(Level::Error), "warnings": findings.count(Level::Warning),
        });
        output::json(out, &answer)?;
    } else {
        findings.print(out, context.screen)?;
    }
    Ok(findings.exit_code())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn findings_say_where_what_and_how_to_mend() {
        let mut findings = Findings::default();
        findings.fine("rules", "config/gpu_manage.yaml", "can be used");
        assert_eq!(findings.exit_code(), 0);
        findings.odd(
            "commands",
            "command/command_gpu.txt:3",
            "a lone `cd`",
            "join it with &&",
        );
        assert_eq!(findings.exit_code(), 1);
        findings.wrong("host", "", "no folder", "make it");
        assert_eq!(findings.exit_code(), 2);
        let mut out = Vec::new();
        findings.print(&mut out, Screen::plain()).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), SHOWN);
    }

    const SHOWN: &str = "\
ok      config/gpu_manage.yaml: can be used
warning command/command_gpu.txt:3: a lone `cd`
        → join it with &&
error   no folder
        → make it
1 error, 1 warning
";
}
