//! What a verb ends with when it cannot do what it was asked: one line for people, and a number for programs.
use std::{fmt::Display, io};

/// Exit codes. They are part of the program's contract: `--help` and the guide list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not work; or: a task failed.
    Failed,
    /// The command line, a file or the rules cannot be used.
    Unusable,
    /// Another scheduler or daemon holds the place.
    Held,
    /// There is no such run, task or log, or nothing runs.
    NotFound,
}

impl Exit {
    /// The process's exit code.
    pub(crate) fn number(self) -> i32 {
        match self {
            Exit::Failed => 1,
            Exit::Unusable => 2,
            Exit::Held => 3,
            Exit::NotFound => 4,
        }
    }

    /// For programs, in `--json`.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Exit::Failed => "failed",
            Exit::Unusable => "unusable",
            Exit::Held => "held",
            Exit::NotFound => "not_found",
        }
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What kind.
    pub(crate) exit: Exit,
    /// One line that names the file or field, and what to do.
    pub(crate) message: String,
    /// Whoever read our output has gone away: nothing is to be said.
    pub(crate) reader_gone: bool,
}

impl Failure {
    /// A failure in words.
    pub(crate) fn new(exit: Exit, message: impl Display) -> Failure {
        Failure {
            exit,
            message: one_line(&message.to_string()),
            reader_gone: false,
        }
    }

    /// Something else failed; its own words say what.
    pub(crate) fn failed(error: impl Display) -> Failure {
        Failure::new(Exit::Failed, error)
    }

    /// A file or a rule cannot be used; its own words say which.
    pub(crate) fn unusable(error: impl Display) -> Failure {
        Failure::new(Exit::Unusable, error)
    }
}

impl From<io::Error> for Failure {
    /// Writing to stdout.
    fn from(error: io::Error) -> Self {
        let reader_gone = error.kind() == io::ErrorKind::BrokenPipe;
        Failure {
            reader_gone,
            ..Failure::failed(format_args!("cannot write the output: {error}"))
        }
    }
}

/// Errors are one line, whatever they quote.
fn one_line(text: &str) -> String {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line() {
        assert_eq!(Failure::failed("a\n  b\n\nc").message, "a; b; c");
    }

    #[test]
    fn a_reader_that_left_is_no_failure_to_speak_of() {
        assert!(Failure::from(io::Error::from(io::ErrorKind::BrokenPipe)).reader_gone);
        assert!(!Failure::from(io::Error::from(io::ErrorKind::StorageFull)).reader_gone);
    }
}
