//! The content of a publisher's page, from one snapshot of the ledger, so that its numbers agree.

use crate::domain::attribution::Dimension;
use crate::domain::event::NoFill;
use crate::domain::party::Publisher;
use crate::http::public::party_page::Opened;
use crate::http::public::party_page::downloads::Downloads;
use crate::http::public::party_page::figures::{
    amounts, combined, fact, funnel, invalid_events, provisional_after,
};
use crate::http::public::party_page::ledger_snapshot::LedgerSnapshot;
use crate::http::public::party_page::sum::{money_per, share};
use crate::http::public::publisher::{controls, setup, tables};
use crate::http::public::reports::period::Period;
use crate::reporting::report::{Figures, Party, Report, Row};
use crate::web::pages::Link;
use crate::web::pages::publisher::{NoFillRow, PublisherReport};
use crate::web::pages::report_parts::KeyFigure;
use jiff::Timestamp;

/// Everything on the page. Scans the ledger rows of the period.
pub(super) fn numbers(opened: &Opened, own: &Publisher, period: &Period) -> PublisherReport {
    let sources = &opened.sources;
    let id = own.id.as_str();
    let time =
        |at: Timestamp| at.to_zoned(period.zone.rules().clone()).strftime("%F %T").to_string();
    let completeness = sources.reporting.completeness(period.to_ms);
    let directory = sources.world.directory();
    let party = Party::Publisher { id: id.to_owned(), shares: own.revenue_share.clone() };
    let ledger =
        LedgerSnapshot::read(&opened.views, &party, period, &directory, &tables::DIMENSIONS);
    let Report { totals, .. } = ledger.report(&[Dimension::Day]);
    let combined = combined(totals);
    let files = Downloads::new(opened, period, ("publishers", id));
    let app = &sources.app;
    PublisherReport {
        id: id.to_owned(),
        time_zone: period.zone.name().to_owned(),
        at: time(completeness.complete_through),
        provisional_after: provisional_after(
            &completeness,
            period.from_ms,
            sources.app.clock.now(),
        )
        .map(time),
        is_final: completeness.is_final,
        facts: facts(totals, &combined),
        steps: funnel(&combined),
        no_fills: no_fills(&combined),
        unfilled: combined.no_fill.values().sum::<u64>().to_string(),
        sponsors: tables::sponsors(&ledger),
        gaps: tables::gaps(&ledger),
        refused: invalid_events(&combined),
        breakdowns: tables::breakdowns(&ledger),
        blocks: controls::blocks(own, &directory),
        pauses: controls::pauses(own),
        blockable: controls::blockable(&ledger),
        change_calls: controls::change_calls(&app.public_url, own, &ledger),
        embeds: controls::embeds(&sources.embed_reports, own, time),
        setup: setup::setup(app, directory.live().snapshot(), own, &ledger),
        downloads: downloads(&files),
        call: files.call("day,topic", "json"),
    }
}

fn facts(totals: &[Row], combined: &Figures) -> Vec<KeyFigure> {
    let spend = amounts(totals, |figures| figures.spend_micros);
    let revenue = amounts(totals, |figures| figures.revenue_micros.unwrap_or(0));
    let rate = |part, whole, of: &str| match share(part, whole) {
        none if none.is_empty() => String::new(),
        share => format!("{share} of {of}"),
    };
    let Figures { requests, filled, .. } = *combined;
    let (shown, seen) = (combined.impressions.net, combined.viewable.net);
    let clicks = combined.clicks.net;
    let mut facts = vec![
        fact("Revenue", revenue, &format!("your share of {spend} spent")),
        fact("Requests", requests.to_string(), "one per placement of a page view"),
        fact("Filled", filled.to_string(), &rate(filled, requests, "requests")),
        fact("Impressions", shown.to_string(), &rate(shown, filled, "filled")),
        fact("Viewable", seen.to_string(), &rate(seen, shown, "impressions")),
        fact("Clicks", clicks.to_string(), &rate(clicks, shown, "impressions")),
    ];
    if let [Row { currency, figures, .. }] = totals {
        let micros = figures.revenue_micros.unwrap_or(0);
        let each = |count| money_per(micros, 1_000, count, *currency);
        facts.extend(each(shown).map(|each| fact("eCPM", each, "revenue per 1000 impressions")));
    }
    facts
}

/// Requests without a unit by reason, the most frequent first.
fn no_fills(combined: &Figures) -> Vec<NoFillRow> {
    let mut counts: Vec<(NoFill, u64)> =
        combined.no_fill.iter().map(|(reason, count)| (*reason, *count)).collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let row = |(reason, count): (NoFill, u64)| NoFillRow {
        reason: reason.to_string(),
        words: words(reason).to_owned(),
        count: count.to_string(),
        share: share(count, combined.requests),
    };
    counts.into_iter().map(row).collect()
}

/// Why a request got no unit, in one sentence.
fn words(reason: NoFill) -> &'static str {
    match reason {
        NoFill::NoCandidate => {
            "No campaign targets the page, its language and the reader's country."
        }
        NoFill::AllPaced => "Every matching campaign was ahead of its schedule.",
        NoFill::BudgetsSpent => "The budgets of all matching campaigns were spent or reserved.",
        NoFill::SubjectConflict => "The page is about the matching sponsors or their competitors.",
        NoFill::SensitivePage => "The page is sensitive, and no matching campaign accepts that.",
        NoFill::PublisherBlocked => "You block every matching sponsor.",
        NoFill::HouseOnly => "Only house units were allowed, and none matches.",
        NoFill::CommercialOff => "The page allows no commercial content.",
        NoFill::StyleMismatch => "No creative has a style that the placement accepts.",
        NoFill::BelowRelevance => "The matching campaigns were not relevant enough.",
        NoFill::LabelUnavailable => "There is no reviewed label for the reader's region.",
        NoFill::UnknownPlacement => "You have no placement of the requested name.",
        NoFill::Paused => "The site, the path or the topic was paused.",
        NoFill::StaleTooOld => "The server's inventory was too old to serve.",
        NoFill::Overloaded => "The server refused load.",
    }
}

fn downloads(files: &Downloads<'_>) -> Vec<Link> {
    vec![
        files.file("days.csv", "day", "csv", "one row per day"),
        files.file("hours.csv", "hour", "csv", "one row per hour"),
        files.file(
            "sponsors.csv",
            "advertiser,placement,topic",
            "csv",
            "by sponsor, placement and topic; “none” are requests without a unit",
        ),
        files.file("placements.csv", "placement", "csv", "by placement"),
        files.file("topics.csv", "topic,entity,region", "csv", "by topic, entity and country"),
        files.file(
            "report.json",
            "day",
            "json",
            "one row per day, with requests without a unit and invalid events by reason",
        ),
        files.file("gaps.json", "topic,entity", "json", "the same by topic and entity"),
    ]
}
