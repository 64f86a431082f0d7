//! What a command sees when it starts, and how it ends.
use std::fs;

use gpuyard_core::model::{Outcome, Seconds};

use crate::yard::{Yard, code, wait_until};

/// Fault C4 (P3).
#[test]
fn exit_codes_and_signals_are_told() {
    let mut yard = Yard::new();
    assert_eq!(code(&yard.run(&["exit 0"]).1), 0);
    assert_eq!(code(&yard.run(&["exit 42"]).1), 42);
    assert_eq!(code(&yard.run(&["no_such_command_at_all"]).1), 127);
    let (id, record) = yard.run(&["kill -SEGV $$"]);
    assert_eq!(
        record.outcome,
        Outcome::Signaled {
            signal: 11,
            out_of_memory: false
        }
    );
    assert!(
        String::from_utf8(yard.log(&id))
            .unwrap()
            .contains("[gpuyard] killed by signal 11\n")
    );
    // Nobody's out-of-memory killer was at work.
    let (_, record) = yard.run(&["kill -KILL $$"]);
    assert_eq!(
        record.outcome,
        Outcome::Signaled {
            signal: 9,
            out_of_memory: false
        }
    );
    assert_eq!((record.recorded_by.as_str(), record.left_over), ("runner", 0));
}

#[test]
fn the_first_command_that_fails_is_the_last() {
    let mut yard = Yard::new();
    let (id, record) = yard.run(&["echo a", "echo b; exit 3", "echo c"]);
    assert_eq!((code(&record), record.command_index), (3, 1));
    assert_eq!(yard.output(&id), "a\nb\n");
}

#[test]
fn the_environment_is_the_runners_with_what_the_attempt_says() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["env -0 > env"]);
    spec.environment = [
        ("CUDA_VISIBLE_DEVICES", "3"),
        ("MANY", "a b\nc=d"),
        ("GPUYARD_UNI_ID", "forged"),
    ]
    .map(|(k, v)| (k.into(), v.into()))
    .into();
    spec.unset = vec!["HOME".into(), "NOT_THERE".into()];
    let hidden = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .last()
        .unwrap();
    spec.hide_from_path = vec![hidden.clone()];
    spec.environment.insert("PATH_WAS".into(), "kept".into());
    let id = yard.launch(&spec);
    assert_eq!(code(&yard.ended(&id)), 0);
    let env = fs::read_to_string(yard.file("env")).unwrap();
    let env: std::collections::BTreeMap<&str, &str> =
        env.split('\0').filter_map(|entry| entry.split_once('=')).collect();
    let log = spec.log_path.display().to_string();
    for (name, value) in [
        ("CUDA_VISIBLE_DEVICES", "3"),
        ("MANY", "a b\nc=d"),
        ("GPUYARD_UNI_ID", id.as_str()),
        ("GPUYARD_LOG", &log),
        ("GPUYARD_MODE", "single"),
        ("GPUYARD_CONFIG_INDEX", "2"),
        ("GPUYARD_QUEUE", "7"),
        ("GPUYARD_PROCESS", "3"),
        ("GPUYARD_ATTEMPT", "1"),
        ("GPUYARD_GPUS", "0"),
    ] {
        assert_eq!(env.get(name), Some(&value), "{name}");
    }
    assert!(!env.contains_key("HOME"));
    assert!(!std::env::split_paths(env["PATH"]).any(|folder| folder == hidden));
}

#[test]
fn conda_is_sourced_only_where_it_is_named() {
    let mut yard = Yard::new();
    let conda = yard.file("it's conda.sh");
    fs::write(&conda, "conda() { echo \"conda $*\"; }\n").unwrap();
    let mut spec = yard.spec(&["conda activate x && echo ok", "type -t conda || echo none"]);
    spec.conda_sh = Some(conda);
    spec.commands[1] = "type -t con\"\"da || echo none".into();
    let id = yard.launch(&spec);
    assert_eq!(code(&yard.ended(&id)), 0);
    assert_eq!(yard.output(&id), "conda activate x\nok\nnone\n");
}

#[test]
fn a_command_is_a_fresh_process_of_its_own() {
    let mut yard = Yard::new();
    let (id, record) = yard.run(&[
        // pid, process group, session and terminal of the command itself.
        "read -r -a s < /proc/$$/stat; [[ $$ == ${s[4]} && $$ == ${s[5]} && ${s[6]} == 0 ]] && echo own session",
        "grep -E '^Sig(Blk|Ign)' /proc/self/status",
        "cat; echo no input",
    ]);
    assert_eq!(code(&record), 0);
    let output = yard.output(&id);
    assert!(output.starts_with("own session\n"), "{output}");
    let set = |name: &str| {
        let line = output.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        // 32 and 33 are the C library's own, which no program can set.
        u64::from_str_radix(line.trim_start_matches(":\t"), 16).unwrap() & !(0b11 << 31)
    };
    assert_eq!((set("SigBlk"), set("SigIgn")), (0, 0), "{output}");
    assert!(output.ends_with("no input\n"));
}

