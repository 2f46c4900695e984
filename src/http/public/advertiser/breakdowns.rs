//! Breakdowns of the report by day, hour, topic and so on, as tables that add up and charts.

use crate::domain::attribution::Dimension;
use crate::domain::creative::Creative;
use crate::domain::entity::EntityDoc;
use crate::domain::money::Currency;
use crate::domain::party::Publisher;
use crate::domain::region::Country;
use crate::domain::taxonomy::TopicDoc;
use crate::http::public::advertiser::ledger_snapshot::LedgerSnapshot;
use crate::http::public::advertiser::sum::{Sum, money};
use crate::reporting::report::{Report, Row};
use crate::web::pages::advertiser::Breakdown;
use crate::web::pages::chart::Chart;
use crate::world::directory::Directory;
use jiff::civil::Date;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Maximum rows of a table. Further rows are summed in one more row, so that the table adds up.
const MAX_ROWS: usize = 100;

/// Maximum bars of a chart by day.
const MAX_DAYS: usize = 400;

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
    let total = |row: &Row| Sum::of(&row.figures).row("Total".into(), String::new(), row.currency);
    Breakdown {
        heading: heading.to_owned(),
        column: column.to_owned(),
        totals: totals.iter().map(total).collect(),
        ..Breakdown::default()
    }
}

fn by_day(ledger: &LedgerSnapshot<'_>) -> Breakdown {
    let Report { rows, totals, .. } = ledger.report(&[Dimension::Day]);
    let row =
        |row: &Row| Sum::of(&row.figures).row(row.keys[0].clone(), String::new(), row.currency);
    let sums: Vec<(Date, &Row)> =
        rows.iter().filter_map(|row| Some((row.keys[0].parse().ok()?, row))).collect();
    let days = days(ledger, &sums);
    let mut impressions: BTreeMap<Date, u64> = BTreeMap::new();
    let mut spent: BTreeMap<Currency, BTreeMap<Date, i64>> = BTreeMap::new();
    for (day, row) in &sums {
        *impressions.entry(*day).or_default() += row.figures.impressions.net;
        *spent.entry(row.currency).or_default().entry(*day).or_default() +=
            row.figures.spend_micros;
    }
    let count = |day: &Date| impressions.get(day).copied().unwrap_or(0);
    let shown = days.iter().map(|day| (count(day), format!("{day}: {} impressions", count(day))));
    let mut charts = vec![chart("Impressions by day", "impressions", shown, &days)];
    for (currency, spent) in &spent {
        let spent = |day: &Date| spent.get(day).copied().unwrap_or(0);
        // Refunds and credits can exceed a day's spend; bars do not go below zero.
        let height = |day: &Date| u64::try_from(spent(day)).unwrap_or(0);
        let paid = days
            .iter()
            .map(|day| (height(day), format!("{day}: {}", money(spent(day), *currency))));
        charts.push(chart("Spend by day", &format!("spend in {currency}"), paid, &days));
    }
    if rows.is_empty() {
        charts.clear();
    }
    Breakdown { rows: rows.iter().map(row).collect(), charts, ..breakdown("By day", "Day", totals) }
}

/// Every day of the period, including empty ones; for a period of more than [`MAX_DAYS`] days, the days
/// from its first to its last row (at most the last [`MAX_DAYS`]).
fn days(ledger: &LedgerSnapshot<'_>, found: &[(Date, &Row)]) -> Vec<Date> {
    let period = ledger.period;
    let (Some((first, _)), Some((last, _))) = (found.first(), found.last()) else {
        return Vec::new();
    };
    let all: Vec<Date> = period
        .from
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day < period.to)
        .take(MAX_DAYS + 1)
        .collect();
    if all.len() <= MAX_DAYS {
        return all;
    }
    let between = first.series(jiff::Span::new().days(1)).take_while(|day| day <= last);
    let between: Vec<Date> = between.collect();
    between[between.len().saturating_sub(MAX_DAYS)..].to_vec()
}

fn chart(
    title: &str,
    unit: &str,
    values: impl Iterator<Item = (u64, String)>,
    days: &[Date],
) -> Chart {
    let end = |day: Option<&Date>| day.map(Date::to_string).unwrap_or_default();
    Chart {
        description: format!("{title}; the table below has the numbers"),
        unit: unit.to_owned(),
        first: end(days.first()),
        last: end(days.last()),
        values: values.collect(),
    }
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
    let row =
        |((hour, currency), sum): ((String, Currency), Sum)| sum.row(hour, String::new(), currency);
    Breakdown {
        charts: if rows.is_empty() { Vec::new() } else { vec![chart] },
        rows: sums.into_iter().map(row).collect(),
        ..breakdown("By hour of the day", "Hour", totals)
    }
}

/// Rows by impressions, largest first; those beyond [`MAX_ROWS`] are summed in one more row.
fn by_size(ledger: &LedgerSnapshot<'_>, heading: &str, column: &str, by: Dimension) -> Breakdown {
    let Report { rows, totals, .. } = ledger.report(&[by]);
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| Reverse((row.figures.impressions.net, row.figures.clicks.net)));
    let rest = rows.split_off(rows.len().min(MAX_ROWS));
    let row = |row: &&Row| {
        let remark = name(ledger.directory, by, &row.keys[0]);
        Sum::of(&row.figures).row(row.keys[0].clone(), remark, row.currency)
    };
    let mut others: BTreeMap<Currency, (usize, Sum)> = BTreeMap::new();
    for row in &rest {
        let (count, sum) = others.entry(row.currency).or_default();
        *count += 1;
        sum.add(&row.figures);
    }
    let others = others.into_iter().map(|(currency, (count, sum))| {
        sum.row(format!("{count} more"), "see the downloads below".to_owned(), currency)
    });
    Breakdown {
        rows: rows.iter().map(row).chain(others).collect(),
        ..breakdown(heading, column, totals)
    }
}

/// The latest name of an id; empty if it needs none.
fn name(directory: &Directory, by: Dimension, id: &str) -> String {
    let found = match by {
        Dimension::Topic => directory.find::<TopicDoc>(id).map(|topic| topic.name.clone()),
        Dimension::Entity => directory.find::<EntityDoc>(id).map(|entity| entity.name.clone()),
        Dimension::Region => id.parse().ok().map(|country: Country| country.name().to_owned()),
        Dimension::Publisher => directory.find::<Publisher>(id).map(|site| site.name.clone()),
        Dimension::Creative => {
            let creative = directory.find::<Creative>(id);
            creative.map(|creative| creative.headline.as_written().to_owned())
        }
        _ => None,
    };
    found.unwrap_or_default()
}
