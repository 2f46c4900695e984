//! The content of an advertiser's page, from one snapshot of the ledger, so that its numbers agree.

use crate::domain::attribution::Dimension;
use crate::domain::campaign::Campaign;
use crate::domain::creative::Creative;
use crate::domain::event::EventKind;
use crate::domain::id::AdvertiserId;
use crate::http::public::advertiser::ledger_snapshot::LedgerSnapshot;
use crate::http::public::advertiser::sum::{money, share};
use crate::http::public::advertiser::{breakdowns, delivery, labels};
use crate::http::public::reports::ReportSources;
use crate::http::public::reports::period::Period;
use crate::ledger::views::Views;
use crate::reporting::Completeness;
use crate::reporting::overview::MAX_FLIGHTS;
use crate::reporting::overview::document::AdvertiserOverview;
use crate::reporting::report::{Figure, Figures, Report, Row};
use crate::web::pages::Link;
use crate::web::pages::advertiser::{
    AdvertiserReport, FunnelRow, InvalidEventsRow, KeyFigure, ResponseRow,
};
use crate::world::directory::Directory;
use jiff::{SignedDuration, Timestamp};

/// How old the provisional part must be until the page mentions it: a fleet always has some seconds.
const PROVISIONAL_REMARK_AFTER: SignedDuration = SignedDuration::from_secs(60);

/// What clicks and copies are counted by.
const RESPONSES: [Dimension; 2] = [Dimension::Creative, Dimension::Cta];

/// Everything on the page. Scans the ledger rows of the period, and every flight.
pub(super) fn numbers(
    sources: &ReportSources,
    views: &Views,
    id: &AdvertiserId,
    period: &Period,
    link: &str,
) -> AdvertiserReport {
    let now = sources.app.clock.now();
    let time =
        |at: Timestamp| at.to_zoned(period.zone.rules().clone()).strftime("%F %T").to_string();
    let completeness = sources.reporting.completeness(period.to_ms);
    let directory = &sources.world.directory();
    let inventory = &directory.live().snapshot().inventory;
    let tables: Vec<[Dimension; 1]> = breakdowns::dimensions().map(|by| [by]).collect();
    let by: Vec<&[Dimension]> = tables.iter().map(<[Dimension; 1]>::as_slice).collect();
    let by = [&by[..], &[&RESPONSES]].concat();
    let ledger = LedgerSnapshot::read(views, id, period, directory, &by);
    let Report { rows, totals, .. } = ledger.report(&RESPONSES);
    let combined = combined(totals);
    let overview = sources.reporting.overview_of(id.as_str());
    let currency = overview.as_ref().map_or_else(String::new, |own| own.currency.to_string());
    let campaigns = overview.as_ref().map_or(&[][..], |own| &own.campaigns);
    let flights = campaigns.iter().flat_map(|campaign| &campaign.flights);
    let all_flights = inventory
        .flights
        .iter()
        .filter(|flight| campaigns.iter().any(|campaign| campaign.id == flight.campaign.as_str()));
    AdvertiserReport {
        time_zone: period.zone.name().to_owned(),
        at: time(completeness.complete_through),
        provisional_after: provisional_after(&completeness, period, now).map(time),
        is_final: completeness.is_final,
        facts: facts(totals, overview.as_ref()),
        steps: steps(&combined),
        responses: responses(directory, rows, &combined),
        refused: invalid_rows(&combined),
        campaigns: campaigns
            .iter()
            .map(|one| {
                let is_served = directory.served::<Campaign>(&one.id).is_some();
                delivery::campaign(one, is_served, &currency)
            })
            .collect(),
        flights: flights.map(|flight| delivery::flight(flight, &currency)).collect(),
        flights_left_off: all_flights.count().saturating_sub(MAX_FLIGHTS),
        breakdowns: breakdowns::all(&ledger),
        downloads: downloads(id, period, link),
        call: format!(
            "curl -H \"Authorization: Bearer $KEY\" \\\n  \"{}{}\"",
            sources.app.public_url,
            report_url(id, period, "day,topic", "csv", "")
        ),
    }
}

/// The time after which figures are provisional, if that is long enough ago to be worth a remark.
fn provisional_after(of: &Completeness, period: &Period, now: Timestamp) -> Option<Timestamp> {
    let from = Timestamp::from_millisecond(period.from_ms).unwrap_or(now);
    let after = of.final_until.unwrap_or(from);
    (of.is_provisional && now.duration_since(after) > PROVISIONAL_REMARK_AFTER).then_some(after)
}

/// Counts summed over all currencies; amounts of different currencies are never added.
fn combined(totals: &[Row]) -> Figures {
    let mut combined = Figures::default();
    let add = |sum: &mut Figure, one: Figure| {
        sum.gross += one.gross;
        sum.invalid += one.invalid;
        sum.net += one.net;
    };
    for Row { figures, .. } in totals {
        combined.filled += figures.filled;
        add(&mut combined.impressions, figures.impressions);
        add(&mut combined.viewable, figures.viewable);
        add(&mut combined.clicks, figures.clicks);
        add(&mut combined.copies, figures.copies);
        for (reason, count) in &figures.refused {
            *combined.refused.entry(*reason).or_default() += count;
        }
    }
    combined
}

