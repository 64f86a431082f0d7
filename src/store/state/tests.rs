//! Tests of snapshot and journal: cut off anywhere, a crash between any two steps, a full disk, readers beside the writer.
use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use gpuyard_core::model::Mono;
use serde::Deserialize;

use super::{journal::journal_path, *};
use crate::{StoreError, file::tests::SmallDisk};

/// A run that remembers what happened to it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tally {
    version: u32,
    run_id: RunId,
    seq: u64,
    generation: u64,
    values: Vec<u64>,
    padding: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Add {
    seq: u64,
    value: u64,
}

impl Snapshot for Tally {
    const VERSION: u32 = 1;
    fn run_id(&self) -> &RunId {
        &self.run_id
    }
    fn seq(&self) -> u64 {
        self.seq
    }
    fn generation(&self) -> u64 {
        self.generation
    }
    fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }
}

impl Record for Add {
    fn seq(&self) -> u64 {
        self.seq
    }
}

impl Tally {
    fn new() -> Tally {
        Tally {
            version: 1,
            run_id: RunId("run-1".into()),
            seq: 0,
            generation: 0,
            values: vec![],
            padding: String::new(),
        }
    }

    fn apply(&mut self, event: &Add) {
        assert_eq!(event.seq, self.seq + 1);
        self.seq = event.seq;
        self.values.push(event.value);
    }

    fn next(&self, value: u64) -> Add {
        Add {
            seq: self.seq + 1,
            value,
        }
    }
}

type Store = StateStore<Tally, Add>;

/// Appends and applies.
fn add(store: &mut Store, run: &mut Tally, value: u64) -> Result<(), StoreError> {
    let event = run.next(value);
    store.append(&event, value.is_multiple_of(2))?;
    run.apply(&event);
    Ok(())
}

fn state(loaded: &Loaded<Tally, Add>) -> Vec<u64> {
    let mut run = loaded.snapshot.clone();
    loaded.events.iter().for_each(|event| run.apply(event));
    run.values
}

fn read(dir: &Path) -> Loaded<Tally, Add> {
    load(dir, &RunId("run-1".into())).unwrap()
}

/// A folder with a snapshot of [1, 2] and a journal of [3, 4, 5].
fn five() -> (tempfile::TempDir, Store, Tally) {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Tally::new();
    let mut store = Store::create(folder.path(), &mut run).unwrap();
    for value in [1, 2] {
        add(&mut store, &mut run, value).unwrap();
    }
    store.write_snapshot(&mut run, Mono(0)).unwrap();
    for value in [3, 4, 5] {
        add(&mut store, &mut run, value).unwrap();
    }
    (folder, store, run)
}

fn copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path().join(entry.file_name())).unwrap();
    }
    to
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn the_journal(dir: &Path) -> PathBuf {
    journal_path(dir, &RunId("run-1".into()), 2)
}

