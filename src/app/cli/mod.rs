//! The command line as clap reads it: verbs, their arguments, and what their exit codes mean.
mod adhoc;
mod help;
mod processes;
mod queue;
mod target;

use std::path::PathBuf;

use clap::{
    Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};
use gpuyard_core::model::{Charge, ConfigKey, Lang, Mode};

use crate::failure::{Exit, Failure};
pub(crate) use processes::{KillArgs, PsArgs};

pub(crate) use adhoc::{AttachArgs, CancelArgs, OneArgs, Pair, SubmitArgs, TasksArgs, WaitArgs};
pub(crate) use queue::{LoginArgs, QueueAddArgs, QueueArgs, QueueEditArgs, QueueListArgs, QueueVerb};
pub(crate) use target::{Target, TargetArgs};

/// A config-driven, multi-queue GPU scheduler for the GPU servers that a lab shares.
#[derive(Debug, Parser)]
#[command(
    name = "gpuyard",
    version,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    /// The folder that holds config/, command/ and logs/ (default: the current folder)
    #[arg(long, global = true, env = "GPUYARD_ROOT", value_name = "DIR", hide_env_values = true, value_parser = root_parser())]
    root: Option<PathBuf>,

    /// A daemon elsewhere (default: the root here, else the one that was logged in to); not for serve, schedule, check and attach
    #[arg(long, global = true, env = "GPUYARD_URL", value_name = "URL", hide_env_values = true)]
    pub(crate) url: Option<String>,

    /// Language of what people read (default: by the locale)
    #[arg(long, global = true, value_enum, value_name = "LANG")]
    pub(crate) lang: Option<LangChoice>,

    /// When to use colours
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,

    /// What to do
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run the daemon in the foreground: API, supervision of schedulers
    Serve,
    /// Run the scheduler of one command file, or of the ad-hoc tasks, in the foreground
    Schedule(ScheduleArgs),
    /// Show the GPUs: memory, load, and who holds them
    Gpus(GpusArgs),
    /// Show the processes on the GPUs: whose, what, how long, and where from
    Ps(PsArgs),
    /// End processes on the GPUs, and say what became of each
    Kill(KillArgs),
    /// Start a scheduler in the background
    Start(StartArgs),
    /// Stop a scheduler
    Stop(StopArgs),
    /// Show schedulers, queues and tasks
    Status(StatusArgs),
    /// Say for each waiting task what it waits for
    Why(WhyArgs),
    /// Print the log of a task, or of a scheduler
    Logs(LogsArgs),
    /// Queue an ad-hoc task, or a sweep, and print its number
    Submit(Box<SubmitArgs>),
    /// List the ad-hoc tasks, newest first
    Tasks(TasksArgs),
    /// Show one ad-hoc task
    Task(OneArgs),
    /// Cancel ad-hoc tasks: what waits at once, what runs by ending it
    Cancel(CancelArgs),
    /// Let an ad-hoc task that is over run again
    Retry(OneArgs),
    /// Queue the same ad-hoc task once more, and print its number
    Clone(OneArgs),
    /// Wait for the end of an ad-hoc task, and exit as it did
    Wait(WaitArgs),
    /// Look at the terminal of a running ad-hoc task, and type on it
    Attach(AttachArgs),
    /// Show, add to and edit command files
    Queue(QueueArgs),
    /// Log in to a daemon elsewhere, and remember it
    Login(LoginArgs),
    /// End the login to the daemon elsewhere
    Logout,
    /// Look over config, command files, drivers, conda, ports and permissions, and say how to mend what is wrong
    Check(CheckArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
}

/// One command file.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct ConfigArgs {
    /// `single` or `multi`
    #[arg(value_name = "MODE")]
    mode: Mode,
    /// The command file's index, from 0
    #[arg(value_name = "INDEX")]
    index: u32,
}

impl ConfigArgs {
    pub(crate) fn key(self) -> ConfigKey {
        ConfigKey {
            mode: self.mode,
            index: self.index,
        }
    }
}

/// One command file, or the ad-hoc tasks.
#[derive(Clone, Debug, Args)]
pub(crate) struct ChargeArgs {
    /// `single`, `multi`, or `tasks` for the ad-hoc tasks
    #[arg(value_name = "MODE")]
    mode: String,
    /// The command file's index, from 0
    #[arg(value_name = "INDEX")]
    index: Option<u32>,
}

