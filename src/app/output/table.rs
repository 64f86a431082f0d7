//! Tables for people: columns by display width (CJK takes two), cut to fit the terminal, coloured by cell.
use std::io::{self, Write};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::{Screen, style::Tone};

/// Between two columns.
const GAP: usize = 2;
/// A column that gives way to the others keeps at least this.
const LEAST: usize = 8;

/// One cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    /// A text in a tone.
    pub(crate) fn new(text: impl Into<String>, tone: Tone) -> Cell {
        Cell {
            text: clean(&text.into()),
            tone,
        }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::new(text, Tone::Plain)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::new(text, Tone::Plain)
    }
}

/// How a column behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    /// Words.
    Left,
    /// Figures.
    Right,
    /// Words that may be cut off where the terminal is narrow.
    Shrink,
}

/// Rows under headings.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(Column, String)>,
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new<const N: usize>(columns: [(Column, &str); N]) -> Table {
        Table {
            columns: columns.map(|(column, title)| (column, title.to_owned())).to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn row<const N: usize>(&mut self, cells: [Cell; N]) {
        debug_assert_eq!(N, self.columns.len(), "a row has a cell for each column");
        self.rows.push(cells.to_vec());
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Prints it, each line behind `indent` blanks. Columns in which no row says anything are left out.
    pub(crate) fn print(&self, out: &mut dyn Write, screen: Screen, indent: usize) -> io::Result<()> {
        let shown: Vec<usize> = (0..self.columns.len())
            .filter(|&at| {
                self.rows
                    .iter()
                    .any(|row| row.get(at).is_some_and(|cell| !cell.text.is_empty()))
            })
            .collect();
        let widths = self.widths(&shown, screen.width.map(|width| width.saturating_sub(indent)));
        let titles: Vec<Cell> = self
            .columns
            .iter()
            .map(|(_, title)| Cell::new(title.as_str(), Tone::Faint))
            .collect();
        for row in std::iter::once(&titles).chain(&self.rows) {
            let mut line = String::new();
            let mut blanks = indent;
            for (&at, &width) in shown.iter().zip(&widths) {
                let Some(cell) = row.get(at) else { continue };
                let text = cut(&cell.text, width);
                let missing = width.saturating_sub(text.width());
                let (before, after) = if self.columns[at].0 == Column::Right {
                    (missing, 0)
                } else {
                    (0, missing)
                };
                // Blanks are written once something follows them: no line ends in blanks.
                if !text.is_empty() {
                    line.extend(std::iter::repeat_n(' ', blanks + before));
                    line.push_str(&screen.style.paint(&text, cell.tone));
                    blanks = after + GAP;
                } else {
                    blanks += width + GAP;
                }
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// Each shown column's width, made to fit into `room`.
    fn widths(&self, shown: &[usize], room: Option<usize>) -> Vec<usize> {
        let widest = |at: usize| {
            let cells = self
                .rows
                .iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.text.width());
            cells.max().unwrap_or(0).max(self.columns[at].1.width())
        };
        let mut widths: Vec<usize> = shown.iter().map(|&at| widest(at)).collect();
        let Some(room) = room else { return widths };
        let gaps = GAP * widths.len().saturating_sub(1);
        let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(room);
        // The widest of those that may give way gives way first.
        while over > 0 {
            let may = |&at: &usize| self.columns[shown[at]].0 == Column::Shrink && widths[at] > LEAST;
            let Some(at) = (0..widths.len()).filter(may).max_by_key(|&at| widths[at]) else {
                break;
            };
            let others = (0..widths.len())
                .filter(|&other| other != at && may(&other))
                .map(|other| widths[other]);
            let floor = others.max().unwrap_or(0).max(LEAST).min(widths[at] - 1);
            let give = over.min(widths[at] - floor);
            widths[at] -= give;
            over -= give;
        }
        widths
    }
}

/// Cuts a text to a display width, with `…` where something is missing.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for char in text.chars() {
        used += char.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(char);
    }
    kept.push('…');
    kept
}

/// A cell is one line, and nothing in it reaches the terminal as a control character (commands and other people's
/// process names are shown).
pub(crate) fn clean(text: &str) -> String {
    text.trim()
        .chars()
        .map(|char| if char.is_control() { ' ' } else { char })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::output::style::Style;

    fn shown(table: &Table, width: Option<usize>) -> String {
        let mut out = Vec::new();
        table
            .print(
                &mut out,
                Screen {
                    width,
                    ..Screen::plain()
                },
                2,
            )
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    fn example() -> Table {
        let mut table = Table::new([
            (Column::Right, "GPU"),
            (Column::Left, "user"),
            (Column::Left, "note"),
            (Column::Shrink, "command"),
        ]);
        table.row([
            "0".into(),
            "李雷".into(),
            "".into(),
            "python train.py --dataset 汽车 --epochs 100".into(),
        ]);
        table.row(["10".into(), "bob".into(), "".into(), "true".into()]);
        table
    }

    #[test]
    fn columns_line_up_by_display_width() {
        assert_eq!(
            shown(&example(), None),
            "  GPU  user  command\n    0  李雷  python train.py --dataset 汽车 --epochs 100\n   10  bob   true\n"
        );
    }

    #[test]
    fn a_narrow_terminal_cuts_what_may_be_cut() {
        let text = shown(&example(), Some(44));
        assert_eq!(
            text,
            "  GPU  user  command\n    0  李雷  python train.py --dataset 汽车…\n   10  bob   true\n"
        );
        assert!(text.lines().all(|line| line.width() <= 44));
        // Half a wide character does not fit: one column is left free.
        assert_eq!(cut("汽车汽车", 4), "汽…");
        assert_eq!(cut("汽车汽车", 5), "汽车…");
    }

    #[test]
    fn columns_give_way_in_turn_and_keep_a_least_width() {
        let mut table = Table::new([(Column::Shrink, "a"), (Column::Shrink, "b")]);
        table.row(["x".repeat(30).into(), "y".repeat(40).into()]);
        let widths = |room| table.widths(&[0, 1], Some(room));
        assert_eq!(widths(72), [30, 40]);
        assert_eq!(widths(62), [30, 30]);
        assert_eq!(widths(42).iter().sum::<usize>(), 40);
        assert_eq!(widths(3), [LEAST, LEAST]);
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let mut table = Table::new([(Column::Left, "command")]);
        table.row(["a\u{1b}[31m\nb\u{7}c\n".into()]);
        assert_eq!(shown(&table, None), "  command\n  a [31m b c\n");
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let mut table = Table::new([(Column::Left, "state"), (Column::Left, "x")]);
        table.row([Cell::new("running", Tone::Good), "1".into()]);
        let mut out = Vec::new();
        table
            .print(
                &mut out,
                Screen {
                    style: Style { colored: true },
                    ..Screen::plain()
                },
                0,
            )
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "\u{1b}[2mstate\u{1b}[0m    \u{1b}[2mx\u{1b}[0m\n\u{1b}[32mrunning\u{1b}[0m  1\n"
        );
    }
}