#[test]
fn what_was_written_is_read_and_gone_on_with() {
    let (folder, store, run) = five();
    assert_eq!(state(&read(folder.path())), [1, 2, 3, 4, 5]);
    assert!(matches!(
        Store::create(folder.path(), &mut run.clone()),
        Err(StoreError::Exists { .. })
    ));
    drop(store);
    let (mut store, loaded) = Store::resume(folder.path(), &run.run_id).unwrap();
    assert_eq!(
        (state(&loaded), loaded.findings, loaded.torn),
        (vec![1, 2, 3, 4, 5], vec![], false)
    );
    let mut run = run;
    add(&mut store, &mut run, 6).unwrap();
    store.write_snapshot(&mut run, Mono(9)).unwrap();
    add(&mut store, &mut run, 7).unwrap();
    assert_eq!(state(&read(folder.path())), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(names(folder.path()), ["run-1.3.journal", "run-1.json"]);
    use std::os::unix::fs::PermissionsExt;
    for name in names(folder.path()) {
        assert_eq!(
            folder.path().join(name).metadata().unwrap().permissions().mode() & 0o777,
            0o600
        );
    }
}

/// Fault W1 (P1).
#[test]
fn a_journal_cut_off_at_any_byte_loses_nothing_that_was_whole() {
    let (folder, _store, _run) = five();
    let bytes = fs::read(the_journal(folder.path())).unwrap();
    for cut in 0..=bytes.len() {
        let copy = copy(folder.path());
        fs::write(the_journal(copy.path()), &bytes[..cut]).unwrap();
        let whole = bytes[..cut].iter().filter(|byte| **byte == b'\n').count() as u64;
        let expected: Vec<u64> = (1..=2 + whole).collect();
        let loaded = read(copy.path());
        assert_eq!(
            (state(&loaded), loaded.findings.len()),
            (expected.clone(), 0),
            "cut at {cut}"
        );
        let (mut store, loaded) = Store::resume(copy.path(), &RunId("run-1".into())).unwrap();
        assert_eq!(loaded.torn, cut > 0 && bytes[cut - 1] != b'\n');
        store
            .append(
                &Add {
                    seq: 3 + whole,
                    value: 77,
                },
                true,
            )
            .unwrap();
        let now = state(&read(copy.path()));
        assert_eq!((now.len(), now.last()), (expected.len() + 1, Some(&77)), "cut at {cut}");
    }
}

/// Fault W1 (P1).
#[test]
fn a_journal_with_any_byte_changed_is_kept_aside_and_says_nothing_wrong() {
    let (folder, _store, run) = five();
    let bytes = fs::read(the_journal(folder.path())).unwrap();
    for at in 0..bytes.len() {
        let copy = copy(folder.path());
        let mut rotten = bytes.clone();
        rotten[at] ^= 0x21;
        fs::write(the_journal(copy.path()), &rotten).unwrap();
        let loaded = read(copy.path());
        let values = state(&loaded);
        assert_eq!(values, run.values[..values.len()], "at {at}");
        assert!(values.len() < 5);
        // The newline at the very end makes a torn line of the last one: that is no damage.
        let torn_only = loaded.findings.is_empty();
        assert_eq!(torn_only, at == bytes.len() - 1, "at {at}: {:?}", loaded.findings);
        let (mut store, loaded) = Store::resume(copy.path(), &run.run_id).unwrap();
        if torn_only {
            continue;
        }
        let kept = fs::read(copy.path().join("run-1.2.journal.broken-1")).unwrap();
        assert_eq!(kept, rotten);
        assert!(loaded.findings.iter().any(|finding| finding.contains("broken-1")));
        // Nothing goes on before a new snapshot is on disk.
        let mut run = loaded.snapshot;
        loaded.events.iter().for_each(|event| run.apply(event));
        assert!(matches!(
            add(&mut store, &mut run, 9),
            Err(StoreError::JournalBroken { .. })
        ));
        assert!(store.is_broken() && store.snapshot_due(Mono(0)));
        store.write_snapshot(&mut run, Mono(0)).unwrap();
        add(&mut store, &mut run, 9).unwrap();
        assert_eq!(state(&read(copy.path())), run.values);
        let listed = list(copy.path()).unwrap();
        assert_eq!(
            (listed.len(), listed[0].broken.len(), listed[0].has_snapshot),
            (1, 1, true)
        );
    }
}

/// Fault W1 (P1).
#[test]
fn a_snapshot_cut_off_at_any_byte_is_an_error_and_kept() {
    let (folder, _store, run) = five();
    let path = folder.path().join("run-1.json");
    let bytes = fs::read(&path).unwrap();
    for cut in 0..bytes.len() {
        let copy = copy(folder.path());
        let path = copy.path().join("run-1.json");
        fs::write(&path, &bytes[..cut]).unwrap();
        let error = load::<Tally, Add>(copy.path(), &run.run_id).unwrap_err();
        assert!(
            matches!(error, StoreError::Corrupt { .. }) && error.to_string().contains("run-1.json"),
            "{error}"
        );
        assert!(Store::resume(copy.path(), &run.run_id).is_err());
        assert!(matches!(
            Store::create(copy.path(), &mut Tally::new()),
            Err(StoreError::Exists { .. })
        ));
        assert_eq!(fs::read(&path).unwrap(), &bytes[..cut]);
    }
    fs::write(&path, &bytes[..40]).unwrap();
    let kept = set_aside(folder.path(), &run.run_id).unwrap();
    assert_eq!(
        (kept.len(), names(folder.path())),
        (2, vec!["run-1.2.journal.broken-1".into(), "run-1.json.broken-1".into()])
    );
    let listed = list(folder.path()).unwrap();
    assert_eq!((listed[0].has_snapshot, listed[0].broken.len()), (false, 2));
    Store::create(folder.path(), &mut Tally::new()).unwrap();
    assert_eq!(
        fs::read(folder.path().join("run-1.json.broken-1")).unwrap(),
        &bytes[..40]
    );
}

#[test]
fn a_crash_between_any_two_steps_of_a_compaction_loses_nothing() {
    let (folder, mut store, mut run) = five();
    let dir = folder.path();
    let before = copy(dir);
    let old_journal = fs::read(the_journal(dir)).unwrap();
    store.write_snapshot(&mut run, Mono(0)).unwrap();
    let next_journal = |dir: &Path| journal_path(dir, &RunId("run-1".into()), 3);

    // 1. The next journal was made. 2. A temporary snapshot was written in part.
    let one = copy(before.path());
    fs::write(next_journal(one.path()), "").unwrap();
    let two = copy(one.path());
    fs::write(two.path().join(".gpuyard-tmp-abc"), "{\"version\":1,\"run").unwrap();
    // 3. The snapshot took its place. 4. The old journal is gone (that is `dir` itself).
    let three = copy(dir);
    fs::write(the_journal(three.path()), &old_journal).unwrap();
    let four = copy(dir);
    // The folder kept the rename and lost the new journal's entry.
    let five = copy(three.path());
    fs::remove_file(next_journal(five.path())).unwrap();
    // A left-over journal of a crash long ago, with lines in it, stands where the next one is to be made.
    let six = copy(before.path());
    fs::write(next_journal(six.path()), &old_journal).unwrap();

    for (step, folder) in [&before, &one, &two, &three, &four, &five, &six]
        .into_iter()
        .enumerate()
    {
        let dir = folder.path();
        assert_eq!(state(&read(dir)), [1, 2, 3, 4, 5], "step {step}");
        let (mut store, loaded) = Store::resume(dir, &run.run_id).unwrap();
        let mut run = loaded.snapshot.clone();
        loaded.events.iter().for_each(|event| run.apply(event));
        if store.is_broken() {
            store.write_snapshot(&mut run, Mono(0)).unwrap();
        }
        add(&mut store, &mut run, 6).unwrap();
        assert_eq!(state(&read(dir)), [1, 2, 3, 4, 5, 6], "step {step}");
        store.write_snapshot(&mut run, Mono(0)).unwrap();
        add(&mut store, &mut run, 7).unwrap();
        assert_eq!(state(&read(dir)), [1, 2, 3, 4, 5, 6, 7], "step {step}");
        let journals = names(dir).iter().filter(|name| name.ends_with(".journal")).count();
        assert_eq!(journals, 1, "step {step}: {:?}", names(dir));
    }
}

#[test]
fn another_version_and_another_run_are_refused_in_words() {
    let (folder, _store, run) = five();
    let path = folder.path().join("run-1.json");
    let text = fs::read_to_string(&path).unwrap();
    // Also where everything else has another shape.
    fs::write(&path, "{\"version\":7,\"tasks\":[]}").unwrap();
    let error = load::<Tally, Add>(folder.path(), &run.run_id).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("format version 7, and this program knows version 1"),
        "{error}"
    );
    fs::write(&path, text.replace("run-1", "run-2")).unwrap();
    assert!(
        load::<Tally, Add>(folder.path(), &run.run_id)
            .unwrap_err()
            .to_string()
            .contains("run-2")
    );
    for odd in ["", "null", "[]", "\u{feff}{}", "\0\0\0\0", "{\"version\":\"1\"}"] {
        fs::write(&path, odd).unwrap();
        assert!(
            matches!(
                load::<Tally, Add>(folder.path(), &run.run_id),
                Err(StoreError::Corrupt { .. })
            ),
            "{odd:?}"
        );
    }
}

