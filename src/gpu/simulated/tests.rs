//! Tests of the simulated source: its own GPUs, the attempts' claims over recorded and real process trees, the scenario
//! file.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use gpuyard_core::model::{LiveAttempt, Mono, UniId};
use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::GpuReader;

fn at(ms: u64) -> Now {
    Now {
        wall: Timestamp::UNIX_EPOCH,
        mono: Mono(ms),
    }
}

const GIB: u64 = 1 << 30;

/// A host of simulated GPUs with 24 GiB each, its `/proc` recorded in a folder.
struct Host {
    folder: TempDir,
    attempts: Arc<Mutex<Vec<LiveAttempt>>>,
}

impl Host {
    fn new() -> Host {
        Host {
            folder: TempDir::new().unwrap(),
            attempts: Arc::default(),
        }
    }

    /// A process with its children, each a thread's folder as in life.
    fn process(&self, pid: i32, start_ticks: u64, children: &str, environ: &str) {
        let folder = self.folder.path().join(pid.to_string());
        let thread = folder.join("task").join(pid.to_string());
        fs::create_dir_all(&thread).unwrap();
        fs::write(thread.join("children"), children).unwrap();
        let stat = format!("{pid} (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {start_ticks} 0 0 0 0\n");
        fs::write(folder.join("stat"), stat).unwrap();
        fs::write(folder.join("environ"), environ.replace(' ', "\0")).unwrap();
    }

    fn attempt(&self, uni_id: &str, runner_pid: Option<i32>, pids: &[i32]) {
        let attempt = LiveAttempt {
            uni_id: UniId(uni_id.into()),
            runner_pid,
            pids: pids.to_vec(),
        };
        self.attempts.lock().unwrap().push(attempt);
    }

    fn context(&self, proc_root: &Path) -> SourceContext {
        let attempts = Arc::clone(&self.attempts);
        SourceContext {
            proc_root: proc_root.into(),
            live_attempts: Arc::new(move || attempts.lock().unwrap().clone()),
            ..SourceContext::default()
        }
    }

    fn source(&self, count: u32) -> SimulatedSource {
        SimulatedSource::new(count, Bytes(24 * GIB), self.context(self.folder.path())).unwrap()
    }

    /// GiB in use on each GPU.
    fn used(&self, count: u32) -> Vec<u64> {
        used(&self.source(count).snapshot(at(1)).unwrap())
    }
}

fn used(snapshot: &Snapshot) -> Vec<u64> {
    snapshot
        .gpus
        .iter()
        .map(|gpu| gpu.memory.unwrap().used.0 / GIB)
        .collect()
}

#[test]
fn gpus_of_one_description_are_the_same_everywhere() {
    let uuids = |count, gib: u64| -> Vec<String> {
        let mut source = SimulatedSource::new(count, Bytes(gib * GIB), SourceContext::default()).unwrap();
        source
            .snapshot(at(1))
            .unwrap()
            .gpus
            .into_iter()
            .map(|gpu| gpu.uuid.0)
            .collect()
    };
    let four = uuids(4, 24);
    assert_eq!(four, uuids(4, 24));
    // For ever: leases that live through an update of the program name these.
    assert_eq!(four[0], "SIM-e99febe8-dfeb-e2ba-7047-cc529a140633");
    let mut all = [four, uuids(4, 25), uuids(5, 24)].concat();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 13, "another description, other GPUs");
}

#[test]
fn an_empty_host_is_free_and_known() {
    let snapshot = Host::new().source(4).snapshot(at(5)).unwrap();
    assert_eq!(
        (snapshot.source.as_str(), snapshot.mono, snapshot.gpus.len()),
        ("simulated", Mono(5), 4)
    );
    for (index, gpu) in snapshot.gpus.iter().enumerate() {
        assert_eq!(
            (gpu.index as usize, &gpu.health, gpu.vendor),
            (index, &Health::Ok, Vendor::Simulated)
        );
        assert_eq!(gpu.memory.unwrap().free, Bytes(24 * GIB));
        assert_eq!(
            (gpu.processes.as_ref(), gpu.utilization),
            (Some(&Vec::new()), Some(Percent(0.0)))
        );
    }
}

