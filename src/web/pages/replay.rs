//! The page of a replay: one file that needs no other, to be kept and sent around.

use crate::forecast::document::Thousands;
use crate::replay::{Compared, ReplayReport, Shares};
use crate::web::{assets, html};
use askama::Template;

/// Rows of a table that have a bar; the rest is in the JSON.
const BARS: usize = 20;

/// Two bars, and the numbers in words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BarRow {
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) difference: String,
    /// Lengths in thousandths of the longest.
    pub(crate) before_length: u64,
    pub(crate) after_length: u64,
}

/// A table with bars.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BarTable {
    pub(crate) title: &'static str,
    pub(crate) rows: Vec<BarRow>,
    /// Rows that are not shown.
    pub(crate) omitted: usize,
}

#[derive(Template)]
#[template(path = "replay.html", config = "src/web/askama.toml")]
struct Page<'a> {
    report: &'a ReplayReport,
    style: String,
    totals: Vec<BarRow>,
    tables: Vec<BarTable>,
    times: String,
    decisions: String,
    slots: String,
}

/// The times of a replay, to the minute.
pub(crate) fn times(report: &ReplayReport) -> String {
    // 2026-11-30T18:38:05.769Z
    let minute = |text: &str| text.get(..16).unwrap_or(text).replace('T', " ");
    format!("{} to {} UTC", minute(&report.from), minute(&report.to))
}

/// A part from 0 to 1 as per cent.
pub(crate) fn percent(part: f64) -> String {
    format!("{:.2} %", part * 100.0)
}

/// The difference of two parts in points, with its interval.
pub(crate) fn points(value: &Compared) -> String {
    let (difference, plus_minus) = (value.difference * 100.0, value.plus_minus * 100.0);
    if difference.abs() < 0.005 && plus_minus < 0.005 {
        return "0".to_owned();
    }
    format!("{difference:+.2} ± {plus_minus:.2}")
}

/// Micros of a currency in its units.
pub(crate) fn amount(micros: f64) -> String {
    format!("{:.2}", micros / 1e6)
}

/// The difference of two amounts, with its interval.
pub(crate) fn amounts(value: &Compared) -> String {
    format!("{:+.2} ± {:.2}", value.difference / 1e6, value.plus_minus / 1e6)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
pub(crate) fn length(value: f64, longest: f64) -> u64 {
    if longest > 0.0 { (value / longest * 1_000.0).clamp(0.0, 1_000.0) as u64 } else { 0 }
}

fn bars(title: &'static str, shares: &Shares) -> BarTable {
    let shown = &shares.rows[..shares.rows.len().min(BARS)];
    let longest = shown.iter().map(|row| row.share.before.max(row.share.after)).fold(0.0, f64::max);
    let row = |row: &crate::replay::ShareRow| BarRow {
        name: row.id.clone(),
        before: percent(row.share.before),
        after: percent(row.share.after),
        difference: points(&row.share),
        before_length: length(row.share.before, longest),
        after_length: length(row.share.after, longest),
    };
    BarTable {
        title,
        rows: shown.iter().map(row).collect(),
        omitted: shares.rows.len() - shown.len() + shares.omitted,
    }
}

fn totals(report: &ReplayReport) -> Vec<BarRow> {
    let fill = BarRow {
        name: "filled slots".to_owned(),
        before: percent(report.fill.before),
        after: percent(report.fill.after),
        difference: points(&report.fill),
        before_length: length(report.fill.before, 1.0),
        after_length: length(report.fill.after, 1.0),
    };
    let revenue = report.revenue.iter().map(|one| {
        let longest = one.micros.before.max(one.micros.after);
        BarRow {
            name: format!("expected revenue, {}", one.currency),
            before: amount(one.micros.before),
            after: amount(one.micros.after),
            difference: amounts(&one.micros),
            before_length: length(one.micros.before, longest),
            after_length: length(one.micros.after, longest),
        }
    });
    std::iter::once(fill).chain(revenue).collect()
}

/// Renders the page.
pub(crate) fn replay(report: &ReplayReport) -> String {
    let style = assets::by_name(assets::SITE_CSS)
        .map(|asset| String::from_utf8_lossy(&asset.bytes).into_owned());
    let tables = vec![
        bars("Advertisers", &report.advertisers),
        bars("Campaigns", &report.campaigns),
        bars("Flights", &report.flights),
        bars("Topics", &report.topics),
        bars("Regions", &report.regions),
        bars("Publishers", &report.publishers),
        bars("Placements", &report.placements),
    ];
    html(&Page {
        report,
        style: style.unwrap_or_default(),
        totals: totals(report),
        tables,
        times: times(report),
        decisions: Thousands(report.decisions).to_string(),
        slots: Thousands(report.slots).to_string(),
    })
}
