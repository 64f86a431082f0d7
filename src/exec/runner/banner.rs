//! What stands in an attempt's log besides its output: a header, a line for each further command, a footer.
use std::{
    fmt::Write as _,
    fs::{File, OpenOptions},
    io::Write,
    mem::MaybeUninit,
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
};

use gpuyard_core::model::{AttemptSpec, Bytes, ExitRecord, Outcome};
use jiff::{Timestamp, tz::Offset};

use super::environment::Environment;

/// Every line of ours begins with this, so that people and programs can tell it from output.
pub const MARK: &str = "[gpuyard] ";

/// Time, host, GPUs, `PATH`, python, the first command.
pub(super) fn write_header(log: &File, spec: &AttemptSpec, environment: &Environment, started: Timestamp) {
    let mut text = String::with_capacity(1024);
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{MARK}{words}");
    };
    let gpus: Vec<String> = spec
        .gpus
        .iter()
        .map(|gpu| format!("{} ({})", gpu.index, gpu.uuid))
        .collect();
    if spec.first_command > 0 {
        line(format_args!(
            "the runner of this attempt was killed; a new one took over at {}",
            local(Timestamp::now())
        ));
    } else {
        line(format_args!("time: {}", local(started)));
        line(format_args!("host: {}", spec.node.hostname));
        line(format_args!(
            "attempt: {} of task {}, {}",
            spec.attempt, spec.task_id, spec.uni_id
        ));
        line(format_args!(
            "GPUs: {}",
            if gpus.is_empty() {
                "none".into()
            } else {
                gpus.join(", ")
            }
        ));
        line(format_args!("work folder: {}", spec.work_dir.display()));
        line(format_args!("PATH: {}", environment.path().to_string_lossy()));
        match environment.find(&["python", "python3"]) {
            Some(python) => line(format_args!("python: {}", python.display())),
            None => line(format_args!("python: none on PATH")),
        }
        match environment.find(&["conda", "mamba", "micromamba"]) {
            Some(conda) => line(format_args!("conda: {}", conda.display())),
            None => line(format_args!("conda: {}", conda_of(spec))),
        }
    }
    append(log, &text);
}

/// Where conda is not on PATH, its script may still be known.
fn conda_of(spec: &AttemptSpec) -> String {
    spec.conda_sh
        .as_ref()
        .map_or_else(|| "none on PATH".into(), |script| script.display().to_string())
}

/// The command that is about to run.
pub(super) fn write_command(log: &File, spec: &AttemptSpec, index: u32) {
    let Some(command) = spec.commands.get(index as usize) else {
        return;
    };
    // A command may go on over several lines, and so does this.
    let command = command.replace('\n', &format!("\n{MARK}  "));
    let text = format!("{MARK}command {}/{}: {command}\n", index + 1, spec.commands.len());
    append(log, &format!("{}{text}", break_line(log)));
}

/// Exit code, duration, peak GPU memory, peak RSS.
pub(super) fn write_footer(log: &File, record: &ExitRecord, gpu_peak: Option<Bytes>) {
    append(log, &format!("{}{}", break_line(log), footer(record, gpu_peak)));
}

/// The footer of an attempt that has no runner any more.
pub(crate) fn append_footer(path: &Path, record: &ExitRecord, gpu_peak: Option<Bytes>) {
    // Not made anew: a log that somebody has removed stays removed.
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW;
    if let Ok(log) = OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(flags)
        .open(path)
    {
        write_footer(&log, record, gpu_peak);
    }
}

fn footer(record: &ExitRecord, gpu_peak: Option<Bytes>) -> String {
    let end = match &record.outcome {
        Outcome::Exited { code } => format!("exit code: {code}"),
        Outcome::Signaled {
            signal,
            out_of_memory: true,
        } => format!("killed by signal {signal}: out of memory"),
        Outcome::Signaled { signal, .. } => format!("killed by signal {signal}"),
        Outcome::TimedOut => "ended: it ran longer than task_timeout".into(),
        Outcome::Stopped => "stopped".into(),
        Outcome::NotStarted { message, .. } => format!("not started: {}", message.replace('\n', " ")),
        Outcome::Lost => "lost: nobody saw how it ended".into(),
    };
    let mut text = format!("{MARK}{end}\n");
    let mut figure = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "{MARK}{name}: {value}");
        }
    };
    figure("duration", Some(format!("{:.3} s", record.duration.0)));
    figure("peak GPU memory", gpu_peak.map(|b| b.to_string()));
    figure("peak RSS", record.peak_rss.map(|b| b.to_string()));
    figure(
        "processes left over and ended",
        (record.left_over > 0).then(|| record.left_over.to_string()),
    );
    text
}

/// A newline, if the log does not end in one.
fn break_line(log: &File) -> &'static str {
    let mut last = [b'\n'];
    if let Ok(m) = log.metadata()
        && m.len() > 0
        && log.read_exact_at(&mut last, m.len() - 1).is_ok()
        && last != [b'\n']
    {
        "\n"
    } else {
        ""
    }
}

fn append(mut log: &File, text: &str) {
    // On a full disk the log loses this, as it loses output; the attempt goes on.
    let _ = log.write_all(text.as_bytes());
}

/// `2026-11-23T09:22:00+08:00`, in the machine's time zone. The C library is asked because it is quick about it.
fn local(time: Timestamp) -> String {
    let seconds = time.as_second();
    let mut broken_down = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both pointers are to live locals; a zeroed tm is a valid one.
    let offset = unsafe {
        libc::localtime_r(&seconds, broken_down.as_mut_ptr());
        broken_down.assume_init().tm_gmtoff
    };
    let whole = Timestamp::from_second(seconds).unwrap_or(time);
    whole
        .display_with_offset(Offset::from_seconds(offset as i32).unwrap_or(Offset::UTC))
        .to_string()
}
