//! Advertising disclosure labels: a reviewed table by region and language, configured, not coded.

use crate::domain::language::Language;
use crate::domain::local_time;
use crate::domain::region::{Country, Region, Regions};
use garde::Validate;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::borrow::Cow;

/// The table as written in `config/labels.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct LabelTable {
    /// Name and version of the table, included in replies.
    #[garde(length(chars, min = 1, max = 60))]
    pub(crate) ruleset: String,
    /// Rows. For a reader, the smallest region that contains the country and has rows applies: its row in
    /// the page's language, else the row of `world` in that language, else its first row. Where a row is
    /// `required`, its word replaces that of another language.
    #[garde(dive, length(min = 1))]
    pub(crate) label: Vec<Label>,
    /// Reader-facing texts by language; `en` is required.
    #[garde(dive, length(min = 1))]
    pub(crate) words: Vec<Words>,
}

/// One reviewed label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Label {
    /// Regions it applies to.
    #[garde(length(min = 1))]
    pub(crate) regions: Vec<Region>,
    /// Language of the label.
    pub(crate) language: Language,
    /// The label text.
    #[garde(length(chars, min = 2, max = 30))]
    pub text: String,
    /// Text for screen readers, in place of `text`.
    #[garde(length(chars, min = 2, max = 80))]
    pub(crate) aria: String,
    /// The line with the sponsor's name; must contain `{sponsor}`.
    #[garde(length(chars, min = 2, max = 60), contains("{sponsor}"))]
    pub(crate) sponsor_line: String,
    /// Date of the last legal review.
    #[serde(deserialize_with = "local_time::date")]
    #[schemars(with = "String")]
    pub(crate) reviewed: jiff::civil::Date,
    /// Whether the rules of the region require this word or its language, also on pages in another
    /// language. The texts around it then are in the page's language all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) required: bool,
    /// The rule or recommendation that the word follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[garde(inner(length(chars, min = 2, max = 200)))]
    pub(crate) source: Option<String>,
}

/// The label of one unit. Its texts are in one language, except for a word that the region requires.
#[derive(Clone, Debug, PartialEq)]
pub struct ChosenLabel<'a> {
    /// The label text.
    pub text: &'a str,
    /// Language of `text`.
    pub(crate) language: &'a Language,
    /// Text for screen readers, in place of `text`.
    pub(crate) aria: Cow<'a, str>,
    /// The line with the sponsor's name; contains `{sponsor}`.
    pub(crate) sponsor_line: &'a str,
    /// Language of the sponsor line, and of all other texts that are not the advertiser's.
    pub(crate) words: &'a Language,
}

/// Texts of the unit and of the page behind "why this", in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub(crate) struct Words {
    /// Language of the texts.
    pub(crate) language: Language,
    /// Reason when a topic or an entity matched; must contain `{match}`.
    #[garde(contains("{match}"))]
    pub(crate) because: String,
    /// Reason when only the site matched.
    pub(crate) because_site: String,
    /// Heading of the reader's "why this" page and text of the link to it.
    pub(crate) why: String,
    /// Statement that no data about the reader was used.
    pub(crate) never: String,
    /// Caption of the button that copies a command.
    #[serde(default = "built_in::copy")]
    pub(crate) copy: String,
    /// Caption of that button after copying.
    #[serde(default = "built_in::copied")]
    pub(crate) copied: String,
    /// Description of a command for screen readers.
    #[serde(default = "built_in::command")]
    pub(crate) command: String,
    /// Texts of the page behind "why this". Default: the built-in ones in this language, else in English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) page: Option<Box<PageWords>>,
}

impl Words {
    /// The texts of the page behind "why this" with their language: these, or the built-in ones.
    pub(crate) fn page(&self) -> Option<(&Language, &PageWords)> {
        let built_in = words_in(&built_in::TABLE.words, &self.language);
        let own = self.page.as_deref().map(|page| (&self.language, page));
        own.or_else(|| built_in.and_then(|words| Some((&words.language, words.page.as_deref()?))))
    }
}

/// Texts of the page behind "why this", in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageWords {
    /// The page's heading.
    pub(crate) heading: String,
    /// Caption of the label.
    pub(crate) label: String,
    /// Caption of the advertiser.
    pub(crate) shown_by: String,
    /// Caption of the party on whose behalf it is shown.
    pub(crate) on_behalf_of: String,
    /// Caption of the party that paid.
    pub(crate) paid_by: String,
    /// Caption of the matched topic or entity.
    pub(crate) matched: String,
    /// Caption of the site.
    pub(crate) site: String,
    /// Caption of the reader's country.
    pub(crate) country: String,
    /// Shown if the country is not known.
    pub(crate) unknown: String,
    /// Heading of the list of data used.
    pub(crate) used: String,
    /// The data used to choose.
    pub(crate) used_items: Vec<String>,
    /// Heading of the data not used.
    pub(crate) not_used: String,
    /// Why the IP address and user agent are stored, and for how long.
    pub(crate) fraud: String,
    /// Text of the link to the data map.
    pub(crate) data_map: String,
    /// Text of the link with which a reader reports a unit.
    #[serde(default = "built_in::report")]
    pub(crate) report: String,
    /// Caption of the decision id.
    pub(crate) decision: String,
}

