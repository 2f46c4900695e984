//! Who was billed for campaigns, and in which currency: rows say so whatever the inventory has become.

use crate::domain::money::{Currency, Micros};
use crate::ledger::views::Views;
use std::collections::BTreeSet;
use std::ops::Range;

/// The advertiser that a campaign was billed to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Payer {
    pub(crate) campaign: Box<str>,
    pub(crate) advertiser: Box<str>,
    pub(crate) currency: Currency,
}

/// The payers of the campaigns that are `wanted`. Reads every row of these quarters of an hour.
pub(crate) fn payers(
    views: &Views,
    quarters: Range<i64>,
    wanted: impl Fn(&str) -> bool,
) -> BTreeSet<Payer> {
    let mut payers = BTreeSet::new();
    for (_, quarter) in views.range(quarters) {
        let billed = quarter.events.iter().filter(|(_, tally)| tally.billed > Micros::ZERO);
        let billed = billed.map(|(key, _)| &key.attribution);
        payers.extend(billed.filter(|of| wanted(&of.campaign)).map(|of| Payer {
            campaign: of.campaign.clone(),
            advertiser: of.advertiser.clone(),
            currency: of.currency,
        }));
    }
    payers
}
