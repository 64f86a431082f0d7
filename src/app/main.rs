//! The `gpuyard` program: daemon, scheduler, runner and client in one binary.
#[macro_use]
mod say;
mod check;
mod cli;
mod client;
mod failure;
mod logging;
mod output;
mod schedule;
mod serve;
mod wiring;

use std::{
    ffi::OsString,
    io::{self, BufWriter, Write},
    process::exit,
};

use cli::{Cli, Verb};
use client::Context;
use failure::{Exit, Failure};
use output::Screen;

fn main() {
    // Each task starts a runner, so nothing comes before this: no clap, no threads, no locale.
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == "run-task") {
        exit(run_task(words.next()));
    }
    // For tests only, as run-task is for schedulers.
    if gpuyard_fault::BUILT_IN && std::env::args_os().any(|word| word == "--list-fault-points") {
        exit(list_fault_points());
    }
    exit(command_line());
}

/// A verb for schedulers only: clap does not know it, nor do help and completions.
fn run_task(further: Option<OsString>) -> i32 {
    if further.is_none() {
        return gpuyard_exec::runner::main();
    }
    output::note("run-task is for schedulers, which start it and hand it tasks through a socket");
    Exit::Unusable.number()
}

/// One point a line: its name, and what can happen there.
fn list_fault_points() -> i32 {
    let mut out = io::stdout().lock();
    let listed = gpuyard_fault::POINTS
        .iter()
        .try_for_each(|point| writeln!(out, "{point}"));
    i32::from(listed.is_err())
}

fn command_line() -> i32 {
    let locale = say::locale(|name| std::env::var_os(name));
    let cli = match Cli::read(say::early(std::env::args_os(), locale)) {
        Ok(cli) => cli,
        // Help and version are on stdout with 0, what cannot be understood on stderr with 2.
        Err(error) => error.exit(),
    };
    let lang = cli.lang.map_or(locale, |choice| choice.lang());
    let screen = Screen::of_stdout(lang, cli.color);
    let context = Context {
        screen,
        lang,
        root: cli.root(),
        url: cli.url.clone().filter(|url| !url.trim().is_empty()),
    };
    let json = cli.json();
    let mut out = BufWriter::new(io::stdout().lock());
    let done = carry_out(cli.verb, &context, &mut out).and_then(|code| {
        out.flush()?;
        Ok(code)
    });
    match done {
        Ok(code) => code,
        Err(failure) if failure.reader_gone => 0,
        Err(failure) => tell(&failure, json, &mut out),
    }
}

/// Does what was asked; answers the exit code.
fn carry_out(verb: Verb, context: &Context, out: &mut dyn Write) -> Result<i32, Failure> {
    match verb {
        Verb::Serve => serve::serve(context),
        Verb::Schedule(args) => schedule::schedule(context, &args),
        Verb::Gpus(args) => client::gpus::gpus(context, &args, out),
        Verb::Ps(args) => client::ps::ps(context, &args, out),
        Verb::Kill(args) => client::kill::kill(context, &args, out),
        Verb::Start(args) => client::start::start(context, &args, out),
        Verb::Stop(args) => client::stop::stop(context, &args, out),
        Verb::Status(args) => client::status::status(context, &args, out),
        Verb::Why(args) => client::why::why(context, &args, out),
        Verb::Logs(args) => client::logs::logs(context, &args, out),
        Verb::Submit(args) => client::adhoc::submit(context, &args, out),
        Verb::Tasks(args) => client::adhoc::tasks(context, &args, out),
        Verb::Task(args) => client::adhoc::task(context, &args, out),
        Verb::Cancel(args) => client::adhoc::cancel(context, &args, out),
        Verb::Retry(args) => client::adhoc::retry(context, &args, out),
        Verb::Clone(args) => client::adhoc::clone(context, &args, out),
        Verb::Wait(args) => client::adhoc::wait(context, &args),
        Verb::Attach(args) => client::attach::attach(context, &args, out),
        Verb::Queue(args) => client::queue::queue(context, &args, out),
        Verb::Login(args) => client::account::login(context, &args, out),
        Verb::Logout => client::account::logout(context, out),
        Verb::Check(args) => check::check(context, &args, out),
        Verb::Completions(args) => {
            // Into memory first: clap panics where it cannot write.
            let mut script = Vec::new();
            clap_complete::generate(args.shell, &mut cli::command(context.lang), "gpuyard", &mut script);
            out.write_all(&script)?;
            Ok(0)
        }
    }
}

/// Says what went wrong: for programs also as JSON, in the shape that the API has.
fn tell(failure: &Failure, json: bool, out: &mut dyn Write) -> i32 {
    if json {
        let answer = serde_json::json!({"success": false, "code": failure.exit.code(), "message": failure.message});
        // Where stdout is gone, stderr still says it.
        let _ = output::json(out, &answer).and_then(|()| out.flush());
    }
    output::note(&failure.message);
    failure.exit.number()
}
