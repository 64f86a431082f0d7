//! What there is in a random life: two roots on one host, their daemons and command files, a small disk, a clock, GPUs.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::PathBuf,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use crate::yard::{Block, Config, Daemon, Dice, MULTI, SINGLE, Yard, skip, task};

/// GPUs of the host.
pub(super) const GPUS: u64 = 3;
/// Queues of a command file.
const QUEUES: u64 = 4;
/// What the first root's `logs/` holds, KiB: a start leaves four files of a page, and a second has four or five starts. A
/// long life must not fill it by itself, for then nobody can free it.
fn disk() -> u64 {
    (24 << 10) + 128 * super::seconds()
}

/// A task as its command file has it.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) queue: u64,
    pub(super) name: String,
    milliseconds: u64,
    pub(super) code: u64,
    gpus: u32,
    memory: f64,
}

/// A command file and what it should say.
pub(super) struct Sheet {
    /// Of [`World::yards`].
    pub(super) side: usize,
    pub(super) config: Config,
    pub(super) jobs: Vec<Job>,
    /// A letter that its tasks' names begin with.
    letter: char,
    next: u64,
    /// It was started once, and is to be worked off in the end.
    pub(super) begun: bool,
}

pub(super) struct World {
    pub(super) yards: [Yard; 2],
    pub(super) daemons: [Option<Daemon>; 2],
    pub(super) sheets: Vec<Sheet>,
    /// Names of the ad-hoc tasks that each daemon has accepted.
    pub(super) submitted: [Vec<String>; 2],
    /// Ad-hoc tasks that were asked for, accepted or not.
    pub(super) asked: u64,
    /// The first root's `logs/` is a disk of its own, which can be filled.
    pub(super) small_disk: bool,
    pub(super) deeds: BTreeMap<&'static str, u64>,
    clock: PathBuf,
    simulation: PathBuf,
}

impl World {
    pub(super) fn new(dice: &mut Dice) -> World {
        let yard = Yard::new(&format!("{GPUS}x24GiB"));
        let other = yard.beside();
        fs::create_dir(yard.work.join("live")).unwrap();
        let clock = yard.base().join("clock");
        let simulation = yard.base().join("simulation.json");
        fs::write(&clock, "0").unwrap();
        fs::write(&simulation, "{}").unwrap();
        let work = format!("\"{}\"", yard.work.display());
        for yard in [&yard, &other] {
            yard.set("GPUYARD_SIMULATION", simulation.display().to_string());
            yard.set("GPUYARD_FAKE_CLOCK", clock.display().to_string());
            match fake_clock::library_path() {
                Ok(library) => yard.set("LD_PRELOAD", library.display().to_string()),
                Err(error) => skip(&format!("a clock that jumps: {error}")),
            }
            // Tasks keep the true time, and stamp it into one folder.
            yard.rules(&[
                ("work_dir", work.as_str()),
                ("environment", "{LD_PRELOAD: \"\"}"),
                ("stop_grace", "2"),
                ("retry_config.max_retries", "1000000"),
                ("retry_config.max_retry_before_backoff", "2"),
                ("retry_config.backoff_duration", "1"),
            ]);
        }
        let small_disk = mount(&yard.root.join("logs"));
        if !small_disk {
            skip("a disk that fills in a random life: this user may not mount");
        }
        let sheet = |side, config, letter| Sheet {
            side,
            config,
            jobs: Vec::new(),
            letter,
            next: 0,
            begun: false,
        };
        let sheets = vec![sheet(0, SINGLE, 'A'), sheet(0, MULTI, 'B'), sheet(1, SINGLE, 'C')];
        let daemons = [Some(yard.serve()), Some(other.serve())];
        let mut world = World {
            yards: [yard, other],
            daemons,
            sheets,
            submitted: [Vec::new(), Vec::new()],
            asked: 0,
            small_disk,
            deeds: BTreeMap::new(),
            clock,
            simulation,
        };
        for number in 0..world.sheets.len() {
            for _ in 0..8 {
                let job = world.sheets[number].invent(dice);
                world.sheets[number].jobs.push(job);
            }
            world.save(number, true);
        }
        world
    }

    /// Counts a deed.
    pub(super) fn did(&mut self, what: &'static str) {
        *self.deeds.entry(what).or_default() += 1;
    }

    /// A life has its pauses; nothing is expected of them.
    pub(super) fn pause(&self, milliseconds: u64) {
        thread::sleep(Duration::from_millis(milliseconds));
    }

