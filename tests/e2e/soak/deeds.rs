//! What happens in a random life.
use std::{fs, io::Write};

use nix::sys::signal::{SIGCONT, SIGKILL, SIGSTOP};
use serde_json::json;

use super::world::{GPUS, World};
use crate::yard::{Dice, kill};

type Deed = fn(&mut World, &mut Dice);

/// Each with its weight.
const DEEDS: &[(u64, Deed)] = &[
    (20, append),
    (6, insert),
    (6, remove),
    (5, reorder),
    (4, ask_for_more),
    (14, start),
    (8, submit),
    (3, stop),
    (2, drain),
    (3, detach),
    (4, kill_daemon),
    (8, kill_scheduler),
    (8, kill_runner),
    (5, kill_task),
    (2, kill_everything),
    (2, freeze),
    (3, fill_disk),
    (6, free_disk),
    (4, jump),
    (4, lose_gpu),
    (5, return_gpus),
    (12, serve),
];

/// One deed, by its weight.
pub(super) fn one(world: &mut World, dice: &mut Dice) {
    let mut at = dice.roll(DEEDS.iter().map(|(weight, _)| weight).sum());
    for (weight, deed) in DEEDS {
        if at < *weight {
            return deed(world, dice);
        }
        at -= weight;
    }
}

fn sheet(world: &World, dice: &mut Dice) -> usize {
    dice.roll(world.sheets.len() as u64) as usize
}

fn pick<T: Copy>(things: &[T], dice: &mut Dice) -> Option<T> {
    (!things.is_empty()).then(|| things[dice.roll(things.len() as u64) as usize])
}

fn append(world: &mut World, dice: &mut Dice) {
    let number = sheet(world, dice);
    for _ in 0..=dice.roll(3) {
        let job = world.sheets[number].invent(dice);
        world.sheets[number].jobs.push(job);
    }
    world.save(number, dice.roll(2) == 0);
    world.did("appended");
}

fn insert(world: &mut World, dice: &mut Dice) {
    let number = sheet(world, dice);
    let job = world.sheets[number].invent(dice);
    let at = dice.roll(world.sheets[number].jobs.len() as u64 + 1) as usize;
    world.sheets[number].jobs.insert(at, job);
    world.save(number, true);
    world.did("inserted");
}

fn remove(world: &mut World, dice: &mut Dice) {
    let number = sheet(world, dice);
    let jobs = &mut world.sheets[number].jobs;
    if jobs.len() > 2 {
        let at = dice.roll(jobs.len() as u64) as usize;
        jobs.remove(at);
        world.save(number, dice.roll(2) == 0);
        world.did("removed");
    }
}

fn reorder(world: &mut World, dice: &mut Dice) {
    let number = sheet(world, dice);
    let jobs = &mut world.sheets[number].jobs;
    let (one, other) = (
        dice.roll(jobs.len() as u64) as usize,
        dice.roll(jobs.len() as u64) as usize,
    );
    jobs.swap(one, other);
    world.save(number, true);
    world.did("reordered");
}

fn ask_for_more(world: &mut World, dice: &mut Dice) {
    let number = sheet(world, dice);
    let jobs = &mut world.sheets[number].jobs;
    let at = dice.roll(jobs.len() as u64) as usize;
    jobs[at].ask_for((1 + dice.roll(20)) as f64);
    world.save(number, true);
    world.did("changed memory");
}

fn start(world: &mut World, dice: &mut Dice) {
    let number = sheet(world, dice);
    world.start(number);
    world.did("started");
}

/// Ad-hoc tasks; what the daemon has accepted is to be done.
fn submit(world: &mut World, dice: &mut Dice) {
    let side = dice.roll(2) as usize;
    let gpus = 1 + dice.roll(GPUS);
    let name = format!("{}-{}", ['D', 'E'][side], world.asked);
    world.asked += 1;
    let body = json!({
        "command": format!("bash task.sh soak {name} {} 0", dice.roll(900)),
        // All tasks stamp into one folder.
        "work_dir": world.yards[0].work,
        "gpu_count": gpus,
        "memory": 1 + dice.roll(20),
        "priority": dice.roll(3),
        "retries": 10_000,
    });
    let Some(daemon) = &world.daemons[side] else { return };
    let Some(answer) = daemon.try_post("/api/tasks", &body) else {
        return;
    };
    if answer.status == 200 {
        world.submitted[side].push(name);
        world.did("submitted");
    } else {
        // The disk is full, or a GPU is away.
        assert!(answer.body["message"].is_string(), "refused without a word: {answer:?}");
    }
}

