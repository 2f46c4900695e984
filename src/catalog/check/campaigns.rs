//! Checks campaigns: advertiser, transparency texts, categories, UTM parameters and budget.

use crate::catalog::check::Findings;
use crate::catalog::check::index::Index;
use crate::domain::inventory::Inventory;

/// The longest value of a `utm_*` parameter, in characters.
const UTM_CHARS: usize = 100;

pub(super) fn check(inventory: &Inventory, index: &Index<'_>, findings: &mut Findings) {
    for campaign in &inventory.campaigns {
        findings.begin("campaigns", campaign.id.as_str());
        findings.reference("advertiser", campaign.advertiser.as_str(), &index.advertisers);
        if campaign.political {
            let reason = "must be false: political advertising is not accepted (got true)";
            findings.add("political", reason);
        }
        for (field, text) in [
            ("name", Some(&campaign.name)),
            ("on_behalf_of", campaign.on_behalf_of.as_ref()),
            ("paid_by", campaign.paid_by.as_ref()),
        ] {
            text.into_iter().for_each(|text| findings.required_text(field, text, 80));
        }
        for (at, category) in campaign.categories.iter().enumerate() {
            findings.reference(
                format_args!("categories[{at}]"),
                category.as_str(),
                &index.categories,
            );
        }
        for (name, value) in &campaign.utm {
            if !name.strip_prefix("utm_").is_some_and(|rest| {
                !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
            }) {
                let reason = format!("must have keys of the form utm_[a-z_]+ (got `{name}`)");
                findings.add("utm", reason);
            }
            findings.required_text(format_args!("utm.{name}"), value, UTM_CHARS);
        }
        let budget = &campaign.budget;
        if let Some((daily, lifetime)) = budget.daily_micros.zip(budget.lifetime_micros)
            && daily > lifetime
        {
            let (daily, lifetime) = (daily.get(), lifetime.get());
            let reason = format!("must be at most `lifetime_micros`, {lifetime} (got {daily})");
            findings.add("budget.daily_micros", reason);
        }
        for (field, amount) in
            [("daily_micros", budget.daily_micros), ("lifetime_micros", budget.lifetime_micros)]
        {
            if amount.is_some_and(|amount| amount.get() == 0) {
                let reason = "must be greater than 0 (got 0)";
                let help = "leave it out for no limit, or write `status = \"paused\"`";
                findings.add_with_help(format_args!("budget.{field}"), reason, Some(help.into()));
            }
        }
    }
}