impl ChargeArgs {
    /// What is meant.
    pub(crate) fn charge(&self, lang: Lang) -> Result<Charge, Failure> {
        let said = |en: String, zh: String| Failure::new(Exit::Unusable, lang.pick(&en, &zh));
        match (self.mode.as_str(), self.index) {
            (Charge::TASKS, None) => Ok(Charge::Tasks),
            (Charge::TASKS, Some(_)) => Err(said("`tasks` has no index".into(), "`tasks` 没有序号".into())),
            (mode, index) => {
                let mode: Mode = mode.parse().map_err(|_| {
                    said(
                        format!("MODE is `single`, `multi` or `tasks`, not `{mode}`"),
                        format!("模式应为 `single`、`multi` 或 `tasks`，而不是 `{mode}`"),
                    )
                })?;
                let index = index.ok_or_else(|| {
                    said(
                        format!("which one? `{mode} 0` is the first command file"),
                        format!("哪一个？第一个配置是 `{mode} 0`"),
                    )
                })?;
                Ok(Charge::File(ConfigKey { mode, index }))
            }
        }
    }
}

/// `schedule`
#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(flatten)]
    pub(crate) charge: ChargeArgs,
    /// Go on with the last run: finished tasks stay finished, failed and stopped ones get another chance
    #[arg(long)]
    pub(crate) resume: bool,
    /// Take up a run whose scheduler died (the daemon's way to start)
    #[arg(long, hide = true, conflicts_with = "resume")]
    pub(crate) recover: bool,
    /// Tell the starter on stdout, in one line of JSON, that the run's first state is on disk
    #[arg(long, hide = true)]
    pub(crate) announce: bool,
}

/// `gpus`
#[derive(Debug, Args)]
pub(crate) struct GpusArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `start`
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) charge: ChargeArgs,
    /// Go on with the last run: finished tasks stay finished, failed and stopped ones get another chance
    #[arg(long)]
    pub(crate) resume: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `stop`
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    #[command(flatten)]
    pub(crate) charge: ChargeArgs,
    /// Let running tasks finish, start none
    #[arg(long)]
    pub(crate) drain: bool,
    /// Leave running tasks running; the next start takes them back
    #[arg(long, conflicts_with = "drain")]
    pub(crate) detach: bool,
    /// Return only when the scheduler has ended
    #[arg(long)]
    pub(crate) wait: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `status`
#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// `single` or `multi`: only this one, with all its tasks
    #[arg(value_name = "MODE", requires = "index")]
    pub(crate) mode: Option<Mode>,
    /// The command file's index, from 0
    #[arg(value_name = "INDEX")]
    pub(crate) index: Option<u32>,
    /// Earlier runs too
    #[arg(long)]
    pub(crate) all: bool,
    /// Show again whenever something changes
    #[arg(long, conflicts_with = "json")]
    pub(crate) watch: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

impl StatusArgs {
    pub(crate) fn key(&self) -> Option<ConfigKey> {
        Some(ConfigKey {
            mode: self.mode?,
            index: self.index?,
        })
    }
}

/// `why`
#[derive(Debug, Args)]
pub(crate) struct WhyArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `logs`
#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Follow the log, through retries, to the task's end
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only the last N lines
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) tail: Option<usize>,
    /// The log of this attempt (default: the last one)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), conflicts_with = "follow")]
    pub(crate) attempt: Option<u32>,
    /// Print the log file's path only
    #[arg(long, conflicts_with_all = ["follow", "tail"])]
    pub(crate) path: bool,
    /// Exit as the task did (128 + n if signal n killed it)
    #[arg(long)]
    pub(crate) exit_code: bool,
}

/// `check`
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `completions`
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// A language, as `--lang` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LangChoice {
    /// English
    En,
    /// 中文
    Zh,
}

impl LangChoice {
    pub(crate) fn lang(self) -> Lang {
        match self {
            LangChoice::En => Lang::En,
            LangChoice::Zh => Lang::Zh,
        }
    }
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// An empty `GPUYARD_ROOT` is as good as none.
fn root_parser() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(|text| {
        if text.is_empty() {
            PathBuf::from(".")
        } else {
            PathBuf::from(text)
        }
    })
}

