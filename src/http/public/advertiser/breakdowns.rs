//! Breakdowns of the report by day, hour, topic and so on, as tables that add up and charts.

use crate::domain::attribution::Dimension;
use crate::domain::money::Currency;
use crate::http::public::party_page::charts;
use crate::http::public::party_page::ledger_snapshot::LedgerSnapshot;
use crate::http::public::party_page::names::name;
use crate::http::public::party_page::sum::{Sum, money, share};
use crate::reporting::report::{Report, Row};
use crate::web::pages::advertiser::{Breakdown, BreakdownRow};
use crate::web::pages::chart::Chart;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Maximum rows of a table. Further rows are summed in one more row, so that the table adds up.
const MAX_ROWS: usize = 100;

/// The tables: heading, column title, dimension.
const TABLES: [(&str, &str, Dimension); 8] = [
    ("By topic", "Topic", Dimension::Topic),
    ("By entity", "Entity", Dimension::Entity),
    ("By country", "Country", Dimension::Region),
    ("By site", "Site", Dimension::Publisher),
    ("By placement", "Placement", Dimension::Placement),
    ("By creative", "Creative", Dimension::Creative),
    ("By tier", "Tier", Dimension::Tier),
    ("By flight", "Flight", Dimension::Flight),
];

/// What the tables break down by.
pub(super) fn dimensions() -> impl Iterator<Item = Dimension> {
    [Dimension::Day, Dimension::Hour].into_iter().chain(TABLES.iter().map(|(_, _, by)| *by))
}

/// All tables, starting with the one by day.
pub(super) fn all(ledger: &LedgerSnapshot<'_>) -> Vec<Breakdown> {
    let tables = TABLES.iter().map(|(heading, column, by)| by_size(ledger, heading, column, *by));
    [by_day(ledger), by_hour(ledger)].into_iter().chain(tables).collect()
}

fn breakdown(heading: &str, column: &str, totals: &[Row]) -> Breakdown {
    let total =
        |total: &Row| row(&Sum::of(&total.figures), "Total".into(), String::new(), total.currency);
    Breakdown {
        heading: heading.to_owned(),
        column: column.to_owned(),
        totals: totals.iter().map(total).collect(),
        ..Breakdown::default()
    }
}

/// A sum as a row of the page.
fn row(sum: &Sum, name: String, remark: String, currency: Currency) -> BreakdownRow {
    BreakdownRow {
        name,
        remark,
        impressions: sum.impressions.to_string(),
        viewable: sum.viewable.to_string(),
        clicks: sum.clicks.to_string(),
        click_rate: share(sum.clicks, sum.impressions),
        copies: sum.copies.to_string(),
        spend: money(sum.spend_micros, currency),
    }
}

fn by_day(ledger: &LedgerSnapshot<'_>) -> Breakdown {
    let Report { rows, totals, .. } = ledger.report(&[Dimension::Day]);
    let charts = charts::by_day(rows, ledger.period, "Spend", |figures| figures.spend_micros);
    let day =
        |day: &Row| row(&Sum::of(&day.figures), day.keys[0].clone(), String::new(), day.currency);
    Breakdown { rows: rows.iter().map(day).collect(), charts, ..breakdown("By day", "Day", totals) }
}

/// All days aggregated by hour of the day.
fn by_hour(ledger: &LedgerSnapshot<'_>) -> Breakdown {
    let Report { rows, totals, .. } = ledger.report(&[Dimension::Hour]);
    let mut sums: BTreeMap<(String, Currency), Sum> = BTreeMap::new();
    let mut impressions: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows {
        // `2026-11-25T13:00+01:00`: the local hour. An hour repeated when clocks go back counts twice.
        let hour = format!("{}:00", row.keys[0].get(11..13).unwrap_or_default());
        *impressions.entry(hour.clone()).or_default() += row.figures.impressions.net;
        sums.entry((hour, row.currency)).or_default().add(&row.figures);
    }
    let bar = |hour: u8| {
        let hour = format!("{hour:02}:00");
        let count = impressions.get(&hour).copied().unwrap_or(0);
        (count, format!("{hour}: {count} impressions"))
    };
    let chart = Chart {
        description: "Impressions by hour of the day; the table below has the numbers".to_owned(),
        unit: "impressions".to_owned(),
        first: "00:00".to_owned(),
        last: "23:00".to_owned(),
        values: (0..24).map(bar).collect(),
    };
    let hour = |((hour, currency), sum): ((String, Currency), Sum)| {
        row(&sum, hour, String::new(), currency)
    };
    Breakdown {
        charts: if rows.is_empty() { Vec::new() } else { vec![chart] },
        rows: sums.into_iter().map(hour).collect(),
        ..breakdown("By hour of the day", "Hour", totals)
    }
}

/// Rows by impressions, largest first; those beyond [`MAX_ROWS`] are summed in one more row.
fn by_size(ledger: &LedgerSnapshot<'_>, heading: &str, column: &str, by: Dimension) -> Breakdown {
    let Report { rows, totals, .. } = ledger.report(&[by]);
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| Reverse((row.figures.impressions.net, row.figures.clicks.net)));
    let rest = rows.split_off(rows.len().min(MAX_ROWS));
    let found = |found: &&Row| {
        let remark = name(ledger.directory, by, &found.keys[0]);
        row(&Sum::of(&found.figures), found.keys[0].clone(), remark, found.currency)
    };
    let mut others: BTreeMap<Currency, (usize, Sum)> = BTreeMap::new();
    for row in &rest {
        let (count, sum) = others.entry(row.currency).or_default();
        *count += 1;
        sum.add(&row.figures);
    }
    let others = others.into_iter().map(|(currency, (count, sum))| {
        row(&sum, format!("{count} more"), "see the downloads below".to_owned(), currency)
    });
    Breakdown {
        rows: rows.iter().map(found).chain(others).collect(),
        ..breakdown(heading, column, totals)
    }
}
