//! An hour's worth of everything that a lab does, in compressed time, again and again: what the processes hold in the end is what
//! they held in the beginning.
//!
//! `GPUYARD_TEST_ROUNDS` says how often; what was done in all is printed. Fifteen people who each look at a page now and then, and
//! 200 tasks, are an hour: four rounds.
mod deeds;
mod people;

use std::{
    thread,
    time::{Duration, Instant},
};

use fake_nvml::State;

use self::deeds::Lab;
use crate::{
    nvml::machine,
    yard::{Vitals, children},
};

/// Until all that is made once has been made, and most of what is remembered for later is remembered.
const WARM_UP: u64 = 1;

/// Memory at rest that may have come in all rounds together, in KiB: what is kept for later has its limits and is not full after
/// the warm-up (lines of logs, statements of the database, the history of the GPUs), and freed memory leaves holes.
const KEPT: u64 = 768;

/// And for each round, in KiB. A round is 400 reads, 100 topics, 50 tasks, 30 actions, 15 logins: each of these would leave behind
/// less than 100 bytes. A command file's scheduler does remember each task that it ran, in or out of the file, for whoever looks.
const EACH_ROUND: u64 = 32;

fn rounds() -> u64 {
    let told = std::env::var("GPUYARD_TEST_ROUNDS").ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// A process that lives through all rounds.
struct Watched {
    who: &'static str,
    pid: i32,
    /// It keeps runners that wait for a next task, as many as it once needed at once: a socket and a pidfd each.
    keeps_runners: bool,
    /// At rest, after the warm-up.
    before: Vitals,
    /// After each round.
    memory: Vec<u64>,
}

impl Watched {
    fn new(who: &'static str, pid: i32, keeps_runners: bool) -> Watched {
        let mut new = Watched {
            who,
            pid,
            keeps_runners,
            before: Vitals::of(pid),
            memory: Vec::new(),
        };
        new.before = new.now();
        new
    }

    fn now(&self) -> Vitals {
        let mut now = Vitals::of(self.pid);
        if self.keeps_runners {
            let runners = children(self.pid).len();
            for kind in ["socket", "anon_inode:[pidfd]"] {
                let count = now.count(kind).saturating_sub(runners);
                now.held.insert(kind.to_owned(), count);
            }
        }
        now
    }

    /// At rest, in the end.
    #[track_caller]
    fn has_nothing_left_over(&self) {
        let Watched {
            who, before, memory, ..
        } = self;
        // What goes on in the background may have to come to its end.
        let mut now = self.now();
        let deadline = Instant::now() + Duration::from_secs(60);
        while now.held != before.held && Instant::now() < deadline {
            thread::yield_now();
            now = self.now();
        }
        assert_eq!(now.held, before.held, "{who}");
        let (before, now) = (before.memory, now.memory);
        eprintln!("{who}: {before} KiB at rest, then {memory:?}, {now} KiB at rest");
        let most = before + KEPT + EACH_ROUND * rounds();
        assert!(now <= most, "{who} holds {now} KiB at rest, more than {most}");
    }
}

/// Fault S3 (P1, P2).
/// Daemon and schedulers after logins, reads, edits, runs, ad-hoc tasks, streams, searches, kills, and connections that are cut off:
/// no descriptor, watch or thread is left over, and memory does not grow with what was done.
#[test]
fn hours_of_everything_leave_nothing_behind() {
    let gpus = State::of(4);
    let mut lab = Lab::new(machine(&gpus), gpus);
    let kept = lab.begin();
    for _ in 0..WARM_UP {
        lab.round();
    }
    let adhoc = lab.daemon.get("/api/tasks?limit=1").body["scheduler"]["pid"].as_i64();
    lab.rests();
    let mut watched = [
        Watched::new("the daemon", lab.daemon.program.pid(), false),
        Watched::new("a command file's scheduler", kept, true),
        Watched::new("the ad-hoc tasks' scheduler", adhoc.unwrap() as i32, true),
    ];
    lab.done.clear();
    for _ in 0..rounds() {
        lab.round();
        for one in &mut watched {
            one.memory.push(Vitals::of(one.pid).memory);
        }
    }
    lab.rests();
    for one in &watched {
        one.has_nothing_left_over();
    }
    eprintln!("{} rounds: {:?}; each process holds what it held", rounds(), lab.done);
}
