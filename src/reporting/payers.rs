//! Who was billed for campaigns, and in which currency: rows say so whatever the inventory has become.

use crate::domain::money::{Currency, Micros};
use crate::ledger::views::Views;
use std::collections::BTreeSet;
use std::ops::Range;

/// The advertiser that a campaign was billed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Payer<'a> {
    pub(crate) campaign: &'a str,
    pub(crate) advertiser: &'a str,
    pub(crate) currency: Currency,
}

/// The payers of the campaigns that are `wanted`. Reads every row of these quarters of an hour.
pub(crate) fn payers<'a>(
    views: &'a Views,
    quarters: Range<i64>,
    wanted: impl Fn(&str) -> bool,
) -> BTreeSet<Payer<'a>> {
    let rows = views.range(quarters).flat_map(|(_, quarter)| &quarter.events);
    let billed = rows.filter(|(_, tally)| tally.billed > Micros::ZERO);
    let payers = billed.map(|(key, _)| {
        let of = &key.attribution;
        Payer { campaign: &of.campaign, advertiser: &of.advertiser, currency: of.currency }
    });
    payers.filter(|payer| wanted(payer.campaign)).collect()
}
