//! Texts in the two languages: the `say!` macro, and which language to speak.
use std::ffi::OsString;

use gpuyard_core::model::Lang;

/// Formats one of two texts: `say!(lang, "{n} tasks", "{n} 个任务")`.
macro_rules! say {
    ($lang:expr, $en:literal, $zh:literal $(, $name:ident = $value:expr)* $(,)?) => {
        match $lang {
            ::gpuyard_core::model::Lang::En => format!($en $(, $name = $value)*),
            ::gpuyard_core::model::Lang::Zh => format!($zh $(, $name = $value)*),
        }
    };
}

/// The locale's language: the first of LC_ALL, LC_MESSAGES and LANG that is set decides.
pub(crate) fn locale(variable: impl Fn(&str) -> Option<OsString>) -> Lang {
    ["LC_ALL", "LC_MESSAGES", "LANG"]
        .iter()
        .filter_map(|name| variable(name))
        .find(|value| !value.is_empty())
        .map(|value| Lang::parse(&value.to_string_lossy()))
        .unwrap_or_default()
}

/// The language for help and for errors in the command line itself, which are due before it is parsed.
pub(crate) fn early(words: impl Iterator<Item = OsString>, locale: Lang) -> Lang {
    let mut lang = locale;
    let mut words = words.map(|word| word.to_string_lossy().into_owned());
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--lang") {
            Some("") => words.next(),
            Some(rest) => rest.strip_prefix('=').map(str::to_owned),
            None => None,
        };
        match value.as_deref() {
            Some("zh") => lang = Lang::Zh,
            Some("en") => lang = Lang::En,
            _ => {}
        }
    }
    lang
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_locale_variable_that_is_set_decides() {
        let with = |set: &'static [(&str, &str)]| {
            locale(move |name| set.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into()))
        };
        assert_eq!(with(&[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(with(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(
            with(&[("LC_ALL", ""), ("LC_MESSAGES", "zh_TW"), ("LANG", "en_US")]),
            Lang::Zh
        );
        assert_eq!(with(&[]), Lang::En);
    }

    #[test]
    fn the_option_beats_the_locale() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter();
        assert_eq!(early(words("status --lang zh"), Lang::En), Lang::Zh);
        assert_eq!(early(words("--lang=en --help"), Lang::Zh), Lang::En);
        assert_eq!(early(words("--language zh"), Lang::En), Lang::En);
    }
}
