//! Where conda is, so that `conda activate` works in a command.
use std::path::{Path, PathBuf};

/// Below the base, for bash.
const SCRIPT: &str = "etc/profile.d/conda.sh";
/// Where people install it, below their home.
const IN_HOME: [&str; 8] = [
    "miniconda3",
    "anaconda3",
    "miniforge3",
    "mambaforge",
    "miniconda",
    "anaconda",
    "micromamba",
    ".conda",
];
/// Where administrators install it.
const ON_HOST: [&str; 6] = [
    "/opt/conda",
    "/opt/miniconda3",
    "/opt/anaconda3",
    "/opt/miniforge3",
    "/usr/local/anaconda3",
    "/usr/local/miniconda3",
];

/// Whether a command wants conda: it has the word `conda` or `mamba` in it.
pub fn is_wanted(command: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    ["conda", "mamba"].iter().any(|word| {
        command.match_indices(word).any(|(at, _)| {
            !command[..at].chars().next_back().is_some_and(is_word)
                && !command[at + word.len()..].chars().next().is_some_and(is_word)
        })
    })
}

/// `conda.sh`, by the rules' `conda_base`, by `CONDA_EXE`, by what `conda init` wrote into `~/.bashrc`, or in the usual
/// places, in this order.
pub fn script(rules_base: Option<&Path>, conda_exe: Option<&Path>, home: Option<&Path>) -> Option<PathBuf> {
    let from_exe = conda_exe.and_then(|exe| exe.parent()?.parent()).map(Path::to_owned);
    let from_bashrc = home.and_then(|home| {
        // A bounded read: this file is the user's, and may be anything.
        let text = gpuyard_store::file::read_bounded(&home.join(".bashrc"), 1 << 20).ok()?;
        base_in_bashrc(&String::from_utf8_lossy(&text))
    });
    let in_home = home
        .into_iter()
        .flat_map(|home| IN_HOME.iter().map(move |name| home.join(name)));
    rules_base
        .map(Path::to_owned)
        .into_iter()
        .chain(from_exe)
        .chain(from_bashrc)
        .chain(in_home)
        .chain(ON_HOST.iter().map(PathBuf::from))
        .map(|base| base.join(SCRIPT))
        .find(|script| script.is_file())
}

/// The base in the block that `conda init` writes: `__conda_setup="$('/home/u/miniconda3/bin/conda' 'shell.bash' …`.
fn base_in_bashrc(text: &str) -> Option<PathBuf> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .find_map(|line| {
            let end = line.find("/bin/conda")?;
            let start = line[..end].rfind(['\'', '"', '(', ' ', '=']).map_or(0, |at| at + 1);
            Some(PathBuf::from(&line[start..end])).filter(|base| base.is_absolute())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_word_counts() {
        for wanted in [
            "conda activate x && python y",
            "source a; mamba run b",
            "/opt/conda/bin/python",
            "conda",
        ] {
            assert!(is_wanted(wanted), "{wanted}");
        }
        for not in ["python secondary.py", "anaconda-project", "condas", "miniconda3", ""] {
            assert!(!is_wanted(not), "{not}");
        }
    }

    #[test]
    fn the_base_is_read_from_what_conda_init_wrote() {
        let text =
            "# >>> conda initialize >>>\n__conda_setup=\"$('/home/u/miniconda3/bin/conda' 'shell.bash' 'hook')\"\n";
        assert_eq!(base_in_bashrc(text), Some("/home/u/miniconda3".into()));
        assert_eq!(base_in_bashrc("# /home/u/x/bin/conda\n"), None);
        assert_eq!(base_in_bashrc("alias conda=/opt/c/bin/conda"), Some("/opt/c".into()));
    }
}
