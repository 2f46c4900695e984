//! What an inventory must satisfy before it is saved. Nothing is checked when it is served.

mod campaigns;
mod creatives;
mod flights;
mod known;
pub mod labels;
mod lookalike;
mod names;
mod parties;
mod pictures;
mod publishers;
pub mod weights;

pub use labels::reach as labels;
pub use pictures::stored;
pub use publishers::stopped_path;

use crate::catalog::check::known::Known;
use crate::catalog::check::known::Names;
use crate::config::document::nearest;
use crate::domain::inventory::Inventory;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use std::fmt;

/// Something wrong with one document of an inventory.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The list it is in, such as `flights`.
    pub list: &'static str,
    /// The document's id.
    pub id: String,
    /// The field, such as `targeting.topics.any[0]`; empty for the whole document.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.list)?;
        if !self.id.is_empty() {
            write!(f, " `{}`", self.id)?;
        }
        if !self.field.is_empty() {
            write!(f, ": {}", self.field)?;
        }
        write!(f, ": {}", self.reason)?;
        self.help.iter().try_for_each(|help| write!(f, " ({help})"))
    }
}

/// How many suggestions one check looks for: each compares a word with every id of a list.
const SUGGESTIONS: usize = 50;

/// Collects findings about one document after the other.
struct Findings {
    found: Vec<Finding>,
    list: &'static str,
    id: String,
    suggestions: usize,
}

impl Findings {
    fn new() -> Findings {
        Findings { found: Vec::new(), list: "", id: String::new(), suggestions: SUGGESTIONS }
    }

    fn of(&mut self, list: &'static str, id: &str) {
        self.list = list;
        id.clone_into(&mut self.id);
    }

    fn add(&mut self, field: impl fmt::Display, reason: impl Into<String>) {
        self.helped(field, reason, None);
    }

    fn helped(
        &mut self,
        field: impl fmt::Display,
        reason: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(Finding {
            list: self.list,
            id: self.id.clone(),
            field: field.to_string(),
            reason: reason.into(),
            help,
        });
    }

    /// A word that means nothing, with the nearest that does.
    fn unknown<'a>(
        &mut self,
        field: impl fmt::Display,
        what: &str,
        word: &str,
        known: impl Iterator<Item = &'a str>,
    ) {
        let near = if self.suggestions == 0 { None } else { nearest(word, known) };
        self.suggestions = self.suggestions.saturating_sub(1);
        let help = near.map(|near| format!("did you mean `{near}`?"));
        self.helped(field, format!("there is no {what} `{word}`"), help);
    }

    /// A reference must lead somewhere.
    fn refers<T>(&mut self, field: impl fmt::Display, id: &str, known: &Names<'_, T>) {
        if known.find(id).is_none() {
            self.unknown(field, known.what, id, known.ids());
        }
    }

    /// A region must be a country or a group that exists.
    fn region(&mut self, field: impl fmt::Display, region: &Region, regions: &Regions) {
        if !regions.knows(region) {
            self.unknown(field, "region", region.as_str(), regions.group_ids());
        }
    }

    /// A text must show all of itself.
    fn plain(&mut self, field: impl fmt::Display, text: &str) {
        if let Err(problem) = crate::domain::copy::plain(text) {
            self.add(field, problem.to_string());
        }
    }

    /// A name must say something, in at most `most` characters, and show all of it.
    fn named(&mut self, field: impl fmt::Display, name: &str, most: usize) {
        let chars = name.chars().count();
        if chars > most {
            self.add(&field, format!("has {chars} characters: {most} at most"));
        } else if name.trim().is_empty() {
            self.add(&field, "is empty");
        }
        self.plain(field, name);
    }
}

/// Everything wrong with an inventory whose lists are in id order. Limits that stand beside the
/// fields of a type are not repeated here: see [`crate::catalog::listed::Listed::limits`].
pub fn inventory(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Findings::new();
    let known = Known::of(inventory);
    names::check(inventory, &mut findings);
    parties::check(inventory, &known, &mut findings);
    campaigns::check(inventory, &known, &mut findings);
    publishers::check(inventory, &known, &mut findings);
    flights::check(inventory, &known, &mut findings);
    creatives::check(inventory, &known, &mut findings);
    findings.found
}

#[cfg(test)]
mod tests;
