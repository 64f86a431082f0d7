//! Bytes of a log as text: UTF-8, or what the caller or a guess says (GBK on many Chinese machines).
use std::{borrow::Cow, fmt, str::FromStr};

use encoding_rs::{DecoderResult, GB18030, GBK, UTF_8};

/// An encoding in which a newline is a byte 0x0a and nothing else is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

/// Some bytes as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    /// The text; U+FFFD where bytes are none.
    pub text: Cow<'a, str>,
    /// Bytes that are no text in this encoding.
    pub bad: u64,
}

impl Encoding {
    /// What most logs are in.
    pub const UTF_8: Encoding = Encoding(UTF_8);

    /// Its name, in small letters.
    pub fn name(self) -> String {
        self.0.name().to_ascii_lowercase()
    }

    /// Whether bytes of it can be looked at as UTF-8.
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }

    /// The encoding that some bytes look like: UTF-8, unless they are none and make sense as GBK.
    pub fn guess(bytes: &[u8]) -> Encoding {
        match std::str::from_utf8(bytes) {
            Ok(_) => Encoding::UTF_8,
            // Only a letter that is cut off at the end is wrong with it.
            Err(error) if error.error_len().is_none() => Encoding::UTF_8,
            Err(_) if looks_like_gbk(bytes) => Encoding(GBK),
            Err(_) => Encoding::UTF_8,
        }
    }

    /// As text.
    pub fn decode(self, bytes: &[u8]) -> Text<'_> {
        if self.is_utf8() {
            let bad = bytes.utf8_chunks().map(|chunk| chunk.invalid().len() as u64).sum();
            return Text {
                text: String::from_utf8_lossy(bytes),
                bad,
            };
        }
        let mut decoder = self.0.new_decoder_without_bom_handling();
        let room = decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(bytes.len() * 3);
        let mut text = String::with_capacity(room);
        let (mut from, mut bad) = (0, 0);
        loop {
            let (result, read) = decoder.decode_to_string_without_replacement(&bytes[from..], &mut text, true);
            from += read;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::Malformed(length, _) => {
                    bad += u64::from(length);
                    text.push(char::REPLACEMENT_CHARACTER);
                }
                DecoderResult::OutputFull => text.reserve(bytes.len() - from + 16),
            }
        }
        Text {
            text: Cow::Owned(text),
            bad,
        }
    }

    /// A text as bytes of it; `None` where it has no letter for it.
    pub fn encode(self, text: &str) -> Option<Vec<u8>> {
        if self.is_utf8() {
            return Some(text.as_bytes().to_vec());
        }
        let mut encoder = self.0.new_encoder();
        let room = encoder.max_buffer_length_from_utf8_without_replacement(text.len())?;
        let mut bytes = vec![0; room];
        let (result, _, written) = encoder.encode_from_utf8_without_replacement(text, &mut bytes, true);
        bytes.truncate(written);
        matches!(result, encoding_rs::EncoderResult::InputEmpty).then_some(bytes)
    }

    /// How many bytes at the end are the beginning of a letter whose rest was not read.
    pub fn torn(self, bytes: &[u8]) -> usize {
        if self.is_utf8() {
            let from = bytes.len().saturating_sub(3);
            let begun = bytes[from..].iter().rposition(|byte| *byte >= 0xc0).map(|at| from + at);
            return match begun.map(|at| (at, std::str::from_utf8(&bytes[at..]))) {
                Some((at, Err(error))) if error.error_len().is_none() => bytes.len() - at,
                _ => 0,
            };
        }
        if self.0 != GBK && self.0 != GB18030 {
            return 0;
        }
        // No letter goes on beyond a byte below 0x30: from there on they are told apart.
        let from = bytes.iter().rposition(|byte| *byte < 0x30).map_or(0, |at| at + 1);
        let mut at = from;
        while at < bytes.len() {
            let length = match (bytes[at], bytes.get(at + 1)) {
                (0x81..=0xfe, Some(0x30..=0x39)) => 4,
                (0x81..=0xfe, _) => 2,
                _ => 1,
            };
            if at + length > bytes.len() {
                return bytes.len() - at;
            }
            at += length;
        }
        0
    }
}

