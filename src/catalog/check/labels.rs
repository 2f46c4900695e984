//! Checks the label table, and that every reader a flight can reach has a label in it.

use crate::catalog::check::{Finding, Findings};
use crate::domain::ad_text;
use crate::domain::inventory::Inventory;
use crate::domain::label::{LabelTable, Labels};
use crate::domain::language::Language;
use crate::domain::lists::declared;
use crate::domain::region::{Country, Region, Regions};
use std::collections::HashSet;

fn english() -> Language {
    "en".parse().expect("`en` is a language")
}

/// Flights that can reach readers in countries without a reviewed label.
pub(crate) fn reach(inventory: &Inventory, table: &LabelTable) -> Vec<Finding> {
    let Ok(regions) = Regions::build(&inventory.regions) else { return Vec::new() };
    let labels = Labels::build(table, &regions);
    let english = english();
    let unlabelled: Vec<Country> = regions
        .countries()
        .filter(|country| labels.find(Some(*country), &english).is_none())
        .collect();
    let mut findings = Findings::new();
    if unlabelled.is_empty() {
        return findings.found;
    }
    for flight in &inventory.flights {
        let clause = &flight.targeting.regions;
        let reached = |country: &&Country| {
            let covers = |region| regions.covers(region, **country);
            (clause.any.is_empty() || clause.any.iter().any(covers))
                && !clause.none.iter().any(covers)
        };
        let reached: Vec<String> =
            unlabelled.iter().filter(reached).map(Country::to_string).collect();
        if !reached.is_empty() {
            findings.begin("flights", flight.id.as_str());
            let reason = format!(
                "must exclude countries without a reviewed label (got {})",
                reached.join(", ")
            );
            let help = "add a label for them, or exclude them";
            findings.add_with_help("targeting.regions", reason, Some(help.into()));
        }
    }
    findings.found
}

/// All problems of a table that did not come from a file, those that its fields declare included.
pub(crate) fn findings(inventory: &Inventory, labels: &LabelTable) -> Vec<Finding> {
    let Ok(regions) = Regions::build(&inventory.regions) else { return Vec::new() };
    let finding =
        |(field, reason)| Finding { list: "labels", id: String::new(), field, reason, help: None };
    let declared = declared(labels).into_iter().map(finding);
    declared.chain(table(labels, &regions)).collect()
}

/// Problems of the table itself. A finding's field is its path in the file, such as
/// `label[3].regions[0]`; its id is empty. `regions` are those of the inventory it is used with.
pub fn table(table: &LabelTable, regions: &Regions) -> Vec<Finding> {
    let mut findings = Findings::new();
    findings.begin("labels", "");
    findings.required_text("ruleset", &table.ruleset, 60);
    let mut seen: HashSet<(&Region, &str)> = HashSet::new();
    for (at, row) in table.label.iter().enumerate() {
        for (n, region) in row.regions.iter().enumerate() {
            let field = format!("label[{at}].regions[{n}]");
            findings.region(&field, region, regions);
            if !seen.insert((region, row.language.as_str())) {
                let reason = format!(
                    "must be unique per language (duplicate label for `{region}` in `{}`)",
                    row.language
                );
                findings.add(field, reason);
            }
        }
        findings.required_text(format_args!("label[{at}].text"), &row.text, 30);
        findings.required_text(format_args!("label[{at}].aria"), &row.aria, 80);
        let line = format!("label[{at}].sponsor_line");
        slots(&mut findings, &line, &row.sponsor_line, &["sponsor"]);
        findings.required_text(line, &row.sponsor_line, 60);
    }
    let labels = Labels::build(table, regions);
    if labels.find(None, &english()).is_none() {
        let help = "add a row with regions = [\"world\"]";
        let reason = "must have a row for readers from an unknown country";
        findings.add_with_help("label", reason, Some(help.into()));
    }
    let mut languages: HashSet<&str> = HashSet::new();
    for (at, words) in table.words.iter().enumerate() {
        if !languages.insert(words.language.as_str()) {
            let reason = format!("must be unique (got `{}` twice)", words.language);
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
            findings.required_text(format_args!("words[{at}].{field}"), text, 400);
        }
        for (field, text) in words.page.iter().flat_map(|page| page.texts()) {
            findings.required_text(format_args!("words[{at}].page.{field}"), text, 400);
        }
    }
    if !languages.contains("en") {
        findings.add("words", "must have an entry for `en`, the fallback for other languages");
    }
    findings.found
}

/// Checks that a text contains no slots but the known ones.
fn slots(findings: &mut Findings, field: &str, text: &str, known: &[&str]) {
    let names = match ad_text::slots(text) {
        Ok(names) => names,
        Err(brace) => {
            let reason = format!("contains `{brace}` that is not closed or not opened");
            return findings.add(field, reason);
        }
    };
    for name in names.iter().filter(|name| !known.contains(name)) {
        let reason = format!("unknown slot `{{{name}}}`: must be {{{}}}", known.join("} or {"));
        findings.add(field, reason);
    }
}
