//! Checks advertisers: names, logos, entities and landing page domains.

use crate::catalog::check::index::Index;
use crate::catalog::check::{Findings, images, lookalike};
use crate::domain::inventory::Inventory;
use crate::domain::name_key;
use std::collections::HashMap;
use url::Url;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    let mut by_key: HashMap<String, &str> = HashMap::new();
    let mut by_skeleton: HashMap<String, &str> = HashMap::new();
    for advertiser in &inventory.advertisers {
        let id = advertiser.id.as_str();
        findings.begin("advertisers", id);
        findings.visible_text("name", &advertiser.name);
        let key = name_key::key(&advertiser.name);
        if key.is_none() {
            let reason = format!("must contain a letter or a digit (got `{}`)", advertiser.name);
            findings.add("name", reason);
        }
        let same = key.and_then(|key| by_key.insert(key, id));
        let similar =
            lookalike::skeleton(&advertiser.name).and_then(|key| by_skeleton.insert(key, id));
        if let Some(other) = same.or(similar) {
            let name = &advertiser.name;
            findings
                .add("name", format!("must not look like the name of `{other}` (got `{name}`)"));
        }
        images::logo(advertiser, findings);
        if let Some(entity) = &advertiser.entity {
            findings.reference("entity", entity.as_str(), &index.entities);
        }
        for (at, domain) in advertiser.domains.iter().enumerate() {
            let parsed = Url::parse(&format!("https://{domain}/"));
            if !parsed
                .as_ref()
                .is_ok_and(|url| url.host_str() == Some(domain) && domain.contains('.'))
            {
                let reason = format!("must be a host name such as example.com (got `{domain}`)");
                let ascii = parsed.ok().and_then(|url| url.host_str().map(str::to_owned));
                let ascii = ascii.filter(|host| host.starts_with("xn--") || host.contains(".xn--"));
                let help = ascii.map(|host| format!("write its ASCII form, `{host}`"));
                findings.add_with_help(format_args!("domains[{at}]"), reason, help);
            }
        }
    }
}