#[test]
fn runs_are_listed_and_removed() {
    let (folder, _store, run) = five();
    for name in [
        ".gpuyard-tmp-x",
        "notes.txt",
        "run-2.1.journal",
        "run-3.json.broken-4",
        "run-3.json.broken-x",
    ] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    let listed = list(folder.path()).unwrap();
    let short: Vec<_> = listed
        .iter()
        .map(|l| (l.run_id.as_str(), l.has_snapshot, l.broken.len()))
        .collect();
    assert_eq!(short, [("run-1", true, 0), ("run-2", false, 0), ("run-3", false, 1)]);
    remove(folder.path(), &run.run_id).unwrap();
    remove(folder.path(), &RunId("run-3".into())).unwrap();
    assert_eq!(list(folder.path()).unwrap().len(), 1);
    assert_eq!(list(&folder.path().join("absent")).unwrap(), []);
}

/// Fault D1 (P1, P6).
#[test]
fn a_full_disk_stops_the_journal_and_heals() {
    let Some(disk) = SmallDisk::mount("size=2m") else {
        return;
    };
    let dir = disk.path().join("state");
    let mut run = Tally::new();
    let mut store = Store::create(&dir, &mut run).unwrap();
    add(&mut store, &mut run, 2).unwrap();
    let ballast = disk.path().join("ballast");
    let mut filler = fs::File::create(&ballast).unwrap();
    // All but the rest of the journal's own page.
    while std::io::Write::write_all(&mut filler, &[0; 4096]).is_ok() {}
    let mut value = 2;
    let error = loop {
        value += 2;
        if let Err(error) = add(&mut store, &mut run, value) {
            break error;
        }
    };
    assert!(error.is_disk_trouble(), "{error}");
    // No torn line was left, nothing more is taken, and what was acknowledged is there.
    assert!(matches!(
        add(&mut store, &mut run, 1),
        Err(StoreError::JournalBroken { .. })
    ));
    let loaded = read(&dir);
    assert_eq!((state(&loaded), loaded.torn), (run.values.clone(), false));
    let generation = run.generation;
    assert!(store.write_snapshot(&mut run, Mono(0)).unwrap_err().is_disk_trouble());
    assert_eq!((run.generation, state(&read(&dir))), (generation, run.values.clone()));
    assert!(!store.snapshot_due(Mono(499)) && store.snapshot_due(Mono(500)));
    assert_eq!(store.snapshot_at(Mono(3)), Some(Mono(500)));
    drop(filler);
    fs::remove_file(&ballast).unwrap();
    // What happened meanwhile was applied by the caller alone: the snapshot carries it to disk.
    let missed = run.next(1000);
    run.apply(&missed);
    store.write_snapshot(&mut run, Mono(500)).unwrap();
    add(&mut store, &mut run, 1002).unwrap();
    assert_eq!(state(&read(&dir)), run.values);
}

