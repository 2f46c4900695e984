//! What an inventory must satisfy before it is saved. Nothing is checked when it is served.

mod creatives;
mod flights;
mod names;
mod parties;

use crate::config::document::nearest;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::label::Labels;
use crate::domain::region::Regions;

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
    pub help: Option<String>,
}

/// Collects findings about one document after the other.
struct Findings {
    found: Vec<Finding>,
    list: &'static str,
    id: String,
}

impl Findings {
    fn of(&mut self, list: &'static str, id: &str) {
        self.list = list;
        id.clone_into(&mut self.id);
    }

    fn add(&mut self, field: impl Into<String>, reason: impl Into<String>) {
        self.helped(field, reason, None);
    }

    fn helped(
        &mut self,
        field: impl Into<String>,
        reason: impl Into<String>,
        help: Option<String>,
    ) {
        self.found.push(Finding {
            list: self.list,
            id: self.id.clone(),
            field: field.into(),
            reason: reason.into(),
            help,
        });
    }

    /// A reference must lead somewhere.
    fn refers<'a>(
        &mut self,
        field: impl Into<String>,
        what: &str,
        id: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) {
        if !known.clone().any(|one| one == id) {
            let help = nearest(id, known).map(|near| format!("did you mean `{near}`?"));
            self.helped(field, format!("there is no {what} `{id}`"), help);
        }
    }

    /// A text must show all of itself.
    fn plain(&mut self, field: impl Into<String>, text: &str) {
        if let Err(problem) = crate::domain::copy::plain(text) {
            self.add(field, problem.to_string());
        }
    }
}

/// Everything wrong with an inventory whose lists are in id order.
pub fn inventory(inventory: &Inventory) -> Vec<Finding> {
    let mut findings = Findings { found: Vec::new(), list: "", id: String::new() };
    names::check(inventory, &mut findings);
    parties::check(inventory, &mut findings);
    flights::check(inventory, &mut findings);
    creatives::check(inventory, &mut findings);
    findings.found
}

/// Flights that can reach a reader for whom nobody reviewed a label.
pub fn labels(inventory: &Inventory, table: &LabelTable) -> Vec<Finding> {
    let Ok(regions) = Regions::build(&inventory.regions) else { return Vec::new() };
    let labels = Labels::build(table, &regions);
    let mut findings = Findings { found: Vec::new(), list: "", id: String::new() };
    for flight in &inventory.flights {
        findings.of("flights", flight.id.as_str());
        let clause = &flight.targeting.regions;
        let reached = regions.countries().filter(|country| {
            let covers = |region| regions.covers(region, *country);
            (clause.any.is_empty() || clause.any.iter().any(covers))
                && !clause.none.iter().any(covers)
        });
        let english = "en".parse().expect("`en` is a language");
        let bare: Vec<String> = reached
            .filter(|country| labels.find(Some(*country), &english).is_none())
            .map(|country| country.to_string())
            .collect();
        if !bare.is_empty() {
            let reason = format!("can reach {}, where no label was reviewed", bare.join(", "));
            findings.helped(
                "targeting.regions",
                reason,
                Some("add the label, or exclude them".into()),
            );
        }
    }
    findings.found
}
