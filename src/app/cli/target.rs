//! What `logs` and `why` are asked about: a task by its id, or a place in a command file.
use clap::Args;
use gpuyard_core::model::{AdhocId, Charge, ConfigKey, Lang, Mode, QueueId, TaskId};

use crate::failure::{Exit, Failure};

/// One to four words; clap cannot tell a task's id from a mode.
#[derive(Debug, Args)]
pub(crate) struct TargetArgs {
    /// A task's id, an ad-hoc task's number, `tasks` (all of those), or: MODE INDEX [QUEUE [PROCESS]]; processes count from 0
    #[arg(value_name = "TASK | tasks | MODE INDEX [QUEUE [PROCESS]]", num_args = 0..=4)]
    words: Vec<String>,
}

/// What was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Everything.
    All,
    /// The ad-hoc tasks.
    Tasks,
    /// One ad-hoc task.
    Adhoc(AdhocId),
    /// One command file.
    Config(ConfigKey),
    /// One queue of it.
    Queue(ConfigKey, QueueId),
    /// One task by its place, from 0.
    Place(ConfigKey, QueueId, u32),
    /// One task by its id.
    Task(TaskId),
}

impl TargetArgs {
    /// Makes sense of the words.
    pub(crate) fn target(&self, lang: Lang) -> Result<Target, Failure> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let Some((first, rest)) = words.split_first() else {
            return Ok(Target::All);
        };
        let Ok(mode) = first.parse::<Mode>() else {
            if rest.is_empty() {
                return Ok(match first.parse() {
                    Ok(number) => Target::Adhoc(number),
                    Err(_) if *first == Charge::TASKS => Target::Tasks,
                    Err(_) => Target::Task(TaskId((*first).to_owned())),
                });
            }
            return Err(Failure::new(
                Exit::Unusable,
                say!(
                    lang,
                    "`{first}` is not a mode: write a task's id alone, or single|multi INDEX [QUEUE [PROCESS]]",
                    "`{first}` 不是模式：请只写任务 ID，或写 single|multi 序号 [队列 [任务]]"
                ),
            ));
        };
        let number = |at: usize, name_en: &str, name_zh: &str| -> Result<Option<u64>, Failure> {
            let Some(word) = rest.get(at) else { return Ok(None) };
            let name = lang.pick(name_en, name_zh);
            word.parse().map(Some).map_err(|_| {
                Failure::new(
                    Exit::Unusable,
                    say!(
                        lang,
                        "{name} is a whole number from 0, not `{word}`",
                        "{name}应为从 0 开始的整数，而不是 `{word}`"
                    ),
                )
            })
        };
        let Some(index) = number(0, "INDEX", "配置序号")? else {
            return Err(Failure::new(
                Exit::Unusable,
                say!(
                    lang,
                    "`{mode}` needs the command file's index: `{mode} 0`",
                    "`{mode}` 后需要配置序号：`{mode} 0`"
                ),
            ));
        };
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        let config = ConfigKey { mode, index };
        let queue = number(1, "QUEUE", "队列")?.map(QueueId);
        let process = number(2, "PROCESS", "任务序号")?;
        Ok(match (queue, process) {
            (Some(queue), Some(process)) => Target::Place(config, queue, u32::try_from(process).unwrap_or(u32::MAX)),
            (Some(queue), None) => Target::Queue(config, queue),
            (None, _) => Target::Config(config),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn target(line: &str) -> Result<Target, Failure> {
        TargetArgs {
            words: line.split_whitespace().map(str::to_owned).collect(),
        }
        .target(Lang::En)
    }

    #[test]
    fn ids_and_places_are_told_apart() {
        let config = ConfigKey {
            mode: Mode::Single,
            index: 2,
        };
        assert_eq!(target("").unwrap(), Target::All);
        assert_eq!(target("tasks").unwrap(), Target::Tasks);
        assert_eq!(target("17").unwrap(), Target::Adhoc(17));
        assert_eq!(target("f3a9-17").unwrap(), Target::Task(TaskId("f3a9-17".into())));
        assert_eq!(target("single 2").unwrap(), Target::Config(config));
        assert_eq!(target("single 2 7").unwrap(), Target::Queue(config, QueueId(7)));
        assert_eq!(target("single 2 7 0").unwrap(), Target::Place(config, QueueId(7), 0));
    }

    #[test]
    fn what_is_neither_is_refused_in_words() {
        for (line, part) in [
            ("single", "needs the command file's index"),
            ("f3a9 0", "is not a mode"),
            ("multi x", "INDEX is a whole number"),
            ("multi 0 a", "QUEUE"),
            ("multi 0 1 -1", "PROCESS"),
        ] {
            let failure = target(line).unwrap_err();
            assert!(failure.message.contains(part), "{line}: {}", failure.message);
            assert_eq!(failure.exit.number(), 2);
        }
    }
}
