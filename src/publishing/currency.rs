//! A campaign keeps the currency that it was billed in: its budget and its bills are sums of micros,
//! which two currencies must not share.

use crate::catalog::check::Finding;
use crate::domain::inventory::Inventory;
use crate::domain::money::{Currency, Micros};
use crate::ledger::Ledger;
use crate::reporting::payers::{Payer, payers};
use std::collections::BTreeMap;

/// The campaigns of `new` that were billed in another currency: those whose advertiser has changed its
/// currency since `old`, and those that are added again. Reads every row of the ledger if there is any
/// such campaign with bills.
pub(crate) fn findings(old: &Inventory, new: &Inventory, ledger: &Ledger) -> Vec<Finding> {
    let (before, mut after) = (currencies(old), currencies(new));
    after.retain(|campaign, currency| before.get(campaign) != Some(currency));
    {
        let state = ledger.state();
        after.retain(|campaign, _| {
            let account = state.account(campaign);
            account.is_some_and(|one| one.spent > Micros::ZERO || one.credited > Micros::ZERO)
        });
    }
    if after.is_empty() {
        return Vec::new();
    }
    let views = ledger.views();
    let billed = payers(&views, i64::MIN..i64::MAX, |campaign| after.contains_key(campaign));
    let conflicts = billed.into_iter().filter(|payer| after[&*payer.campaign] != payer.currency);
    let findings = conflicts.map(|Payer { campaign, currency, .. }| Finding {
        list: "campaigns",
        id: campaign.to_string(),
        field: "advertiser".to_owned(),
        reason: format!("was billed in {currency} and cannot be billed in {}", after[&*campaign]),
        help: Some("give the campaign in the other currency a new id".to_owned()),
    });
    findings.collect()
}

/// Logs the campaigns of an inventory that was changed without a server, which compares it with the
/// ledger. Reads every row.
pub(crate) fn log_conflicts(served: &Inventory, ledger: &Ledger) {
    for finding in findings(&Inventory::default(), served, ledger) {
        tracing::error!(
            %finding,
            "a campaign is billed in two currencies; its budget and spend are sums of both"
        );
    }
}

/// The currency of each campaign's advertiser.
fn currencies(inventory: &Inventory) -> BTreeMap<&str, Currency> {
    let advertisers: BTreeMap<&str, Currency> =
        inventory.advertisers.iter().map(|one| (one.id.as_str(), one.currency)).collect();
    let campaigns = inventory.campaigns.iter();
    let currencies = campaigns.filter_map(|campaign| {
        Some((campaign.id.as_str(), *advertisers.get(campaign.advertiser.as_str())?))
    });
    currencies.collect()
}