/// Whether bytes that are no UTF-8 are GBK: letters of two bytes nearly throughout, most of them common Chinese ones.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let (mut common, mut rare, mut wrong, mut at) = (0u32, 0u32, 0u32, 0);
    while at < bytes.len() {
        if bytes[at] < 0x80 {
            at += 1;
            continue;
        }
        match (bytes[at], bytes.get(at + 1)) {
            // The letters of GB 2312 and its punctuation.
            (0xb0..=0xf7 | 0xa1..=0xa3, Some(0xa1..=0xfe)) => common += 1,
            (0x81..=0xfe, Some(0x40..=0x7e | 0x80..=0xfe)) => rare += 1,
            // Cut off at the end of the part.
            (0x81..=0xfe, None) => {}
            _ => {
                wrong += 1;
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    common > 0 && common >= 4 * (rare + wrong)
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl FromStr for Encoding {
    type Err = ();

    /// By any name that the web knows. Those whose newline is not one byte (UTF-16) are not taken.
    fn from_str(label: &str) -> Result<Encoding, ()> {
        encoding_rs::Encoding::for_label(label.as_bytes())
            .filter(|encoding| encoding.is_ascii_compatible())
            .map(Encoding)
            .ok_or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gbk(text: &str) -> Vec<u8> {
        "gbk".parse::<Encoding>().unwrap().encode(text).unwrap()
    }

    #[test]
    fn gbk_is_guessed_and_other_bytes_are_not() {
        let chinese = gbk("第 3 轮：损失 0.25，准确率 91%\n训练结束\n");
        let guessed = Encoding::guess(&chinese);
        assert_eq!(guessed.name(), "gbk");
        assert_eq!(
            guessed.decode(&chinese).text,
            "第 3 轮：损失 0.25，准确率 91%\n训练结束\n"
        );
        assert_eq!(Encoding::guess("第 3 轮\n".as_bytes()), Encoding::UTF_8);
        assert_eq!(Encoding::guess(&"第".as_bytes()[..2]), Encoding::UTF_8, "cut off");
        assert_eq!(Encoding::guess(b"\x7fELF\x02\x01\xff\xfe\x00\x81\x07"), Encoding::UTF_8);
        assert_eq!(Encoding::guess(b"caf\xe9 latin\n"), Encoding::UTF_8);
    }

    #[test]
    fn bad_bytes_are_counted() {
        let text = Encoding::UTF_8.decode(b"ok \xff\xfe\n");
        assert_eq!((&*text.text, text.bad), ("ok \u{fffd}\u{fffd}\n", 2));
        let encoding: Encoding = "GB2312".parse().unwrap();
        let text = encoding.decode(b"\xff ok");
        assert_eq!((&*text.text, text.bad), ("\u{fffd} ok", 1));
    }

    #[test]
    fn no_letter_is_torn_in_two() {
        let torn = |bytes: &[u8]| Encoding::UTF_8.torn(bytes);
        assert_eq!(torn("ab中".as_bytes()), 0);
        assert_eq!(torn(&"ab中".as_bytes()[..4]), 2);
        assert_eq!(torn(&"ab中".as_bytes()[..3]), 1);
        assert_eq!(torn(b"ab"), 0);
        assert_eq!(torn(b"a\xff"), 0, "what is no letter at all is shown as such");
        assert_eq!(torn(b""), 0);
        let encoding: Encoding = "gbk".parse().unwrap();
        let bytes = gbk("a中文");
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(|n| encoding.torn(&bytes[..n])),
            [0, 0, 1, 0, 1, 0]
        );
    }

    #[test]
    fn encodings_without_a_newline_byte_are_not_taken() {
        assert!("utf-16le".parse::<Encoding>().is_err());
        assert!("klingon".parse::<Encoding>().is_err());
        assert_eq!("UTF8".parse::<Encoding>(), Ok(Encoding::UTF_8));
    }
}