impl PageWords {
    /// Every text with the name of its field.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let single = [
            ("heading", &self.heading),
            ("label", &self.label),
            ("shown_by", &self.shown_by),
            ("on_behalf_of", &self.on_behalf_of),
            ("paid_by", &self.paid_by),
            ("matched", &self.matched),
            ("site", &self.site),
            ("country", &self.country),
            ("unknown", &self.unknown),
            ("used", &self.used),
            ("not_used", &self.not_used),
            ("fraud", &self.fraud),
            ("data_map", &self.data_map),
            ("report", &self.report),
            ("decision", &self.decision),
        ];
        let items = self.used_items.iter().map(|item| ("used_items", &**item));
        single.into_iter().map(|(name, text)| (name, &**text)).chain(items)
    }
}

/// The table that is compiled in: what a table of an earlier version does not have.
mod built_in {
    use super::{LabelTable, Words};
    use std::sync::LazyLock;

    pub(super) static TABLE: LazyLock<LabelTable> = LazyLock::new(|| {
        toml::from_str(include_str!("../../config/labels.toml")).expect("tests read this table")
    });

    fn english() -> &'static Words {
        let is_english = |words: &&Words| words.language.primary() == "en";
        TABLE.words.iter().find(is_english).expect("the table has English texts")
    }

    pub(super) fn copy() -> String {
        english().copy.clone()
    }

    pub(super) fn copied() -> String {
        english().copied.clone()
    }

    pub(super) fn command() -> String {
        english().command.clone()
    }

    /// Not read from the table, whose pages are being read when this is called.
    pub(super) fn report() -> String {
        "Report this".into()
    }
}

/// The compiled label table.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Name and version of the table.
    pub(crate) ruleset: String,
    rows: Vec<Label>,
    /// For every country, the rows of the smallest region that has any.
    by_country: HashMap<Country, Box<[usize]>>,
    /// The rows for readers whose country is unknown.
    unknown: Box<[usize]>,
    words: Vec<Words>,
}

impl Labels {
    /// Compiles a table.
    ///
    /// Readers whose country is unknown get the rows of `world`. Their texts must therefore satisfy
    /// every law that the table covers.
    pub(crate) fn build(table: &LabelTable, regions: &Regions) -> Labels {
        let rows_of = |region: &Region| {
            let matching =
                table.label.iter().enumerate().filter(|(_, row)| row.regions.contains(region));
            matching.map(|(at, _)| at).collect::<Vec<_>>()
        };
        // Rows belong together if their `regions` lists are equal.
        let nearest = |mut rows: Vec<usize>| -> Box<[usize]> {
            if let Some(first) = rows.first().map(|at| &table.label[*at].regions) {
                rows.retain(|at| table.label[*at].regions == *first);
            }
            rows.into()
        };
        let by_country = regions.countries().map(|country| {
            let containing = regions.with_groups(country);
            (country, nearest(containing.iter().flat_map(rows_of).collect()))
        });
        let world = Region::Group("world".into());
        Labels {
            ruleset: table.ruleset.clone(),
            by_country: by_country.collect(),
            unknown: nearest(rows_of(&world)),
            rows: table.label.clone(),
            words: table.words.clone(),
        }
    }

    /// The label for a reader in `country` on a page in `language`; `None` if none was reviewed.
    pub fn find(&self, country: Option<Country>, language: &Language) -> Option<ChosenLabel<'_>> {
        let rows = match country {
            Some(country) => self.by_country.get(&country)?,
            None => &self.unknown,
        };
        let tags = covering(language);
        let of = |rows: &[usize]| {
            let mut rows = rows.iter().map(|at| &self.rows[*at]);
            rows.find(|row| tags.contains(&row.language.as_str()))
        };
        let own = of(rows);
        let first = &self.rows[*rows.first()?];
        let around = own.or_else(|| of(&self.unknown)).unwrap_or(first);
        let required = || rows.iter().map(|at| &self.rows[*at]).find(|row| row.required);
        let word = if own.is_some() { around } else { required().unwrap_or(around) };
        let is_one = word.language == around.language;
        Some(ChosenLabel {
            text: &word.text,
            language: &word.language,
            aria: if is_one {
                Cow::Borrowed(&*word.aria)
            } else {
                Cow::Owned(format!("{}, {}", word.text, around.aria))
            },
            sponsor_line: &around.sponsor_line,
            words: &around.language,
        })
    }

    /// The texts in a language, or in English.
    pub(crate) fn words(&self, language: &Language) -> Option<&Words> {
        words_in(&self.words, language)
    }
}

/// The tags of the languages that cover a language.
fn covering(language: &Language) -> SmallVec<[&str; 4]> {
    language.covering().collect()
}

fn words_in<'a>(all: &'a [Words], language: &Language) -> Option<&'a Words> {
    let tags = covering(language);
    let in_language = all.iter().find(|words| tags.contains(&words.language.as_str()));
    in_language.or_else(|| all.iter().find(|words| words.language.primary() == "en"))
}

#[cfg(test)]
#[path = "label_tests.rs"]
mod tests;
