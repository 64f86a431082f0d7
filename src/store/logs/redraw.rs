//! What a terminal shows of a line that was drawn anew by carriage returns.
use std::borrow::Cow;

/// Redraws that are laid one over the other: a state that so many of them do not cover is none that anyone sees.
const LAYERS: usize = 32;

/// The final state of a line (without its newline), and how often it was drawn anew. Where it goes up or down to draw
/// elsewhere (nested bars), each part between two such moves has its own final state, and the moves stay.
pub(super) fn last_state(line: &[u8]) -> (Cow<'_, [u8]>, u64) {
    // The return of a CRLF, or of a bar that returns first and is drawn over next: what was drawn still stands.
    let line = trim_returns(line);
    let redraws = memchr::memchr_iter(b'\r', line).count() as u64;
    if redraws == 0 {
        return (Cow::Borrowed(line), 0);
    }
    let Some(first) = vertical_move(line) else {
        return (flat(line), redraws);
    };
    let (mut shown, mut redraws) = (Vec::new(), 0);
    let (mut rest, mut next, mut begun) = (line, Some(first), false);
    loop {
        let (part, escape, after) = match next {
            Some((from, to)) => (&rest[..from], &rest[from..to], &rest[to..]),
            None => (rest, &rest[..0], &rest[..0]),
        };
        let returns = memchr::memchr_iter(b'\r', part).count() as u64;
        // Behind a move, the first return only goes to the start of a row that somebody else's text may stand in.
        redraws += if begun { returns.saturating_sub(1) } else { returns };
        if begun && returns > 0 {
            shown.push(b'\r');
        }
        shown.extend_from_slice(&flat(trim_returns(part)));
        if part.ends_with(b"\r") {
            shown.push(b'\r');
        }
        shown.extend_from_slice(escape);
        if next.is_none() {
            return (Cow::Owned(shown), redraws);
        }
        rest = after;
        next = vertical_move(rest);
        begun = true;
    }
}

/// Where the first escape is that moves the cursor to another row: `ESC[A`, `ESC[2B`, `ESC[E`, `ESC[F`.
fn vertical_move(line: &[u8]) -> Option<(usize, usize)> {
    memchr::memchr_iter(0x1b, line).find_map(|from| {
        let numbers = line.get(from + 1..)?.strip_prefix(b"[")?;
        let digits = numbers.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let letter = numbers.get(digits)?;
        matches!(letter, b'A' | b'B' | b'E' | b'F').then_some((from, from + 3 + digits))
    })
}

/// The final state of a part that stays in its row.
fn flat(line: &[u8]) -> Cow<'_, [u8]> {
    let mut layers: Vec<&[u8]> = Vec::with_capacity(LAYERS);
    let mut rest = line;
    while layers.len() < LAYERS {
        match memchr::memrchr(b'\r', rest) {
            Some(at) => {
                layers.push(&rest[at + 1..]);
                rest = &rest[..at];
            }
            None => {
                layers.push(rest);
                break;
            }
        }
    }
    let mut shown: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    for layer in layers.into_iter().rev() {
        shown = over(shown, layer);
    }
    shown
}

/// A line without the returns that it ends in.
pub(super) fn trim_returns(mut line: &[u8]) -> &[u8] {
    while let [before @ .., b'\r'] = line {
        line = before;
    }
    line
}

/// `upper` drawn over `lower`, which shows on behind its end.
fn over<'a>(lower: Cow<'a, [u8]>, upper: &'a [u8]) -> Cow<'a, [u8]> {
    // Who sends escapes erases what it does not draw over; and without a terminal of our own, no column is known with them.
    let plain = |bytes: &[u8]| !bytes.contains(&0x1b);
    if upper.is_empty() {
        return lower;
    }
    if lower.len() <= upper.len() || !plain(upper) || !plain(&lower) {
        return Cow::Borrowed(upper);
    }
    let columns = letters(upper).count();
    match letters(&lower).nth(columns) {
        Some(from) => Cow::Owned([upper, &lower[from..]].concat()),
        None => Cow::Borrowed(upper),
    }
}

/// Where letters begin, in UTF-8; of other encodings each byte below 0x80 and above 0xbf counts as one.
fn letters(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte & 0xc0 != 0x80)
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_a_terminal_leaves_standing() {
        for (line, shown, redraws) in [
            ("plain", "plain", 0),
            ("crlf\r", "crlf", 0),
            ("0%\r50%\r100%", "100%", 2),
            ("\r 10%|#  |\r100%|###|", "100%|###|", 2),
            ("draws, then returns\r", "draws, then returns", 0),
            ("abcdef\rXY", "XYcdef", 1),
            ("aaaaaaaa\rbbb\rcc", "ccbaaaaa", 2),
            ("进度条五\r完成", "完成条五", 1),
            ("long text\r\u{1b}[Kok", "\u{1b}[Kok", 1),
            ("a\r\rb", "b", 2),
            ("inner 1\r inner 2\u{1b}[A\router 1", " inner 2\u{1b}[A\router 1", 1),
            (
                "\rinner\u{1b}[A\router 1\router 2\u{1b}[1B",
                "inner\u{1b}[A\router 2\u{1b}[1B",
                2,
            ),
            ("a\rb\r\u{1b}[Ax", "b\r\u{1b}[Ax", 2),
            ("", "", 0),
            ("\r\r", "", 0),
        ] {
            let (state, count) = last_state(line.as_bytes());
            assert_eq!(
                (std::str::from_utf8(&state).unwrap(), count),
                (shown, redraws),
                "{line:?}"
            );
        }
    }

    #[test]
    fn many_redraws_cost_no_more_than_a_few() {
        let line = "x".repeat(90) + &"\rstep".repeat(100_000) + "\rend";
        let (state, count) = last_state(line.as_bytes());
        assert_eq!((&*state, count), (&b"endp"[..], 100_001));
    }
}
