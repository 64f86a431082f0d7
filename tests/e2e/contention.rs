//! Schedulers that know nothing of each other on the same GPUs: by the tasks' own stamps, nobody gets what another has.
//!
//! `GPUYARD_TEST_SECONDS` says for about how many seconds each story has work; `GPUYARD_TEST_SEED` chooses it.
use crate::yard::{
    Block, Config, Dice, MULTI, SINGLE, Yard, packed_memory_fits, task, wait_for, whole_leases_never_overlap,
};

const GPUS: u32 = 4;
const CARD: f64 = 24.0;
/// Tasks at work at one time, and each one's mean time, so that so many make a second of work.
const TASKS_A_SECOND: u64 = 40;

fn seconds() -> u64 {
    std::env::var("GPUYARD_TEST_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(15)
}

/// Many short tasks in some queues, of random demands.
fn random(name: &str, dice: &mut Dice, count: u64, several: bool, packed: bool) -> Vec<Block> {
    let block = |number| {
        let time = format!("0.{:03}", 5 + dice.roll(120));
        let gib = (1 + dice.roll(if packed { 14 } else { 20 })) as f64;
        let verb = format!("run {name}-{number} {time}");
        // The task says what it uses, in its stamps too.
        let command = format!("$ GPUYARD_SIMULATED_MEMORY={gib}GiB bash {{work_dir}}/task.sh {verb}");
        let gpus = if several {
            1 + dice.roll(u64::from(GPUS)) as u32
        } else {
            1
        };
        task(1 + number % 6, &command).memory(gib).gpus(gpus)
    };
    (0..count).map(block).collect()
}

/// Two schedulers in one root, and a daemon in another with a third; returns when all have done everything.
fn struggle(packed: bool) -> Yard {
    let yard = Yard::new(&format!("{GPUS}x{CARD}GiB"));
    let other = yard.beside();
    let mut rules = vec![];
    if packed {
        rules.extend([("maximize_resource_utilization", "true"), ("memory_save_mode", "false")]);
    }
    let mut dice = Dice::new("GPUYARD_TEST_SEED");
    let count = seconds() * TASKS_A_SECOND;
    let work = format!("\"{}\"", yard.work.display());
    // All tasks work, and leave their stamps, in one folder.
    rules.push(("work_dir", work.as_str()));
    let mut wanted = 0;
    let sides: [(&Yard, Config, u64); 3] = [
        (&yard, SINGLE, count / 2),
        (&yard, MULTI, count / 6),
        (&other, SINGLE, count / 3),
    ];
    for (yard, _, _) in sides {
        yard.rules(&rules);
    }
    for (number, (yard, config, count)) in sides.into_iter().enumerate() {
        let name = format!("{}{number}", config.0);
        yard.commands(config, &random(&name, &mut dice, count, config.0 == "multi", packed));
        wanted += count;
    }
    let mut schedulers = [SINGLE, MULTI].map(|config| yard.schedule(config));
    let daemon = other.serve();
    daemon.begin(SINGLE);
    // As long as tasks end, it is not over, however long it takes.
    let mut ended = 0;
    while ended < wanted {
        ended = wait_for("another task ends", || {
            let now = yard.marks().iter().filter(|mark| mark.event == "end").count() as u64;
            (now > ended).then_some(now)
        });
    }
    for scheduler in &mut schedulers {
        assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
    }
    other.wait_run(SINGLE, "the daemon's scheduler is done", |run| {
        run["state"] == "completed"
    });
    let mut names = yard.order();
    let starts = names.len() as u64;
    names.sort_unstable();
    names.dedup();
    assert_eq!(
        (starts, names.len() as u64),
        (wanted, wanted),
        "every task starts, and once"
    );
    assert!(yard.leases().is_empty(), "{:?}", yard.leases());
    yard
}

/// Fault G2 (P4).
/// Whole GPUs: no two tasks ever have the same one at one time.
#[test]
fn whole_gpus_are_never_shared() {
    let yard = struggle(false);
    whole_leases_never_overlap(&yard.marks());
}

/// Fault G2 (P4).
/// Packed: what is promised of a GPU never exceeds what it has.
#[test]
fn packed_memory_is_never_promised_twice() {
    let yard = struggle(true);
    let most = packed_memory_fits(&yard.marks(), CARD);
    assert!(most > 1, "nothing was ever packed");
}
