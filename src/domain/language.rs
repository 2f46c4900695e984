//! Languages as BCP 47 tags, in the one form in which they are compared.

use icu_locale::{
    LanguageIdentifier, Locale, LocaleCanonicalizer, LocaleDirectionality, LocaleExpander,
};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;

/// A language, `de`, or a variant of one, `de-AT`, in its canonical form: deprecated codes replaced
/// (`iw` is `he`), Norwegian Bokmål as `no`, without the script that its language and country imply
/// (`zh-Hant-TW` is `zh-TW`), without variants and extensions.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Language(
    /// The tag; after a `/` its language and script, if that is neither the tag nor the language:
    /// `zh-TW/zh-Hant`. One text, because every creative has a language.
    Box<str>,
);

/// The text is not a language tag.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a language: use a BCP 47 tag such as en or de-AT")]
pub struct InvalidLanguage(pub(crate) String);

const CANONICALIZER: LocaleCanonicalizer = LocaleCanonicalizer::new_extended();
const EXPANDER: LocaleExpander = LocaleExpander::new_extended();

/// The most tags that a thread remembers, and the longest of them in bytes.
const MAX_REMEMBERED: usize = 256;
const MAX_REMEMBERED_BYTES: usize = 16;

thread_local! {
    /// What tags of requests mean: few tags come often, and reading one takes thousands of instructions.
    static REMEMBERED: RefCell<HashMap<Box<str>, Option<Language>>> = RefCell::default();
}

impl Language {
    /// The language of a tag that a request names; remembered, since pages name the same few.
    pub(crate) fn of_request(tag: &str) -> Option<Language> {
        if tag.len() > MAX_REMEMBERED_BYTES {
            return Language::read(tag);
        }
        REMEMBERED.with_borrow_mut(|remembered| {
            if let Some(known) = remembered.get(tag) {
                return known.clone();
            }
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
            let read = Language::read(tag);
            remembered.insert(tag.into(), read.clone());
            read
        })
    }

    /// The tag.
    pub(crate) fn as_str(&self) -> &str {
        self.parts().0
    }

    fn parts(&self) -> (&str, Option<&str>) {
        match self.0.split_once('/') {
            Some((tag, script)) => (tag, Some(script)),
            None => (&self.0, None),
        }
    }

    /// The primary subtag: `de` of `de-AT`.
    pub(crate) fn primary(&self) -> &str {
        let tag = self.as_str();
        tag.split('-').next().unwrap_or(tag)
    }

    /// The writing direction: `rtl` or `ltr`.
    pub(crate) fn direction(&self) -> &'static str {
        let is_rtl =
            |tag: LanguageIdentifier| LocaleDirectionality::new_extended().is_right_to_left(&tag);
        if self.as_str().parse().is_ok_and(is_rtl) { "rtl" } else { "ltr" }
    }

    /// The tags that cover this language, closest first: its own, that of its script, of its language, and
    /// of the language that its language is a form of.
    pub(crate) fn covering(&self) -> impl Iterator<Item = &str> + Clone {
        let ((tag, script), primary) = (self.parts(), self.primary());
        let whole = (primary == "nn").then_some("no");
        let broader = script.into_iter().chain((primary != tag).then_some(primary));
        std::iter::once(tag).chain(broader).chain(whole)
    }

    /// Whether `other` is this language or a variant of it.
    pub(crate) fn covers(&self, other: &Language) -> bool {
        other.covering().any(|tag| tag == self.as_str())
    }

    fn read(text: &str) -> Option<Language> {
        // POSIX: `de_DE.UTF-8@euro`.
        let tag = text.split(['.', '@']).next().unwrap_or_default().trim().replace('_', "-");
        let tag = without_macrolanguage(&tag);
        if tag.split('-').any(str::is_empty) {
            return None;
        }
        // Variants, extensions and private subtags say nothing that units are chosen by.
        let wanted = tag.split('-').take_while(|part| part.len() > 1).collect::<Vec<_>>().join("-");
        let mut id: LanguageIdentifier = wanted.parse().ok()?;
        id.variants.clear();
        if !(2..=3).contains(&id.language.as_str().len()) {
            return None;
        }
        let mut locale = Locale::from(id);
        CANONICALIZER.canonicalize(&mut locale);
        let mut id = locale.id;
        id.variants.clear();
        if id.language.as_str() == "nb" {
            id.language = "no".parse().ok()?;
        }
        if id.language.is_unknown() {
            return None;
        }
        let implied = |mut id: LanguageIdentifier| {
            id.script = None;
            EXPANDER.maximize(&mut id);
            id.script
        };
        let country_script = implied(id.clone());
        let script = id.script.or(country_script);
        if id.script == country_script {
            id.script = None;
        }
        let mut with_script = LanguageIdentifier { region: None, script: None, ..id.clone() };
        if script != implied(with_script.clone()) {
            with_script.script = script;
        }
        let with_script = with_script.to_string();
        let tag = id.to_string();
        let has_own_script = with_script != tag && with_script != id.language.as_str();
        Some(Language(if has_own_script { format!("{tag}/{with_script}") } else { tag }.into()))
    }
}

