//! How a unit says that it is paid for: a reviewed table by region and language, never in code.

use crate::domain::language::Language;
use crate::domain::region::Country;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use garde::Validate;
use hashbrown::HashMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// The table as written in `config/labels.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct LabelTable {
    /// The table's name and review, as replies quote it.
    #[garde(length(chars, min = 1, max = 60))]
    pub ruleset: String,
    /// Rows. For a reader the row of the smallest region that holds the country and is in the
    /// page's language wins; then that region's first row; then the next larger region.
    #[garde(dive, length(min = 1))]
    pub label: Vec<Label>,
    /// Words for people, by language; `en` must be there.
    #[garde(dive, length(min = 1))]
    pub words: Vec<Words>,
}

/// One reviewed label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Label {
    /// Where it holds.
    #[garde(length(min = 1))]
    pub regions: Vec<Region>,
    /// What it is written in.
    pub language: Language,
    /// The label.
    #[garde(length(chars, min = 2, max = 30))]
    pub text: String,
    /// What a screen reader says instead.
    #[garde(length(chars, min = 2, max = 80))]
    pub aria: String,
    /// The line that names the sponsor, with `{sponsor}` in it.
    #[garde(length(chars, min = 2, max = 60), contains("{sponsor}"))]
    pub sponsor_line: String,
    /// When somebody last read the law behind it.
    #[schemars(with = "String")]
    pub reviewed: jiff::civil::Date,
}

/// What the unit and the page behind "why this" say, in one language.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Validate)]
#[serde(deny_unknown_fields)]
#[garde(allow_unvalidated)]
pub struct Words {
    /// Which one.
    pub language: Language,
    /// Why, when a topic or an entity was met: with `{match}` in it.
    #[garde(contains("{match}"))]
    pub because: String,
    /// Why, when the site alone was.
    pub because_site: String,
    /// Heading of the reader's page and text of the link to it.
    pub why: String,
    /// That nothing of the reader was used.
    pub never: String,
    /// On the button that copies a command.
    #[serde(default = "english::copy")]
    pub copy: String,
    /// On that button when it has.
    #[serde(default = "english::copied")]
    pub copied: String,
    /// What a screen reader says of a command.
    #[serde(default = "english::command")]
    pub command: String,
}

/// What a table from before these words were asked for says.
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

/// The table compiled.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// The table's name.
    pub ruleset: String,
    rows: Vec<Label>,
    /// For every country the rows of the nearest region that has any.
    by_country: HashMap<Country, Box<[usize]>>,
    /// The rows for a reader whose country nobody knows.
    unknown: Box<[usize]>,
    words: Vec<Words>,
}

impl Labels {
    /// Compiles a table.
    ///
    /// The strictest set, for readers whose country nobody knows, is the rows of the smallest
    /// region that is a member of every other region used for a known country: in practice
    /// `world`. Its texts must therefore satisfy every law the table covers.
    pub fn build(table: &LabelTable, regions: &Regions) -> Labels {
        let rows_of = |region: &Region| {
            let held =
                table.label.iter().enumerate().filter(|(_, row)| row.regions.contains(region));
            held.map(|(at, _)| at).collect::<Vec<_>>()
        };
        // Rows of one region are those that name the same ones.
        let nearest = |mut rows: Vec<usize>| -> Box<[usize]> {
            if let Some(first) = rows.first().map(|at| &table.label[*at].regions) {
                rows.retain(|at| table.label[*at].regions == *first);
            }
            rows.into()
        };
        let by_country = regions.countries().map(|country| {
            let around = regions.with_groups(country);
            (country, nearest(around.iter().flat_map(rows_of).collect()))
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

    /// The label for a reader in `country` on a page in `language`; `None` where nobody reviewed one.
    pub fn find(&self, country: Option<Country>, language: &Language) -> Option<&Label> {
        let rows = match country {
            Some(country) => self.by_country.get(&country)?,
            None => &self.unknown,
        };
        let same = |at: &&usize| self.rows[**at].language.covers(language);
        rows.iter().find(same).or(rows.first()).map(|at| &self.rows[*at])
    }

    /// The words in a language, or in English.
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
    fn a_reader_gets_the_label_of_the_country_whatever_the_page_speaks() {
        assert_eq!(text("DE", "en"), "Anzeige");
        assert_eq!(text("AT", "de"), "Werbung");
        assert_eq!(text("FR", "fr"), "Publicité");
        assert_eq!(text("GB", "en"), "Advertisement");
    }

    #[test]
    fn where_a_country_has_two_languages_the_page_decides() {
        assert_eq!(text("BE", "fr"), "Publicité");
        assert_eq!(text("BE", "nl"), "Advertentie");
    }

    #[test]
    fn every_country_and_the_unknown_one_have_a_label() {
        let labels = labels();
        let english = "en".parse().unwrap();
        for country in Regions::build(&[]).unwrap().countries().map(Some).chain([None]) {
            assert!(labels.find(country, &english).is_some(), "{country:?}");
        }
    }
}
