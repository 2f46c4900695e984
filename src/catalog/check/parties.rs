//! Advertisers, campaigns, publishers.

use crate::catalog::check::Findings;
use crate::domain::inventory::Inventory;
use crate::domain::text;
use std::collections::HashMap;
use std::collections::HashSet;
use url::Url;

pub(super) fn check(inventory: &Inventory, findings: &mut Findings) {
    let topics = inventory.topics.iter().map(|topic| topic.id.as_str());
    let entities = inventory.entities.iter().map(|entity| entity.id.as_str());
    let sectors = inventory.sectors.iter().map(|sector| sector.id.as_str());
    let advertisers = inventory.advertisers.iter().map(|a| a.id.as_str());
    let mut named: HashMap<String, &str> = HashMap::new();
    for advertiser in &inventory.advertisers {
        findings.of("advertisers", advertiser.id.as_str());
        findings.plain("name", &advertiser.name);
        if let Some(other) =
            text::key(&advertiser.name).and_then(|key| named.insert(key, advertiser.id.as_str()))
        {
            findings.add("name", format!("reads like the name of `{other}`"));
        }
        if let Some(entity) = &advertiser.entity {
            findings.refers("entity", "entity", entity.as_str(), entities.clone());
        }
        for (at, domain) in advertiser.domains.iter().enumerate() {
            let read = Url::parse(&format!("https://{domain}/"));
            if !read.is_ok_and(|url| url.host_str() == Some(domain) && domain.contains('.')) {
                let reason = format!("`{domain}` is not a host name: write it like example.com");
                findings.add(format!("domains[{at}]"), reason);
            }
        }
    }
    for campaign in &inventory.campaigns {
        findings.of("campaigns", campaign.id.as_str());
        findings.refers(
            "advertiser",
            "advertiser",
            campaign.advertiser.as_str(),
            advertisers.clone(),
        );
        if campaign.political {
            findings.add("political", "political messages are refused");
        }
        for (field, words) in [
            ("name", Some(&campaign.name)),
            ("on_behalf_of", campaign.on_behalf_of.as_ref()),
            ("paid_by", campaign.paid_by.as_ref()),
        ] {
            words.into_iter().for_each(|words| findings.plain(field, words));
        }
        for (at, sector) in campaign.sectors.iter().enumerate() {
            findings.refers(format!("sectors[{at}]"), "sector", sector.as_str(), sectors.clone());
        }
        for name in campaign.utm.keys().filter(|name| !name.starts_with("utm_")) {
            findings.add("utm", format!("`{name}` does not begin with utm_"));
        }
        let budget = &campaign.budget;
        if budget.daily_micros.zip(budget.lifetime_micros).is_some_and(|(day, life)| day > life) {
            findings.add("budget.daily_micros", "is more than the whole budget");
        }
    }
    for publisher in &inventory.publishers {
        findings.of("publishers", publisher.id.as_str());
        findings.plain("name", &publisher.name);
        let mut seen = HashSet::new();
        for (at, placement) in publisher.placements.iter().enumerate() {
            if !seen.insert(&placement.id) {
                let reason = format!("`{}` is given twice", placement.id);
                findings.add(format!("placements[{at}].id"), reason);
            }
        }
        for (list, origins) in
            [("origins", &publisher.origins), ("staging_origins", &publisher.staging_origins)]
        {
            for (at, origin) in origins.iter().enumerate() {
                let read = Url::parse(origin).map(|url| url.origin().ascii_serialization());
                if read.as_ref() != Ok(origin) {
                    let reason =
                        format!("`{origin}` is not an origin: write it like https://news.example");
                    findings.add(format!("{list}[{at}]"), reason);
                }
            }
        }
        for (at, topic) in publisher.stopped_topics.iter().enumerate() {
            findings.refers(
                format!("stopped_topics[{at}]"),
                "topic",
                topic.as_str(),
                topics.clone(),
            );
        }
        for (at, sector) in publisher.sectors.iter().enumerate() {
            findings.refers(format!("sectors[{at}]"), "sector", sector.as_str(), sectors.clone());
        }
        let blocks = &publisher.blocks;
        for (at, id) in blocks.advertisers.iter().enumerate() {
            let field = format!("blocks.advertisers[{at}]");
            findings.refers(field, "advertiser", id.as_str(), advertisers.clone());
        }
        for (at, id) in blocks.sectors.iter().enumerate() {
            findings.refers(
                format!("blocks.sectors[{at}]"),
                "sector",
                id.as_str(),
                sectors.clone(),
            );
        }
        for (at, id) in blocks.entities.iter().enumerate() {
            findings.refers(
                format!("blocks.entities[{at}]"),
                "entity",
                id.as_str(),
                entities.clone(),
            );
        }
    }
}
