//! The same numbers by day, by hour, by topic and so on: tables that add up, and charts.

use crate::domain::inventory::Inventory;
use crate::domain::money::Currency;
use crate::domain::region::Country;
use crate::http::public::advertiser::books::Books;
use crate::http::public::advertiser::sum::Sum;
use crate::http::public::advertiser::sum::money;
use crate::server::report::Dimension;
use crate::server::report::Row;
use crate::web::pages::advertiser::Breakdown;
use crate::web::pages::chart::Chart;
use jiff::civil::Date;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The most rows of a table: what more there is stands in one row, so that the table adds up.
const MOST_ROWS: usize = 100;

/// The most bars of a chart by day.
const MOST_DAYS: usize = 400;

/// Headings, what a row is, and by what.
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

/// Every table, days first.
pub(super) fn all(books: &Books<'_>) -> Vec<Breakdown> {
    let tables = TABLES.iter().map(|(heading, what, by)| by_size(books, heading, what, *by));
    [by_day(books), by_hour(books)].into_iter().chain(tables).collect()
}

fn breakdown(heading: &str, what: &str, totals: &[Row]) -> Breakdown {
    let total = |row: &Row| Sum::of(&row.figures).row("Total".into(), String::new(), row.currency);
    Breakdown {
        heading: heading.to_owned(),
        what: what.to_owned(),
        totals: totals.iter().map(total).collect(),
        ..Breakdown::default()
    }
}

fn by_day(books: &Books<'_>) -> Breakdown {
    let (rows, totals) = books.report(&[Dimension::Day]);
    let row =
        |row: &Row| Sum::of(&row.figures).row(row.keys[0].clone(), String::new(), row.currency);
    let sums: Vec<(Date, &Row)> =
        rows.iter().filter_map(|row| Some((row.keys[0].parse().ok()?, row))).collect();
    let days = days(books, &sums);
    let mut impressions: BTreeMap<Date, u64> = BTreeMap::new();
    let mut spent: BTreeMap<Currency, BTreeMap<Date, i64>> = BTreeMap::new();
    for (day, row) in &sums {
        *impressions.entry(*day).or_default() += row.figures.impressions.net;
        *spent.entry(row.currency).or_default().entry(*day).or_default() +=
            row.figures.spend_micros;
    }
    let count = |day: &Date| impressions.get(day).copied().unwrap_or(0);
    let shown = days.iter().map(|day| (count(day), format!("{day}: {} impressions", count(day))));
    let mut charts = vec![chart("Counted impressions by day", "counted impressions", shown, &days)];
    for (currency, spent) in &spent {
        let spent = |day: &Date| spent.get(day).copied().unwrap_or(0);
        // What was given back can be more than a day's spend: no bar goes below the ground.
        let height = |day: &Date| u64::try_from(spent(day)).unwrap_or(0);
        let paid = days
            .iter()
            .map(|day| (height(day), format!("{day}: {}", money(spent(day), *currency))));
        charts.push(chart("Spent by day", &format!("spent, in {currency}"), paid, &days));
    }
    if rows.is_empty() {
        charts.clear();
    }
    Breakdown {
        rows: rows.iter().map(row).collect(),
        charts,
        ..breakdown("By day", "Day", &totals)
    }
}

/// Every day of the period, empty ones, too; of a long one those between its first and its last event.
fn days(books: &Books<'_>, found: &[(Date, &Row)]) -> Vec<Date> {
    let period = books.period;
    let (Some((first, _)), Some((last, _))) = (found.first(), found.last()) else {
        return Vec::new();
    };
    let asked: Vec<Date> = period
        .from
        .series(jiff::Span::new().days(1))
        .take_while(|day| *day < period.to)
        .take(MOST_DAYS + 1)
        .collect();
    if asked.len() <= MOST_DAYS {
        return asked;
    }
    let between = first.series(jiff::Span::new().days(1)).take_while(|day| day <= last);
    let between: Vec<Date> = between.collect();
    between[between.len().saturating_sub(MOST_DAYS)..].to_vec()
}

fn chart(
    says: &str,
    unit: &str,
    values: impl Iterator<Item = (u64, String)>,
    days: &[Date],
) -> Chart {
    let end = |day: Option<&Date>| day.map(Date::to_string).unwrap_or_default();
    Chart {
        says: format!("{says}; the table below has the numbers"),
        unit: unit.to_owned(),
        first: end(days.first()),
        last: end(days.last()),
        values: values.collect(),
    }
}

/// All days on top of each other: when readers are there.
fn by_hour(books: &Books<'_>) -> Breakdown {
    let (rows, totals) = books.report(&[Dimension::Hour]);
    let mut sums: BTreeMap<(String, Currency), Sum> = BTreeMap::new();
    let mut impressions: BTreeMap<String, u64> = BTreeMap::new();
    for row in &rows {
        // `2026-11-25T13:00+01:00`: the hour on the wall. One that the clocks repeat counts twice.
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
        says: "Counted impressions by hour of the day; the table below has the numbers".to_owned(),
        unit: "counted impressions".to_owned(),
        first: "00:00".to_owned(),
        last: "23:00".to_owned(),
        values: (0..24).map(bar).collect(),
    };
    let row =
        |((hour, currency), sum): ((String, Currency), Sum)| sum.row(hour, String::new(), currency);
    Breakdown {
        charts: if rows.is_empty() { Vec::new() } else { vec![chart] },
        rows: sums.into_iter().map(row).collect(),
        ..breakdown("By hour of the day", "Hour", &totals)
    }
}

/// The largest first; what is beyond the last row stands in one more.
fn by_size(books: &Books<'_>, heading: &str, what: &str, by: Dimension) -> Breakdown {
    let (mut rows, totals) = books.report(&[by]);
    rows.sort_by_key(|row| Reverse((row.figures.impressions.net, row.figures.clicks.net)));
    let rest = rows.split_off(rows.len().min(MOST_ROWS));
    let row = |row: &Row| {
        let remark = name(books.inventory, by, &row.keys[0]);
        Sum::of(&row.figures).row(row.keys[0].clone(), remark, row.currency)
    };
    let mut others: BTreeMap<Currency, (usize, Sum)> = BTreeMap::new();
    for row in &rest {
        let (count, sum) = others.entry(row.currency).or_default();
        *count += 1;
        sum.add(&row.figures);
    }
    let others = others.into_iter().map(|(currency, (count, sum))| {
        sum.row(format!("{count} more"), "in the files below".to_owned(), currency)
    });
    Breakdown {
        rows: rows.iter().map(row).chain(others).collect(),
        ..breakdown(heading, what, &totals)
    }
}

/// What an id is called; empty where it is not known any more, or says it itself.
fn name(inventory: &Inventory, by: Dimension, id: &str) -> String {
    let found = match by {
        Dimension::Topic => {
            let topic = inventory.topics.iter().find(|topic| topic.id.as_str() == id);
            topic.map(|topic| topic.name.clone())
        }
        Dimension::Entity => {
            let entity = inventory.entities.iter().find(|entity| entity.id.as_str() == id);
            entity.map(|entity| entity.name.clone())
        }
        Dimension::Region => id.parse().ok().map(|country: Country| country.name().to_owned()),
        Dimension::Publisher => {
            let site = inventory.publishers.iter().find(|site| site.id.as_str() == id);
            site.map(|site| site.name.clone())
        }
        Dimension::Creative => {
            let creative = inventory.creatives.iter().find(|creative| creative.id.as_str() == id);
            creative.map(|creative| creative.headline.clone())
        }
        _ => None,
    };
    found.unwrap_or_default()
}
