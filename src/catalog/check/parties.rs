//! Advertisers: who they say they are, and where their units lead.

use crate::catalog::check::Findings;
use crate::catalog::check::known::Known;
use crate::catalog::check::lookalike;
use crate::catalog::check::pictures;
use crate::domain::inventory::Inventory;
use crate::domain::text;
use std::collections::HashMap;
use url::Url;

pub(super) fn check(inventory: &Inventory, known: &Known<'_>, findings: &mut Findings) {
    let mut spelled: HashMap<String, &str> = HashMap::new();
    let mut read: HashMap<String, &str> = HashMap::new();
    for advertiser in &inventory.advertisers {
        let id = advertiser.id.as_str();
        findings.of("advertisers", id);
        findings.plain("name", &advertiser.name);
        let key = text::key(&advertiser.name);
        if key.is_none() {
            findings.add("name", "has no letter or digit in it");
        }
        let same = key.and_then(|key| spelled.insert(key, id));
        let alike = lookalike::skeleton(&advertiser.name).and_then(|key| read.insert(key, id));
        if let Some(other) = same.or(alike) {
            findings.add("name", format!("reads like the name of `{other}`"));
        }
        pictures::logo(advertiser, findings);
        if let Some(entity) = &advertiser.entity {
            findings.refers("entity", entity.as_str(), &known.entities);
        }
        for (at, domain) in advertiser.domains.iter().enumerate() {
            let read = Url::parse(&format!("https://{domain}/"));
            if !read.is_ok_and(|url| url.host_str() == Some(domain) && domain.contains('.')) {
                let reason = format!("`{domain}` is not a host name: write it like example.com");
                findings.add(format_args!("domains[{at}]"), reason);
            }
        }
    }
}