fn end(world: &mut World, dice: &mut Dice, how: &serde_json::Value) {
    let number = sheet(world, dice);
    let (side, config) = (world.sheets[number].side, world.sheets[number].config);
    if let Some(daemon) = &world.daemons[side] {
        let path = format!("/api/scheduler/{}/stop?config_index={}", config.0, config.1);
        // One that does not run, or whose disk is full, refuses.
        let _ = daemon.try_post(&path, how);
    }
}

fn stop(world: &mut World, dice: &mut Dice) {
    end(world, dice, &json!({}));
    world.did("stopped");
}

fn drain(world: &mut World, dice: &mut Dice) {
    end(world, dice, &json!({"drain": true}));
    world.did("drained");
}

fn detach(world: &mut World, dice: &mut Dice) {
    end(world, dice, &json!({"detach": true}));
    world.did("detached");
}

fn kill_daemon(world: &mut World, dice: &mut Dice) {
    let side = dice.roll(2) as usize;
    if let Some(mut daemon) = world.daemons[side].take() {
        daemon.program.kill();
        world.did("killed a daemon");
    }
}

fn serve(world: &mut World, _: &mut Dice) {
    for side in 0..2 {
        let runs = world.daemons[side].as_mut().is_some_and(|daemon| daemon.program.runs());
        // With a full disk a daemon may not come up; that is told, and not of interest here.
        if !runs && !world.filler().exists() {
            world.daemons[side] = Some(world.yards[side].serve());
            world.did("served");
        }
    }
}

fn kill_scheduler(world: &mut World, dice: &mut Dice) {
    if let Some(pid) = pick(&world.schedulers(), dice) {
        kill(pid, SIGKILL);
        world.did("killed a scheduler");
    }
}

fn kill_runner(world: &mut World, dice: &mut Dice) {
    if let Some(pid) = pick(&world.programs("run-task"), dice) {
        kill(pid, SIGKILL);
        world.did("killed a runner");
    }
}

fn kill_task(world: &mut World, dice: &mut Dice) {
    if let Some(pid) = pick(&world.shells(), dice) {
        kill(pid, SIGKILL);
        world.did("killed a task");
    }
}

fn kill_everything(world: &mut World, _: &mut Dice) {
    for verb in ["serve", "schedule", "run-task"] {
        for pid in world.programs(verb) {
            kill(pid, SIGKILL);
        }
    }
    world.did("killed everything");
}

/// A scheduler or runner that stands still for a while.
fn freeze(world: &mut World, dice: &mut Dice) {
    let verb = if dice.roll(2) == 0 { "schedule" } else { "run-task" };
    if let Some(pid) = pick(&world.programs(verb), dice) {
        kill(pid, SIGSTOP);
        world.pause(dice.roll(400));
        kill(pid, SIGCONT);
        world.did("froze");
    }
}

fn fill_disk(world: &mut World, _: &mut Dice) {
    if world.small_disk && !world.filler().exists() {
        // Whoever writes at the same time may be first.
        if let Ok(mut file) = fs::File::create(world.filler()) {
            for size in [1 << 16, 1 << 10, 1] {
                while file.write_all(&vec![0; size]).is_ok() {}
            }
        }
        world.did("filled the disk");
    }
}

fn free_disk(world: &mut World, _: &mut Dice) {
    if fs::remove_file(world.filler()).is_ok() {
        world.did("freed the disk");
    }
}

/// A day forward, a day back, an hour as when summer begins and ends, and true again.
fn jump(world: &mut World, dice: &mut Dice) {
    let offsets = [86_400, -86_400, 3_600, -3_600, 0];
    world.set_clock(offsets[dice.roll(5) as usize]);
    world.did("moved the clock");
}

fn lose_gpu(world: &mut World, dice: &mut Dice) {
    let gpu = dice.roll(GPUS).to_string();
    let how = [
        json!({"lost": true}),
        json!({"unreadable": true}),
        json!({"gone": true}),
    ];
    world.simulate(&json!({"gpus": {gpu: how[dice.roll(3) as usize]}}));
    world.did("lost a GPU");
}

fn return_gpus(world: &mut World, dice: &mut Dice) {
    if dice.roll(6) == 0 {
        world.simulate(&json!({"error": "the driver went away"}));
    } else {
        world.simulate(&json!({}));
    }
    world.did("changed the driver");
}
