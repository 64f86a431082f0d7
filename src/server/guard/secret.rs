//! The secret: kept as a hash, compared in constant time, and judged by how hard it is to guess.
use gpuyard_store::logins::SecretMark;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Secrets that stand in public places: the seeds' own, and what every manual has.
const WELL_KNOWN: [&str; 6] = [
    "admin",
    "omniai315fgvr_gpu_config",
    "password",
    "secret",
    "changeme",
    "your_secret_key",
];

/// Bits of a secret that nobody can guess: at a million tries a second it would take longer than the earth has been.
const UNGUESSABLE_BITS: f64 = 96.0;

/// The SHA-256 of something secret: compared in constant time, and worth nothing to who reads it.
pub(crate) fn hash(text: &[u8]) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The secret, as far as a running daemon has to know it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret {
    hash: [u8; 32],
    unguessable: bool,
}

impl Secret {
    pub(crate) fn new(text: &str) -> Secret {
        Secret {
            hash: hash(text.as_bytes()),
            unguessable: !is_well_known(text) && bits(text) >= UNGUESSABLE_BITS,
        }
    }

    /// Whether `tried` is the secret, in a time that does not depend on how much of it is right.
    pub(crate) fn is(&self, tried: &str) -> bool {
        hash(tried.as_bytes()).ct_eq(&self.hash).into()
    }

    /// What tells this secret from another one; `salt` is random.
    pub(crate) fn mark(&self, salt: &[u8; 16]) -> SecretMark {
        let salt = hexadecimal(salt);
        SecretMark {
            hash: self.marked(&salt),
            salt,
        }
    }

    /// Whether a mark is this secret's.
    pub(crate) fn has(&self, mark: &SecretMark) -> bool {
        self.marked(&mark.salt).as_bytes().ct_eq(mark.hash.as_bytes()).into()
    }

    fn marked(&self, salt: &str) -> String {
        hexadecimal(&hash(&[salt.as_bytes(), &self.hash].concat()))
    }

    /// Whether trying does not help, however fast.
    pub(crate) fn is_unguessable(&self) -> bool {
        self.unguessable
    }
}

/// Whether everyone knows it.
pub(crate) fn is_well_known(text: &str) -> bool {
    WELL_KNOWN.contains(&text.trim())
}

/// An upper bound of what there is to guess: characters times the size of the alphabet that they seem to be drawn from,
/// as far as they differ from each other.
fn bits(text: &str) -> f64 {
    let mut seen: Vec<char> = text.chars().collect();
    let length = seen.len();
    seen.sort_unstable();
    seen.dedup();
    /// Whether a character is of a kind, and how many such characters there are.
    type Class = (fn(char) -> bool, u32);
    let classes: [Class; 4] = [
        (|c| c.is_ascii_digit(), 10),
        (|c| c.is_ascii_lowercase(), 26),
        (|c| c.is_ascii_uppercase(), 26),
        (|c| !c.is_ascii_alphanumeric(), 32),
    ];
    let alphabet: u32 = classes
        .iter()
        .filter(|(is, _)| seen.iter().any(|&c| is(c)))
        .map(|(_, size)| size)
        .sum();
    // Words and repetitions have few different characters for their length.
    let size = f64::from(alphabet).min(2.0 * seen.len() as f64);
    length as f64 * size.max(1.0).log2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_secret_itself_is_the_secret() {
        let secret = Secret::new("correct horse");
        assert!(secret.is("correct horse"));
        for wrong in ["", "correct horse ", "correct hors", "Correct horse"] {
            assert!(!secret.is(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_mark_tells_one_secret_from_another() {
        let (one, two) = (Secret::new("correct horse"), Secret::new("battery staple"));
        let mark = one.mark(&[7; 16]);
        assert!(one.has(&mark) && !two.has(&mark));
        assert_ne!(
            mark.hash,
            one.mark(&[8; 16]).hash,
            "two files do not tell that their secrets are the same"
        );
        assert_ne!(mark.hash, hexadecimal(&hash(b"correct horse")));
    }

    #[test]
    fn random_secrets_cannot_be_guessed_and_words_can() {
        for strong in [
            "3f9c1e77a0b54d2288f1c6e0d9a7b35c3f9c1e77a0b54d22",
            "kJ8_vR2-mQ7xWp4ZtB9nLs5Yd",
            "qwertzuiopasdfghjklyxcvbnm",
        ] {
            assert!(Secret::new(strong).is_unguessable(), "{strong}");
        }
        for weak in [
            "",
            "admin",
            "123456",
            "omniai315fgvr_gpu_config",
            "letmein2024",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ] {
            assert!(!Secret::new(weak).is_unguessable(), "{weak}");
        }
    }
}