/// Fault S1 (P1).
#[test]
fn writing_costs_in_proportion_to_what_changed() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Tally::new();
    let mut store = Store::create(folder.path(), &mut run).unwrap();
    assert!(!store.snapshot_due(Mono(10_000)));
    assert_eq!(store.snapshot_at(Mono(10_000)), None);
    // Small: rewritten with the first change, at most twice a second.
    add(&mut store, &mut run, 1).unwrap();
    assert!(store.snapshot_due(Mono(10_000)));
    store.write_snapshot(&mut run, Mono(10_000)).unwrap();
    add(&mut store, &mut run, 1).unwrap();
    assert_eq!(
        (store.snapshot_due(Mono(10_499)), store.snapshot_at(Mono(10_200))),
        (false, Some(Mono(10_500)))
    );
    // Large: bought by a quarter as much journal.
    run.padding = "x".repeat(4 << 20);
    store.write_snapshot(&mut run, Mono(20_000)).unwrap();
    let (mut journal, mut snapshots) = (0, 0);
    for step in 0..60_000_u64 {
        add(&mut store, &mut run, 1).unwrap();
        journal += 40;
        if store.snapshot_due(Mono(21_000 + step * 1_000)) {
            snapshots += 1;
            store.write_snapshot(&mut run, Mono(21_000 + step * 1_000)).unwrap();
        }
    }
    assert!(
        snapshots <= journal / (1 << 20) + 1,
        "{snapshots} snapshots for {journal} bytes of journal"
    );
    assert!(snapshots >= 1);
}

