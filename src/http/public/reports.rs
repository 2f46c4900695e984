//! `GET /v1/reports/{party}/{id}`: JSON, or CSV by `Accept`.

use crate::config::keys::Role;
use crate::domain::id::AdvertiserId;
use crate::domain::party::RevenueShare;
use crate::domain::zone::Zone;
use crate::http::Face;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::explain;
use crate::server::report;
use crate::server::report::Dimension;
use crate::server::report::Party;
use crate::server::report::Query;
use crate::server::report::Row;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use actix_web::web::Path;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// Days that a report covers when it is not asked for dates.
const DAYS: i64 = 30;

/// Parameters of a report.
#[derive(Default, Deserialize)]
pub struct Asked {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    tz: Option<String>,
    campaign: Option<String>,
    flight: Option<String>,
    creative: Option<String>,
}

/// A report.
#[derive(Serialize, JsonSchema)]
pub struct ReportReply {
    /// The party's id.
    pub of: String,
    /// The first day.
    pub from: String,
    /// The first day after it.
    pub to: String,
    /// Whose days they are.
    pub tz: String,
    /// What it is broken down by: the keys of each row, in this order.
    pub by: Vec<Dimension>,
    /// The rows.
    pub rows: Vec<Row>,
    /// The same in one row for each currency.
    pub total: Vec<Row>,
    /// When it was made.
    pub generated_at: String,
    /// Every event received until then is in it.
    pub complete_through: String,
    /// No later event can change it.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// The next page; reports have one.
    pub next: Option<String>,
}

/// `GET /v1/reports/{advertisers|publishers}/{id}`: the party itself, or the operator.
pub async fn report(
    face: Data<Face>,
    http: HttpRequest,
    path: Path<(String, String)>,
    asked: actix_web::web::Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    let (kind, id) = path.into_inner();
    let (role, party) = match kind.as_str() {
        "advertisers" => (Role::Advertiser, Party::Advertiser(id.clone())),
        "publishers" => {
            (Role::Publisher, Party::Publisher { id: id.clone(), shares: shares(&face, &id) })
        }
        _ => return Err(ApiError::no_route()),
    };
    let identity = caller::identity(&face, &http)?
        .ok_or_else(|| ApiError::unauthorized("this needs the party's key or an operator's"))?;
    let own = identity.role == role && identity.owner == id;
    if !own && identity.role != Role::Operator {
        return Err(ApiError::forbidden("this key opens another party's reports"));
    }
    let reply = reply(&face, party, &id, &asked)?;
    if caller::header(&http, "accept").is_some_and(|accept| accept.contains("text/csv")) {
        let text = csv(&reply).map_err(ApiError::internal)?;
        return Ok(HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::VARY, "Accept"))
            .body(text));
    }
    let mut answer = explain::json(&reply);
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// What a publisher gets of what its pages earn.
fn shares(face: &Face, id: &str) -> Vec<RevenueShare> {
    let live = face.server.live();
    let mut publishers = live.snapshot().inventory.publishers.iter();
    let own = publishers.find(|publisher| publisher.id.as_str() == id);
    own.map_or_else(Vec::new, |publisher| publisher.revenue_share.clone())
}

