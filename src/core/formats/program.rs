//! Which part of gpuyard a process is, by its command line: what no kill may ever hit.
use crate::wire::Role;

/// Options that stand before the verb and take a value of their own.
const WITH_VALUE: [&str; 3] = ["--root", "--lang", "--color"];

/// Daemon, scheduler or runner; `None` for anything else, other verbs of gpuyard too.
pub fn part_of_gpuyard<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Option<Role> {
    let mut words = arguments.into_iter();
    let program = words.next()?;
    // Runners, and schedulers that a daemon started, may be named by the link to the program that started them.
    let name = program.rsplit('/').next().unwrap_or(program);
    if program != "/proc/self/exe" && name != "gpuyard" && !name.starts_with("gpuyard-") {
        return None;
    }
    while let Some(word) = words.next() {
        if WITH_VALUE.contains(&word) {
            words.next();
            continue;
        }
        match word {
            "serve" => return Some(Role::Daemon),
            "schedule" => return Some(Role::Scheduler),
            "run-task" => return Some(Role::Runner),
            option if option.starts_with('-') => {}
            _ => return None,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(line: &str) -> Option<Role> {
        part_of_gpuyard(line.split(' '))
    }

    #[test]
    fn daemons_schedulers_and_runners_are_known_by_their_verbs() {
        for (line, role) in [
            ("gpuyard serve", Some(Role::Daemon)),
            ("/opt/gpuyard/bin/gpuyard --root /data serve", Some(Role::Daemon)),
            ("gpuyard --root=/data --lang zh serve", Some(Role::Daemon)),
            (
                "gpuyard --root schedule schedule single 0 --announce",
                Some(Role::Scheduler),
            ),
            ("gpuyard schedule tasks", Some(Role::Scheduler)),
            ("/proc/self/exe run-task", Some(Role::Runner)),
            ("./gpuyard-0.2.0 run-task", Some(Role::Runner)),
            ("gpuyard --root serve gpus", None),
            ("gpuyard logs single 0 serve", None),
            ("gpuyard", None),
            ("/proc/self/exe --type=gpu-process", None),
            ("python serve", None),
            ("python gpuyard serve", None),
            ("", None),
        ] {
            assert_eq!(part(line), role, "{line}");
        }
    }
}
