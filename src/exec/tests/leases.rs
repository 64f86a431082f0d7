//! Leases between schedulers: all or none, never twice, and ended only with their last process.
use std::{
    fs::{self, File},
    os::fd::AsFd,
};

use gpuyard_core::model::{AttemptSpec, GpuRef, GpuUuid, UniId};
use gpuyard_exec::{
    executor::Executor,
    lease::{LeaseLife, TakeError},
};
use nix::poll::{PollFd, PollFlags, poll};
use rustix::{
    fs::{FlockOperation, flock},
    process::Signal,
};

use crate::yard::{DEADLINE, Yard, kill, wait_until};

fn on(yard: &mut Yard, gpus: &[u32]) -> AttemptSpec {
    let mut spec = yard.spec(&["true"]);
    spec.gpus = gpus
        .iter()
        .map(|&index| GpuRef {
            index,
            uuid: GpuUuid(format!("GPU-{index}")),
        })
        .collect();
    spec
}

fn changed(error: TakeError) -> Vec<UniId> {
    match error {
        TakeError::Changed { now } => now,
        other => panic!("{other}"),
    }
}

#[test]
fn a_whole_gpu_is_taken_once() {
    let mut yard = Yard::new();
    let (a, b) = (on(&mut yard, &[0]), on(&mut yard, &[0]));
    let taken = yard.host.take(&yard.lease(&a, true), &[]).unwrap();
    for whole in [true, false] {
        // Whether the decision saw it or not.
        let lease = yard.lease(&b, whole);
        assert_eq!(changed(yard.host.take(&lease, &[]).unwrap_err()), [a.uni_id.clone()]);
        assert_eq!(
            changed(yard.host.take(&lease, &[a.uni_id.clone()]).unwrap_err()),
            [a.uni_id.clone()]
        );
    }
    drop(taken);
    yard.host.take(&yard.lease(&b, true), &[]).unwrap();
}

#[test]
fn several_gpus_are_taken_all_or_none() {
    let mut yard = Yard::new();
    let (one, pair, other) = (on(&mut yard, &[1]), on(&mut yard, &[0, 1]), on(&mut yard, &[0]));
    let _one = yard.host.take(&yard.lease(&one, true), &[]).unwrap();
    assert_eq!(
        changed(yard.host.take(&yard.lease(&pair, true), &[]).unwrap_err()),
        [one.uni_id.clone()]
    );
    // Nothing of the pair is left on the GPU that was free.
    assert_eq!(yard.host.leases().unwrap().len(), 1);
    yard.host.take(&yard.lease(&other, true), &[]).unwrap();
}

/// Fault G2 (P4).
#[test]
fn packing_wants_exactly_those_that_the_decision_saw() {
    let mut yard = Yard::new();
    let [a, b, c] = [(); 3].map(|()| on(&mut yard, &[0]));
    let lease = |spec| yard.lease(spec, false);
    let _a = yard.host.take(&lease(&a), &[]).unwrap();
    // It came after the decision; it went after the decision.
    assert_eq!(
        changed(yard.host.take(&lease(&b), &[]).unwrap_err()),
        [a.uni_id.clone()]
    );
    let gone = [a.uni_id.clone(), c.uni_id.clone()];
    assert_eq!(
        changed(yard.host.take(&lease(&b), &gone).unwrap_err()),
        [a.uni_id.clone()]
    );
    let _b = yard.host.take(&lease(&b), &[a.uni_id.clone()]).unwrap();
    assert!(
        yard.host
            .take(&yard.lease(&c, true), &[a.uni_id.clone(), b.uni_id.clone()])
            .is_err()
    );
    let mut live: Vec<UniId> = yard
        .host
        .leases()
        .unwrap()
        .into_iter()
        .map(|held| held.lease.uni_id)
        .collect();
    live.sort();
    let mut expected = vec![a.uni_id, b.uni_id];
    expected.sort();
    assert_eq!(live, expected);
}

/// Fault G2 (P4).
#[test]
fn many_at_once_get_one_winner() {
    let mut yard = Yard::new();
    for round in 0..20 {
        let leases: Vec<_> = (0..6)
            .map(|n| {
                let spec = on(&mut yard, &[n % 2, round + 2]);
                yard.lease(&spec, true)
            })
            .collect();
        let host = &yard.host;
        let taken: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = leases
                .iter()
                .map(|lease| scope.spawn(|| host.take(lease, &[])))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(taken.iter().filter(|t| t.is_ok()).count(), 1, "{taken:?}");
    }
}

#[test]
fn an_attempts_lease_lives_from_launch_to_record() {
    let mut yard = Yard::new();
    let id = yard.start(&["until [[ -e go ]]; do read -t 0.02 < <(:); done"]);
    // Never a moment without it, from the launch on.
    let leases = yard.host.leases().unwrap();
    assert_eq!(
        leases.iter().map(|h| &h.life).collect::<Vec<_>>(),
        [&LeaseLife::Locked { runner_alive: true }]
    );
    let runner = yard.started(&id).runner.pid;
    let attempts = yard.host.live_attempts().unwrap();
    assert_eq!(
        (attempts.len(), attempts[0].runner_pid, attempts[0].pids.len()),
        (1, Some(runner), 0)
    );
    fs::write(yard.file("go"), "").unwrap();
    yard.ended(&id);
    assert!(yard.host.leases().unwrap().is_empty() && yard.host.live_attempts().unwrap().is_empty());
}

