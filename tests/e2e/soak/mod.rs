//! One long random life: queues are edited, started and stopped, everything is killed, the disk fills, the clock jumps, GPUs
//! come and go; then all is mended, the rest is worked off, and a checker reads what tasks, runners and journals wrote.
//!
//! `GPUYARD_SOAK_SECONDS` says how long (`./test.sh --soak 600`), `GPUYARD_TEST_SEED` repeats a life.
mod check;
mod deeds;
mod world;

use std::time::{Duration, Instant};

use crate::yard::{Dice, wait_for, wait_until};
use world::World;

/// Between two deeds, milliseconds at the most.
const PAUSE: u64 = 120;

fn seconds() -> u64 {
    let told = std::env::var("GPUYARD_SOAK_SECONDS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(60)
}

/// Fault R (P1, P2, P3, P4, P5, P6).
#[test]
fn a_random_life_loses_nothing() {
    let mut dice = Dice::new("GPUYARD_TEST_SEED");
    let mut world = World::new(&mut dice);
    let end = Instant::now() + Duration::from_secs(seconds());
    while Instant::now() < end {
        deeds::one(&mut world, &mut dice);
        world.pause(dice.roll(PAUSE));
        check::while_it_lasts(&world);
    }
    world.mend();
    // As long as tasks come to an end, it is not over, however long it takes.
    let mut left = world.unfinished();
    while left > 0 {
        left = wait_for("another task is done", || {
            world.tend();
            let now = world.unfinished();
            (now < left).then_some(now)
        });
    }
    world.end_adhoc();
    wait_until("every scheduler has ended", || world.schedulers().is_empty());
    check::in_the_end(&mut world);
    eprintln!("{}", world.story());
}
