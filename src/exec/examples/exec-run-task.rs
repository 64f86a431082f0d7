//! What this room's tests start: a runner, a scheduler that dies once it has launched, another user's look at leases.
//!
//! ```text
//! exec-run-task run-task
//! exec-run-task launch HOST_FOLDER LEASE.json ATTEMPT.json FOLDER
//! exec-run-task leases HOST_FOLDER
//! ```
use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::exit,
};

use gpuyard_exec::{
    executor::{Executor, LocalExecutor},
    host::HostFolder,
    lease::LeaseLife,
    runner,
};

fn main() {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["run-task"] => exit(runner::main()),
        ["launch", host, lease, spec, folder] => launch(host, lease, spec, folder),
        ["leases", host] => leases(host),
        _ => Err("see the top of this file".into()),
    };
    if let Err(e) = done {
        eprintln!("{e}");
        exit(1);
    }
}

/// Launches an attempt and ends: its scheduler is dead from then on.
fn launch(host: &str, lease: &str, spec: &str, folder: &str) -> Result<(), Box<dyn Error>> {
    let host = HostFolder::open(Some(PathBuf::from(host)))?;
    let taken = host.take(&serde_json::from_slice(&fs::read(lease)?)?, &[])?;
    let mut executor = LocalExecutor::new(host, PathBuf::from("/proc/self/exe"))?;
    executor.launch(&serde_json::from_slice(&fs::read(spec)?)?, Path::new(folder), taken)?;
    Ok(())
}

/// One line a lease: its attempt, and how it is held.
fn leases(host: &str) -> Result<(), Box<dyn Error>> {
    for held in HostFolder::open(Some(PathBuf::from(host)))?.leases()? {
        let life = match held.life {
            LeaseLife::Locked { runner_alive } => format!("locked {runner_alive}"),
            LeaseLife::Orphaned { pids } => format!("orphaned {pids:?}"),
            LeaseLife::Fallen => "fallen".into(),
        };
        println!("{} {life}", held.lease.uni_id);
    }
    Ok(())
}
