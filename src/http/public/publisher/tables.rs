//! The tables of a publisher's page: by day, placement and country, sponsors, and contexts without one.

use crate::domain::attribution::Dimension;
use crate::domain::event::NoFill;
use crate::domain::money::Currency;
use crate::http::public::party_page::charts;
use crate::http::public::party_page::ledger_snapshot::LedgerSnapshot;
use crate::http::public::party_page::names::name;
use crate::http::public::party_page::sum::{Sum, money, money_per, share};
use crate::reporting::report::{Report, Row};
use crate::web::pages::publisher::{
    GapRow, Gaps, SiteBreakdown, SiteRow, SponsorRow, SponsorTable,
};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Maximum rows of a table. Further rows are summed in one more row, so that the table adds up.
const MAX_ROWS: usize = 100;

/// Maximum rows of a table of gaps.
const MAX_GAPS: usize = 25;

/// What sponsors are counted by.
pub(super) const SPONSORS: [Dimension; 3] =
    [Dimension::Advertiser, Dimension::Placement, Dimension::Topic];

/// The reports that the tables are made from.
pub(super) const DIMENSIONS: [&[Dimension]; 6] = [
    &[Dimension::Day],
    &[Dimension::Placement],
    &[Dimension::Region],
    &[Dimension::Topic],
    &[Dimension::Entity],
    &SPONSORS,
];

/// The breakdowns, starting with the one by day.
pub(super) fn breakdowns(ledger: &LedgerSnapshot<'_>) -> Vec<SiteBreakdown> {
    vec![
        by_day(ledger),
        by_size(ledger, "By placement", "Placement", Dimension::Placement),
        by_size(ledger, "By topic", "Topic", Dimension::Topic),
        by_size(ledger, "By country", "Country", Dimension::Region),
    ]
}

fn breakdown(heading: &str, column: &str, totals: &[Row]) -> SiteBreakdown {
    let total = |total: &Row| row(&Sum::of(&total.figures), "Total", String::new(), total.currency);
    SiteBreakdown {
        heading: heading.to_owned(),
        column: column.to_owned(),
        totals: totals.iter().map(total).collect(),
        ..SiteBreakdown::default()
    }
}

fn row(sum: &Sum, name: &str, remark: String, currency: Currency) -> SiteRow {
    SiteRow {
        name: name.to_owned(),
        remark,
        requests: sum.requests.to_string(),
        filled: sum.filled.to_string(),
        fill_rate: share(sum.filled, sum.requests),
        impressions: sum.impressions.to_string(),
        viewable: sum.viewable.to_string(),
        clicks: sum.clicks.to_string(),
        revenue: money(sum.revenue_micros, currency),
        ecpm: money_per(sum.revenue_micros, 1_000, sum.impressions, currency).unwrap_or_default(),
    }
}

fn by_day(ledger: &LedgerSnapshot<'_>) -> SiteBreakdown {
    let Report { rows, totals, .. } = ledger.report(&[Dimension::Day]);
    let revenue = |figures: &crate::reporting::report::Figures| figures.revenue_micros.unwrap_or(0);
    let charts = charts::by_day(rows, ledger.period, "Revenue", revenue);
    let day = |day: &Row| row(&Sum::of(&day.figures), &day.keys[0], String::new(), day.currency);
    let rows = rows.iter().map(day).collect();
    SiteBreakdown { rows, charts, ..breakdown("By day", "Day", totals) }
}

/// Rows by requests, largest first; those beyond [`MAX_ROWS`] are summed in one more row.
fn by_size(
    ledger: &LedgerSnapshot<'_>,
    heading: &str,
    column: &str,
    by: Dimension,
) -> SiteBreakdown {
    let Report { rows, totals, .. } = ledger.report(&[by]);
    let (largest, others) = largest(rows.iter(), |sum| (sum.requests, sum.impressions));
    let found = |found: &&Row| {
        let id = &found.keys[0];
        row(&Sum::of(&found.figures), id, name(ledger.directory, by, id), found.currency)
    };
    let other = |(currency, (count, sum)): (Currency, (usize, Sum))| {
        row(&sum, &format!("{count} more"), "see the downloads below".to_owned(), currency)
    };
    SiteBreakdown {
        rows: largest.iter().map(found).chain(others.into_iter().map(other)).collect(),
        ..breakdown(heading, column, totals)
    }
}