#[test]
fn a_lease_has_fallen_when_all_are_dead_and_is_cleared_by_its_owner() {
    let mut yard = Yard::new();
    let id = yard.start(&["echo $$ > pid; sleep 300 & wait"]);
    let command = yard.pid_in("pid");
    kill(yard.started(&id).runner.pid, Signal::KILL);
    let attempts = yard.host.live_attempts().unwrap();
    assert!(
        attempts[0].pids.contains(&command) || attempts[0].runner_pid.is_some(),
        "{attempts:?}"
    );
    // The whole session.
    rustix::process::kill_process_group(rustix::process::Pid::from_raw(command).unwrap(), Signal::KILL).unwrap();
    wait_until("it has fallen", || {
        yard.host.leases().unwrap()[0].life == LeaseLife::Fallen
    });
    // A fallen lease is in nobody's way.
    let next = on(&mut yard, &[0]);
    let taken = yard.host.take(&yard.lease(&next, true), &[]).unwrap();
    assert_eq!(yard.host.clear_fallen().unwrap(), [id]);
    assert_eq!(yard.host.leases().unwrap().len(), 1);
    drop(taken);
}

#[test]
fn waiting_schedulers_are_woken_when_a_lease_falls() {
    let mut yard = Yard::new();
    let watch = yard.host.watch().unwrap();
    let woken = || {
        let mut fds = [PollFd::new(watch.as_fd(), PollFlags::POLLIN)];
        poll(
            &mut fds,
            nix::poll::PollTimeout::try_from(DEADLINE.as_millis() as i32).unwrap(),
        )
        .unwrap()
            > 0
    };
    // By a lease that is given back, by an attempt's end, by the death of its last process.
    let spec = on(&mut yard, &[0]);
    drop(yard.host.take(&yard.lease(&spec, true), &[]).unwrap());
    assert!(woken() && watch.drain());
    assert!(!watch.drain());
    let (id, _) = yard.run(&["true"]);
    assert!(woken() && watch.drain(), "{id}");
    let id = yard.start(&["echo $$ > pid; exec sleep 300"]);
    let command = yard.pid_in("pid");
    watch.drain();
    kill(yard.started(&id).runner.pid, Signal::KILL);
    kill(command, Signal::KILL);
    wait_until("it is told", || woken() && watch.drain());
}

#[test]
fn rubbish_in_the_folder_stops_nobody() {
    let mut yard = Yard::new();
    let at = |name: &str| yard.host.path().join(name);
    fs::write(at("a.lease"), "").unwrap();
    fs::write(at("b.lease"), [0xff, 0, 0xff]).unwrap();
    fs::write(at("c.lease"), "{\"version\":1}").unwrap();
    fs::create_dir(at("d.lease")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", at("e.lease")).unwrap();
    nix::unistd::mkfifo(&at("f.lease"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let spec = on(&mut yard, &[0]);
    let taken = yard.host.take(&yard.lease(&spec, true), &[]).unwrap();
    assert_eq!(yard.host.leases().unwrap().len(), 1);
    assert!(yard.host.clear_fallen().unwrap().is_empty());
    drop(taken);
}

#[test]
fn what_a_crash_left_half_made_is_cleared() {
    let mut yard = Yard::new();
    let spec = on(&mut yard, &[0]);
    let half = yard.host.path().join(format!(".{}.lease.new", spec.uni_id));
    fs::write(&half, "{\"vers").unwrap();
    // It neither keeps the same attempt's lease from being taken …
    drop(yard.host.take(&yard.lease(&spec, true), &[]).unwrap());
    // … nor stays for ever.
    fs::write(&half, "{\"vers").unwrap();
    yard.host.clear_fallen().unwrap();
    assert!(!half.exists());
}

#[test]
fn a_host_lock_that_was_replaced_does_not_count() {
    let mut yard = Yard::new();
    let path = yard.host.path().join("lock");
    let spec = on(&mut yard, &[0]);
    drop(yard.host.take(&yard.lease(&spec, true), &[]).unwrap());
    // Somebody holds the lock of a file that has been removed since.
    let old = File::open(&path).unwrap();
    flock(&old, FlockOperation::LockExclusive).unwrap();
    fs::remove_file(&path).unwrap();
    yard.host.take(&yard.lease(&spec, true), &[]).unwrap();
}

#[test]
fn a_host_lock_held_out_of_spite_is_reported_and_hangs_nobody() {
    let mut yard = Yard::new();
    let spec = on(&mut yard, &[0]);
    drop(yard.host.take(&yard.lease(&spec, true), &[]).unwrap());
    let lock = File::open(yard.host.path().join("lock")).unwrap();
    flock(&lock, FlockOperation::LockShared).unwrap();
    let error = yard.host.take(&yard.lease(&spec, true), &[]).unwrap_err();
    let TakeError::HostLockBusy { pid, command } = &error else {
        panic!("{error}")
    };
    assert_eq!(*pid, Some(std::process::id() as i32));
    assert!(command.is_some());
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    // Looking is free.
    assert!(yard.host.leases().unwrap().is_empty() && yard.host.clear_fallen().unwrap().is_empty());
    drop(lock);
    yard.host.take(&yard.lease(&spec, true), &[]).unwrap();
}

#[test]
fn a_launch_that_fails_gives_the_lease_back() {
    let mut yard = Yard::new();
    let spec = on(&mut yard, &[0]);
    let mut executor =
        gpuyard_exec::executor::LocalExecutor::new(yard.host.clone(), yard.file("no such program")).unwrap();
    let taken = yard.host.take(&yard.lease(&spec, true), &[]).unwrap();
    let error = executor.launch(&spec, &yard.folder(&spec.uni_id), taken).unwrap_err();
    assert!(error.to_string().contains("no such program"), "{error}");
    assert!(yard.host.leases().unwrap().is_empty() && executor.list().is_empty());
}
