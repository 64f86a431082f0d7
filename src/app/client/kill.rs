//! `gpuyard kill`: ends GPU processes, and says what became of each.
use std::io::{self, BufRead, IsTerminal, Write};

use gpuyard_core::wire::{
    GpuProcessEntry, GpuProcesses, KillAnswer, KillRequest, KillSignal, NotKilledCode, ProcessName,
};
use gpuyard_server::LocalGpus;

use super::{Context, processes::Processes, ps_view::PsView};
use crate::{
    cli::KillArgs,
    failure::{Exit, Failure},
    output::{
        self,
        style::Tone,
        table::{Cell, Column, Table},
    },
};

/// Ends processes.
pub(crate) fn kill(context: &Context, args: &KillArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let lang = context.lang;
    let mut pids = args.pids.clone();
    pids.sort_unstable();
    pids.dedup();
    let (count, most) = (pids.len(), KillRequest::MOST);
    if count > most {
        return Err(Failure::unusable(say!(
            lang,
            "{count} processes are more than {most}, which is the most that is ended at once",
            "{count} 个进程超过了一次最多可结束的 {most} 个"
        )));
    }
    let mut processes = Processes::find(context)?;
    let mut list = processes.list(context)?;
    let all = list.processes.clone();
    list.processes.retain(|process| pids.contains(&process.pid));
    // What stands in the list is what is agreed to: a pid that changes hands while someone thinks is not hit.
    let named: Vec<ProcessName> = pids.iter().map(|&pid| name(pid, &all)).collect();
    if !args.yes {
        if args.json || !io::stdin().is_terminal() {
            return Err(Failure::unusable(lang.pick(
                "nobody is there to be asked: say --yes",
                "没有终端可供确认：请加上 --yes",
            )));
        }
        show(context, &list, &pids, out)?;
        let question = say!(
            lang,
            "End these with {signal}? Work that is not saved is lost.",
            "用 {signal} 结束以上进程？未保存的结果将丢失。",
            signal = args.signal.name()
        );
        if !agreed(context, &question, out)? {
            writeln!(out, "{}", lang.pick("nothing was ended", "没有结束任何进程"))?;
            return Ok(1);
        }
    }
    let mut answer = processes.end(context, &request(named, args))?;
    let deaf: Vec<ProcessName> = answer
        .failed
        .iter()
        .filter(|not| not.code == NotKilledCode::StillThere && args.signal == KillSignal::Term)
        .map(|not| ProcessName {
            pid: not.pid,
            start_time: not.start_time.clone(),
        })
        .collect();
    if !deaf.is_empty() && (args.force || (!args.yes && asks_for_kill(context, &answer, out)?)) {
        let harder = KillRequest {
            signal: KillSignal::Kill,
            ..request(deaf, args)
        };
        let second = processes.end(context, &harder)?;
        answer.failed.retain(|not| not.code != NotKilledCode::StillThere);
        answer.killed.extend(second.killed);
        answer.failed.extend(second.failed);
        answer.success = answer.failed.is_empty();
        answer.message = second.message;
    }
    tell(context, args, &answer, out)
}

fn name(pid: i32, all: &[GpuProcessEntry]) -> ProcessName {
    let listed = all.iter().find(|process| process.pid == pid);
    listed.map_or_else(
        || LocalGpus::name(pid),
        |process| ProcessName {
            pid,
            start_time: process.start_time.clone(),
        },
    )
}

fn request(processes: Vec<ProcessName>, args: &KillArgs) -> KillRequest {
    KillRequest {
        processes,
        signal: args.signal,
        wait: args.wait,
    }
}

/// What is about to be ended, and what that means where it is not simply a signal.
fn show(context: &Context, list: &GpuProcesses, pids: &[i32], out: &mut dyn Write) -> Result<(), Failure> {
    let screen = context.screen;
    if !list.processes.is_empty() {
        PsView {
            list,
            passed_over: 0,
            screen,
        }
        .print(out, false)?;
    }
    for pid in pids {
        let listed = list.processes.iter().find(|process| process.pid == *pid);
        let said = match listed {
            Some(process) => process.ending.message.as_deref(),
            None => Some(context.lang.pick("not seen on any GPU", "未见于任何显卡")),
        };
        if let Some(said) = said {
            writeln!(out, "{}", screen.style.paint(&format!("{pid}: {said}"), Tone::Warn))?;
        }
    }
    Ok(())
}

fn asks_for_kill(context: &Context, answer: &KillAnswer, out: &mut dyn Write) -> Result<bool, Failure> {
    for not in answer.failed.iter().filter(|not| not.code == NotKilledCode::StillThere) {
        writeln!(out, "{}: {}", not.pid, not.message)?;
    }
    let question = context
        .lang
        .pick("Kill what is still there?", "强制结束仍在运行的进程？");
    agreed(context, question, out)
}

/// Asks a person. Anything but a yes is a no, and so is the end of the input.
fn agreed(context: &Context, question: &str, out: &mut dyn Write) -> Result<bool, Failure> {
    write!(out, "{} [y/N] ", context.screen.style.paint(question, Tone::Strong))?;
    out.flush()?;
    let mut line = String::new();
    io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::failed(format_args!("cannot read the answer: {error}")))?;
    Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "是"))
}

/// Says what became of each; exits 0 when all have ended or are being ended.
fn tell(context: &Context, args: &KillArgs, answer: &KillAnswer, out: &mut dyn Write) -> Result<i32, Failure> {
    let code = if answer.success { 0 } else { Exit::Failed.number() };
    if args.json {
        output::json(out, answer)?;
        return Ok(code);
    }
    let mut lines: Vec<(i32, Tone, &str)> = answer
        .killed
        .iter()
        .map(|killed| (killed.pid, Tone::Good, killed.message.as_str()))
        .chain(
            answer
                .failed
                .iter()
                .map(|not| (not.pid, Tone::Bad, not.message.as_str())),
        )
        .collect();
    lines.sort_by_key(|(pid, ..)| *pid);
    let mut table = Table::new([(Column::Right, "PID"), (Column::Left, "")]);
    for (pid, tone, message) in lines {
        table.row([pid.to_string().into(), Cell::new(message, tone)]);
    }
    table.print(out, context.screen, 0)?;
    Ok(code)
}
