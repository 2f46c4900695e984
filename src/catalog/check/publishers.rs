//! Checks publishers: placements, origins, pauses, blocks and revenue shares.

use crate::catalog::check::Findings;
use crate::catalog::check::index::Index;
use crate::domain::inventory::Inventory;
use crate::domain::origin;
use crate::domain::page_address::Prefix;
use crate::domain::party::{DecisionAccess, Publisher};
use std::collections::HashSet;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    for publisher in &inventory.publishers {
        findings.begin("publishers", publisher.id.as_str());
        findings.visible_text("name", &publisher.name);
        let mut seen = HashSet::new();
        for (at, placement) in publisher.placements.iter().enumerate() {
            if !seen.insert(&placement.id) {
                let reason = format!("must be unique (got `{}` twice)", placement.id);
                findings.add(format_args!("placements[{at}].id"), reason);
            }
            findings.visible_text(format_args!("placements[{at}].name"), &placement.name);
        }
        for (list, origins) in
            [("origins", &publisher.origins), ("staging_origins", &publisher.staging_origins)]
        {
            for (at, origin) in origins.iter().enumerate() {
                if origin::canonical(origin).is_none() {
                    let reason = format!(
                        "must be an origin such as https://news.example, https://*.news.example or \
                         capacitor://localhost (got `{origin}`)"
                    );
                    findings.add(format_args!("{list}[{at}]"), reason);
                }
            }
        }
        if publisher.decide == DecisionAccess::Origin
            && publisher.origins.is_empty()
            && publisher.staging_origins.is_empty()
        {
            let reason =
                "`origin` needs at least one origin in `origins`, else no page gets a unit";
            findings.add("decide", reason.to_owned());
        }
        pauses(publisher, index, findings);
        blocks(publisher, index, findings);
        let mut from: Option<jiff::civil::Date> = None;
        for (at, share) in publisher.revenue_share.iter().enumerate() {
            if let Some(previous) = from.filter(|previous| *previous >= share.from) {
                let reason =
                    format!("must be after the previous entry, {previous} (got {})", share.from);
                findings.add(format_args!("revenue_share[{at}].from"), reason);
            }
            from = Some(share.from);
        }
    }
}

/// Rejects prefixes that can never match: such a pause would have no effect.
fn pauses(publisher: &Publisher, index: &Index<'_>, findings: &mut Findings) {
    for (at, prefix) in publisher.paused_paths.iter().enumerate() {
        let field = format!("paused_paths[{at}]");
        if let Err(reason) = check_url_prefix(prefix) {
            findings.add(&field, reason);
        }
        findings.visible_text(field, prefix);
    }
    for (at, topic) in publisher.paused_topics.iter().enumerate() {
        findings.reference(format_args!("paused_topics[{at}]"), topic.as_str(), &index.topics);
    }
}

/// The prefix that a text means: a path, or a whole URL without query and fragment.
pub(crate) fn check_url_prefix(text: &str) -> Result<Prefix, String> {
    if text.len() > 2_000 {
        return Err(format!("must have at most 2000 bytes (got {})", text.len()));
    }
    if text.contains(['?', '#']) || text.contains(char::is_whitespace) {
        return Err(format!("must not contain a query, a fragment or a space (got `{text}`)"));
    }
    if text.contains('*') {
        return Err(format!(
            "must not contain `*`: a prefix covers all pages below it (got `{text}`)"
        ));
    }
    match Prefix::parse(text) {
        Ok(prefix) if !text.starts_with("//") => Ok(prefix),
        _ => Err(format!(
            "must be a URL prefix such as /politics/ or https://news.example/x (got `{text}`)"
        )),
    }
}

fn blocks(publisher: &Publisher, index: &Index<'_>, findings: &mut Findings) {
    for (at, category) in publisher.categories.iter().enumerate() {
        findings.reference(format_args!("categories[{at}]"), category.as_str(), &index.categories);
    }
    let blocks = &publisher.blocks;
    for (at, id) in blocks.advertisers.iter().enumerate() {
        let field = format_args!("blocks.advertisers[{at}]");
        findings.reference(field, id.as_str(), &index.advertisers);
    }
    for (at, id) in blocks.categories.iter().enumerate() {
        findings.reference(format_args!("blocks.categories[{at}]"), id.as_str(), &index.categories);
    }
    for (at, id) in blocks.entities.iter().enumerate() {
        findings.reference(format_args!("blocks.entities[{at}]"), id.as_str(), &index.entities);
    }
}
