//! One advertiser's part of the ledger, as it is at one moment: everything on the page is read from it.

use crate::domain::id::AdvertiserId;
use crate::domain::inventory::Inventory;
use crate::http::public::reports::period::Period;
use crate::ledger::views::Views;
use crate::server::report;
use crate::server::report::Dimension;
use crate::server::report::Party;
use crate::server::report::Query;
use crate::server::report::Row;

/// One advertiser's part of the ledger.
pub(super) struct Books<'a> {
    /// A copy of the sums.
    pub views: Views,
    /// Whose.
    pub id: &'a AdvertiserId,
    /// Which days.
    pub period: &'a Period,
    /// What ids are called now.
    pub inventory: &'a Inventory,
}

impl Books<'_> {
    /// The rows, and a total for each currency.
    pub fn report(&self, by: &[Dimension]) -> (Vec<Row>, Vec<Row>) {
        let query = Query {
            party: Party::Advertiser(self.id.to_string()),
            from_ms: self.period.from_ms,
            to_ms: self.period.to_ms,
            by: by.to_vec(),
            zone: self.period.zone.clone(),
            campaign: None,
            flight: None,
            creative: None,
        };
        report::report(&self.views, &query)
    }
}
