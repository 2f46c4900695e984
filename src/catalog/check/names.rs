//! Ids are given once; topics, entities, regions and sectors hang together.

use crate::catalog::check::Findings;
use crate::catalog::listed;
use crate::catalog::listed::Listed;
use crate::config::document::nearest;
use crate::domain::entity::Entities;
use crate::domain::inventory::Inventory;
use crate::domain::region::Region;
use crate::domain::region::Regions;
use crate::domain::taxonomy::Fault;
use crate::domain::taxonomy::Taxonomy;
use crate::domain::text;
use std::collections::HashSet;

/// The most aliases one topic or entity has.
const MAX_ALIASES: usize = 64;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let topics: Vec<&str> = inventory.topics.iter().map(|topic| topic.id.as_str()).collect();
    let entities: Vec<&str> = inventory.entities.iter().map(|entity| entity.id.as_str()).collect();
    listed::each(&mut Once { inventory, findings });
    let tree = Taxonomy::build(&inventory.topics);
    if let Err(faults) = &tree {
        report(findings, "topics", faults, &topics, &topics);
    }
    let broken = tree.is_err();
    if let Err(mut faults) = Entities::build(&inventory.entities, &tree.unwrap_or_default()) {
        // Beside a tree that is not one every topic is unknown; that is said of the tree.
        let blamed =
            |fault: &Fault| fault.unknown.as_deref().is_some_and(|id| topics.contains(&id));
        faults.retain(|fault| !(broken && blamed(fault)));
        let known: Vec<&str> = entities.iter().chain(&topics).copied().collect();
        report(findings, "entities", &faults, &entities, &known);
    }
    for topic in &inventory.topics {
        findings.of("topics", topic.id.as_str());
        findings.named("name", &topic.name, text::MAX_CHARS);
        aliases(findings, "aliases", topic.aliases.iter().map(String::as_str));
    }
    for entity in &inventory.entities {
        findings.of("entities", entity.id.as_str());
        findings.named("name", &entity.name, text::MAX_CHARS);
        aliases(findings, "aliases", entity.aliases.iter().map(String::as_str));
        let ambiguous = entity.ambiguous_aliases.iter().map(|one| one.alias.as_str());
        aliases(findings, "ambiguous_aliases", ambiguous);
        let number = entity.qid.as_deref().map(|qid| qid.strip_prefix('Q').unwrap_or(""));
        if number.is_some_and(|n| n.is_empty() || !n.bytes().all(|b| b.is_ascii_digit())) {
            findings.add("qid", "is not an item of Wikidata: write it like Q1359568");
        }
        if entity.competitors.contains(&entity.id) {
            findings.add("competitors", format!("`{}` is its own rival", entity.id));
        }
    }
    regions(inventory, findings);
}

fn aliases<'a>(findings: &mut Findings, field: &str, names: impl Iterator<Item = &'a str>) {
    for (at, name) in names.enumerate() {
        if at == MAX_ALIASES {
            findings.add(field, format!("has more than {MAX_ALIASES} names"));
        }
        findings.named(format_args!("{field}[{at}]"), name, text::MAX_CHARS);
    }
}

fn regions(inventory: &Inventory, findings: &mut Findings) {
    if let Err(problems) = Regions::build(&inventory.regions) {
        for (at, reason) in problems {
            findings.of("regions", &inventory.regions[at].id);
            findings.add("members", reason);
        }
    }
    let known = Regions::build(&inventory.regions).unwrap_or_default();
    for group in &inventory.regions {
        findings.of("regions", &group.id);
        // The id must read as this very group wherever a region is written.
        if group.id.parse() != Ok(Region::Group(group.id.as_str().into())) {
            let reason = format!("`{}` does not name a group", group.id);
            let help = "use 3 to 64 of a-z, 0-9 and `-`, and no country's code";
            findings.helped("id", reason, Some(help.into()));
        }
        findings.named("name", &group.name, 60);
        if group.members.is_empty() {
            findings.add("members", "holds nobody");
        }
    }
    for sector in &inventory.sectors {
        findings.of("sectors", sector.id.as_str());
        findings.plain("name", &sector.name);
        for (at, region) in sector.regions.iter().enumerate() {
            findings.region(format_args!("regions[{at}]"), region, &known);
        }
    }
}

/// Ids that are given twice, list by list.
struct Once<'a> {
    inventory: &'a Inventory,
    findings: &'a mut Findings,
}

impl listed::Visitor for Once<'_> {
    type Out = ();
    fn visit<T: Listed>(&mut self) {
        let mut seen = HashSet::new();
        for one in T::of(self.inventory) {
            if !seen.insert(one.id()) {
                self.findings.of(T::LIST, one.id());
                self.findings.add("id", format!("`{}` is given twice", one.id()));
            }
        }
    }
}

fn report(
    findings: &mut Findings,
    list: &'static str,
    faults: &[Fault],
    ids: &[&str],
    known: &[&str],
) {
    for fault in faults {
        findings.of(list, ids.get(fault.at).copied().unwrap_or_default());
        let near = fault.unknown.as_deref().filter(|_| findings.suggestions > 0);
        let near = near.and_then(|word| nearest(word, known.iter().copied()));
        findings.suggestions = findings.suggestions.saturating_sub(1);
        let help = near.map(|near| format!("did you mean `{near}`?"));
        findings.helped(&fault.field, &fault.reason, help);
    }
}
