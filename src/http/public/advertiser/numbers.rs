//! What an advertiser's page tells, from one copy of the ledger: all its numbers are of one moment.

use crate::domain::event::EventKind;
use crate::domain::id::AdvertiserId;
use crate::domain::inventory::Inventory;
use crate::domain::party::Advertiser;
use crate::http::public::advertiser::books::Books;
use crate::http::public::advertiser::breakdowns;
use crate::http::public::advertiser::sold;
use crate::http::public::advertiser::sum::money;
use crate::http::public::advertiser::sum::share;
use crate::http::public::advertiser::words;
use crate::http::public::reports;
use crate::http::public::reports::period::Period;
use crate::server::Server;
use crate::server::live::Live;
use crate::server::overview::MOST_FLIGHTS;
use crate::server::overview::document::AdvertiserOverview;
use crate::server::report::Dimension;
use crate::server::report::Figure;
use crate::server::report::Figures;
use crate::server::report::Row;
use crate::web::pages::Link;
use crate::web::pages::advertiser::Fact;
use crate::web::pages::advertiser::Numbers;
use crate::web::pages::advertiser::RefusedRow;
use crate::web::pages::advertiser::ResponseRow;
use crate::web::pages::advertiser::StepRow;

/// Who the page is about, if it is known.
pub(super) fn owner<'a>(live: &'a Live, id: &AdvertiserId) -> Option<&'a Advertiser> {
    live.snapshot().inventory.advertisers.iter().find(|owner| owner.id == *id)
}

/// Everything on the page. Looks at the ledger's rows of the period many times, and at every flight.
pub(super) fn numbers(server: &Server, id: &AdvertiserId, period: &Period, link: &str) -> Numbers {
    let now = server.clock.now();
    let live = server.live();
    let inventory = &live.snapshot().inventory;
    let books = Books { views: server.ledger.views(), id, period, inventory };
    let (rows, totals) = books.report(&[Dimension::Creative, Dimension::Cta]);
    let whole = whole(&totals);
    let now_sold = server.overview_of(id.as_str());
    let currency = now_sold.as_ref().map_or_else(String::new, |own| own.currency.to_string());
    let campaigns = now_sold.as_ref().map_or(&[][..], |own| &own.campaigns);
    let flights = campaigns.iter().flat_map(|campaign| &campaign.flights);
    let all_flights = inventory
        .flights
        .iter()
        .filter(|flight| campaigns.iter().any(|campaign| campaign.id == flight.campaign.as_str()));
    Numbers {
        time_zone: period.zone.name().to_owned(),
        at: now.to_zoned(period.zone.rules().clone()).strftime("%F %T").to_string(),
        is_final: reports::is_final(server, period, reports::complete_through(server)),
        facts: facts(&totals, now_sold.as_ref()),
        steps: steps(&whole),
        responses: responses(inventory, &rows, &whole),
        refused: refused(&whole),
        campaigns: campaigns.iter().map(|campaign| sold::campaign(campaign, &currency)).collect(),
        flights: flights.map(|flight| sold::flight(flight, &currency)).collect(),
        flights_left_off: all_flights.count().saturating_sub(MOST_FLIGHTS),
        breakdowns: breakdowns::all(&books),
        downloads: downloads(id, period, link),
        call: format!(
            "curl -H \"Authorization: Bearer $KEY\" \\\n  \"{}{}\"",
            server.public_url,
            address(id, period, "day,topic", "csv", "")
        ),
    }
}

/// Counts of all currencies: only amounts are never added.
fn whole(totals: &[Row]) -> Figures {
    let mut whole = Figures::default();
    let add = |sum: &mut Figure, one: Figure| {
        sum.gross += one.gross;
        sum.invalid += one.invalid;
        sum.net += one.net;
    };
    for Row { figures, .. } in totals {
        whole.filled += figures.filled;
        add(&mut whole.impressions, figures.impressions);
        add(&mut whole.viewable, figures.viewable);
        add(&mut whole.clicks, figures.clicks);
        add(&mut whole.copies, figures.copies);
        for (reason, count) in &figures.refused {
            *whole.refused.entry(*reason).or_default() += count;
        }
    }
    whole
}

fn fact(name: &str, value: String, remark: &str) -> Fact {
    Fact { name: name.to_owned(), value, remark: remark.to_owned() }
}

fn facts(totals: &[Row], sold: Option<&AdvertiserOverview>) -> Vec<Fact> {
    let sum = |micros: fn(&Figures) -> i64| {
        let each = totals.iter().map(|row| money(micros(&row.figures), row.currency));
        let each: Vec<String> = each.collect();
        if each.is_empty() { "0.00".to_owned() } else { each.join(" + ") }
    };
    let mut facts = vec![
        fact("Spent", sum(|figures| figures.spend_micros), "what was given back is taken off"),
        fact("Given back", sum(|figures| figures.returned_micros), "refunds and invalid traffic"),
    ];
    if let [Row { currency, figures, .. }] = totals {
        let per = |times: i64, count: u64| {
            let count = i64::try_from(count).ok().filter(|count| *count > 0)?;
            Some(money(figures.spend_micros.checked_mul(times)? / count, *currency))
        };
        let (shown, clicked) = (figures.impressions.net, figures.clicks.net);
        facts.extend(per(1_000, shown).map(|each| fact("Per 1000 impressions", each, "")));
        facts.extend(per(1, clicked).map(|each| fact("Per click", each, "")));
    }
    if let Some(sold) = sold {
        let held = sold.campaigns.iter().map(|campaign| campaign.held_micros.get()).sum();
        let why = "now, for units whose event is to come";
        facts.push(fact("Held", money(held, sold.currency), why));
        let left: Option<i64> =
            sold.campaigns.iter().map(|campaign| Some(campaign.left_micros?.get())).sum();
        let left = left.map_or_else(|| "no limit".to_owned(), |left| money(left, sold.currency));
        facts.push(fact("Left today", left, "now, what is held not taken off"));
    }
    facts
}

