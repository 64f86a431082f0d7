//! A lab's own files, as the seed's system left them: they load unchanged and run to the end.
use std::{fs, path::Path};

use crate::yard::{Config, MULTI, Mark, SINGLE, Yard, whole_leases_never_overlap};

/// In the place of `python`: stamps itself; the first of each queue waits until the first of all three have begun.
const PYTHON: &str = r#"#!/bin/bash
[ "$CONDA_DEFAULT_ENV" = finer_dynamic ] || { echo "the environment is '$CONDA_DEFAULT_ENV'" >&2; exit 3; }
[ "$2 $3" = "60 500" ] || { echo "arguments: $*" >&2; exit 4; }
name=$GPUYARD_MODE/$GPUYARD_QUEUE/$GPUYARD_PROCESS
mark() { printf '%s %s %s %s - %s %s\n' "$1" "$name" "$GPUYARD_UNI_ID" "$CUDA_VISIBLE_DEVICES" $$ "${EPOCHREALTIME/[.,]/}" >> marks; }
mark start
exec {never}<> <(:)
until [ "$GPUYARD_PROCESS" != 0 ] || [ "$(grep -c "^start $GPUYARD_MODE/[123]/0 " marks)" = 3 ]; do
  read -rt 0.02 -u "$never"
done
mark end
echo "ran in $PWD"
"#;

/// In the place of conda: a function, as `conda.sh` defines one, that puts the environment's programs on `PATH`.
const CONDA: &str = r#"conda() {
  [ "$1" = activate ] || return 1
  export CONDA_DEFAULT_ENV=$2 PATH="$HOME/miniconda3/envs/$2/bin:$PATH"
}
"#;

fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/samples");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// A lab's root: the samples, with one line of the rules changed: the folder in it is not on this machine.
fn lab() -> Yard {
    let yard = Yard::new("8x24GiB");
    let rules = fixture("config/gpu_manage.yaml");
    let there = r#""/home/hdl/project/fgvr_test_new""#;
    assert_eq!(rules.matches(there).count(), 1);
    fs::write(
        yard.rules_file(),
        rules.replace(there, &format!("\"{}\"", yard.work.display())),
    )
    .unwrap();
    for config in [SINGLE, MULTI, Config("single", 1)] {
        let path = yard.command_file(config);
        fs::write(
            &path,
            fixture(&format!("command/{}", path.file_name().unwrap().to_str().unwrap())),
        )
        .unwrap();
    }
    let conda = yard.base().join("home/miniconda3");
    let python = conda.join("envs/finer_dynamic/bin/python");
    for (path, text) in [(conda.join("etc/profile.d/conda.sh"), CONDA), (python.clone(), PYTHON)] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::set_permissions(python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    yard
}

fn at(marks: &[Mark], event: &str, name: &str) -> u64 {
    let found: Vec<&Mark> = marks
        .iter()
        .filter(|mark| mark.event == event && mark.name == name)
        .collect();
    assert_eq!(found.len(), 1, "{event} of {name}: {marks:#?}");
    found[0].at
}

/// Both sample files run side by side: in order inside a queue, queues side by side, no GPU shared, every key another.
#[test]
fn both_files_run_to_the_end() {
    let yard = lab();
    let before: Vec<_> = [SINGLE, MULTI]
        .map(|config| fs::read(yard.command_file(config)).unwrap())
        .into();
    let mut schedulers = [SINGLE, MULTI].map(|config| yard.schedule(config));
    for scheduler in &mut schedulers {
        assert_eq!(scheduler.wait(), 0, "{}", scheduler.output());
    }
    let marks = yard.marks();
    assert_eq!(whole_leases_never_overlap(&marks), 10);
    for mode in ["single", "multi"] {
        for queue in [1, 2] {
            let name = |process| format!("{mode}/{queue}/{process}");
            assert!(
                at(&marks, "end", &name(0)) <= at(&marks, "start", &name(1)),
                "queue {queue} of {mode} is out of order"
            );
        }
        // The stand-in of a queue's first task waits for those of the other two: that they ended says it.
        let last_start = (1..=3)
            .map(|queue| at(&marks, "start", &format!("{mode}/{queue}/0")))
            .max();
        let first_end = (1..=3)
            .map(|queue| at(&marks, "end", &format!("{mode}/{queue}/0")))
            .min();
        assert!(last_start <= first_end);
    }
    let mut keys: Vec<&str> = marks.iter().map(|mark| mark.uni_id.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 10, "each attempt has a key of its own");
    for config in [SINGLE, MULTI] {
        let run = yard.run(config);
        assert_eq!(
            (&run["state"], &run["total_tasks"], &run["completed_tasks"]),
            (&"completed".into(), &5.into(), &5.into()),
            "{run:#}"
        );
        let task = &run["queues"]["1"]["processes"][1];
        assert_eq!((&task["exit_code"], &task["attempt"]), (&0.into(), &1.into()));
        assert!(
            yard.log(task).contains(&format!("ran in {}", yard.work.display())),
            "{}",
            yard.log(task)
        );
    }
    let after: Vec<_> = [SINGLE, MULTI]
        .map(|config| fs::read(yard.command_file(config)).unwrap())
        .into();
    assert!(before == after, "a scheduler must not touch command files");
    assert!(
        yard.leases().is_empty(),
        "no lease outlives its attempt: {:?}",
        yard.leases()
    );
}

/// A file that holds only comments is a file of no tasks: done at once.
#[test]
fn a_file_of_comments_is_done_at_once() {
    let yard = lab();
    assert_eq!(yard.schedule(Config("single", 1)).wait(), 0);
    assert_eq!(yard.run(Config("single", 1))["total_tasks"], 0);
}

/// `{work_dir}` and `{uni_id}` become what they mean, in every command of an attempt; other braces stay.
#[test]
fn placeholders_and_environment_reach_the_task() {
    let yard = Yard::new("4x24GiB");
    let multi = "7\necho key={uni_id}\necho dir={work_dir} home=${HOME} json='{\"a\":1}'\nenv\n2\n3.5\n";
    fs::write(yard.command_file(MULTI), multi).unwrap();
    yard.set("GPUYARD_SECRET", "must-not-be-seen");
    assert_eq!(yard.schedule(MULTI).wait(), 0);
    let task = yard.task(MULTI, 7, 0);
    let log = yard.log(&task);
    let spec = yard.record(&task, "attempt.json");
    let key = spec["uni_id"].as_str().unwrap();
    let home = yard.base().join("home");
    for line in [
        format!("key={key}"),
        format!("dir={} home={} json={{\"a\":1}}", yard.work.display(), home.display()),
        format!("GPUYARD_UNI_ID={key}"),
        "CUDA_DEVICE_ORDER=PCI_BUS_ID".into(),
        "CUDA_VISIBLE_DEVICES=0,1".into(),
        "PYTHONUNBUFFERED=1".into(),
        "GPUYARD_MODE=multi".into(),
        "GPUYARD_CONFIG_INDEX=0".into(),
        "GPUYARD_QUEUE=7".into(),
        "GPUYARD_PROCESS=0".into(),
        "GPUYARD_ATTEMPT=1".into(),
        "GPUYARD_GPUS=0,1".into(),
        format!(
            "GPUYARD_LOG={}",
            yard.attempt_folder(&task).join("output.log").display()
        ),
    ] {
        assert!(log.lines().any(|found| found == line), "no line {line:?} in\n{log}");
    }
    assert!(!log.contains("must-not-be-seen"));
    assert_eq!(spec["memory"], (3.5 * f64::from(1 << 30)) as u64);
}
