//! Validates an inventory before it is stored. Nothing is validated again when it is served.

mod advertisers;
mod campaigns;
mod context_keys;
mod creatives;
mod doubtful;
mod flights;
mod images;
mod index;
pub mod labels;
mod lookalike;
mod names;
mod prices;
mod publishers;
mod shares;
pub mod weights;

pub(crate) use creatives::commands;
pub(crate) use labels::findings as label_table;
pub(crate) use labels::reach as labels;
pub use prices::prices;
pub(crate) use prices::stale_rates;
pub(crate) use publishers::check_url_prefix;
pub(crate) use weights::findings as weights;

use crate::catalog::check::index::{IdIndex, Index};
use crate::config::suggestion::nearest;
use crate::domain::inventory::Inventory;
use crate::domain::region::{Region, Regions};
use crate::domain::weights::Weights;
use std::fmt;

/// A problem with one document of an inventory.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// The document's list, such as `flights`.
    pub(crate) list: &'static str,
    /// The document's id.
    pub(crate) id: String,
    /// The field, such as `targeting.topics.any[0]`; empty for the whole document.
    pub(crate) field: String,
    /// What is wrong.
    pub(crate) reason: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) help: Option<String>,
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

/// The most suggestions per check: finding one compares a word with every id of a list.
const SUGGESTIONS: usize = 50;

/// Collects findings, one document at a time.
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

    /// Starts a document; the findings that follow are about it.
    fn begin(&mut self, list: &'static str, id: &str) {
        self.list = list;
        id.clone_into(&mut self.id);
    }

    fn add(&mut self, field: impl fmt::Display, reason: impl Into<String>) {
        self.add_with_help(field, reason, None);
    }

    fn add_with_help(
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

    /// Reports an unknown name and suggests the most similar known one.
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
        self.add_with_help(field, format!("unknown {what} `{word}`"), help);
    }

    /// Checks that a referenced document exists.
    fn reference<T>(&mut self, field: impl fmt::Display, id: &str, index: &IdIndex<'_, T>) {
        if index.find(id).is_none() {
            self.unknown(field, index.what, id, index.ids());
        }
    }

    /// Checks that a region is a country or an existing group.
    fn region(&mut self, field: impl fmt::Display, region: &Region, regions: &Regions) {
        if !regions.contains(region) {
            self.unknown(field, "region", region.as_str(), regions.group_ids());
        }
    }

    /// Checks that a text has only characters that are visible as written.
    fn visible_text(&mut self, field: impl fmt::Display, text: &str) {
        if let Err(problem) = crate::domain::ad_text::plain(text) {
            self.add(field, problem.to_string());
        }
    }

    /// Checks that a text is not blank, has at most `limit` characters, and only visible ones.
    fn required_text(&mut self, field: impl fmt::Display, text: &str, limit: usize) {
        let chars = text.chars().count();
        if chars > limit {
            self.add(&field, format!("must have at most {limit} characters (got {chars})"));
        } else if text.trim().is_empty() {
            self.add(&field, "must not be empty");
        }
        self.visible_text(field, text);
    }
}

/// All findings about an inventory whose lists are in id order. Limits that the fields' attributes
/// declare are not checked here: see [`crate::domain::lists::ListItem::limits`].
pub fn inventory(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Findings::new();
    let index = Index::of(inventory);
    names::check(inventory, &mut findings);
    context_keys::check(inventory, &mut findings);
    advertisers::check(inventory, &index, &mut findings);
    campaigns::check(inventory, &index, &mut findings);
    publishers::check(inventory, &index, &mut findings);
    flights::check(inventory, &index, &mut findings);
    creatives::check(inventory, &index, &mut findings);
    findings.found
}

/// What is allowed in an inventory, and may not be meant.
pub(crate) fn warnings(inventory: &Inventory, now_ms: i64) -> Vec<Finding> {
    let (index, mut findings) = (Index::of(inventory), Findings::new());
    shares::check(inventory, &index, &mut findings);
    doubtful::check(inventory, &index, now_ms, &mut findings);
    findings.found
}

/// What is allowed in weights, and may not be meant.
pub(crate) fn weight_warnings(weights: &Weights) -> Vec<Finding> {
    let mut findings = Findings::new();
    doubtful::zero_weights(weights, &mut findings);
    findings.found
}

#[cfg(test)]
mod tests;
