//! The figures of one party's page, from one moment of the ledger and one pass over its rows.

use crate::domain::attribution::Dimension;
use crate::domain::breakdown::Breakdown;
use crate::http::public::reports::period::Period;
use crate::ledger::views::Views;
use crate::reporting::report;
use crate::reporting::report::{Page, Party, Query, Report};
use crate::world::directory::Directory;

/// The figures of one party's page.
pub(crate) struct LedgerSnapshot<'a> {
    /// Each with its dimensions.
    reports: Vec<(Vec<Dimension>, Report)>,
    /// The period of the page.
    pub(crate) period: &'a Period,
    /// Names of what the rows are about.
    pub(crate) directory: &'a Directory,
}

impl<'a> LedgerSnapshot<'a> {
    /// Makes the party's reports by each of these dimensions.
    pub(crate) fn read(
        views: &Views,
        party: &Party,
        period: &'a Period,
        directory: &'a Directory,
        by: &[&[Dimension]],
    ) -> LedgerSnapshot<'a> {
        let query = |by: &&[Dimension]| Query {
            party: party.clone(),
            from_ms: period.from_ms,
            to_ms: period.to_ms,
            by: by.iter().copied().map(Breakdown::from).collect(),
            zone: period.zone.clone(),
            filters: Vec::new(),
            page: Page::ALL,
        };
        let queries: Vec<Query> = by.iter().map(query).collect();
        let reports = report::reports(views, &queries);
        let by = by.iter().map(|by| by.to_vec());
        LedgerSnapshot { reports: by.zip(reports).collect(), period, directory }
    }

    /// The report by these dimensions, which must be among those that were read.
    pub(crate) fn report(&self, by: &[Dimension]) -> &Report {
        let found = self.reports.iter().find(|(own, _)| own == by);
        &found.expect("every breakdown of the page is read").1
    }
}