#[test]
fn claims_count_once_an_attempt_on_the_gpus_that_each_process_names() {
    let host = Host::new();
    let claim =
        |gib: u64, devices: &str| format!("GPUYARD_SIMULATED_MEMORY={gib}GiB CUDA_VISIBLE_DEVICES={devices} A=b");
    // runner 10 → bash 11 → workers 12 (two threads, each with a child), 13
    host.process(10, 1, "11", &claim(9, "0"));
    host.process(11, 2, "12 13 ", &claim(2, "1"));
    host.process(12, 3, "14", &claim(2, "1"));
    host.process(13, 4, "", &claim(3, "1,2"));
    host.process(14, 5, "", &claim(1, "1"));
    host.process(15, 6, "", &claim(7, "3"));
    let second = host.folder.path().join("12/task/99");
    fs::create_dir_all(&second).unwrap();
    fs::write(second.join("children"), "15").unwrap();
    host.attempt("a", Some(10), &[]);
    host.attempt("b", None, &[20]);
    host.process(20, 7, "", &claim(4, "2"));
    // Nobody's.
    host.process(30, 8, "", &claim(8, "0"));

    let snapshot = host.source(4).snapshot(at(1)).unwrap();
    assert_eq!(used(&snapshot), [0, 3, 7, 7], "the runner itself is not the attempt");
    let process = &snapshot.gpus[1].processes.as_ref().unwrap()[0];
    assert_eq!(
        (process.pid, process.start_ticks, process.memory),
        (13, 4, Some(Bytes(3 * GIB)))
    );
    assert_eq!(process.uni_id, Some(UniId("a".into())));
    let third: Vec<_> = snapshot.gpus[2]
        .processes
        .as_ref()
        .unwrap()
        .iter()
        .map(|one| one.pid)
        .collect();
    assert_eq!(third, [13, 20]);
    assert_eq!(snapshot.gpus[2].utilization, Some(Percent(BUSY_PERCENT)));
    assert_eq!(
        snapshot.gpus[2].processes.as_ref().unwrap()[0].sm_utilization,
        Some(Percent(BUSY_PERCENT / 2.0))
    );
}

#[test]
fn environments_that_claim_nothing_sensible_claim_nothing() {
    let host = Host::new();
    host.process(10, 1, "11 12 13 14 15 16 17", "");
    let uuid = uuid(2, Bytes(24 * GIB), 1);
    for (pid, environ) in [
        (11, "CUDA_VISIBLE_DEVICES=0".to_owned()),
        (12, "GPUYARD_SIMULATED_MEMORY=2GiB".to_owned()),
        (13, "GPUYARD_SIMULATED_MEMORY=2GiB CUDA_VISIBLE_DEVICES=".to_owned()),
        (14, "GPUYARD_SIMULATED_MEMORY=lots CUDA_VISIBLE_DEVICES=0".to_owned()),
        (15, "GPUYARD_SIMULATED_MEMORY=2GiB CUDA_VISIBLE_DEVICES=-1,0".to_owned()),
        (
            16,
            "GPUYARD_SIMULATED_MEMORY=2GiB CUDA_VISIBLE_DEVICES=0 GPUYARD_UNI_ID=other".to_owned(),
        ),
        (
            17,
            format!(
                "GPUYARD_SIMULATED_MEMORY=5GiB GPUYARD_UNI_ID=a CUDA_VISIBLE_DEVICES={}",
                &uuid[..12]
            ),
        ),
    ] {
        host.process(pid, 1, "", &environ);
    }
    host.attempt("a", Some(10), &[11, 1, 0, -5, 11, 4444]);
    assert_eq!(host.used(2), [0, 5], "only the one that names a GPU by its UUID");
}

