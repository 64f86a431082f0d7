//! The two languages that every text for people is written in.
use serde::{Deserialize, Serialize};

/// A language of the dashboard, the API's messages and the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Chinese (zh-CN).
    Zh,
}

impl Lang {
    /// From an `Accept-Language` header, a locale (`zh_CN.UTF-8`) or a setting; English where nothing fits.
    pub fn parse(text: &str) -> Lang {
        // The first language named that we speak wins: browsers list by preference.
        text.split([',', ':'])
            .find_map(
                |part| match part.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
                    Some("zh") => Some(Lang::Zh),
                    Some("en") => Some(Lang::En),
                    _ => None,
                },
            )
            .unwrap_or_default()
    }

    /// The text of this language.
    pub fn pick<'a>(self, en: &'a str, zh: &'a str) -> &'a str {
        match self {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_we_speak_wins() {
        assert_eq!(Lang::parse("zh-CN,zh;q=0.9,en;q=0.8"), Lang::Zh);
        assert_eq!(Lang::parse("fr-FR, en;q=0.5, zh;q=0.1"), Lang::En);
        assert_eq!(Lang::parse("zh_CN.UTF-8"), Lang::Zh);
        assert_eq!(Lang::parse("C"), Lang::En);
        assert_eq!(Lang::parse(""), Lang::En);
    }
}
