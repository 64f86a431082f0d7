//! Where our own log goes: a file that only its owner may read, and stderr for whoever looks on.
use std::{
    fmt, io,
    io::{IsTerminal, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use gpuyard_store::file;
use jiff::{Timestamp, Zoned, civil::Date, tz::TimeZone};
use tracing::level_filters::LevelFilter;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{MakeWriter, format::Writer, time::FormatTime},
    layer::SubscriberExt,
    reload,
    util::SubscriberInitExt,
};

use crate::failure::Failure;

/// Sets another level, in the words of the setting `log-level`.
pub(crate) type SetLevel = Box<dyn Fn(&str) + Send + Sync>;

/// Days that the daemon's log is kept.
const KEPT_DAYS: usize = 14;

/// The daemon's log, one file a day. What is answered sets another level.
pub(crate) fn daemon(log: &Path, level: &str) -> Result<SetLevel, Failure> {
    let file = LogFile::daily(log)?;
    // Where nobody looks on, whoever started us still learns why we ended.
    let terminal = io::stderr().is_terminal();
    Ok(start(
        Some(file),
        Some(if terminal { None } else { Some(LevelFilter::ERROR) }),
        level,
    ))
}

/// A scheduler's own log. Started by a daemon or by `start`, its stderr is that file already.
pub(crate) fn scheduler(log: &Path, level: &str) -> Result<(), Failure> {
    if is_stderr(log) {
        drop(start(None, Some(None), level));
    } else {
        drop(start(Some(LogFile::single(log)?), Some(None), level));
    }
    Ok(())
}

/// Whether stderr is this very file.
fn is_stderr(log: &Path) -> bool {
    let (Ok(ours), Ok(log)) = (rustix::fs::fstat(io::stderr()), std::fs::metadata(log)) else {
        return false;
    };
    (ours.st_dev, ours.st_ino) == (log.dev(), log.ino())
}

/// Sends what is logged to a file and to stderr (with a stricter level there, if one is given). What is answered sets
/// another level.
fn start(file: Option<LogFile>, stderr: Option<Option<LevelFilter>>, level: &str) -> SetLevel {
    let on_stderr = move |level: LevelFilter| stderr.flatten().map_or(level, |strict| strict.min(level));
    let level = level_of(level);
    let (file_filter, file_level) = reload::Layer::new(targets(level));
    let (stderr_filter, stderr_level) = reload::Layer::new(targets(on_stderr(level)));
    let file = file.map(|file| layer(file, false).with_filter(file_filter));
    let stderr = stderr.map(|_| {
        let colored = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        layer(io::stderr, colored).with_filter(stderr_filter)
    });
    // It fails only where a subscriber is set already, and there is none: this is called once, early.
    let _ = tracing_subscriber::registry().with(file).with(stderr).try_init();
    Box::new(move |level| {
        let level = level_of(level);
        // They fail for what does not log at all.
        let _ = file_level.reload(targets(level));
        let _ = stderr_level.reload(targets(on_stderr(level)));
    })
}

fn layer<S, W>(writer: W, colored: bool) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    // What cannot be logged (a full disk, a closed pipe) is not told to stderr: that may be the very same file, and
    // telling it to a closed one is a panic.
    tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_ansi(colored)
        .with_target(false)
        .with_timer(LocalTime)
        .with_writer(writer)
}

/// The setting's level. `critical` lets only errors through: there is nothing above them.
fn level_of(setting: &str) -> LevelFilter {
    match setting {
        "debug" => LevelFilter::DEBUG,
        "warning" => LevelFilter::WARN,
        "error" | "critical" => LevelFilter::ERROR,
        _ => LevelFilter::INFO,
    }
}

/// What our own code says, at the level that was asked for; of the libraries below it only what is wrong.
fn targets(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("gpuyard", level)
}

/// This host's time, with offset and milliseconds.
struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, w: &mut Writer<'_>) -> fmt::Result {
        write!(w, "{}", Zoned::now().strftime("%Y-%m-%dT%H:%M:%S%.3f%:z"))
    }
}

/// A log file, 0600. The appender below would make it with the umask's mode, so it is made here before it looks.
struct LogFile {
    path: PathBuf,
    /// What is written to; the day that its lines are of, where there is one file a day.
    open: Mutex<(Option<Date>, RollingFileAppender)>,
}

impl LogFile {
    /// Turned each midnight: `run.log` becomes `run.2026-11-23.log`.
    fn daily(path: &Path) -> Result<LogFile, Failure> {
        // What a daemon of another day left is turned at once.
        if let Some(day) = last_day(path).filter(|day| *day != today()) {
            turn(path, day);
        }
        Ok(LogFile {
            path: path.to_owned(),
            open: Mutex::new((Some(today()), open(path)?)),
        })
    }

    fn single(path: &Path) -> Result<LogFile, Failure> {
        Ok(LogFile {
            path: path.to_owned(),
            open: Mutex::new((None, open(path)?)),
        })
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Self::Writer {
        // A panic while it was held tore a line at most.
        let mut line = Line(self.open.lock().unwrap_or_else(PoisonError::into_inner));
        let today = today();
        if let Some(day) = line.0.0.filter(|day| *day != today) {
            turn(&self.path, day);
            // Where no new file can be made, the old one goes on under its new name.
            if let Ok(appender) = open(&self.path) {
                line.0.1 = appender;
            }
            line.0.0 = Some(today);
        }
        line
    }
}

/// One line being written; nobody else writes meanwhile.
struct Line<'a>(MutexGuard<'a, (Option<Date>, RollingFileAppender)>);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.1.flush()
    }
}