/// A tag whose language is an extended one (`zh-yue`) begins with that instead (RFC 5646, 4.5).
fn without_macrolanguage(tag: &str) -> &str {
    let Some((primary, rest)) = tag.split_once('-') else { return tag };
    let extended = rest.split('-').next().unwrap_or_default();
    let is_extended = extended.len() == 3 && extended.bytes().all(|b| b.is_ascii_alphabetic());
    if is_extended && (2..=3).contains(&primary.len()) { rest } else { tag }
}

impl TryFrom<String> for Language {
    type Error = InvalidLanguage;
    fn try_from(text: String) -> Result<Self, InvalidLanguage> {
        Language::read(&text).ok_or(InvalidLanguage(text))
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
        language.as_str().to_owned()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
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
    use proptest::prelude::*;

    fn tag(text: &str) -> Language {
        text.parse().unwrap()
    }

    #[test]
    fn a_language_has_one_canonical_spelling() {
        for (written, form) in [
            ("DE-at", "de-AT"),
            ("de_DE", "de-DE"),
            ("de_DE.UTF-8", "de-DE"),
            ("de_DE@euro", "de-DE"),
            ("de_DE_formal", "de-DE"),
            ("de-Latn-DE", "de-DE"),
            ("de-DE-1996", "de-DE"),
            ("de-DE-u-co-phonebk", "de-DE"),
            ("en-x-private", "en"),
            ("ger", "de"),
            ("deu", "de"),
            ("en-UK", "en-GB"),
            ("iw", "he"),
            ("iw-IL", "he-IL"),
            ("in", "id"),
            ("ji", "yi"),
            ("nb-NO", "no-NO"),
            ("nb", "no"),
            ("no", "no"),
            ("nn-NO", "nn-NO"),
            ("tl-PH", "fil-PH"),
            ("cmn-Hans-CN", "zh-CN"),
            ("zh-cmn-Hans", "zh"),
            ("zh-yue-HK", "yue-HK"),
            ("zh-hant-tw", "zh-TW"),
            ("zh-Hans", "zh"),
            ("zh-Hant", "zh-Hant"),
            ("sr-Cyrl-RS", "sr-RS"),
            ("sh", "sr-Latn"),
            ("es-419", "es-419"),
        ] {
            assert_eq!(tag(written).as_str(), form, "{written}");
        }
        for bad in
            ["", "d", "deutsch", "English", "de-", "12", "und", "C", "POSIX", "de DE", "x-de", "*"]
        {
            assert!(bad.parse::<Language>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_language_covers_its_variants_but_not_vice_versa() {
        for (one, other) in [
            ("de", "de_AT"),
            ("no", "nb-NO"),
            ("nb", "no"),
            ("no", "nn-NO"),
            ("he", "iw_IL"),
            ("zh-Hant", "zh-TW"),
            ("zh-Hant", "zh-Hant-HK"),
            ("zh", "zh-TW"),
            ("zh-TW", "zh-Hant-TW"),
            ("sr-Latn", "sr-Latn-RS"),
        ] {
            assert!(tag(one).covers(&tag(other)), "{one} covers {other}");
        }
        for (one, other) in [
            ("de-AT", "de"),
            ("nn", "no"),
            ("zh-Hant", "zh-CN"),
            ("sr-Latn", "sr-RS"),
            ("de", "nds"),
        ] {
            assert!(!tag(one).covers(&tag(other)), "{one} does not cover {other}");
        }
        for (text, direction) in [
            ("he", "rtl"),
            ("iw", "rtl"),
            ("ar-EG", "rtl"),
            ("pa-Arab", "rtl"),
            ("de", "ltr"),
            ("az", "ltr"),
        ] {
            assert_eq!(tag(text).direction(), direction, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_canonical_tag_is_its_own_canonical_form(text in tags()) {
            if let Ok(once) = text.parse::<Language>() {
                prop_assert_eq!(tag(once.as_str()), once.clone());
                prop_assert!(once.covering().all(|wider| tag(wider).as_str() == wider), "{:?}", once);
            }
        }

        #[test]
        fn a_remembered_tag_means_what_it_meant_when_it_was_read(tags in prop::collection::vec(tags(), 1..400)) {
            for tag in tags.iter().chain(&tags) {
                prop_assert_eq!(Language::of_request(tag), tag.parse::<Language>().ok());
            }
        }

        #[test]
        fn covering_is_an_order(one in tags(), other in tags(), third in tags()) {
            let read = |text: &str| text.parse::<Language>();
            if let (Ok(one), Ok(other), Ok(third)) = (read(&one), read(&other), read(&third)) {
                prop_assert!(one.covers(&one));
                prop_assert!(!(one.covers(&other) && other.covers(&one)) || one == other);
                prop_assert!(
                    !(one.covers(&other) && other.covers(&third)) || one.covers(&third),
                    "{:?} {:?} {:?}", one, other, third
                );
            }
        }
    }

    fn tags() -> impl Strategy<Value = String> {
        "(de|zh|no|nb|nn|iw|he|sr|sh|en|[a-z]{2,3})([-_](Hant|Hans|Latn|Cyrl|Arab|[a-z]{4}))?([-_](TW|CN|NO|RS|[a-zA-Z]{2}|[0-9]{3}))?"
    }
}
