//! A program that a person works in, on the terminal that we were started on.
use std::{
    path::Path,
    process::{Command, ExitStatus},
};

use crate::ExecError;

/// Opens a file in an editor and waits for its end. `editor` is what `$EDITOR` says: a program with its arguments, as a
/// shell reads them.
pub fn edit(editor: &str, file: &Path) -> Result<ExitStatus, ExecError> {
    Command::new("sh")
        .arg("-c")
        .arg(format!("{editor} \"$1\""))
        .arg("gpuyard-editor")
        .arg(file)
        .status()
        .map_err(ExecError::io("start", "editor", Path::new(editor)))
}