impl Cli {
    /// Reads the command line; its help is in the language that it is about to ask for.
    pub(crate) fn read(lang: Lang) -> Result<Cli, clap::Error> {
        Cli::from_words(std::env::args_os(), lang)
    }

    pub(crate) fn from_words<I, W>(words: I, lang: Lang) -> Result<Cli, clap::Error>
    where
        I: IntoIterator<Item = W>,
        W: Into<std::ffi::OsString> + Clone,
    {
        let matches = command(lang).try_get_matches_from(words)?;
        Cli::from_arg_matches(&matches)
    }

    /// The root folder that was asked for.
    pub(crate) fn root(&self) -> PathBuf {
        self.root.clone().unwrap_or_else(|| PathBuf::from("."))
    }

    /// Whether a program reads the answer.
    pub(crate) fn json(&self) -> bool {
        match &self.verb {
            Verb::Gpus(args) => args.json,
            Verb::Ps(args) => args.json,
            Verb::Kill(args) => args.json,
            Verb::Start(args) => args.json,
            Verb::Stop(args) => args.json,
            Verb::Status(args) => args.json,
            Verb::Why(args) => args.json,
            Verb::Queue(QueueArgs { verb }) => match verb {
                QueueVerb::List(args) => args.json,
                QueueVerb::Add(args) => args.json,
                QueueVerb::Edit(_) => false,
            },
            Verb::Check(args) => args.json,
            Verb::Submit(args) => args.json,
            Verb::Tasks(args) => args.json,
            Verb::Task(args) | Verb::Retry(args) | Verb::Clone(args) => args.json,
            Verb::Cancel(args) => args.json,
            _ => false,
        }
    }
}

/// The clap command, with its help in one language.
pub(crate) fn command(lang: Lang) -> clap::Command {
    help::localize(Cli::command(), lang)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::from_words(std::iter::once("gpuyard").chain(line.split_whitespace()), Lang::En)
    }

    #[test]
    fn the_tree_is_sound() {
        for lang in [Lang::En, Lang::Zh] {
            command(lang).debug_assert();
        }
    }

    #[test]
    fn a_command_file_is_a_mode_and_an_index_and_the_ad_hoc_tasks_are_tasks() {
        let start = |line: &str| match parse(line).map(|cli| cli.verb) {
            Ok(Verb::Start(args)) => args.charge.charge(Lang::En).map(|charge| (charge, args.resume)),
            _ => panic!("{line}"),
        };
        let file = ConfigKey {
            mode: Mode::Multi,
            index: 3,
        };
        assert_eq!(start("start multi 3 --resume").unwrap(), (Charge::File(file), true));
        assert_eq!(start("start tasks").unwrap(), (Charge::Tasks, false));
        for wrong in ["start both 0", "start single", "start tasks 0"] {
            assert_eq!(start(wrong).unwrap_err().exit.number(), 2, "{wrong}");
        }
        for wrong in [
            "start single -1",
            "status single",
            "stop single 0 --drain --detach",
            "logs single 0 1 --attempt 0",
        ] {
            assert_eq!(parse(wrong).unwrap_err().exit_code(), 2, "{wrong}");
        }
    }

    #[test]
    fn global_options_stand_on_either_side_of_the_verb() {
        for line in ["--root /data status --lang zh", "status --root=/data --lang=zh"] {
            let cli = parse(line).unwrap();
            assert_eq!(cli.root(), PathBuf::from("/data"));
            assert_eq!(cli.lang, Some(LangChoice::Zh));
        }
    }

    #[test]
    fn what_schedulers_and_the_daemon_use_is_read_but_not_advertised() {
        let Verb::Schedule(args) = parse("schedule single 0 --recover --announce").unwrap().verb else {
            panic!()
        };
        assert!(args.recover && args.announce);
        let mut schedule = command(Lang::En).find_subcommand("schedule").unwrap().clone();
        assert!(!schedule.render_long_help().to_string().contains("--recover"));
    }

    #[test]
    fn help_says_what_exit_codes_mean() {
        for (lang, word) in [(Lang::En, "Exit codes"), (Lang::Zh, "退出码")] {
            assert!(command(lang).render_help().to_string().contains(word));
        }
    }
}