#[test]
fn a_follower_reads_only_what_is_new() {
    let (folder, mut store, mut run) = five();
    let mut follower = Follower::<Tally, Add>::new(folder.path(), &run.run_id);
    let first = follower.poll().unwrap();
    let mut seen = first.snapshot.unwrap();
    first.events.iter().for_each(|event| seen.apply(event));
    assert_eq!(seen.values, run.values);
    assert!(follower.poll().unwrap().is_empty());
    add(&mut store, &mut run, 6).unwrap();
    let update = follower.poll().unwrap();
    assert_eq!((update.snapshot, update.events.len()), (None, 1));
    // Half a line says nothing yet; its other half makes it one event.
    let path = the_journal(folder.path());
    let line = journal::line(&run.next(7)).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], &line[..9]].concat()).unwrap();
    assert!(follower.poll().unwrap().is_empty());
    fs::write(&path, [&whole[..], &line].concat()).unwrap();
    assert_eq!(follower.poll().unwrap().events, [run.next(7)]);
    run.apply(&run.next(7).clone());
    store.write_snapshot(&mut run, Mono(0)).unwrap();
    let update = follower.poll().unwrap();
    assert_eq!(
        (update.snapshot.map(|run| run.values), update.events.len()),
        (Some(run.values.clone()), 0)
    );
    set_aside(folder.path(), &run.run_id).unwrap();
    assert!(follower.poll().unwrap_err().is_not_found());
}

#[test]
fn readers_beside_the_writer_always_see_a_true_state() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Tally::new();
    let mut store = Store::create(folder.path(), &mut run).unwrap();
    let (dir, run_id, done) = (folder.path(), run.run_id.clone(), AtomicBool::new(false));
    let (last_loaded, followed) = std::thread::scope(|scope| {
        let loader = scope.spawn(|| {
            let mut last = 0;
            while !done.load(Ordering::SeqCst) {
                let loaded = load::<Tally, Add>(dir, &run_id).unwrap();
                assert_eq!(loaded.findings, Vec::<String>::new());
                let now = state(&loaded);
                assert_eq!(now, (1..=now.len() as u64).collect::<Vec<_>>());
                assert!(now.len() >= last);
                last = now.len();
            }
            last
        });
        let follower = scope.spawn(|| {
            let mut follower = Follower::<Tally, Add>::new(dir, &run_id);
            let mut seen: Option<Tally> = None;
            loop {
                let over = done.load(Ordering::SeqCst);
                let update = follower.poll().unwrap();
                assert_eq!(update.findings, Vec::<String>::new());
                if let Some(snapshot) = update.snapshot {
                    seen = Some(snapshot);
                }
                if let Some(seen) = &mut seen {
                    update.events.iter().for_each(|event| seen.apply(event));
                }
                if over {
                    return seen.map(|seen| seen.values);
                }
            }
        });
        for value in 1..=2_000 {
            let event = run.next(value);
            store.append(&event, false).unwrap();
            run.apply(&event);
            if value.is_multiple_of(7) {
                store.write_snapshot(&mut run, Mono(value)).unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
        (loader.join().unwrap(), follower.join().unwrap())
    });
    assert!(last_loaded <= 2_000);
    assert_eq!(followed, Some(run.values));
}