/// Fault D2 (P4).
#[test]
fn a_command_inherits_the_leases_descriptor_and_no_other() {
    let mut yard = Yard::new();
    // One that anybody could forget to close.
    let leaked = fs::File::open("/etc/passwd").unwrap();
    rustix::io::fcntl_setfd(&leaked, rustix::io::FdFlags::empty()).unwrap();
    let (id, _) = yard.run(&["for f in /proc/self/fd/*; do readlink $f; done | sort > fds; exec true"]);
    let fds = fs::read_to_string(yard.file("fds")).unwrap();
    let lease = yard.host.path().join(format!("{id}.lease")).display().to_string();
    let others: Vec<&str> = fds
        .lines()
        // The shell's own: the folder it lists is closed by then, its output goes into a pipe.
        .filter(|l| !l.starts_with("pipe:") && !l.starts_with("/proc/"))
        .filter(|l| *l != "/dev/null" && *l != yard.log_path(&id).display().to_string())
        .collect();
    assert_eq!(others, [lease.as_str()], "{fds}");
}

#[test]
fn an_attempt_has_a_cgroup_of_its_own_while_it_lives() {
    let mut yard = Yard::new();
    let id = yard.start(&["cat /proc/self/cgroup > cgroup; until [[ -e go ]]; do read -t 0.02 < <(:) || :; done"]);
    let start = yard.started(&id);
    fs::write(yard.file("go"), "").unwrap();
    assert_eq!(code(&yard.ended(&id)), 0);
    let Some(cgroup) = start.cgroup else {
        eprintln!("SKIPPED: no cgroup v2 to make one in");
        return;
    };
    let own = fs::read_to_string(yard.file("cgroup")).unwrap();
    assert!(
        own.lines().any(|line| line == format!("0::{}", cgroup.display())),
        "{own}"
    );
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(|m| format!("{m}{}", cgroup.display()));
    wait_until("it is gone", || !mounts.iter().any(|path| fs::exists(path).unwrap()));
}

#[test]
fn what_cannot_be_started_says_why() {
    let mut yard = Yard::new();
    let mut spec = yard.spec(&["touch ran"]);
    spec.work_dir = yard.file("nowhere");
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    let Outcome::NotStarted { message, .. } = &record.outcome else {
        panic!("{record:?}")
    };
    assert!(
        message.contains("nowhere") && message.contains("No such file"),
        "{message}"
    );
    assert!(String::from_utf8(yard.log(&id)).unwrap().contains(message.as_str()));
    assert_eq!(record.left_over, 0);

    let mut spec = yard.spec(&["touch ran"]);
    spec.environment.insert("PATH".into(), "/nowhere".into());
    let id = yard.launch(&spec);
    let record = yard.ended(&id);
    assert_eq!(
        record.outcome,
        Outcome::NotStarted {
            message: "bash is not on PATH".into(),
            disk_full: false,
        }
    );

    let (_, record) = yard.run(&["true", "touch ran \0"]);
    assert_eq!(
        record.outcome,
        Outcome::NotStarted {
            message: "the command holds NUL".into(),
            disk_full: false,
        }
    );
    assert_eq!(record.command_index, 1);
    assert!(!yard.file("ran").exists());
}

#[test]
fn what_was_used_is_on_record() {
    let mut yard = Yard::new();
    // Its own processes and those of its children count, also of one that it does not wait for.
    let (_, record) =
        yard.run(&["x=$(head -c 30000000 /dev/zero | tr '\\0' x); (for ((i=0;i<20000;i++)); do :; done) & wait"]);
    assert!(record.peak_rss.unwrap().0 > 20 << 20, "{record:?}");
    assert!(
        record.user_cpu.unwrap().0 + record.system_cpu.unwrap().0 > 0.0,
        "{record:?}"
    );
    assert!(record.finished_at >= record.started_at && record.duration >= Seconds(0.0));
}

#[test]
fn many_attempts_leave_no_descriptor_behind() {
    let mut yard = Yard::new();
    let open = || fs::read_dir("/proc/self/fd").unwrap().count();
    yard.run(&["true"]);
    let before = open();
    for _ in 0..20 {
        yard.run(&["true"]);
    }
    assert_eq!(open(), before);
    let pid = std::process::id() as i32;
    wait_until("no zombie", || crate::yard::zombies_of(pid) == 0);
}