fn today() -> Date {
    Zoned::now().date()
}

/// The day on which a file was last written.
fn last_day(path: &Path) -> Option<Date> {
    let written = std::fs::metadata(path).ok()?.modified().ok()?;
    Some(Timestamp::try_from(written).ok()?.to_zoned(TimeZone::system()).date())
}

/// Gives yesterday's file its day's name, and lets go of those that are too old. Logging goes on whatever fails here.
fn turn(path: &Path, day: Date) {
    let Some(folder) = path.parent() else { return };
    // A clock that was set back must not put one file over another.
    let free = (0..100)
        .map(|number| dated(folder, day, number))
        .find(|path| !path.exists());
    if let Some(kept) = free {
        #[expect(
            clippy::disallowed_methods,
            reason = "a log's name is no state: a crash leaves the old one, and nothing is lost"
        )]
        let _ = std::fs::rename(path, kept);
    }
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut kept: Vec<PathBuf> = names.map(|entry| entry.path()).filter(|path| is_dated(path)).collect();
    kept.sort_unstable_by(|a, b| b.cmp(a));
    for old in kept.iter().skip(KEPT_DAYS) {
        let _ = std::fs::remove_file(old);
    }
}

fn dated(folder: &Path, day: Date, number: u32) -> PathBuf {
    match number {
        0 => folder.join(format!("run.{day}.log")),
        number => folder.join(format!("run.{day}.{number}.log")),
    }
}

/// Whether a name is one that [`dated`] gives: other people's files that begin alike are not ours to remove.
fn is_dated(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(middle) = name.and_then(|name| name.strip_prefix("run.")?.strip_suffix(".log")) else {
        return false;
    };
    let (day, number) = middle.split_once('.').unwrap_or((middle, "0"));
    day.len() == 10 && day.parse::<Date>().is_ok() && number.parse::<u32>().is_ok()
}

/// Opens a log to append to it, and makes it where it is not there.
fn open(path: &Path) -> Result<RollingFileAppender, Failure> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::unusable(format_args!(
            "{} cannot be a log file",
            path.display()
        )));
    };
    file::create_folder(folder).map_err(Failure::failed)?;
    match file::create_new(path, b"") {
        Ok(()) => {}
        Err(_) if path.is_file() => {}
        Err(error) => return Err(Failure::failed(error)),
    }
    let builder = RollingFileAppender::builder()
        .rotation(Rotation::NEVER)
        .filename_prefix(name.to_string_lossy());
    builder
        .build(folder)
        .map_err(|error| Failure::failed(format_args!("cannot open {}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_settings_levels_are_understood() {
        assert_eq!(level_of("warning"), LevelFilter::WARN);
        assert_eq!(level_of("critical"), LevelFilter::ERROR);
        assert_eq!(level_of("info"), LevelFilter::INFO);
    }

    #[test]
    fn libraries_are_heard_only_when_something_is_wrong() {
        let targets = targets(LevelFilter::DEBUG);
        assert!(targets.would_enable("gpuyard_server::api", &tracing::Level::DEBUG));
        assert!(!targets.would_enable("hyper::proto", &tracing::Level::INFO));
        assert!(targets.would_enable("notify", &tracing::Level::WARN));
    }

    #[test]
    fn log_files_are_the_owners_alone_and_appended_to() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("logs/run.log");
        for open in [LogFile::daily, LogFile::single] {
            open(&log).unwrap().make_writer().write_all(b"line\n").unwrap();
        }
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "line\nline\n");
        assert_eq!(std::fs::metadata(&log).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_new_day_turns_the_page_and_two_weeks_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("run.log");
        let file = LogFile::daily(&log).unwrap();
        for day in 1..=20 {
            let day = jiff::civil::date(2026, 3, day);
            file.make_writer().write_all(format!("{day}\n").as_bytes()).unwrap();
            file.open.lock().unwrap().0 = Some(day);
        }
        std::fs::write(folder.path().join("run.experiment.log"), "mine").unwrap();
        file.make_writer().write_all(b"today\n").unwrap();
        let mut names: Vec<String> = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(names.len(), KEPT_DAYS + 2, "{names:?}");
        assert_eq!(
            (names[0].as_str(), names[KEPT_DAYS - 1].as_str()),
            ("run.2026-03-07.log", "run.2026-03-20.log")
        );
        assert_eq!(std::fs::read_to_string(&log).unwrap(), "today\n");
        assert_eq!(
            std::fs::read_to_string(folder.path().join("run.2026-03-20.log")).unwrap(),
            "2026-03-20\n"
        );
    }

    #[test]
    fn one_day_never_covers_another() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("run.log");
        let day = jiff::civil::date(2026, 3, 1);
        for text in ["first", "second"] {
            std::fs::write(&log, text).unwrap();
            turn(&log, day);
        }
        assert_eq!(std::fs::read_to_string(dated(folder.path(), day, 0)).unwrap(), "first");
        assert_eq!(std::fs::read_to_string(dated(folder.path(), day, 1)).unwrap(), "second");
    }
}
