//! Publishers: their slots, their origins, what they refuse and stop.

use crate::catalog::check::Findings;
use crate::catalog::check::known::Known;
use crate::domain::inventory::Inventory;
use crate::domain::party::Publisher;
use std::collections::HashSet;
use url::Url;

pub(super) fn check(inventory: &Inventory, known: &Known<'_>, findings: &mut Findings) {
    for publisher in &inventory.publishers {
        findings.of("publishers", publisher.id.as_str());
        findings.plain("name", &publisher.name);
        let mut seen = HashSet::new();
        for (at, placement) in publisher.placements.iter().enumerate() {
            if !seen.insert(&placement.id) {
                let reason = format!("`{}` is given twice", placement.id);
                findings.add(format_args!("placements[{at}].id"), reason);
            }
            findings.plain(format_args!("placements[{at}].name"), &placement.name);
        }
        for (list, origins) in
            [("origins", &publisher.origins), ("staging_origins", &publisher.staging_origins)]
        {
            for (at, origin) in origins.iter().enumerate() {
                let read = Url::parse(origin).map(|url| url.origin().ascii_serialization());
                if read.as_ref() != Ok(origin) {
                    let reason =
                        format!("`{origin}` is not an origin: write it like https://news.example");
                    findings.add(format_args!("{list}[{at}]"), reason);
                }
            }
        }
        stops(publisher, known, findings);
        refusals(publisher, known, findings);
        let mut from: Option<jiff::civil::Date> = None;
        for (at, share) in publisher.revenue_share.iter().enumerate() {
            if from.is_some_and(|before| before >= share.from) {
                let reason = "is not after the entry before it";
                findings.add(format_args!("revenue_share[{at}].from"), reason);
            }
            from = Some(share.from);
        }
    }
}

/// A prefix that can never match would be a stop that does not stop.
fn stops(publisher: &Publisher, known: &Known<'_>, findings: &mut Findings) {
    for (at, prefix) in publisher.stopped_paths.iter().enumerate() {
        let field = format!("stopped_paths[{at}]");
        if let Err(reason) = stopped_path(prefix) {
            findings.add(&field, reason);
        }
        findings.plain(field, prefix);
    }
    for (at, topic) in publisher.stopped_topics.iter().enumerate() {
        findings.refers(format_args!("stopped_topics[{at}]"), topic.as_str(), &known.topics);
    }
}

/// A URL prefix is a path, or a whole address without query and fragment.
pub fn stopped_path(prefix: &str) -> Result<(), String> {
    let whole = prefix.starts_with("https://") || prefix.starts_with("http://");
    if !whole && !prefix.starts_with('/') {
        return Err(format!(
            "`{prefix}` is not a URL prefix: write it like /politics/ or https://news.example/x"
        ));
    }
    if prefix.contains(['?', '#']) || prefix.contains(char::is_whitespace) {
        return Err(format!("`{prefix}`: queries, fragments and spaces are not compared"));
    }
    if prefix.len() > 2_000 {
        return Err(format!("has {} bytes: 2000 at most", prefix.len()));
    }
    Ok(())
}

fn refusals(publisher: &Publisher, known: &Known<'_>, findings: &mut Findings) {
    for (at, sector) in publisher.sectors.iter().enumerate() {
        findings.refers(format_args!("sectors[{at}]"), sector.as_str(), &known.sectors);
    }
    let blocks = &publisher.blocks;
    for (at, id) in blocks.advertisers.iter().enumerate() {
        let field = format_args!("blocks.advertisers[{at}]");
        findings.refers(field, id.as_str(), &known.advertisers);
    }
    for (at, id) in blocks.sectors.iter().enumerate() {
        findings.refers(format_args!("blocks.sectors[{at}]"), id.as_str(), &known.sectors);
    }
    for (at, id) in blocks.entities.iter().enumerate() {
        findings.refers(format_args!("blocks.entities[{at}]"), id.as_str(), &known.entities);
    }
}
