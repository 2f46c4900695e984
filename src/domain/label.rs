//! Advertising disclosure labels: a reviewed table by region and language, configured, not coded.

use crate::domain::language::Language;
use crate::domain::region::{Country, Region, Regions};
use garde::Validate;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The table as written in `config/labels.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct LabelTable {
    /// Name and version of the table, included in replies.
    #[garde(length(chars, min = 1, max = 60))]
    pub ruleset: String,
    /// Rows. For a reader, the smallest region that contains the country and has rows applies: its
    /// row in the page's language, or else its first row.
    #[garde(dive, length(min = 1))]
    pub label: Vec<Label>,
    /// Reader-facing texts by language; `en` is required.
    #[garde(dive, length(min = 1))]
    pub words: Vec<Words>,
}

/// One reviewed label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Label {
    /// Regions it applies to.
    #[garde(length(min = 1))]
    pub regions: Vec<Region>,
    /// Language of the label.
    pub language: Language,
    /// The label text.
    #[garde(length(chars, min = 2, max = 30))]
    pub text: String,
    /// Text for screen readers, in place of `text`.
    #[garde(length(chars, min = 2, max = 80))]
    pub aria: String,
    /// The line with the sponsor's name; must contain `{sponsor}`.
    #[garde(length(chars, min = 2, max = 60), contains("{sponsor}"))]
    pub sponsor_line: String,
    /// Date of the last legal review.
    #[schemars(with = "String")]
    pub reviewed: jiff::civil::Date,
}

/// Texts of the unit and of the page behind "why this", in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Words {
    /// Language of the texts.
    pub language: Language,
    /// Reason when a topic or an entity matched; must contain `{match}`.
    #[garde(contains("{match}"))]
    pub because: String,
    /// Reason when only the site matched.
    pub because_site: String,
    /// Heading of the reader's "why this" page and text of the link to it.
    pub why: String,
    /// Statement that no data about the reader was used.
    pub never: String,
    /// Caption of the button that copies a command.
    #[serde(default = "english::copy")]
    pub copy: String,
    /// Caption of that button after copying.
    #[serde(default = "english::copied")]
    pub copied: String,
    /// Description of a command for screen readers.
    #[serde(default = "english::command")]
    pub command: String,
}

/// Defaults for tables without these fields.
mod english {
    pub(super) fn copy() -> String {
        "copy".into()
    }

    pub(super) fn copied() -> String {
        "copied".into()
    }

    pub(super) fn command() -> String {
        "command for a terminal".into()
    }
}

/// The compiled label table.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Name and version of the table.
    pub ruleset: String,
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
    pub fn build(table: &LabelTable, regions: &Regions) -> Labels {
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
    pub fn find(&self, country: Option<Country>, language: &Language) -> Option<&Label> {
        let rows = match country {
            Some(country) => self.by_country.get(&country)?,
            None => &self.unknown,
        };
        let same = |at: &&usize| self.rows[**at].language.covers(language);
        rows.iter().find(same).or(rows.first()).map(|at| &self.rows[*at])
    }

    /// The texts in a language, or in English.
    pub fn words(&self, language: &Language) -> Option<&Words> {
        let in_language = |words: &&Words| words.language.covers(language);
        self.words
            .iter()
            .find(in_language)
            .or_else(|| self.words.iter().find(|words| words.language.primary() == "en"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        let table: LabelTable = toml::from_str(include_str!("../../config/labels.toml")).unwrap();
        table.validate().unwrap();
        Labels::build(&table, &Regions::build(&[]).unwrap())
    }

    fn text(country: &str, language: &str) -> String {
        let country = (!country.is_empty()).then(|| country.parse().unwrap());
        labels().find(country, &language.parse().unwrap()).unwrap().text.clone()
    }

    #[test]
    fn the_readers_country_determines_the_label_regardless_of_the_page_language() {
        assert_eq!(text("DE", "en"), "Anzeige");
        assert_eq!(text("AT", "de"), "Werbung");
        assert_eq!(text("FR", "fr"), "Publicité");
        assert_eq!(text("GB", "en"), "Advertisement");
    }

    #[test]
    fn in_a_country_with_two_languages_the_page_language_decides() {
        assert_eq!(text("BE", "fr"), "Publicité");
        assert_eq!(text("BE", "nl"), "Advertentie");
    }

    #[test]
    fn every_country_and_an_unknown_country_have_a_label() {
        let labels = labels();
        let english = "en".parse().unwrap();
        for country in Regions::build(&[]).unwrap().countries().map(Some).chain([None]) {
            assert!(labels.find(country, &english).is_some(), "{country:?}");
        }
    }
}
