//! Campaigns: who pays, on whose behalf, for what, and how much.

use crate::catalog::check::Findings;
use crate::catalog::check::known::Known;
use crate::domain::inventory::Inventory;

/// The longest value of a `utm_*` parameter, in characters.
const UTM_CHARS: usize = 100;

pub(super) fn check(inventory: &Inventory, known: &Known<'_>, findings: &mut Findings) {
    for campaign in &inventory.campaigns {
        findings.of("campaigns", campaign.id.as_str());
        findings.refers("advertiser", campaign.advertiser.as_str(), &known.advertisers);
        if campaign.political {
            findings.add("political", "political messages are refused");
        }
        for (field, words) in [
            ("name", Some(&campaign.name)),
            ("on_behalf_of", campaign.on_behalf_of.as_ref()),
            ("paid_by", campaign.paid_by.as_ref()),
        ] {
            words.into_iter().for_each(|words| findings.named(field, words, 80));
        }
        for (at, sector) in campaign.sectors.iter().enumerate() {
            findings.refers(format_args!("sectors[{at}]"), sector.as_str(), &known.sectors);
        }
        for (name, value) in &campaign.utm {
            if !name.strip_prefix("utm_").is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            }) {
                findings.add("utm", format!("`{name}` is not utm_ and a word of a-z and _"));
            }
            findings.named(format_args!("utm.{name}"), value, UTM_CHARS);
        }
        let budget = &campaign.budget;
        if budget.daily_micros.zip(budget.lifetime_micros).is_some_and(|(day, life)| day > life) {
            findings.add("budget.daily_micros", "is more than the whole budget");
        }
        for (field, amount) in
            [("daily_micros", budget.daily_micros), ("lifetime_micros", budget.lifetime_micros)]
        {
            if amount.is_some_and(|amount| amount.get() == 0) {
                let help = "leave it out for no limit, or write `stopped = true`";
                findings.helped(format_args!("budget.{field}"), "is 0", Some(help.into()));
            }
        }
    }
}