/// The report that a party asked for.
pub fn reply(face: &Face, party: Party, id: &str, asked: &Asked) -> Result<ReportReply, ApiError> {
    let server = &face.server;
    let live = server.live();
    let inventory = &live.snapshot().inventory;
    let own_zone = match &party {
        Party::Advertiser(_) => inventory
            .advertisers
            .iter()
            .find(|advertiser| advertiser.id.as_str() == id)
            .map(|advertiser| advertiser.time_zone.clone()),
        Party::Publisher { .. } => {
            inventory.publishers.iter().any(|p| p.id.as_str() == id).then(Zone::utc)
        }
    };
    let own_zone = own_zone
        .ok_or_else(|| ApiError::missing("unknown_party", format!("there is no `{id}`")))?;
    let zone = match &asked.tz {
        None => own_zone,
        Some(name) => Zone::try_from(name.clone())
            .map_err(|error| ApiError::refused("tz", error.to_string()))?,
    };
    let now = server.clock.now();
    let today = now.to_zoned(zone.rules().clone()).date();
    let date = |field: &str, text: &Option<String>, other: jiff::civil::Date| match text {
        None => Ok(other),
        Some(text) => text.parse::<jiff::civil::Date>().map_err(|_| {
            ApiError::refused(field, format!("`{text}` is not a date: write 2026-11-25"))
        }),
    };
    let day = jiff::Span::new().days(1);
    let to = date("to", &asked.to, today.saturating_add(day))?;
    let from = date("from", &asked.from, to.saturating_sub(jiff::Span::new().days(DAYS)))?;
    if from >= to {
        return Err(ApiError::refused("to", "is exclusive and must be after `from`"));
    }
    let moment = |date: jiff::civil::Date| {
        date.to_zoned(zone.rules().clone())
            .map(|zoned| zoned.timestamp().as_millisecond())
            .map_err(|error| ApiError::refused("from", error.to_string()))
    };
    let mut by: Vec<Dimension> = Vec::new();
    for name in asked.by.as_deref().unwrap_or("day").split(',').filter(|name| !name.is_empty()) {
        let dimension = name.trim().parse().map_err(|why: String| ApiError::refused("by", why))?;
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    let query = Query {
        party,
        from_ms: moment(from)?,
        to_ms: moment(to)?,
        by,
        zone,
        campaign: asked.campaign.clone(),
        flight: asked.flight.clone(),
        creative: asked.creative.clone(),
    };
    let (rows, total) = report::report(&server.ledger.views(), &query);
    let windows = server.settings().windows;
    let settled =
        query.to_ms + i64::from(windows.click_seconds + windows.orphan_grace_seconds) * 1_000;
    Ok(ReportReply {
        of: id.to_owned(),
        from: from.to_string(),
        to: to.to_string(),
        tz: query.zone.name().to_owned(),
        by: query.by,
        rows,
        total,
        generated_at: now.to_string(),
        complete_through: now.to_string(),
        is_final: now.as_millisecond() > settled,
        next: None,
    })
}

/// The report of an advertiser, for its page.
pub fn of_advertiser(face: &Face, id: &AdvertiserId, by: &str) -> Result<ReportReply, ApiError> {
    let asked = Asked { by: Some(by.to_owned()), ..Asked::default() };
    reply(face, Party::Advertiser(id.to_string()), id.as_str(), &asked)
}

fn csv(reply: &ReportReply) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let kinds = ["impressions", "viewable", "clicks", "copies"];
    let earns = reply.total.iter().any(|row| row.figures.revenue_micros.is_some());
    let mut head: Vec<String> = reply.by.iter().map(ToString::to_string).collect();
    head.extend(["requests", "filled"].map(str::to_owned));
    for kind in kinds {
        head.extend(["gross", "invalid", "net"].map(|part| format!("{kind}_{part}")));
    }
    head.extend(["pending", "spend_micros", "returned_micros"].map(str::to_owned));
    head.extend(earns.then(|| "revenue_micros".to_owned()));
    head.push("currency".to_owned());
    writer.write_record(&head)?;
    for row in &reply.rows {
        let figures = &row.figures;
        let mut record: Vec<String> = row.keys.iter().map(|key| guarded(key)).collect();
        record.extend([figures.requests, figures.filled].map(|n| n.to_string()));
        for figure in [figures.impressions, figures.viewable, figures.clicks, figures.copies] {
            record.extend([figure.gross, figure.invalid, figure.net].map(|n| n.to_string()));
        }
        record.push(figures.pending.to_string());
        record.extend([figures.spend_micros, figures.returned_micros].map(|n| n.to_string()));
        record.extend(earns.then(|| figures.revenue_micros.unwrap_or(0).to_string()));
        record.push(row.currency.to_string());
        writer.write_record(&record)?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// A text that a spreadsheet will not take for a formula.
fn guarded(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}