    /// Writes a command file as an editor does: in one step, or by cutting it off and writing it anew.
    pub(super) fn save(&self, number: usize, in_one_step: bool) {
        let sheet = &self.sheets[number];
        let path = self.yards[sheet.side].command_file(sheet.config);
        if in_one_step {
            let beside = path.with_extension("edited");
            fs::write(&beside, sheet.text()).unwrap();
            fs::rename(beside, path).unwrap();
        } else {
            fs::write(path, sheet.text()).unwrap();
        }
    }

    /// Puts the wall clock of everything but tasks forward or back.
    pub(super) fn set_clock(&self, seconds: i64) {
        let beside = self.clock.with_extension("new");
        fs::write(&beside, seconds.to_string()).unwrap();
        fs::rename(beside, &self.clock).unwrap();
    }

    /// What simulated GPUs do besides.
    pub(super) fn simulate(&self, what: &Value) {
        let beside = self.simulation.with_extension("new");
        fs::write(&beside, what.to_string()).unwrap();
        fs::rename(beside, &self.simulation).unwrap();
    }

    pub(super) fn filler(&self) -> PathBuf {
        self.yards[0].root.join("logs/filler")
    }

    /// Living programs of ours, by the word after the root: `serve`, `schedule`, or `run-task`.
    pub(super) fn programs(&self, verb: &str) -> Vec<i32> {
        let mut found: Vec<i32> = self.yards.iter().flat_map(Yard::processes).collect();
        found.sort_unstable();
        found.dedup();
        found.retain(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut words = line.split(|byte| *byte == 0);
            words.next().is_some_and(|word| word.ends_with(b"gpuyard")) && words.any(|word| word == verb.as_bytes())
        });
        found
    }

    pub(super) fn schedulers(&self) -> Vec<i32> {
        self.programs("schedule")
    }

    /// Shells that tasks run in.
    pub(super) fn shells(&self) -> Vec<i32> {
        let mut found: Vec<i32> = self.yards.iter().flat_map(Yard::processes).collect();
        found.sort_unstable();
        found.dedup();
        found.retain(|pid| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains("task.sh")
        });
        found
    }

    /// Everything is as it should be again.
    pub(super) fn mend(&mut self) {
        let _ = fs::remove_file(self.filler());
        self.set_clock(0);
        self.simulate(&json!({}));
        for pid in self.yards.iter().flat_map(Yard::processes).collect::<BTreeSet<_>>() {
            crate::yard::kill(pid, nix::sys::signal::SIGCONT);
        }
        for number in 0..self.sheets.len() {
            self.sheets[number].begun = true;
            self.save(number, true);
        }
        // The next ones have seen nobody die yet, and put nothing off.
        for mut daemon in self.daemons.iter_mut().filter_map(Option::take) {
            daemon.program.kill();
        }
        self.tend();
    }

    /// Daemons serve, and every command file that is not done has a scheduler. What a death cut off is theirs to take up.
    pub(super) fn tend(&mut self) {
        for (yard, daemon) in self.yards.iter().zip(&mut self.daemons) {
            if !daemon.as_mut().is_some_and(|daemon| daemon.program.runs()) {
                *daemon = Some(yard.serve());
            }
        }
        for number in 0..self.sheets.len() {
            if self.left(number) > 0 && !self.is_cut_off(number) {
                self.start(number);
            }
        }
    }

    /// Asks for a scheduler that goes on where the last one stood; one that runs is left alone.
    pub(super) fn start(&mut self, number: usize) {
        let Sheet { side, config, .. } = self.sheets[number];
        let Some(daemon) = &self.daemons[side] else { return };
        let path = format!("/api/scheduler/{}/start?config_index={}", config.0, config.1);
        let known = self.has_run(number);
        let Some(answer) = daemon.try_post(&path, &json!({"resume": known})) else {
            return;
        };
        let expected = matches!(answer.status, 200 | 409) || answer.body["message"].is_string();
        assert!(expected, "a start that failed without a word: {answer:?}");
    }

    /// Whether its scheduler died in the middle of its work.
    fn is_cut_off(&self, number: usize) -> bool {
        let sheet = &self.sheets[number];
        let run = self.yards[sheet.side].try_run(sheet.config);
        run.is_some_and(|run| run["state"] == "interrupted" && run["finished_at"].is_null())
    }

    /// Whether there is a run to go on with.
    fn has_run(&self, number: usize) -> bool {
        let Sheet { side, config, .. } = self.sheets[number];
        let prefix = format!("{}_{}-", config.0, config.1);
        let states = fs::read_dir(self.yards[side].root.join("logs/state"))
            .into_iter()
            .flatten()
            .flatten();
        states.map(|entry| entry.file_name()).any(|name| {
            let name = name.to_string_lossy();
            name.starts_with(&prefix) && name.ends_with(".json")
        })
    }

    /// Tasks of a command file that have not said that they ended well, and one for a run that does not say so of them all:
    /// what was stopped in its last moment is done again.
    fn left(&self, number: usize) -> usize {
        let ended = self.ended();
        let sheet = &self.sheets[number];
        let left = sheet.jobs.iter().filter(|job| !ended.contains(&job.name)).count();
        let run = self.yards[sheet.side].try_run(sheet.config);
        left + usize::from(run.is_none_or(|run| run["state"] != "completed"))
    }

    /// Names of tasks that have said that they ended well.
    fn ended(&self) -> BTreeSet<String> {
        let marks = self.yards[0].marks().into_iter();
        marks.filter(|mark| mark.event == "end").map(|mark| mark.name).collect()
    }

    /// How many ad-hoc tasks each daemon knows, by status.
    pub(super) fn adhoc(&self, side: usize) -> Value {
        let daemon = self.daemons[side].as_ref().expect("a daemon serves");
        daemon.get("/api/tasks?limit=1").body["counts"].clone()
    }

    /// Ad-hoc tasks that are not over.
    fn adhoc_left(&self, side: usize) -> usize {
        let counts = self.adhoc(side);
        let open = counts.as_object().into_iter().flatten();
        let open = open.filter(|(status, _)| !["completed", "failed", "cancelled"].contains(&status.as_str()));
        open.filter_map(|(_, count)| count.as_u64()).sum::<u64>() as usize
    }

    /// The schedulers of ad-hoc tasks wait for more, where those of command files end.
    pub(super) fn end_adhoc(&self) {
        for yard in &self.yards {
            let output = yard.ask(&["stop", "tasks"]);
            eprintln!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }

    pub(super) fn unfinished(&self) -> usize {
        let of_files: usize = (0..self.sheets.len()).map(|number| self.left(number)).sum();
        of_files + self.adhoc_left(0) + self.adhoc_left(1)
    }

    /// What was done, in one line.
    pub(super) fn story(&self) -> String {
        let marks = self.yards[0].marks();
        let count = |event| marks.iter().filter(|mark| mark.event == event).count();
        let mut text = format!("a life of {} starts and {} ends;", count("start"), count("end"));
        for (what, times) in &self.deeds {
            let _ = write!(text, " {what} {times}");
        }
        text
    }
}

