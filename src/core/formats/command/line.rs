//! How one line of a command file reads: blank, comment, number, command.
//!
//! White space is what Unicode calls so: a line of full-width spaces, easily typed with a Chinese keyboard, is blank.

/// May stand in front of a file's first line, and is no part of it (Unicode, section 23.8). Anywhere else it is text.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// A line without its end, and where the next one starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// First byte.
    pub(super) start: usize,
    /// After its last byte, its end (`\n` or `\r\n`) not counted.
    pub(super) end: usize,
    /// First byte of the next line.
    pub(super) next: usize,
}

/// Cuts a text into lines, from a byte on.
pub(super) fn lines(text: &str, from: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = from;
    while start < text.len() {
        let (next, mut end) = match text[start..].find('\n') {
            Some(at) => (start + at + 1, start + at),
            None => (text.len(), text.len()),
        };
        if next > end && text[start..end].ends_with('\r') {
            end -= 1;
        }
        lines.push(Line { start, end, next });
        start = next;
    }
    lines
}

/// Nothing but white space.
pub(super) fn is_blank(line: &str) -> bool {
    line.trim().is_empty()
}

/// Begins with `#`.
pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// A line that begins with a number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Number {
    /// Where its digits stand in the line.
    pub(super) start: usize,
    /// After its last digit.
    pub(super) end: usize,
    /// Its value.
    pub(super) value: f64,
    /// Written without a decimal point.
    pub(super) whole: bool,
    /// More follows than a `#` comment.
    pub(super) trailing: bool,
}

/// The number that a line begins with. It ends at white space or `#`: `20GB` is none.
pub(super) fn number(line: &str) -> Option<Number> {
    let start = line.len() - line.trim_start().len();
    let rest = &line[start..];
    let length = rest.find(|c: char| c.is_whitespace() || c == '#').unwrap_or(rest.len());
    let token = &rest[..length];
    let digits = token.strip_prefix(['-', '+']).unwrap_or(token);
    let mut parts = digits.splitn(2, '.');
    let figures = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (before, after) = (parts.next().unwrap_or_default(), parts.next());
    if !figures(before) || !after.is_none_or(figures) {
        return None;
    }
    let after_token = rest[length..].trim_start();
    Some(Number {
        start,
        end: start + length,
        value: token.parse().ok()?,
        whole: after.is_none(),
        trailing: !after_token.is_empty() && !after_token.starts_with('#'),
    })
}

/// A number and nothing else, but for a comment. Such a line cannot be a command.
pub(super) fn is_bare_number(line: &str) -> bool {
    number(line).is_some_and(|n| !n.trailing)
}

/// Ends in a backslash that is not itself escaped: goes on in the next line.
pub(super) fn continues(line: &str) -> bool {
    !(line.len() - line.trim_end_matches('\\').len()).is_multiple_of(2)
}

/// The command that a line (or lines, joined by newlines) says: without white space around it, and without quotes where
/// it begins and ends with one and has none between. White space after a backslash stays, as it does in a shell.
pub(super) fn command(text: &str) -> &str {
    let text = text.trim_start();
    let trimmed = text.trim_end();
    let text = if continues(trimmed) { text } else { trimmed };
    match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inner) if !inner.contains('"') => inner,
        _ => text,
    }
}