/// The sums of what a table leaves out, with the number of rows.
type Others = BTreeMap<Currency, (usize, Sum)>;

/// The largest [`MAX_ROWS`] rows, largest first, and the sums of the others.
fn largest<'a, K: Ord>(
    rows: impl Iterator<Item = &'a Row>,
    size: impl Fn(&Sum) -> K,
) -> (Vec<&'a Row>, Others) {
    let mut rows: Vec<&Row> = rows.collect();
    rows.sort_by_cached_key(|row| Reverse(size(&Sum::of(&row.figures))));
    let rest = rows.split_off(rows.len().min(MAX_ROWS));
    let mut others = Others::new();
    for row in rest {
        let (count, sum) = others.entry(row.currency).or_default();
        *count += 1;
        sum.add(&row.figures);
    }
    (rows, others)
}

/// Sponsors by placement and topic. What was not filled has no sponsor.
pub(super) fn sponsors(ledger: &LedgerSnapshot<'_>) -> SponsorTable {
    let Report { rows, totals, .. } = ledger.report(&SPONSORS);
    let line = |sum: &Sum, keys: [&str; 3], remark: String, currency: Currency| SponsorRow {
        advertiser: keys[0].to_owned(),
        remark,
        placement: keys[1].to_owned(),
        topic: keys[2].to_owned(),
        served: sum.filled.to_string(),
        impressions: sum.impressions.to_string(),
        viewable: sum.viewable.to_string(),
        clicks: sum.clicks.to_string(),
        click_rate: share(sum.clicks, sum.impressions),
        revenue: money(sum.revenue_micros, currency),
    };
    let has_sponsor = |row: &&Row| row.figures.no_fill.is_empty() || row.figures.filled > 0;
    let served = rows.iter().filter(has_sponsor);
    let (largest, others) = largest(served, |sum| (sum.revenue_micros, sum.impressions));
    let found = |row: &&Row| {
        let keys = [&*row.keys[0], &*row.keys[1], &*row.keys[2]];
        let remark = name(ledger.directory, Dimension::Advertiser, keys[0]);
        line(&Sum::of(&row.figures), keys, remark, row.currency)
    };
    let other = |(currency, (count, sum)): (Currency, (usize, Sum))| {
        let text = format!("{count} more");
        line(&sum, [&text, "", ""], "see the downloads below".to_owned(), currency)
    };
    let total =
        |row: &Row| line(&Sum::of(&row.figures), ["Total", "", ""], String::new(), row.currency);
    SponsorTable {
        rows: largest.iter().map(found).chain(others.into_iter().map(other)).collect(),
        totals: totals.iter().map(total).collect(),
    }
}

/// Topics and entities that had requests without a unit; those that no sponsor targets most often first.
pub(super) fn gaps(ledger: &LedgerSnapshot<'_>) -> Vec<Gaps> {
    [("Topic", Dimension::Topic), ("Entity", Dimension::Entity)]
        .into_iter()
        .map(|(column, by)| {
            let mut contexts: BTreeMap<&str, Gap> = BTreeMap::new();
            for row in &ledger.report(&[by]).rows {
                let gap = contexts.entry(&row.keys[0]).or_default();
                gap.requests += row.figures.requests;
                gap.unfilled += row.figures.no_fill.values().sum::<u64>();
                gap.unwanted += row.figures.no_fill.get(&NoFill::NoCandidate).unwrap_or(&0);
            }
            let mut gaps: Vec<(&str, Gap)> =
                contexts.into_iter().filter(|(_, gap)| gap.unfilled > 0).collect();
            gaps.sort_by_key(|(_, gap)| Reverse((gap.unwanted, gap.unfilled)));
            let left_off = gaps.len().saturating_sub(MAX_GAPS);
            let row = |(id, gap): (&str, Gap)| GapRow {
                name: id.to_owned(),
                remark: name(ledger.directory, by, id),
                requests: gap.requests.to_string(),
                unfilled: gap.unfilled.to_string(),
                unwanted: gap.unwanted.to_string(),
            };
            let rows = gaps.into_iter().take(MAX_GAPS).map(row).collect();
            Gaps { column: column.to_owned(), rows, left_off }
        })
        .collect()
}

/// Requests of pages of one context.
#[derive(Clone, Copy, Default)]
struct Gap {
    requests: u64,
    unfilled: u64,
    /// Unfilled because no sponsor targets it.
    unwanted: u64,
}
