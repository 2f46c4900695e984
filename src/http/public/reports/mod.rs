//! `GET /v1/reports/{party}/{id}`: JSON, or CSV by `Accept` or `format`.

pub mod access;
pub mod period;

mod table;

use crate::config::keys::Role;
use crate::domain::party::RevenueShare;
use crate::domain::zone::Zone;
use crate::http::Face;
use crate::http::blocking;
use crate::http::caller;
use crate::http::problem::ApiError;
use crate::http::public::explain;
use crate::http::public::reports::period::Period;
use crate::server::Server;
use crate::server::report;
use crate::server::report::Dimension;
use crate::server::report::Party;
use crate::server::report::Query;
use crate::server::report::Row;
use actix_web::HttpRequest;
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::http::header::ContentDisposition;
use actix_web::http::header::HeaderValue;
use actix_web::web::Data;
use actix_web::web::Path;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

/// How long a report waits for what this machine took last.
const BRIEFLY: Duration = Duration::from_millis(500);

/// Parameters of a report.
#[derive(Deserialize)]
pub struct Asked {
    from: Option<String>,
    to: Option<String>,
    by: Option<String>,
    tz: Option<String>,
    campaign: Option<String>,
    flight: Option<String>,
    creative: Option<String>,
    /// What opens an advertiser's page.
    #[serde(default)]
    link: String,
    format: Option<String>,
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

closed! {
    /// How a report is written.
    Format {
        /// Everything, with where it comes from.
        Json = "json",
        /// The rows.
        Csv = "csv",
    }
}

/// `GET /v1/reports/{advertisers|publishers}/{id}`: the party itself, or the operator; an advertiser
/// by the link to its page, too.
pub async fn report(
    face: Data<Face>,
    http: HttpRequest,
    path: Path<(String, String)>,
    asked: actix_web::web::Query<Asked>,
) -> Result<HttpResponse, ApiError> {
    let ((kind, id), asked) = (path.into_inner(), asked.into_inner());
    let (role, party) = match kind.as_str() {
        "advertisers" => (Role::Advertiser, Party::Advertiser(id.clone())),
        "publishers" => {
            (Role::Publisher, Party::Publisher { id: id.clone(), shares: shares(&face, &id) })
        }
        _ => return Err(ApiError::no_route()),
    };
    access::allowed(&face, &http, role, &id, &asked.link)?;
    let accepts_csv =
        || caller::header(&http, "accept").is_some_and(|all| all.contains("text/csv"));
    let format = match asked.format.as_deref() {
        Some(name) => name.parse().map_err(|why: String| ApiError::refused("format", why))?,
        None if accepts_csv() => Format::Csv,
        None => Format::Json,
    };
    up_to_date(&face.server).await;
    let name = format!("adjacent-{id}.csv");
    let reply = blocking(move || reply(&face.server, party, &id, &asked)).await?;
    let mut answer = match format {
        Format::Json => explain::json(&reply),
        Format::Csv => HttpResponse::Ok()
            .content_type("text/csv; charset=utf-8")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header(ContentDisposition::attachment(name))
            .body(table::csv(&reply).map_err(ApiError::internal)?),
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    Ok(answer)
}

/// Puts on record what was asked for until now, so that no report shows more impressions than units
/// served. Goes on when the caller is gone; a disk without room costs these counts a second.
pub async fn up_to_date(server: &Arc<Server>) {
    let (shared, server) = (server, server.clone());
    let noted = actix_web::rt::spawn(async move { server.note_asked().await });
    if let Ok(Err(error)) = noted.await {
        tracing::debug!(%error, "requests are not on record yet");
    }
    // Where machines share a store it comes back from there; a report says how far it goes.
    if let Some(shared) = shared.ledger.shared().filter(|shared| shared.standing().is_up) {
        shared.settles(BRIEFLY).await;
    }
}

/// Until when everything that was received is in the ledger here: now, or where machines share a
/// store, as far as it was read.
pub fn complete_through(server: &Server) -> Timestamp {
    let lag = server.ledger.shared().map_or(Duration::ZERO, |shared| shared.standing().lag);
    let now = server.clock.now();
    now.checked_sub(lag).unwrap_or(now)
}

/// What a publisher gets of what its pages earn.
fn shares(face: &Face, id: &str) -> Vec<RevenueShare> {
    let live = face.server.live();
    let mut publishers = live.snapshot().inventory.publishers.iter();
    let own = publishers.find(|publisher| publisher.id.as_str() == id);
    own.map_or_else(Vec::new, |publisher| publisher.revenue_share.clone())
}

/// The report that a party asked for. Looks at every row of the ledger in those days: not for a
/// thread that serves.
fn reply(server: &Server, party: Party, id: &str, asked: &Asked) -> Result<ReportReply, ApiError> {
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
    let period = Period::asked(asked.from.as_deref(), asked.to.as_deref(), zone, now)?;
    let mut by: Vec<Dimension> = Vec::new();
    for name in asked.by.as_deref().unwrap_or("day").split(',').filter(|name| !name.is_empty()) {
        let dimension = name.trim().parse().map_err(|why: String| ApiError::refused("by", why))?;
        if !by.contains(&dimension) {
            by.push(dimension);
        }
    }
    let query = Query {
        party,
        from_ms: period.from_ms,
        to_ms: period.to_ms,
        by,
        zone: period.zone.clone(),
        campaign: asked.campaign.clone(),
        flight: asked.flight.clone(),
        creative: asked.creative.clone(),
    };
    let (rows, total) = report::report(&server.ledger.views(), &query);
    Ok(ReportReply {
        of: id.to_owned(),
        from: period.from.to_string(),
        to: period.to.to_string(),
        tz: period.zone.name().to_owned(),
        by: query.by,
        rows,
        total,
        generated_at: now.to_string(),
        complete_through: complete_through(server).to_string(),
        is_final: is_final(server, &period, complete_through(server)),
        next: None,
    })
}

/// Whether no event can come any more that changes a report over these days.
pub fn is_final(server: &Server, period: &Period, now: Timestamp) -> bool {
    let windows = server.settings().windows;
    let mut waits = i64::from(windows.click_seconds + windows.orphan_grace_seconds) * 1_000;
    if server.ledger.shared().is_some() {
        // So long it may still lie on a machine that does not reach the store.
        waits += i64::from(server.settings().store.spool_hours) * 3_600_000;
    }
    now.as_millisecond() > period.to_ms + waits
}
