//! Ids are given once; topics, entities and regions hang together.

use crate::catalog::check::Findings;
use crate::config::document::nearest;
use crate::domain::entity::Entities;
use crate::domain::inventory::Inventory;
use crate::domain::region::Regions;
use crate::domain::taxonomy::Fault;
use crate::domain::taxonomy::Taxonomy;
use std::collections::HashSet;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let topics = || inventory.topics.iter().map(|topic| topic.id.as_str());
    let entities = || inventory.entities.iter().map(|entity| entity.id.as_str());
    once(findings, "topics", topics());
    once(findings, "entities", entities());
    once(findings, "regions", inventory.regions.iter().map(|region| region.id.as_str()));
    once(findings, "sectors", inventory.sectors.iter().map(|sector| sector.id.as_str()));
    once(findings, "advertisers", inventory.advertisers.iter().map(|a| a.id.as_str()));
    once(findings, "campaigns", inventory.campaigns.iter().map(|c| c.id.as_str()));
    once(findings, "flights", inventory.flights.iter().map(|flight| flight.id.as_str()));
    once(findings, "creatives", inventory.creatives.iter().map(|c| c.id.as_str()));
    once(findings, "publishers", inventory.publishers.iter().map(|p| p.id.as_str()));
    let tree = Taxonomy::build(&inventory.topics);
    if let Err(faults) = &tree {
        report(findings, "topics", faults, &topics().collect::<Vec<_>>());
    }
    if let Err(faults) = Entities::build(&inventory.entities, &tree.unwrap_or_default()) {
        let known: Vec<&str> = entities().chain(topics()).collect();
        report(findings, "entities", &faults, &known);
    }
    if let Err(problems) = Regions::build(&inventory.regions) {
        for (at, reason) in problems {
            findings.of("regions", &inventory.regions[at].id);
            findings.add("members", reason);
        }
    }
    for topic in &inventory.topics {
        findings.of("topics", topic.id.as_str());
        findings.plain("name", &topic.name);
    }
    for entity in &inventory.entities {
        findings.of("entities", entity.id.as_str());
        findings.plain("name", &entity.name);
    }
}

fn once<'a>(findings: &mut Findings, list: &'static str, ids: impl Iterator<Item = &'a str>) {
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id) {
            findings.of(list, id);
            findings.add("id", format!("`{id}` is given twice"));
        }
    }
}

fn report(findings: &mut Findings, list: &'static str, faults: &[Fault], known: &[&str]) {
    for fault in faults {
        let id = known.get(fault.at).copied().unwrap_or_default();
        findings.of(list, id);
        let near = fault.unknown.as_deref().and_then(|word| nearest(word, known.iter().copied()));
        let help = near.map(|near| format!("did you mean `{near}`?"));
        findings.helped(&fault.field, &fault.reason, help);
    }
}