/// Clicks and copies both follow from a unit that was seen.
fn steps(whole: &Figures) -> Vec<StepRow> {
    let shown = whole.impressions.net;
    let step = |name: &str, figure: Figure, before: (&str, u64)| StepRow {
        name: name.to_owned(),
        gross: figure.gross.to_string(),
        invalid: figure.invalid.to_string(),
        net: figure.net.to_string(),
        share: match share(figure.net, before.1) {
            none if none.is_empty() => none,
            share => format!("{share} of {}", before.0),
        },
        of_impressions: share(figure.net, shown),
        net_raw: figure.net,
    };
    let served = StepRow {
        name: "served".to_owned(),
        gross: whole.filled.to_string(),
        net: whole.filled.to_string(),
        net_raw: whole.filled,
        ..StepRow::default()
    };
    let (filled, viewable) = (("served", whole.filled), ("viewable", whole.viewable.net));
    vec![
        served,
        step("impressions", whole.impressions, filled),
        step("viewable", whole.viewable, ("impressions", shown)),
        step("clicks", whole.clicks, viewable),
        step("copies", whole.copies, viewable),
    ]
}

/// Clicks by call to action and copies by command, of each creative, with the text on the unit.
fn responses(inventory: &Inventory, rows: &[Row], whole: &Figures) -> Vec<ResponseRow> {
    let row = |kind: EventKind, creative: &str, text: String, count: u64, all: u64| ResponseRow {
        text,
        kind: kind.to_string(),
        creative: creative.to_owned(),
        count: count.to_string(),
        share: share(count, all),
        count_raw: count,
    };
    let mut found = Vec::new();
    for Row { keys, figures, .. } in rows {
        let (creative, cta) = (&keys[0], &keys[1]);
        let document = inventory.creatives.iter().find(|one| one.id.as_str() == creative);
        let (clicks, copies) = (figures.clicks, figures.copies);
        if clicks.gross > 0 {
            let text = document
                .and_then(|creative| creative.ctas.iter().find(|one| one.id.as_str() == cta))
                .map_or_else(|| cta.clone(), |one| one.text.clone());
            found.push(row(EventKind::Click, creative, text, clicks.net, whole.clicks.net));
        }
        if copies.gross > 0 {
            let text = document.and_then(|creative| Some(creative.command.as_ref()?.text.clone()));
            let text = text.unwrap_or_else(|| "the command".to_owned());
            found.push(row(EventKind::Copy, creative, text, copies.net, whole.copies.net));
        }
    }
    found.sort_by_key(|row| (row.kind.clone(), std::cmp::Reverse(row.count_raw)));
    found
}

fn refused(whole: &Figures) -> Vec<RefusedRow> {
    let figures = [whole.impressions, whole.viewable, whole.clicks, whole.copies];
    let came: u64 = figures.iter().map(|figure| figure.gross).sum();
    let row = |(reason, count): (&crate::domain::event::InvalidReason, &u64)| RefusedRow {
        reason: reason.to_string(),
        words: words::refused(*reason).to_owned(),
        count: count.to_string(),
        share: share(*count, came),
    };
    whole.refused.iter().map(row).collect()
}

fn downloads(id: &AdvertiserId, period: &Period, link: &str) -> Vec<Link> {
    let file = |text: &str, by: &str, format: &str, note: &str| {
        Link::new(text, address(id, period, by, format, link)).noted(note)
    };
    vec![
        file("days.csv", "day", "csv", "a row for each day"),
        file("hours.csv", "hour", "csv", "a row for each hour"),
        file("topics.csv", "topic,entity,region", "csv", "topics, entities and countries together"),
        file("sites.csv", "publisher,placement", "csv", "sites and their placements"),
        file(
            "creatives.csv",
            "flight,creative,variant,cta",
            "csv",
            "flights, creatives, wordings, calls to action",
        ),
        file("report.json", "day", "json", "days, with refusals by reason"),
    ]
}

/// Where a report of the same days is; amounts of it are in micros.
fn address(id: &AdvertiserId, period: &Period, by: &str, format: &str, link: &str) -> String {
    let (from, to) = (period.from, period.to);
    let opened = if link.is_empty() { String::new() } else { format!("&link={link}") };
    format!("/v1/reports/advertisers/{id}?from={from}&to={to}&by={by}&format={format}{opened}")
}
