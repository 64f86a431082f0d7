//! Colours, where there are any.
use std::borrow::Cow;

/// Whether to colour.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    /// ANSI escapes or none.
    pub(crate) colored: bool,
}

/// What a text means; the colour follows from it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it is.
    #[default]
    Plain,
    /// A heading.
    Strong,
    /// Of less interest.
    Faint,
    /// At work, free, well.
    Good,
    /// Waits, worth a look.
    Warn,
    /// Failed, full.
    Bad,
    /// Done.
    Done,
}

impl Style {
    /// The text in its tone.
    pub(crate) fn paint<'a>(self, text: &'a str, tone: Tone) -> Cow<'a, str> {
        let code = match tone {
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Warn => "33",
            Tone::Bad => "31",
            Tone::Done => "36",
            Tone::Plain => return Cow::Borrowed(text),
        };
        if !self.colored || text.trim().is_empty() {
            return Cow::Borrowed(text);
        }
        Cow::Owned(format!("\x1b[{code}m{text}\x1b[0m"))
    }
}
