//! What a runner costs over a bare `bash -c`: time to start, time from one end to the next start, memory.
//!
//! ```text
//! cargo run --release -p gpuyard-exec --example exec-cost [RUNS]
//! ```
use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fs,
    os::fd::AsFd,
    path::{Path, PathBuf},
    process::{Command, Stdio, exit},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use gpuyard_core::model::{
    Amount, AttemptSpec, Bytes, Claim, GpuRef, GpuUuid, Lease, Node, Owner, RunId, Seconds, TaskId, UniId,
};
use gpuyard_exec::{
    attempt, become_subreaper, clock,
    executor::{AttemptEvent, Executor, LocalExecutor},
    host::HostFolder,
    identity, runner,
};
use rustix::event::{PollFd, PollFlags, poll};

/// Says when it runs.
const STAMP: &str = "echo $EPOCHREALTIME > stamp";

type Done<T> = Result<T, Box<dyn Error>>;

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    if words == ["run-task"] {
        exit(runner::main());
    }
    let runs = words.first().and_then(|word| word.parse().ok()).unwrap_or(200);
    if let Err(e) = measure(runs) {
        eprintln!("{e}");
        exit(1);
    }
}

fn measure(runs: u32) -> Done<()> {
    become_subreaper()?;
    let folder = PathBuf::from(format!("exec-cost-{}", std::process::id()));
    fs::create_dir(&folder)?;
    let folder = folder.canonicalize()?;
    let host = HostFolder::open(Some(folder.join("host")))?;
    let mut executor = LocalExecutor::new(host.clone(), PathBuf::from("/proc/self/exe"))?;
    let [mut bare, mut ours, mut bare_whole, mut whole, mut taking, mut launching] = [(); 6].map(|()| Vec::new());
    for run in 0..runs {
        let begun = (now(), Instant::now());
        Command::new("bash")
            .args(["-c", STAMP])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .status()?;
        bare_whole.push(begun.1.elapsed().as_secs_f64());
        bare.push(stamp(&folder)? - begun.0);

        let spec = spec(&folder, run, STAMP);
        let begun = (now(), Instant::now());
        let taken = host.take(&lease(&spec, &folder), &[])?;
        taking.push(begun.1.elapsed().as_secs_f64());
        executor.launch(&spec, &folder.join(spec.uni_id.as_str()), taken)?;
        launching.push(begun.1.elapsed().as_secs_f64() - taking.last().copied().unwrap_or_default());
        ended(&mut executor)?;
        whole.push(begun.1.elapsed().as_secs_f64());
        ours.push(stamp(&folder)? - begun.0);
    }
    show("bash -c: to its first word", &mut bare);
    show("attempt: lease taken, launched, to its first word", &mut ours);
    show("of that, taking the lease", &mut taking);
    show("of that, launching", &mut launching);
    show("bash -c: whole", &mut bare_whole);
    show("attempt: whole, record durable, told", &mut whole);

    let spec = spec(&folder, runs, "while [[ ! -e go ]]; do read -t 0.01 < <(:); done");
    let taken = host.take(&lease(&spec, &folder), &[])?;
    let attempt = folder.join(spec.uni_id.as_str());
    let runner = executor.launch(&spec, &attempt, taken)?;
    while attempt::read_start(&attempt)?.is_none() {}
    let status = fs::read_to_string(format!("/proc/{}/status", runner.pid))?;
    for line in status
        .lines()
        .filter(|line| line.starts_with("Rss") || line.starts_with("VmRSS"))
    {
        println!("runner {line}");
    }
    fs::write(folder.join("go"), "")?;
    ended(&mut executor)?;
    fs::remove_dir_all(folder)?;
    Ok(())
}

fn ended(executor: &mut LocalExecutor) -> Done<()> {
    loop {
        poll(&mut [PollFd::new(&executor.as_fd(), PollFlags::IN)], None)?;
        for event in executor.events(clock::now()) {
            if let AttemptEvent::Ended { .. } = event {
                return Ok(());
            }
        }
    }
}

fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |d| d.as_secs_f64())
}

fn stamp(folder: &Path) -> Done<f64> {
    Ok(fs::read_to_string(folder.join("stamp"))?.trim().parse()?)
}

fn show(what: &str, seconds: &mut [f64]) {
    seconds.sort_by(f64::total_cmp);
    let at = |share: f64| {
        seconds
            .get((seconds.len() as f64 * share) as usize)
            .copied()
            .unwrap_or_default()
            * 1000.0
    };
    println!(
        "{what}: best {:.2} ms, median {:.2} ms, p95 {:.2} ms",
        at(0.0),
        at(0.5),
        at(0.95)
    );
}

fn spec(folder: &Path, run: u32, command: &str) -> AttemptSpec {
    let uni_id = UniId(format!("cost-{}-{run}", std::process::id()));
    AttemptSpec {
        version: 1,
        run_id: RunId("run".into()),
        task_id: TaskId("task".into()),
        config: None,
        queue: None,
        process_index: 0,
        attempt: 1,
        node: identity::node(),
        owner: identity::owner(),
        gpus: vec![GpuRef {
            index: 0,
            uuid: GpuUuid("GPU-0".into()),
        }],
        memory: Bytes::GIB,
        commands: vec![command.into()],
        work_dir: folder.into(),
        conda_sh: None,
        environment: BTreeMap::new(),
        unset: Vec::new(),
        hide_from_path: Vec::new(),
        log_path: folder.join(uni_id.as_str()).join("output.log"),
        task_timeout: None,
        stop_grace: Seconds(1.0),
        terminal: false,
        first_command: 0,
        uni_id,
    }
}

fn lease(spec: &AttemptSpec, root: &Path) -> Lease {
    let (node, owner): (Node, Owner) = (spec.node.clone(), spec.owner.clone());
    Lease {
        version: 1,
        uni_id: spec.uni_id.clone(),
        run_id: spec.run_id.clone(),
        task_id: spec.task_id.clone(),
        config: None,
        root: root.display().to_string(),
        node,
        owner,
        space: identity::pid_space(),
        claims: vec![Claim {
            gpu: GpuUuid("GPU-0".into()),
            index: 0,
            amount: Amount::Whole { memory: spec.memory },
        }],
        taken_at: clock::now().wall,
    }
}
