//! The setting `gpu-source`: `auto`, `nvml`, `amd`, `intel`, `simulated:4x24GiB`.
use std::fmt;

use gpuyard_core::model::Bytes;

/// Simulated GPUs at most; more than any machine has, and few enough to show.
const MAX_SIMULATED: u32 = 256;

/// Which source is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SourceSpec {
    /// Whatever is there; a host without a GPU is fine.
    #[default]
    Auto,
    /// NVIDIA; no driver is an error.
    Nvml,
    /// AMD; no card is an error.
    Amd,
    /// Intel, graphics inside a processor included; no card is an error.
    Intel,
    /// Made-up GPUs.
    Simulated {
        /// How many.
        count: u32,
        /// Memory of each.
        memory: Bytes,
    },
}

/// A `gpu-source` that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot use `{text}` as gpu-source: {message}")]
pub struct SpecError {
    /// As it was written.
    pub text: String,
    /// What is wrong with it, and what would be right.
    pub message: String,
}

impl SourceSpec {
    /// Reads the setting. Empty means `auto`.
    pub fn parse(text: &str) -> Result<SourceSpec, SpecError> {
        let refuse = |message: &str| {
            Err(SpecError {
                text: text.to_owned(),
                message: message.to_owned(),
            })
        };
        let word = text.trim();
        match word {
            "" | "auto" => return Ok(SourceSpec::Auto),
            "nvml" => return Ok(SourceSpec::Nvml),
            "amd" => return Ok(SourceSpec::Amd),
            "intel" => return Ok(SourceSpec::Intel),
            _ => {}
        }
        let Some(description) = word.strip_prefix("simulated:") else {
            return refuse("use auto, nvml, amd, intel or simulated:4x24GiB");
        };
        let Some((count, memory)) = description.split_once(['x', 'X', '×', '*']) else {
            return refuse("simulated GPUs are written as their number, `x`, and their memory: simulated:4x24GiB");
        };
        let count = match count.trim().parse::<u32>() {
            Ok(count) if (1..=MAX_SIMULATED).contains(&count) => count,
            _ => return refuse("the number of simulated GPUs is a whole number from 1 to 256"),
        };
        match Bytes::parse(memory) {
            Some(memory) if memory > Bytes(0) => Ok(SourceSpec::Simulated { count, memory }),
            _ => refuse("the memory of simulated GPUs is an amount above 0, such as 24GiB"),
        }
    }
}

impl std::str::FromStr for SourceSpec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        SourceSpec::parse(text)
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Auto => f.write_str("auto"),
            SourceSpec::Nvml => f.write_str("nvml"),
            SourceSpec::Amd => f.write_str("amd"),
            SourceSpec::Intel => f.write_str("intel"),
            // One word, as it is written in the settings.
            SourceSpec::Simulated { count, memory } => {
                write!(f, "simulated:{count}x{}", memory.to_string().replace(' ', ""))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_way_to_write_a_source_is_read() {
        let four = SourceSpec::Simulated {
            count: 4,
            memory: Bytes(24 << 30),
        };
        for (text, spec) in [
            ("auto", SourceSpec::Auto),
            ("", SourceSpec::Auto),
            (" nvml ", SourceSpec::Nvml),
            ("amd", SourceSpec::Amd),
            ("intel", SourceSpec::Intel),
            ("simulated:4x24GiB", four),
            ("simulated:4×24GiB", four),
            ("simulated: 4 x 24576 MiB", four),
        ] {
            assert_eq!(SourceSpec::parse(text).unwrap(), spec, "{text}");
        }
        assert_eq!(four.to_string(), "simulated:4x24GiB");
    }

    #[test]
    fn what_is_no_source_is_refused_in_words() {
        for text in [
            "cuda",
            "simulated",
            "simulated:",
            "simulated:4",
            "simulated:0x1GiB",
            "simulated:4x0",
            "simulated:4xlots",
            "simulated:999x1GiB",
            "simulated:-1x1GiB",
        ] {
            let error = SourceSpec::parse(text).unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("cannot use `{text}` as gpu-source: ")),
                "{error}"
            );
        }
    }
}
