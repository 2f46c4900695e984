//! The content of an advertiser's page, from one snapshot of the ledger, so that its numbers agree.

use crate::domain::attribution::Dimension;
use crate::domain::campaign::Campaign;
use crate::domain::creative::Creative;
use crate::domain::event::EventKind;
use crate::http::public::advertiser::{breakdowns, delivery};
use crate::http::public::party_page::Opened;
use crate::http::public::party_page::downloads::Downloads;
use crate::http::public::party_page::figures::{
    amounts, combined, fact, funnel, invalid_events, provisional_after,
};
use crate::http::public::party_page::ledger_snapshot::LedgerSnapshot;
use crate::http::public::party_page::sum::{money, money_per, share};
use crate::http::public::reports::period::Period;
use crate::reporting::overview::MAX_FLIGHTS;
use crate::reporting::overview::document::AdvertiserOverview;
use crate::reporting::report::{Figures, Party, Report, Row};
use crate::web::pages::Link;
use crate::web::pages::advertiser::{AdvertiserReport, ResponseRow};
use crate::web::pages::report_parts::KeyFigure;
use crate::world::directory::Directory;
use jiff::Timestamp;

/// What clicks and copies are counted by.
const RESPONSES: [Dimension; 2] = [Dimension::Creative, Dimension::Cta];

/// Everything on the page. Scans the ledger rows of the period, and every flight.
pub(super) fn numbers(opened: &Opened, id: &str, period: &Period) -> AdvertiserReport {
    let sources = &opened.sources;
    let files = Downloads::new(opened, period, ("advertisers", id));
    let now = sources.app.clock.now();
    let time =
        |at: Timestamp| at.to_zoned(period.zone.rules().clone()).strftime("%F %T").to_string();
    let completeness = sources.reporting.completeness(period.to_ms);
    let directory = &sources.world.directory();
    let inventory = &directory.live().snapshot().inventory;
    let tables: Vec<[Dimension; 1]> = breakdowns::dimensions().map(|by| [by]).collect();
    let by: Vec<&[Dimension]> = tables.iter().map(<[Dimension; 1]>::as_slice).collect();
    let by = [&by[..], &[&RESPONSES]].concat();
    let party = Party::Advertiser(id.to_owned());
    let ledger = LedgerSnapshot::read(&opened.views, &party, period, directory, &by);
    let Report { rows, totals, .. } = ledger.report(&RESPONSES);
    let combined = combined(totals);
    let overview = sources.reporting.overview_of(id);
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
        provisional_after: provisional_after(&completeness, period.from_ms, now).map(time),
        is_final: completeness.is_final,
        facts: facts(totals, overview.as_ref()),
        steps: funnel(&combined),
        responses: responses(directory, rows, &combined),
        refused: invalid_events(&combined),
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
        downloads: downloads(&files),
        call: files.call("day,topic", "csv"),
    }
}

fn facts(totals: &[Row], overview: Option<&AdvertiserOverview>) -> Vec<KeyFigure> {
    let mut facts = vec![
        fact(
            "Spend",
            amounts(totals, |figures| figures.spend_micros),
            "net of refunds and credits",
        ),
        fact(
            "Refunded",
            amounts(totals, |figures| figures.returned_micros),
            "refunds and credits for invalid traffic",
        ),
    ];
    if let [Row { currency, figures, .. }] = totals {
        let per = |times, count| money_per(figures.spend_micros, times, count, *currency);
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

fn downloads(files: &Downloads<'_>) -> Vec<Link> {
    vec![
        files.file("days.csv", "day", "csv", "one row per day"),
        files.file("hours.csv", "hour", "csv", "one row per hour"),
        files.file("topics.csv", "topic,entity,region", "csv", "by topic, entity and country"),
        files.file("sites.csv", "publisher,placement", "csv", "by site and placement"),
        files.file(
            "creatives.csv",
            "flight,creative,variant,cta",
            "csv",
            "by flight, creative, text variant and call to action",
        ),
        files.file("report.json", "day", "json", "one row per day, with invalid events by reason"),
    ]
}