#[test]
fn more_than_there_is_fills_a_gpu_and_no_more() {
    let host = Host::new();
    host.process(10, 1, "", "GPUYARD_SIMULATED_MEMORY=99GiB CUDA_VISIBLE_DEVICES=0");
    host.attempt("a", None, &[10]);
    assert_eq!(host.used(1), [24]);
}

#[test]
fn a_circle_in_the_tree_does_not_hold_us_up() {
    let host = Host::new();
    host.process(10, 1, "11", "");
    host.process(11, 1, "10 11", "GPUYARD_SIMULATED_MEMORY=1GiB CUDA_VISIBLE_DEVICES=0");
    host.attempt("a", Some(10), &[10]);
    assert_eq!(host.used(1), [1]);
}

/// A process tree that ends with the test.
struct Tree(Child);

impl Tree {
    /// `bash` as the runner, and below it a `bash` with the claim that has a `sleep` with the same.
    fn new(gib: u64, devices: &str) -> Tree {
        let script = format!(
            "(export GPUYARD_SIMULATED_MEMORY={gib}GiB CUDA_VISIBLE_DEVICES={devices}; bash -c 'sleep 600; :') & read line; kill -9 0"
        );
        let mut command = Command::new("setsid");
        Tree(
            command
                .args(["bash", "-c", &script])
                .stdin(Stdio::piped())
                .spawn()
                .unwrap(),
        )
    }

    fn pid(&self) -> i32 {
        self.0.id() as i32
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

fn until(source: &mut SimulatedSource, done: impl Fn(&Snapshot) -> bool) -> Snapshot {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let snapshot = source.snapshot(at(1)).unwrap();
        if done(&snapshot) {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "{snapshot:?}");
        std::thread::yield_now();
    }
}

#[test]
fn real_processes_are_found_below_their_runner() {
    let host = Host::new();
    let mut source = SimulatedSource::new(2, Bytes(24 * GIB), host.context(Path::new("/proc"))).unwrap();
    let tree = Tree::new(2, "1");
    host.attempt("a", Some(tree.pid()), &[]);
    let snapshot = until(&mut source, |snapshot| used(snapshot) == [0, 2]);
    let process = &snapshot.gpus[1].processes.as_ref().unwrap()[0];
    assert_eq!(process.uid, Some(nix::unistd::getuid().as_raw()));
    assert_ne!(process.pid, tree.pid());
    drop(tree);
    until(&mut source, |snapshot| used(snapshot) == [0, 0]);
}

fn scenario(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("scenario.json");
    let unfinished = folder.join("unfinished");
    fs::write(&unfinished, text).unwrap();
    fs::rename(unfinished, &path).unwrap();
    path
}

fn scripted(folder: &Path, text: &str) -> Result<SimulatedSource, SourceError> {
    let context = SourceContext {
        scenario: Some(scenario(folder, text)),
        ..SourceContext::default()
    };
    SimulatedSource::new(4, Bytes(24 * GIB), context)
}

#[test]
fn a_scenario_scripts_all_that_processes_do_not_say() {
    let folder = TempDir::new().unwrap();
    let own = std::process::id();
    let text = format!(
        r#"{{
            "gpus": {{
                "0": {{ "name": "Tesla P100", "used": "1GiB", "utilization": 50, "temperature": 61.5, "power_draw": null, "fan_speed": null }},
                "1": {{ "lost": "fell off the bus" }},
                "2": {{ "unreadable": true, "lost": false }},
                "3": {{ "processes_unknown": true }}
            }},
            "processes": [
                {{ "pid": 4242, "gpu": [0, 3], "uid": 1001, "memory": "3GiB", "utilization": 30, "start_ticks": 77 }},
                {{ "pid": {own}, "gpu": 0, "memory": 1024, "work": "graphics" }},
                {{ "pid": 4243, "gpu": 0 }}
            ]
        }}"#
    );
    let snapshot = scripted(folder.path(), &text).unwrap().snapshot(at(1)).unwrap();
    let gpu = &snapshot.gpus[0];
    assert_eq!(
        (gpu.name.as_deref(), gpu.utilization),
        (Some("Tesla P100"), Some(Percent(50.0)))
    );
    assert_eq!(
        (gpu.temperature, gpu.power_draw, gpu.fan_speed),
        (Some(61.5), None, None)
    );
    assert_eq!(gpu.memory.unwrap().used, Bytes(4 * GIB + 1024));
    let processes = gpu.processes.as_ref().unwrap();
    let by_pid = |pid: u32| processes.iter().find(|process| process.pid == pid as i32).unwrap();
    assert_eq!((by_pid(4242).uid, by_pid(4242).start_ticks), (Some(1001), 77));
    assert_eq!(
        (by_pid(4242).sm_utilization, by_pid(4243).memory),
        (Some(Percent(30.0)), None)
    );
    assert!(
        by_pid(own).start_ticks > 0,
        "a process that lives has its own start time"
    );
    assert_eq!(by_pid(own).work, Work::Graphics);
    assert_eq!(
        snapshot.gpus[1].health,
        Health::Lost {
            message: "fell off the bus".into()
        }
    );
    assert!(matches!(snapshot.gpus[2].health, Health::Unreadable { .. }));
    assert_eq!(
        (snapshot.gpus[2].memory, snapshot.gpus[3].processes.as_ref()),
        (None, None)
    );
    assert_eq!(snapshot.gpus[3].memory.unwrap().used, Bytes(3 * GIB));
}

