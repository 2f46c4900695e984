//! Checks that ids are unique, and checks topics, entities, regions and categories.

use crate::catalog::check::Findings;
use crate::config::suggestion::nearest;
use crate::domain::entity::Entities;
use crate::domain::inventory::Inventory;
use crate::domain::lists;
use crate::domain::lists::ListItem;
use crate::domain::name_key;
use crate::domain::region::{Region, Regions};
use crate::domain::taxonomy::{DocumentError, Taxonomy};
use std::collections::HashSet;

/// The most aliases of one topic or entity.
const MAX_ALIASES: usize = 64;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let topics: Vec<&str> = inventory.topics.iter().map(|topic| topic.id.as_str()).collect();
    let entities: Vec<&str> = inventory.entities.iter().map(|entity| entity.id.as_str()).collect();
    lists::visit_all(&mut UniqueIds { inventory, findings });
    let tree = Taxonomy::build(&inventory.topics);
    if let Err(faults) = &tree {
        report(findings, "topics", faults, &topics, &topics);
    }
    let broken = tree.is_err();
    if let Err(mut faults) = Entities::build(&inventory.entities, &tree.unwrap_or_default()) {
        // If the topic tree is invalid, every reference to a topic fails here. The cause is
        // reported above, so these consequential errors are dropped.
        let consequential =
            |fault: &DocumentError| fault.unknown.as_deref().is_some_and(|id| topics.contains(&id));
        faults.retain(|fault| !(broken && consequential(fault)));
        let known: Vec<&str> = entities.iter().chain(&topics).copied().collect();
        report(findings, "entities", &faults, &entities, &known);
    }
    for topic in &inventory.topics {
        findings.begin("topics", topic.id.as_str());
        findings.required_text("name", &topic.name, name_key::MAX_CHARS);
        aliases(findings, "aliases", topic.aliases.iter().map(String::as_str));
    }
    for entity in &inventory.entities {
        findings.begin("entities", entity.id.as_str());
        findings.required_text("name", &entity.name, name_key::MAX_CHARS);
        aliases(findings, "aliases", entity.aliases.iter().map(String::as_str));
        let ambiguous = entity.ambiguous_aliases.iter().map(|one| one.alias.as_str());
        aliases(findings, "ambiguous_aliases", ambiguous);
        let number = entity.qid.as_deref().map(|qid| qid.strip_prefix('Q').unwrap_or(""));
        if number.is_some_and(|n| n.is_empty() || !n.bytes().all(|b| b.is_ascii_digit())) {
            let qid = entity.qid.as_deref().unwrap_or_default();
            findings.add("qid", format!("must be a Wikidata item such as Q1359568 (got `{qid}`)"));
        }
        if entity.competitors.contains(&entity.id) {
            let reason = format!("must not contain the entity itself (got `{}`)", entity.id);
            findings.add("competitors", reason);
        }
    }
    regions(inventory, findings);
}

fn aliases<'a>(findings: &mut Findings, field: &str, names: impl Iterator<Item = &'a str>) {
    for (at, name) in names.enumerate() {
        if at == MAX_ALIASES {
            findings.add(field, format!("must have at most {MAX_ALIASES} names"));
        }
        findings.required_text(format_args!("{field}[{at}]"), name, name_key::MAX_CHARS);
    }
}

fn regions(inventory: &Inventory, findings: &mut Findings) {
    if let Err(problems) = Regions::build(&inventory.regions) {
        for (at, reason) in problems {
            findings.begin("regions", &inventory.regions[at].id);
            findings.add("members", reason);
        }
    }
    let regions = Regions::build(&inventory.regions).unwrap_or_default();
    for group in &inventory.regions {
        findings.begin("regions", &group.id);
        // Wherever a region is written, the id must parse as this group.
        if group.id.parse() != Ok(Region::Group(group.id.as_str().into())) {
            let reason = format!("must be a valid group id (got `{}`)", group.id);
            let help = "use 3 to 64 characters of a-z, 0-9 and `-`, and not a country code";
            findings.add_with_help("id", reason, Some(help.into()));
        }
        findings.required_text("name", &group.name, 60);
        if group.members.is_empty() {
            findings.add("members", "must not be empty");
        }
    }
    for category in &inventory.categories {
        findings.begin("categories", category.id.as_str());
        findings.visible_text("name", &category.name);
        for (at, region) in category.regions.iter().enumerate() {
            findings.region(format_args!("regions[{at}]"), region, &regions);
        }
    }
}

/// Reports ids that occur more than once in a list.
struct UniqueIds<'a> {
    inventory: &'a Inventory,
    findings: &'a mut Findings,
}

impl lists::ListVisitor for UniqueIds<'_> {
    type Out = ();
    fn visit<T: ListItem>(&mut self) {
        let mut seen = HashSet::new();
        for one in T::of(self.inventory) {
            if !seen.insert(one.id()) {
                self.findings.begin(T::LIST, one.id());
                self.findings.add("id", format!("must be unique (got `{}` twice)", one.id()));
            }
        }
    }
}

fn report(
    findings: &mut Findings,
    list: &'static str,
    faults: &[DocumentError],
    ids: &[&str],
    known: &[&str],
) {
    for fault in faults {
        findings.begin(list, ids.get(fault.at).copied().unwrap_or_default());
        let near = fault.unknown.as_deref().filter(|_| findings.suggestions > 0);
        let near = near.and_then(|word| nearest(word, known.iter().copied()));
        findings.suggestions = findings.suggestions.saturating_sub(1);
        let help = near.map(|near| format!("did you mean `{near}`?"));
        findings.add_with_help(&fault.field, &fault.reason, help);
    }
}
