//! What people see: where it goes, in which language, how wide and how coloured; and JSON for programs.
pub(crate) mod format;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod words;

use std::io::{self, IsTerminal, Write};

use gpuyard_core::model::{Lang, Now};
use serde::Serialize;

use crate::cli::ColorChoice;
use style::Style;

/// How to show things.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// The language.
    pub(crate) lang: Lang,
    /// Colours or none.
    pub(crate) style: Style,
    /// Columns of the terminal; `None` where there is none: then nothing is cut off.
    pub(crate) width: Option<usize>,
}

impl Screen {
    /// What stdout is.
    pub(crate) fn of_stdout(lang: Lang, color: ColorChoice) -> Screen {
        let terminal = io::stdout().is_terminal();
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let colored = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !no_color && !dumb,
        };
        Screen {
            lang,
            style: Style { colored },
            width: terminal.then(terminal_width).flatten(),
        }
    }

    /// For tests and programs: English, plain, endlessly wide.
    #[cfg(test)]
    pub(crate) fn plain() -> Screen {
        Screen {
            lang: Lang::En,
            style: Style { colored: false },
            width: None,
        }
    }
}

/// Columns of the terminal on stdout.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    // A terminal that does not know its size says 0.
    (size.ws_col > 0).then_some(usize::from(size.ws_col))
}

/// Prints a value as JSON, indented, with a newline.
pub(crate) fn json(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Says something beside the answer, on stderr. Nobody need be there to hear it (`eprintln!` would panic).
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "gpuyard: {text}");
}

/// Both clocks, now.
pub(crate) fn now() -> Now {
    gpuyard_exec::clock::now()
}
