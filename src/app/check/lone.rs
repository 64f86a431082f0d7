//! Commands that change only the shell that they run in, and so do nothing for the next command of their task.

/// Why a whole command is of no use, if it is: each command has a `bash` of its own.
pub(crate) fn lone(command: &str) -> Option<&'static str> {
    let command = command.trim();
    // With more on the line, what comes after it has the benefit.
    if command.contains(['\n', ';', '|', '&', '`']) || command.contains("$(") {
        return None;
    }
    let mut words = command.split_whitespace();
    let (first, second) = (words.next()?, words.next());
    let activates = |word: &str| word == "activate" || word.ends_with("/activate");
    match (first, second) {
        ("cd" | "pushd", _) => Some("cd"),
        ("export", _) => Some("export"),
        ("conda" | "mamba" | "micromamba", Some("activate")) => Some("activate"),
        ("source" | ".", Some(script)) if activates(script) => Some("activate"),
        (script, _) if activates(script) => Some("activate"),
        _ => None,
    }
}

/// The conda environment that a command activates by name.
pub(crate) fn conda_environment(command: &str) -> Option<&str> {
    let mut words = command.split_whitespace();
    while let Some(word) = words.next() {
        if matches!(word, "conda" | "mamba") && words.clone().next() == Some("activate") {
            let name = words
                .nth(1)?
                .trim_end_matches([';', '&', ')'])
                .trim_matches(['"', '\'']);
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | '+');
            return (!name.is_empty() && name.chars().all(plain)).then_some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_only_changes_its_own_shell_is_found() {
        for (command, word) in [
            ("cd /data", "cd"),
            ("  export CUDA_LAUNCH_BLOCKING=1", "export"),
            ("conda activate cls", "activate"),
            ("source venv/bin/activate", "activate"),
            (". /opt/venv/bin/activate", "activate"),
        ] {
            assert_eq!(lone(command), Some(word), "{command}");
        }
        for fine in [
            "conda activate cls && python a.py",
            "cd /data; python a.py",
            "export A=1 && true",
            "python cd.py",
            "source setup.sh",
            "conda run -n cls python a.py",
            "",
        ] {
            assert_eq!(lone(fine), None, "{fine}");
        }
    }

    #[test]
    fn environments_are_read_from_what_activates_them() {
        for (command, name) in [
            ("conda activate cls && python a.py", Some("cls")),
            ("source x && mamba activate 'a-b'; python", Some("a-b")),
            ("conda activate /data/envs/x", Some("/data/envs/x")),
            ("conda activate $ENV && python", None),
            ("conda activate", None),
            ("conda run -n x python", None),
        ] {
            assert_eq!(conda_environment(command), name, "{command}");
        }
    }
}