fn fact(name: &str, value: String, remark: &str) -> KeyFigure {
    KeyFigure { name: name.to_owned(), value, remark: remark.to_owned() }
}

fn facts(totals: &[Row], overview: Option<&AdvertiserOverview>) -> Vec<KeyFigure> {
    let sum = |micros: fn(&Figures) -> i64| {
        let each = totals.iter().map(|row| money(micros(&row.figures), row.currency));
        let each: Vec<String> = each.collect();
        if each.is_empty() { "0.00".to_owned() } else { each.join(" + ") }
    };
    let mut facts = vec![
        fact("Spend", sum(|figures| figures.spend_micros), "net of refunds and credits"),
        fact(
            "Refunded",
            sum(|figures| figures.returned_micros),
            "refunds and credits for invalid traffic",
        ),
    ];
    if let [Row { currency, figures, .. }] = totals {
        let per = |times: i64, count: u64| {
            let count = i64::try_from(count).ok().filter(|count| *count > 0)?;
            Some(money(figures.spend_micros.checked_mul(times)? / count, *currency))
        };
        let (shown, clicked) = (figures.impressions.net, figures.clicks.net);
        facts
            .extend(per(1_000, shown).map(|each| fact("eCPM", each, "spend per 1000 impressions")));
        facts.extend(per(1, clicked).map(|each| fact("eCPC", each, "spend per click")));
    }
    if let Some(overview) = overview {
        let reserved =
            overview.campaigns.iter().map(|campaign| campaign.reserved_micros.get()).sum();
        let note = "now, for decisions whose billable event is still expected";
        facts.push(fact("Reserved", money(reserved, overview.currency), note));
        let left: Option<i64> =
            overview.campaigns.iter().map(|campaign| Some(campaign.left_micros?.get())).sum();
        let left =
            left.map_or_else(|| "no limit".to_owned(), |left| money(left, overview.currency));
        facts.push(fact("Remaining today", left, "now, before reservations"));
    }
    facts
}

/// The funnel; clicks and copies both relate to viewable impressions.
fn steps(combined: &Figures) -> Vec<FunnelRow> {
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

/// Clicks per call to action and copies per command, for each creative, with the text on the unit.
fn responses(directory: &Directory, rows: &[Row], combined: &Figures) -> Vec<ResponseRow> {
    let row = |kind: EventKind, creative: &str, text: String, count: u64, total: u64| ResponseRow {
        text,
        kind: kind.to_string(),
        creative: creative.to_owned(),
        count: count.to_string(),
        share: share(count, total),
        count_raw: count,
    };
    let mut found = Vec::new();
    for Row { keys, figures, .. } in rows {
        let (creative, cta) = (&keys[0], &keys[1]);
        let document = directory.find::<Creative>(creative);
        let (clicks, copies) = (figures.clicks, figures.copies);
        if clicks.gross > 0 {
            let text = document
                .and_then(|creative| creative.ctas.iter().find(|one| one.id.as_str() == cta))
                .map_or_else(|| cta.clone(), |one| one.text.clone());
            found.push(row(EventKind::Click, creative, text, clicks.net, combined.clicks.net));
        }
        if copies.gross > 0 {
            let text = document.and_then(|creative| Some(creative.command.as_ref()?.text.clone()));
            let text = text.unwrap_or_else(|| "the command".to_owned());
            found.push(row(EventKind::Copy, creative, text, copies.net, combined.copies.net));
        }
    }
    found.sort_by_key(|row| (row.kind.clone(), std::cmp::Reverse(row.count_raw)));
    found
}

fn invalid_rows(combined: &Figures) -> Vec<InvalidEventsRow> {
    let figures = [combined.impressions, combined.viewable, combined.clicks, combined.copies];
    let received: u64 = figures.iter().map(|figure| figure.gross).sum();
    let row = |(reason, count): (&crate::domain::event::InvalidReason, &u64)| InvalidEventsRow {
        reason: reason.to_string(),
        words: labels::invalid_reason(*reason).to_owned(),
        count: count.to_string(),
        share: share(*count, received),
    };
    combined.refused.iter().map(row).collect()
}

fn downloads(id: &AdvertiserId, period: &Period, link: &str) -> Vec<Link> {
    let file = |text: &str, by: &str, format: &str, note: &str| {
        Link::new(text, report_url(id, period, by, format, link)).with_note(note)
    };
    vec![
        file("days.csv", "day", "csv", "one row per day"),
        file("hours.csv", "hour", "csv", "one row per hour"),
        file("topics.csv", "topic,entity,region", "csv", "by topic, entity and country"),
        file("sites.csv", "publisher,placement", "csv", "by site and placement"),
        file(
            "creatives.csv",
            "flight,creative,variant,cta",
            "csv",
            "by flight, creative, text variant and call to action",
        ),
        file("report.json", "day", "json", "one row per day, with invalid events by reason"),
    ]
}

/// URL of a report over the same period; its amounts are in micros.
fn report_url(id: &AdvertiserId, period: &Period, by: &str, format: &str, link: &str) -> String {
    let (from, to) = (period.from, period.to);
    let link = if link.is_empty() { String::new() } else { format!("&link={link}") };
    format!("/v1/reports/advertisers/{id}?from={from}&to={to}&by={by}&format={format}{link}")
}
