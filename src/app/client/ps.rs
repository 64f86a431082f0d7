//! `gpuyard ps`: who is on the GPUs.
use std::{
    io::{IsTerminal, Write},
    time::Duration,
};

use super::{Context, processes::Processes, ps_view::PsView, watch::Changes};
use crate::{cli::PsArgs, failure::Failure, output};

/// Shows GPU processes.
pub(crate) fn ps(context: &Context, args: &PsArgs, out: &mut dyn Write) -> Result<i32, Failure> {
    let mut processes = Processes::find(context)?;
    let Some(seconds) = args.watch else {
        show(context, args, &mut processes, out)?;
        return Ok(0);
    };
    let clear = std::io::stdout().is_terminal();
    // Nothing tells of processes that come and go: there is nothing to hear, and the time is waited out.
    let mut time = Changes::new();
    loop {
        if clear {
            // Home, and what is below it gone: no flicker as with a cleared screen.
            out.write_all(b"\x1b[H\x1b[J")?;
        }
        match show(context, args, &mut processes, out) {
            Ok(()) => {}
            Err(failure) if failure.reader_gone => return Err(failure),
            // A daemon that is started again: what was asked of it is asked again, of whoever is there.
            Err(failure) => {
                writeln!(out, "{}", failure.message)?;
                processes = Processes::find(context)?;
            }
        }
        out.flush()?;
        time.wait_for(Duration::from_secs_f64(seconds))?;
    }
}

fn show(context: &Context, args: &PsArgs, processes: &mut Processes, out: &mut dyn Write) -> Result<(), Failure> {
    let mut list = processes.list(context)?;
    let all = list.processes.len();
    list.processes.retain(|process| args.filter.wants(process));
    args.sort.sort(&mut list.processes);
    list.count = list.processes.len() as u32;
    if args.json {
        output::json(out, &list)?;
        return Ok(());
    }
    let view = PsView {
        list: &list,
        passed_over: all - list.processes.len(),
        screen: context.screen,
    };
    view.print(out, args.tree)?;
    Ok(())
}
