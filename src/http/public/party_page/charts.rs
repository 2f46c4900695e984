//! Charts by day of a report, one bar for each day of the period.

use crate::domain::money::Currency;
use crate::http::public::party_page::sum::money;
use crate::http::public::reports::period::Period;
use crate::reporting::report::{Figures, Row};
use crate::web::pages::chart::Chart;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// Maximum bars of a chart by day.
const MAX_DAYS: usize = 400;

/// The charts of a report by day: the impressions, then an amount in each currency, called `amount`. None
/// for a report without rows.
pub(crate) fn by_day(
    rows: &[Row],
    period: &Period,
    amount: &str,
    micros: fn(&Figures) -> i64,
) -> Vec<Chart> {
    let sums: Vec<(Date, &Row)> =
        rows.iter().filter_map(|row| Some((row.keys[0].parse().ok()?, row))).collect();
    let days = days(period, &sums);
    let mut impressions: BTreeMap<Date, u64> = BTreeMap::new();
    let mut amounts: BTreeMap<Currency, BTreeMap<Date, i64>> = BTreeMap::new();
    for (day, row) in &sums {
        *impressions.entry(*day).or_default() += row.figures.impressions.net;
        *amounts.entry(row.currency).or_default().entry(*day).or_default() += micros(&row.figures);
    }
    if rows.is_empty() {
        return Vec::new();
    }
    let count = |day: &Date| impressions.get(day).copied().unwrap_or(0);
    let shown = days.iter().map(|day| (count(day), format!("{day}: {} impressions", count(day))));
    let mut charts = vec![chart("Impressions by day", "impressions", shown, &days)];
    let lower = amount.to_lowercase();
    for (currency, amounts) in &amounts {
        let of = |day: &Date| amounts.get(day).copied().unwrap_or(0);
        // Refunds and credits can exceed a day's amount; bars do not go below zero.
        let height = |day: &Date| u64::try_from(of(day)).unwrap_or(0);
        let bars =
            days.iter().map(|day| (height(day), format!("{day}: {}", money(of(day), *currency))));
        let title = format!("{amount} by day");
        charts.push(chart(&title, &format!("{lower} in {currency}"), bars, &days));
    }
    charts
}

/// Every day of the period, including empty ones; for a period of more than [`MAX_DAYS`] days, the days
/// from its first to its last row (at most the last [`MAX_DAYS`]).
fn days(period: &Period, found: &[(Date, &Row)]) -> Vec<Date> {
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