impl Sheet {
    /// A new task, whose name nobody else ever has.
    pub(super) fn invent(&mut self, dice: &mut Dice) -> Job {
        self.next += 1;
        Job {
            queue: 1 + dice.roll(QUEUES),
            name: format!("{}-{}", self.letter, self.next),
            milliseconds: dice.roll(900),
            code: 0,
            gpus: if self.config.0 == "multi" {
                1 + dice.roll(GPUS) as u32
            } else {
                1
            },
            memory: (1 + dice.roll(20)) as f64,
        }
    }

    pub(super) fn text(&self) -> String {
        let block = |job: &Job| -> Block {
            task(
                job.queue,
                &format!("soak {} {} {}", job.name, job.milliseconds, job.code),
            )
            .gpus(job.gpus)
            .memory(job.memory)
        };
        Yard::text(self.config, &self.jobs.iter().map(block).collect::<Vec<_>>())
    }
}

impl Job {
    pub(super) fn ask_for(&mut self, memory: f64) {
        self.memory = memory;
    }
}

/// Puts a small file system in the place of a folder, for this test and what it starts alone.
fn mount(folder: &std::path::Path) -> bool {
    fs::create_dir_all(folder).unwrap();
    if !nix::unistd::geteuid().is_root() {
        return false;
    }
    // SAFETY: mounts alone are unshared, no descriptors; nothing relies on this thread seeing the others' mounts.
    if unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }.is_err() {
        return false;
    }
    let run = |words: &[&str]| {
        let output = std::process::Command::new("mount").args(words).arg(folder).output();
        output.is_ok_and(|output| output.status.success())
    };
    let private = std::process::Command::new("mount")
        .args(["--make-rprivate", "/"])
        .output();
    private.is_ok_and(|output| output.status.success())
        && run(&["-t", "tmpfs", "-o", &format!("size={}k,mode=700", disk()), "none"])
}