#[test]
fn a_scenario_is_followed_and_its_failures_come_and_go() {
    let folder = TempDir::new().unwrap();
    let mut source = scripted(folder.path(), "{}").unwrap();
    assert_eq!(source.snapshot(at(1)).unwrap().gpus.len(), 4);
    scenario(folder.path(), r#"{"gpus": {"2": {"gone": true}}}"#);
    let indices: Vec<_> = source
        .snapshot(at(2))
        .unwrap()
        .gpus
        .iter()
        .map(|gpu| gpu.index)
        .collect();
    assert_eq!(indices, [0, 1, 3]);
    scenario(folder.path(), r#"{"error": "the driver went away"}"#);
    assert_eq!(
        source.snapshot(at(3)),
        Err(SourceError::Simulated {
            message: "the driver went away".into()
        })
    );
    scenario(folder.path(), r#"{"hang_ms": 500}"#);
    assert_eq!(source.snapshot(at(100)), Err(SourceError::Hung { since: Mono(100) }));
    assert_eq!(source.snapshot(at(599)), Err(SourceError::Hung { since: Mono(100) }));
    assert!(source.snapshot(at(600)).is_ok(), "once");
    assert!(source.snapshot(at(601)).is_ok());
}

#[test]
fn a_broken_scenario_is_told_and_heals_and_the_reader_keeps_the_last_good_snapshot() {
    let folder = TempDir::new().unwrap();
    let source = scripted(folder.path(), "{}").unwrap();
    let reader = GpuReader::spawn(Box::new(source));
    let patience = Duration::from_secs(60);
    reader.read(at(1), patience).unwrap();
    let path = scenario(folder.path(), r#"{"gpus": {"0": {"temperature": "hot"}}}"#);
    for ms in [2, 3] {
        let error = reader.read(at(ms), patience).unwrap_err().to_string();
        let begin = format!("cannot use the simulation {}: gpus.0.temperature: ", path.display());
        assert!(error.starts_with(&begin), "{error}");
    }
    assert_eq!(reader.latest().unwrap().1, Mono(1));
    fs::remove_file(&path).unwrap();
    assert!(matches!(
        reader.read(at(4), patience),
        Err(SourceError::Scenario { .. })
    ));
    scenario(folder.path(), "{}");
    assert_eq!(reader.read(at(5), patience).unwrap().mono, Mono(5));
}

#[test]
fn what_is_wrong_with_a_scenario_is_named() {
    let folder = TempDir::new().unwrap();
    for (text, begin) in [
        ("", "it is not a JSON object: "),
        ("[]", "it is not a JSON object: "),
        (r#"{"gpu": {}}"#, "gpu: there is no such field"),
        (r#"{"gpus": []}"#, "gpus: "),
        (r#"{"gpus": {"four": {}}}"#, "gpus.four: an index is a whole number"),
        (r#"{"gpus": {"4": {}}}"#, "gpus.4: there are only 4 GPUs, from 0"),
        (r#"{"gpus": {"0": {"colour": 1}}}"#, "gpus.0: unknown field `colour`"),
        (
            r#"{"gpus": {"0": {"used": "much"}}}"#,
            "gpus.0.used: `much` is not an amount",
        ),
        (
            r#"{"gpus": {"0": {"lost": 7}}}"#,
            "gpus.0.lost: a message, true or false",
        ),
        (r#"{"processes": [{"gpu": 0}]}"#, "processes.0: missing field `pid`"),
        (r#"{"processes": [{"pid": 5}]}"#, "processes.0: missing field `gpu`"),
        (
            r#"{"processes": [{"pid": 1, "gpu": 0}]}"#,
            "processes.0.pid: a process id is above 1",
        ),
        (
            r#"{"processes": [{"pid": 5, "gpu": 9}]}"#,
            "processes.0.gpu: there are only 4 GPUs",
        ),
        (
            r#"{"processes": [{"pid": 5, "gpu": "x"}]}"#,
            "processes.0.gpu: an index, or a list of indices",
        ),
        (
            r#"{"processes": [{"pid": 5, "gpu": 0, "memory": "x"}]}"#,
            "processes.0.memory: `x` is not an amount",
        ),
        (r#"{"hang_ms": -1}"#, "hang_ms: "),
    ] {
        let Err(SourceError::Scenario { message, .. }) = scripted(folder.path(), text) else {
            panic!("{text} was accepted")
        };
        assert!(message.starts_with(begin), "{text}: {message}");
    }
    let context = SourceContext {
        scenario: Some(folder.path().into()),
        ..SourceContext::default()
    };
    assert!(
        SimulatedSource::new(1, Bytes(GIB), context).is_err(),
        "a folder is no scenario"
    );
}

#[test]
fn visible_devices_limit_simulated_gpus_too() {
    let context = SourceContext {
        visible_devices: Some("3,1".into()),
        ..SourceContext::default()
    };
    let mut source = SimulatedSource::new(4, Bytes(GIB), context).unwrap();
    let indices: Vec<_> = source
        .snapshot(at(1))
        .unwrap()
        .gpus
        .iter()
        .map(|gpu| gpu.index)
        .collect();
    assert_eq!(indices, [1, 3]);
}

/// `cargo nextest run -p gpuyard-gpu --run-ignored only --no-capture cost` prints what a snapshot costs.
#[test]
#[ignore = "prints a measurement"]
fn cost_of_a_snapshot_with_4_live_attempts() {
    let host = Host::new();
    let mut source = SimulatedSource::new(4, Bytes(24 * GIB), host.context(Path::new("/proc"))).unwrap();
    let trees: Vec<Tree> = (0..4).map(|index| Tree::new(2, &index.to_string())).collect();
    for (index, tree) in trees.iter().enumerate() {
        host.attempt(&index.to_string(), Some(tree.pid()), &[]);
    }
    until(&mut source, |snapshot| used(snapshot) == [2, 2, 2, 2]);
    let began = Instant::now();
    for round in 0..1000 {
        source.snapshot(at(round)).unwrap();
    }
    println!("4 attempts of 3 processes: {:?} a snapshot", began.elapsed() / 1000);
}
