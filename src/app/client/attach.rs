//! `gpuyard attach`: a running ad-hoc task's terminal, on this one.
use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
};

use gpuyard_core::model::AdhocStatus;
use gpuyard_exec::terminal::{self, Said};
use nix::sys::{
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    termios::{
        InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, isatty, tcgetattr, tcgetwinsize, tcsetattr,
    },
};

use super::{
    Context, account,
    adhoc::{Desk, exit_code_of},
    watch::Changes,
};
use crate::{
    cli::AttachArgs,
    failure::{Exit, Failure},
    output, wiring,
};

/// Shows the terminal until the task ends or the key lets go.
pub(crate) fn attach(context: &Context, args: &AttachArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let (lang, id) = (context.lang, args.id);
    if !args.viewer && account::chosen(context)?.is_some() {
        return Err(context.unusable(
            "a terminal is shown on its own machine only: log in there by SSH, and attach in its folder; `gpuyard logs -f` follows from here",
            "终端只能在任务所在的机器上查看：请通过 SSH 登录该机器，在其目录中 attach；在此处可用 `gpuyard logs -f` 跟随",
        ));
    }
    let key = if args.viewer {
        None
    } else {
        Some(key(context, &args.detach_key)?)
    };
    let desk = Desk::open(context)?;
    let stream = connect(context, &desk, args)?;
    if let Some(key) = key {
        let shown = &args.detach_key;
        debug_assert!(key < 32);
        output::note(say!(
            lang,
            "task {id}: {shown} lets go, the task goes on",
            "任务 {id}：按 {shown} 离开，任务继续运行"
        ));
    }
    let raw = Raw::set().map_err(|error| Failure::failed(format_args!("cannot use this terminal: {error}")))?;
    let ended =
        show(&stream, key, out).map_err(|error| Failure::failed(format_args!("the terminal of task {id}: {error}")))?;
    drop(raw);
    if !ended {
        writeln!(out)?;
        output::note(say!(
            lang,
            "let go of task {id}; it goes on",
            "已离开任务 {id}，任务继续运行"
        ));
        return Ok(0);
    }
    let row = desk.get(context, id)?.row;
    Ok(if row.status.is_over() { exit_code_of(&row) } else { 0 })
}

/// `ctrl-]` as the byte that it sends.
fn key(context: &Context, name: &str) -> Result<u8, Failure> {
    let letter = name.strip_prefix("ctrl-").filter(|rest| rest.len() == 1);
    let byte = letter
        .and_then(|rest| rest.bytes().next())
        .map(|byte| byte.to_ascii_uppercase());
    match byte {
        Some(byte @ (b'A'..=b'Z' | b'\\' | b']' | b'^' | b'_')) => Ok(byte & 0x1f),
        _ => Err(context.unusable(
            "--detach-key is ctrl- and a letter or one of ]\\^_",
            "--detach-key 应为 ctrl- 加一个字母或 ]\\^_ 之一",
        )),
    }
}

/// Waits until the task's terminal is there.
fn connect(context: &Context, desk: &Desk, args: &AttachArgs) -> Result<UnixStream, Failure> {
    let (lang, id) = (context.lang, args.id);
    let host = wiring::host_folder()?;
    let mut changes = Changes::new();
    changes.hear(&desk.root.state_dir());
    changes.hear(host.user_folder());
    let mut told = false;
    loop {
        let record = desk.get(context, id)?;
        let live = record.state.as_ref().and_then(|task| task.live.as_ref());
        if let (AdhocStatus::Running, Some(live)) = (record.row.status, live)
            && let Ok(stream) = UnixStream::connect(terminal::socket(&host, &live.uni_id))
        {
            return Ok(stream);
        }
        if record.row.status.is_over() {
            let status = record.row.status;
            return Err(Failure::new(
                Exit::NotFound,
                say!(
                    lang,
                    "task {id} is {status}: its log is `gpuyard logs {id}`",
                    "任务 {id} 的状态为 {status}：日志见 `gpuyard logs {id}`"
                ),
            ));
        }
        if !told && record.row.status == AdhocStatus::Queued {
            output::note(say!(
                lang,
                "task {id} waits; its terminal is shown once it runs",
                "任务 {id} 正在排队；开始运行后显示其终端"
            ));
            told = true;
        }
        changes.wait()?;
    }
}

/// This terminal, handing on every key, until it is dropped.
struct Raw(Option<Termios>);

impl Raw {
    fn set() -> rustix::io::Result<Raw> {
        let input = io::stdin();
        if !isatty(&input) {
            return Ok(Raw(None));
        }
        let before = tcgetattr(&input)?;
        let mut raw = before.clone();
        raw.input_modes.remove(
            InputModes::IGNBRK
                | InputModes::BRKINT
                | InputModes::PARMRK
                | InputModes::ISTRIP
                | InputModes::INLCR
                | InputModes::IGNCR
                | InputModes::ICRNL
                | InputModes::IXON,
        );
        raw.local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG | LocalModes::IEXTEN);
        raw.special_codes[SpecialCodeIndex::VMIN] = 1;
        raw.special_codes[SpecialCodeIndex::VTIME] = 0;
        // Output comes with its carriage returns.
        raw.output_modes.remove(rustix::termios::OutputModes::OPOST);
        tcsetattr(&input, OptionalActions::Drain, &raw)?;
        Ok(Raw(Some(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // A terminal that is gone needs no mending.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}

/// Shows and types; whether the task has ended (else the key was pressed, or this terminal is gone).
fn show(mut stream: &UnixStream, key: Option<u8>, out: &mut dyn Write) -> io::Result<bool> {
    let mut resized = SigSet::empty();
    resized.add(Signal::SIGWINCH);
    resized.thread_block()?;
    let signals = SignalFd::with_flags(&resized, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let input = io::stdin();
    tell_size(stream)?;
    let mut hears = true;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let mut fds = vec![PollFd::new(stream, PollFlags::IN), PollFd::new(&signals, PollFlags::IN)];
        if hears {
            fds.push(PollFd::new(&input, PollFlags::IN));
        }
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        }
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        if ready[0] {
            match stream.read(&mut chunk)? {
                0 => return Ok(true),
                read => {
                    out.write_all(&chunk[..read])?;
                    out.flush()?;
                }
            }
        }
        if ready[1] {
            while let Ok(Some(_)) = signals.read_signal() {}
            tell_size(stream)?;
        }
        if ready.get(2) == Some(&true) {
            let read = rustix::io::read(&input, &mut chunk)?;
            let typed = &chunk[..read];
            match key.and_then(|key| typed.iter().position(|byte| *byte == key)) {
                Some(at) => {
                    terminal::say(stream, &Said::Typed(typed[..at].to_vec()))?;
                    return Ok(false);
                }
                None if read == 0 => hears = false,
                None => terminal::say(stream, &Said::Typed(typed.to_vec()))?,
            }
        }
    }
}

fn tell_size(stream: &UnixStream) -> io::Result<()> {
    match tcgetwinsize(io::stdin()) {
        Ok(size) if size.ws_row > 0 => terminal::say(
            stream,
            &Said::Size {
                rows: size.ws_row,
                columns: size.ws_col,
            },
        ),
        // Not a terminal: the task's keeps its size.
        _ => Ok(()),
    }
}
