//! `GET /reports/{id}`: an advertiser's page, by a link that expires.

use crate::domain::id::AdvertiserId;
use crate::domain::money::Balance;
use crate::http::Face;
use crate::http::problem::ApiError;
use crate::http::public::pages;
use crate::http::public::reports;
use crate::http::public::reports::ReportReply;
use crate::server::report::Figure;
use crate::server::report::Figures;
use crate::server::report::Row;
use crate::web::pages::advertiser;
use crate::web::pages::advertiser::AdvertiserView;
use crate::web::pages::advertiser::CtaRow;
use crate::web::pages::advertiser::NumbersRow;
use crate::web::pages::advertiser::RefusedRow;
use crate::web::pages::advertiser::StepRow;
use actix_web::HttpResponse;
use actix_web::web::Data;
use actix_web::web::Path;
use actix_web::web::Query;
use serde::Deserialize;

/// The parameters of the page.
#[derive(Deserialize)]
pub struct Opened {
    #[serde(default)]
    link: String,
}

/// `GET /reports/{id}?link=…`.
pub async fn page(
    face: Data<Face>,
    id: Path<String>,
    opened: Query<Opened>,
) -> Result<HttpResponse, ApiError> {
    let now_ms = face.server.clock.now_ms();
    let expired = || ApiError::unauthorized("this link has expired or was not made for this page");
    let own = face.links.load().verify(&opened.link, now_ms).ok_or_else(expired)?;
    if own.as_str() != id.as_str() {
        return Err(expired());
    }
    Ok(pages::html(text(&face, &own)?))
}

fn text(face: &Face, id: &AdvertiserId) -> Result<String, ApiError> {
    let days = reports::of_advertiser(face, id, "day")?;
    let ctas = reports::of_advertiser(face, id, "creative,cta")?;
    let live = face.server.live();
    let inventory = &live.snapshot().inventory;
    let document = inventory.advertisers.iter().find(|advertiser| advertiser.id == *id);
    let name = document.map_or(id.as_str(), |document| document.name.as_str());
    let total = days.total.first();
    let figures = total.map(|row| row.figures.clone()).unwrap_or_default();
    let spend: Vec<String> =
        days.total.iter().map(|row| money(row.figures.spend_micros, row)).collect();
    let breakdowns = [
        ("By topic", "topic"),
        ("By entity", "entity"),
        ("By country", "region"),
        ("By site", "publisher"),
        ("By creative", "creative"),
    ];
    let breakdowns: Result<Vec<_>, ApiError> = breakdowns
        .into_iter()
        .map(|(heading, by)| {
            let report = reports::of_advertiser(face, id, by)?;
            Ok((heading.to_owned(), report.rows.iter().map(numbers).collect()))
        })
        .collect();
    Ok(advertiser::advertiser(&AdvertiserView {
        name,
        id: id.as_str(),
        from: &days.from,
        to: &days.to,
        time_zone: &days.tz,
        generated_at: &days.generated_at,
        complete_through: &days.complete_through,
        is_final: days.is_final,
        spend: &if spend.is_empty() { "0.00".to_owned() } else { spend.join(" + ") },
        figures: left(face, id),
        steps: steps(&figures),
        ctas: cta_rows(inventory, &ctas),
        refused: figures
            .refused
            .iter()
            .map(|(reason, count)| RefusedRow {
                kind: "all kinds".into(),
                reason: reason.to_string(),
                count: count.to_string(),
            })
            .collect(),
        days: days.rows.iter().map(numbers).collect(),
        breakdowns: breakdowns?,
        downloads: Vec::new(),
        links: &[],
    }))
}

/// What is left of each campaign's budget.
fn left(face: &Face, id: &AdvertiserId) -> Vec<(String, String, String)> {
    let live = face.server.live();
    let now_ms = face.server.clock.now_ms();
    let owner = live.snapshot().inventory.advertisers.iter().find(|owner| owner.id == *id);
    let currency = owner.map_or_else(String::new, |owner| owner.currency.to_string());
    let campaigns = live.snapshot().inventory.campaigns.iter().zip(&live.fixtures.purses);
    campaigns
        .filter(|(campaign, _)| campaign.advertiser == *id)
        .map(|(campaign, purse)| {
            let content = purse.content(now_ms);
            let left = content
                .left
                .map_or_else(|| "no limit".to_owned(), |left| format!("{left} {currency}"));
            let held =
                format!("{} {currency} held by units whose events are still to come", content.held);
            (format!("left of {}", campaign.name), left, held)
        })
        .collect()
}

fn money(micros: i64, row: &Row) -> String {
    format!("{} {}", Balance(micros), row.currency)
}

fn numbers(row: &Row) -> NumbersRow {
    let figures = &row.figures;
    NumbersRow {
        name: row.keys.join(" · "),
        impressions: figures.impressions.net.to_string(),
        viewable: figures.viewable.net.to_string(),
        clicks: figures.clicks.net.to_string(),
        copies: figures.copies.net.to_string(),
        spend: money(figures.spend_micros, row),
        impressions_raw: figures.impressions.net,
    }
}

fn steps(figures: &Figures) -> Vec<StepRow> {
    let rate = |part: u64, whole: u64| match whole {
        0 => String::new(),
        _ => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
    };
    let shown = figures.impressions.net;
    let row = |name: &str, figure: Figure, rate: String| StepRow {
        name: name.to_owned(),
        gross: figure.gross.to_string(),
        invalid: figure.invalid.to_string(),
        net: figure.net.to_string(),
        rate,
        net_raw: figure.net,
    };
    vec![
        row("impressions", figures.impressions, String::new()),
        row("viewable", figures.viewable, rate(figures.viewable.net, shown)),
        row("clicks", figures.clicks, rate(figures.clicks.net, shown)),
        row("copies", figures.copies, rate(figures.copies.net, shown)),
    ]
}

/// Clicks by creative and call to action, with the text that was clicked.
fn cta_rows(inventory: &crate::domain::inventory::Inventory, report: &ReportReply) -> Vec<CtaRow> {
    let clicked = report.rows.iter().filter(|row| row.keys[1] != "none");
    clicked
        .map(|row| {
            let (creative, cta) = (&row.keys[0], &row.keys[1]);
            let document = inventory.creatives.iter().find(|c| c.id.as_str() == creative);
            let text = document
                .and_then(|creative| creative.ctas.iter().find(|one| one.id.as_str() == cta))
                .map_or_else(|| cta.clone(), |one| one.text.clone());
            CtaRow {
                creative: creative.clone(),
                text,
                clicks: row.figures.clicks.net.to_string(),
                clicks_raw: row.figures.clicks.net,
            }
        })
        .collect()
}
