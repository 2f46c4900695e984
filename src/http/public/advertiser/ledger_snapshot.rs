//! A snapshot of one advertiser's part of the ledger, from which the whole page is built.

use crate::domain::attribution::Dimension;
use crate::domain::id::AdvertiserId;
use crate::http::public::reports::period::Period;
use crate::ledger::views::Views;
use crate::reporting::report;
use crate::reporting::report::{Party, Query, Row};
use crate::world::directory::Directory;

/// A snapshot of one advertiser's part of the ledger.
pub(super) struct LedgerSnapshot<'a> {
    /// A copy of the ledger's sums.
    pub(crate) views: Views,
    pub(crate) id: &'a AdvertiserId,
    /// The period of the page.
    pub(crate) period: &'a Period,
    /// Names of what the rows are about.
    pub(crate) directory: &'a Directory,
}

impl LedgerSnapshot<'_> {
    /// The rows by these dimensions, and one total per currency.
    pub(crate) fn report(&self, by: &[Dimension]) -> (Vec<Row>, Vec<Row>) {
        let query = Query {
            party: Party::Advertiser(self.id.to_string()),
            from_ms: self.period.from_ms,
            to_ms: self.period.to_ms,
            by: by.to_vec(),
            zone: self.period.zone.clone(),
            filters: Vec::new(),
        };
        report::report(&self.views, &query)
    }
}
