//! The label table, and whether every reader a flight can reach has a label in it.

use crate::catalog::check::Finding;
use crate::catalog::check::Findings;
use crate::domain::inventory::Inventory;
use crate::domain::label::LabelTable;
use crate::domain::label::Labels;
use crate::domain::language::Language;
use crate::domain::region::Country;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use std::collections::HashSet;

fn english() -> Language {
    "en".parse().expect("`en` is a language")
}

/// Flights that can reach a reader for whom nobody reviewed a label.
pub fn reach(inventory: &Inventory, table: &LabelTable) -> Vec<Finding> {
    let Ok(regions) = Regions::build(&inventory.regions) else { return Vec::new() };
    let labels = Labels::build(table, &regions);
    let english = english();
    let bare: Vec<Country> = regions
        .countries()
        .filter(|country| labels.find(Some(*country), &english).is_none())
        .collect();
    let mut findings = Findings::new();
    if bare.is_empty() {
        return findings.found;
    }
    for flight in &inventory.flights {
        let clause = &flight.targeting.regions;
        let reached = |country: &&Country| {
            let covers = |region| regions.covers(region, **country);
            (clause.any.is_empty() || clause.any.iter().any(covers))
                && !clause.none.iter().any(covers)
        };
        let reached: Vec<String> = bare.iter().filter(reached).map(Country::to_string).collect();
        if !reached.is_empty() {
            findings.of("flights", flight.id.as_str());
            let reason = format!("can reach {}, where no label was reviewed", reached.join(", "));
            let help = "add the label, or exclude them";
            findings.helped("targeting.regions", reason, Some(help.into()));
        }
    }
    findings.found
}

/// What is wrong with a table itself. A finding's field is its path in the file, such as
/// `label[3].regions[0]`; it has no id. `regions` are those of the inventory beside it.
pub fn table(table: &LabelTable, regions: &Regions) -> Vec<Finding> {
    let mut findings = Findings::new();
    findings.of("labels", "");
    findings.named("ruleset", &table.ruleset, 60);
    let mut seen: HashSet<(&Region, &str)> = HashSet::new();
    for (at, row) in table.label.iter().enumerate() {
        for (n, region) in row.regions.iter().enumerate() {
            let field = format!("label[{at}].regions[{n}]");
            findings.region(&field, region, regions);
            if !seen.insert((region, row.language.as_str())) {
                let reason = format!("`{region}` has a label in `{}` already", row.language);
                findings.add(field, reason);
            }
        }
        findings.named(format_args!("label[{at}].text"), &row.text, 30);
        findings.named(format_args!("label[{at}].aria"), &row.aria, 80);
        let line = format!("label[{at}].sponsor_line");
        slots(&mut findings, &line, &row.sponsor_line, &["sponsor"]);
        findings.named(line, &row.sponsor_line, 60);
    }
    let labels = Labels::build(table, regions);
    if labels.find(None, &english()).is_none() {
        let help = "add a row with regions = [\"world\"]";
        let reason = "no label for readers whose country nobody knows";
        findings.helped("label", reason, Some(help.into()));
    }
    let mut spoken: HashSet<&str> = HashSet::new();
    for (at, words) in table.words.iter().enumerate() {
        if !spoken.insert(words.language.as_str()) {
            let reason = format!("`{}` is given twice", words.language);
            findings.add(format_args!("words[{at}].language"), reason);
        }
        slots(&mut findings, &format!("words[{at}].because"), &words.because, &["match"]);
        for (field, text) in [
            ("because", &words.because),
            ("because_site", &words.because_site),
            ("why", &words.why),
            ("never", &words.never),
            ("copy", &words.copy),
            ("copied", &words.copied),
            ("command", &words.command),
        ] {
            findings.named(format_args!("words[{at}].{field}"), text, 400);
        }
    }
    if !spoken.contains("en") {
        findings.add("words", "has no `en`: it is what other languages fall back to");
    }
    findings.found
}

/// Nothing but the known slots stands in braces.
fn slots(findings: &mut Findings, field: &str, text: &str, known: &[&str]) {
    for part in text.split('{').skip(1) {
        let name = part.split('}').next().unwrap_or(part);
        if !known.contains(&name) {
            let reason = format!("`{{{name}}}` is not a slot: there is {{{}}}", known.join("} {"));
            findings.add(field, reason);
        }
    }
}
