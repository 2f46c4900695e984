//! A replay in text.

use crate::cli::why::table;
use crate::domain::hidden;
use crate::forecast::document::Thousands;
use crate::replay::clicks::ClickValue;
use crate::replay::{ReplayReport, Reproduction, Shares};
use crate::web::pages::replay as page;
use std::fmt::Write;

/// Rows of a table.
const ROWS: usize = 12;

/// A report in a few lines.
pub(super) fn summary(report: &ReplayReport) -> String {
    if report.decisions == 0 {
        return "no decisions of the last 24 hours to replay\n".to_owned();
    }
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "replay of {} decisions of the last 24 hours: {:.1} % of the slots would have another flight",
        report.decisions,
        report.changed * 100.0
    );
    if report.changed > 0.0 {
        let _ = writeln!(
            out,
            "replay: fill {} → {} ({} points)",
            page::percent(report.fill.before),
            page::percent(report.fill.after),
            page::points(&report.fill)
        );
        for one in &report.revenue {
            let (before, after) = (page::amount(one.micros.before), page::amount(one.micros.after));
            let _ = writeln!(out, "replay: expected revenue {before} → {after} {}", one.currency);
        }
        for row in report.advertisers.rows.iter().take(5) {
            let _ = writeln!(
                out,
                "replay: {} {} → {} of the filled slots ({} points)",
                row.id,
                page::percent(row.share.before),
                page::percent(row.share.after),
                page::points(&row.share)
            );
        }
    }
    out
}

pub(super) fn said(found: &Reproduction) -> String {
    let slots = &found.slots;
    let mut text = format!(
        "{} of {} slots of {} recorded decisions are reproduced bit for bit",
        slots.checked - slots.different,
        slots.checked,
        found.decisions
    );
    for id in &slots.examples {
        let _ = write!(text, "\nnot reproduced: {id}");
    }
    if found.without_world > 0 {
        let _ = write!(
            text,
            "\n{} decisions are left out: their world cannot be read",
            found.without_world
        );
    }
    if found.unreadable_places > 0 {
        let _ =
            write!(text, "\n{} places of the decision log cannot be read", found.unreadable_places);
    }
    text
}

/// The estimate of clicks in two sentences.
fn said_of_clicks(clicks: &ClickValue) -> String {
    let logged = page::percent(clicks.logged.value);
    let mut text = format!("clicks: {} of {} decisions, {logged}", clicks.clicks, clicks.decisions);
    match (&clicks.refused, &clicks.relative_lift, &clicks.new) {
        (Some(reason), _, _) => {
            let _ = write!(text, "; no estimate: {reason}");
        }
        (None, Some(lift), Some(new)) => {
            let _ = write!(
                text,
                "; with the new configuration {} ± {}, a lift of {:+.1} ± {:.1} %",
                page::percent(new.value),
                page::percent(new.plus_minus),
                lift.value * 100.0,
                lift.plus_minus * 100.0
            );
        }
        _ => {}
    }
    let _ = write!(
        text,
        " (mean weight {:.3}, largest {:.1}, worth {:.0} decisions, unsupported {})",
        clicks.mean_weight,
        clicks.largest_weight,
        clicks.effective_decisions,
        page::percent(clicks.unsupported)
    );
    text
}

/// Adds a table, unless nothing in it changes.
fn shares(out: &mut String, title: &str, shares: &Shares) {
    if shares.rows.iter().all(|row| row.share.difference.abs() < 0.000_05) {
        return;
    }
    let rows = shares.rows.iter().take(ROWS).map(|row| {
        vec![
            hidden::escape_line(&row.id, &[]).into_owned(),
            page::percent(row.share.before),
            page::percent(row.share.after),
            page::points(&row.share),
        ]
    });
    let rows: Vec<Vec<String>> = rows.collect();
    // Writing to a string does not fail.
    let _ = writeln!(out, "\n{}", table(1, &[title, "before", "after", "points"], &rows));
    let more = shares.rows.len() - rows.len() + shares.omitted;
    if more > 0 {
        let _ = writeln!(out, "{more} more with --json");
    }
}

pub(super) fn render(report: &ReplayReport) -> String {
    if report.decisions == 0 {
        return format!("no decisions of {} to replay\n", page::times(report));
    }
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "{} decisions with {} slots, {}: {:.1} % of the slots would have another flight",
        Thousands(report.decisions),
        Thousands(report.slots),
        page::times(report),
        report.changed * 100.0
    );
    let mut totals = vec![vec![
        "filled slots".to_owned(),
        page::percent(report.fill.before),
        page::percent(report.fill.after),
        page::points(&report.fill),
    ]];
    totals.extend(report.revenue.iter().map(|one| {
        vec![
            format!("expected revenue, {}", one.currency),
            page::amount(one.micros.before),
            page::amount(one.micros.after),
            page::amounts(&one.micros),
        ]
    }));
    let _ = writeln!(out, "\n{}", table(1, &["total", "before", "after", "difference"], &totals));
    shares(&mut out, "advertiser", &report.advertisers);
    shares(&mut out, "campaign", &report.campaigns);
    shares(&mut out, "flight", &report.flights);
    shares(&mut out, "topic", &report.topics);
    shares(&mut out, "region", &report.regions);
    shares(&mut out, "publisher", &report.publishers);
    shares(&mut out, "placement", &report.placements);
    if let Some(clicks) = &report.clicks {
        let _ = writeln!(out, "\n{}", said_of_clicks(clicks));
    }
    for context in report.contexts.iter().take(5) {
        let _ = write!(
            out,
            "\nmost changed: {} on {}: {:.1} of {} slots",
            context.placement, context.topic, context.changed_slots, context.slots
        );
        if let Some(example) = &context.example {
            let flights = example.flights.iter().map(|one| {
                format!("{} {:.1} → {:.1} %", one.flight, one.before * 100.0, one.after * 100.0)
            });
            let flights: Vec<String> = flights.collect();
            let _ =
                write!(out, "; adjacent explain {}: {}", example.decision_id, flights.join(", "));
        }
    }
    for line in &report.needs_confirmation {
        let _ = write!(out, "\nneeds confirmation: {line}");
    }
    if let Some(reproduced) = &report.reproduced {
        let _ = write!(
            out,
            "\n\n{} of {} recorded winners are reproduced bit for bit",
            reproduced.checked - reproduced.different,
            reproduced.checked
        );
    }
    let _ = writeln!(out, "\n\nThis assumes:");
    for line in &report.assumptions {
        let _ = writeln!(out, "- {line}");
    }
    out
}
