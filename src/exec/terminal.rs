//! Looking at a running task's terminal: where its socket is, and what is said through it.
//!
//! The runner sends the terminal's output as it is; its end is the task's. To the runner go messages: a letter, the
//! length in two bytes, and so many bytes.
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use gpuyard_core::model::UniId;

use crate::host::HostFolder;

const TYPED: u8 = b'I';
const SIZE: u8 = b'W';
/// Letter and length.
const HEAD: usize = 3;

/// What a viewer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Keys.
    Typed(Vec<u8>),
    /// The window's size.
    Size {
        /// Lines.
        rows: u16,
        /// Characters of a line.
        columns: u16,
    },
}

/// The socket of a running attempt's terminal.
pub fn socket(host: &HostFolder, uni_id: &UniId) -> PathBuf {
    socket_path(host.user_folder(), uni_id.as_str())
}

pub(crate) fn socket_path(user_folder: &Path, uni_id: &str) -> PathBuf {
    user_folder.join(format!("{uni_id}.tty"))
}

/// Says something to the runner.
///
/// # Errors
/// As writing does.
pub fn say(mut to: impl Write, said: &Said) -> io::Result<()> {
    let mut one = |letter: u8, bytes: &[u8]| {
        let length = (bytes.len() as u16).to_be_bytes();
        let mut message = vec![letter, length[0], length[1]];
        message.extend(bytes);
        to.write_all(&message)
    };
    match said {
        Said::Typed(bytes) => bytes.chunks(1 << 15).try_for_each(|part| one(TYPED, part)),
        Said::Size { rows, columns } => {
            let (rows, columns) = (rows.to_be_bytes(), columns.to_be_bytes());
            one(SIZE, &[rows[0], rows[1], columns[0], columns[1]])
        }
    }
}

/// The whole messages at the beginning of what was heard; they are taken out of it. What is none is passed over.
pub(crate) fn take(heard: &mut Vec<u8>) -> Vec<Said> {
    let mut said = Vec::new();
    let mut at = 0;
    while let Some(&[letter, high, low]) = heard.get(at..at + HEAD) {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some(bytes) = heard.get(at + HEAD..at + HEAD + length) else {
            break;
        };
        match (letter, bytes) {
            (TYPED, bytes) => said.push(Said::Typed(bytes.to_vec())),
            (SIZE, &[a, b, c, d]) => said.push(Said::Size {
                rows: u16::from_be_bytes([a, b]),
                columns: u16::from_be_bytes([c, d]),
            }),
            _ => {}
        }
        at += HEAD + length;
    }
    heard.drain(..at);
    said
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn messages_arrive_whole_however_they_are_cut() {
        let mut bytes = Vec::new();
        let size = Said::Size { rows: 50, columns: 300 };
        let typed = Said::Typed(b"ls\n".to_vec());
        say(&mut bytes, &size).unwrap();
        bytes.extend([b'?', 0, 1, 9]);
        say(&mut bytes, &typed).unwrap();
        let mut heard = Vec::new();
        let mut said = Vec::new();
        for byte in bytes {
            heard.push(byte);
            said.extend(take(&mut heard));
        }
        assert_eq!((said, heard), (vec![size, typed], Vec::new()));
    }
}
