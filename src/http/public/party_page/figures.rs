//! Key figures, the funnel and invalid events: what the pages of advertisers and publishers both show.

use crate::domain::event::InvalidReason;
use crate::http::public::party_page::sum::{money, share};
use crate::reporting::Completeness;
use crate::reporting::report::{Figure, Figures, Row};
use crate::web::pages::report_parts::{FunnelRow, InvalidEventsRow, KeyFigure};
use jiff::{SignedDuration, Timestamp};

/// How old the provisional part must be until a page mentions it: a fleet always has some seconds.
const PROVISIONAL_REMARK_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// The time after which figures are provisional, if that is long enough ago to be worth a remark.
pub(crate) fn provisional_after(
    of: &Completeness,
    from_ms: i64,
    now: Timestamp,
) -> Option<Timestamp> {
    let from = Timestamp::from_millisecond(from_ms).unwrap_or(now);
    let after = of.final_until.unwrap_or(from);
    (of.is_provisional && now.duration_since(after) > PROVISIONAL_REMARK_AFTER).then_some(after)
}

/// Counts summed over all currencies; amounts of different currencies are never added.
pub(crate) fn combined(totals: &[Row]) -> Figures {
    let mut combined = Figures::default();
    let add = |sum: &mut Figure, one: Figure| {
        sum.gross += one.gross;
        sum.invalid += one.invalid;
        sum.net += one.net;
    };
    for Row { figures, .. } in totals {
        combined.requests += figures.requests;
        combined.filled += figures.filled;
        add(&mut combined.impressions, figures.impressions);
        add(&mut combined.viewable, figures.viewable);
        add(&mut combined.clicks, figures.clicks);
        add(&mut combined.copies, figures.copies);
        for (reason, count) in &figures.no_fill {
            *combined.no_fill.entry(*reason).or_default() += count;
        }
        for (reason, count) in &figures.refused {
            *combined.refused.entry(*reason).or_default() += count;
        }
    }
    combined
}

/// A key figure with a remark, which may be empty.
pub(crate) fn fact(name: &str, value: String, remark: &str) -> KeyFigure {
    KeyFigure { name: name.to_owned(), value, remark: remark.to_owned() }
}

/// The sum of an amount over the rows, one per currency: `1.00 EUR + 2.00 USD`.
pub(crate) fn amounts(totals: &[Row], micros: fn(&Figures) -> i64) -> String {
    let each = totals.iter().map(|row| money(micros(&row.figures), row.currency));
    let each: Vec<String> = each.collect();
    if each.is_empty() { "0.00".to_owned() } else { each.join(" + ") }
}

/// The funnel from served to copied; clicks and copies both relate to viewable impressions.
pub(crate) fn funnel(combined: &Figures) -> Vec<FunnelRow> {
    let shown = combined.impressions.net;
    let step = |name: &str, figure: Figure, before: (&str, u64)| FunnelRow {
        name: name.to_owned(),
        gross: figure.gross.to_string(),
        invalid: figure.invalid.to_string(),
        net: figure.net.to_string(),
        share: match share(figure.net, before.1) {
            empty if empty.is_empty() => empty,
            share => format!("{share} of {}", before.0),
        },
        of_impressions: share(figure.net, shown),
        net_raw: figure.net,
    };
    let served = FunnelRow {
        name: "served".to_owned(),
        gross: combined.filled.to_string(),
        net: combined.filled.to_string(),
        net_raw: combined.filled,
        ..FunnelRow::default()
    };
    let (filled, viewable) = (("served", combined.filled), ("viewable", combined.viewable.net));
    vec![
        served,
        step("impressions", combined.impressions, filled),
        step("viewable", combined.viewable, ("impressions", shown)),
        step("clicks", combined.clicks, viewable),
        step("copies", combined.copies, viewable),
    ]
}

/// Invalid events by reason.
pub(crate) fn invalid_events(combined: &Figures) -> Vec<InvalidEventsRow> {
    let figures = [combined.impressions, combined.viewable, combined.clicks, combined.copies];
    let received: u64 = figures.iter().map(|figure| figure.gross).sum();
    let row = |(reason, count): (&InvalidReason, &u64)| InvalidEventsRow {
        reason: reason.to_string(),
        words: invalid_reason(*reason).to_owned(),
        count: count.to_string(),
        share: share(*count, received),
    };
    combined.refused.iter().map(row).collect()
}

/// Why an event is invalid, in one sentence.
fn invalid_reason(reason: InvalidReason) -> &'static str {
    match reason {
        InvalidReason::Forged => "The event token was not issued by this server.",
        InvalidReason::Expired => "The event arrived after its counting window.",
        InvalidReason::Bot => "A declared or detected bot.",
        InvalidReason::Agent => "An AI agent that says so.",
        InvalidReason::Prefetch => "The page was prefetched, not viewed.",
        InvalidReason::RateLimited => "The visitor exceeded the rate limit.",
        InvalidReason::TooFast => {
            "The event followed the impression faster than a human can react."
        }
        InvalidReason::OrphanClick => "A click without an impression.",
        InvalidReason::OutOfRegion => {
            "The event came from a country other than the one the unit was chosen for."
        }
        InvalidReason::WrongOrigin => {
            "The event came from a page that does not belong to the site."
        }
        InvalidReason::OverBudget => "The budget was exhausted: delivered free of charge.",
        InvalidReason::OverGoal => "The goal was reached: delivered free of charge.",
        InvalidReason::Test => "A test by the site.",
        InvalidReason::Paused => "The flight or the site was paused when the event arrived.",
        InvalidReason::Idle => "The unit was requested by a bot or from another site.",
        InvalidReason::Late => "The event arrived too late to check it for duplicates.",
        InvalidReason::Credited => "Counted at first, later found invalid and credited.",
    }
}
