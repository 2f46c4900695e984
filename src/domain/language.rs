//! Languages as BCP 47 tags.

use std::fmt;

/// A language, `de`, or a variant of one, `de-AT`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(Box<str>);

/// The text is not a language tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language: use a BCP 47 tag such as en or de-AT")]
pub struct InvalidLanguage(pub(crate) String);

/// Primary language subtags written from right to left.
const RIGHT_TO_LEFT: [&str; 11] =
    ["ar", "arc", "ckb", "dv", "fa", "he", "ks", "ps", "sd", "ug", "ur"];

impl Language {
    /// The tag.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The primary subtag: `de` of `de-AT`.
    pub(crate) fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }

    /// The writing direction: `rtl` or `ltr`.
    pub(crate) fn direction(&self) -> &'static str {
        if RIGHT_TO_LEFT.contains(&self.primary()) { "rtl" } else { "ltr" }
    }

    /// Whether `other` is this language or a variant of it.
    pub(crate) fn covers(&self, other: &Language) -> bool {
        self == other || (!self.0.contains('-') && *self.0 == *other.primary())
    }
}

impl TryFrom<String> for Language {
    type Error = InvalidLanguage;
    fn try_from(text: String) -> Result<Self, InvalidLanguage> {
        let mut parts = text.split('-');
        let letters = |part: &str| part.bytes().all(|b| b.is_ascii_alphabetic());
        let primary = parts.next().filter(|p| (2..=3).contains(&p.len()) && letters(p));
        let rest: Vec<String> = parts
            .map(|part| match part.len() {
                4 if letters(part) => {
                    let (first, rest) = part.split_at(1);
                    first.to_ascii_uppercase() + &rest.to_ascii_lowercase()
                }
                _ => part.to_ascii_uppercase(),
            })
            .collect();
        let formed = |part: &String| {
            (2..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        match primary {
            Some(primary) if rest.len() <= 2 && rest.iter().all(formed) => {
                let mut tag = primary.to_ascii_lowercase();
                for part in rest {
                    tag.push('-');
                    tag.push_str(&part);
                }
                Ok(Language(tag.into()))
            }
            _ => Err(InvalidLanguage(text)),
        }
    }
}

impl std::str::FromStr for Language {
    type Err = InvalidLanguage;
    fn from_str(text: &str) -> Result<Self, InvalidLanguage> {
        Language::try_from(text.to_owned())
    }
}

impl From<Language> for String {
    fn from(language: Language) -> String {
        language.0.into()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl schemars::JsonSchema for Language {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Language".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "examples": ["en", "de-AT"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Language {
        text.parse().unwrap()
    }

    #[test]
    fn a_tag_has_one_canonical_spelling() {
        assert_eq!(tag("DE-at").as_str(), "de-AT");
        assert_eq!(tag("zh-hant-tw").as_str(), "zh-Hant-TW");
        for bad in ["", "d", "deutsch", "de_AT", "de-", "12", "de-A"] {
            assert!(bad.parse::<Language>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_language_covers_its_variants_but_not_vice_versa() {
        assert!(tag("de").covers(&tag("de-AT")));
        assert!(!tag("de-AT").covers(&tag("de")));
        assert_eq!(tag("he").direction(), "rtl");
    }
}
